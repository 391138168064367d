/* A gzipped profile for pprof (and what reads its format): messages of profile.proto, packed by protobuf-c, made in an
 * arena. */
#include "profile.pb-c.h"
#include "tool/arena.h"
#include "tool/render.h"
#include "tool/stacks_view.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

typedef Perftools__Profiles__Profile Profile;
typedef Perftools__Profiles__ValueType ValueType;
typedef Perftools__Profiles__Sample Sample;
typedef Perftools__Profiles__Mapping Mapping;
typedef Perftools__Profiles__Location Location;
typedef Perftools__Profiles__Line Line;
typedef Perftools__Profiles__Function Function;

/* A text of the table, or a number that a text (or a pair of them) got. */
struct entry {
    char *key;
    uint64_t value;
    UT_hash_handle hh;
};

struct pprof {
    Profile profile;
    struct arena arena;
    struct entry *strings, *mappings, *functions;
    size_t string_capacity, mapping_capacity, function_capacity, location_capacity, sample_capacity;
    bool failed; /* no memory: what follows is nonsense, and thrown away */
};

static void *take(struct pprof *pprof, size_t size)
{
    void *memory = arena_alloc(&pprof->arena, size);
    if (!memory)
        pprof->failed = true;
    return memory;
}

/* Room for one more pointer in a repeated field. */
static bool grow(struct pprof *pprof, void *items, size_t *capacity, size_t count)
{
    void *grown;
    memcpy(&grown, items, sizeof grown);
    if (arena_grow(&pprof->arena, &grown, capacity, count + 1, sizeof(void *)) != 0) {
        pprof->failed = true;
        return false;
    }
    memcpy(items, &grown, sizeof grown);
    return true;
}

/* The entry of a key, made with value when it is new. NULL: no memory. */
static struct entry *entry_of(struct pprof *pprof, struct entry **table, const char *key, uint64_t value, bool *fresh)
{
    struct entry *entry;
    HASH_FIND_STR(*table, key, entry);
    *fresh = !entry;
    if (entry)
        return entry;
    entry = take(pprof, sizeof *entry);
    char *copy = take(pprof, strlen(key) + 1);
    if (!entry || !copy)
        return NULL;
    entry->key = strcpy(copy, key);
    entry->value = value;
    HASH_ADD_KEYPTR(hh, *table, entry->key, strlen(entry->key), entry);
    if (!entry->hh.tbl)
        pprof->failed = true;
    return entry;
}

static int64_t string_of(struct pprof *pprof, const char *text)
{
    Profile *profile = &pprof->profile;
    bool fresh;
    struct entry *entry = entry_of(pprof, &pprof->strings, text ? text : "", profile->n_string_table, &fresh);
    if (!entry)
        return 0;
    if (fresh && grow(pprof, &profile->string_table, &pprof->string_capacity, profile->n_string_table))
        profile->string_table[profile->n_string_table++] = entry->key;
    return (int64_t)entry->value;
}

static uint64_t mapping_of(struct pprof *pprof, const char *module)
{
    Profile *profile = &pprof->profile;
    bool fresh;
    if (!module || !module[0])
        return 0;
    struct entry *entry = entry_of(pprof, &pprof->mappings, module, profile->n_mapping + 1, &fresh);
    Mapping *mapping;
    if (!entry || !fresh)
        return entry ? entry->value : 0;
    if (!(mapping = take(pprof, sizeof *mapping)) ||
        !grow(pprof, &profile->mapping, &pprof->mapping_capacity, profile->n_mapping))
        return 0;
    perftools__profiles__mapping__init(mapping);
    mapping->id = entry->value;
    mapping->filename = string_of(pprof, module);
    mapping->has_functions = mapping->has_filenames = mapping->has_line_numbers = true;
    profile->mapping[profile->n_mapping++] = mapping;
    return mapping->id;
}

/* A function is its name and its file. */
static uint64_t function_of(struct pprof *pprof, const struct document_frame *frame)
{
    Profile *profile = &pprof->profile;
    const char *file = frame->file ? frame->file : "";
    size_t name_size = strlen(frame->function), file_size = strlen(file);
    char *key = take(pprof, name_size + file_size + 2);
    bool fresh;
    if (!key)
        return 0;
    memcpy(key, frame->function, name_size);
    key[name_size] = '\n';
    memcpy(key + name_size + 1, file, file_size + 1);
    struct entry *entry = entry_of(pprof, &pprof->functions, key, profile->n_function + 1, &fresh);
    Function *function;
    if (!entry || !fresh)
        return entry ? entry->value : 0;
    if (!(function = take(pprof, sizeof *function)) ||
        !grow(pprof, &profile->function, &pprof->function_capacity, profile->n_function))
        return 0;
    perftools__profiles__function__init(function);
    function->id = entry->value;
    function->name = function->system_name = string_of(pprof, frame->function);
    function->filename = string_of(pprof, file);
    profile->function[profile->n_function++] = function;
    return function->id;
}

/* Frame i of the section gets the location id i + 1. */
static void add_location(struct pprof *pprof, const struct document_frame *frame)
{
    Profile *profile = &pprof->profile;
    Location *location = take(pprof, sizeof *location);
    Line *line = take(pprof, sizeof *line);
    Line **lines = take(pprof, sizeof *lines);
    if (!location || !line || !lines ||
        !grow(pprof, &profile->location, &pprof->location_capacity, profile->n_location))
        return;
    perftools__profiles__location__init(location);
    perftools__profiles__line__init(line);
    line->function_id = function_of(pprof, frame);
    line->line = frame->line;
    lines[0] = line;
    location->id = profile->n_location + 1;
    location->mapping_id = mapping_of(pprof, frame->module);
    location->n_line = 1;
    location->line = lines;
    profile->location[profile->n_location++] = location;
}

static void add_sample(struct pprof *pprof, const struct stacks_view *view, uint32_t row)
{
    Profile *profile = &pprof->profile;
    const struct document_stack *stack = &view->section->stacks[row];
    Sample *sample = take(pprof, sizeof *sample);
    uint64_t *locations = take(pprof, (stack->count + 1) * sizeof *locations);
    int64_t *values = take(pprof, view->weight_count * sizeof *values);
    if (!sample || !locations || !values || !grow(pprof, &profile->sample, &pprof->sample_capacity, profile->n_sample))
        return;
    perftools__profiles__sample__init(sample);
    for (uint32_t i = 0; i < stack->count; i++) /* pprof wants the leaf first */
        locations[i] = (uint64_t)stack->frames[stack->count - 1 - i] + 1;
    for (uint32_t i = 0; i < view->weight_count; i++)
        values[i] = (int64_t)stacks_view_weight(view, row, i);
    sample->n_location_id = stack->count;
    sample->location_id = locations;
    sample->n_value = view->weight_count;
    sample->value = values;
    profile->sample[profile->n_sample++] = sample;
}

static ValueType *value_type(struct pprof *pprof, const char *type, const char *unit)
{
    ValueType *value = take(pprof, sizeof *value);
    if (!value)
        return NULL;
    perftools__profiles__value_type__init(value);
    value->type = string_of(pprof, type);
    value->unit = string_of(pprof, unit);
    return value;
}

static void add_types(struct pprof *pprof, const struct stacks_view *view)
{
    Profile *profile = &pprof->profile;
    if (!(profile->sample_type = take(pprof, view->weight_count * sizeof *profile->sample_type)))
        return;
    for (uint32_t i = 0; i < view->weight_count; i++) {
        const struct document_column *column = &view->section->columns[view->weights[i]];
        if (!(profile->sample_type[i] = value_type(pprof, column->id, stacks_view_unit(view, i))))
            return;
        profile->n_sample_type = i + 1;
    }
    profile->default_sample_type = string_of(pprof, view->section->columns[view->weights[0]].id);
}

/* ISO 8601 to ns since 1970; 0 when it is none. */
static int64_t instant_of(const char *text)
{
    struct tm time = {0};
    return text && strptime(text, "%Y-%m-%dT%H:%M:%S", &time) ? (int64_t)timegm(&time) * 1000000000 : 0;
}

static void fill(struct pprof *pprof, const struct document *document, const struct stacks_view *view)
{
    Profile *profile = &pprof->profile;
    perftools__profiles__profile__init(profile);
    string_of(pprof, ""); /* the format wants it first */
    profile->time_nanos = instant_of(document->session.started);
    if (document->session.duration_ns <= INT64_MAX)
        profile->duration_nanos = (int64_t)document->session.duration_ns;
    mapping_of(pprof, document->target.name); /* the first mapping is taken for the program's */
    add_types(pprof, view);
    for (uint32_t i = 0; i < view->section->frame_count && !pprof->failed; i++)
        add_location(pprof, &view->section->frames[i]);
    for (uint32_t i = 0; i < view->section->row_count && !pprof->failed; i++)
        add_sample(pprof, view, i);
}

static int write_gzip(const uint8_t *bytes, size_t size, FILE *out, medic_reason *why)
{
    z_stream stream = {0};
    unsigned char piece[65536];
    int result = MEDIC_OK, state;
    if (size > UINT_MAX || deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY))
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while writing the report");
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)size;
    do {
        stream.next_out = piece;
        stream.avail_out = sizeof piece;
        state = deflate(&stream, Z_FINISH);
        size_t count = sizeof piece - stream.avail_out;
        if (fwrite(piece, 1, count, out) != count)
            result = medic_fail(why, MEDIC_E_IO, "cannot write the report: %s", strerror(errno));
    } while (state == Z_OK && !result);
    deflateEnd(&stream);
    if (!result && fflush(out))
        result = medic_fail(why, MEDIC_E_IO, "cannot write the report: %s", strerror(errno));
    return result;
}

static int write_profile(struct pprof *pprof, FILE *out, medic_reason *why)
{
    size_t size = pprof->failed ? 0 : perftools__profiles__profile__get_packed_size(&pprof->profile);
    uint8_t *packed = pprof->failed ? NULL : take(pprof, size);
    if (!packed)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while writing the report");
    perftools__profiles__profile__pack(&pprof->profile, packed);
    return write_gzip(packed, size, out, why);
}

int render_pprof(const struct document *document, const struct render_options *options, FILE *out, medic_reason *why)
{
    struct pprof pprof = {0};
    struct stacks_view view;
    size_t index;
    int result = stacks_view_first(document, "pprof", &index, &view, why);
    (void)options;
    if (result)
        return result;
    fill(&pprof, document, &view);
    result = write_profile(&pprof, out, why);
    HASH_CLEAR(hh, pprof.strings);
    HASH_CLEAR(hh, pprof.mappings);
    HASH_CLEAR(hh, pprof.functions);
    arena_free(&pprof.arena);
    return result;
}
