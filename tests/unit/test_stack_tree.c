/* Stack trees: against a slow reference with random stacks, as sections, and how long a million stacks take. */
#include "test.h"

#include "capture_writer.h"
#include "tool/stack_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A capture whose frame i (from 1) is of function (i - 1) / LINES + 1, named f<function>. */
#define LINES 3u

struct world {
    struct buffer bytes;
    struct capture *capture;
    int fd;
    struct report_frames *frames;
    struct document *document;
    medic_stack_tree *tree;
};

static void begin(struct world *world, uint32_t functions)
{
    *world = (struct world){0};
    put_header(&world->bytes);
    put_module(&world->bytes, 7, "/app/Orders.dll");
    for (uint32_t f = 1; f <= functions; f++) {
        char name[32];
        snprintf(name, sizeof name, "f%u", f);
        put_function(&world->bytes, f, 7, f, name);
    }
    for (uint32_t i = 0; i < functions * LINES; i++)
        put_frame(&world->bytes, i + 1, MEDIC_FRAME_MANAGED, 0x1000 + i, i / LINES + 1, 7);
    put_image(&world->bytes, 9, 0, "/lib/libnameless.so");
    put_frame(&world->bytes, functions * LINES + 1, MEDIC_FRAME_NATIVE, 0x10, 0, 9);
    world->fd = file_with(world->bytes.bytes, world->bytes.size);
    assert_int_equal(capture_open(world->fd, &world->capture, NULL), MEDIC_OK);
    world->frames = report_frames_new(world->capture, NULL);
    world->document = document_new();
    world->tree = stack_tree_new(world->frames, world->document);
}

static void end(struct world *world)
{
    stack_tree_free(world->tree);
    document_free(world->document);
    report_frames_free(world->frames);
    capture_close(world->capture);
    close(world->fd);
    buffer_free(&world->bytes);
}

static uint32_t frame_id(uint32_t function, uint32_t line)
{
    return (function - 1) * LINES + line % LINES + 1;
}

static uint32_t function_of(uint32_t frame)
{
    return (frame - 1) / LINES + 1;
}

/* --- the reference: every stack is kept, every question walks over all --- */

struct stack {
    uint32_t frames[12], count;
    uint64_t weight, stacks;
};

static uint32_t random_below(uint32_t *seed, uint32_t most)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % most;
}

static bool begins_with(const struct stack *stack, const uint32_t *functions, uint32_t count)
{
    if (stack->count < count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (function_of(stack->frames[i]) != functions[i])
            return false;
    return true;
}

/* The functions from the root to a node. */
static uint32_t way_to(const medic_tree_node *nodes, uint32_t node, uint32_t *way)
{
    uint32_t count = 0;
    for (uint32_t n = node; n; n = nodes[n].parent)
        count++;
    for (uint32_t n = node, i = count; n; n = nodes[n].parent)
        way[--i] = function_of(nodes[n].frame);
    return count;
}

static void check_node(const medic_tree_node *nodes, uint32_t n, const struct stack *stacks, uint32_t count)
{
    uint32_t way[12], depth = way_to(nodes, n, way);
    uint64_t self = 0, total = 0, self_count = 0, total_count = 0, of_frame[64] = {0}, most = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!begins_with(&stacks[i], way, depth))
            continue;
        total += stacks[i].weight;
        total_count += stacks[i].stacks;
        if (depth)
            of_frame[stacks[i].frames[depth - 1]] += stacks[i].weight;
        if (stacks[i].count == depth) {
            self += stacks[i].weight;
            self_count += stacks[i].stacks;
        }
    }
    assert_int_equal(nodes[n].self, self);
    assert_int_equal(nodes[n].total, total);
    assert_int_equal(nodes[n].self_count, self_count);
    assert_int_equal(nodes[n].total_count, total_count);
    for (uint32_t i = 0; i < 64; i++)
        most = of_frame[i] > most ? of_frame[i] : most;
    if (depth)
        assert_int_equal(of_frame[nodes[n].frame], most);
}

static void check_links(const medic_tree_node *nodes, uint32_t count)
{
    uint32_t seen = 1;
    for (uint32_t n = 0; n < count; n++) {
        uint64_t before = UINT64_MAX;
        for (uint32_t child = nodes[n].first_child; child; child = nodes[child].next, seen++) {
            assert_int_equal(nodes[child].parent, n);
            assert_true(child > n && nodes[child].total <= before);
            before = nodes[child].total;
            for (uint32_t other = nodes[child].next; other; other = nodes[other].next)
                assert_int_not_equal(function_of(nodes[child].frame), function_of(nodes[other].frame));
        }
    }
    assert_int_equal(seen, count);
}

static void check_functions(const medic_tree_function *functions, uint32_t count, const struct stack *stacks,
                            uint32_t stack_count)
{
    bool seen[64] = {false};
    for (uint32_t f = 0; f < count; f++) {
        uint32_t id = function_of(functions[f].frame);
        uint64_t self = 0, total = 0, self_count = 0, total_count = 0;
        assert_false(seen[id]);
        seen[id] = true;
        assert_true(f == 0 || functions[f - 1].self >= functions[f].self);
        for (uint32_t i = 0; i < stack_count; i++) {
            const struct stack *stack = &stacks[i];
            bool in = false;
            for (uint32_t d = 0; d < stack->count; d++)
                in |= function_of(stack->frames[d]) == id;
            total += in ? stack->weight : 0;
            total_count += in ? stack->stacks : 0;
            if (stack->count && function_of(stack->frames[stack->count - 1]) == id) {
                self += stack->weight;
                self_count += stack->stacks;
            }
        }
        assert_int_equal(functions[f].self, self);
        assert_int_equal(functions[f].total, total);
        assert_int_equal(functions[f].self_count, self_count);
        assert_int_equal(functions[f].total_count, total_count);
    }
    for (uint32_t i = 0; i < stack_count; i++)
        for (uint32_t d = 0; d < stacks[i].count; d++)
            assert_true(seen[function_of(stacks[i].frames[d])]);
}

static void trees_agree_with_a_slow_reference(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (uint32_t round = 0; round < 300; round++) {
        struct stack stacks[60];
        uint32_t stack_count = random_below(&seed, 60), functions = 1 + random_below(&seed, 6), count;
        struct world world;
        begin(&world, functions);
        for (uint32_t i = 0; i < stack_count; i++) {
            struct stack *stack = &stacks[i];
            *stack = (struct stack){.count = random_below(&seed, 12)};
            stack->weight = random_below(&seed, 1000);
            stack->stacks = 1 + random_below(&seed, 3);
            for (uint32_t d = 0; d < stack->count; d++)
                stack->frames[d] = frame_id(1 + random_below(&seed, functions), random_below(&seed, LINES));
            stack_tree_add(world.tree, stack->frames, stack->count, stack->weight, stack->stacks);
            if (i == stack_count / 2) /* what was made is thrown away by the next add */
                stack_tree_nodes(world.tree, &count);
        }
        const medic_tree_node *nodes = stack_tree_nodes(world.tree, &count);
        check_links(nodes, count);
        for (uint32_t n = 0; n < count; n++)
            check_node(nodes, n, stacks, stack_count);
        const medic_tree_function *list = stack_tree_functions(world.tree, &count);
        check_functions(list, count, stacks, stack_count);
        assert_int_equal(world.document->error, 0);
        end(&world);
    }
}

static void frames_that_are_none_are_left_out(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 2);
    const uint32_t frames[] = {0, frame_id(1, 0), 1000, UINT32_MAX, frame_id(2, 0)};
    uint32_t count;
    stack_tree_add(world.tree, frames, 5, UINT64_MAX, 1);
    stack_tree_add(world.tree, frames, 5, 10, 1);
    stack_tree_add(world.tree, frames, 1, 10, 1); /* no stack at all: weight of the root */
    const medic_tree_node *nodes = stack_tree_nodes(world.tree, &count);
    assert_int_equal(count, 3);
    assert_int_equal(nodes[0].total, UINT64_MAX); /* and does not wrap */
    assert_int_equal(nodes[0].self, 10);
    assert_int_equal(nodes[2].self, UINT64_MAX);
    end(&world);
}

/* --- sections --- */

static void add(struct world *world, uint64_t weight, const char *functions)
{
    uint32_t frames[32], count = 0;
    for (; functions[count]; count++)
        frames[count] = frame_id((uint32_t)(functions[count] - 'a' + 1), 0);
    stack_tree_add(world->tree, frames, count, weight, 1);
}

static const struct medic_section *tree_section(struct world *world, double smallest, uint32_t rows, uint32_t flags)
{
    medic_tree_section about = {sizeof about, MEDIC_UNIT_NANOSECONDS, "hot", "Hot", NULL, "CPU", smallest, rows, flags};
    stack_tree_section(world->tree, &about);
    assert_int_equal(world->document->error, 0);
    return document_find_section(world->document, "hot");
}

static void assert_row(const struct medic_section *section, uint32_t row, uint32_t parent, const char *function,
                       int64_t weight)
{
    assert_true(row < section->row_count);
    assert_string_equal(section_cell(section, row, 0)->as.string, function);
    assert_int_equal(section_cell(section, row, 3)->as.integer, weight);
    assert_int_equal(section->parents[row], parent);
}

static void a_tree_section_has_the_greatest_first(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 26);
    add(&world, 60, "abc");
    add(&world, 30, "abd");
    add(&world, 9, "e");
    add(&world, 1, "f");
    const struct medic_section *section = tree_section(&world, 0.05, 0, 0);
    assert_int_equal(section->row_count, 5);
    assert_row(section, 0, MEDIC_NO_PARENT, "f1", 90);
    assert_row(section, 1, 0, "f2", 90);
    assert_row(section, 2, 1, "f3", 60);
    assert_row(section, 3, 1, "f4", 30);
    assert_row(section, 4, MEDIC_NO_PARENT, "f5", 9);
    assert_int_equal(section->total_rows, 6);
    assert_string_equal(section_cell(section, 0, 1)->as.string, "Orders.dll");
    assert_true(section_cell(section, 0, 2)->as.number == 0.9);
    assert_int_equal(section_cell(section, 0, 4)->as.integer, 2);
    end(&world);
}

static void what_is_called_as_its_library_does_not_tell_it_twice(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 1);
    stack_tree_add(world.tree, (uint32_t[]){LINES + 1}, 1, 5, 1);
    const struct medic_section *section = tree_section(&world, 0, 0, 0);
    assert_row(section, 0, MEDIC_NO_PARENT, "libnameless.so", 5);
    assert_int_equal(section_cell(section, 0, 1)->type, 0);
    end(&world);
}

static void chains_are_folded(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 26);
    add(&world, 59, "abcd");
    add(&world, 1, "ab"); /* not worth telling */
    add(&world, 30, "abce");
    add(&world, 10, "xyzqrstuvw");
    const struct medic_section *section = tree_section(&world, 0.05, 0, MEDIC_TREE_FOLD);
    assert_int_equal(section->row_count, 4);
    assert_row(section, 0, MEDIC_NO_PARENT, "f1 > f2 > f3", 90);
    assert_row(section, 1, 0, "f4", 59);
    assert_row(section, 2, 0, "f5", 30);
    assert_row(section, 3, MEDIC_NO_PARENT, "f24 > ... > f19 > f20 > f21 > f22 > f23", 10);
    end(&world);
}

static void rows_are_bounded(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 26);
    add(&world, 50, "ab");
    add(&world, 40, "ac");
    add(&world, 30, "d");
    const struct medic_section *section = tree_section(&world, 0, 2, 0);
    assert_int_equal(section->row_count, 2);
    assert_row(section, 1, 0, "f2", 50);
    assert_int_equal(section->total_rows, 4);
    end(&world);
}

static void a_section_of_stacks_has_every_distinct_one(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 26);
    add(&world, 5, "abc");
    add(&world, 20, "ab");
    add(&world, 6, "abc");
    const uint32_t other_line[] = {frame_id(1, 2), frame_id(2, 1)};
    stack_tree_add(world.tree, other_line, 2, 100, 4);
    medic_tree_section about = {sizeof about, MEDIC_UNIT_NANOSECONDS, "all", "All", NULL, "CPU", 0, 0, 0};
    stack_tree_stacks(world.tree, &about);
    assert_int_equal(world.document->error, 0);
    const struct medic_section *section = document_find_section(world.document, "all");
    assert_int_equal(section->kind, MEDIC_STACKS);
    assert_int_equal(section->row_count, 2);
    assert_int_equal(section_cell(section, 0, 0)->as.integer, 120);
    assert_int_equal(section_cell(section, 0, 1)->as.integer, 5);
    assert_int_equal(section_cell(section, 1, 0)->as.integer, 11);
    assert_int_equal(section->stacks[1].count, 3);
    assert_string_equal(section->frames[section->stacks[1].frames[2]].function, "f3");
    assert_string_equal(section->frames[section->stacks[1].frames[0]].module, "Orders.dll");
    end(&world);
}

static void nothing_added_gives_empty_sections(void **state)
{
    (void)state;
    struct world world;
    uint32_t count;
    begin(&world, 1);
    assert_int_equal(tree_section(&world, 0.01, 0, MEDIC_TREE_FOLD)->row_count, 0);
    stack_tree_functions(world.tree, &count);
    assert_int_equal(count, 0);
    medic_tree_section about = {sizeof about, 0, "all", "All", NULL, "CPU", 0, 0, 0};
    stack_tree_stacks(world.tree, &about);
    assert_int_equal(document_find_section(world.document, "all")->row_count, 0);
    end(&world);
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void a_million_stacks_take_a_moment(void **state)
{
    (void)state;
    enum { STACKS = 1000000, DEPTH = 40, FUNCTIONS = 2000 };
    struct world world;
    uint32_t seed = 7, count, frames[DEPTH];
    begin(&world, FUNCTIONS);
    double start = cpu_seconds();
    for (uint32_t i = 0; i < STACKS; i++) {
        uint32_t kind = random_below(&seed, 500), at = kind * 7;
        for (uint32_t d = 0; d < DEPTH; d++) { /* paths part at every depth; some leaves are new */
            at = d < 30 ? (at >> (d / 4)) * 31 + d : at + random_below(&seed, 2);
            frames[d] = at % (FUNCTIONS * LINES) + 1;
        }
        stack_tree_add(world.tree, frames, DEPTH, 1, 1);
    }
    double added = cpu_seconds() - start;
    const medic_tree_node *nodes = stack_tree_nodes(world.tree, &count);
    double merged = cpu_seconds() - start - added;
    print_message("1,000,000 stacks: %.2f s, %u nodes: %.2f s\n", added, count, merged);
    assert_int_equal(nodes[0].total, STACKS);
    assert_true(added < 20); /* a sanitizer slows it down */
    end(&world);
}

static void the_deepest_stack_does_not_overflow_ours(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    struct world world;
    uint32_t count, *frames = malloc(DEPTH * sizeof *frames);
    begin(&world, 2);
    for (uint32_t i = 0; i < DEPTH; i++)
        frames[i] = frame_id(1 + i % 2, i);
    for (uint32_t i = 0; i < 100; i++)
        stack_tree_add(world.tree, frames, DEPTH - i, 1, 1);
    stack_tree_nodes(world.tree, &count);
    assert_int_equal(count, 16384 + 1);
    const struct medic_section *section = tree_section(&world, 0.01, 0, MEDIC_TREE_FOLD);
    assert_int_equal(section->row_count, 1);
    medic_tree_section about = {sizeof about, 0, "all", "All", NULL, "CPU", 0, 0, 0};
    stack_tree_stacks(world.tree, &about);
    assert_int_equal(world.document->error, 0);
    end(&world);
    free(frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_agree_with_a_slow_reference),
        cmocka_unit_test(frames_that_are_none_are_left_out),
        cmocka_unit_test(a_tree_section_has_the_greatest_first),
        cmocka_unit_test(what_is_called_as_its_library_does_not_tell_it_twice),
        cmocka_unit_test(chains_are_folded),
        cmocka_unit_test(rows_are_bounded),
        cmocka_unit_test(a_section_of_stacks_has_every_distinct_one),
        cmocka_unit_test(nothing_added_gives_empty_sections),
        cmocka_unit_test(a_million_stacks_take_a_moment),
        cmocka_unit_test(the_deepest_stack_does_not_overflow_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
