#include "verdict.h"

#include <ctype.h>
#include <medic/clr/profiler.h>
#include <medic/words.h>
#include <stdio.h>
#include <string.h>

/* --- words --- */

/* Three digits that matter: 1.24, 12.4, 124. */
static int decimals(double value)
{
    return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

static void add_scaled(struct medic_text *text, double value, const char *unit)
{
    medic_add(text, "%.*f %s", decimals(value), value, unit);
}

static void add_time(struct medic_text *text, double ns)
{
    if (ns < 999.5e3)
        medic_add(text, "%.0f µs", ns / 1e3);
    else if (ns < 999.5e6)
        add_scaled(text, ns / 1e6, "ms");
    else if (ns < 120e9)
        add_scaled(text, ns / 1e9, "s");
    else
        medic_add(text, "%.0f min", ns / 60e9);
}

static void add_bytes(struct medic_text *text, uint64_t bytes)
{
    if (bytes < UINT64_C(1) << 20)
        medic_add(text, "%.0f KB", (double)bytes / 1024);
    else if (bytes < UINT64_C(1) << 30)
        medic_add(text, "%.0f MB", (double)bytes / 1048576);
    else
        add_scaled(text, (double)bytes / 1073741824, "GB");
}

static void add_share(struct medic_text *text, double part, double whole)
{
    double percent = whole > 0 ? 100 * part / whole : 0;

    if (percent > 0 && percent < 0.01)
        medic_add(text, "less than 0.01 %%");
    else
        medic_add(text, "%.*f %%", percent < 1 ? 2 : percent < 10 ? 1 : 0, percent);
}

static double per_second(const struct facts *facts, size_t count)
{
    return facts->span_ns ? (double)count * 1e9 / (double)facts->span_ns : 0;
}

static void add_count(struct medic_text *text, size_t count, const char *one, const char *many)
{
    medic_add(text, "%zu %s", count, count == 1 ? one : many);
}

/* "12 times (1.2 a second)" */
static void add_times(struct medic_text *text, const struct facts *facts, size_t count)
{
    double rate = per_second(facts, count);

    if (count == 1) {
        medic_add(text, "once");
        return;
    }
    medic_add(text, "%zu times", count);
    if (rate >= 1)
        medic_add(text, " (%.*f a second)", rate < 10 ? 1 : 0, rate);
}

/* --- grades --- */

/* Thresholds as multiples: of the parameter for lengths, of the recording for the share. */
static const struct {
    double longest, delay, share;
} grades[] = {
    {1, 0.1, 0.05}, /* notice */
    {4, 0.4, 0.10}, /* warning */
    {20, 5, 0.30},  /* critical */
};

/* One or two pauses say nothing about a rate: a recording of half a second must not cry wolf. For the delay those count that
 * are longer than it. */
#define PAUSES_FOR_A_RATE 3

static uint32_t grade_single(const struct facts *facts)
{
    uint32_t grade = MEDIC_HEALTHY;

    for (uint32_t i = 0; i < 3; i++) {
        double threshold = (double)facts->threshold_ns;
        int many = facts->delay_p99_pauses >= PAUSES_FOR_A_RATE;
        if ((double)facts->all.max_ns >= grades[i].longest * threshold ||
            (many && (double)facts->delay_p99_ns >= grades[i].delay * threshold))
            grade = i + 1;
    }
    return grade;
}

static uint32_t grade_share(const struct facts *facts)
{
    uint32_t grade = MEDIC_HEALTHY;

    for (uint32_t i = 0; i < 3; i++)
        if (facts->all.count >= PAUSES_FOR_A_RATE &&
            (double)facts->all.total_ns >= grades[i].share * (double)facts->span_ns)
            grade = i + 1;
    return grade;
}

static enum cause largest(const double *weights)
{
    enum cause best = (enum cause)0;

    for (enum cause cause = 0; cause < CAUSE_COUNT; cause++)
        if (weights[cause] > weights[best])
            best = cause;
    return best;
}

/* --- causes in words: a clause that begins in lower case and ends without a stop --- */

static void add_cost(struct medic_text *text, const struct facts *facts, enum cause cause)
{
    add_share(text, (double)facts->cause[cause].total_ns, (double)facts->span_ns);
    medic_add(text, " of the time, ");
    add_time(text, (double)facts->cause[cause].max_ns);
    medic_add(text, " at most");
}

static void describe_induced(struct medic_text *text, const struct facts *facts, const struct witnesses *seen)
{
    int background = facts->induced_background * 2 > facts->induced_calls;

    medic_add(text, "forced collections (GC.Collect) ran ");
    add_times(text, facts, facts->induced_calls);
    if (seen->collect_caller)
        medic_add(text, ", %s from %s", seen->collect_caller_count * 10 >= seen->collect_count * 9 ? "all" : "mostly",
                  seen->collect_caller);
    medic_add(text, ", and stopped the program for ");
    add_cost(text, facts, CAUSE_INDUCED);
    medic_add(text, background ? "; though they run in the background, remove these calls" : "; remove these calls");
}

static void describe_full(struct medic_text *text, const struct facts *facts)
{
    const struct stats *stats = &facts->cause[CAUSE_FULL];

    medic_add(text, "full blocking collections (gen2) stopped the program ");
    add_times(text, facts, stats->count);
    medic_add(text, ", for ");
    add_cost(text, facts, CAUSE_FULL);
    if (facts->heap_bytes) {
        medic_add(text, ", over a heap of ");
        add_bytes(text, facts->heap_bytes);
    }
    if (facts->full_low_memory * 2 >= stats->count)
        medic_add(text, "; memory is short: raise the limit or shrink the heap");
    else if (facts->concurrent_off == 1)
        medic_add(text, "; concurrent collection is off: switch it on (System.GC.Concurrent)");
    else
        medic_add(text, "; find out what fills gen2 and the large object heap");
}

/* What a young collection costs is what survives it. When each takes this long and copies this much, the cure is a shorter
 * life of what is allocated, else fewer allocations; their rate only says how many there are. */
#define YOUNG_LONG_NS UINT64_C(8000000)
#define YOUNG_COPIES (UINT64_C(8) << 20)
/* Below this rate there are not too many, whatever they cost. */
#define YOUNG_OFTEN 5.0

static int young_is_costly(const struct facts *facts)
{
    const struct stats *stats = &facts->cause[CAUSE_YOUNG];

    return stats->count && stats->total_ns / stats->count >= YOUNG_LONG_NS &&
           facts->young_promoted_bytes >= YOUNG_COPIES;
}

static void describe_young(struct medic_text *text, const struct facts *facts, const struct witnesses *seen)
{
    const struct stats *stats = &facts->cause[CAUSE_YOUNG];

    medic_add(text, "young collections (gen0, gen1) stopped the program ");
    add_times(text, facts, stats->count);
    medic_add(text, ", for ");
    add_cost(text, facts, CAUSE_YOUNG);
    if (per_second(facts, stats->count) >= YOUNG_OFTEN && !young_is_costly(facts)) {
        medic_add(text, "; it allocates too fast");
        if (seen->allocator)
            medic_add(text, ", most often seen in %s", seen->allocator);
        medic_add(text, ": profile its allocations");
        return;
    }
    if (facts->young_promoted_bytes) {
        medic_add(text, "; on average ");
        add_bytes(text, facts->young_promoted_bytes);
        medic_add(text, " survive and are copied");
    }
    medic_add(text, "; make temporary objects die sooner, or pool them");
}

static void describe_background(struct medic_text *text, const struct facts *facts)
{
    medic_add(text, "begin and end of background collections stopped the program ");
    add_times(text, facts, facts->cause[CAUSE_BACKGROUND].count);
    medic_add(text, ", for ");
    add_cost(text, facts, CAUSE_BACKGROUND);
    medic_add(text, "; fewer threads, handles and finalizable objects shorten these stops");
}

static void describe_collections(struct medic_text *text, const struct facts *facts)
{
    medic_add(text, "collections of unknown kind stopped the program ");
    add_times(text, facts, facts->cause[CAUSE_COLLECTION].count);
    medic_add(text, ", for ");
    add_cost(text, facts, CAUSE_COLLECTION);
    medic_add(text, "; record for longer to see their kind");
}

static const struct {
    uint32_t reason;
    const char *name;
    const char *cure;
} suspend_reasons[] = {
    {COR_PRF_SUSPEND_OTHER, "other",
     "usually a sampling profiler (dotnet-trace, an APM agent) or GC.GetTotalAllocatedBytes(true): stop it"},
    {COR_PRF_SUSPEND_FOR_GC, "collection", "record for longer to see more"},
    {COR_PRF_SUSPEND_FOR_APPDOMAIN_SHUTDOWN, "unloading of an assembly",
     "collectible assemblies come and go: keep and reuse them"},
    {COR_PRF_SUSPEND_FOR_CODE_PITCHING, "code pitching",
     "compiled code is being thrown away: switch code pitching off"},
    {COR_PRF_SUSPEND_FOR_SHUTDOWN, "shutdown", "the program was ending"},
    {COR_PRF_SUSPEND_FOR_INPROC_DEBUGGER, "debugger", "a debugger is at work: detach it"},
    {COR_PRF_SUSPEND_FOR_GC_PREP, "preparation of a collection", "the runtime switches its write barriers"},
    {COR_PRF_SUSPEND_FOR_REJIT, "re-JIT",
     "an instrumenting profiler or APM agent rewrites code: let it finish or remove it"},
    {RP_UNKNOWN, "not known", "it was under way when the recording began: record for longer"},
    {COR_PRF_SUSPEND_FOR_PROFILER, "profiler", "a profiler stops the program: detach it"},
};

static size_t suspend_reason_index(uint32_t reason)
{
    for (size_t i = 0; i < sizeof suspend_reasons / sizeof *suspend_reasons; i++)
        if (suspend_reasons[i].reason == reason)
            return i;
    return 0;
}

const char *suspend_reason_name(uint32_t reason)
{
    return suspend_reasons[suspend_reason_index(reason)].name;
}

static void describe_other(struct medic_text *text, const struct facts *facts, const struct witnesses *seen)
{
    size_t reason = suspend_reason_index(facts->other_reason);

    medic_add(text, "something other than a collection (reason: %s) stopped the program ",
              suspend_reasons[reason].name);
    add_times(text, facts, facts->cause[CAUSE_OTHER].count);
    medic_add(text, ", for ");
    add_cost(text, facts, CAUSE_OTHER);
    if (seen->other_asker)
        medic_add(text, "; asked for by %s", seen->other_asker);
    else
        medic_add(text, "; %s", suspend_reasons[reason].cure);
}

static void describe_slow_thread(struct medic_text *text, const struct witnesses *seen)
{
    medic_add(text, "; ");
    if (seen->slow_thread)
        medic_add(text, "thread %s ", seen->slow_thread);
    else
        medic_add(text, "one thread ");
    medic_add(text, "keeps it waiting");
    if (seen->slow_method)
        medic_add(text, " in %s", seen->slow_method);
    if (seen->slow_caller)
        medic_add(text, ", called by %s", seen->slow_caller);
    medic_add(text, ": do this work in smaller pieces");
}

/* Below this share of the wait the slowest method is not to blame. */
#define SLOW_SHARE_TO_BLAME 0.4

static void describe_stopping(struct medic_text *text, const struct facts *facts, const struct witnesses *seen)
{
    medic_add(text, "threads are slow to stop: ");
    add_share(text, facts->time[CAUSE_STOPPING], (double)facts->all.total_ns);
    medic_add(text, " of all pause time went into waiting for them, up to ");
    add_time(text, (double)facts->cause[CAUSE_STOPPING].max_ns);
    if (!seen->slow_method && !seen->slow_thread)
        medic_add(text,
                  "; none was seen to be late, so it came from native code or lacked a processor: check the CPU limit");
    else if (seen->slow_share < SLOW_SHARE_TO_BLAME && seen->slow_methods >= 3)
        medic_add(
            text,
            "; it is another one each time, as when processors are short: check the CPU limit and the neighbours");
    else
        describe_slow_thread(text, seen);
}

static void describe(struct medic_text *text, enum cause cause, const struct facts *facts, const struct witnesses *seen)
{
    switch (cause) {
    case CAUSE_INDUCED: describe_induced(text, facts, seen); break;
    case CAUSE_FULL: describe_full(text, facts); break;
    case CAUSE_YOUNG: describe_young(text, facts, seen); break;
    case CAUSE_BACKGROUND: describe_background(text, facts); break;
    case CAUSE_COLLECTION: describe_collections(text, facts); break;
    case CAUSE_OTHER: describe_other(text, facts, seen); break;
    case CAUSE_STOPPING: describe_stopping(text, facts, seen); break;
    case CAUSE_COUNT: break;
    }
}

/* --- findings --- */

static struct finding *new_finding(struct verdict *verdict, const char *section, const char *key,
                                   struct medic_text *text)
{
    struct finding *finding;

    if (verdict->finding_count == VERDICT_FINDINGS)
        return NULL;
    finding = &verdict->findings[verdict->finding_count++];
    finding->section = section;
    finding->key = key;
    *text = (struct medic_text){finding->text, sizeof finding->text};
    return finding;
}

static void add_cause_finding(struct verdict *verdict, enum cause cause, const struct facts *facts,
                              const struct witnesses *seen)
{
    const char *section = "causes", *key = NULL;
    struct finding *finding;
    struct medic_text text;

    if (cause == CAUSE_INDUCED && seen->collect_caller) {
        section = "callers";
    } else if (cause == CAUSE_STOPPING && seen->slow_method) {
        section = "slow_threads";
        key = seen->slow_method;
    }
    finding = new_finding(verdict, section, key, &text);
    if (!finding)
        return;
    if (cause == verdict->cause) { /* the verdict has said the rest */
        medic_add(&text, "This is ");
        add_share(&text, facts->time[cause], (double)facts->all.total_ns);
        medic_add(&text, " of all the time that the program stood still.");
        return;
    }
    describe(&text, cause, facts, seen);
    medic_add(&text, ".");
    finding->text[0] = (char)toupper((unsigned char)finding->text[0]);
}

/* Waiting for threads is worth one when it is a quarter of all standing still, in however small pieces; any other second cause when it is a tenth of the trouble, and trouble by itself. */
static int is_worth_a_finding(const struct facts *facts, enum cause cause, const double *weights)
{
    double sum = 0;

    for (enum cause other = 0; other < CAUSE_COUNT; other++)
        sum += weights[other];
    if (cause == CAUSE_STOPPING && (double)facts->all.stop_ns >= 0.25 * (double)facts->all.total_ns &&
        facts->cause[cause].count)
        return 1;
    return weights[cause] >= 0.1 * sum && (facts->cause[cause].max_ns >= facts->threshold_ns ||
                                           facts->time[cause] >= grades[0].share * (double)facts->span_ns);
}

/* A thread that ends a pause needs microseconds for it, unless others have its processor. */
#define RESTART_LONG_NS UINT64_C(1000000)

static void add_findings(struct verdict *verdict, const struct facts *facts, const struct witnesses *seen,
                         const double *weights)
{
    struct medic_text text;

    add_cause_finding(verdict, verdict->cause, facts, seen);
    if (facts->delay_p99_ns && facts->delay_p99_pauses >= PAUSES_FOR_A_RATE &&
        new_finding(verdict, "delay", "p99", &text)) {
        medic_add(&text, "One request in a hundred waits ");
        add_time(&text, (double)facts->delay_p99_ns);
        medic_add(&text, " or longer for a pause to end, however short its own work is.");
    }
    if (facts->all.restart_ns >= facts->all.total_ns / 4 &&
        facts->all.restart_ns / facts->all.count >= RESTART_LONG_NS && new_finding(verdict, "phases", NULL, &text)) {
        medic_add(&text, "Letting the threads go again took ");
        add_time(&text, (double)facts->all.restart_ns / (double)facts->all.count);
        medic_add(&text,
                  " a pause, which is not counted as standing still: processors are short, check the CPU limit.");
    }
    for (enum cause cause = 0; cause < CAUSE_COUNT; cause++)
        if (cause != verdict->cause && is_worth_a_finding(facts, cause, weights))
            add_cause_finding(verdict, cause, facts, seen);
}

/* --- the verdict --- */

#define SPAN_TO_JUDGE_NS 10000000.0

static void judge_calm(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text = {verdict->sentence, sizeof verdict->sentence};

    verdict->cause = CAUSE_COUNT;
    if ((double)facts->span_ns < SPAN_TO_JUDGE_NS && !facts->all.count) {
        verdict->severity = MEDIC_NOTICE;
        medic_add(&text, "The recording ended after ");
        add_time(&text, (double)facts->span_ns);
        medic_add(&text, ", too early for a judgement: record again, for longer.");
        return;
    }
    if (!facts->all.count) {
        medic_add(&text, "The runtime never stopped the program in ");
        add_time(&text, (double)facts->span_ns);
    } else {
        add_count(&text, facts->all.count, "pause", "pauses");
        medic_add(&text, " took ");
        add_share(&text, (double)facts->all.total_ns, (double)facts->span_ns);
        medic_add(&text, " of ");
        add_time(&text, (double)facts->span_ns);
        medic_add(&text, facts->all.count == 1 ? ", " : ", the longest ");
        add_time(&text, (double)facts->all.max_ns);
    }
    medic_add(&text, "; if requests are slow, look at CPU use and at what threads wait for.");
}

static const char *opening(uint32_t severity)
{
    return severity == MEDIC_CRITICAL  ? "Pauses make this program slow"
           : severity == MEDIC_WARNING ? "Pauses explain slow requests"
                                       : "Pauses can be felt at times";
}

void verdict_of(const struct facts *facts, const struct witnesses *witnesses, struct verdict *verdict)
{
    uint32_t single = grade_single(facts);
    uint32_t share = grade_share(facts);
    const double *weights = share > single ? facts->time : facts->harm;
    struct medic_text text = {verdict->sentence, sizeof verdict->sentence};

    memset(verdict, 0, sizeof *verdict);
    verdict->severity = share > single ? share : single;
    if (verdict->severity == MEDIC_HEALTHY) {
        judge_calm(verdict, facts);
        return;
    }
    verdict->cause = largest(weights);
    medic_add(&text, "%s: ", opening(verdict->severity));
    describe(&text, verdict->cause, facts, witnesses);
    medic_add(&text, ".");
    add_findings(verdict, facts, witnesses, weights);
}
