/* What events do not tell: who waited before they came, and what a holder does that never waits itself. A photograph of all threads
 * stops the program for a moment. [worker] */
#include "capture.h"

#include <stdlib.h>
#include <time.h>

/* --- who waited before --- */

static uint64_t cpu_of(uint32_t tid)
{
    struct timespec time;

    if (clock_gettime((clockid_t)(~tid << 3 | 6u), &time) != 0) /* as the kernel names the clock of a thread */
        return UINT64_MAX;
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

static int grow(struct contention *self)
{
    size_t room = self->stander_room ? 2 * self->stander_room : 64;
    struct stander *standers = realloc(self->standers, room * sizeof *standers);

    if (!standers)
        return 0;
    self->standers = standers;
    self->stander_room = room;
    return 1;
}

/* One whose wait was seen to begin is known. */
int meet_stander(struct contention *self, const medic_thread_stack *thread)
{
    const struct thread_slot *known = thread_of(self->tables, thread->head.os_id);

    if (!thread->head.stack || thread->state != 'S' || (known && get64(&known->lock.begin_ns)) ||
        (self->stander_count == self->stander_room && !grow(self)))
        return 0;
    self->standers[self->stander_count++] = (struct stander){thread->cpu_ns, thread->head.os_id};
    return 1;
}

void write_standers(struct contention *self)
{
    for (size_t i = 0; i < self->stander_count; i++) {
        ct_stood stood = {.tid = self->standers[i].tid};
        if (self->standers[i].cpu_ns && cpu_of(stood.tid) == self->standers[i].cpu_ns)
            self->records->emit(self->host, CT_STOOD, &stood, sizeof stood);
    }
}

/* --- who holds --- */

/* A lock that is always waited for must not take the photographs of all others. */
enum { CANDIDATES = 256, PHOTOGRAPHS_OF_A_LOCK = 2 };
#define PHOTOGRAPH_EVERY_NS UINT64_C(1000000000)
#define WORTH_A_PHOTOGRAPH_NS UINT64_C(20000000)
#define COSTLY_NS UINT64_C(200000000) /* of a lock; then shorter waits, of threads that give up, are worth one too */
#define COSTLY_WAIT_NS UINT64_C(1000000)

struct candidate {
    const struct open_wait *open;
    uint64_t begin_ns, holder;
    uint32_t lock;
};

static int is_worth_a_photograph(struct contention *self, const struct candidate *candidate, uint64_t now)
{
    const struct lock_slot *lock = &self->tables->locks[candidate->lock];
    uint64_t least = get64(&lock->ended_ns) >= COSTLY_NS ? COSTLY_WAIT_NS : WORTH_A_PHOTOGRAPH_NS;

    return now > candidate->begin_ns && now - candidate->begin_ns >= least && !got_number(candidate->holder) &&
           self->pictured[candidate->lock] < PHOTOGRAPHS_OF_A_LOCK;
}

/* Waits for a lock whose holder is known. Returns how many; *longest: of those that are long, and of which it is not known
 * where their holder got the lock; NULL = none. */
static uint32_t find_candidates(struct contention *self, uint64_t now, struct candidate *list,
                                const struct candidate **longest)
{
    uint32_t count = 0;

    *longest = NULL;
    for (uint32_t i = 0; i < THREADS && count < CANDIDATES; i++) {
        const struct open_wait *open = &self->tables->threads[i].lock;
        uint64_t begin = atomic_load_explicit(&open->begin_ns, memory_order_acquire), holder;
        uint32_t lock = get32(&open->lock);
        if (!begin || get32(&open->own))
            continue;
        holder = get64(&self->tables->locks[lock].holder);
        if (!got_tid(holder))
            continue;
        list[count] = (struct candidate){open, begin, holder, lock};
        if (is_worth_a_photograph(self, &list[count], now) && (!*longest || begin < (*longest)->begin_ns))
            *longest = &list[count];
        count++;
    }
    return count;
}

/* Who waits for the lock itself has let go of it. */
static int still_holds(struct contention *self, const struct candidate *candidate)
{
    const struct thread_slot *holder = thread_of(self->tables, got_tid(candidate->holder));

    return get64(&candidate->open->begin_ns) == candidate->begin_ns &&
           got_tid(get64(&self->tables->locks[candidate->lock].holder)) == got_tid(candidate->holder) &&
           !(holder && get64(&holder->lock.begin_ns) && get32(&holder->lock.lock) == candidate->lock);
}

static int take(struct contention *self, uint32_t type)
{
    medic_snapshot snapshot = {.size = sizeof snapshot};
    medic_reason why = {""};

    self->photographs_left--;
    if (self->stacks->snapshot(self->host, type, 0, &snapshot, &why) != MEDIC_OK)
        return 0; /* told by the number of photographs */
    self->photographs++;
    self->photographs_ns += snapshot.pause_ns;
    return 1;
}

/* What a holder does can be seen in a photograph of all threads only: a look at one takes a suspension as well. So it is
 * taken when a wait has been long, and when nothing else tells. */
static void photograph_holders(struct contention *self, uint64_t now)
{
    struct candidate list[CANDIDATES];
    const struct candidate *longest;
    uint32_t count = find_candidates(self, now, list, &longest);

    if (!longest)
        return;
    self->pictured[longest->lock]++;
    self->photograph_due_ns = now + PHOTOGRAPH_EVERY_NS;
    if (!take(self, CT_STACK))
        return;
    for (uint32_t i = 0; i < count; i++) {
        ct_held held = {.wait_ns = now > list[i].begin_ns ? now - list[i].begin_ns : 0,
                        .number = get64(&list[i].open->number),
                        .lock = list[i].lock,
                        .owner = got_tid(list[i].holder)};
        if (still_holds(self, &list[i]))
            self->records->emit(self->host, CT_HELD, &held, sizeof held);
    }
}

/* From when events come, each wait that begins is told; who waits already is in the first photograph. */
void photograph(struct contention *self, uint64_t now)
{
    if (self->photographs_left <= 0 || self->events->state(self->host) != MEDIC_EVENTS_ON)
        return;
    if (!self->first_taken) {
        self->first_taken = 1;
        take(self, CT_FIRST);
    } else if (now >= self->photograph_due_ns) {
        photograph_holders(self, now);
    }
}
