/* The heap: its generations, roots by kind, the largest objects, and how the photograph was made. */
#include "sections.h"

#include <stdlib.h>

#define LARGEST 20u

/* --- generations --- */

void write_generations(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("generation", "Generation", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("objects", "Objects", MEDIC_COLUMN_DIFF),
        MEDIC_BYTES_COLUMN("bytes", "Bytes", MEDIC_COLUMN_DIFF),
        MEDIC_SHARE_COLUMN("share", "Of all"),
    };
    static const char *const names[MEDIC_GENERATIONS] = {"0", "1", "2", "large", "pinned", "frozen", "not known"};
    const char *note = has_dead(recording->graph)
                           ? "Nothing was collected: what no root reaches is there too."
                           : "After a full collection: what was in generation 0 is in 1 now, what was in 1 is in 2.";
    medic_section *section = MEDIC_OPEN(recording, MEDIC_TABLE, "generations", "By generation", note, columns);
    double all = (double)recording->graph->bytes;

    for (uint32_t i = 0; i < MEDIC_GENERATIONS; i++) {
        const struct generation *of = &recording->generations[i];
        medic_cell cells[] = {medic_string(names[i]), medic_whole(of->count), medic_whole(of->bytes),
                              medic_ratio((double)of->bytes, all)};
        if (of->count)
            MEDIC_ROW(recording, section, cells);
    }
    if (recording->dead.count) {
        medic_cell cells[] = {medic_string(has_dead(recording->graph) ? "dead or not seen" : "reached by no root"),
                              medic_whole(recording->dead.count), medic_whole(recording->dead.bytes),
                              medic_ratio((double)recording->dead.bytes, all)};
        MEDIC_ROW(recording, section, cells);
    }
}

/* --- roots --- */

/* Roots of one kind, in the order of the rows. */
static const struct {
    uint32_t kind, flags;
    const char *name;
} root_kinds[] = {
    {MEDIC_ROOT_STATIC, 0, "static fields"},
    {MEDIC_ROOT_THREAD_STATIC, 0, "thread statics"},
    {MEDIC_ROOT_STACK, 0, "stacks"},
    {MEDIC_ROOT_STACK, MEDIC_ROOT_PINNED, "stacks, pinned"},
    {MEDIC_ROOT_HANDLE, 0, "strong handles"},
    {MEDIC_ROOT_HANDLE, MEDIC_ROOT_PINNED, "pinned handles"},
    {MEDIC_ROOT_HANDLE, MEDIC_ROOT_REFCOUNTED, "ref-counted handles"},
    {MEDIC_ROOT_HANDLE, MEDIC_ROOT_WEAK, "weak handles (hold nothing)"},
    {MEDIC_ROOT_DEPENDENT, 0, "ConditionalWeakTable, key not seen"},
    {MEDIC_ROOT_FINALIZER, 0, "finalizer queue"},
    {MEDIC_ROOT_GUESSED, 0, "guessed: words that look like addresses"},
    {MEDIC_ROOT_OTHER, 0, "others"},
};

struct root_sum {
    uint64_t roots, bytes;
    uint32_t largest; /* node */
    uint64_t retained;
};

static size_t kind_of(const medic_heap_root *root)
{
    const uint32_t told = MEDIC_ROOT_PINNED | MEDIC_ROOT_WEAK | MEDIC_ROOT_REFCOUNTED;
    size_t plain = MEDIC_COUNT_OF(root_kinds) - 1;

    for (size_t i = 0; i < MEDIC_COUNT_OF(root_kinds); i++) {
        if (root_kinds[i].kind != root->kind)
            continue;
        if (root_kinds[i].flags == (root->flags & told))
            return i;
        if (!root_kinds[i].flags || (root_kinds[i].flags & root->flags & MEDIC_ROOT_WEAK))
            plain = i;
    }
    return plain;
}

static void sum_roots(const struct recording *recording, struct root_sum *sums)
{
    const medic_heap_graph *graph = recording->graph;

    for (uint32_t i = 0; i < graph->root_count; i++) {
        struct root_sum *sum = &sums[kind_of(&graph->roots[i])];
        uint32_t node = graph->roots[i].node;
        if (node >= graph->node_count)
            continue;
        sum->bytes += bytes_of(graph, node);
        if (!sum->roots++ || recording->tree->retained[node] > sum->retained) {
            sum->largest = node;
            sum->retained = recording->tree->retained[node];
        }
    }
}

void write_roots(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("kind", "Roots", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("count", "Count", MEDIC_COLUMN_DIFF),
        MEDIC_BYTES_COLUMN("bytes", "Their objects", MEDIC_COLUMN_DIFF),
        MEDIC_TEXT_COLUMN("largest", "The one that keeps most", 0),
        MEDIC_BYTES_COLUMN("retained", "Keeps alive", MEDIC_COLUMN_DIFF),
    };
    struct root_sum sums[MEDIC_COUNT_OF(root_kinds)] = {{0}};
    medic_section *section = MEDIC_OPEN(recording, MEDIC_TABLE, "roots", "Roots", NULL, columns);
    char name[NAME_ROOM];

    sum_roots(recording, sums);
    for (size_t i = 0; i < MEDIC_COUNT_OF(root_kinds); i++) {
        const struct root_sum *sum = &sums[i];
        int weak = root_kinds[i].flags == MEDIC_ROOT_WEAK;
        if (!sum->roots)
            continue;
        class_name(recording, recording->graph->class_of[sum->largest], name);
        medic_cell cells[] = {medic_string(root_kinds[i].name), medic_whole(sum->roots), medic_whole(sum->bytes),
                              medic_string(weak ? NULL : name), weak ? medic_none() : medic_whole(sum->retained)};
        MEDIC_ROW(recording, section, cells);
    }
}

/* --- the largest --- */

static uint32_t find_largest(const medic_heap_graph *graph, uint32_t largest[LARGEST])
{
    uint32_t count = 0;

    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t at;
        if (count == LARGEST && graph->units[node] <= graph->units[largest[count - 1]])
            continue;
        at = count < LARGEST ? count++ : count - 1;
        for (; at && graph->units[largest[at - 1]] < graph->units[node]; at--)
            largest[at] = largest[at - 1];
        largest[at] = node;
    }
    return count;
}

/* From the root to the object, without the middle of a long way. */
static void add_way(struct medic_text *text, const struct recording *recording, uint32_t node)
{
    const medic_heap_graph *graph = recording->graph;
    const uint32_t *idom = recording->tree->idom;
    uint32_t above[2] = {MEDIC_NO_NODE, MEDIC_NO_NODE}, length = 0, top = node;
    char name[NAME_ROOM];

    if (idom[node] == MEDIC_NO_NODE) {
        medic_add(text, "%s", has_dead(graph) ? "nothing that was seen: mostly it is dead" : "nothing that was seen");
        return;
    }
    for (uint32_t at = idom[node]; at != graph->root_node; at = idom[at]) {
        if (length < 2)
            above[length] = at;
        length++;
        top = at;
    }
    add_label(text, &recording->holders.labels[recording->holders.label_of[top]]);
    if (length > 2)
        medic_add(text, " → %s%s", class_name(recording, graph->class_of[top], name), length > 3 ? " → …" : "");
    for (uint32_t i = length < 2 ? length : 2; i-- > 0;)
        medic_add(text, " → %s", class_name(recording, graph->class_of[above[i]], name));
}

void write_largest(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("type", "Type", MEDIC_COLUMN_KEY),
        MEDIC_BYTES_COLUMN("bytes", "Bytes", MEDIC_COLUMN_DIFF),
        MEDIC_TEXT_COLUMN("holder", "Kept alive by", MEDIC_COLUMN_KEY),
    };
    uint32_t largest[LARGEST], count = find_largest(recording->graph, largest);
    medic_section *section = MEDIC_OPEN(recording, MEDIC_TABLE, "largest", "The largest objects", NULL, columns);

    for (uint32_t i = 0; i < count; i++) {
        char type[NAME_ROOM], way[1024];
        struct medic_text text = {way, sizeof way};
        class_name(recording, recording->graph->class_of[largest[i]], type);
        add_way(&text, recording, largest[i]);
        medic_cell cells[] = {medic_string(type), medic_whole(bytes_of(recording->graph, largest[i])),
                              medic_string(way)};
        MEDIC_ROW(recording, section, cells);
    }
    recording->document->total_rows(section, recording->graph->node_count);
}

/* --- the photograph --- */

static const char *route_name(uint32_t route)
{
    switch (route) {
    case MEDIC_HEAP_COPY: return "copy: collected and walked in a copy of the process";
    case MEDIC_HEAP_COLLECT: return "collect: one collection of the program, walked in a copy of it";
    case MEDIC_HEAP_ENUMERATE: return "enumerate: listed in a copy of the process, nothing collected";
    default: return "not known";
    }
}

#define VALUE_ROOM 600
typedef char value_text[VALUE_ROOM];

static const char *as_time(uint64_t ns, value_text out)
{
    struct medic_text text = {out, VALUE_ROOM};

    medic_add_time(&text, (double)ns);
    return out;
}

static const char *as_bytes(uint64_t bytes, value_text out)
{
    struct medic_text text = {out, VALUE_ROOM};

    medic_add_bytes(&text, (double)bytes);
    return out;
}

static const char *as_number(uint64_t number, value_text out)
{
    struct medic_text text = {out, VALUE_ROOM};

    medic_add_number(&text, number);
    return out;
}

static void say(const struct recording *recording, medic_section *section, const char *what, const char *value,
                const char *first)
{
    medic_cell cells[] = {medic_string(what), medic_string(value), medic_string(first)};

    recording->document->row(section, MEDIC_NO_PARENT, cells, recording->has_earlier ? 3 : 2);
}

void write_photograph(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("what", "", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("value", "Photograph", 0),
        MEDIC_TEXT_COLUMN("first", "The first one", 0),
    };
    const medic_heap_graph *graph = recording->graph;
    const medic_heap_done_record *now = &graph->done, *then = &recording->earlier.done;
    value_text a, b;
    medic_section *section =
        medic_open_section(recording->document, recording->host, MEDIC_TABLE, "photograph", "How it was photographed",
                           NULL, columns, recording->has_earlier ? 3 : 2, 0);

    say(recording, section, "route", route_name(graph->route), route_name(recording->earlier.route));
    if (graph->route_reason && *graph->route_reason)
        say(recording, section, "why", graph->route_reason, NULL);
    say(recording, section, "pause", as_time(now->pause_ns, a), as_time(then->pause_ns, b));
    say(recording, section, "pause that was expected", as_time(now->predicted_pause_ns, a),
        as_time(then->predicted_pause_ns, b));
    say(recording, section, "attempts", as_number(now->attempts, a), as_number(then->attempts, b));
    say(recording, section, "the copy lived", as_time(now->copy_ns, a), as_time(then->copy_ns, b));
    say(recording, section, "the copy's CPU time", as_time(now->copy_cpu_ns, a), as_time(then->copy_cpu_ns, b));
    say(recording, section, "the copy's memory", as_bytes(now->copy_memory_bytes, a),
        as_bytes(then->copy_memory_bytes, b));
    say(recording, section, "objects", as_number(graph->node_count, a), as_number(then->objects, b));
    say(recording, section, "references", as_number(graph->edge_count, a), NULL);
    say(recording, section, "references to nothing", as_number(graph->dangling, a), NULL);
    say(recording, section, "bytes reached by no root", as_bytes(recording->dead.bytes, a), NULL);
    if (has_dead(graph)) {
        say(recording, section, "bytes reached from known roots", as_bytes(recording->holders.exact_bytes, a), NULL);
        say(recording, section, "bytes reached from guessed roots only", as_bytes(recording->holders.guessed_bytes, a),
            NULL);
    }
}
