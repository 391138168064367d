/* What the callback (wait_events.c) and the worker (capture.c) share. */
#ifndef CONTENTION_CAPTURE_H
#define CONTENTION_CAPTURE_H

#include "contention.h"
#include "tables.h"

/* A thread that did not run when the recording began. */
struct stander {
    uint64_t cpu_ns;
    uint32_t tid;
};

enum { OTHER_TYPES = 64 };

struct contention {
    const medic_host *host;
    const medic_records_service *records;
    const medic_clock_service *clock;
    const medic_names_service *names;
    const medic_stacks_service *stacks;
    const medic_events_service *events;
    const medic_runtime_service *runtime;
    int handles;             /* parameter */
    uint64_t stack_every_ns; /* 0 = no stacks */
    uint64_t begin_ns;
    uint32_t pid;

    _Atomic uint64_t stack_due_ns, seldom_due_ns, type_due_ns; /* when the next one would be due at the steady rate */
    _Atomic uint64_t number;                                   /* of the last ct_wait */
    _Atomic uint64_t begun, ended, ended_ns, unpaired, unpaired_ns, other_begun, own, own_ns;
    _Atomic uint64_t no_lock_room, no_thread_room, no_pair_room, stacks_taken, bad_events;
    _Atomic uint32_t types_unreadable;

    struct tables *tables;
    uint64_t flush_ns; /* worker: when the tables are written next */
    int64_t photographs_left;
    uint64_t photograph_due_ns, photographs, photographs_ns;
    int first_taken;          /* worker: the photograph at the begin was, or was not wanted */
    struct stander *standers; /* worker: threads in it that did not run */
    size_t stander_count, stander_room;
    uint64_t runtime_type;             /* worker: ClassID of System.RuntimeType; 0 = not met */
    uint64_t other_types[OTHER_TYPES]; /* worker: others, by their address */
    uint8_t *named;                    /* worker: threads whose name is written, as pairs */
    uint64_t *written;                 /* worker: counts of each lock when it was written last */
    uint8_t *pictured;                 /* worker: photographs taken for each lock */
};

extern const medic_callbacks contention_callbacks;

/* wait_events.c. Any thread. What was waited for a lock since the last event of it is charged to its holder. */
void charge_holder(struct contention *self, uint32_t lock, uint64_t now);
/* Somebody else holds it; what the last one was charged is written. holder: pack_got. */
void pass_on(struct contention *self, uint32_t lock, uint64_t holder);

/* photographs.c. [worker] */
void photograph(struct contention *self, uint64_t now);
/* A thread of the photograph at the begin, while it is drained. 1 = it is worth keeping. */
int meet_stander(struct contention *self, const medic_thread_stack *thread);
/* At the end: which of them have not run since. */
void write_standers(struct contention *self);

/* class_check.c. [worker] 1 when the address is that of a class of the runtime, as far as memory tells: the runtime itself
 * would trust it blindly. */
int is_class(uint32_t pid, uint64_t address);
/* class_check.c. [worker] The class is System.RuntimeType, whose objects stand for a type. It must be a class. */
int is_runtime_type(struct contention *self, uint64_t type);
/* Copies through the kernel, so that a bad address is no fault. 1 = read, 0 = no such memory, -1 = the kernel refuses to copy.
 * Any thread. */
int read_words(uint32_t pid, uint64_t address, uint64_t *words, uint32_t count);

#endif
