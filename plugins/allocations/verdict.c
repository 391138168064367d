/* One sentence: is allocation the trouble, what is it that is allocated, and where. Pure. */
#include "facts.h"

#include <medic/service/document.h>

/* The rules; README.md tells them. */
#define RATE_NOTICE 50e6 /* bytes a second */
#define RATE_WARNING 500e6
#define PAUSED_NOTICE 0.02
#define PAUSED_WARNING 0.05
#define PAUSED_CRITICAL 0.2
#define LARGE_NOTICE 20e6 /* bytes a second on the large object heap, which only full collections clean */
#define FULL_NOTICE 0.5   /* collections of gen2 a second */
#define LEAD_SHARE 0.1    /* below this nothing stands out */
#define FINDING_SHARE 0.05
#define SECONDS_TO_JUDGE 0.5
#define INDUCED_SHARE 0.5  /* of the pauses: from here on collections that somebody asks for are the trouble */
#define SURVIVED_SHARE 0.1 /* of what is allocated: of most programs less than a twentieth lives on */

/* --- numbers --- */

double honest(double value, double error)
{
    double unit = 1, parts = 1; /* the last digit is worth unit / parts */
    double steps;

    if (!(error > 0) || !(value > 0))
        return value;
    if (error > value) /* its first digit stays: it was seen */
        error = value;
    while (unit * 10 <= error && unit < 1e18)
        unit *= 10;
    while (unit / parts > error && parts < 1e6)
        parts *= 10;
    steps = value / unit * parts;
    if (steps > 1e15)
        return value;
    return (double)(uint64_t)(steps + 0.5) * unit / parts;
}

/* From 10 % on tables and sentences show whole percents: a digit more keeps them from being rounded twice. */
double honest_share(double share, double error)
{
    return honest(share, share >= 0.0995 && error < 0.01 ? error / 10 : error);
}

double share_error(double bytes, double variance, double all, double all_variance)
{
    double share = all > 0 ? bytes / all : 0, rest = all_variance > variance ? all_variance - variance : 0;
    double error, most;

    if (share > 1)
        share = 1;
    if (!(all > 0))
        return 0;
    if (all_variance > 0)
        return medic_root((1 - share) * (1 - share) * variance + share * share * rest) / all;
    error = medic_root(variance) / all; /* the whole is known, and no part of it is more */
    most = (1 - share) / MEDIC_CERTAIN;
    return error < most ? error : most;
}

/* --- pieces of sentences --- */

static double rate(const struct facts *facts, double bytes)
{
    return facts->seconds > 0 ? bytes / facts->seconds : 0;
}

static void add_rate(struct medic_text *text, const struct facts *facts, double bytes, double variance)
{
    medic_add_bytes(text, honest(rate(facts, bytes), rate(facts, medic_root(variance))));
    medic_add(text, "/s");
}

static void add_percent(struct medic_text *text, double share, double error)
{
    double most = MEDIC_CERTAIN * error * 100;

    medic_add(text, "%.0f %%", honest_share(share, error) * 100);
    if (most >= 0.5)
        medic_add(text, " (± %.0f %%)", most);
}

/* "14 collections a second", "3 collections" */
static uint64_t collections_of(const struct facts *facts)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < AL_COLLECTIONS; i++)
        count += facts->collections[i];
    return count;
}

/* Collections that the program asks for, and not the allocations, take the time. */
static int is_induced(const struct facts *facts)
{
    double paused = 0;

    for (uint32_t i = 0; i < AL_COLLECTIONS; i++)
        paused += (double)facts->pause_ns[i];
    return facts->induced && paused > 0 && (double)facts->induced_ns >= INDUCED_SHARE * paused;
}

static int survives(const struct facts *facts)
{
    return facts->paused >= PAUSED_NOTICE && !is_induced(facts) && facts->survived >= SURVIVED_SHARE * facts->bytes;
}

static void add_collections(struct medic_text *text, const struct facts *facts)
{
    uint64_t count = collections_of(facts);
    double each = rate(facts, (double)count);

    if (!count)
        medic_add(text, "no collection");
    else if (each >= 0.95)
        medic_add(text, "%.*f collections a second", each < 9.95 ? 1 : 0, each);
    else
        medic_add(text, "%llu collection%s in %.0f s", (unsigned long long)count, count == 1 ? "" : "s",
                  facts->seconds);
    medic_add(text, ", ");
    medic_add_share(text, facts->paused, 1);
    medic_add(text, " of the time paused");
    if (facts->paused >= PAUSED_NOTICE && is_induced(facts))
        medic_add(text, ", most of it by collections that the program asks for (GC.Collect)");
    else if (survives(facts))
        medic_add(text, ", as much of it lives on for a while");
}

static void add_lead(struct medic_text *text, const struct facts *facts, const struct lead *lead)
{
    double share = facts->bytes > 0 ? lead->bytes / facts->bytes : 0;

    add_percent(text, share > 1 ? 1 : share, share_error(lead->bytes, lead->variance, facts->bytes, facts->variance));
    medic_add(text, facts->mode == AL_MODE_TICK ? ", measured with bias, are " : " are ");
    medic_add_name(text, lead->type);
    if (lead->place.name) {
        medic_add(text, " in ");
        medic_add_place(text, &lead->place);
    }
    if (lead->place.name && lead->method.name) {
        medic_add(text, ", by ");
        medic_add_name(text, lead->method.name);
    }
}

static int stands_out(const struct facts *facts, const struct lead *lead)
{
    return lead->type && lead->bytes >= LEAD_SHARE * facts->bytes;
}

/* --- judgement --- */

static uint32_t severity_of(const struct facts *facts)
{
    double bytes = rate(facts, facts->bytes), full = rate(facts, (double)facts->collections[AL_GEN2]);

    if (facts->paused >= PAUSED_CRITICAL)
        return MEDIC_CRITICAL;
    if (facts->paused >= PAUSED_WARNING || bytes >= RATE_WARNING)
        return MEDIC_WARNING;
    if (facts->paused >= PAUSED_NOTICE || bytes >= RATE_NOTICE || rate(facts, facts->heaps[AL_LARGE]) >= LARGE_NOTICE ||
        full >= FULL_NOTICE)
        return MEDIC_NOTICE;
    return MEDIC_HEALTHY;
}

/* --- findings --- */

static struct finding *new_finding(struct verdict *verdict, const char *section, const char *key,
                                   struct medic_text *text)
{
    struct finding *finding;
    struct medic_text key_text;

    if (verdict->finding_count == VERDICT_FINDINGS)
        return NULL;
    finding = &verdict->findings[verdict->finding_count++];
    *finding = (struct finding){.section = section};
    key_text = (struct medic_text){finding->key, sizeof finding->key};
    medic_add(&key_text, "%s", key ? key : "");
    *text = (struct medic_text){finding->text, sizeof finding->text};
    return finding;
}

static void find_survivors(const struct facts *facts, struct verdict *verdict)
{
    uint64_t count = facts->collections[AL_GEN0] + facts->collections[AL_GEN1];
    struct medic_text text;

    if (!count || !survives(facts) ||
        !new_finding(verdict, "collections", facts->collections[AL_GEN1] ? "gen1" : "gen0", &text))
        return;
    medic_add(&text, "Collections of gen0 and gen1 keep ");
    medic_add_bytes(&text, facts->survived / (double)count);
    medic_add(&text, " each, of ");
    medic_add_bytes(&text, facts->bytes / (double)count);
    medic_add(&text,
              " allocated between them. Copying what lives on takes the time, more than how much is made: let it "
              "die sooner, or keep it for good and reuse it (profiler gc_survivors tells what it is).");
}

static void find_kind(const struct facts *facts, struct verdict *verdict)
{
    const struct lead *kind = &facts->kind;
    struct medic_text text;

    if (!kind->type || kind->bytes < FINDING_SHARE * facts->bytes ||
        !new_finding(verdict, "kinds", kind_name(kind->kind), &text))
        return;
    add_percent(&text, kind->bytes / facts->bytes,
                share_error(kind->bytes, kind->variance, facts->bytes, facts->variance));
    medic_add(&text, " of the bytes are %s", kind_name(kind->kind));
    if (kind->place.name) {
        medic_add(&text, ", most of it in ");
        medic_add_place(&text, &kind->place);
    }
    medic_add(&text, ": %s.", kind_hint(kind->kind));
}

static void find_large(const struct facts *facts, struct verdict *verdict)
{
    struct medic_text text;

    if (!facts->large.type || rate(facts, facts->heaps[AL_LARGE]) < LARGE_NOTICE ||
        !new_finding(verdict, "large", facts->large.type, &text))
        return;
    medic_add_number(&text, facts->large_count);
    medic_add(&text, " large objects, ");
    medic_add_bytes(&text, rate(facts, facts->heaps[AL_LARGE]));
    medic_add(&text, "/s, most of it ");
    medic_add_name(&text, facts->large.type);
    if (facts->large.place.name) {
        medic_add(&text, " in ");
        medic_add_place(&text, &facts->large.place);
    }
    medic_add(&text, ": only full collections free them; rent them from ArrayPool or keep them below 85 kB.");
}

static void find_full(const struct facts *facts, struct verdict *verdict)
{
    double full = rate(facts, (double)facts->collections[AL_GEN2]);
    struct medic_text text;

    if (full < FULL_NOTICE || !new_finding(verdict, "collections", "gen2", &text))
        return;
    medic_add(&text, "%.1f blocking collections of gen2 a second take ", full);
    medic_add_share(&text, (double)facts->pause_ns[AL_GEN2] / 1e9, facts->seconds);
    medic_add(&text, facts->induced * 2 >= facts->collections[AL_GEN2]
                         ? " of the time, and the program asks for most of them: find the call of GC.Collect and take "
                           "it out (profiler runtime_pauses tells who calls)."
                         : " of the time: memory is short, or large objects come and go (profiler runtime_pauses tells "
                           "the reasons).");
}

static void find_type(const struct facts *facts, struct verdict *verdict)
{
    struct medic_text text;

    if (!facts->type.type || facts->type.bytes < FINDING_SHARE * facts->bytes ||
        (facts->lead.type && stands_out(facts, &facts->lead) && facts->type.bytes < 1.2 * facts->lead.bytes) ||
        !new_finding(verdict, "types", facts->type.type, &text))
        return;
    medic_add(&text, "In all, ");
    add_percent(&text, facts->type.bytes / facts->bytes,
                share_error(facts->type.bytes, facts->type.variance, facts->bytes, facts->variance));
    medic_add(&text, " of the bytes are ");
    medic_add_name(&text, facts->type.type);
    medic_add(&text, ".");
}

static void say_nothing(const struct facts *facts, struct verdict *verdict)
{
    struct medic_text text = {verdict->sentence, sizeof verdict->sentence};

    verdict->severity = MEDIC_NOTICE;
    if (facts->cut)
        medic_add(&text, "Nothing was measured: the runtime had not started to send events when the recording ended, "
                         "which takes long while collections run back to back. Record longer.");
    else
        medic_add(&text, "The recording is too short to judge: record 10 s or more.");
}

/* Little is allocated, and yet collections run. */
static void blame_induced(const struct facts *facts, struct verdict *verdict)
{
    struct medic_text text = {verdict->sentence, sizeof verdict->sentence};
    double each = rate(facts, (double)facts->induced);

    medic_add(&text, "The program asks for its collections itself (GC.Collect): ");
    medic_add(&text, "%.*f a second, ", each < 9.95 ? 1 : 0, each);
    medic_add_share(&text, facts->paused, 1);
    medic_add(&text, " of the time paused. What it allocates, ");
    add_rate(&text, facts, facts->bytes, facts->variance);
    medic_add(&text, ", is not the reason.");
    find_full(facts, verdict);
}

void verdict_of(const struct facts *facts, struct verdict *verdict)
{
    struct medic_text text = {verdict->sentence, sizeof verdict->sentence};

    verdict->finding_count = 0;
    if (facts->seconds < SECONDS_TO_JUDGE) {
        say_nothing(facts, verdict);
        return;
    }
    verdict->severity = severity_of(facts);
    if (verdict->severity != MEDIC_HEALTHY && is_induced(facts) && rate(facts, facts->bytes) < RATE_NOTICE) {
        blame_induced(facts, verdict);
        return;
    }
    if (verdict->severity == MEDIC_HEALTHY)
        medic_add(&text, "Allocation is not the trouble: ");
    add_rate(&text, facts, facts->bytes, facts->variance);
    medic_add(&text, " allocated");
    if (verdict->severity != MEDIC_HEALTHY && stands_out(facts, &facts->lead)) {
        medic_add(&text, "; ");
        add_lead(&text, facts, &facts->lead);
        medic_add(&text, ": ");
    } else {
        medic_add(&text, verdict->severity == MEDIC_HEALTHY ? ", " : ", by many in small parts: ");
    }
    add_collections(&text, facts);
    medic_add(&text, ".");
    if (verdict->severity == MEDIC_HEALTHY)
        return;
    find_survivors(facts, verdict);
    find_kind(facts, verdict);
    find_type(facts, verdict);
    find_large(facts, verdict);
    find_full(facts, verdict);
}
