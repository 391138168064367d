/* What the threads are at, and the sentence made of it. The rules stand in README.md. Pure. [tool], tests. */
#ifndef MERGED_STACKS_VERDICT_H
#define MERGED_STACKS_VERDICT_H

#include <medic/words.h>

#include <medic/service/document.h>

enum wait {
    WAIT_NONE,      /* it runs */
    WAIT_UNKNOWN,   /* does not run, and no method says why: mostly a native call */
    WAIT_LOCK,      /* Monitor.Enter, Lock.Enter */
    WAIT_RWLOCK,    /* ReaderWriterLockSlim */
    WAIT_SEMAPHORE, /* SemaphoreSlim */
    WAIT_TASK,      /* Task.Wait, Result, GetResult: sync over async */
    WAIT_PULSE,     /* Monitor.Wait */
    WAIT_EVENT,     /* wait handles, ManualResetEventSlim, Barrier */
    WAIT_QUEUE,     /* BlockingCollection */
    WAIT_JOIN,      /* Thread.Join, Process.WaitForExit */
    WAIT_SLEEP,
    WAIT_SOCKET,
    WAIT_PIPE,
    WAIT_FILE,
    WAIT_CONSOLE,
    WAIT_NATIVE,  /* in a native call */
    WAIT_SERVICE, /* a thread of the runtime or of the framework that has nothing to do */
    WAIT_IDLE,    /* a thread-pool worker without work */
    WAIT_COUNT
};

/* "a lock", for tables. */
const char *wait_name(enum wait wait);
/* Whether the thread belongs to the program and does not run. */
int wait_blocks(enum wait wait);

/* A group as the verdict sees it. */
struct crowd {
    enum wait wait;
    uint32_t count, pool; /* threads; of them pool workers */
    int user;             /* place is the program's own */
    struct medic_place place;
};

#define CROWDS_MAX 8

struct facts {
    uint32_t threads; /* all that were seen */
    uint32_t states[WAIT_COUNT];
    uint32_t pool, pool_blocked, pool_idle; /* thread-pool workers */
    struct crowd crowds[CROWDS_MAX];        /* the largest that block, most threads first */
    uint32_t crowd_count;
    /* A thread that is in the function of the largest crowd that waits for a lock, and does not wait for it. */
    const char *holder; /* its name, "" = none; NULL = there is no such thread */
    uint32_t holder_tid;
    enum wait holder_wait;
    uint32_t inferred; /* WAIT_LOCK without a method that says so: .NET 8 and 9 */
    uint32_t broken;   /* stacks without their root */
    uint32_t missed;   /* threads that could not be looked at */
    int complete;      /* the snapshot was finished */
};

#define VERDICT_TEXT 512
#define VERDICT_FINDINGS 5

struct finding {
    char text[VERDICT_TEXT];
    const char *section;    /* borrowed */
    char key[VERDICT_TEXT]; /* of a row; "" = none */
};

struct verdict {
    uint32_t severity; /* enum medic_severity */
    char sentence[VERDICT_TEXT];
    struct finding findings[VERDICT_FINDINGS];
    size_t finding_count;
};

void verdict_of(const struct facts *facts, struct verdict *verdict);

#endif
