/* What the callbacks (capture_thrown.c, trace_event.c) and the worker (capture.c) share. */
#ifndef EXCEPTIONS_CAPTURE_H
#define EXCEPTIONS_CAPTURE_H

#include "exceptions.h"
#include "tally.h"

#include <medic/clr/metadata.h>
#include <medic/sampling.h>

enum { TYPES_ROOM = 2048, ROUTES_ROOM = 8192, THREADS_ROOM = 4096, FLIGHTS = 8 };

/* Offsets in objects, of the runtime at hand. */
struct fields {
    uint32_t stack_trace, message, inner; /* of System.Exception */
    uint32_t length, characters;          /* of System.String */
};

/* An exception between its throw and the catch block. */
struct flight {
    uint64_t type;
    uintptr_t
        stack; /* address in the throwing frame: one that is thrown later by a caller of it has ended this flight */
    uint64_t number;   /* of the sample; 0 = none */
    uint64_t begin_ns; /* 0 = not timed */
    uint64_t begin_cpu_ns;
    uint64_t clock_ns;   /* what reading that clock took */
    uint64_t stands_for; /* of its time */
    uint32_t flags;      /* enum ex_throw_flags */
    uint32_t reserved;
};

/* Of one thread, used by it alone. Nested exceptions (thrown by a filter or a finally block while another one is on its way)
 * lie on top. */
struct thread {
    _Atomic uintptr_t owner; /* pthread_self(); 0 = free. Never given back: a later thread has the same */
    uint32_t depth;
    uint32_t epoch;       /* of last_caught */
    ObjectID last_caught; /* what the catch block that was entered last has got */
    uint64_t until_timed; /* throws from now; 0 = none */
    uint64_t timed_for;   /* for how many that one will stand */
    struct flight flights[FLIGHTS];
};

struct throws {
    const medic_host *host;
    const medic_records_service *records;
    const medic_clock_service *clock;
    const medic_runtime_service *runtime;
    const medic_names_service *names;
    const medic_stacks_service *stacks;
    const medic_events_service *events;
    struct fields fields;
    int cheap, redact;
    uint32_t stacks_per_second, message_length;
    uint64_t turned_ns; /* when the sampler's slice began */
    uint64_t totals_ns; /* when they were written */

    struct tally types;     /* (type, 0) */
    struct tally routes;    /* (type, catcher) */
    struct thread *threads; /* THREADS_ROOM */

    _Alignas(64) struct medic_sampler sampler;
    _Atomic uint64_t samples, samples_full;
    _Alignas(64) _Atomic uint32_t epoch; /* collections so far: addresses of objects hold for one */
    _Atomic uint64_t fresh_missed, propagated_missed, routes_missed, threads_missed, bad_events;
};

/* fields.c [worker] */
/* NULL when there is none. */
IMetaDataImport2 *metadata_of(ICorProfilerInfo12 *info, ModuleID module);
int fields_find(ICorProfilerInfo12 *info, struct fields *fields, medic_reason *why);

/* clauses.c [worker] */
enum { CLAUSES_MAX = 64 };

/* Of a method's IL, in its code: what is guarded, and by what. */
struct clause {
    uint32_t kind, begin, size, handler, handler_size;
    uint32_t type; /* token */
};

/* Number of clauses, inner ones first; 0 = the body has none that can be read. */
uint32_t clauses_read(const uint8_t *body, uint32_t size, struct clause *clauses, const uint8_t **code,
                      uint32_t *code_size);
int clause_is_empty(const struct clause *clause, const uint8_t *code, uint32_t code_size);
/* Writes an EX_CATCHER, when the runtime tells. In drain. */
void describe_catcher(struct throws *self, const ex_route *route);

/* capture_thrown.c [runtime] */
extern const medic_callbacks exceptions_callbacks;
/* For how many throws this one stands with its stack, 0 = it gets none. Early ones of a type do, for themselves. */
uint64_t stands_for(struct throws *self, int early);
/* Counts one throw; TALLY_NONE when there is no room. *early: few of its type have got a stack so far. */
int32_t count_throw(struct throws *self, uint64_t type, int propagated, int *early);
/* Counts a sample of the entry's type as taken, or as lost. */
void note_sample(struct throws *self, int32_t entry, uint32_t flags, int code);
uint32_t shard_of_thread(void);

/* trace_event.c [runtime] */
HRESULT trace_event(void *self, EVENTPIPE_PROVIDER provider, DWORD id, DWORD version, ULONG metadata_size,
                    LPCBYTE metadata, ULONG size, LPCBYTE data, LPCGUID activity, LPCGUID related, ThreadID thread,
                    ULONG frame_count, UINT_PTR *frames);

#endif
