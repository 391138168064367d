/* gc_survivors, the report half: made-up heaps go in, a verdict and sections come out. And its capture half between a
 * made-up host. */
#include "heap_tree.h"

#include "plugins/gc_survivors/gc_survivors.h"
#include "plugins/gc_survivors/recording.h"

/* --- scenes --- */

#define KB 128u /* units */

static uint32_t dictionary, entries, order, body, text, list, array, action, watcher, bus, node_class, timer, queue,
    customer, closure, service, tree_class, machine;

static uint32_t body_units; /* of an order */

static void make_classes(void)
{
    body_units = 16 * KB;
    dictionary = heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_FRAMEWORK,
                            "System.Collections.Generic.Dictionary<int, Orders.Order>", "_buckets", "_entries", NULL);
    entries = heap_class(MEDIC_KIND_ARRAY, MEDIC_CODE_FRAMEWORK,
                         "System.Collections.Generic.Dictionary<int, Orders.Order>.Entry[]", "[].value", NULL);
    order = heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_USER, "Orders.Order", "<Body>k__BackingField", NULL);
    body = heap_class(MEDIC_KIND_ARRAY, MEDIC_CODE_FRAMEWORK, "byte[]", NULL);
    text = heap_class(MEDIC_KIND_STRING, MEDIC_CODE_FRAMEWORK, "System.String", NULL);
    list = heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_FRAMEWORK, "System.Collections.Generic.List<Orders.Order>",
                      "_items", NULL);
    array = heap_class(MEDIC_KIND_ARRAY, MEDIC_CODE_FRAMEWORK, "object[]", "[]", NULL);
    action = heap_class(MEDIC_KIND_DELEGATE, MEDIC_CODE_FRAMEWORK, "System.Action", "_target", "_invocationList", NULL);
    watcher = heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_USER, "Orders.Watcher", "_order", NULL);
    bus = heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_USER, "Orders.Bus", "Changed", NULL);
    node_class = heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_USER, "Orders.Node", "Next", "Payload", NULL);
    timer = heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_FRAMEWORK, "System.Threading.TimerQueueTimer", "_next", "_prev",
                       "_callback", NULL);
    queue = heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_FRAMEWORK, "System.Threading.TimerQueue", "_timers", NULL);
    customer = heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_USER, "Orders.Customer", NULL);
    closure = heap_class(MEDIC_KIND_CLOSURE, MEDIC_CODE_USER, "Orders.Undo.(closure)", "order", NULL);
    service = heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_USER, "Orders.Service", "_cache", NULL);
    tree_class = heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_USER, "Orders.Tree", "Left", "Right", NULL);
    machine =
        heap_class(MEDIC_KIND_STATE_MACHINE, MEDIC_CODE_FRAMEWORK,
                   "System.Runtime.CompilerServices.AsyncTaskMethodBuilder<System.Threading.Tasks.VoidTaskResult>."
                   "AsyncStateMachineBox<Orders.Worker.RunAsync (async)>",
                   "StateMachine", NULL);
}

static int begin(void **state)
{
    (void)state;
    tree_reset();
    make_classes();
    return 0;
}

static void hold(uint32_t node, const char *label)
{
    heap_root(node, MEDIC_ROOT_STATIC, 0, label);
}

/* An order of 16 KB and 32 bytes. */
static uint32_t make_order(void)
{
    uint32_t made_order = heap_object(order, 4, MEDIC_GENERATION_2);

    heap_refer(made_order, 0, heap_object(body, body_units, MEDIC_GENERATION_2));
    return made_order;
}

static uint32_t make_dictionary(uint32_t orders)
{
    uint32_t top = heap_object(dictionary, 10, MEDIC_GENERATION_2);
    uint32_t table = heap_object(entries, 3 + orders, MEDIC_GENERATION_2);

    heap_refer(top, 1, table);
    for (uint32_t i = 0; i < orders; i++)
        heap_refer(table, 0, make_order());
    return top;
}

static const char cache[] = "static Orders.Cache._items";

/* Strings that a method has in its hands, 1 MB each. */
static void make_others(uint32_t megabytes)
{
    for (uint32_t i = 0; i < megabytes; i++)
        heap_root(heap_object(text, 1000 * KB, MEDIC_GENERATION_0), MEDIC_ROOT_STACK, 0,
                  "stack of Orders.Program.Main");
}

#define assert_verdict(level, ...)                                                                                     \
    do {                                                                                                               \
        host_render(&gc_survivors_report);                                                                             \
        assert_text_has(made.verdict, __VA_ARGS__);                                                                    \
        assert_int_equal(made.severity, level);                                                                        \
        assert_true(strlen(made.verdict) <= 400);                                                                      \
    } while (0)

/* --- one photograph --- */

static void what_one_field_holds_is_named(void **state)
{
    (void)state;
    hold(make_dictionary(800), cache);
    make_others(3);
    assert_verdict(MEDIC_NOTICE,
                   "13.1 MB of 16.2 MB (81 %) are kept alive by static Orders.Cache._items: Dictionary<int, Order> → "
                   "Entry[] → 800 × Order. If memory grows, look here first.");
    assert_text_has(made.text, "row static Orders.Cache._items; 1; 13139304; 0.811;");
    assert_text_has(made.text, "value: Order; 800; 13132800; 0.810;");
    assert_text_has(made.text, "Body: byte[]; 800; 13107200;");
    assert_text_has(made.text, "row Orders.Order; 800; 800; 25600; 13132800; 0.810;");
    assert_text_has(made.text,
                    "row static Orders.Cache._items → Dictionary<int, Order> → _entries: Entry[] → value: Order; "
                    "800; 25600; 13132800;");
}

static void much_and_most_is_a_warning(void **state)
{
    (void)state;
    hold(make_dictionary(800), cache);
    for (uint32_t i = 0; i < heap.graph.node_count; i++)
        heap.units[i] *= 10;
    heap.graph.bytes *= 10;
    assert_verdict(MEDIC_WARNING, "131 MB of 131 MB (100 %) are kept alive by static Orders.Cache._items");
}

static void a_small_program_is_healthy(void **state)
{
    (void)state;
    hold(make_dictionary(500), cache);
    assert_verdict(MEDIC_HEALTHY, "Healthy: 8.21 MB are alive in 1,002 objects, which is little; the largest, static "
                                  "Orders.Cache._items, keeps 8.21 MB.");
    assert_int_equal(made.findings, 0);
}

static void no_holder_that_dominates_is_healthy(void **state)
{
    static const char *const names[] = {"static A.a", "static B.b", "static C.c",
                                        "static D.d", "static E.e", "static F.f"};

    (void)state;
    for (uint32_t i = 0; i < 6; i++)
        hold(make_dictionary(250), names[i]);
    assert_verdict(MEDIC_HEALTHY, "Healthy: 24.6 MB are alive in 3,012 objects, and no holder stands out");
}

static void what_two_fields_hold_is_told_of_both(void **state)
{
    uint32_t first = heap_object(entries, 1000, MEDIC_GENERATION_2),
             second = heap_object(array, 1000, MEDIC_GENERATION_2);

    (void)state;
    for (uint32_t i = 0; i < 800; i++) {
        uint32_t shared = make_order();
        heap_refer(first, 0, shared);
        heap_refer(second, 0, shared);
    }
    hold(first, "static Orders.Index._byId");
    hold(second, "static Orders.Index._byName");
    assert_verdict(MEDIC_NOTICE, "static Orders.Index._byId and static Orders.Index._byName: 800 × Order.");
}

static void handlers_of_an_event_are_counted(void **state)
{
    uint32_t owner = heap_object(bus, 4, MEDIC_GENERATION_2), all = heap_object(action, 8, MEDIC_GENERATION_2);
    uint32_t invocations = heap_object(array, 1024, MEDIC_GENERATION_2);

    (void)state;
    heap_refer(owner, 0, all);
    heap_refer(all, 1, invocations);
    for (uint32_t i = 0; i < 700; i++) {
        uint32_t handler = heap_object(action, 8, MEDIC_GENERATION_2),
                 target = heap_object(watcher, 3, MEDIC_GENERATION_2);
        heap_refer(invocations, 0, handler);
        heap_refer(handler, 0, target);
        heap_refer(target, 0, make_order());
    }
    hold(owner, "static Orders.Bus.Default");
    assert_verdict(MEDIC_NOTICE,
                   "kept alive by 700 handlers of event Bus.Changed (held by static Orders.Bus.Default) → "
                   "Watcher. If memory grows, look here first: who subscribes has to unsubscribe.");
    assert_text_has(made.text, "_invocationList: handlers → Action; 700;");
}

/* Delegate.Combine: the new delegate is on the stack still, and shares the list with the old one. */
static void an_event_to_which_a_handler_is_being_added_is_named(void **state)
{
    uint32_t old = heap_object(action, 8, MEDIC_GENERATION_2), new = heap_object(action, 8, MEDIC_GENERATION_2);
    uint32_t invocations = heap_object(array, 1024, MEDIC_GENERATION_2);

    (void)state;
    heap_refer(old, 1, invocations);
    heap_refer(new, 1, invocations);
    for (uint32_t i = 0; i < 700; i++) {
        uint32_t handler = heap_object(action, 8, MEDIC_GENERATION_2);
        heap_refer(invocations, 0, handler);
        heap_refer(handler, 0, make_order());
    }
    hold(old, "static Orders.Bus.Changed");
    heap_root(new, MEDIC_ROOT_STACK, 0, "stack of System.MulticastDelegate.CombineImpl");
    assert_verdict(MEDIC_NOTICE, "kept alive by 700 handlers of event Orders.Bus.Changed → Order.");
}

static void a_static_event_has_its_own_name(void **state)
{
    uint32_t all = heap_object(action, 8, MEDIC_GENERATION_2),
             invocations = heap_object(array, 1024, MEDIC_GENERATION_2);

    (void)state;
    heap_refer(all, 1, invocations);
    for (uint32_t i = 0; i < 700; i++) {
        uint32_t handler = heap_object(action, 8, MEDIC_GENERATION_2);
        heap_refer(invocations, 0, handler);
        heap_refer(handler, 0, make_order());
    }
    hold(all, "static Orders.Bus.Changed");
    assert_verdict(MEDIC_NOTICE, "kept alive by 700 handlers of event Orders.Bus.Changed → Order.");
}

/* A chain in both directions: each keeps the next alive. */
static void a_chain_of_timers_is_one_row(void **state)
{
    uint32_t top = heap_object(queue, 8, MEDIC_GENERATION_2), before = top;

    (void)state;
    for (uint32_t i = 0; i < 700; i++) {
        uint32_t next = heap_object(timer, 10, MEDIC_GENERATION_2),
                 callback = heap_object(action, 8, MEDIC_GENERATION_2);
        heap_refer(before, 0, next);
        if (before != top)
            heap_refer(next, 1, before);
        heap_refer(next, 2, callback);
        heap_refer(callback, 0, make_order());
        before = next;
    }
    hold(top, "static System.Threading.TimerQueue.<Instances>k__BackingField");
    assert_verdict(MEDIC_NOTICE,
                   "kept alive by 700 timers (held by static System.Threading.TimerQueue.Instances) → Order. "
                   "If memory grows, look here first: timers live until they are disposed of.");
    assert_text_has(made.text, "_timers: TimerQueueTimer (nested); 700; 11592064;");
    assert_text_has(made.text, "_callback: Action; 700; 11536000;");
}

/* A list of the program refers to all of them, the runtime's chain to the first: both hold all. */
static void what_hangs_on_a_list_and_a_chain_is_told_of_both(void **state)
{
    uint32_t top = heap_object(queue, 8, MEDIC_GENERATION_2), all = heap_object(array, 1000, MEDIC_GENERATION_2),
             before = top, native = heap_object(array, 10, MEDIC_GENERATION_2);

    (void)state;
    for (uint32_t i = 0; i < 700; i++) {
        uint32_t next = heap_object(timer, 10, MEDIC_GENERATION_2);
        heap_refer(before, 0, next);
        heap_refer(next, 2, make_order());
        heap_refer(all, 0, next);
        before = next;
    }
    heap_refer(native, 0, top);
    heap_root(native, MEDIC_ROOT_HANDLE, 0, "strong handle");
    hold(all, "static Orders.Poller.All");
    hold(top, "static System.Threading.TimerQueue.<Instances>k__BackingField");
    assert_verdict(MEDIC_NOTICE, "look here first: timers live until they are disposed of.");
    assert_text_has(made.text,
                    "row static Orders.Poller.All and static System.Threading.TimerQueue.Instances; 700; 11");
}

/* The first and the last segment are referred to by fields of different names. */
static void segments_of_a_queue_are_one_row(void **state)
{
    uint32_t jobs = heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_FRAMEWORK,
                               "System.Collections.Concurrent.ConcurrentQueue<Orders.Order>", "_head", "_tail", NULL),
             segment = heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_FRAMEWORK,
                                  "System.Collections.Concurrent.ConcurrentQueueSegment<Orders.Order>", "_next",
                                  "_slots", NULL),
             top = heap_object(jobs, 6, MEDIC_GENERATION_2), before = 0, last = 0;

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t slots = heap_object(array, 300, MEDIC_GENERATION_2);
        last = heap_object(segment, 6, MEDIC_GENERATION_2);
        heap_refer(last, 1, slots);
        for (uint32_t k = 0; k < 200; k++)
            heap_refer(slots, 0, make_order());
        heap_refer(i ? before : top, 0, last);
        before = last;
    }
    heap_refer(top, 1, last);
    hold(top, "static Orders.Mailer.Queue");
    assert_verdict(MEDIC_NOTICE, "static Orders.Mailer.Queue: ConcurrentQueue<Order> → ConcurrentQueueSegment<Order> → "
                                 "object[] → 800 × Order.");
}

/* Many arrays are there for many objects more. */
static void what_many_arrays_hold_is_counted(void **state)
{
    uint32_t shelves = heap_class(MEDIC_KIND_ARRAY, MEDIC_CODE_USER, "Orders.Order[][]", "[]", NULL),
             shelf = heap_class(MEDIC_KIND_ARRAY, MEDIC_CODE_USER, "Orders.Order[]", "[]", NULL),
             top = heap_object(shelves, 110, MEDIC_GENERATION_2);

    (void)state;
    body_units = 1 * KB;
    for (uint32_t i = 0; i < 120; i++) {
        uint32_t one = heap_object(shelf, 13, MEDIC_GENERATION_2);
        heap_refer(top, 0, one);
        for (uint32_t k = 0; k < 10; k++)
            heap_refer(one, 0, make_order());
    }
    for (uint32_t i = 0; i < heap.graph.node_count; i++)
        heap.units[i] *= 10;
    heap.graph.bytes *= 10;
    hold(top, "static Orders.Hall.Shelves");
    assert_verdict(MEDIC_NOTICE, "static Orders.Hall.Shelves: Order[][] → Order[] → 1,200 × Order.");
}

static uint32_t make_tree(uint32_t depth)
{
    uint32_t top = heap_object(tree_class, 1 * KB * 60, MEDIC_GENERATION_2);

    if (depth > 1) {
        heap_refer(top, 0, make_tree(depth - 1));
        heap_refer(top, 1, make_tree(depth - 1));
    }
    return top;
}

static void a_tree_is_one_row(void **state)
{
    (void)state;
    hold(make_tree(8), "static Orders.Tree.Root");
    assert_verdict(MEDIC_NOTICE, "are kept alive by static Orders.Tree.Root: 255 × Tree.");
}

static void one_among_many_services_is_the_suspect_not_their_container(void **state)
{
    uint32_t container = heap_object(array, 400, MEDIC_GENERATION_2), one = heap_object(service, 4, MEDIC_GENERATION_2);

    (void)state;
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t box = heap_object(list, 4, MEDIC_GENERATION_2);
        heap_refer(container, 0, box);
        heap_refer(box, 0, i == 7 ? one : heap_object(customer, 4, MEDIC_GENERATION_2));
    }
    heap_refer(one, 0, make_dictionary(700));
    hold(container, "static Orders.Container.Current");
    assert_verdict(MEDIC_NOTICE, "static Orders.Container.Current: … → Service._cache → "
                                 "Dictionary<int, Order> → Entry[] → 700 × Order.");
}

static void one_large_array_is_told(void **state)
{
    uint32_t top = heap_object(list, 4, MEDIC_GENERATION_2);

    (void)state;
    heap_refer(top, 0, heap_object(body, 40000 * KB, MEDIC_GENERATION_LARGE));
    hold(top, "static Orders.Big.Numbers");
    assert_verdict(MEDIC_NOTICE,
                   "41.0 MB of 41.0 MB (100 %) are kept alive by static Orders.Big.Numbers: List<Order> → byte[].");
    assert_text_has(made.text, "row byte[]; 40960000; static Orders.Big.Numbers → List<Order>;");
}

static void what_hangs_on_a_key_is_told(void **state)
{
    uint32_t all = heap_object(array, 1024, MEDIC_GENERATION_2);

    (void)state;
    for (uint32_t i = 0; i < 700; i++) {
        uint32_t key = heap_object(customer, 3, MEDIC_GENERATION_2);
        heap_refer(all, 0, key);
        heap_refer(key, MEDIC_SLOT_DEPENDENT, make_order());
    }
    hold(all, "static Orders.Customer._all");
    assert_verdict(MEDIC_NOTICE,
                   "static Orders.Customer._all: object[] → 700 × Customer → ConditionalWeakTable: Order.");
}

static void what_a_compiler_made_is_told_as_what_it_is(void **state)
{
    uint32_t all = heap_object(array, 1024, MEDIC_GENERATION_2);

    (void)state;
    body_units = 64 * KB;
    for (uint32_t i = 0; i < 350; i++) {
        uint32_t step = heap_object(action, 8, MEDIC_GENERATION_2),
                 captured = heap_object(closure, 3, MEDIC_GENERATION_2);
        heap_refer(all, 0, step);
        heap_refer(step, 0, captured);
        heap_refer(captured, 0, make_order());
    }
    hold(all, "static Orders.Undo._steps");
    all = heap_object(array, 1024, MEDIC_GENERATION_2);
    for (uint32_t i = 0; i < 450; i++) {
        uint32_t waiting = heap_object(machine, 12, MEDIC_GENERATION_2);
        heap_refer(all, 0, waiting);
        heap_refer(waiting, 0, make_order());
    }
    hold(all, "static Orders.Worker._never");
    assert_verdict(MEDIC_NOTICE, "static Orders.Worker._never: object[] → 450 × async Worker.RunAsync. If memory "
                                 "grows, look here first: what they await does not complete.");
    assert_text_has(made.text,
                    "are kept alive by static Orders.Undo._steps: object[] → 350 × Action → closure of Undo.");
}

static void handles_and_the_finalizer_queue_are_told(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 800; i++)
        heap_root(make_order(), MEDIC_ROOT_HANDLE, MEDIC_ROOT_PINNED, "pinned handle");
    for (uint32_t i = 0; i < 200; i++)
        heap_root(make_order(), MEDIC_ROOT_FINALIZER, 0, "finalizer queue");
    heap_root(heap_object(text, 4, MEDIC_GENERATION_0), MEDIC_ROOT_HANDLE, MEDIC_ROOT_WEAK, "weak handle");
    assert_verdict(MEDIC_NOTICE,
                   "kept alive by pinned handles: 800 × Order. If memory grows, look here first: a GCHandle "
                   "holds until it is freed.");
    assert_text_has(made.text, "finding 200 objects with 3.28 MB only wait to be finalized");
    assert_text_has(made.text, "row pinned handles; 800;");
    assert_text_has(made.text, "row weak handles (hold nothing); 1; 32; -; -;");
    assert_text_has(made.text, "row reached by no root; 1; 32;");
}

static void a_list_with_the_dead_in_it_says_so(void **state)
{
    (void)state;
    hold(make_dictionary(700), cache);
    for (uint32_t i = 0; i < 300; i++)
        make_order();
    heap.graph.route = MEDIC_HEAP_ENUMERATE;
    heap.graph.contents |= MEDIC_HEAP_DEAD;
    assert_verdict(MEDIC_NOTICE, "11.5 MB of 11.5 MB (100 %) are kept alive by static Orders.Cache._items");
    assert_text_has(made.text, "finding 4.92 MB more");
    assert_text_has(made.text, "row dead or not seen; 600; 4924800;");
}

static void what_only_guesses_hold_is_told(void **state)
{
    (void)state;
    hold(make_dictionary(300), cache);
    heap_root(make_dictionary(500), MEDIC_ROOT_GUESSED, 0, "memory outside the heap");
    heap.graph.route = MEDIC_HEAP_ENUMERATE;
    heap.graph.contents |= MEDIC_HEAP_DEAD;
    host_render(&gc_survivors_report);
    assert_text_has(made.text, "finding 8.21 MB are reached only from words in memory that look like addresses");
}

static void no_photograph_is_no_judgement(void **state)
{
    (void)state;
    heap.taken = 0;
    assert_verdict(MEDIC_NOTICE, "No photograph of the heap was taken");
}

static void an_empty_heap_is_survived(void **state)
{
    (void)state;
    assert_verdict(MEDIC_HEALTHY, "Healthy: 0 B are alive in 0 objects");
}

/* --- two photographs --- */

static void the_next_has_more(void)
{
    make_classes();
    hold(make_dictionary(900), cache);
    make_others(3);
    heap.graph.time_ns = UINT64_C(31000000000);
}

static void the_next_is_the_same(void)
{
    make_classes();
    hold(make_dictionary(700), cache);
    make_others(3);
    heap.graph.time_ns = UINT64_C(31000000000);
}

/* A request that runs has the service on its stack, and more orders are there. */
static void the_next_runs(void)
{
    uint32_t owner, one;

    make_classes();
    owner = heap_object(bus, 4, MEDIC_GENERATION_2);
    one = heap_object(service, 4, MEDIC_GENERATION_2);
    heap_refer(owner, 0, one);
    heap_refer(one, 0, make_dictionary(800));
    heap_root(owner, MEDIC_ROOT_STACK, 0, "stack of Orders.Program.Main");
    heap_root(one, MEDIC_ROOT_STACK, 0, "stack of System.Lambda.Invoke");
    heap.graph.time_ns = UINT64_C(11000000000);
}

static void what_a_stack_holds_for_a_moment_is_not_new(void **state)
{
    uint32_t owner = heap_object(bus, 4, MEDIC_GENERATION_2), one = heap_object(service, 4, MEDIC_GENERATION_2);

    (void)state;
    heap_refer(owner, 0, one);
    heap_refer(one, 0, make_dictionary(700));
    heap_root(owner, MEDIC_ROOT_STACK, 0, "stack of Orders.Program.Main");
    heap.graph.time_ns = UINT64_C(1000000000);
    tree.second = the_next_runs;
    assert_verdict(MEDIC_WARNING,
                   "Memory grows by 164 kB/s: +100 Order (+1.64 MB) under stack of Orders.Program.Main and "
                   "others: Service._cache → Dictionary<int, Order> → Entry[] → Order.");
    assert_text_has(made.text, "_entries: Entry[]; 0; 1642400; 164240.000; 1.000;");
}

static void what_grew_is_named(void **state)
{
    (void)state;
    hold(make_dictionary(700), cache);
    make_others(3);
    heap.graph.time_ns = UINT64_C(1000000000);
    tree.second = the_next_has_more;
    assert_verdict(MEDIC_WARNING, "Memory grows by 109 kB/s: +200 Order (+3.28 MB) under static Orders.Cache._items: "
                                  "Dictionary<int, Order> → Entry[] → Order.");
    assert_text_has(made.text, "value: Order; 200; 3283200;");
    assert_text_has(made.text, "row Orders.Order; 700; 900; 200; 6400;");
}

static void what_stays_is_healthy_however_large(void **state)
{
    (void)state;
    hold(make_dictionary(700), cache);
    make_others(3);
    heap.graph.time_ns = UINT64_C(1000000000);
    tree.second = the_next_is_the_same;
    assert_verdict(MEDIC_HEALTHY, "Healthy: nothing grows. 14.6 MB were alive, and 30 s later 14.6 MB.");
    assert_int_equal(made.findings, 0);
}

static void a_second_photograph_that_failed_is_told(void **state)
{
    static const char why[] = "the heap would need 900 MB for a copy";

    (void)state;
    hold(make_dictionary(700), cache);
    host_record(GS_SECOND_FAILED, why, sizeof why - 1);
    host_render(&gc_survivors_report);
    assert_text_has(made.text,
                    "finding There is no second photograph to compare with: the heap would need 900 MB for a copy");
}

static void a_second_photograph_that_is_missing_is_told(void **state)
{
    (void)state;
    hold(make_dictionary(700), cache);
    made.duration_ns = 30000000000;
    host_render(&gc_survivors_report);
    made.duration_ns = 0;
    assert_text_has(made.text, "finding There is no second photograph to compare with: the session ended before it was "
                               "complete; give it more time");
}

/* --- names --- */

static void names_lose_their_namespaces(void **state)
{
    static const struct {
        const char *name;
        uint32_t kind;
        const char *expected;
    } names[] = {
        {"Orders.Order", MEDIC_KIND_OBJECT, "Order"},
        {"Order", MEDIC_KIND_OBJECT, "Order"},
        {"System.String", MEDIC_KIND_STRING, "string"},
        {"System.Collections.Generic.Dictionary<int, Orders.Order>", MEDIC_KIND_OBJECT, "Dictionary<int, Order>"},
        {"System.Collections.Generic.Dictionary<Orders.Key<A.B>, C.D[]>.Entry[]", MEDIC_KIND_ARRAY, "Entry[]"},
        {"System.Collections.Generic.List<System.Collections.Generic.List<Orders.Order>.Enumerator>", MEDIC_KIND_OBJECT,
         "List<Enumerator>"},
        {"Orders.Undo.(closure)", MEDIC_KIND_CLOSURE, "closure of Undo"},
        {"(closure)", MEDIC_KIND_CLOSURE, "(closure)"},
        {"Orders.Worker.RunAsync (async)", MEDIC_KIND_STATE_MACHINE, "async Worker.RunAsync"},
        {"Orders.Worker.Items<A.B> (iterator)", MEDIC_KIND_STATE_MACHINE, "iterator Worker.Items<B>"},
        {"X.Builder<X.Void>.Box<Orders.Worker.RunAsync (async)>", MEDIC_KIND_STATE_MACHINE, "async Worker.RunAsync"},
        {"X.Builder<X.Void>.Box<X.Void, Orders.Worker<A.B>.Run (async lambda)>", MEDIC_KIND_STATE_MACHINE,
         "async lambda Worker<B>.Run"},
        {"Orders.Size", MEDIC_KIND_BOXED, "boxed Size"},
        {">.<,", MEDIC_KIND_OBJECT, "<,"},
        {"", MEDIC_KIND_STATE_MACHINE, ""},
    };
    char out[NAME_ROOM];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(short_type(names[i].name, names[i].kind, out), names[i].expected);
    assert_string_equal(field_name("<Items>k__BackingField", out), "Items");
    assert_string_equal(field_name("[].value", out), "value");
    assert_string_equal(field_name("<>4__this", out), "<>4__this");
}

static void names_that_are_too_long_are_cut(void **state)
{
    char name[4 * NAME_ROOM], out[NAME_ROOM];

    (void)state;
    for (uint32_t kind = 0; kind <= MEDIC_KIND_BOXED; kind++)
        for (size_t i = 0; i < 40; i++) {
            memset(name, "aA<,.> ("[i % 8], sizeof name - 1);
            for (size_t at = i; at < sizeof name - 1; at += 7 + i)
                name[at] = "<>., ()"[at % 7];
            name[sizeof name - 1] = '\0';
            assert_true(strlen(short_type(name, kind, out)) < NAME_ROOM);
        }
}

static const medic_heap_graph *no_graph(const medic_host *host, uint32_t index)
{
    (void)host, (void)index;
    return NULL;
}

static uint32_t one_photograph(const medic_host *host)
{
    (void)host;
    return 1;
}

static const void *damaged_service(const char *name)
{
    static const medic_heap_graph_service graphs = {
        .size = sizeof graphs, .photographs = one_photograph, .graph = no_graph};

    return strcmp(name, MEDIC_SERVICE_HEAP_GRAPH) == 0 ? &graphs : NULL;
}

static void a_photograph_that_cannot_be_read_is_refused(void **state)
{
    medic_host host = {.size = sizeof host, .service = made_service};
    medic_reason why;

    (void)state;
    made.more = damaged_service;
    assert_int_equal(gc_survivors_report.render(&host, &why), MEDIC_E_CORRUPT);
    assert_string_equal(why.text, "the photograph of the heap cannot be read");
}

/* --- the capture half --- */

static struct {
    int calls, code[2], done, failed;
    uint64_t compare;
    const char *route;
    char sentence[MEDIC_REASON_MAX], record[MEDIC_REASON_MAX];
    medic_heap_request request;
    int32_t progress;
} camera;

static int photograph(const medic_host *host, const medic_heap_request *request, medic_heap_photo *photo,
                      medic_reason *why)
{
    (void)host;
    camera.request = *request;
    assert_int_equal(photo->size, sizeof *photo);
    if (camera.code[camera.calls] != MEDIC_OK)
        return medic_fail(why, camera.code[camera.calls++], "no room for a copy");
    camera.calls++;
    return MEDIC_OK;
}

static int say_duration(const medic_host *host, const char *key, uint64_t *value)
{
    (void)host;
    *value = strcmp(key, "compare") == 0 ? camera.compare : 2000000000;
    return MEDIC_OK;
}

static int say_text(const medic_host *host, const char *key, const char **value)
{
    (void)host;
    *value = camera.route;
    return strcmp(key, "route") == 0 ? MEDIC_OK : MEDIC_E_NOT_FOUND;
}

static void be_done(const medic_host *host)
{
    (void)host;
    camera.done++;
}

static void have_failed(const medic_host *host, int code, const char *sentence)
{
    (void)host;
    camera.failed = code;
    snprintf(camera.sentence, sizeof camera.sentence, "%s", sentence);
}

static void tell_progress(const medic_host *host, int32_t thousandths)
{
    (void)host;
    camera.progress = thousandths;
}

static int emit(const medic_host *host, uint32_t type, const void *data, uint32_t size)
{
    (void)host;
    assert_int_equal(type, GS_SECOND_FAILED);
    snprintf(camera.record, sizeof camera.record, "%.*s", (int)size, (const char *)data);
    return MEDIC_OK;
}

static const void *capture_service(const medic_host *host, const char *name)
{
    static const medic_heap_service heap_camera = {.size = sizeof heap_camera, .photograph = photograph};
    static const medic_records_service records = {.size = sizeof records, .emit = emit};
    static const medic_runtime_service runtime = {
        .size = sizeof runtime, .done = be_done, .fail = have_failed, .progress = tell_progress};
    static const medic_params_service params = {
        .size = sizeof params, .get_duration = say_duration, .get_text = say_text};

    (void)host;
    return strcmp(name, MEDIC_SERVICE_HEAP) == 0      ? (const void *)&heap_camera
           : strcmp(name, MEDIC_SERVICE_RECORDS) == 0 ? (const void *)&records
           : strcmp(name, MEDIC_SERVICE_PARAMS) == 0  ? (const void *)&params
                                                      : (const void *)&runtime;
}

static const medic_host target = {sizeof target, 0, capture_service};

/* Ticks ten times a second for so many seconds. */
static void record_for(uint64_t seconds)
{
    void *self = NULL;

    assert_int_equal(gc_survivors_capture.create(&target, &self, NULL), MEDIC_OK);
    for (uint64_t i = 1; i <= seconds * 10; i++)
        gc_survivors_capture.tick(self, i * 100000000);
    gc_survivors_capture.destroy(self);
}

static int know_no_duration(const medic_host *host, const char *key, uint64_t *value)
{
    (void)host, (void)key, (void)value;
    return MEDIC_E_NOT_FOUND;
}

static const void *older_service(const medic_host *host, const char *name)
{
    static const medic_params_service params = {
        .size = sizeof params, .get_duration = know_no_duration, .get_text = say_text};

    return strcmp(name, MEDIC_SERVICE_PARAMS) == 0 ? &params : capture_service(host, name);
}

static void another_host_is_refused(void **state)
{
    static const medic_host older = {sizeof older, 0, older_service};
    void *self = NULL;
    medic_reason why;

    (void)state;
    assert_int_equal(gc_survivors_capture.create(&older, &self, &why), MEDIC_E_NOT_FOUND);
    assert_string_equal(why.text, "the host does not know the parameters of gc_survivors");
}

static int begin_capture(void **state)
{
    (void)state;
    memset(&camera, 0, sizeof camera);
    camera.route = "auto";
    return 0;
}

static void one_photograph_ends_the_session(void **state)
{
    (void)state;
    camera.route = "collect";
    record_for(2);
    assert_int_equal(camera.calls, 1);
    assert_int_equal(camera.done, 1);
    assert_int_equal(camera.request.route, MEDIC_HEAP_COLLECT);
    assert_int_equal(camera.request.max_pause_ns, 2000000000);
    assert_int_equal(camera.request.contents, 0);
}

static void the_second_photograph_comes_later(void **state)
{
    (void)state;
    camera.compare = 3000000000;
    record_for(2);
    assert_int_equal(camera.calls, 1);
    assert_int_equal(camera.done, 0);
    assert_in_range(camera.progress, 600, 667);
    begin_capture(state);
    camera.compare = 3000000000;
    record_for(4);
    assert_int_equal(camera.calls, 2);
    assert_int_equal(camera.done, 1);
}

static void a_first_photograph_that_fails_fails_the_session(void **state)
{
    (void)state;
    camera.code[0] = MEDIC_E_MEMORY;
    record_for(2);
    assert_int_equal(camera.calls, 1);
    assert_int_equal(camera.failed, MEDIC_E_MEMORY);
    assert_string_equal(camera.sentence, "no room for a copy");
}

static void a_second_photograph_that_fails_is_recorded(void **state)
{
    (void)state;
    camera.compare = 1000000000;
    camera.code[1] = MEDIC_E_MEMORY;
    record_for(3);
    assert_int_equal(camera.failed, 0);
    assert_int_equal(camera.done, 1);
    assert_string_equal(camera.record, "no room for a copy");
}

static void a_stop_during_the_first_is_no_failure(void **state)
{
    (void)state;
    camera.code[0] = MEDIC_E_STOPPED;
    camera.compare = 1000000000;
    record_for(3);
    assert_int_equal(camera.calls, 1);
    assert_int_equal(camera.failed, 0);
    assert_int_equal(camera.done, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
#define CAPTURE_TEST(name) cmocka_unit_test_setup(name, begin_capture)
    const struct CMUnitTest tests[] = {
        TEST(what_one_field_holds_is_named),
        TEST(much_and_most_is_a_warning),
        TEST(a_small_program_is_healthy),
        TEST(no_holder_that_dominates_is_healthy),
        TEST(what_two_fields_hold_is_told_of_both),
        TEST(handlers_of_an_event_are_counted),
        TEST(a_static_event_has_its_own_name),
        TEST(an_event_to_which_a_handler_is_being_added_is_named),
        TEST(a_chain_of_timers_is_one_row),
        TEST(what_hangs_on_a_list_and_a_chain_is_told_of_both),
        TEST(segments_of_a_queue_are_one_row),
        TEST(what_many_arrays_hold_is_counted),
        TEST(a_tree_is_one_row),
        TEST(one_among_many_services_is_the_suspect_not_their_container),
        TEST(one_large_array_is_told),
        TEST(what_hangs_on_a_key_is_told),
        TEST(what_a_compiler_made_is_told_as_what_it_is),
        TEST(handles_and_the_finalizer_queue_are_told),
        TEST(a_list_with_the_dead_in_it_says_so),
        TEST(what_only_guesses_hold_is_told),
        TEST(no_photograph_is_no_judgement),
        TEST(an_empty_heap_is_survived),
        TEST(what_grew_is_named),
        TEST(what_a_stack_holds_for_a_moment_is_not_new),
        TEST(what_stays_is_healthy_however_large),
        TEST(a_second_photograph_that_failed_is_told),
        TEST(a_second_photograph_that_is_missing_is_told),
        TEST(names_lose_their_namespaces),
        TEST(names_that_are_too_long_are_cut),
        TEST(a_photograph_that_cannot_be_read_is_refused),
        CAPTURE_TEST(another_host_is_refused),
        CAPTURE_TEST(one_photograph_ends_the_session),
        CAPTURE_TEST(the_second_photograph_comes_later),
        CAPTURE_TEST(a_first_photograph_that_fails_fails_the_session),
        CAPTURE_TEST(a_second_photograph_that_fails_is_recorded),
        CAPTURE_TEST(a_stop_during_the_first_is_no_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
