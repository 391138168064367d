/* What a capture of cpu_hotpaths comes down to, and the sentence made of it. The rules stand in README.md. Pure. [tool], tests. */
#ifndef CPU_HOTPATHS_FACTS_H
#define CPU_HOTPATHS_FACTS_H

#include <medic/words.h>

#include <medic/service/document.h>
#include <medic/service/stacks.h>

/* What a processor did for the program. */
enum work {
    WORK_PROGRAM,    /* its own code, the framework and native libraries on its behalf */
    WORK_GC,         /* garbage collection */
    WORK_JIT,        /* compiling methods */
    WORK_EXCEPTIONS, /* throwing and unwinding */
    WORK_LOCKS,      /* taking locks, spinning for them */
    WORK_SPIN,       /* spin-waits */
    WORK_POOL,       /* thread-pool workers that look for work */
    WORK_RUNTIME,    /* the rest of the runtime: allocation, type checks, loading, interop */
    WORK_MEDIC,      /* the diagnosis itself: not part of what is judged */
    WORK_COUNT
};

/* Whose code ran. */
enum code { CODE_USER, CODE_FRAMEWORK, CODE_GC, CODE_JIT, CODE_RUNTIME, CODE_NATIVE, CODE_UNKNOWN, CODE_COUNT };

/* Where CPU goes: a function of the program and what it called, or a function when none of the program's is on the stack. */
struct site {
    uint32_t function; /* id; 0 = nowhere */
    int user;          /* it is the program's */
    uint64_t weight_ns;
    uint64_t self_ns;         /* in its own instructions */
    struct medic_place place; /* with its hottest line */
    struct medic_place entry; /* what it called that took most */
    uint64_t entry_ns;
    struct medic_place leaf; /* where most of that ended */
    uint64_t leaf_ns;
    struct medic_place caller;
    uint64_t caller_ns;
    uint32_t callers;   /* how many functions of the program call it */
    uint32_t depth;     /* the most often it was on one stack */
    uint64_t repeat_ns; /* on stacks where it is at least three times */
};

struct facts {
    uint64_t span_ns;    /* of the recording */
    uint64_t elapsed_ns; /* between first and last usage record; 0 = there is no usage to compare with */
    uint64_t process_ns; /* CPU time in elapsed_ns, Medic's included */
    uint64_t medic_ns;
    uint32_t processors; /* 0 = not known */
    double busy;         /* processors that the program kept busy, without Medic */
    double short_of;     /* processors that its threads stood ready for and did not get; 0 = none, or not known */

    uint64_t samples, sampled_ns; /* Medic's own included */
    uint64_t base_ns;             /* without: what shares refer to */
    uint64_t work_ns[WORK_COUNT];
    uint64_t code_ns[CODE_COUNT];
    uint64_t late_jit_ns;                         /* in the second half of the recording */
    uint64_t blind_ns;                            /* of samples without a stack */
    uint64_t truncated_ns, broken_ns, unknown_ns; /* unknown: the leaf could not be named */
    uint64_t lost, lost_ns;
    uint64_t threads_missed;
    uint32_t engine; /* MEDIC_ENGINE_AUTO = not known */

    struct site lead, second;    /* of WORK_PROGRAM and WORK_RUNTIME */
    struct site who[WORK_COUNT]; /* the same of each other work */
    const char *module;          /* with most CPU in its own instructions */
    uint64_t module_ns;
    struct medic_place way; /* the deepest function of the program that at least 60 % pass, not lead's */
    uint64_t way_ns;
    const char *thread; /* that used most */
    uint64_t thread_ns;
    uint32_t gc_threads; /* that were seen to collect: more than one = server */
};

#define VERDICT_TEXT 512
#define VERDICT_FINDINGS 5

struct finding {
    char text[VERDICT_TEXT];
    const char *section, *key; /* borrowed; key may be NULL */
};

struct verdict {
    uint32_t severity; /* enum medic_severity */
    char sentence[VERDICT_TEXT];
    struct finding findings[VERDICT_FINDINGS];
    size_t finding_count;
};

void verdict_of(const struct facts *facts, struct verdict *verdict);

#endif
