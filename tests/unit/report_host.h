/* A made-up tool for tests of report halves: frames, stacks, threads and records go in, a document comes out as text.
 * For one program each; everything is static. */
#ifndef REPORT_HOST_H
#define REPORT_HOST_H

#include "test.h"

#include <medic/medic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { HOST_FRAMES = 400, HOST_STACKS = 2000, HOST_DEPTH = 64, HOST_RECORDS = 20000, HOST_NODES = 20000 };

static struct {
    medic_frame frames[HOST_FRAMES]; /* 1.. */
    uint32_t frame_count;
    uint32_t stacks[HOST_STACKS][HOST_DEPTH]; /* 1.. */
    uint32_t depths[HOST_STACKS];
    uint64_t stack_count;
    struct {
        uint32_t os_id;
        const char *name;
        uint64_t managed;
    } threads[2000];
    size_t thread_count;
    struct {
        uint32_t type, size;
        uint64_t data[48];
    } records[HOST_RECORDS];
    size_t record_count, next, visible; /* visible: how many the reader sees */
    uint64_t begin, end, lost;
    uint32_t end_reason;
    int native;
    uint16_t runtime_major;
    const void *(*more)(const char *name); /* services of the test's own, asked first; may be NULL */
    uint64_t duration_ns;                  /* of every parameter that is one */

    uint32_t severity;
    size_t findings;
    char verdict[1024];
    char text[1 << 20];
    size_t text_size;
    uint32_t columns, rows; /* of the section being written */
} made;

/* --- what a test says --- */

static inline void host_reset(void)
{
    memset(&made, 0, sizeof made);
    made.begin = 1000000000;
    made.end = 11000000000;
    made.end_reason = MEDIC_END_DURATION;
    made.native = 1;
    made.runtime_major = 10;
}

static inline uint32_t host_frame(uint32_t kind, uint32_t code, const char *function, const char *module,
                                  const char *file, uint32_t line)
{
    uint32_t id = ++made.frame_count, same = 1;

    assert_true(id < HOST_FRAMES);
    while (same < id && strcmp(made.frames[same].function, function) != 0)
        same++;
    made.frames[id] = (medic_frame){kind, code, function, module, file, line, same};
    return id;
}

static inline uint32_t user_frame(const char *function, const char *file, uint32_t line)
{
    return host_frame(MEDIC_FRAME_MANAGED, MEDIC_CODE_USER, function, "Orders.dll", file, line);
}

static inline uint32_t framework_frame(const char *function)
{
    return host_frame(MEDIC_FRAME_MANAGED, MEDIC_CODE_FRAMEWORK, function, "System.Private.CoreLib.dll", NULL, 0);
}

static inline uint32_t runtime_frame(const char *function, const char *module)
{
    return host_frame(MEDIC_FRAME_NATIVE, MEDIC_CODE_RUNTIME, function, module, NULL, 0);
}

static inline uint32_t native_frame(const char *function, const char *module)
{
    return host_frame(MEDIC_FRAME_NATIVE, MEDIC_CODE_NATIVE, function, module, NULL, 0);
}

/* Frames root first, closed by 0. */
static inline uint64_t host_stack(uint32_t first, ...)
{
    uint64_t id = ++made.stack_count;
    va_list args;

    assert_true(id < HOST_STACKS);
    va_start(args, first);
    for (uint32_t frame = first; frame; frame = va_arg(args, uint32_t))
        made.stacks[id][made.depths[id]++] = frame;
    va_end(args);
    return id;
}

static inline void host_thread(uint32_t os_id, const char *name, uint64_t managed)
{
    made.threads[made.thread_count].os_id = os_id;
    made.threads[made.thread_count].name = name;
    made.threads[made.thread_count++].managed = managed;
}

static inline void host_record(uint32_t type, const void *data, size_t size)
{
    size_t at = made.record_count++;

    assert_true(size <= sizeof made.records[at].data && at < HOST_RECORDS);
    made.records[at].type = type;
    made.records[at].size = (uint32_t)size;
    memcpy(made.records[at].data, data, size);
}

/* --- the document --- */

static inline void say(const char *format, ...) MEDIC_PRINTF(1, 2);

static inline void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    made.text_size += (size_t)vsnprintf(made.text + made.text_size, sizeof made.text - made.text_size, format, args);
    va_end(args);
    if (made.text_size >= sizeof made.text)
        made.text_size = sizeof made.text - 1;
}

static inline void made_verdict(const medic_host *host, uint32_t severity, const char *sentence)
{
    (void)host;
    made.severity = severity;
    snprintf(made.verdict, sizeof made.verdict, "%s", sentence);
    say("verdict %s\n", sentence);
}

static inline void made_finding(const medic_host *host, const char *sentence, const char *section, const char *key)
{
    (void)host;
    made.findings++;
    say("finding %s [%s %s]\n", sentence, section ? section : "", key ? key : "");
}

static inline medic_section *made_section(const medic_host *host, const medic_section_info *section)
{
    (void)host;
    assert_int_equal(section->size, sizeof *section);
    assert_int_equal(section->column_size, sizeof(medic_column));
    made.columns = section->column_count;
    made.rows = 0;
    say("section %s (%s)\n", section->id, section->note ? section->note : "");
    return (medic_section *)&made;
}

static inline void made_cells(const medic_cell *cells, uint32_t count)
{
    assert_int_equal(count, made.columns);
    for (uint32_t i = 0; i < count; i++) {
        if (cells[i].type == MEDIC_STRING)
            say(" %s;", cells[i].as.string);
        else if (cells[i].type == MEDIC_INTEGER)
            say(" %lld;", (long long)cells[i].as.integer);
        else if (cells[i].type == MEDIC_NUMBER)
            say(" %.3f;", cells[i].as.number);
        else
            say(" -;");
    }
    say("\n");
}

static inline uint32_t made_row(medic_section *section, uint32_t parent, const medic_cell *cells, uint32_t count)
{
    (void)section;
    assert_true(parent == MEDIC_NO_PARENT || parent < made.rows);
    if (parent == MEDIC_NO_PARENT)
        say("row");
    else
        say("row %u<%u", made.rows, parent);
    made_cells(cells, count);
    return made.rows++;
}

static inline void made_total_rows(medic_section *section, uint64_t total)
{
    (void)section;
    assert_true(total >= made.rows);
}

/* --- the capture --- */

static inline const medic_capture_header *made_header(const medic_host *host)
{
    static medic_capture_header header;

    (void)host;
    header.runtime_major = made.runtime_major;
    return &header;
}

static inline int made_next(const medic_host *host, medic_record *record)
{
    (void)host;
    if (made.next >= made.visible)
        return 0;
    *record = (medic_record){made.records[made.next].type, made.records[made.next].size, made.records[made.next].data};
    made.next++;
    return 1;
}

static inline void made_rewind(const medic_host *host)
{
    (void)host;
    made.next = 0;
}

static inline void made_span(const medic_host *host, uint64_t *begin, uint64_t *end)
{
    (void)host;
    *begin = made.begin;
    *end = made.end;
}

static inline uint32_t made_end_reason(const medic_host *host)
{
    (void)host;
    return made.end_reason;
}

static inline uint64_t made_lost(const medic_host *host)
{
    (void)host;
    return made.lost;
}

static inline const medic_thread_record *made_managed_thread(const medic_host *host, uint64_t id, const char **name)
{
    (void)host, (void)id, (void)name;
    return NULL;
}

static inline const medic_frame *made_frame(const medic_host *host, uint32_t id)
{
    (void)host;
    return id && id <= made.frame_count ? &made.frames[id] : NULL;
}

static inline uint32_t made_frame_count(const medic_host *host)
{
    (void)host;
    return made.frame_count;
}

static inline int made_stack(const medic_host *host, uint64_t id, const uint32_t **frames, uint32_t *count)
{
    (void)host;
    *frames = id <= made.stack_count ? made.stacks[id] : NULL;
    *count = id && id <= made.stack_count ? made.depths[id] : 0;
    return id && id <= made.stack_count;
}

static inline const char *made_thread(const medic_host *host, uint32_t os_id, uint64_t *managed)
{
    (void)host;
    for (size_t i = 0; i < made.thread_count; i++)
        if (made.threads[i].os_id == os_id) {
            if (managed)
                *managed = made.threads[i].managed;
            return made.threads[i].name;
        }
    return NULL;
}

static inline int made_bool(const medic_host *host, const char *key, int *value)
{
    (void)host;
    *value = made.native;
    return strcmp(key, "native") == 0 ? MEDIC_OK : MEDIC_E_NOT_FOUND;
}

static inline int made_duration(const medic_host *host, const char *key, uint64_t *value)
{
    (void)host, (void)key;
    *value = made.duration_ns;
    return MEDIC_OK;
}

/* --- trees: simple and slow --- */

struct medic_stack_tree {
    medic_tree_node nodes[HOST_NODES];
    uint32_t count;
    medic_tree_function functions[HOST_FRAMES];
};

static struct medic_stack_tree *made_trees[8];
static size_t made_tree_count;

static inline medic_stack_tree *made_tree(const medic_host *host)
{
    (void)host;
    assert_true(made_tree_count < 8);
    made_trees[made_tree_count] = calloc(1, sizeof **made_trees);
    made_trees[made_tree_count]->count = 1;
    return made_trees[made_tree_count++];
}

static inline uint32_t made_function(uint32_t frame)
{
    const medic_frame *known = made_frame(NULL, frame);
    return known ? known->function_id : 0;
}

static inline uint32_t made_child(medic_stack_tree *tree, uint32_t parent, uint32_t frame)
{
    uint32_t child = tree->nodes[parent].first_child;

    while (child && made_function(tree->nodes[child].frame) != made_function(frame))
        child = tree->nodes[child].next;
    if (child)
        return child;
    assert_true(tree->count < HOST_NODES);
    child = tree->count++;
    tree->nodes[child] = (medic_tree_node){.frame = frame, .parent = parent, .next = tree->nodes[parent].first_child};
    tree->nodes[parent].first_child = child;
    return child;
}

static inline void made_add(medic_stack_tree *tree, const uint32_t *frames, uint32_t count, uint64_t weight,
                            uint64_t stacks)
{
    char seen[HOST_FRAMES] = {0};
    uint32_t node = 0;

    tree->nodes[0].total += weight;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t function = made_function(frames[i]);
        node = made_child(tree, node, frames[i]);
        tree->nodes[node].total += weight;
        tree->nodes[node].total_count += stacks;
        tree->functions[function].frame = frames[i];
        if (!seen[function]++)
            tree->functions[function].total += weight;
    }
    tree->nodes[node].self += weight;
    if (count)
        tree->functions[made_function(frames[count - 1])].self += weight;
}

/* Bubbles the heaviest child of each node to the front; the rest may be in any order. */
static inline const medic_tree_node *made_nodes(medic_stack_tree *tree, uint32_t *count)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        uint32_t best = 0, before = 0, best_before = 0;
        for (uint32_t child = tree->nodes[i].first_child; child; before = child, child = tree->nodes[child].next)
            if (!best || tree->nodes[child].total > tree->nodes[best].total) {
                best = child;
                best_before = before;
            }
        if (best_before) {
            tree->nodes[best_before].next = tree->nodes[best].next;
            tree->nodes[best].next = tree->nodes[i].first_child;
            tree->nodes[i].first_child = best;
        }
    }
    *count = tree->count;
    return tree->nodes;
}

static inline int made_by_self(const void *left, const void *right)
{
    uint64_t a = ((const medic_tree_function *)left)->self, b = ((const medic_tree_function *)right)->self;
    return (a < b) - (a > b);
}

static inline const medic_tree_function *made_functions(medic_stack_tree *tree, uint32_t *count)
{
    static medic_tree_function out[HOST_FRAMES];

    *count = 0;
    for (uint32_t i = 0; i < HOST_FRAMES; i++)
        if (tree->functions[i].frame)
            out[(*count)++] = tree->functions[i];
    qsort(out, *count, sizeof *out, made_by_self);
    return out;
}

static inline void made_tree_section(medic_stack_tree *tree, const medic_tree_section *section)
{
    assert_int_equal(section->size, sizeof *section);
    say("section %s of %u nodes\n", section->id, tree->count - 1);
}

/* --- the host --- */

static inline const void *made_service(const medic_host *host, const char *name)
{
    static const medic_capture_service capture = {.size = sizeof capture,
                                                  .header = made_header,
                                                  .next = made_next,
                                                  .rewind = made_rewind,
                                                  .thread = made_managed_thread,
                                                  .span = made_span,
                                                  .end_reason = made_end_reason,
                                                  .lost = made_lost};
    static const medic_document_service document = {.size = sizeof document,
                                                    .verdict = made_verdict,
                                                    .finding = made_finding,
                                                    .section = made_section,
                                                    .row = made_row,
                                                    .total_rows = made_total_rows};
    static const medic_frames_service frames = {.size = sizeof frames,
                                                .frame = made_frame,
                                                .frame_count = made_frame_count,
                                                .stack = made_stack,
                                                .thread = made_thread};
    static const medic_stack_tree_service trees = {.size = sizeof trees,
                                                   .create = made_tree,
                                                   .add = made_add,
                                                   .nodes = made_nodes,
                                                   .functions = made_functions,
                                                   .section = made_tree_section,
                                                   .stacks = made_tree_section};
    static const medic_params_service params = {
        .size = sizeof params, .get_bool = made_bool, .get_duration = made_duration};
    const struct {
        const char *name;
        const void *service;
    } services[] = {{MEDIC_SERVICE_CAPTURE, &capture},
                    {MEDIC_SERVICE_DOCUMENT, &document},
                    {MEDIC_SERVICE_FRAMES, &frames},
                    {MEDIC_SERVICE_STACK_TREE, &trees},
                    {MEDIC_SERVICE_PARAMS, &params}};

    (void)host;
    if (made.more && made.more(name))
        return made.more(name);
    for (size_t i = 0; i < sizeof services / sizeof *services; i++)
        if (strcmp(services[i].name, name) == 0)
            return services[i].service;
    return NULL;
}

/* Renders the first `count` records. The text stays valid until the next call. */
static inline const char *host_render_some(const medic_report *report, size_t count)
{
    medic_host host = {.size = sizeof host, .service = made_service};
    medic_reason why = {""};

    made.visible = count;
    made.next = made.text_size = made.findings = 0;
    made.text[0] = made.verdict[0] = '\0';
    assert_int_equal(report->render(&host, &why), MEDIC_OK);
    assert_true(made.verdict[0]);
    assert_true(made.findings <= 5);
    while (made_tree_count)
        free(made_trees[--made_tree_count]);
    return made.text;
}

static inline const char *host_render(const medic_report *report)
{
    return host_render_some(report, made.record_count);
}

#endif
