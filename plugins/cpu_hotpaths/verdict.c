/* One sentence: is CPU the trouble, what is it spent on, where. Pure. */
#include "facts.h"

#include <medic/service/frames.h>
#include <string.h>

/* The rules; README.md tells them. */
#define IDLE_BUSY 0.05  /* processors */
#define CALM_BUSY 0.5   /* below this and CALM_SHARE of the machine CPU is not the trouble */
#define CALM_SHARE 0.25 /* of the processors that the program may use */
#define SHORT_OF 0.2    /* processors that its threads wait for */
#define SHORT_SHARE 0.3 /* of those it would use */
#define FULL_BUSY 0.9   /* one processor is used up */
#define HALF_SHARE 0.5
#define FULL_SHARE 0.9
#define LEAD_SHARE 0.15 /* below this no method stands out */
#define CONCENTRATED 0.3
#define CRITICAL_LEAD 0.5
#define WASTE_LEADS 0.25 /* collection, compiling, ... from here on it may be the headline */
#define WASTE_FINDING 0.05
#define SECOND_SHARE 0.1
#define WAY_AND_LEAD 1.25 /* the way is told when it carries so much more than the lead */
#define RECURSIVE 0.5     /* of the lead's CPU */
#define QUALITY_LOST 0.05
#define QUALITY_BROKEN 0.1
#define QUALITY_SEEN 0.8 /* of the CPU time that the kernel counted */
#define SPAN_TO_JUDGE_NS 100000000.0

static double share(const struct facts *facts, uint64_t part)
{
    return facts->base_ns ? (double)part / (double)facts->base_ns : 0;
}

/* Processors that it would use if it got them: what it is short of counts when it is much. */
static int is_short(const struct facts *facts)
{
    return facts->short_of >= SHORT_OF && facts->short_of >= SHORT_SHARE * (facts->busy + facts->short_of);
}

static double wanted(const struct facts *facts)
{
    double all = facts->busy + (is_short(facts) ? facts->short_of : 0);

    return facts->processors && all > (double)facts->processors ? (double)facts->processors : all;
}

static double machine_share(const struct facts *facts)
{
    return facts->processors ? wanted(facts) / (double)facts->processors : 0;
}

/* --- what leads --- */

/* The waste with most CPU, WORK_PROGRAM when it is not the headline. */
static enum work leading_work(const struct facts *facts)
{
    enum work best = WORK_PROGRAM;

    for (enum work work = 0; work < WORK_MEDIC; work++)
        if (work != WORK_PROGRAM && work != WORK_RUNTIME &&
            (best == WORK_PROGRAM || facts->work_ns[work] > facts->work_ns[best]))
            best = work;
    if (share(facts, facts->work_ns[best]) < WASTE_LEADS || facts->work_ns[best] < facts->lead.weight_ns)
        return WORK_PROGRAM;
    return best;
}

static double leading_share(const struct facts *facts, enum work work)
{
    return share(facts, work == WORK_PROGRAM ? facts->lead.weight_ns : facts->work_ns[work]);
}

static uint32_t severity_of(const struct facts *facts, enum work work)
{
    double lead = leading_share(facts, work), machine = machine_share(facts);
    int concentrated = lead >= CONCENTRATED;

    if (wanted(facts) < CALM_BUSY && machine < CALM_SHARE)
        return MEDIC_HEALTHY;
    if (machine >= FULL_SHARE && lead >= CRITICAL_LEAD)
        return MEDIC_CRITICAL;
    if (machine >= FULL_SHARE || (concentrated && (machine >= HALF_SHARE || wanted(facts) >= FULL_BUSY)))
        return MEDIC_WARNING;
    return MEDIC_NOTICE;
}

/* --- clauses --- */

/* "1.9 of 2 processors", "40 % of one processor"; processors 0 = not known. */
static void add_processors(struct medic_text *text, double busy, uint32_t processors)
{
    if (busy < 0.95 || processors == 1) {
        medic_add_share(text, busy, 1);
        medic_add(text, " of %s", processors == 1 ? "the one processor" : "one processor");
    } else {
        medic_add(text, "%.1f", busy);
        if (processors)
            medic_add(text, " of %u processors", processors);
        else
            medic_add(text, " processors");
    }
}

static void add_caller(struct medic_text *text, const struct facts *facts, const struct site *site)
{
    (void)facts;
    if (!site->caller.name || site->caller_ns * 10 < site->weight_ns)
        return;
    medic_add(text, ", %s", site->caller_ns * 2 < site->weight_ns ? "called among others from " : "called from ");
    medic_add_name(text, site->caller.name);
}

/* "libcrypto.so" for what ends in another library than it began in. */
static void add_leaf_module(struct medic_text *text, const struct site *site)
{
    if (site->leaf.module && *site->leaf.module && site->leaf_ns * 2 >= site->entry_ns &&
        (!site->entry.module || strcmp(site->leaf.module, site->entry.module) != 0))
        medic_add(text, " (%s)", site->leaf.module);
}

static void add_entry(struct medic_text *text, const struct site *site)
{
    if (site->entry.code == MEDIC_CODE_RUNTIME) { /* its functions have no names that would help */
        medic_add(text, "the runtime (%s)", site->entry.module);
        return;
    }
    medic_add_name(text, site->entry.name);
    add_leaf_module(text, site);
}

/* What follows "61 % of CPU ". */
static void add_site(struct medic_text *text, const struct facts *facts, const struct site *site)
{
    int below = site->user && site->entry.name && site->entry_ns * 2 >= site->weight_ns;

    if (!site->user) {
        medic_add(text, "is in ");
        medic_add_place(text, &site->place);
        if (site->place.module && *site->place.module)
            medic_add(text, " of %s", site->place.module);
        medic_add(text, ", under no code of the program (what is inlined there counts as its own)");
        return;
    }
    if (below) {
        medic_add(text, "goes into ");
        add_entry(text, site);
        medic_add(text, ", called by ");
    } else {
        medic_add(text, "%s ", site->self_ns * 2 >= site->weight_ns ? "is in" : "is spent below");
    }
    medic_add_place(text, &site->place);
    if (site->depth >= 3 && (double)site->repeat_ns >= RECURSIVE * (double)site->weight_ns)
        medic_add(text, ", which calls itself up to %u deep", site->depth);
    else if (!below)
        add_caller(text, facts, site);
}

static void add_who(struct medic_text *text, const char *words, const struct site *site)
{
    if (!site->user)
        return;
    medic_add(text, "%s", words);
    medic_add_place(text, &site->place);
}

/* What follows "48 % of CPU ". */
static void add_work(struct medic_text *text, const struct facts *facts, enum work work)
{
    const struct site *who = &facts->who[work];

    switch (work) {
    case WORK_GC:
        medic_add(text, "goes into garbage collection");
        if (facts->gc_threads > 1)
            medic_add(text, " (server GC, %u threads)", facts->gc_threads);
        add_who(text, ", set off most by ", who);
        medic_add(text, ": it allocates too much, runtime_pauses tells the collections");
        break;
    case WORK_JIT:
        medic_add(text, "goes into compiling methods (JIT)");
        add_who(text, ", most below ", who);
        medic_add(text, facts->late_jit_ns * 4 <= facts->work_ns[WORK_JIT]
                            ? ": the program warms up, measure again later, or use ReadyToRun"
                            : ": it warms up, or makes code again and again (Regex, Expression.Compile, serializers)");
        break;
    case WORK_EXCEPTIONS:
        medic_add(text, "goes into throwing exceptions");
        add_who(text, ", most in ", who);
        medic_add(text, ": do not use them for what is expected");
        break;
    case WORK_LOCKS:
        medic_add(text, "goes into taking locks");
        add_who(text, ", most in ", who);
        medic_add(text, ": threads spin for them; hold them for shorter, or split them");
        break;
    case WORK_SPIN:
        medic_add(text, "is burnt in spin-waits");
        add_who(text, ", most in ", who);
        medic_add(text, ": wait for an event instead");
        break;
    case WORK_POOL:
        medic_add(text, "goes into thread-pool workers that spin for work: make work items fewer and larger");
        break;
    default: break;
    }
}

static void add_busy(struct medic_text *text, const struct facts *facts)
{
    medic_add(text, " of CPU (");
    add_processors(text, facts->busy, facts->processors);
    if (is_short(facts))
        medic_add(text, ", short of %.1f more", facts->short_of);
    medic_add(text, ") ");
}

/* --- the sentence --- */

static void say_spread(struct medic_text *text, const struct facts *facts)
{
    medic_add(text, "No single method stands out of ");
    add_processors(text, facts->busy, facts->processors);
    if (facts->lead.function) {
        medic_add(text, ": the largest, ");
        medic_add_place(text, &facts->lead.place);
        medic_add(text, ", takes ");
        medic_add_share(text, (double)facts->lead.weight_ns, (double)facts->base_ns);
    }
    if (facts->module) {
        medic_add(text, "; the top module, %s, ", facts->module);
        medic_add_share(text, (double)facts->module_ns, (double)facts->base_ns);
    }
    medic_add(text, ".");
}

static void say_lead(struct medic_text *text, const struct facts *facts, enum work work)
{
    medic_add_share(text, leading_share(facts, work), 1);
    add_busy(text, facts);
    if (work == WORK_PROGRAM)
        add_site(text, facts, &facts->lead);
    else
        add_work(text, facts, work);
    medic_add(text, ".");
}

static const char *waste_name(enum work work)
{
    static const char *const names[WORK_COUNT] = {
        [WORK_GC] = "garbage collection",
        [WORK_JIT] = "compiling methods",
        [WORK_EXCEPTIONS] = "throwing exceptions",
        [WORK_LOCKS] = "taking locks",
        [WORK_SPIN] = "spin-waits",
        [WORK_POOL] = "pool workers that look for work",
    };
    return names[work] ? names[work] : "the runtime";
}

static void say_calm(struct medic_text *text, const struct facts *facts, enum work led)
{
    if (facts->busy < IDLE_BUSY) {
        medic_add(text, "The program used ");
        medic_add_share(text, facts->busy, 1);
        medic_add(text, " of one processor: CPU is not its trouble; if it is slow, see what its threads wait for "
                        "(merged_stacks) and its pauses (runtime_pauses).");
        return;
    }
    medic_add(text, "Healthy: the program used ");
    add_processors(text, facts->busy, facts->processors);
    if (led != WORK_PROGRAM) {
        medic_add(text, ", most of it for %s", waste_name(led));
    } else if (share(facts, facts->lead.weight_ns) >= LEAD_SHARE) {
        medic_add(text, ", most of it %s ",
                  facts->lead.user && facts->lead.self_ns * 2 < facts->lead.weight_ns ? "below" : "in");
        medic_add_place(text, &facts->lead.place);
    }
    medic_add(text, ": CPU is not its trouble.");
}

/* 1 when there is nothing to judge. */
static int say_blind(struct verdict *verdict, const struct facts *facts, struct medic_text *text)
{
    double span = (double)(facts->elapsed_ns ? facts->elapsed_ns : facts->span_ns);

    if (!facts->samples && !facts->elapsed_ns && span < SPAN_TO_JUDGE_NS) {
        medic_add(text, "The recording ended after ");
        medic_add_time(text, span);
        medic_add(text, ", too early for a judgement: record again, for longer.");
    } else if (!facts->base_ns && facts->busy >= IDLE_BUSY) {
        medic_add(text, "The program used ");
        add_processors(text, facts->busy, facts->processors);
        medic_add(text, ", but not one sample was taken: record again, for longer, or try engine=suspension.");
    } else {
        return 0;
    }
    verdict->severity = MEDIC_NOTICE;
    return 1;
}

/* --- findings --- */

static int open_finding(struct verdict *verdict, const char *section, const char *key, struct medic_text *text)
{
    struct finding *finding;

    if (verdict->finding_count == VERDICT_FINDINGS)
        return 0;
    finding = &verdict->findings[verdict->finding_count++];
    finding->section = section;
    finding->key = key;
    *text = (struct medic_text){finding->text, sizeof finding->text};
    return 1;
}

static void find_second(struct verdict *verdict, const struct facts *facts, enum work led)
{
    const struct site *site = led == WORK_PROGRAM ? &facts->second : &facts->lead;
    struct medic_text text;

    if (!site->function || share(facts, site->weight_ns) < SECOND_SHARE ||
        !open_finding(verdict, site->user ? "inclusive" : "methods", site->place.name, &text))
        return;
    medic_add(&text, "Another ");
    medic_add_share(&text, (double)site->weight_ns, (double)facts->base_ns);
    medic_add(&text, " ");
    add_site(&text, facts, site);
    medic_add(&text, ".");
}

static void find_waste(struct verdict *verdict, const struct facts *facts, enum work led)
{
    struct medic_text text;

    for (enum work work = 0; work < WORK_MEDIC; work++) {
        if (work == WORK_PROGRAM || work == WORK_RUNTIME || work == led ||
            share(facts, facts->work_ns[work]) < WASTE_FINDING || !open_finding(verdict, "code", NULL, &text))
            continue;
        medic_add_share(&text, (double)facts->work_ns[work], (double)facts->base_ns);
        medic_add(&text, " ");
        add_work(&text, facts, work);
        medic_add(&text, ".");
    }
}

static void find_way(struct verdict *verdict, const struct facts *facts, enum work led)
{
    int told = led == WORK_PROGRAM && leading_share(facts, led) >= LEAD_SHARE; /* the lead, with its caller */
    struct medic_text text;

    if (!facts->way.name || (told && facts->lead.caller.name && strcmp(facts->way.name, facts->lead.caller.name) == 0))
        return;
    if (told && (double)facts->way_ns < WAY_AND_LEAD * (double)facts->lead.weight_ns)
        return;
    if (!open_finding(verdict, "paths", NULL, &text))
        return;
    medic_add_share(&text, (double)facts->way_ns, (double)facts->base_ns);
    medic_add(&text, " of CPU passes through ");
    medic_add_place(&text, &facts->way);
    medic_add(&text, ".");
}

static void find_thread(struct verdict *verdict, const struct facts *facts)
{
    double length = (double)(facts->elapsed_ns ? facts->elapsed_ns : facts->span_ns);
    struct medic_text text;

    if (facts->processors < 2 || length <= 0 || (double)facts->thread_ns < FULL_BUSY * length ||
        (double)facts->thread_ns < 0.6 * (double)facts->base_ns || !open_finding(verdict, "threads", NULL, &text))
        return;
    medic_add(&text, "One thread%s%s%s uses a processor up: more processors will not make it faster.",
              facts->thread ? " (" : "", facts->thread ? facts->thread : "", facts->thread ? ")" : "");
}

/* What makes the numbers less than exact; at most two, for which room is kept. */
static void find_quality(struct verdict *quality, const struct facts *facts)
{
    double seen = (double)facts->sampled_ns + (double)facts->lost_ns, all = (double)facts->process_ns;
    struct medic_text text;

    if (facts->engine == MEDIC_ENGINE_SUSPENSION && open_finding(quality, "notes", NULL, &text))
        medic_add(&text, "Biased: the suspension engine sees managed threads at safe points only; small hot methods, "
                         "native code and the collector are missing.");
    else if (facts->elapsed_ns && all > 0 && facts->busy >= IDLE_BUSY && seen < QUALITY_SEEN * all &&
             open_finding(quality, "usage", NULL, &text)) {
        medic_add(&text, "Only ");
        medic_add_share(&text, seen, all);
        medic_add(&text, " of the CPU time was sampled: shares are of what was seen.");
    }
    if ((double)facts->lost_ns >= QUALITY_LOST * ((double)facts->base_ns + (double)facts->lost_ns) && facts->lost_ns &&
        open_finding(quality, "usage", NULL, &text)) {
        medic_add_share(&text, (double)facts->lost_ns, (double)facts->base_ns + (double)facts->lost_ns);
        medic_add(&text, " of the CPU time is in samples that were lost: a longer interval loses fewer.");
    } else if (share(facts, facts->broken_ns + facts->blind_ns) >= QUALITY_BROKEN &&
               open_finding(quality, "usage", NULL, &text)) {
        medic_add_share(&text, share(facts, facts->broken_ns + facts->blind_ns), 1);
        medic_add(&text, " of CPU is in stacks without their root: sums of callers are too low.");
    }
}

static void find_short(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text;

    if (!is_short(facts) || !open_finding(verdict, "usage", NULL, &text))
        return;
    medic_add(
        &text,
        "Processors are short: its threads stood ready for %.1f more than they got, because of other programs or a "
        "CPU limit.",
        facts->short_of);
}

static void add_findings(struct verdict *verdict, const struct facts *facts, enum work led)
{
    struct verdict quality = {0};
    size_t most;

    find_quality(&quality, facts);
    most = VERDICT_FINDINGS - quality.finding_count;
    if (verdict->severity != MEDIC_HEALTHY) {
        find_short(verdict, facts);
        find_second(verdict, facts, led);
        find_waste(verdict, facts, led);
        find_way(verdict, facts, led);
        find_thread(verdict, facts);
    }
    if (verdict->finding_count > most)
        verdict->finding_count = most;
    for (size_t i = 0; i < quality.finding_count; i++)
        verdict->findings[verdict->finding_count++] = quality.findings[i];
}

void verdict_of(const struct facts *facts, struct verdict *verdict)
{
    enum work led = leading_work(facts);
    struct medic_text text = {verdict->sentence, sizeof verdict->sentence};

    memset(verdict, 0, sizeof *verdict);
    if (say_blind(verdict, facts, &text))
        return;
    verdict->severity = severity_of(facts, led);
    if (verdict->severity == MEDIC_HEALTHY)
        say_calm(&text, facts, led);
    else if (leading_share(facts, led) < LEAD_SHARE)
        say_spread(&text, facts);
    else
        say_lead(&text, facts, led);
    add_findings(verdict, facts, led);
}
