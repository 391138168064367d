/* Dominators and retained sizes against a slow reference that is plainly right: what is not reached any more when an object
 * is taken away is what it dominates. */
#include "test.h"

#include "tool/heap_graph.h"

#include <stdlib.h>

enum { NODES_MAX = 1000001, EDGES_MAX = 3000000, SMALL = 24 };

/* A graph made by hand: columns without a capture. */
static struct {
    medic_heap_graph view;
    uint32_t from[EDGES_MAX], to[EDGES_MAX];
    uint32_t edge_count;
    uint64_t first_edge[NODES_MAX + 2];
    uint32_t target[EDGES_MAX], units[NODES_MAX];
    medic_heap_root roots[NODES_MAX];
    medic_heap_dominators *dominators;
} made;

static void begin_graph(uint32_t nodes)
{
    made.view = (medic_heap_graph){.node_count = nodes, .root_node = nodes};
    made.edge_count = 0;
    for (uint32_t i = 0; i < nodes; i++)
        made.units[i] = 3 + i % 7;
}

static void edge(uint32_t from, uint32_t to)
{
    made.from[made.edge_count] = from;
    made.to[made.edge_count++] = to;
}

static void root(uint32_t node)
{
    made.roots[made.view.strong_root_count++] = (medic_heap_root){.node = node};
}

static const medic_heap_dominators *dominate(void)
{
    medic_heap_graph *view = &made.view;
    memset(made.first_edge, 0, (view->node_count + 2) * sizeof *made.first_edge);
    for (uint32_t i = 0; i < made.edge_count; i++)
        made.first_edge[made.from[i] + 2]++;
    for (uint32_t i = 0; i < view->node_count; i++)
        made.first_edge[i + 2] += made.first_edge[i + 1];
    for (uint32_t i = 0; i < made.edge_count; i++)
        made.target[made.first_edge[made.from[i] + 1]++] = made.to[i];
    view->edge_count = made.edge_count;
    view->first_edge = made.first_edge;
    view->target = made.target;
    view->units = made.units;
    view->roots = made.roots;
    view->root_count = view->strong_root_count;
    heap_dominators_free(made.dominators);
    made.dominators = heap_dominators_make(view);
    assert_non_null(made.dominators);
    return made.dominators;
}

static int end(void **state)
{
    (void)state;
    heap_dominators_free(made.dominators);
    made.dominators = NULL;
    return 0;
}

/* --- the reference --- */

static void reach(uint32_t node, uint32_t without, uint8_t *reached)
{
    if (node == without || reached[node])
        return;
    reached[node] = 1;
    for (uint64_t i = made.first_edge[node]; i < made.first_edge[node + 1]; i++)
        reach(made.target[i], without, reached);
}

/* What the roots reach when one object is not there. */
static void reach_all(uint32_t without, uint8_t reached[SMALL])
{
    memset(reached, 0, SMALL);
    for (uint32_t i = 0; i < made.view.strong_root_count; i++)
        reach(made.roots[i].node, without, reached);
}

/* dominates[a][b]: b is reached, and not without a. */
static uint32_t fill_reference(uint8_t dominates[SMALL][SMALL], uint8_t all[SMALL])
{
    uint32_t count = made.view.node_count, reachable = 0;
    uint8_t rest[SMALL];
    reach_all(MEDIC_NO_NODE, all);
    for (uint32_t a = 0; a < count; a++) {
        reachable += all[a];
        reach_all(a, rest);
        for (uint32_t b = 0; b < count; b++)
            dominates[a][b] = all[b] && !rest[b];
    }
    return reachable;
}

/* The dominator that all other dominators of the node dominate. */
static uint32_t nearest(uint8_t dominates[SMALL][SMALL], uint32_t node)
{
    uint32_t best = made.view.root_node;
    for (uint32_t a = 0; a < made.view.node_count; a++)
        if (a != node && dominates[a][node] && (best == made.view.root_node || dominates[best][a]))
            best = a;
    return best;
}

static void check_children(const medic_heap_dominators *dominators)
{
    uint32_t places = made.view.node_count + 1;
    assert_int_equal(dominators->first_child[0], 0);
    assert_int_equal(dominators->first_child[places], dominators->reachable);
    for (uint32_t node = 0; node < places; node++)
        for (uint32_t i = dominators->first_child[node]; i < dominators->first_child[node + 1]; i++) {
            assert_int_equal(dominators->idom[dominators->child[i]], node);
            assert_true(i == dominators->first_child[node] || dominators->child[i] > dominators->child[i - 1]);
        }
}

static void check_against_reference(void)
{
    uint8_t dominates[SMALL][SMALL], all[SMALL];
    const medic_heap_dominators *dominators = dominate();
    uint32_t count = made.view.node_count;
    uint64_t sum = 0;
    assert_int_equal(dominators->reachable, fill_reference(dominates, all));
    for (uint32_t a = 0; a < count; a++) {
        uint64_t retained = all[a] ? 0 : made.units[a] * 8;
        for (uint32_t b = 0; b < count; b++)
            retained += dominates[a][b] ? made.units[b] * 8 : 0;
        assert_int_equal(dominators->retained[a], retained);
        assert_int_equal(dominators->idom[a], all[a] ? nearest(dominates, a) : MEDIC_NO_NODE);
        sum += all[a] ? made.units[a] * 8 : 0;
    }
    assert_int_equal(dominators->idom[count], MEDIC_NO_NODE);
    assert_int_equal(dominators->retained[count], sum);
    assert_int_equal(dominators->reachable_bytes, sum);
    check_children(dominators);
}

static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % below;
}

/* Thin and dense ones, with loops, repeated edges, unreachable parts, objects that are roots more than once. */
static void random_graphs_agree_with_the_reference(void **state)
{
    (void)state;
    uint64_t seed = 6;
    for (int i = 0; i < 20000; i++) {
        uint32_t count = 1 + draw(&seed, SMALL);
        begin_graph(count);
        for (uint32_t edges = draw(&seed, count * (1 + draw(&seed, 4)) + 1); edges > 0; edges--)
            edge(draw(&seed, count), draw(&seed, count));
        for (uint32_t roots = draw(&seed, 4); roots > 0; roots--)
            root(draw(&seed, count));
        check_against_reference();
    }
}

/* Mostly ahead, a few back: deep trees, where paths are compressed. */
static void random_deep_graphs_agree_with_the_reference(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 10000; i++) {
        uint32_t count = 2 + draw(&seed, SMALL - 1);
        begin_graph(count);
        for (uint32_t node = 1; node < count; node++) {
            edge(node - 1 - draw(&seed, node < 3 ? node : 3), node);
            if (draw(&seed, 3) == 0)
                edge(node, draw(&seed, node + 1));
        }
        root(0);
        check_against_reference();
    }
}

static void every_small_graph_agrees_with_the_reference(void **state)
{
    (void)state;
    for (uint32_t edges = 0; edges < 1u << 12; edges++) { /* four objects, each edge there or not */
        begin_graph(4);
        for (uint32_t i = 0; i < 12; i++)
            if (edges >> i & 1)
                edge(i / 3, (i / 3 + 1 + i % 3) % 4);
        root(0);
        if (edges % 3 == 0)
            root(2);
        check_against_reference();
    }
}

/* --- shapes --- */

static void assert_dominator(uint32_t node, uint32_t idom)
{
    assert_int_equal(made.dominators->idom[node], idom);
}

static void a_list_of_a_million_objects_needs_no_stack(void **state)
{
    (void)state;
    enum { COUNT = NODES_MAX - 1 };
    uint64_t bytes = 0;
    begin_graph(COUNT);
    for (uint32_t i = 0; i + 1 < COUNT; i++)
        edge(i, i + 1);
    for (uint32_t i = 1; i < COUNT; i += 2)
        edge(i, i / 2); /* back: paths must be compressed, or this takes for ever */
    root(0);
    const medic_heap_dominators *dominators = dominate();
    for (uint32_t i = COUNT; i-- > 0;) {
        bytes += made.units[i] * 8;
        assert_int_equal(dominators->retained[i], bytes);
        assert_dominator(i, i ? i - 1 : COUNT);
    }
}

static void a_list_from_the_other_end_is_the_same(void **state)
{
    (void)state;
    enum { COUNT = NODES_MAX - 1 };
    begin_graph(COUNT);
    for (uint32_t i = 1; i < COUNT; i++) {
        edge(i, i - 1);
        edge(COUNT - 1, i - 1); /* shared with the head: each is free only with it */
    }
    root(COUNT - 1);
    const medic_heap_dominators *dominators = dominate();
    for (uint32_t i = 0; i + 1 < COUNT; i++) {
        assert_dominator(i, COUNT - 1);
        assert_int_equal(dominators->retained[i], made.units[i] * 8);
    }
}

static void a_tree_is_its_own_dominator_tree(void **state)
{
    (void)state;
    enum { COUNT = (1 << 19) - 1 };
    begin_graph(COUNT);
    for (uint32_t i = 1; i < COUNT; i++)
        edge((i - 1) / 2, i);
    root(0);
    dominate();
    for (uint32_t i = 1; i < COUNT; i++)
        assert_dominator(i, (i - 1) / 2);
    assert_int_equal(made.dominators->retained[0], made.dominators->reachable_bytes);
}

static void what_two_hold_belongs_to_what_holds_both(void **state)
{
    (void)state;
    begin_graph(7); /* 0 -> 1, 2 -> 3 -> 4; 5 and 6 hold each other and are held by nobody */
    edge(0, 1);
    edge(0, 2);
    edge(1, 3);
    edge(2, 3);
    edge(3, 4);
    edge(4, 4);
    edge(5, 6);
    edge(6, 5);
    edge(6, 4);
    root(0);
    dominate();
    assert_dominator(3, 0);
    assert_dominator(4, 3);
    assert_dominator(5, MEDIC_NO_NODE);
    assert_int_equal(made.dominators->reachable, 5);
    assert_int_equal(made.dominators->retained[5], made.units[5] * 8);
}

static void what_many_roots_hold_belongs_to_all_of_them(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    begin_graph(COUNT);
    for (uint32_t i = 1; i < COUNT; i++) {
        edge(i, 0);
        root(i);
        root(i);
    }
    dominate();
    for (uint32_t i = 0; i < COUNT; i++)
        assert_dominator(i, COUNT);
    assert_int_equal(made.dominators->first_child[COUNT + 1] - made.dominators->first_child[COUNT], COUNT);
}

static void nothing_is_reached_without_roots(void **state)
{
    (void)state;
    begin_graph(2);
    edge(0, 1);
    dominate();
    assert_int_equal(made.dominators->reachable, 0);
    assert_int_equal(made.dominators->retained[2], 0);
    assert_dominator(0, MEDIC_NO_NODE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs_agree_with_the_reference),
        cmocka_unit_test(random_deep_graphs_agree_with_the_reference),
        cmocka_unit_test(every_small_graph_agrees_with_the_reference),
        cmocka_unit_test(a_list_of_a_million_objects_needs_no_stack),
        cmocka_unit_test(a_list_from_the_other_end_is_the_same),
        cmocka_unit_test(a_tree_is_its_own_dominator_tree),
        cmocka_unit_test(what_two_hold_belongs_to_what_holds_both),
        cmocka_unit_test(what_many_roots_hold_belongs_to_all_of_them),
        cmocka_unit_test(nothing_is_reached_without_roots),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
