/* The runtime's events about waits, on the thread that waits, some of them while the collector cannot run: no lock, no
 * allocation, no access to the addresses that they carry. */
#include "capture.h"

#include <errno.h>
#include <medic/event_data.h>

enum event_id { LOCK_WAIT_BEGINS = 81, LOCK_WAIT_ENDS = 91, HANDLE_WAIT_BEGINS = 301, HANDLE_WAIT_ENDS = 302 };

enum {
    STACK_BURST = 64,
    TYPE_READS_FIRST = 4, /* of a lock: its object may have moved when it is read, so once is not enough */
    TYPE_READS_STEP = 1024,
    TYPE_BURST = 256
};
#define TYPE_EVERY_NS UINT64_C(500000)

/* A steady rate with a burst: due is when the next one would come if none had been refused. */
static int is_due(_Atomic uint64_t *due_ns, uint64_t now, uint64_t every_ns, uint64_t burst)
{
    uint64_t due = get64(due_ns);

    for (;;) {
        uint64_t from = due + burst * every_ns < now ? now - burst * every_ns : due;
        if (from > now)
            return 0;
        if (atomic_compare_exchange_weak_explicit(due_ns, &due, from + every_ns, memory_order_relaxed,
                                                  memory_order_relaxed))
            return 1;
    }
}

/* The object is alive: somebody waits for its lock. It does not move while the waiting thread raises the event of a lock
 * statement. For others it may: what is read is checked by the worker, and only what is seen repeatedly counts. */
static void look_at_type(struct contention *self, uint32_t index, uint64_t object, uint64_t now)
{
    struct lock_slot *lock = &self->tables->locks[index];
    uint32_t reads = atomic_fetch_add_explicit(&lock->type_reads, 1, memory_order_relaxed);
    ct_type type = {.lock = index};
    int got;

    if ((reads >= TYPE_READS_FIRST && reads % TYPE_READS_STEP) || !object || object % sizeof(uint64_t) || !index ||
        get32(&self->types_unreadable) || !is_due(&self->type_due_ns, now, TYPE_EVERY_NS, TYPE_BURST))
        return;
    got = read_words(self->pid, object, &type.type, 1);
    if (got < 0)
        put32(&self->types_unreadable, 1);
    type.type &= ~UINT64_C(7); /* marks of the collector */
    if (got > 0 && type.type)
        self->records->write(self->host, CT_TYPE, &type, sizeof type);
}

static uint64_t take_stack(struct contention *self, uint32_t index, uint32_t owner, uint32_t kind, uint64_t now)
{
    ct_wait wait = {.lock = index, .owner = owner, .kind = kind};

    if (!self->stack_every_ns || !is_due(&self->stack_due_ns, now, self->stack_every_ns, STACK_BURST))
        return 0;
    wait.number = atomic_fetch_add_explicit(&self->number, 1, memory_order_relaxed) + 1;
    if (owner && index)
        wait.owner_wait = got_by(get64(&self->tables->locks[index].got), owner);
    if (self->stacks->here(self->host, CT_WAIT, &wait, sizeof wait, NULL, 0) != MEDIC_OK)
        return 0;
    more64(&self->stacks_taken, 1);
    return wait.number;
}

static void begin_wait(struct contention *self, uint64_t key, uint64_t object, uint64_t owner, uint32_t kind)
{
    uint64_t now = self->clock->now_ns();
    struct thread_slot *thread = thread_of(self->tables, self->clock->thread_id());
    uint32_t index = lock_of(self->tables, key, kind);
    uint32_t owner_tid = owner <= UINT32_MAX >> 8 ? (uint32_t)owner : 0;
    struct open_wait *open;

    more64(&self->tables->locks[index].begun, 1);
    if (!index)
        more64(&self->no_lock_room, 1);
    if (!thread) {
        more64(&self->no_thread_room, 1);
        return;
    }
    open = kind == CT_KIND_LOCK ? &thread->lock : &thread->handle;
    put32(&open->lock, index);
    put32(&open->owner, owner_tid);
    put32(&open->kind, kind);
    put32(&open->owner_seen, owner_tid && got_by(get64(&self->tables->locks[index].got), owner_tid) != 0);
    put64(&open->number, take_stack(self, index, owner_tid, kind, now));
    atomic_store_explicit(&open->begin_ns, now, memory_order_release);
    if (kind == CT_KIND_LOCK)
        look_at_type(self, index, object, now);
}

static void count_pairs(struct contention *self, uint32_t index, uint32_t tid, uint32_t owner, uint64_t length)
{
    struct pair_slot *waiter = pair_of(self->tables, index, tid), *holder = pair_of(self->tables, index, owner);

    if (waiter) {
        more64(&waiter->waits, 1);
        more64(&waiter->wait_ns, length);
    }
    if (holder) {
        more64(&holder->blocked, 1);
        more64(&holder->blocked_ns, length);
    }
    if (!waiter || (owner && !holder))
        more64(&self->no_pair_room, 1);
}

/* Returns 0 when the thread was not known to wait. length_ns: as the runtime measured it, 0 = it did not. */
static int end_wait(struct contention *self, struct thread_slot *thread, struct open_wait *open, uint64_t length_ns)
{
    uint64_t begin = thread ? get64(&open->begin_ns) : 0, number;
    uint32_t index;

    if (!begin)
        return 0;
    index = get32(&open->lock);
    number = get64(&open->number);
    if (!length_ns) {
        uint64_t now = self->clock->now_ns();
        length_ns = now > begin ? now - begin : 0;
    }
    put64(&open->begin_ns, 0);
    count_wait(&self->tables->locks[index], length_ns);
    count_pairs(self, index, get32(&thread->tid), get32(&open->owner), length_ns);
    if (get32(&open->kind) == CT_KIND_LOCK) {
        more64(&self->ended, 1);
        more64(&self->ended_ns, length_ns);
        put64(&self->tables->locks[index].got, pack_got(get32(&thread->tid), number));
    }
    if (number) {
        ct_end end = {.number = number, .wait_ns = length_ns};
        self->records->write(self->host, CT_END, &end, sizeof end);
    }
    return 1;
}

/* u8 flags, u16 clr, pointer lock, pointer object, u64 owner's tid. */
static int lock_wait_begins(struct contention *self, const uint8_t *data, uint32_t size)
{
    if (size < 27)
        return 0;
    more64(&self->begun, 1);
    begin_wait(self, medic_u64_at(data, 3), medic_u64_at(data, 11), medic_u64_at(data, 19), CT_KIND_LOCK);
    return 1;
}

/* u8 flags, u16 clr, f64 length in ns. A wait that began before the recording counts from its begin. */
static int lock_wait_ends(struct contention *self, const uint8_t *data, uint32_t size)
{
    struct thread_slot *thread = thread_of(self->tables, self->clock->thread_id());
    double length = size >= 11 ? medic_f64_at(data, 3) : -1;

    if (!(length >= 0 && length < 1e18))
        return 0;
    if (!end_wait(self, thread, thread ? &thread->lock : NULL, (uint64_t)length)) {
        uint64_t most = self->clock->now_ns() - self->begin_ns;
        more64(&self->unpaired, 1);
        more64(&self->unpaired_ns, (uint64_t)length < most ? (uint64_t)length : most);
    }
    return 1;
}

/* No address, and no handle. */
static uint64_t other_key(uint32_t kind)
{
    return UINT64_MAX - kind;
}

/* u8 source, pointer object, u16 clr. The address of the object is no key, because it moves. A lock that waits for its own
 * handle is counted as a lock. */
static int handle_wait_begins(struct contention *self, const uint8_t *data, uint32_t size)
{
    struct thread_slot *thread = thread_of(self->tables, self->clock->thread_id());
    uint32_t kind;

    if (size < 11)
        return 0;
    if (thread && (get64(&thread->lock.begin_ns) || get64(&thread->handle.begin_ns)))
        return 1;
    kind = data[0] == 1 ? CT_KIND_MONITOR_WAIT : CT_KIND_WAIT_HANDLE;
    more64(&self->other_begun, 1);
    begin_wait(self, other_key(kind), 0, 0, kind);
    return 1;
}

static HRESULT event_delivered(void *instance, EVENTPIPE_PROVIDER provider, DWORD id, DWORD version,
                               ULONG metadata_size, LPCBYTE metadata, ULONG size, LPCBYTE data, LPCGUID activity,
                               LPCGUID related, ThreadID thread, ULONG frame_count, UINT_PTR *frames)
{
    struct contention *self = instance;
    int error = errno, good = 1;

    (void)provider, (void)version, (void)metadata_size, (void)metadata, (void)activity, (void)related;
    (void)thread, (void)frame_count, (void)frames;
    switch (id) {
    case LOCK_WAIT_BEGINS: good = lock_wait_begins(self, data, size); break;
    case LOCK_WAIT_ENDS: good = lock_wait_ends(self, data, size); break;
    case HANDLE_WAIT_BEGINS: good = handle_wait_begins(self, data, size); break;
    case HANDLE_WAIT_ENDS: {
        struct thread_slot *known = thread_of(self->tables, self->clock->thread_id());
        end_wait(self, known, known ? &known->handle : NULL, 0);
        break;
    }
    default: break;
    }
    if (!good)
        more64(&self->bad_events, 1);
    errno = error;
    return S_OK;
}

const medic_callbacks contention_callbacks = {
    .size = sizeof(medic_callbacks),
    .EventPipeEventDelivered = event_delivered,
};
