/* Who asked for the pauses and who was slow to stop, out of the recorded stacks. */
#include "recording.h"

#include <medic/words.h>
#include <stdlib.h>
#include <string.h>

static int is_library(const char *function)
{
    return medic_begins_with(function, "System.") || medic_begins_with(function, "Microsoft.") ||
           medic_begins_with(function, "Interop.") || medic_begins_with(function, "Interop+");
}

/* Methods in which a thread merely does what the collector asks of it. */
static int is_collector(const char *function)
{
    return medic_begins_with(function, "System.GC.") || medic_begins_with(function, "System.Threading.Thread.PollGC");
}

static const medic_name_record *lookup(const struct recording *recording, uint64_t function, const char **text)
{
    return recording->capture->name(recording->host, MEDIC_NAME_FUNCTION, function, text);
}

const char *function_name(const struct recording *recording, uint64_t function)
{
    const char *text = NULL;

    return lookup(recording, function, &text) && text && *text ? text : "(unknown method)";
}

const char *function_module(const struct recording *recording, uint64_t function)
{
    const char *text = NULL, *path = NULL, *slash;
    const medic_name_record *name = lookup(recording, function, &text);

    if (!name || !name->module || !recording->capture->module(recording->host, name->module, &path) || !path || !*path)
        return NULL;
    slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *thread_name(const struct recording *recording, uint64_t thread)
{
    const char *name = NULL;

    if (!thread || !recording->capture->thread(recording->host, thread, &name) || !name || !*name)
        return NULL;
    return name[0] == '(' ? "(one that has ended)"
                          : name; /* the core's way to say that it could not be asked any more */
}

static int is_stub(const struct recording *recording, uint64_t function)
{
    const char *text = NULL;
    const medic_name_record *name = lookup(recording, function, &text);

    return name && (name->flags & 1);
}

/* Interop stubs and the collector's own methods stand between the runtime and the method that says something. */
static uint32_t first_telling(const struct recording *recording, const uint64_t *frames, uint32_t count)
{
    uint32_t i = 0;

    while (i < count && (is_stub(recording, frames[i]) || is_collector(function_name(recording, frames[i]))))
        i++;
    return i < count ? i : 0;
}

int site_of(const struct recording *recording, size_t stack, struct site *site)
{
    const uint64_t *frames;
    uint32_t count, i;

    site->method = site->caller = NULL;
    if (stack == NO_INDEX || !recording->stacks[stack].head.frame_count)
        return 0;
    frames = recording->frames + recording->stacks[stack].first;
    count = recording->stacks[stack].head.frame_count;
    i = first_telling(recording, frames, count);
    site->method = function_name(recording, frames[i]);
    for (; i < count && !site->caller; i++)
        if (!is_library(function_name(recording, frames[i])) && !is_stub(recording, frames[i]))
            site->caller = function_name(recording, frames[i]);
    if (site->caller && strcmp(site->caller, site->method) == 0)
        site->caller = NULL;
    return 1;
}

/* --- who asked --- */

static const char *how_asked(const struct pause *pause)
{
    switch (pause->gc_reason) {
    case RP_GC_ALLOC_SMALL:
    case RP_GC_OUT_OF_SPACE_SMALL: return "allocation";
    case RP_GC_ALLOC_LARGE:
    case RP_GC_OUT_OF_SPACE_LARGE: return "large allocation";
    default: break;
    }
    if (pause->cause == CAUSE_INDUCED)
        return "GC.Collect";
    return pause->cause == CAUSE_OTHER ? suspend_reason_name(pause->raw.reason) : "collection";
}

static int compare_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int compare_sites(const struct site *a, const struct site *b)
{
    int order = compare_text(a->method, b->method);

    return order ? order : compare_text(a->caller, b->caller);
}

static int by_place(const void *left, const void *right)
{
    const struct caller_row *a = left, *b = right;
    int order = strcmp(a->how, b->how);

    return order ? order : compare_sites(&a->site, &b->site);
}

static int by_caller_total(const void *left, const void *right)
{
    const struct caller_row *a = left, *b = right;

    if (a->total_ns != b->total_ns)
        return a->total_ns < b->total_ns ? 1 : -1;
    return by_place(a, b);
}

static size_t merge_callers(struct caller_row *rows, size_t count)
{
    size_t merged = 0;

    for (size_t i = 0; i < count; i++) {
        if (merged && by_place(&rows[merged - 1], &rows[i]) == 0) {
            struct caller_row *row = &rows[merged - 1];
            row->count++;
            row->total_ns += rows[i].total_ns;
            if (rows[i].max_ns > row->max_ns)
                row->max_ns = rows[i].max_ns;
        } else {
            rows[merged++] = rows[i];
        }
    }
    return merged;
}

struct caller_row *caller_rows(const struct recording *recording, size_t *count)
{
    struct caller_row *rows = calloc(recording->pause_count + 1, sizeof *rows);
    size_t used = 0;

    *count = 0;
    if (!rows)
        return NULL;
    for (size_t i = 0; i < recording->pause_count; i++) {
        const struct pause *pause = &recording->pauses[i];
        struct caller_row *row = &rows[used];
        if (!site_of(recording, pause->asked, &row->site))
            continue;
        row->how = how_asked(pause);
        row->cause = pause->cause;
        row->count = 1;
        row->total_ns = row->max_ns = pause_length(pause);
        used++;
    }
    qsort(rows, used, sizeof *rows, by_place);
    *count = merge_callers(rows, used);
    qsort(rows, *count, sizeof *rows, by_caller_total);
    return rows;
}

/* --- who was slow --- */

static int by_method(const void *left, const void *right)
{
    return compare_text(((const struct slow_row *)left)->site.method, ((const struct slow_row *)right)->site.method);
}

static int by_slow_total(const void *left, const void *right)
{
    const struct slow_row *a = left, *b = right;

    if (a->total_ns != b->total_ns)
        return a->total_ns < b->total_ns ? 1 : -1;
    return by_method(a, b);
}

static void merge_slow(struct slow_row *row, const struct slow_row *other)
{
    row->count++;
    row->total_ns += other->total_ns;
    if (compare_text(row->thread, other->thread) != 0)
        row->thread = NULL;
    if (other->max_ns > row->max_ns) {
        row->max_ns = other->max_ns;
        row->site.caller = other->site.caller;
    }
}

struct slow_row *slow_rows(const struct recording *recording, size_t *count)
{
    struct slow_row *rows = calloc(recording->pause_count + 1, sizeof *rows);
    size_t used = 0, merged = 0;

    *count = 0;
    if (!rows)
        return NULL;
    for (size_t i = 0; i < recording->pause_count; i++) {
        const struct pause *pause = &recording->pauses[i];
        struct slow_row *row = &rows[used];
        if (pause->late == NO_INDEX)
            continue;
        row->thread = thread_name(recording, recording->stacks[pause->late].head.thread);
        if (!site_of(recording, pause->late, &row->site))
            row->site.method = "(no managed frame)";
        row->count = 1;
        row->total_ns = row->max_ns = pause_stop(pause);
        used++;
    }
    qsort(rows, used, sizeof *rows, by_method);
    for (size_t i = 0; i < used; i++) {
        if (merged && by_method(&rows[merged - 1], &rows[i]) == 0)
            merge_slow(&rows[merged - 1], &rows[i]);
        else
            rows[merged++] = rows[i];
    }
    qsort(rows, merged, sizeof *rows, by_slow_total);
    *count = merged;
    return rows;
}

/* --- for the verdict --- */

static void collect_witnesses(struct witnesses *seen, const struct caller_row *rows, size_t count)
{
    size_t most_allocations = 0;

    for (size_t i = 0; i < count; i++) {
        const struct caller_row *row = &rows[i];
        if (row->cause == CAUSE_INDUCED) {
            seen->collect_count += row->count;
            if (row->count > seen->collect_caller_count) {
                seen->collect_caller_count = row->count;
                seen->collect_caller = row->site.method;
            }
        } else if (row->cause == CAUSE_YOUNG && row->count > most_allocations) {
            most_allocations = row->count;
            seen->allocator = row->site.caller ? row->site.caller : row->site.method;
        } else if (row->cause == CAUSE_OTHER && !seen->other_asker) {
            seen->other_asker = row->site.caller ? row->site.caller : row->site.method;
        }
    }
}

struct witnesses witnesses_of(const struct caller_row *callers, size_t caller_count, const struct slow_row *slow,
                              size_t slow_count)
{
    struct witnesses seen = {0};
    uint64_t waits = 0;

    collect_witnesses(&seen, callers, caller_count);
    for (size_t i = 0; i < slow_count; i++)
        waits += slow[i].total_ns;
    if (slow_count && waits) {
        seen.slow_method = slow[0].site.method;
        seen.slow_caller = slow[0].site.caller;
        seen.slow_thread = slow[0].thread;
        seen.slow_share = (double)slow[0].total_ns / (double)waits;
        seen.slow_methods = slow_count;
    }
    return seen;
}
