/* One sentence: what keeps the memory, or that nothing stands out. Pure. */
#include "verdict.h"

#define WARNING_BYTES 100e6
#define WARNING_SHARE 0.5
#define DOUBLES_WARNING_S 3600.0 /* as fast as that what is alive would double */
#define DOUBLES_CRITICAL_S 120.0
#define CRITICAL_BYTES 50e6
#define DEAD_SHARE 0.2
#define FINALIZER_SHARE 0.1

static double grown(const struct facts *facts)
{
    return (double)facts->bytes - (double)facts->bytes_before;
}

static double seconds(const struct facts *facts)
{
    return (double)facts->span_ns / 1e9;
}

int memory_grows(const struct facts *facts)
{
    return grown(facts) >= GROWTH_BYTES && grown(facts) >= GROWTH_SHARE * (double)facts->bytes_before;
}

/* --- how grave --- */

static uint32_t severity_of_suspect(const struct facts *facts, const struct suspect *suspect)
{
    int much =
        (double)suspect->retained >= WARNING_BYTES && (double)suspect->retained >= WARNING_SHARE * (double)facts->bytes;

    return much ? MEDIC_WARNING : MEDIC_NOTICE;
}

static uint32_t severity_of_growth(const struct facts *facts)
{
    double doubles = seconds(facts) * (double)facts->bytes_before / grown(facts);

    if (doubles <= DOUBLES_CRITICAL_S && grown(facts) >= CRITICAL_BYTES)
        return MEDIC_CRITICAL;
    return doubles <= DOUBLES_WARNING_S && facts->suspect_count ? MEDIC_WARNING : MEDIC_NOTICE;
}

/* --- sentences --- */

static const char *cure(enum holding holding)
{
    switch (holding) {
    case HOLDS_HANDLERS: return ": who subscribes has to unsubscribe";
    case HOLDS_TIMERS: return ": timers live until they are disposed of";
    case HOLDS_REGISTRATIONS: return ": registrations live until they are disposed of, or the token's source is";
    case HOLDS_TASKS: return ": what they await does not complete";
    case HOLDS_HANDLES: return ": a GCHandle holds until it is freed";
    case HOLDS_DEPENDENT: return ": they live as long as their keys in the ConditionalWeakTable";
    case HOLDS_FINALIZER: return ": the finalizer thread does not keep up";
    default: return "";
    }
}

static void add_objects(struct medic_text *text, uint64_t objects)
{
    medic_add_number(text, objects);
    medic_add(text, objects == 1 ? " object" : " objects");
}

static void add_suspect(struct medic_text *text, const struct facts *facts, const struct suspect *suspect)
{
    medic_add_bytes(text, (double)suspect->retained);
    medic_add(text, " of ");
    medic_add_bytes(text, (double)facts->bytes);
    medic_add(text, " (");
    medic_add_share(text, (double)suspect->retained, (double)facts->bytes);
    medic_add(text, ") are kept alive by %s", suspect->path);
}

/* "+41,000 Order (+20.1 MB) under static Orders.Cache._items: Dictionary<int, Order> → Entry[] → Order" */
static void add_grown_suspect(struct medic_text *text, const struct suspect *suspect)
{
    int more = suspect->count > suspect->count_before;

    if (more) {
        medic_add(text, "+");
        medic_add_number(text, suspect->count - suspect->count_before);
        medic_add(text, " %s (", suspect->type);
    }
    medic_add(text, "+");
    medic_add_bytes(text, (double)(suspect->retained - suspect->retained_before));
    medic_add(text, "%s under %s%s", more ? ")" : "", suspect->path, cure(suspect->holding));
}

static void add_growth(struct medic_text *text, const struct facts *facts)
{
    medic_add(text, "Memory grows");
    if (facts->span_ns) {
        medic_add(text, " by ");
        medic_add_bytes(text, grown(facts) / seconds(facts));
        medic_add(text, "/s");
    }
}

static void say_growth(struct medic_text *text, const struct facts *facts)
{
    add_growth(text, facts);
    medic_add(text, ": ");
    if (facts->suspect_count) {
        add_grown_suspect(text, &facts->suspects[0]);
        medic_add(text, ".");
        return;
    }
    medic_add(text, "+");
    medic_add_bytes(text, grown(facts));
    medic_add(text, " in ");
    medic_add_time(text, (double)facts->span_ns);
    medic_add(text, ", but no holder stands out.");
}

static void say_steady(struct medic_text *text, const struct facts *facts)
{
    medic_add(text, "Healthy: nothing grows. ");
    medic_add_bytes(text, (double)facts->bytes_before);
    medic_add(text, " were alive, and ");
    medic_add_time(text, (double)facts->span_ns);
    medic_add(text, " later ");
    medic_add_bytes(text, (double)facts->bytes);
    medic_add(text, ".");
}

static void say_healthy(struct medic_text *text, const struct facts *facts)
{
    medic_add(text, "Healthy: ");
    medic_add_bytes(text, (double)facts->bytes);
    medic_add(text, " are alive in ");
    add_objects(text, facts->objects);
    if ((double)facts->bytes < SUSPECT_BYTES)
        medic_add(text, ", which is little");
    else
        medic_add(text, ", and no holder stands out");
    if (*facts->largest_holder) {
        medic_add(text, "; the largest, %s, keeps ", facts->largest_holder);
        medic_add_bytes(text, (double)facts->largest_holder_bytes);
    }
    medic_add(text, ".");
}

/* --- findings --- */

static struct finding *open_finding(struct verdict *verdict, const char *section, struct medic_text *text)
{
    struct finding *finding;

    if (verdict->finding_count == VERDICT_FINDINGS)
        return NULL;
    finding = &verdict->findings[verdict->finding_count++];
    finding->section = section;
    *text = (struct medic_text){finding->text, sizeof finding->text};
    return finding;
}

static void find_suspects(struct verdict *verdict, const struct facts *facts, size_t from)
{
    struct medic_text text;

    for (size_t i = from; i < facts->suspect_count; i++) {
        const struct suspect *suspect = &facts->suspects[i];
        struct finding *finding = open_finding(verdict, facts->compared ? "growth_paths" : "holders", &text);
        if (!finding)
            return;
        if (facts->compared)
            add_grown_suspect(&text, suspect);
        else
            add_suspect(&text, facts, suspect);
        medic_add(&text, "%s.", facts->compared ? "" : cure(suspect->holding));
        if (!facts->compared)
            snprintf(finding->key, sizeof finding->key, "%s", suspect->key);
    }
}

static void find_finalizer(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text;

    if (facts->suspect_count && facts->suspects[0].holding == HOLDS_FINALIZER) /* the sentence has told it */
        return;
    if ((double)facts->finalizer_bytes < FINALIZER_SHARE * (double)facts->bytes ||
        (double)facts->finalizer_bytes < GROWTH_BYTES || !open_finding(verdict, "roots", &text))
        return;
    add_objects(&text, facts->finalizer_count);
    medic_add(&text, " with ");
    medic_add_bytes(&text, (double)facts->finalizer_bytes);
    medic_add(&text, " only wait to be finalized: the finalizer thread is behind, or blocked.");
}

static void find_dead(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text;

    if (!facts->has_dead || (double)facts->dead_bytes < DEAD_SHARE * (double)(facts->bytes + facts->dead_bytes) ||
        !open_finding(verdict, "generations", &text))
        return;
    medic_add_bytes(&text, (double)facts->dead_bytes);
    medic_add(&text,
              " more are reached from no root that such a photograph sees: most of it is dead and not collected yet; "
              "--set route=collect tells exactly.");
}

static void find_guessed(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text;

    if ((double)facts->guessed_bytes < DEAD_SHARE * (double)facts->bytes || !open_finding(verdict, "photograph", &text))
        return;
    medic_add_bytes(&text, (double)facts->guessed_bytes);
    medic_add(&text, " are reached only from words in memory that look like addresses, so they may be dead; "
                     "--set route=collect tells exactly.");
}

static void find_missing(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text;

    if (!facts->second_failed || !open_finding(verdict, NULL, &text))
        return;
    medic_add(&text, "There is no second photograph to compare with: %s", facts->second_failed);
}

/* --- the verdict --- */

static size_t say(struct verdict *verdict, struct medic_text *text, const struct facts *facts)
{
    if (facts->compared && memory_grows(facts)) {
        verdict->severity = severity_of_growth(facts);
        say_growth(text, facts);
        return 1;
    }
    if (facts->compared) {
        say_steady(text, facts);
        return facts->suspect_count;
    }
    if (!facts->suspect_count) {
        say_healthy(text, facts);
        return 0;
    }
    verdict->severity = severity_of_suspect(facts, &facts->suspects[0]);
    add_suspect(text, facts, &facts->suspects[0]);
    medic_add(text, ". If memory grows, look here first%s.", cure(facts->suspects[0].holding));
    return 1;
}

static void say_nothing(struct verdict *verdict, struct medic_text *text)
{
    verdict->severity = MEDIC_NOTICE;
    medic_add(text, "No photograph of the heap was taken: the session ended before; try again.");
}

void verdict_of(const struct facts *facts, struct verdict *verdict)
{
    struct medic_text text = {verdict->sentence, sizeof verdict->sentence};
    size_t told;

    memset(verdict, 0, sizeof *verdict);
    if (!facts->photographed) {
        say_nothing(verdict, &text);
        return;
    }
    told = say(verdict, &text, facts);
    find_missing(verdict, facts);
    find_suspects(verdict, facts, told);
    find_finalizer(verdict, facts);
    find_guessed(verdict, facts);
    find_dead(verdict, facts);
}
