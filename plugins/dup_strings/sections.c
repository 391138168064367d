/* The sections of the document. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#include "findings.h"

#define VALUES_MAX 500u
#define HOLDERS_MAX 300u
#define HOLDERS_SHOWN 3u /* of a value */
#define SHOWN_IN_ROW 24u /* UTF-16 units of an example */

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))

/* Columns by type and unit. */
#define TEXT(id, title, flags)                                                                                         \
    {                                                                                                                  \
        id, title, MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, flags                                               \
    }
#define TALLY(id, title)                                                                                               \
    {                                                                                                                  \
        id, title, MEDIC_INTEGER, MEDIC_UNIT_COUNT, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF                                 \
    }
#define BYTES(id, title, flags)                                                                                        \
    {                                                                                                                  \
        id, title, MEDIC_INTEGER, MEDIC_UNIT_BYTES, MEDIC_ROLE_NONE, flags                                             \
    }
#define SHARE(id, title)                                                                                               \
    {                                                                                                                  \
        id, title, MEDIC_NUMBER, MEDIC_UNIT_RATIO, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF | MEDIC_COLUMN_SHARE             \
    }

static medic_cell whole(uint64_t value)
{
    return medic_integer(value < INT64_MAX ? (int64_t)value : INT64_MAX);
}

static medic_cell ratio(uint64_t part, uint64_t all)
{
    return medic_number(all ? (double)part / (double)all : 0);
}

static medic_section *open_section(const struct work *work, uint32_t kind, const char *id, const char *title,
                                   const char *note, const medic_column *columns, uint32_t column_count)
{
    medic_section_info info = {.size = sizeof info,
                               .kind = kind,
                               .id = id,
                               .title = title,
                               .note = note,
                               .columns = columns,
                               .column_size = sizeof *columns,
                               .column_count = column_count};

    return work->document->section(work->host, &info);
}

#define SECTION(work, kind, id, title, note, columns)                                                                  \
    open_section(work, kind, id, title, note, columns, COUNT_OF(columns))
#define ROW(work, section, cells) (work)->document->row(section, MEDIC_NO_PARENT, cells, COUNT_OF(cells))

/* --- totals --- */

static void total_row(const struct work *work, medic_section *section, const char *what, uint64_t count, uint64_t bytes)
{
    medic_cell cells[] = {medic_string(what), whole(count), whole(bytes), ratio(bytes, work->census.heap_bytes)};

    ROW(work, section, cells);
}

static void write_totals(const struct work *work)
{
    static const medic_column columns[] = {
        TEXT("what", "What", MEDIC_COLUMN_KEY),
        TALLY("count", "Count"),
        BYTES("bytes", "Bytes", MEDIC_COLUMN_DIFF),
        SHARE("share", "Of the heap"),
    };
    const struct census *census = &work->census;
    uint64_t values = census->string_count - census->copies;
    medic_section *section = SECTION(work, MEDIC_TABLE, "totals", "All strings", NULL, columns);

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
        medic_string(name),     medic_string(through),
        whole(holder->wasted),  ratio(holder->wasted, work->census.wasted),
        whole(holder->copies),  whole(holder->values),
        whole(holder->strings), medic_string(value),
    };
    ROW(work, section, cells);
}

static void write_holders(struct work *work)
{
    static const medic_column columns[] = {
        TEXT("holder", "Field", MEDIC_COLUMN_KEY),
        TEXT("through", "Through", MEDIC_COLUMN_KEY),
        BYTES("wasted", "Wasted", MEDIC_COLUMN_DIFF),
        SHARE("share", "Of all copies"),
        TALLY("repeated", "Repeated"),
        TALLY("values", "Values"),
        TALLY("strings", "Strings"),
        TEXT("most", "Most often", 0),
    };
    medic_section *section = SECTION(
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
        medic_string(shown),       whole(value->length),       whole(value->count),
        whole(value_bytes(value)), whole(value_wasted(value)), ratio(value_wasted(value), work->census.heap_bytes),
        medic_string(held),
    };
    ROW(work, section, cells);
}

static void write_values(struct work *work)
{
    static const medic_column columns[] = {
        TEXT("value", "Value", MEDIC_COLUMN_KEY),
        {"length", "Length", MEDIC_INTEGER, MEDIC_UNIT_COUNT, MEDIC_ROLE_NONE, MEDIC_COLUMN_KEY},
        TALLY("count", "Count"),
        BYTES("each", "Each", 0),
        BYTES("wasted", "Wasted", MEDIC_COLUMN_DIFF),
        SHARE("share", "Of the heap"),
        TEXT("held", "Held by", 0),
    };
    medic_section *section = SECTION(work, MEDIC_TABLE, "values", "The values",
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
        TALLY("copies", "Copies"),
        TALLY("strings", "Strings"),
    };
    const struct census *census = &work->census;
    uint64_t wasted[BUCKETS] = {0}, copies[BUCKETS] = {0}, strings[BUCKETS] = {0};
    uint32_t last = 0;
    medic_section *section =
        SECTION(work, MEDIC_HISTOGRAM, "lengths", "Wasted by length", "In UTF-16 units, as string.Length.", columns);

    for (uint32_t v = 0; v < census->map.count; v++) {
        const struct value *value = &census->values[v];
        uint32_t bucket = bucket_of(value->length);
        wasted[bucket] += value_wasted(value);
        copies[bucket] += value->count > 1 ? value->count - 1 : 0;
        strings[bucket] += value->count;
        last = bucket > last ? bucket : last;
    }
    for (uint32_t bucket = 0; bucket <= last; bucket++) {
        medic_cell cells[] = {whole(bucket ? UINT64_C(1) << (bucket - 1) : 0), whole(UINT64_C(1) << bucket),
                              whole(wasted[bucket]), whole(copies[bucket]), whole(strings[bucket])};
        ROW(work, section, cells);
    }
}

/* --- what to keep in mind --- */

struct notes {
    const struct work *work;
    medic_section *section;
};

static void note(const struct notes *notes, const char *format, ...) MEDIC_PRINTF(2, 3);

static void note(const struct notes *notes, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    medic_cell cells[] = {medic_string(text)};
    ROW(notes->work, notes->section, cells);
}

static const char *route_words(uint32_t route)
{
    switch (route) {
    case MEDIC_HEAP_COPY: return "A copy of the process was collected and read";
    case MEDIC_HEAP_COLLECT: return "The program's garbage was collected, and a copy of the process read";
    case MEDIC_HEAP_ENUMERATE: return "A copy of the process was read, without a collection";
    default: return "The heap was read";
    }
}

static void note_route(const struct notes *notes)
{
    const medic_heap_graph *graph = notes->work->census.graph;
    char pause[32] = "";
    struct medic_text text = {pause, sizeof pause};

    medic_add_time(&text, (double)graph->done.pause_ns);
    note(notes, "%s; the program stood still for %s. %s", route_words(graph->route), pause, graph->route_reason);
}

static void note_dead(const struct notes *notes)
{
    const struct census *census = &notes->work->census;

    if (!(census->graph->contents & MEDIC_HEAP_DEAD))
        return;
    if (census->dead_known)
        note(notes, "Nothing was collected for this photograph: a string counts as dead when no static field, stack, "
                    "handle or other memory that was found leads to it. The next collection frees the dead.");
    else
        note(notes, "Nothing was collected for this photograph, and no root was found: strings that are dead already "
                    "are among those counted.");
}

static void write_notes(const struct work *work)
{
    static const medic_column columns[] = {TEXT("text", "Note", 0)};
    const struct notes notes = {work, SECTION(work, MEDIC_TEXT, "notes", "Keep in mind", NULL, columns)};
    uint64_t lost = work->capture->lost(work->host);

    note_route(&notes);
    note_dead(&notes);
    if (work->redact)
        note(&notes, "Values are told by a hash. It is not a secret one: who guesses a value can check the guess.");
    if (lost)
        note(&notes, "%llu records were lost: strings may be missing.", (unsigned long long)lost);
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
