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
    TYPE_BURST = 256,
    TYPE_OBJECT_WORDS =
        4, /* of a System.RuntimeType: class, a reference, its cache, and the type that it is for: .NET 8 to 10 */
    SELDOM_RARER = 4,
    EARLY_MOST = 4096 /* records, of waits that began before the recording */
};
#define SELDOM_NS UINT64_C(200000000)
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
    uint64_t words[TYPE_OBJECT_WORDS] = {0};
    int got;

    if ((reads >= TYPE_READS_FIRST && reads % TYPE_READS_STEP) || !object || object % sizeof(uint64_t) || !index ||
        get32(&self->types_unreadable) || !is_due(&self->type_due_ns, now, TYPE_EVERY_NS, TYPE_BURST))
        return;
    got = read_words(self->pid, object, words, TYPE_OBJECT_WORDS);
    if (got == 0)
        got = read_words(self->pid, object, words, 1); /* at the end of the heap */
    if (got < 0)
        put32(&self->types_unreadable, 1);
    type.type = words[0] & ~UINT64_C(7); /* marks of the collector */
    type.handle = words[TYPE_OBJECT_WORDS - 1];
    if (got > 0 && type.type)
        self->records->write(self->host, CT_TYPE, &type, sizeof type);
}

static void write_end(struct contention *self, uint64_t number, uint64_t length_ns)
{
    ct_end end = {.number = number, .wait_ns = length_ns};

    if (number)
        self->records->write(self->host, CT_END, &end, sizeof end);
}

/* The tid of Medic's own thread that starts the events, 0 when they are up. */
static uint32_t own_thread(const struct contention *self)
{
    return medic_events_thread(self->events, self->host);
}

/* --- who holds --- */

void charge_holder(struct contention *self, uint32_t index, uint64_t now)
{
    struct lock_slot *lock = &self->tables->locks[index];
    uint64_t since = get64(&lock->charged_ns), holder, length;
    struct pair_slot *pair;

    do
        if (now <= since)
            return;
    while (!atomic_compare_exchange_weak_explicit(&lock->charged_ns, &since, now, memory_order_relaxed,
                                                  memory_order_relaxed));
    length = (now - since) * get32(&lock->waiting);
    holder = get64(&lock->holder);
    pair = length ? pair_of(self->tables, index, got_tid(holder)) : NULL;
    if (!pair)
        return;
    more64(&pair->blocked_ns, length);
    if (got_number(holder))
        more64(&lock->kept_ns, length);
}

void pass_on(struct contention *self, uint32_t index, uint64_t holder)
{
    struct lock_slot *lock = &self->tables->locks[index];
    uint64_t old = atomic_exchange_explicit(&lock->holder, holder, memory_order_relaxed);
    ct_kept kept = {.number = got_number(old)};

    if (old == holder)
        return;
    put64(&lock->previous, old);
    kept.blocked_ns = atomic_exchange_explicit(&lock->kept_ns, 0, memory_order_relaxed);
    if (kept.number && kept.blocked_ns)
        self->records->write(self->host, CT_KEPT, &kept, sizeof kept);
}

/* The runtime says who holds the lock when somebody begins to wait. Whoever seemed to have got it after that one, and does not
 * hold it, may have given up waiting. */
static void see_holder(struct contention *self, uint32_t index, uint32_t owner, uint32_t tid)
{
    const struct lock_slot *lock = &self->tables->locks[index];
    uint64_t holder = get64(&lock->holder), previous = get64(&lock->previous);

    if (owner && owner != got_tid(holder))
        pass_on(self, index, got_tid(previous) == owner ? previous : pack_got(owner, 0));
    else if (!owner && tid == got_tid(holder))
        pass_on(self, index, 0);
}

/* --- begin --- */

/* Who waits seldom for a lock is not to be missed among those that always do: it may be the one that holds it for long. */
static int may_take_stack(struct contention *self, const struct pair_slot *pair, uint64_t now)
{
    uint64_t every = self->stack_every_ns;

    if (!every)
        return 0;
    return is_due(&self->stack_due_ns, now, every, STACK_BURST) ||
           (pair && now - get64(&pair->stack_ns) >= SELDOM_NS &&
            is_due(&self->seldom_due_ns, now, SELDOM_RARER * every, STACK_BURST));
}

static uint64_t take_stack(struct contention *self, uint32_t index, uint32_t tid, uint32_t owner, uint32_t kind,
                           uint64_t now)
{
    ct_wait wait = {.lock = index, .owner = owner, .kind = kind};
    struct pair_slot *pair = kind == CT_KIND_LOCK ? pair_of(self->tables, index, tid) : NULL;

    if (!may_take_stack(self, pair, now))
        return 0;
    wait.number = atomic_fetch_add_explicit(&self->number, 1, memory_order_relaxed) + 1;
    if (self->stacks->here(self->host, CT_WAIT, &wait, sizeof wait, NULL, 0) != MEDIC_OK)
        return 0;
    if (pair)
        put64(&pair->stack_ns, now);
    more64(&self->stacks_taken, 1);
    return wait.number;
}

static void begin_lock_wait(struct contention *self, uint32_t index, uint32_t tid, uint32_t owner, uint64_t now)
{
    if (!index)
        return; /* many locks, which have not one holder */
    charge_holder(self, index, now);
    see_holder(self, index, owner, tid);
    atomic_fetch_add_explicit(&self->tables->locks[index].waiting, 1, memory_order_relaxed);
}

/* The end of a wait is not told when an exception ended it (Thread.Interrupt). */
static void forget_wait(struct contention *self, const struct open_wait *open)
{
    uint32_t index = get32(&open->lock);

    if (get64(&open->begin_ns) && !get32(&open->own) && index)
        atomic_fetch_sub_explicit(&self->tables->locks[index].waiting, 1, memory_order_relaxed);
}

static void begin_wait(struct contention *self, uint64_t key, uint64_t object, uint32_t owner, uint32_t kind)
{
    uint64_t now = self->clock->now_ns();
    uint32_t tid = self->clock->thread_id(), index = lock_of(self->tables, key, kind);
    struct thread_slot *thread = thread_of(self->tables, tid);
    struct open_wait *open;

    more64(&self->tables->locks[index].begun, 1);
    if (!index)
        more64(&self->no_lock_room, 1);
    if (!thread) {
        more64(&self->no_thread_room, 1);
        return;
    }
    open = kind == CT_KIND_LOCK ? &thread->lock : &thread->handle;
    if (kind == CT_KIND_LOCK) {
        forget_wait(self, open);
        begin_lock_wait(self, index, tid, owner, now);
    }
    put32(&open->lock, index);
    put32(&open->owner, owner);
    put32(&open->kind, kind);
    put32(&open->own, 0);
    put64(&open->number, take_stack(self, index, tid, owner, kind, now));
    atomic_store_explicit(&open->begin_ns, now, memory_order_release);
    if (kind == CT_KIND_LOCK)
        look_at_type(self, index, object, now);
}

/* While an event session starts, the runtime's library holds its list of event sources: that is no trouble of the program. */
static void begin_own(struct contention *self)
{
    struct thread_slot *thread = thread_of(self->tables, self->clock->thread_id());

    if (!thread)
        return;
    put32(&thread->lock.own, 1);
    atomic_store_explicit(&thread->lock.begin_ns, self->clock->now_ns(), memory_order_release);
}

/* --- end --- */

static void count_pairs(struct contention *self, uint32_t index, uint32_t tid, uint32_t owner, uint64_t length)
{
    struct pair_slot *waiter = pair_of(self->tables, index, tid), *holder = pair_of(self->tables, index, owner);

    if (waiter) {
        more64(&waiter->waits, 1);
        more64(&waiter->wait_ns, length);
    }
    if (holder)
        more64(&holder->blocked, 1);
    if (!waiter || (owner && !holder))
        more64(&self->no_pair_room, 1);
}

static void end_lock_wait(struct contention *self, uint32_t index, uint32_t tid, uint64_t number)
{
    if (!index)
        return;
    charge_holder(self, index, self->clock->now_ns());
    atomic_fetch_sub_explicit(&self->tables->locks[index].waiting, 1, memory_order_relaxed);
    pass_on(self, index, pack_got(tid, number));
    if (tid == own_thread(self))
        put64(&self->tables->locks[index].own_ns, self->clock->now_ns());
}

/* Medic's own thread got the lock meanwhile, or waited itself: the wait is taken back. */
static int is_own(const struct contention *self, const struct open_wait *open, uint32_t index, uint32_t tid)
{
    return tid == own_thread(self) || (index && get64(&self->tables->locks[index].own_ns) >= get64(&open->begin_ns));
}

static void count_own(struct contention *self, uint64_t length_ns)
{
    more64(&self->own, 1);
    more64(&self->own_ns, length_ns);
}

/* length_ns: as the runtime measured it. */
static void end_lock(struct contention *self, struct thread_slot *thread, uint64_t length_ns)
{
    struct open_wait *open = &thread->lock;
    uint32_t index = get32(&open->lock), tid = get32(&thread->tid);
    int own;

    if (get32(&open->own)) {
        put32(&open->own, 0);
        put64(&open->begin_ns, 0);
        count_own(self, length_ns);
        return;
    }
    own = is_own(self, open, index, tid);
    end_lock_wait(self, index, tid, own ? 0 : get64(&open->number));
    put64(&open->begin_ns, 0);
    if (own) {
        more64(&self->begun, UINT64_MAX);
        more64(&self->tables->locks[index].begun, UINT64_MAX);
        if (tid != own_thread(self))
            count_own(self, length_ns);
        return;
    }
    count_wait(&self->tables->locks[index], length_ns);
    count_pairs(self, index, tid, get32(&open->owner), length_ns);
    more64(&self->ended, 1);
    more64(&self->ended_ns, length_ns);
    write_end(self, get64(&open->number), length_ns);
}

static void end_handle(struct contention *self, struct thread_slot *thread)
{
    struct open_wait *open = &thread->handle;
    uint64_t begin = get64(&open->begin_ns), now = self->clock->now_ns(), length = now > begin ? now - begin : 0;

    if (!begin)
        return;
    put64(&open->begin_ns, 0);
    count_wait(&self->tables->locks[get32(&open->lock)], length);
    count_pairs(self, get32(&open->lock), get32(&thread->tid), 0, length);
    write_end(self, get64(&open->number), length);
}

/* --- the events --- */

/* u8 flags, u16 clr, pointer lock, pointer object, u64 owner's tid. */
static int lock_wait_begins(struct contention *self, const uint8_t *data, uint32_t size)
{
    uint64_t owner = size >= 27 ? medic_u64_at(data, 19) : 0;
    uint32_t tid = owner <= UINT32_MAX >> 8 ? (uint32_t)owner : 0;

    if (size < 27)
        return 0;
    if (tid && tid == own_thread(self)) {
        begin_own(self);
        return 1;
    }
    more64(&self->begun, 1);
    begin_wait(self, medic_u64_at(data, 3), medic_u64_at(data, 11), tid, CT_KIND_LOCK);
    return 1;
}

/* One that began before the recording is told with what is within it. One that began while the events were coming up is only
 * counted: Medic may be its cause. */
static void end_early(struct contention *self, uint64_t length_ns)
{
    uint64_t now = self->clock->now_ns(), most = now - self->begin_ns;
    ct_early early = {.time_ns = now, .tid = self->clock->thread_id(), .wait_ns = length_ns < most ? length_ns : most};

    if (early.tid == own_thread(self))
        return;
    more64(&self->unpaired_ns, early.wait_ns);
    if (atomic_fetch_add_explicit(&self->unpaired, 1, memory_order_relaxed) < EARLY_MOST && length_ns >= most)
        self->records->write(self->host, CT_EARLY, &early, sizeof early);
}

/* u8 flags, u16 clr, f64 length in ns. */
static int lock_wait_ends(struct contention *self, const uint8_t *data, uint32_t size)
{
    struct thread_slot *thread = thread_of(self->tables, self->clock->thread_id());
    double length = size >= 11 ? medic_f64_at(data, 3) : -1;

    if (!(length >= 0 && length < 1e18))
        return 0;
    if (!thread || !get64(&thread->lock.begin_ns))
        end_early(self, (uint64_t)length);
    else
        end_lock(self, thread, (uint64_t)length);
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
        if (known)
            end_handle(self, known);
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
