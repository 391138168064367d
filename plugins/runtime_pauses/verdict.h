/* From facts to one sentence: do pauses explain a latency problem, which kind are they, and what can be done. The rules stand
 * in README.md. Pure. [tool] and tests. */
#ifndef RUNTIME_PAUSES_VERDICT_H
#define RUNTIME_PAUSES_VERDICT_H

#include "analysis.h"

#include <medic/service/document.h>

#define VERDICT_TEXT 640
#define VERDICT_FINDINGS 5

/* Who was seen at the scene. Texts may be NULL; they are borrowed. */
struct witnesses {
    const char *collect_caller;                 /* called GC.Collect most often */
    size_t collect_caller_count, collect_count; /* stacks with it; stacks of induced collections */
    const char *allocator;                      /* triggered most collections by allocating */
    const char *slow_method;                    /* kept the runtime waiting the longest in all */
    const char *slow_caller;                    /* the program's own method that called it, NULL when it is the same */
    const char *slow_thread;
    double slow_share;       /* its part of the waits whose thread was seen, 0..1 */
    size_t slow_methods;     /* how many different ones */
    const char *other_asker; /* asked for most suspensions that are not collections */
};

struct finding {
    char text[VERDICT_TEXT];
    const char *section; /* id */
    const char *key;     /* row key, or NULL */
};

struct verdict {
    uint32_t severity; /* enum medic_severity */
    enum cause cause;  /* CAUSE_COUNT when there is nothing to explain */
    char sentence[VERDICT_TEXT];
    struct finding findings[VERDICT_FINDINGS];
    size_t finding_count;
};

void verdict_of(const struct facts *facts, const struct witnesses *witnesses, struct verdict *verdict);

/* "a reJIT", for sentences and tables. reason: COR_PRF_SUSPEND_REASON. */
const char *suspend_reason_name(uint32_t reason);

#endif
