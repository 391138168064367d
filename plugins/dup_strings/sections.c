/* The sections of the document. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#include "findings.h"

#include <medic/sections.h>

#define VALUES_MAX 500u
#define HOLDERS_MAX 300u
#define HOLDERS_SHOWN 3u /* of a value */
#define SHOWN_IN_ROW 24u /* UTF-16 units of an example */

/* --- totals --- */

static void total_row(const struct work *work, medic_section *section, const char *what, uint64_t count, uint64_t bytes)
{
    medic_cell cells[] = {medic_string(what), medic_whole(count), medic_whole(bytes),
                          medic_ratio((double)bytes, (double)work->census.heap_bytes)};

    MEDIC_ROW(work, section, cells);
}

static void write_totals(const struct work *work)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("what", "What", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("count", "Count", MEDIC_COLUMN_DIFF),
        MEDIC_BYTES_COLUMN("bytes", "Bytes", MEDIC_COLUMN_DIFF),
        MEDIC_SHARE_COLUMN("share", "Of the heap"),
    };
    const struct census *census = &work->census;
    uint64_t values = census->string_count - census->copies;
    medic_section *section = MEDIC_OPEN(work, MEDIC_TABLE, "totals", "All strings", NULL, columns);

    total_row(work, section, "strings", census->string_count, census->string_bytes);
    total_row(work, section, "different values", values, census->value_bytes);
    total_row(work, section, "copies", census->copies, census->wasted);
    total_row(work, section, "literals and other frozen ones", census->frozen_strings, census->frozen_bytes);
    if (census->dead_known)
        total_row(work, section, "dead, not yet collected", census->dead_strings, census->dead_bytes);
}

/* --- who holds them --- */

static void holder_row(struct work *work, medic_section *section, const struct holder *holder)
{
    char name[TEXT_MAX] = "", through[TEXT_MAX] = "", value[TEXT_MAX] = "";
    struct medic_text name_text = {name, sizeof name}, way = {through, sizeof through}, most = {value, sizeof value};

    add_holder(&name_text, work, holder);
    add_through(&way, work, holder);
    add_value(&most, work, &work->census.values[holder->top_value], SHOWN_IN_ROW);
    medic_cell cells[] = {
        medic_string(name),           medic_string(through),
        medic_whole(holder->wasted),  medic_ratio((double)holder->wasted, (double)work->census.wasted),
        medic_whole(holder->copies),  medic_whole(holder->values),
        medic_whole(holder->strings), medic_string(value),
    };
    MEDIC_ROW(work, section, cells);
}

static void write_holders(struct work *work)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("holder", "Field", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("through", "Through", MEDIC_COLUMN_KEY),
        MEDIC_BYTES_COLUMN("wasted", "Wasted", MEDIC_COLUMN_DIFF),
        MEDIC_SHARE_COLUMN("share", "Of all copies"),
        MEDIC_COUNT_COLUMN("repeated", "Repeated", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("values", "Values", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("strings", "Strings", MEDIC_COLUMN_DIFF),
        MEDIC_TEXT_COLUMN("most", "Most often", 0),
    };
    medic_section *section = MEDIC_OPEN(
        work, MEDIC_TABLE, "holders", "Who holds the copies",
        "Repeated: strings that there are others like. A string that two fields refer to counts for both.", columns);

    for (uint32_t h = 0; h < work->holder_count && h < HOLDERS_MAX; h++)
        holder_row(work, section, &work->census.holders[work->holders[h]]);
    work->document->total_rows(section, work->holder_count);
}

/* --- values --- */

static void add_holdings(struct medic_text *text, struct work *work, uint32_t v)
{
    static const char *const kinds[] = {[HOLDS] = "", [HOLDS_KEY] = " (keys)", [HOLDS_VALUE] = " (values)"};
    struct holding holdings[HOLDERS_SHOWN];
    size_t count = census_holders_of(&work->census, v, holdings, HOLDERS_SHOWN);

    for (size_t i = 0; i < count; i++) {
        const struct holder *holder = &work->census.holders[holdings[i].holder];
        medic_add(text, "%s", i ? ", " : "");
        add_holder(text, work, holder);
        medic_add(text, "%s: ", kinds[holding_kind(work, holder)]);
        medic_add_number(text, holdings[i].count);
    }
}

static void value_row(struct work *work, medic_section *section, uint32_t v)
{
    static char shown[VALUE_MAX * VALUE_TEXT_UNIT + VALUE_TEXT_FRAME + 32];
    const struct value *value = &work->census.values[v];
    char held[TEXT_MAX] = "";
    struct medic_text text = {shown, sizeof shown}, holders = {held, sizeof held};

    if (add_value(&text, work, value, work->value_length)) /* others may begin so too */
        medic_add(&text, " #%08x", (unsigned)(value->hash >> 32));
    add_holdings(&holders, work, v);
    medic_cell cells[] = {
        medic_string(shown),
        medic_whole(value->length),
        medic_whole(value->count),
        medic_whole(value_bytes(value)),
        medic_whole(value_wasted(value)),
        medic_ratio((double)value_wasted(value), (double)work->census.heap_bytes),
        medic_string(held),
    };
    MEDIC_ROW(work, section, cells);
}

static void write_values(struct work *work)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("value", "Value", MEDIC_COLUMN_KEY),
        {"length", "Length", MEDIC_INTEGER, MEDIC_UNIT_COUNT, MEDIC_ROLE_NONE, MEDIC_COLUMN_KEY},
        MEDIC_COUNT_COLUMN("count", "Count", MEDIC_COLUMN_DIFF),
        MEDIC_BYTES_COLUMN("each", "Each", 0),
        MEDIC_BYTES_COLUMN("wasted", "Wasted", MEDIC_COLUMN_DIFF),
        MEDIC_SHARE_COLUMN("share", "Of the heap"),
        MEDIC_TEXT_COLUMN("held", "Held by", 0),
    };
    medic_section *section = MEDIC_OPEN(work, MEDIC_TABLE, "values", "The values",
                                        "Wasted: all but one of them, header and padding included.", columns);

    for (uint32_t i = 0; i < work->census.repeated && i < VALUES_MAX; i++)
        value_row(work, section, work->values[i]);
    work->document->total_rows(section, work->census.repeated);
}

/* --- lengths --- */

enum { BUCKETS = 33 };

/* Bucket 0 is the empty string, bucket b holds 2^(b-1) to 2^b - 1. */
static uint32_t bucket_of(uint32_t length)
{
    uint32_t bucket = 0;

    for (; length; length /= 2)
        bucket++;
    return bucket;
}

static void write_lengths(const struct work *work)
{
    static const medic_column columns[] = {
        {"from", "From", MEDIC_INTEGER, MEDIC_UNIT_NONE, MEDIC_ROLE_LOWER, MEDIC_COLUMN_KEY},
        {"to", "Below", MEDIC_INTEGER, MEDIC_UNIT_NONE, MEDIC_ROLE_UPPER, 0},
        {"wasted", "Wasted", MEDIC_INTEGER, MEDIC_UNIT_BYTES, MEDIC_ROLE_VALUE, MEDIC_COLUMN_DIFF},
        MEDIC_COUNT_COLUMN("copies", "Copies", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("strings", "Strings", MEDIC_COLUMN_DIFF),
    };
    const struct census *census = &work->census;
    uint64_t wasted[BUCKETS] = {0}, copies[BUCKETS] = {0}, strings[BUCKETS] = {0};
    uint32_t last = 0;
    medic_section *section =
        MEDIC_OPEN(work, MEDIC_HISTOGRAM, "lengths", "Wasted by length", "In UTF-16 units, as string.Length.", columns);

    for (uint32_t v = 0; v < census->map.count; v++) {
        const struct value *value = &census->values[v];
        uint32_t bucket = bucket_of(value->length);
        wasted[bucket] += value_wasted(value);
        copies[bucket] += value->count > 1 ? value->count - 1 : 0;
        strings[bucket] += value->count;
        last = bucket > last ? bucket : last;
    }
    for (uint32_t bucket = 0; bucket <= last; bucket++) {
        medic_cell cells[] = {medic_whole(bucket ? UINT64_C(1) << (bucket - 1) : 0), medic_whole(UINT64_C(1) << bucket),
                              medic_whole(wasted[bucket]), medic_whole(copies[bucket]), medic_whole(strings[bucket])};
        MEDIC_ROW(work, section, cells);
    }
}

/* --- what to keep in mind --- */

static const char *route_words(uint32_t route)
{
    switch (route) {
    case MEDIC_HEAP_COPY: return "A copy of the process was collected and read";
    case MEDIC_HEAP_COLLECT: return "The program's garbage was collected, and a copy of the process read";
    case MEDIC_HEAP_ENUMERATE: return "A copy of the process was read, without a collection";
    default: return "The heap was read";
    }
}

static void note_route(struct medic_notes *notes, const medic_heap_graph *graph)
{
    char pause[32] = "";
    struct medic_text text = {pause, sizeof pause};

    medic_add_time(&text, (double)graph->done.pause_ns);
    medic_add_note(notes, "%s; the program stood still for %s. %s", route_words(graph->route), pause,
                   graph->route_reason);
}

static void note_dead(struct medic_notes *notes, const struct census *census)
{
    if (!(census->graph->contents & MEDIC_HEAP_DEAD))
        return;
    if (census->dead_known)
        medic_add_note(
            notes, "Nothing was collected for this photograph: a string counts as dead when no static field, stack, "
                   "handle or other memory that was found leads to it. The next collection frees the dead.");
    else
        medic_add_note(
            notes, "Nothing was collected for this photograph, and no root was found: strings that are dead already "
                   "are among those counted.");
}

static void write_notes(const struct work *work)
{
    struct medic_notes notes = MEDIC_NOTES(work);
    uint64_t lost = work->capture->lost(work->host);

    note_route(&notes, work->census.graph);
    note_dead(&notes, &work->census);
    if (work->redact)
        medic_add_note(&notes,
                       "Values are told by a hash. It is not a secret one: who guesses a value can check the guess.");
    if (lost)
        medic_add_note(&notes, "%llu records were lost: strings may be missing.", (unsigned long long)lost);
}

void write_sections(struct work *work)
{
    write_totals(work);
    if (work->census.repeated) {
        write_holders(work);
        write_values(work);
        write_lengths(work);
    }
    write_notes(work);
}
