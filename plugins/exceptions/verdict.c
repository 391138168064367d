/* One sentence: what is thrown most, where, who catches it, and what that costs. Pure. */
#include "verdict.h"

#include <string.h>

/* The rules; README.md tells them. */
#define CPU_NOTICE 0.01
#define CPU_WARNING 0.05
#define CPU_CRITICAL 0.20
#define CORE_NOTICE 0.001 /* ... if it is this part of one processor too: an idle program's CPU is soon shared out */
#define CORE_WARNING 0.01
#define CORE_CRITICAL 0.05
#define RATE_NOTICE 1.0 /* throws a second */
#define RATE_WARNING 1000.0
#define COUNT_NOTICE 10u
#define OTHERS_SHARE 0.1
#define HOPS_MANY 2u
#define LOST_SHARE 0.05 /* of those that tasks keep: the rest may be awaited later */
#define MESSAGE_MAX 100 /* bytes */

static double seconds(const struct facts *facts)
{
    return facts->span_ns ? (double)facts->span_ns / 1e9 : 1;
}

static double cpu_share(const struct facts *facts)
{
    return facts->process_ns ? facts->cpu_ns / (double)facts->process_ns : 0;
}

static uint32_t severity_of(const struct facts *facts)
{
    double rate = (double)(facts->fresh + facts->propagated) / seconds(facts), share = cpu_share(facts);
    double core = facts->span_ns ? facts->cpu_ns / (double)facts->span_ns : 0;

    if (facts->unhandled.name)
        return MEDIC_CRITICAL;
    if (facts->fresh + facts->propagated < COUNT_NOTICE)
        return MEDIC_HEALTHY;
    if (share >= CPU_CRITICAL && core >= CORE_CRITICAL)
        return MEDIC_CRITICAL;
    if ((share >= CPU_WARNING && core >= CORE_WARNING) || rate >= RATE_WARNING)
        return MEDIC_WARNING;
    return (share >= CPU_NOTICE && core >= CORE_NOTICE) || rate >= RATE_NOTICE ? MEDIC_NOTICE : MEDIC_HEALTHY;
}

/* "9,812 FormatExceptions" */
static void add_types(struct medic_text *text, uint64_t count, const char *name)
{
    medic_add_number(text, count);
    medic_add(text, " %s%s", name, count == 1 ? "" : "s");
}

static int is_lost(const struct thrown *thrown)
{
    return thrown->lost >= COUNT_NOTICE && (double)thrown->lost >= LOST_SHARE * (double)thrown->kept;
}

static void add_catcher(struct medic_text *text, const struct facts *facts, const struct thrown *thrown)
{
    uint64_t all = thrown->fresh ? thrown->fresh : thrown->propagated;
    int is_kept = thrown->way == WAY_ASYNC || thrown->way == WAY_TASK;

    if (!thrown->catcher) {
        if (!facts->cheap && thrown->not_caught == thrown->fresh + thrown->propagated && all)
            medic_add(text, ", caught by no method");
        return;
    }
    medic_add(text, ", %s ",
              thrown->caught_there == all              ? "all"
              : 100 * thrown->caught_there >= 99 * all ? "nearly all"
              : 2 * thrown->caught_there >= all        ? "most"
                                                       : "some");
    medic_add(text, "%s ",
              thrown->way == WAY_EMPTY ? "swallowed by an empty catch block in"
              : is_kept                ? "kept by"
                                       : "caught in");
    medic_add_name(text, thrown->catcher);
    if (is_kept)
        medic_add(text, is_lost(thrown) ? " for an await that never came" : " for an await");
}

static void add_site(struct medic_text *text, const struct thrown *thrown)
{
    if (!thrown->site.name)
        return;
    medic_add(text, " %sthrown in ",
              thrown->site_share > 0.95 && thrown->site_error < 0.3                        ? ""
              : thrown->site_share > 0.95 || thrown->site_share - thrown->site_error > 0.5 ? "mostly "
                                                                                           : "among others ");
    medic_add_place(text, &thrown->site);
}

/* Two digits at most: it is an estimate. */
static void add_cpu(struct medic_text *text, const struct facts *facts, double cpu_ns)
{
    if (facts->cheap || !facts->process_ns || cpu_ns <= 0)
        return;
    medic_add(text, ": about ");
    medic_add_share(text, cpu_ns < (double)facts->process_ns ? cpu_ns : (double)facts->process_ns,
                    (double)facts->process_ns);
    medic_add(text, " of CPU");
}

static void add_thrown(struct medic_text *text, const struct facts *facts, const struct thrown *thrown)
{
    add_types(text, thrown->fresh ? thrown->fresh : thrown->propagated, thrown->name);
    medic_add(text, " in ");
    medic_add_time(text, (double)facts->span_ns);
    if (!thrown->fresh)
        medic_add(text, ", all thrown again,");
    add_site(text, thrown);
    add_catcher(text, facts, thrown);
    add_cpu(text, facts, thrown->cpu_ns);
}

static void say_unhandled(struct medic_text *text, const struct unhandled *unhandled)
{
    int length = unhandled->message ? (int)strnlen(unhandled->message, MESSAGE_MAX) : 0, is_cut;

    while (length && (unhandled->message[length] & 0xc0) == 0x80) /* not within a character */
        length--;
    is_cut = length && unhandled->message[length];
    if (length && !is_cut && unhandled->message[length - 1] == '.')
        length--; /* this sentence has its own */
    medic_add(text, "An unhandled %s", unhandled->name);
    if (unhandled->site.name) {
        medic_add(text, " thrown in ");
        medic_add_place(text, &unhandled->site);
    }
    medic_add(text, " ended the program");
    if (length)
        medic_add(text, ": \"%.*s%s\"", length, unhandled->message, is_cut ? "…" : "");
    medic_add(text, ".");
}

static void say_healthy(struct medic_text *text, const struct facts *facts)
{
    if (!facts->fresh && !facts->propagated) {
        medic_add(text, "The program threw nothing in ");
        medic_add_time(text, (double)facts->span_ns);
    } else {
        medic_add(text, "Few exceptions: ");
        add_thrown(text, facts, &facts->worst[0]);
    }
    medic_add(text, ".");
}

static struct finding *open_finding(struct verdict *verdict, const char *section, const char *key,
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

/* Of a program that died: what it threw before. */
static void find_worst(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text;

    if (!facts->unhandled.name || facts->fresh + facts->propagated < COUNT_NOTICE || !facts->worst_count ||
        !open_finding(verdict, "types", facts->worst[0].key, &text))
        return;
    add_thrown(&text, facts, &facts->worst[0]);
    medic_add(&text, ".");
}

static void find_all(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text;

    if (facts->types < 2 || !open_finding(verdict, "types", NULL, &text))
        return;
    medic_add(&text, "All together: ");
    medic_add_number(&text, facts->fresh);
    medic_add(&text, " exceptions of %llu types", (unsigned long long)facts->types);
    if (facts->propagated) {
        medic_add(&text, ", thrown again ");
        medic_add_number(&text, facts->propagated);
        medic_add(&text, " times");
    }
    add_cpu(&text, facts, facts->cpu_ns);
    medic_add(&text, ".");
}

static void find_others(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text;

    for (uint32_t i = 1; i < facts->worst_count && verdict->finding_count < 3; i++) {
        const struct thrown *thrown = &facts->worst[i];
        uint64_t count = thrown->fresh + thrown->propagated;
        if (count < COUNT_NOTICE || (thrown->cpu_ns < OTHERS_SHARE * facts->cpu_ns &&
                                     (double)count < OTHERS_SHARE * (double)(facts->fresh + facts->propagated)))
            continue;
        if (!open_finding(verdict, "types", thrown->key, &text))
            return;
        add_thrown(&text, facts, thrown);
        medic_add(&text, ".");
    }
}

static void find_hops(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text;

    for (uint32_t i = 0; i < facts->worst_count; i++) {
        const struct thrown *thrown = &facts->worst[i];
        if (thrown->propagated < COUNT_NOTICE || thrown->propagated < HOPS_MANY * thrown->fresh)
            continue;
        if (!open_finding(verdict, "types", thrown->key, &text))
            return;
        medic_add(&text, "Each %s is thrown again ", thrown->name);
        if (thrown->fresh)
            medic_add(&text, "%.*f times", thrown->propagated < 10 * thrown->fresh ? 1 : 0,
                      (double)thrown->propagated / (double)thrown->fresh);
        else
            medic_add(&text, "many times");
        medic_add(&text, " on its way: each await and each `throw;` costs as much as the first.");
        return;
    }
}

static void find_lost(struct verdict *verdict, const struct facts *facts)
{
    const struct thrown *thrown = &facts->lost;
    struct medic_text text;

    if (!is_lost(thrown) || !open_finding(verdict, "catchers", thrown->key, &text))
        return;
    medic_add(&text, "Swallowed: ");
    add_types(&text, thrown->lost, thrown->name);
    medic_add(&text, " were kept by tasks and thrown to nobody: no await, no Wait was seen to bring them to light");
    if (thrown->site.name) {
        medic_add(&text, "; thrown in ");
        medic_add_place(&text, &thrown->site);
    }
    medic_add(&text, ".");
}

static void find_bursts(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text;

    if (facts->burst_share <= 0 || !open_finding(verdict, "timeline", NULL, &text))
        return;
    medic_add(&text, "They come in bursts: ");
    medic_add_share(&text, facts->burst_share, 1);
    medic_add(&text, " of them in a tenth of the time, up to ");
    medic_add_number(&text, (uint64_t)facts->rate_most);
    medic_add(&text, " a second after ");
    medic_add_time(&text, (double)facts->most_ns);
    medic_add(&text, ".");
}

static void find_noise(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text;

    if (facts->noise < COUNT_NOTICE || !open_finding(verdict, "framework", NULL, &text))
        return;
    medic_add(&text, "The framework threw and caught ");
    medic_add_number(&text, facts->noise);
    medic_add(&text, " more by itself");
    add_cpu(&text, facts, facts->noise_cpu_ns);
    medic_add(&text, ".");
}

void verdict_of(const struct facts *facts, struct verdict *verdict)
{
    struct medic_text text = {verdict->sentence, sizeof verdict->sentence};

    memset(verdict, 0, sizeof *verdict);
    verdict->severity = severity_of(facts);
    if (verdict->severity == MEDIC_HEALTHY || (!facts->worst_count && !facts->unhandled.name)) {
        say_healthy(&text, facts);
    } else {
        if (facts->unhandled.name) {
            say_unhandled(&text, &facts->unhandled);
            find_worst(verdict, facts);
        } else {
            add_thrown(&text, facts, &facts->worst[0]);
            medic_add(&text, ".");
        }
        find_all(verdict, facts);
        find_others(verdict, facts);
        find_lost(verdict, facts);
        find_hops(verdict, facts);
        find_bursts(verdict, facts);
    }
    find_noise(verdict, facts);
}
