/* From what analysis.c finds to what the verdict is made of. */
#include "recording.h"

#include <medic/sampling.h>

#include <stdlib.h>
#include <string.h>

#define TIMELINE_PART_NS UINT64_C(100000000) /* counts come so often */
#define BURST_SHARE 0.5                      /* of all throws in a tenth of the time */
#define BURST_LEAST 100u
#define BURST_PARTS_LEAST 20u
#define DYING_NS UINT64_C(10000000000) /* from an exception that nobody catches to the end of the program */

/* Throws of the type whose site is known. */
static double of_sites(const struct recording *recording, size_t type)
{
    double all = 0;

    for (size_t i = 0; i < recording->site_count; i++)
        if (recording->sites[i].type == type)
            all += recording->sites[i].count;
    return all > 0 ? all : 1;
}

/* Of the exceptions: one that passes several awaits is kept several times. */
static uint64_t caught_by(const struct type *type, const struct route *route)
{
    uint64_t count = route->counts[0] + (is_kept(route) && type->fresh ? 0 : route->counts[1]);

    return type->fresh && count > type->fresh ? type->fresh : count;
}

static void fill_thrown(const struct recording *recording, const struct type *type, struct thrown *thrown)
{
    *thrown = (struct thrown){.name = short_type(type->name),
                              .key = type->name,
                              .fresh = type->fresh,
                              .propagated = type->propagated,
                              .cpu_ns = type->cpu_ns,
                              .lost = lost_of(type),
                              .kept = type->kept,
                              .not_caught =
                                  throws_of(type) - (type->caught < throws_of(type) ? type->caught : throws_of(type))};
    if (type->site != NO_INDEX) {
        const struct group *site = &recording->sites[type->site];
        thrown->site = place_of(recording, recording->samples[site->example].site);
        thrown->site_share = site->count / of_sites(recording, site->type);
        thrown->site_error = error_of(recording, site) / of_sites(recording, site->type);
    }
    if (type->route != NO_INDEX) {
        thrown->catcher = recording->routes[type->route].name;
        thrown->caught_there = caught_by(type, &recording->routes[type->route]);
        thrown->way = recording->routes[type->route].way;
    }
}

static void add_type(struct recording *recording, const struct type *type, double *variance)
{
    struct facts *facts = &recording->facts;

    if (is_noise(type)) {
        facts->noise += type->fresh;
        facts->noise_cpu_ns += type->cpu_ns;
        facts->noise_types++;
        return;
    }
    facts->fresh += type->fresh;
    facts->propagated += type->propagated;
    facts->cpu_ns += type->cpu_ns;
    *variance += type->variance;
    facts->types++;
}

static int descending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a < b) - (a > b);
}

uint32_t timeline_parts(const struct recording *recording)
{
    uint64_t parts = recording->facts.span_ns / TIMELINE_PART_NS;

    if (!recording->rate_count || parts < 2)
        return 0;
    return parts < TIMELINE_PARTS ? (uint32_t)parts : TIMELINE_PARTS;
}

static void find_bursts(struct recording *recording)
{
    double parts[TIMELINE_PARTS] = {0}, all = 0, burst = 0, span = (double)recording->facts.span_ns;
    struct facts *facts = &recording->facts;
    uint32_t count = timeline_parts(recording);

    if (count < BURST_PARTS_LEAST)
        return;
    for (size_t i = 0; i < recording->rate_count; i++) {
        const ex_count *rate = &recording->rates[i];
        double at = rate->time_ns > recording->begin_ns ? (double)(rate->time_ns - recording->begin_ns) / span : 0;
        uint32_t part = at < 1 ? (uint32_t)(at * count) : count - 1;
        parts[part] += (double)(rate->fresh + rate->propagated);
        all += (double)(rate->fresh + rate->propagated);
        if (parts[part] > facts->rate_most * span / 1e9 / count) {
            facts->rate_most = parts[part] / (span / 1e9 / count);
            facts->most_ns = (uint64_t)((double)part / count * span);
        }
    }
    qsort(parts, count, sizeof *parts, descending);
    for (uint32_t i = 0; i < count / 10; i++)
        burst += parts[i];
    if (all >= BURST_LEAST && burst > BURST_SHARE * all)
        facts->burst_share = burst / all;
}

/* Samples of one thread are in the order of their numbers. */
static int is_last_of_thread(const struct recording *recording, size_t sample)
{
    for (size_t i = sample + 1; i < recording->sample_count; i++)
        if (recording->samples[i].head.head.os_id == recording->samples[sample].head.head.os_id)
            return 0;
    return 1;
}

/* A recording that stops in the middle, and a thread that did no more than throw what nobody caught. */
static void find_unhandled(struct recording *recording)
{
    uint64_t earliest = recording->end_ns > DYING_NS ? recording->end_ns - DYING_NS : 0;

    if (recording->facts.cheap || recording->capture->end_reason(recording->host) != MEDIC_END_NONE)
        return;
    for (size_t i = recording->sample_count; i-- > 0;) {
        const struct sample *sample = &recording->samples[i];
        const char *name = sample->type == NO_INDEX ? NULL : recording->types[sample->type].name;
        if (sample->caught || !name || sample->head.head.time_ns < earliest || !is_last_of_thread(recording, i))
            continue;
        recording->facts.unhandled =
            (struct unhandled){short_type(name), sample->message, place_of(recording, sample->site)};
        return;
    }
}

double process_ns(const struct recording *recording)
{
    uint64_t first = recording->first.process_ns, last = recording->last.process_ns;

    return recording->has_totals && last > first ? (double)(last - first) : 0;
}

void find_facts(struct recording *recording)
{
    struct facts *facts = &recording->facts;
    double variance = 0;

    facts->span_ns = recording->end_ns - recording->begin_ns;
    facts->cheap = recording->has_totals && recording->last.cheap;
    facts->process_ns = (uint64_t)process_ns(recording);
    facts->uncounted = recording->last.fresh + recording->last.propagated;
    for (size_t i = 0; i < recording->type_count; i++) {
        const struct type *type = &recording->types[i];
        add_type(recording, type, &variance);
        if (!is_noise(type) && lost_of(type) > facts->lost.lost)
            fill_thrown(recording, type, &facts->lost);
        if (!is_noise(type) && facts->worst_count < FACT_TYPES)
            fill_thrown(recording, type, &facts->worst[facts->worst_count++]);
    }
    facts->cpu_error_ns = MEDIC_CERTAIN * medic_root(variance);
    find_bursts(recording);
    find_unhandled(recording);
}
