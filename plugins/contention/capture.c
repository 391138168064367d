/* The capture half on the worker: asks for the events, checks and names the types of locks, and writes the tables. */
#include "capture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FLUSH_EVERY_NS UINT64_C(5000000000)
#define KEYWORD_CONTENTION UINT64_C(0x4000)
#define KEYWORD_WAIT_HANDLE UINT64_C(0x40000000000)

/* --- what is written --- */

/* A wait that goes on belongs to the sums as far as it has come. */
static void write_tick(struct contention *self, uint64_t now)
{
    ct_tick tick = {.time_ns = now, .begun = get64(&self->begun), .ended = get64(&self->ended)};

    tick.waited_ns = get64(&self->ended_ns);
    for (uint32_t i = 0; i < THREADS; i++) {
        struct thread_slot *thread = &self->tables->threads[i];
        uint64_t begin;
        if (!get32(&thread->tid))
            continue;
        begin = atomic_load_explicit(&thread->lock.begin_ns, memory_order_acquire);
        if (!begin || get32(&thread->lock.own))
            continue;
        tick.waiting++;
        tick.waited_ns += now > begin ? now - begin : 0;
    }
    self->records->emit(self->host, CT_TICK, &tick, sizeof tick);
}

static void write_bins(struct contention *self, uint32_t index)
{
    const struct lock_slot *lock = &self->tables->locks[index];

    for (uint32_t first = 0; first < CT_BINS_ALL; first += CT_BINS_RUN) {
        ct_bins bins = {.lock = index, .first = first};
        uint32_t any = 0;
        for (uint32_t i = 0; i < CT_BINS_RUN; i++)
            any |= bins.counts[i] = get32(&lock->bins[first + i]);
        if (any)
            self->records->emit(self->host, CT_BINS, &bins, sizeof bins);
    }
}

static void write_lock(struct contention *self, uint32_t index)
{
    const struct lock_slot *lock = &self->tables->locks[index];
    ct_lock record = {.lock = index,
                      .kind = get32(&lock->kind),
                      .key = get64(&lock->key),
                      .begun = get64(&lock->begun),
                      .ended = get64(&lock->ended),
                      .ended_ns = get64(&lock->ended_ns),
                      .max_ns = get64(&lock->max_ns)};

    if (record.begun + record.ended == self->written[index])
        return;
    self->written[index] = record.begun + record.ended;
    self->records->emit(self->host, CT_LOCK, &record, sizeof record);
    write_bins(self, index);
}

/* The runtime gives its threads' names to Linux too. */
static void write_name(struct contention *self, uint32_t tid)
{
    ct_thread record = {.tid = tid};
    char path[48];
    ssize_t got;
    int file;

    snprintf(path, sizeof path, "/proc/self/task/%u/comm", tid);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return; /* it has ended */
    got = read(file, record.name, sizeof record.name - 1);
    close(file);
    if (got > 0 && record.name[got - 1] == '\n')
        record.name[got - 1] = '\0';
    if (got > 0)
        self->records->emit(self->host, CT_THREAD, &record, sizeof record);
}

static void write_names(struct contention *self)
{
    for (uint32_t i = 0; i < PAIRS; i++) {
        uint64_t key = get64(&self->tables->pairs[i].key);
        if (!key || self->named[i])
            continue;
        self->named[i] = 1;
        write_name(self, (uint32_t)key);
    }
}

static void write_pairs(struct contention *self)
{
    for (uint32_t i = 0; i < PAIRS; i++) {
        const struct pair_slot *pair = &self->tables->pairs[i];
        uint64_t key = get64(&pair->key);
        ct_pair record = {.lock = pair_lock(key),
                          .tid = (uint32_t)key,
                          .waits = get64(&pair->waits),
                          .wait_ns = get64(&pair->wait_ns),
                          .blocked = get64(&pair->blocked),
                          .blocked_ns = get64(&pair->blocked_ns)};
        if (key)
            self->records->emit(self->host, CT_PAIR, &record, sizeof record);
    }
}

static void write_totals(struct contention *self)
{
    ct_totals totals = {.begun = get64(&self->begun),
                        .ended = get64(&self->ended),
                        .ended_ns = get64(&self->ended_ns),
                        .unpaired = get64(&self->unpaired),
                        .unpaired_ns = get64(&self->unpaired_ns),
                        .no_lock_room = get64(&self->no_lock_room),
                        .no_thread_room = get64(&self->no_thread_room),
                        .no_pair_room = get64(&self->no_pair_room),
                        .stacks = get64(&self->stacks_taken),
                        .bad_events = get64(&self->bad_events),
                        .types_unreadable = get32(&self->types_unreadable),
                        .events_state = (uint32_t)self->events->state(self->host),
                        .photographs = self->photographs,
                        .photographs_ns = self->photographs_ns,
                        .other_begun = get64(&self->other_begun),
                        .own = get64(&self->own),
                        .own_ns = get64(&self->own_ns)};

    self->records->emit(self->host, CT_TOTALS, &totals, sizeof totals);
}

/* Those that wait on are charged too. */
static void settle_holders(struct contention *self, uint64_t now)
{
    for (uint32_t i = 1; i <= LOCKS; i++) {
        if (!get64(&self->tables->locks[i].key))
            continue;
        charge_holder(self, i, now);
        pass_on(self, i, 0);
    }
}

static void write_tables(struct contention *self)
{
    for (uint32_t i = 0; i <= LOCKS; i++)
        write_lock(self, i);
    write_pairs(self);
    write_totals(self);
}

/* As far as events tell: now. */
static uint32_t owner_of(const struct contention *self, const struct open_wait *open)
{
    uint32_t lock = get32(&open->lock);

    return lock && get32(&open->kind) == CT_KIND_LOCK ? got_tid(get64(&self->tables->locks[lock].holder))
                                                      : get32(&open->owner);
}

static void write_open(struct contention *self, uint32_t tid, const struct open_wait *open)
{
    ct_open record = {.begin_ns = get64(&open->begin_ns),
                      .number = get64(&open->number),
                      .lock = get32(&open->lock),
                      .tid = tid,
                      .owner = owner_of(self, open),
                      .kind = get32(&open->kind)};

    if (record.begin_ns && !get32(&open->own))
        self->records->emit(self->host, CT_OPEN, &record, sizeof record);
}

/* --- the half --- */

static int drain(void *instance, const medic_record *record)
{
    struct contention *self = instance;
    ct_type type;

    if (record->type == CT_FIRST && record->size >= sizeof(medic_thread_stack))
        return meet_stander(self, record->data) ? MEDIC_DRAIN_KEEP : MEDIC_DRAIN_DROP;
    if (record->type != CT_TYPE || record->size < sizeof type)
        return MEDIC_DRAIN_KEEP;
    memcpy(&type, record->data, sizeof type);
    if (!is_class(self->pid, type.type))
        return MEDIC_DRAIN_DROP;
    self->names->type(self->host, (ClassID)type.type);
    if (is_runtime_type(self, type.type) && is_class(self->pid, type.handle))
        self->names->type(self->host, (ClassID)type.handle);
    return MEDIC_DRAIN_KEEP;
}

static void tick(void *instance, uint64_t now_ns)
{
    struct contention *self = instance;

    write_tick(self, now_ns);
    write_names(self);
    photograph(self, now_ns);
    if (now_ns < self->flush_ns)
        return;
    self->flush_ns = now_ns + FLUSH_EVERY_NS;
    write_tables(self);
}

static void destroy(void *instance)
{
    struct contention *self = instance;

    if (self->tables)
        munmap(self->tables, sizeof *self->tables);
    free(self->written);
    free(self->named);
    free(self->pictured);
    free(self->standers);
    free(self);
}

/* Pages that no thread has touched take no memory. */
static int make_room(struct contention *self)
{
    void *tables = mmap(NULL, sizeof *self->tables, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    self->tables = tables == MAP_FAILED ? NULL : tables;
    self->written = calloc(LOCKS + 1, sizeof *self->written);
    self->named = calloc(PAIRS, sizeof *self->named);
    self->pictured = calloc(LOCKS + 1, sizeof *self->pictured);
    return self->tables && self->written && self->named && self->pictured;
}

static int create(const medic_host *host, void **instance, medic_reason *why)
{
    struct contention *self = calloc(1, sizeof *self);
    const medic_params_service *params = host->service(host, MEDIC_SERVICE_PARAMS);
    int64_t rate = 0;

    if (!self || !make_room(self)) {
        if (self)
            destroy(self);
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for the state of contention");
    }
    self->host = host;
    self->records = host->service(host, MEDIC_SERVICE_RECORDS);
    self->clock = host->service(host, MEDIC_SERVICE_CLOCK);
    self->names = host->service(host, MEDIC_SERVICE_NAMES);
    self->stacks = host->service(host, MEDIC_SERVICE_STACKS);
    self->events = host->service(host, MEDIC_SERVICE_EVENTS);
    self->runtime = host->service(host, MEDIC_SERVICE_RUNTIME);
    self->pid = (uint32_t)getpid();
    if (params->get_int(host, "stacks_per_second", &rate) != MEDIC_OK ||
        params->get_int(host, "photographs", &self->photographs_left) != MEDIC_OK ||
        params->get_bool(host, "handles", &self->handles) != MEDIC_OK) {
        destroy(self);
        return medic_fail(why, MEDIC_E_NOT_FOUND, "the host does not know the parameters of contention");
    }
    self->stack_every_ns = rate > 0 ? UINT64_C(1000000000) / (uint64_t)rate : 0;
    *instance = self;
    return MEDIC_OK;
}

static int start(void *instance, medic_reason *why)
{
    struct contention *self = instance;
    medic_event_provider provider = {"Microsoft-Windows-DotNETRuntime", KEYWORD_CONTENTION, 4, 0};

    self->begin_ns = self->clock->now_ns();
    self->flush_ns = self->begin_ns + FLUSH_EVERY_NS;
    if (self->handles) {
        provider.keywords |= KEYWORD_WAIT_HANDLE;
        provider.level = 5;
    }
    write_tick(self, self->begin_ns);
    return self->events->start(self->host, &provider, 1, why);
}

static int stop(void *instance, medic_reason *why)
{
    struct contention *self = instance;
    uint64_t now = self->clock->now_ns();

    (void)why;
    write_tick(self, now);
    write_standers(self);
    for (uint32_t i = 0; i < THREADS; i++) {
        const struct thread_slot *thread = &self->tables->threads[i];
        uint32_t tid = get32(&thread->tid);
        if (!tid)
            continue;
        write_open(self, tid, &thread->lock);
        write_open(self, tid, &thread->handle);
    }
    settle_holders(self, now);
    write_names(self);
    write_tables(self);
    return MEDIC_OK;
}

const medic_capture contention_capture = {
    .size = sizeof(medic_capture),
    .create = create,
    .start = start,
    .drain = drain,
    .tick = tick,
    .stop = stop,
    .destroy = destroy,
    .callbacks = &contention_callbacks,
};
