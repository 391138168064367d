/* One sentence: how much of the heap are copies of strings, and which field holds them; and what can be done. */
#include "findings.h"

#include <string.h>

/* The rules; README.md tells them. */
#define SHARE_NOTICE 0.03 /* of the heap that is copies */
#define SHARE_WARNING 0.10
#define SHARE_CRITICAL 0.30
#define BYTES_NOTICE UINT64_C(1000000)
#define BYTES_WARNING UINT64_C(20000000)
#define BYTES_CRITICAL UINT64_C(200000000)
#define LEADS 0.2            /* of all copies: worth a name in the sentence */
#define FINDING_SHARE 0.05   /* of all copies */
#define FINDING_BYTES 100000 /* less than this is no trouble */
#define FEW_VALUES 50u       /* an enum's worth */
#define TIMES_FEW 20u        /* strings for each of the few */
#define TIMES_MANY 2.5       /* strings for each of many */
#define FINDINGS_MAX 5u

static uint32_t severity_of(const struct census *census)
{
    double share = census->heap_bytes ? (double)census->wasted / (double)census->heap_bytes : 0;

    if (share >= SHARE_CRITICAL && census->wasted >= BYTES_CRITICAL)
        return MEDIC_CRITICAL;
    if (share >= SHARE_WARNING && census->wasted >= BYTES_WARNING)
        return MEDIC_WARNING;
    if (share >= SHARE_NOTICE && census->wasted >= BYTES_NOTICE)
        return MEDIC_NOTICE;
    return MEDIC_HEALTHY;
}

/* --- the sentence --- */

/* "38 % of the heap (412 MB of 1.1 GB)" */
static void add_waste(struct medic_text *text, const struct census *census)
{
    medic_add_share(text, (double)census->wasted, (double)census->heap_bytes);
    medic_add(text, " of the %sheap (", census->dead_known ? "live " : "");
    medic_add_bytes(text, (double)census->wasted);
    medic_add(text, " of ");
    medic_add_bytes(text, (double)census->heap_bytes);
    medic_add(text, ")");
}

static void add_holder_of(struct medic_text *text, struct work *work, uint32_t v)
{
    struct holding holding;

    if (!census_holders_of(&work->census, v, &holding, 1))
        return;
    medic_add(text, ", held by ");
    add_holder(text, work, &work->census.holders[holding.holder]);
}

/* The value that stands out, else the field, else that nothing does. */
static void add_lead(struct medic_text *text, struct work *work)
{
    const struct census *census = &work->census;
    const struct value *value = &census->values[work->values[0]];
    const struct holder *holder = work->holder_count ? &census->holders[work->holders[0]] : NULL;

    if ((double)value_wasted(value) >= LEADS * (double)census->wasted) {
        medic_add(text, ": ");
        add_value(text, work, value, SHOWN_IN_SENTENCE);
        medic_add(text, " is there ");
        medic_add_number(text, value->count);
        medic_add(text, " times");
        add_holder_of(text, work, work->values[0]);
    } else if (holder && (double)holder->wasted >= LEADS * (double)census->wasted) {
        medic_add(text, ": ");
        add_holder(text, work, holder);
        medic_add(text, " holds ");
        medic_add_number(text, holder->strings);
        medic_add(text, " strings of ");
        medic_add_number(text, holder->values);
        medic_add(text, " values");
    } else {
        medic_add(text, ", of ");
        medic_add_number(text, census->repeated);
        medic_add(text, " values of which none stands out");
    }
}

static void add_dead(struct medic_text *text, const struct census *census)
{
    if (!census->dead_known || !census->dead_strings)
        return;
    medic_add(text, "; dead strings (");
    medic_add_bytes(text, (double)census->dead_bytes);
    medic_add(text, ") are not counted");
}

void write_verdict(struct work *work)
{
    char sentence[TEXT_MAX];
    struct medic_text text = {sentence, sizeof sentence};
    const struct census *census = &work->census;
    uint32_t severity = severity_of(census);

    if (severity == MEDIC_HEALTHY) {
        medic_add(&text, "Healthy: copies of strings are ");
        add_waste(&text, census);
    } else {
        add_waste(&text, census);
        medic_add(&text, " are copies of strings");
        add_lead(&text, work);
    }
    add_dead(&text, census);
    medic_add(&text, ".");
    work->document->verdict(work->host, severity, sentence);
}

/* --- what can be done --- */

struct reader {
    const char *beginning, *name, *place;
};

/* What reads data into objects, if it is in use: some of its objects live. */
static const struct reader *reader_in_use(const medic_heap_graph *graph)
{
    static const struct reader readers[] = {
        {"System.Text.Json.Serialization.Metadata.", "System.Text.Json", "a JsonConverter of the property"},
        {"Newtonsoft.Json.Serialization.", "Newtonsoft.Json", "a JsonConverter of the property"},
        {"Microsoft.EntityFrameworkCore.", "Entity Framework", "a value converter"},
        {"Microsoft.Data.SqlClient.", "SqlClient", "what reads its rows"},
        {"Npgsql.", "Npgsql", "what reads its rows"},
        {"System.Data.Common.", "System.Data", "what fills its tables"},
    };

    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        for (uint32_t c = 1; c <= graph->class_count; c++)
            if (graph->classes[c].count && medic_begins_with(graph->classes[c].name, readers[i].beginning))
                return &readers[i];
    return NULL;
}

static int has_few_values(const struct holder *holder)
{
    return holder->values < FEW_VALUES && holder->strings / TIMES_FEW >= holder->values;
}

static void add_cure(struct medic_text *text, const struct work *work, const struct holder *holder)
{
    const struct reader *reader = reader_in_use(work->census.graph);

    if (holding_kind(work, holder) == HOLDS_KEY)
        medic_add(text, ": they are keys of a dictionary; use a string as key that is there already, or intern it");
    else if (has_few_values(holder))
        medic_add(text, ": so few values are an enum, or constants; else string.Intern them where they come in");
    else if ((double)holder->strings >= TIMES_MANY * (double)holder->values) {
        medic_add(text, ": share them where they come in, by a table of the strings that were seen (StringPool)");
        if (reader)
            medic_add(text, "; if %s reads them, %s is the place", reader->name, reader->place);
    }
}

static int write_holder_finding(const struct work *work, const struct holder *holder)
{
    char sentence[TEXT_MAX], through[TEXT_MAX] = "", key[2 * TEXT_MAX];
    struct medic_text text = {sentence, sizeof sentence}, way = {through, sizeof through}, row = {key, sizeof key};

    if (holder->wasted < FINDING_BYTES || (double)holder->wasted < FINDING_SHARE * (double)work->census.wasted)
        return 0;
    add_through(&way, work, holder);
    add_holder(&text, work, holder);
    medic_add(&text, " holds ");
    medic_add_number(&text, holder->strings);
    medic_add(&text, " strings of ");
    medic_add_number(&text, holder->values);
    medic_add(&text, holder->values == 1 ? " value, " : " values, ");
    medic_add_bytes(&text, (double)holder->wasted);
    medic_add(&text, " too many");
    add_cure(&text, work, holder);
    medic_add(&text, ".");
    add_holder(&row, work, holder);
    medic_add(&row, "|%s", through);
    work->document->finding(work->host, sentence, "holders", key);
    return 1;
}

/* Empty ones are never needed twice; those of one character the runtime has, or a table of 128 does. */
static int write_short_finding(const struct work *work)
{
    char sentence[TEXT_MAX];
    struct medic_text text = {sentence, sizeof sentence};
    const struct census *census = &work->census;
    uint64_t count[2] = {0}, bytes = 0;

    for (uint32_t v = 0; v < census->map.count; v++)
        if (census->values[v].length < 2 && census->values[v].count > 1) {
            count[census->values[v].length] += census->values[v].count;
            bytes += value_wasted(&census->values[v]);
        }
    if (bytes < FINDING_BYTES || (double)bytes < FINDING_SHARE * (double)census->wasted)
        return 0;
    medic_add_number(&text, count[0]);
    medic_add(&text, " strings are empty and ");
    medic_add_number(&text, count[1]);
    medic_add(&text, " are one character, ");
    medic_add_bytes(&text, (double)bytes);
    medic_add(&text, " too many: use string.Empty, char, or a table of those strings.");
    work->document->finding(work->host, sentence, "values", NULL);
    return 1;
}

void write_findings(struct work *work)
{
    uint32_t count = 0;

    if (severity_of(&work->census) == MEDIC_HEALTHY)
        return;
    count += (uint32_t)write_short_finding(work);
    for (uint32_t h = 0; h < work->holder_count && count < FINDINGS_MAX; h++)
        if (!write_holder_finding(work, &work->census.holders[work->holders[h]]))
            return;
        else
            count++;
}
