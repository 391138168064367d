/* contention: tables and events with made-up payloads, and the report half with a made-up recording. */
#include "report_host.h"

#include "plugins/contention/capture.h"
#include "plugins/contention/recording.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

/* --- bins --- */

static void every_length_has_its_bin(void **state)
{
    (void)state;
    for (uint32_t i = 1; i < CT_BINS_ALL; i++) {
        assert_int_equal(ct_bin_of(ct_bin_begin(i)), i);
        assert_int_equal(ct_bin_of(ct_bin_begin(i) - 1), i - 1);
    }
    assert_int_equal(ct_bin_of(0), 0);
    assert_int_equal(ct_bin_of(UINT64_MAX), CT_BINS_ALL - 1);
}

static void quantiles_lie_in_their_bins(void **state)
{
    uint64_t bins[CT_BINS_ALL] = {0};

    (void)state;
    assert_int_equal(quantile(bins, 0, 0.5), 0);
    bins[ct_bin_of(5 * MS)] = 98;
    bins[ct_bin_of(900 * MS)] = 2;
    assert_in_range(quantile(bins, 950 * MS, 0.50), 4 * MS, 6 * MS);
    assert_in_range(quantile(bins, 950 * MS, 0.99), 700 * MS, 950 * MS);
    assert_in_range(quantile(bins, 901 * MS, 1.0), 700 * MS, 901 * MS);
}

/* --- tables --- */

static struct tables *new_tables(void)
{
    void *tables = mmap(NULL, sizeof(struct tables), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(tables != MAP_FAILED);
    return tables;
}

static void *count_many(void *tables)
{
    for (uint64_t i = 0; i < 20000; i++)
        count_wait(&((struct tables *)tables)->locks[lock_of(tables, 4096 + i % 7 * 8, CT_KIND_LOCK)], i);
    return NULL;
}

static void no_count_is_lost_between_threads(void **state)
{
    struct tables *tables = new_tables();
    pthread_t threads[4];
    uint64_t ended = 0, bins = 0, locks = 0;

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, tables), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i <= LOCKS; i++) {
        ended += get64(&tables->locks[i].ended);
        locks += get64(&tables->locks[i].key) != 0;
        for (uint32_t bin = 0; bin < CT_BINS_ALL; bin++)
            bins += get32(&tables->locks[i].bins[bin]);
    }
    assert_int_equal(ended, 80000);
    assert_int_equal(bins, 80000);
    assert_int_equal(locks, 7);
    munmap(tables, sizeof *tables);
}

static void a_full_table_counts_on_in_one_place(void **state)
{
    struct tables *tables = new_tables();
    uint32_t without = 0;

    (void)state;
    for (uint64_t i = 1; i <= 3 * LOCKS; i++)
        without += lock_of(tables, i * 16, CT_KIND_LOCK) == 0;
    assert_true(without >= 2 * LOCKS);
    assert_int_equal(lock_of(tables, 0, CT_KIND_LOCK), 0);
    assert_null(thread_of(tables, 0));
    munmap(tables, sizeof *tables);
}

static void owners_are_known_by_the_wait_that_got_the_lock(void **state)
{
    (void)state;
    assert_int_equal(got_tid(pack_got(4194303, 77)), 4194303);
    assert_int_equal(got_number(pack_got(4194303, 77)), 77);
    assert_int_equal(pair_lock((uint64_t)(5 + 1) << 32 | 4711), 5);
}

/* --- classes --- */

static void only_what_looks_like_a_class_is_one(void **state)
{
    uint64_t structure[4] = {0}, table[6] = {0}, shared[6] = {0};
    uint32_t pid = (uint32_t)getpid();

    (void)state;
    table[5] = (uint64_t)(uintptr_t)structure;
    assert_false(is_class(pid, (uint64_t)(uintptr_t)table));
    structure[2] = (uint64_t)(uintptr_t)table;
    assert_true(is_class(pid, (uint64_t)(uintptr_t)table));
    shared[5] = (uint64_t)(uintptr_t)table | 1;
    assert_true(is_class(pid, (uint64_t)(uintptr_t)shared));
    table[5] |= 1;
    assert_false(is_class(pid, (uint64_t)(uintptr_t)shared));
    assert_false(is_class(pid, 8));
    assert_false(is_class(pid, UINT64_MAX - 7));
    assert_false(is_class(pid, (uint64_t)(uintptr_t)table + 1));
}

/* --- events, between a host that writes down --- */

static struct {
    uint64_t now, stacks, types, ends, earlies;
    uint32_t tid, own;
    ct_wait last;
    ct_end last_end;
    ct_kept last_kept;
} seen;

static uint64_t clock_now(void)
{
    return seen.now;
}

static uint32_t clock_tid(void)
{
    return seen.tid;
}

static int take_here(const medic_host *host, uint32_t type, const void *head, uint32_t size, const void *tail,
                     uint32_t tail_size)
{
    (void)host, (void)tail, (void)tail_size;
    assert_int_equal(type, CT_WAIT);
    assert_int_equal(size, sizeof seen.last);
    memcpy(&seen.last, head, size);
    seen.stacks++;
    return MEDIC_OK;
}

static int take_record(const medic_host *host, uint32_t type, const void *data, uint32_t size)
{
    (void)host;
    seen.types += type == CT_TYPE;
    seen.ends += type == CT_END;
    seen.earlies += type == CT_EARLY;
    if (type == CT_KEPT && size == sizeof seen.last_kept)
        memcpy(&seen.last_kept, data, size);
    if (type == CT_END && size == sizeof seen.last_end)
        memcpy(&seen.last_end, data, size);
    return MEDIC_OK;
}

static uint32_t own_tid(const medic_host *host)
{
    (void)host;
    return seen.own;
}

static struct contention *new_contention(void)
{
    static const medic_events_service events = {.size = sizeof events, .thread = own_tid};
    static const medic_clock_service clock = {sizeof clock, 0, clock_now, NULL, clock_tid};
    static const medic_records_service records = {.size = sizeof records, .write = take_record};
    static const medic_stacks_service stacks = {.size = sizeof stacks, .here = take_here};
    static struct contention self;

    memset(&seen, 0, sizeof seen);
    seen.now = 1000 * MS;
    self = (struct contention){.clock = &clock,
                               .records = &records,
                               .stacks = &stacks,
                               .events = &events,
                               .stack_every_ns = 2 * MS,
                               .begin_ns = 900 * MS,
                               .pid = (uint32_t)getpid(),
                               .tables = new_tables()};
    return &self;
}

static void deliver(struct contention *self, uint32_t tid, uint32_t id, const void *data, uint32_t size)
{
    seen.tid = tid;
    contention_callbacks.EventPipeEventDelivered(self, 0, id, 2, 0, NULL, size, data, NULL, NULL, 0, 0, NULL);
}

static void begins(struct contention *self, uint32_t tid, uint64_t lock, const void *object, uint64_t owner)
{
    uint8_t data[27] = {0};
    uint64_t address = (uint64_t)(uintptr_t)object;

    memcpy(data + 3, &lock, 8);
    memcpy(data + 11, &address, 8);
    memcpy(data + 19, &owner, 8);
    deliver(self, tid, 81, data, sizeof data);
}

static void ends(struct contention *self, uint32_t tid, double ns)
{
    uint8_t data[11] = {0};

    memcpy(data + 3, &ns, 8);
    deliver(self, tid, 91, data, sizeof data);
}

static void waits_are_paired_by_thread(void **state)
{
    struct contention *self = new_contention();
    uint64_t object = 0x1000;
    uint32_t lock;

    (void)state;
    begins(self, 11, 0xabc0, &object, 12);
    begins(self, 13, 0xabc0, &object, 12);
    seen.now += 4 * MS;
    ends(self, 13, 3e6);
    ends(self, 11, 5e6);
    lock = lock_of(self->tables, 0xabc0, CT_KIND_LOCK);
    assert_int_equal(get64(&self->tables->locks[lock].begun), 2);
    assert_int_equal(get64(&self->tables->locks[lock].ended_ns), 8 * MS);
    assert_int_equal(get64(&self->tables->locks[lock].max_ns), 5 * MS);
    assert_int_equal(get64(&pair_of(self->tables, lock, 12)->blocked), 2);
    assert_int_equal(get64(&pair_of(self->tables, lock, 12)->blocked_ns), 8 * MS);
    assert_int_equal(get64(&pair_of(self->tables, lock, 11)->wait_ns), 5 * MS);
    assert_int_equal(seen.stacks, 2);
    assert_int_equal(seen.types, 2);
    assert_int_equal(seen.last_end.wait_ns, 5 * MS);
    munmap(self->tables, sizeof *self->tables);
}

static uint64_t blocked_by(struct contention *self, uint64_t key, uint32_t tid)
{
    return get64(&pair_of(self->tables, lock_of(self->tables, key, CT_KIND_LOCK), tid)->blocked_ns);
}

static void waiting_is_charged_to_who_holds_the_lock_meanwhile(void **state)
{
    struct contention *self = new_contention();
    uint64_t object = 0x1000;

    (void)state;
    begins(self, 11, 0xabc0, &object, 12);
    begins(self, 13, 0xabc0, &object, 12);
    seen.now += 1 * MS;
    ends(self, 11, 1e6); /* 11 has it now, by the first wait */
    seen.now += 400 * MS;
    begins(self, 12, 0xabc0, &object, 11);
    seen.now += 10 * MS;
    ends(self, 13, 411e6);
    assert_int_equal(blocked_by(self, 0xabc0, 12), 2 * MS);
    assert_int_equal(blocked_by(self, 0xabc0, 11), 420 * MS);
    assert_int_equal(seen.last_kept.number, 1);
    assert_int_equal(seen.last_kept.blocked_ns, 420 * MS);
    munmap(self->tables, sizeof *self->tables);
}

static void who_gives_up_waiting_is_not_the_holder_for_long(void **state)
{
    struct contention *self = new_contention();
    uint64_t object = 0x1000;

    (void)state;
    begins(self, 12, 0xabc0, &object, 11);
    ends(self, 12, 1e3); /* 12 has it, by wait 1 */
    begins(self, 13, 0xabc0, &object, 12);
    seen.now += 20 * MS;
    ends(self, 13, 20e6); /* gives up */
    begins(self, 13, 0xabc0, &object, 12);
    seen.now += 40 * MS;
    ends(self, 13, 40e6);
    assert_int_equal(seen.last_kept.number, 1);
    assert_int_equal(seen.last_kept.blocked_ns, 40 * MS);
    assert_int_equal(blocked_by(self, 0xabc0, 12), 60 * MS);
    munmap(self->tables, sizeof *self->tables);
}

static void a_thread_that_waits_seldom_gets_a_stack_all_the_same(void **state)
{
    struct contention *self = new_contention();
    uint64_t object = 0, stacks;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        begins(self, 21, 0xdef0, &object, 0);
        ends(self, 21, 1000);
    }
    stacks = seen.stacks;
    begins(self, 22, 0xdef0, &object, 0);
    assert_int_equal(seen.stacks, stacks + 1);
    munmap(self->tables, sizeof *self->tables);
}

static void a_wait_whose_end_was_not_told_is_charged_no_longer(void **state)
{
    struct contention *self = new_contention();
    uint64_t object = 0x1000;

    (void)state;
    begins(self, 11, 0xabc0, &object, 12);
    seen.now += 1 * MS;
    begins(self, 11, 0xdef0, &object, 12);
    assert_int_equal(get32(&self->tables->locks[lock_of(self->tables, 0xabc0, CT_KIND_LOCK)].waiting), 0);
    munmap(self->tables, sizeof *self->tables);
}

static void what_waits_for_medic_itself_is_told_apart(void **state)
{
    struct contention *self = new_contention();
    uint64_t object = 0x1000;

    (void)state;
    seen.own = 77;
    begins(self, 11, 0xabc0, &object, 77);
    seen.now += 250 * MS;
    ends(self, 11, 250e6);
    begins(self, 12, 0xabc0, &object, 13);
    begins(self, 77, 0xabc0, &object, 13);
    seen.now += 5 * MS;
    ends(self, 77, 5e6);
    seen.own = 0;
    ends(self, 12, 30e6);
    assert_int_equal(get64(&self->own), 2);
    assert_int_equal(get64(&self->own_ns), 280 * MS);
    assert_int_equal(get64(&self->unpaired), 0);
    munmap(self->tables, sizeof *self->tables);
}

static void a_wait_that_began_before_is_told_apart(void **state)
{
    struct contention *self = new_contention();

    (void)state;
    ends(self, 11, 4e9);
    assert_int_equal(get64(&self->unpaired), 1);
    assert_int_equal(get64(&self->unpaired_ns), 100 * MS);
    assert_int_equal(get64(&self->ended), 0);
    assert_int_equal(seen.earlies, 1);
    ends(self, 12, 1e6); /* began while the events came up */
    assert_int_equal(get64(&self->unpaired), 2);
    assert_int_equal(seen.earlies, 1);
    munmap(self->tables, sizeof *self->tables);
}

static void strange_events_are_counted(void **state)
{
    struct contention *self = new_contention();
    double bad = -1;
    uint8_t data[11] = {0};

    (void)state;
    deliver(self, 1, 81, data, 11);
    deliver(self, 1, 91, data, 4);
    memcpy(data + 3, &bad, 8);
    deliver(self, 1, 91, data, 11);
    deliver(self, 1, 301, data, 3);
    deliver(self, 1, 4711, data, 0);
    deliver(self, 1, 302, data, 0);
    assert_int_equal(get64(&self->bad_events), 4);
    begins(self, 2, 0xabc0, (const void *)(uintptr_t)0x10, UINT64_MAX); /* no such memory, no such thread */
    assert_int_equal(seen.types, 0);
    assert_int_equal(seen.last.owner, 0);
    munmap(self->tables, sizeof *self->tables);
}

static void the_rate_of_stacks_is_kept_and_counts_are_not_touched(void **state)
{
    struct contention *self = new_contention();
    uint64_t object = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        seen.now += 10000;
        begins(self, 21, 0xdef0, &object, 0);
        ends(self, 21, 1000);
    }
    assert_in_range(seen.stacks, 50 + 60, 50 + 70); /* 100 ms, one each 2 ms, and the burst */
    assert_int_equal(get64(&self->ended), 10000);
    munmap(self->tables, sizeof *self->tables);
}

static void a_lock_that_waits_for_its_own_handle_is_one_wait(void **state)
{
    struct contention *self = new_contention();
    uint8_t data[11] = {0};
    uint64_t object = 0;

    (void)state;
    begins(self, 31, 0xdef0, &object, 0);
    deliver(self, 31, 301, data, sizeof data);
    deliver(self, 31, 302, data, 2);
    ends(self, 31, 2e6);
    assert_int_equal(get64(&self->other_begun), 0);
    deliver(self, 31, 301, data, sizeof data);
    seen.now += 7 * MS;
    deliver(self, 31, 302, data, 2);
    assert_int_equal(get64(&self->other_begun), 1);
    assert_int_equal(get64(&self->tables->locks[lock_of(self->tables, UINT64_MAX - 3, 3)].ended_ns), 7 * MS);
    munmap(self->tables, sizeof *self->tables);
}

/* --- the report --- */

static const medic_name_record *type_name(const medic_host *host, uint32_t kind, uint64_t id, const char **text)
{
    static const medic_name_record name = {.kind = MEDIC_NAME_TYPE};

    (void)host;
    assert_int_equal(kind, MEDIC_NAME_TYPE);
    *text = id == 0x100 ? "System.Object" : id == 0x200 ? "Orders.Account" : id == 0x300 ? "System.RuntimeType" : NULL;
    return *text ? &name : NULL;
}

static int get_long(const medic_host *host, const char *key, uint64_t *ns)
{
    (void)host;
    *ns = 100 * MS;
    return strcmp(key, "long_wait") == 0 ? MEDIC_OK : MEDIC_E_NOT_FOUND;
}

static int get_handles(const medic_host *host, const char *key, int *value)
{
    (void)host;
    *value = made.runtime_major < 9;
    return strcmp(key, "handles") == 0 ? MEDIC_OK : MEDIC_E_NOT_FOUND;
}

static const void *more_services(const char *name)
{
    static const medic_params_service params = {
        .size = sizeof params, .get_duration = get_long, .get_bool = get_handles};
    static medic_capture_service capture;

    if (strcmp(name, MEDIC_SERVICE_PARAMS) == 0)
        return &params;
    if (strcmp(name, MEDIC_SERVICE_CAPTURE) != 0)
        return NULL;
    capture = (medic_capture_service){.size = sizeof capture,
                                      .header = made_header,
                                      .next = made_next,
                                      .rewind = made_rewind,
                                      .name = type_name,
                                      .thread = made_managed_thread,
                                      .span = made_span,
                                      .end_reason = made_end_reason,
                                      .lost = made_lost};
    return &capture;
}

static uint32_t enter, leave, get, refresh, sleeping, booking;

static int begin(void **state)
{
    (void)state;
    host_reset();
    made.more = more_services;
    enter = framework_frame("System.Threading.Monitor.Enter");
    leave = framework_frame("System.Threading.Monitor.Exit");
    sleeping = framework_frame("System.Threading.Thread.Sleep");
    get = user_frame("Orders.Cache.Get", "/src/Cache.cs", 41);
    refresh = user_frame("Orders.Cache.Refresh", "/src/Cache.cs", 77);
    booking = user_frame("Orders.Account.Book", "/src/Account.cs", 5);
    return 0;
}

static void a_type(uint32_t lock, uint64_t type)
{
    ct_type record = {.lock = lock, .type = type};

    host_record(CT_TYPE, &record, sizeof record);
}

static void a_lock(uint32_t lock, uint64_t waits, uint64_t all_ns, uint64_t max_ns)
{
    ct_lock record = {lock, CT_KIND_LOCK, 0x10000 + lock, waits, waits, all_ns, max_ns};
    ct_bins bins = {.lock = lock};

    host_record(CT_LOCK, &record, sizeof record);
    bins.first = ct_bin_of(all_ns / waits) / CT_BINS_RUN * CT_BINS_RUN;
    bins.counts[ct_bin_of(all_ns / waits) - bins.first] = (uint32_t)waits;
    host_record(CT_BINS, &bins, sizeof bins);
}

static void a_pair(uint32_t lock, uint32_t tid, uint64_t waits, uint64_t wait_ns, uint64_t blocked_ns)
{
    ct_pair record = {lock, tid, waits, wait_ns, blocked_ns != 0, blocked_ns};

    host_record(CT_PAIR, &record, sizeof record);
}

/* kept_ns: what others waited after it had got the lock. */
static void a_wait(uint64_t number, uint32_t tid, uint32_t lock, uint32_t site, uint64_t wait_ns, uint64_t kept_ns)
{
    ct_wait record = {.number = number, .lock = lock, .kind = CT_KIND_LOCK};
    ct_end end = {number, wait_ns};
    ct_kept kept = {number, kept_ns};

    record.head = (medic_stack_head){host_stack(site, enter, 0), made.begin + number, tid, 0};
    host_record(CT_WAIT, &record, sizeof record);
    host_record(CT_END, &end, sizeof end);
    if (kept_ns)
        host_record(CT_KEPT, &kept, sizeof kept);
}

static void render(void)
{
    host_render(&contention_report);
}

static void no_wait_is_healthy(void **state)
{
    (void)state;
    render();
    assert_int_equal(made.severity, MEDIC_HEALTHY);
    assert_text_has(made.verdict,
                    "No thread began to wait for a lock in 10 s; semaphores and reader-writer locks were not watched");
}

static void in_net_8_there_are_no_handles(void **state)
{
    (void)state;
    made.runtime_major = 8;
    render();
    assert_text_has(made.text, ".NET 9 and later do");
}

static void rare_waits_are_healthy(void **state)
{
    (void)state;
    a_type(1, 0x100);
    a_lock(1, 10, 20 * MS, 4 * MS);
    a_pair(1, 40, 10, 20 * MS, 0);
    render();
    assert_int_equal(made.severity, MEDIC_HEALTHY);
    assert_text_has(made.verdict, "10 waits took 20 ms of 10 s × 1 thread");
}

static void the_lock_its_site_and_its_holder_are_named(void **state)
{
    (void)state;
    a_type(1, 0x100);
    a_type(1, 0x999); /* read once from a place that the object had left */
    a_type(1, 0x100);
    a_lock(1, 400, 16000 * MS, 90 * MS);
    for (uint32_t tid = 40; tid < 44; tid++)
        a_pair(1, tid, 100, 4000 * MS, 0);
    a_pair(1, 50, 0, 0, 16000 * MS);
    host_thread(50, "refresher", 0);
    a_wait(1, 50, 1, refresh, 0, 90 * MS);
    a_wait(2, 40, 1, get, 45 * MS, 0);
    a_wait(3, 40, 1, get, 45 * MS, 0);
    render();
    assert_int_equal(made.severity, MEDIC_CRITICAL);
    assert_text_has(made.verdict,
                    "Threads waited 16 s of 10 s × 4 threads (40 %) for locks: one System.Object, locked in "
                    "Orders.Cache.Get (Cache.cs:41); meanwhile it is held in Orders.Cache.Refresh "
                    "(Cache.cs:77), mostly by thread refresher (50).");
    assert_text_has(made.text, "section locks");
    assert_text_has(made.text, "section holders");
    assert_text_has(made.text, "row Orders.Cache.Get; System.Object; 1.000; 16000000000; 2; Cache.cs:41;");
}

/* Waited for in Cache.Get; the stack is that of the holder. */
static void a_photographed_lock(uint64_t holder)
{
    medic_thread_stack stack = {.thread = 1};
    ct_held held = {.wait_ns = 30 * MS, .lock = 1, .owner = 50};

    a_type(1, 0x100);
    a_lock(1, 400, 16000 * MS, 90 * MS);
    a_pair(1, 40, 400, 16000 * MS, 0);
    a_pair(1, 50, 0, 0, 16000 * MS);
    a_wait(1, 40, 1, get, 40 * MS, 0);
    stack.head = (medic_stack_head){holder, made.begin, 50, 0};
    host_record(CT_STACK, &stack, sizeof stack);
    host_record(CT_HELD, &held, sizeof held);
}

/* Two sides take turns: each waits while the other one holds. */
static void the_holder_belongs_to_the_site_that_is_told(void **state)
{
    (void)state;
    a_type(1, 0x200);
    a_lock(1, 200, 9000 * MS, 90 * MS);
    a_pair(1, 40, 100, 4600 * MS, 4400 * MS);
    a_pair(1, 41, 100, 4400 * MS, 4600 * MS);
    a_wait(1, 40, 1, refresh, 46 * MS, 44 * MS);
    a_wait(2, 41, 1, booking, 44 * MS, 46 * MS);
    render();
    assert_text_has(made.verdict,
                    "locked in Orders.Cache.Refresh (Cache.cs:77); meanwhile it is held in Orders.Account.Book "
                    "(Account.cs:5).");
}

/* Readers hold it often, and for a moment; the one that holds it long is seen seldom. */
static void a_holder_is_weighed_by_what_others_wait_for_it(void **state)
{
    (void)state;
    a_type(1, 0x200);
    a_lock(1, 1030, 12000 * MS, 400 * MS);
    for (uint32_t tid = 40; tid < 43; tid++)
        a_pair(1, tid, 340, 3900 * MS, 300 * MS);
    a_pair(1, 50, 10, 300 * MS, 11100 * MS);
    for (uint32_t i = 1; i < 30; i++)
        a_wait(i, 40 + i % 3, 1, get, 30 * MS, 10 * MS);
    a_wait(30, 50, 1, refresh, 30 * MS, 100 * MS);
    render();
    assert_text_has(made.verdict, "locked in Orders.Cache.Get (Cache.cs:41); meanwhile it is held in "
                                  "Orders.Cache.Refresh (Cache.cs:77), mostly by thread 50");
}

static void a_lock_without_one_holder_says_so(void **state)
{
    (void)state;
    a_type(1, 0x200);
    a_lock(1, 300, 9000 * MS, 90 * MS);
    for (uint32_t tid = 40; tid < 43; tid++)
        a_pair(1, tid, 100, 3000 * MS, 3000 * MS);
    a_wait(1, 40, 1, booking, 10 * MS, 10 * MS);
    a_wait(2, 41, 1, booking, 10 * MS, 10 * MS);
    a_wait(3, 42, 1, refresh, 5 * MS, 10 * MS);
    render();
    assert_text_has(made.verdict, "(50 % of the waiting)");
}

static void a_photograph_says_what_the_holder_does(void **state)
{
    (void)state;
    a_photographed_lock(host_stack(refresh, sleeping, 0));
    render();
    assert_text_has(made.verdict,
                    "its holder is in Orders.Cache.Refresh (Cache.cs:77), busy in System.Threading.Thread.Sleep");
    assert_text_has(made.text, "section photographs");
}

static void a_photograph_of_the_last_moment_shows_no_holder(void **state)
{
    medic_thread_stack stack = {.thread = 1};
    ct_held held = {.wait_ns = 30 * MS, .number = 1, .lock = 1, .owner = 50};

    (void)state;
    a_photographed_lock(host_stack(refresh, sleeping, 0));
    stack.head = (medic_stack_head){host_stack(booking, 0), made.begin + 39 * MS, 50, 0};
    host_record(CT_STACK, &stack, sizeof stack);
    host_record(CT_HELD, &held, sizeof held);
    render();
    assert_text_has(made.verdict, "its holder is in Orders.Cache.Refresh (Cache.cs:77)");
    assert_null(strstr(made.text, "Orders.Account.Book"));
}

static void a_holder_that_calls_others_is_told_with_its_caller(void **state)
{
    (void)state;
    a_photographed_lock(host_stack(booking, refresh, sleeping, 0));
    render();
    assert_text_has(made.verdict, "its holder is in Orders.Cache.Refresh (Cache.cs:77)");
    assert_text_has(made.text, "Cache.cs:77; Orders.Account.Book (Account.cs:5);");
}

static void a_holder_in_a_method_that_waits_too_holds_it_there(void **state)
{
    (void)state;
    a_photographed_lock(host_stack(booking, get, refresh, sleeping, 0));
    render();
    assert_text_has(made.verdict, "it is held in the same method, busy in System.Threading.Thread.Sleep");
    assert_text_has(made.text, "row Orders.Cache.Get; System.Threading.Thread.Sleep;");
}

static void a_holder_that_lets_go_is_busy_with_nothing(void **state)
{
    (void)state;
    a_photographed_lock(host_stack(refresh, leave, 0));
    render();
    assert_text_has(made.verdict, "its holder is in Orders.Cache.Refresh (Cache.cs:77), mostly thread 50.");
}

static void several_threads_that_hold_in_turns_are_not_named(void **state)
{
    (void)state;
    a_type(1, 0x200);
    a_lock(1, 300, 9000 * MS, 90 * MS);
    for (uint32_t tid = 40; tid < 43; tid++)
        a_pair(1, tid, 100, 3000 * MS, 3000 * MS);
    a_wait(1, 40, 1, booking, 10 * MS, 0);
    render();
    assert_null(strstr(made.verdict, "by thread"));
    assert_text_has(made.text, "row Orders.Account; Orders.Account.Book; 1; 3; -; several;");
}

static void locks_of_one_type_are_one_row(void **state)
{
    (void)state;
    for (uint32_t lock = 1; lock <= 30; lock++) {
        a_type(lock, 0x200);
        a_lock(lock, 10, 100 * MS, 20 * MS);
        a_pair(lock, 40, 10, 100 * MS, 0);
    }
    a_wait(1, 40, 7, booking, 10 * MS, 0);
    render();
    assert_text_has(made.verdict, "30 Orders.Account objects, locked in Orders.Account.Book (Account.cs:5)");
    assert_text_has(made.text, "row Orders.Account; Orders.Account.Book; 1.000; 3000000000; 300;");
}

static void a_wait_that_does_not_end_is_told_with_its_age(void **state)
{
    ct_open open = {.begin_ns = made.begin + 2000 * MS, .lock = 1, .tid = 40, .owner = 50, .kind = CT_KIND_LOCK};
    ct_lock lock = {1, CT_KIND_LOCK, 0x1000, 1, 0, 0, 0};

    (void)state;
    a_type(1, 0x200);
    host_record(CT_LOCK, &lock, sizeof lock);
    host_record(CT_OPEN, &open, sizeof open);
    render();
    assert_true(made.severity >= MEDIC_WARNING);
    assert_text_has(made.text, "still waiting when the recording ended, the longest for 8.0 s");
    assert_text_has(made.text, "section waiting");
    assert_text_has(made.text, "40; 8000000000; Orders.Account; -; 50;");
}

static void locks_of_types_are_told_apart(void **state)
{
    ct_type type = {.type = 0x300, .handle = 0x200, .lock = 1};

    (void)state;
    host_record(CT_TYPE, &type, sizeof type);
    type = (ct_type){.type = 0x300, .handle = 0x999, .lock = 2};
    host_record(CT_TYPE, &type, sizeof type);
    for (uint32_t lock = 1; lock <= 2; lock++) {
        a_lock(lock, 10, lock * 1000 * MS, 200 * MS);
        a_pair(lock, 40, 10, lock * 1000 * MS, 0);
        a_wait(lock, 40, lock, lock == 1 ? get : refresh, 100 * MS, 0);
    }
    render();
    assert_text_has(made.text, "row typeof(Orders.Account); Orders.Cache.Get;");
    assert_text_has(made.text, "row System.RuntimeType; Orders.Cache.Refresh;");
}

static void the_library_that_locks_is_named(void **state)
{
    (void)state;
    enter = framework_frame("System.Threading.SemaphoreSlim.Wait");
    a_type(1, 0x200);
    a_lock(1, 100, 9000 * MS, 90 * MS);
    a_pair(1, 40, 100, 9000 * MS, 0);
    a_wait(1, 40, 1, get, 90 * MS, 0);
    render();
    assert_text_has(made.verdict, "locked in Orders.Cache.Get (Cache.cs:41) by System.Threading.SemaphoreSlim.Wait");
}

static void waits_that_give_up_are_mentioned(void **state)
{
    (void)state;
    enter = framework_frame("System.Threading.Monitor.TryEnter_Slowpath");
    a_type(1, 0x200);
    a_lock(1, 100, 9000 * MS, 90 * MS);
    a_pair(1, 40, 100, 9000 * MS, 0);
    a_wait(1, 40, 1, get, 90 * MS, 0);
    render();
    assert_text_has(made.text, "The waits in Orders.Cache.Get have a timeout (TryEnter)");
}

static void threads_that_wait_for_each_other_are_a_deadlock(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        ct_open open = {made.begin + 2000 * MS, 0, i + 1, 40 + i, 40 + (i + 1) % 3, CT_KIND_LOCK};
        ct_lock lock = {i + 1, CT_KIND_LOCK, 0x1000 + i, 1, 0, 0, 0};
        host_record(CT_LOCK, &lock, sizeof lock);
        host_record(CT_OPEN, &open, sizeof open);
    }
    render();
    assert_int_equal(made.severity, MEDIC_CRITICAL);
    assert_text_has(made.text,
                    "Deadlock: each of 3 threads waits for a lock that the next one holds: 40, 41, 42; none");
}

static void a_thread_at_the_begin(uint32_t tid, uint64_t stack, int stands)
{
    medic_thread_stack first = {.head = {stack, made.begin, tid, 0}, .thread = tid, .state = 'S'};
    ct_stood stood = {.tid = tid};

    host_record(CT_FIRST, &first, sizeof first);
    if (stands)
        host_record(CT_STOOD, &stood, sizeof stood);
}

static void threads_that_waited_before_are_not_healthy(void **state)
{
    (void)state;
    for (uint32_t tid = 60; tid < 63; tid++)
        a_thread_at_the_begin(tid, host_stack(booking, enter, 0), 1);
    a_thread_at_the_begin(63, host_stack(refresh, sleeping, 0), 1);
    a_thread_at_the_begin(64, host_stack(get, enter, 0), 0);
    render();
    assert_int_equal(made.severity, MEDIC_CRITICAL);
    assert_text_has(made.verdict, "Threads waited 30 s of 10 s × 3 threads (100 %) for locks: what was held before the "
                                  "recording began, locked in Orders.Account.Book (Account.cs:5)");
    assert_text_has(made.text, "3 threads stood there before the recording began");
    assert_text_has(made.text, "section waiting");
}

static void threads_that_wait_for_reader_writer_locks_are_mentioned(void **state)
{
    uint32_t reading = framework_frame("System.Threading.ReaderWriterLockSlim.TryEnterReadLockCore");

    (void)state;
    for (uint32_t tid = 60; tid < 63; tid++)
        a_thread_at_the_begin(tid, host_stack(booking, reading, sleeping, 0), 0);
    render();
    assert_int_equal(made.severity, MEDIC_NOTICE);
    assert_text_has(made.verdict,
                    "3 threads waited for reader-writer locks at the begin: watch these with --set handles=yes");
}

static void without_a_frame_of_the_lock_it_is_only_likely(void **state)
{
    (void)state;
    made.runtime_major = 8;
    a_thread_at_the_begin(60, host_stack(booking, 0), 1);
    render();
    assert_int_equal(made.severity, MEDIC_NOTICE);
    assert_text_has(made.text, "it may be a call of native code or Monitor.Wait as well");
}

static void a_wait_from_before_counts_with_what_is_within(void **state)
{
    ct_early early = {.time_ns = made.begin + 4000 * MS, .wait_ns = 4000 * MS, .tid = 60};

    (void)state;
    a_thread_at_the_begin(60, host_stack(booking, enter, 0), 0);
    host_record(CT_EARLY, &early, sizeof early);
    early.tid = 61; /* without a stack */
    host_record(CT_EARLY, &early, sizeof early);
    render();
    assert_text_has(made.verdict, "Threads waited 8.0 s of 10 s × 2 threads");
    assert_text_has(made.text, "row Orders.Account.Book; (unknown type); 1.000; 8000000000; 1; Account.cs:5;");
}

static void a_capture_that_was_cut_anywhere_still_gives_a_report(void **state)
{
    the_lock_its_site_and_its_holder_are_named(state);
    for (size_t count = 0; count < made.record_count; count++) {
        made.end_reason = MEDIC_END_NONE;
        host_render_some(&contention_report, count);
    }
}

static void short_and_strange_records_are_survived(void **state)
{
    ct_lock lock = {UINT32_MAX, 9, 0, 1, 1, UINT64_MAX, UINT64_MAX};
    ct_bins bins = {.lock = 1, .first = CT_BINS_ALL};
    ct_open open = {.begin_ns = UINT64_MAX, .lock = UINT32_MAX, .tid = 0, .kind = CT_KIND_LOCK};
    ct_tick tick = {.time_ns = UINT64_MAX, .begun = 1, .waited_ns = UINT64_MAX};
    ct_wait wait = {.number = UINT64_MAX, .lock = UINT32_MAX, .kind = CT_KIND_LOCK};
    ct_held held = {.lock = UINT32_MAX};
    ct_early early = {.wait_ns = UINT64_MAX};
    ct_kept kept = {UINT64_MAX, UINT64_MAX};
    medic_thread_stack first = {.thread = 1};
    ct_stood stood = {0};

    (void)state;
    for (uint32_t type = CT_WAIT; type <= CT_EARLY + 3; type++)
        host_record(type, &type, sizeof type);
    host_record(CT_LOCK, &lock, sizeof lock);
    host_record(CT_BINS, &bins, sizeof bins);
    host_record(CT_OPEN, &open, sizeof open);
    host_record(CT_TICK, &tick, sizeof tick);
    host_record(CT_TICK, &tick, sizeof tick);
    host_record(CT_WAIT, &wait, sizeof wait);
    host_record(CT_HELD, &held, sizeof held);
    host_record(CT_EARLY, &early, sizeof early);
    host_record(CT_KEPT, &kept, sizeof kept);
    host_record(CT_FIRST, &first, sizeof first);
    host_record(CT_STOOD, &stood, sizeof stood);
    render();
    assert_text_has(made.text, "too short to be understood");
}

/* --- a host that refuses --- */

static int know_no_number(const medic_host *host, const char *key, int64_t *value)
{
    (void)host, (void)key, (void)value;
    return MEDIC_E_NOT_FOUND;
}

static const void *ignorant_services(const medic_host *host, const char *name)
{
    static const medic_params_service params = {.size = sizeof params, .get_int = know_no_number};

    (void)host;
    return strcmp(name, MEDIC_SERVICE_PARAMS) == 0 ? &params : NULL;
}

static void a_host_without_its_parameters_is_refused(void **state)
{
    const medic_host host = {sizeof host, 0, ignorant_services};
    medic_reason why = {""};
    void *instance = NULL;

    (void)state;
    assert_int_equal(contention_capture.create(&host, &instance, &why), MEDIC_E_NOT_FOUND);
    assert_text_has(why.text, "the host does not know the parameters of contention");
    assert_null(instance);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_length_has_its_bin),
        TEST(quantiles_lie_in_their_bins),
        TEST(no_count_is_lost_between_threads),
        TEST(a_full_table_counts_on_in_one_place),
        TEST(owners_are_known_by_the_wait_that_got_the_lock),
        TEST(only_what_looks_like_a_class_is_one),
        TEST(waits_are_paired_by_thread),
        TEST(waiting_is_charged_to_who_holds_the_lock_meanwhile),
        TEST(who_gives_up_waiting_is_not_the_holder_for_long),
        TEST(a_thread_that_waits_seldom_gets_a_stack_all_the_same),
        TEST(a_wait_whose_end_was_not_told_is_charged_no_longer),
        TEST(what_waits_for_medic_itself_is_told_apart),
        TEST(a_wait_that_began_before_is_told_apart),
        TEST(strange_events_are_counted),
        TEST(the_rate_of_stacks_is_kept_and_counts_are_not_touched),
        TEST(a_lock_that_waits_for_its_own_handle_is_one_wait),
        TEST(no_wait_is_healthy),
        TEST(in_net_8_there_are_no_handles),
        TEST(rare_waits_are_healthy),
        TEST(the_lock_its_site_and_its_holder_are_named),
        TEST(the_holder_belongs_to_the_site_that_is_told),
        TEST(a_holder_is_weighed_by_what_others_wait_for_it),
        TEST(a_lock_without_one_holder_says_so),
        TEST(a_photograph_says_what_the_holder_does),
        TEST(a_holder_that_lets_go_is_busy_with_nothing),
        TEST(several_threads_that_hold_in_turns_are_not_named),
        TEST(a_photograph_of_the_last_moment_shows_no_holder),
        TEST(a_holder_that_calls_others_is_told_with_its_caller),
        TEST(a_holder_in_a_method_that_waits_too_holds_it_there),
        TEST(locks_of_one_type_are_one_row),
        TEST(a_wait_that_does_not_end_is_told_with_its_age),
        TEST(threads_that_wait_for_each_other_are_a_deadlock),
        TEST(locks_of_types_are_told_apart),
        TEST(waits_that_give_up_are_mentioned),
        TEST(the_library_that_locks_is_named),
        TEST(threads_that_waited_before_are_not_healthy),
        TEST(threads_that_wait_for_reader_writer_locks_are_mentioned),
        TEST(without_a_frame_of_the_lock_it_is_only_likely),
        TEST(a_wait_from_before_counts_with_what_is_within),
        TEST(a_capture_that_was_cut_anywhere_still_gives_a_report),
        TEST(short_and_strange_records_are_survived),
        TEST(a_host_without_its_parameters_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
