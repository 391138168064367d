#include "tool/report_host.h"

#include <medic/medic.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct report_host *of(const medic_host *host)
{
    return (struct report_host *)(uintptr_t)host; /* ours, and writable: the plugin only must not write */
}

/* --- medic.capture --- */

static const medic_capture_header *get_header(const medic_host *host)
{
    return capture_header(of(host)->capture);
}

static int get_next(const medic_host *host, medic_record *record)
{
    return capture_next(of(host)->capture, record);
}

static void do_rewind(const medic_host *host)
{
    capture_rewind(of(host)->capture);
}

static const medic_name_record *get_name(const medic_host *host, uint32_t kind, uint64_t id, const char **text)
{
    return capture_name(of(host)->capture, kind, id, text);
}

static const medic_module_record *get_module(const medic_host *host, uint64_t id, const char **path)
{
    return capture_module(of(host)->capture, id, path);
}

static const medic_thread_record *get_thread(const medic_host *host, uint64_t id, const char **name)
{
    return capture_thread(of(host)->capture, id, name);
}

static void get_span(const medic_host *host, uint64_t *begin_ns, uint64_t *end_ns)
{
    capture_span(of(host)->capture, begin_ns, end_ns);
}

static uint32_t get_end_reason(const medic_host *host)
{
    const medic_end_record *end = capture_end(of(host)->capture, NULL);
    return end ? end->reason : (uint32_t)MEDIC_END_NONE;
}

static uint64_t get_lost(const medic_host *host)
{
    const struct capture_totals *totals = capture_totals(of(host)->capture);
    uint64_t sum = totals->lost_records + totals->damaged_records;
    return sum < totals->lost_records ? UINT64_MAX : sum;
}

static const medic_capture_service CAPTURE = {
    .size = sizeof CAPTURE,
    .header = get_header,
    .next = get_next,
    .rewind = do_rewind,
    .name = get_name,
    .module = get_module,
    .thread = get_thread,
    .span = get_span,
    .end_reason = get_end_reason,
    .lost = get_lost,
};

/* --- medic.document --- */

static void set_verdict(const medic_host *host, uint32_t severity, const char *sentence)
{
    document_verdict(of(host)->document, severity, sentence);
}

static void add_finding(const medic_host *host, const char *sentence, const char *section_id, const char *row_key)
{
    document_finding(of(host)->document, sentence, section_id, row_key);
}

static medic_section *add_section(const medic_host *host, const medic_section_info *info)
{
    return document_section(of(host)->document, info);
}

static const medic_document_service DOCUMENT = {
    .size = sizeof DOCUMENT,
    .verdict = set_verdict,
    .finding = add_finding,
    .section = add_section,
    .row = section_row,
    .total_rows = section_total_rows,
    .frame = section_frame,
    .row_stack = section_row_stack,
    .edge = section_edge,
};

/* --- medic.frames --- */

/* Made when the first frame is asked for: many profilers have none. NULL: no memory, and the rendering fails. */
static struct report_frames *frames_of(const medic_host *host)
{
    struct report_host *self = of(host);
    if (!self->frames)
        self->frames = report_frames_new(self->capture, self->symbols);
    if (!self->frames && !self->document->error)
        self->document->error =
            medic_fail(&self->document->reason, MEDIC_E_MEMORY, "out of memory while naming the frames of the capture");
    return self->frames;
}

static const medic_frame *get_frame(const medic_host *host, uint32_t id)
{
    struct report_frames *frames = frames_of(host);
    return frames ? report_frames_get(frames, id) : NULL;
}

static uint32_t get_frame_count(const medic_host *host)
{
    return capture_frame_count(of(host)->capture);
}

static int get_stack(const medic_host *host, uint64_t id, const uint32_t **frames, uint32_t *count)
{
    *frames = capture_stack(of(host)->capture, id, count, NULL);
    return *frames != NULL;
}

static const char *get_os_thread(const medic_host *host, uint32_t os_id, uint64_t *managed)
{
    const char *name = NULL;
    const medic_thread_record *thread = capture_thread_of(of(host)->capture, os_id, &name);
    if (managed)
        *managed = thread ? thread->id : 0;
    return name && *name ? name : NULL;
}

static const medic_frames_service FRAMES = {
    .size = sizeof FRAMES,
    .frame = get_frame,
    .frame_count = get_frame_count,
    .stack = get_stack,
    .thread = get_os_thread,
};

/* --- medic.stack_tree --- */

static medic_stack_tree *create_tree(const medic_host *host)
{
    struct report_host *self = of(host);
    struct report_tree *kept = calloc(1, sizeof *kept);
    medic_stack_tree *tree = stack_tree_new(kept ? frames_of(host) : NULL, self->document);
    if (kept) {
        *kept = (struct report_tree){tree, self->trees};
        self->trees = kept;
    }
    return tree;
}

static const medic_stack_tree_service STACK_TREE = {
    .size = sizeof STACK_TREE,
    .create = create_tree,
    .add = stack_tree_add,
    .nodes = stack_tree_nodes,
    .functions = stack_tree_functions,
    .section = stack_tree_section,
    .stacks = stack_tree_stacks,
};

/* --- medic.heap_graph: a photograph that cannot be read fails the rendering --- */

static uint32_t get_photographs(const medic_host *host)
{
    return heap_photographs(of(host)->capture);
}

static const medic_heap_graph *get_graph(const medic_host *host, uint32_t index)
{
    struct report_host *self = of(host);
    struct heap_graph *graph = NULL;
    medic_reason why = {""};
    int result = heap_graphs_get(&self->graphs, self->capture, index, &graph, &why);
    if (result && result != MEDIC_E_NOT_FOUND && !self->document->error) {
        self->document->error = result;
        self->document->reason = why;
    }
    return result ? NULL : &graph->view;
}

static const medic_heap_dominators *get_dominators(const medic_host *host, const medic_heap_graph *graph)
{
    struct report_host *self = of(host);
    struct heap_graph *found = heap_graphs_find(&self->graphs, graph);
    const medic_heap_dominators *dominators = found ? heap_graph_dominators(found) : NULL;
    if (found && !dominators && !self->document->error)
        self->document->error = medic_fail(&self->document->reason, MEDIC_E_MEMORY,
                                           "out of memory while finding what keeps what alive in the heap");
    return dominators;
}

static const char *get_field(const medic_host *host, const medic_heap_graph *graph, uint32_t class_index, uint32_t slot)
{
    struct heap_graph *found = heap_graphs_find(&of(host)->graphs, graph);
    return found ? heap_field_name(found, class_index, slot) : NULL;
}

static uint64_t get_hash(const medic_host *host, const medic_heap_graph *graph, uint32_t node, uint32_t *length)
{
    const struct heap_graph *found = heap_graphs_find(&of(host)->graphs, graph);
    return found ? heap_string_hash(found, node, length) : 0;
}

static const medic_heap_value *get_value(const medic_host *host, const medic_heap_graph *graph, uint64_t hash,
                                         uint32_t length)
{
    const struct heap_graph *found = heap_graphs_find(&of(host)->graphs, graph);
    return found ? heap_value_of(&found->parts, hash, length) : NULL;
}

static void do_release(const medic_host *host, const medic_heap_graph *graph)
{
    heap_graphs_release(&of(host)->graphs, graph);
}

static const medic_heap_graph_service HEAP_GRAPH = {
    .size = sizeof HEAP_GRAPH,
    .photographs = get_photographs,
    .graph = get_graph,
    .dominators = get_dominators,
    .field = get_field,
    .hash = get_hash,
    .value = get_value,
    .release = do_release,
};

/* --- medic.params --- */

static int lookup(const medic_host *host, const char *key, uint32_t type, uint32_t other_type,
                  const struct value **value)
{
    const struct report_host *self = of(host);
    for (uint32_t i = 0; i < self->plugin->param_count; i++) {
        if (strcmp(param_at(self->plugin, i)->key, key) != 0)
            continue;
        *value = &self->values[i];
        return (*value)->type == type || (*value)->type == other_type ? MEDIC_OK : MEDIC_E_ARGUMENT;
    }
    return MEDIC_E_NOT_FOUND;
}

static int get_bool(const medic_host *host, const char *key, int *out)
{
    const struct value *value;
    int result = lookup(host, key, MEDIC_PARAM_BOOL, MEDIC_PARAM_BOOL, &value);
    if (!result)
        *out = value->as.boolean;
    return result;
}

static int get_int(const medic_host *host, const char *key, int64_t *out)
{
    const struct value *value;
    int result = lookup(host, key, MEDIC_PARAM_INT, MEDIC_PARAM_INT, &value);
    if (!result)
        *out = value->as.integer;
    return result;
}

static int get_float(const medic_host *host, const char *key, double *out)
{
    const struct value *value;
    int result = lookup(host, key, MEDIC_PARAM_FLOAT, MEDIC_PARAM_FLOAT, &value);
    if (!result)
        *out = value->as.number;
    return result;
}

static int get_text(const medic_host *host, const char *key, const char **out)
{
    const struct value *value;
    int result = lookup(host, key, MEDIC_PARAM_STRING, MEDIC_PARAM_ENUM, &value);
    if (!result)
        *out = value->text;
    return result;
}

static int get_quantity(const medic_host *host, const char *key, uint32_t type, uint64_t *out)
{
    const struct value *value;
    int result = lookup(host, key, type, type, &value);
    if (!result)
        *out = value->as.quantity;
    return result;
}

static int get_duration(const medic_host *host, const char *key, uint64_t *nanoseconds)
{
    return get_quantity(host, key, MEDIC_PARAM_DURATION, nanoseconds);
}

static int get_size(const medic_host *host, const char *key, uint64_t *bytes)
{
    return get_quantity(host, key, MEDIC_PARAM_SIZE, bytes);
}

static const medic_params_service PARAMS = {
    .size = sizeof PARAMS,
    .get_bool = get_bool,
    .get_int = get_int,
    .get_float = get_float,
    .get_text = get_text,
    .get_duration = get_duration,
    .get_size = get_size,
};

/* --- medic.log: the capture is closed and the process has no output: a report half's lines come to the recorded ones --- */

static void write_log(const medic_host *host, enum medic_log_level level, const char *format, ...) MEDIC_PRINTF(3, 4);

static void write_log(const medic_host *host, enum medic_log_level level, const char *format, ...)
{
    struct report_host *self = of(host);
    char text[MEDIC_LOG_TEXT_MAX + 1];
    va_list arguments;
    if (self->said_count == REPORT_LOG_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    self->said[self->said_count++] =
        (struct capture_log_line){.text = document_text(self->document, text), .level = level};
}

static const medic_log_service LOG = {.size = sizeof LOG, .write = write_log};

/* --- the host --- */

static const struct {
    const char *name;
    const void *table;
} SERVICES[] = {
    {MEDIC_SERVICE_CAPTURE, &CAPTURE},       {MEDIC_SERVICE_DOCUMENT, &DOCUMENT},
    {MEDIC_SERVICE_PARAMS, &PARAMS},         {MEDIC_SERVICE_LOG, &LOG},
    {MEDIC_SERVICE_FRAMES, &FRAMES},         {MEDIC_SERVICE_STACK_TREE, &STACK_TREE},
    {MEDIC_SERVICE_HEAP_GRAPH, &HEAP_GRAPH},
};

static const void *find_service(const medic_host *host, const char *name)
{
    (void)host;
    for (size_t i = 0; i < sizeof SERVICES / sizeof *SERVICES; i++)
        if (strcmp(SERVICES[i].name, name) == 0)
            return SERVICES[i].table;
    return NULL;
}

int report_has_service(const char *name)
{
    return find_service(NULL, name) != NULL;
}

/* The text a parameter had in the session: from the capture, else the default. A value that this plugin no longer takes is
 * nobody's wrong argument: another version made the capture. */
static int read_parameter(struct report_host *host, const medic_param *param, struct value *value, medic_reason *why)
{
    char key[MEDIC_NAME_MAX + 64];
    snprintf(key, sizeof key, "param.%s", param->key);
    const char *text = capture_value(host->capture, key), *version = capture_value(host->capture, "plugin_version");
    medic_reason reason = {""};
    if (value_parse(param, text ? text : param->initial, value, &reason) == MEDIC_OK)
        return MEDIC_OK;
    return medic_fail(
        why, MEDIC_E_CORRUPT,
        "%s %.40s made the capture, and %.40s, which is installed, cannot use its settings (%.200s): install "
        "the version that made it",
        host->plugin->name, version ? version : "of another version", host->plugin->version, reason.text);
}

int report_host_init(struct report_host *host, struct capture *capture, const struct symbols *symbols,
                     struct document *document, const medic_plugin *plugin, medic_reason *why)
{
    *host = (struct report_host){.host = {sizeof host->host, 0, find_service},
                                 .capture = capture,
                                 .symbols = symbols,
                                 .document = document,
                                 .plugin = plugin};
    host->values = calloc(plugin->param_count ? plugin->param_count : 1, sizeof *host->values);
    if (!host->values)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while making the report");
    for (uint32_t i = 0; i < plugin->param_count; i++) {
        int result = read_parameter(host, param_at(plugin, i), &host->values[i], why);
        if (result) {
            report_host_free(host);
            return result;
        }
    }
    return MEDIC_OK;
}

void report_host_free(struct report_host *host)
{
    while (host->trees) {
        struct report_tree *kept = host->trees;
        host->trees = kept->next;
        stack_tree_free(kept->tree);
        free(kept);
    }
    heap_graphs_free(&host->graphs);
    report_frames_free(host->frames);
    host->frames = NULL;
    free(host->values);
    host->values = NULL;
}
