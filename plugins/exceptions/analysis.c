/* From counts and samples to what the report tells: which throws lie in the framework, what they cost, where they come from. */
#include "recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN_LEAST 3u             /* with fewer those with a stack count too */
#define WAITED_NS UINT64_C(500000) /* meanwhile another thread ran: what coming back costs is not the throw's */
#define NOISE_SHARE 0.5

uint64_t throws_of(const struct type *type)
{
    return type->fresh + type->propagated;
}

int is_noise(const struct type *type)
{
    return type->noise > NOISE_SHARE * (double)throws_of(type) && 2 * type->by_program <= type->fresh;
}

const char *short_type(const char *name)
{
    const char *last = name;
    int depth = 0;

    for (const char *at = name; *at; at++) {
        depth += *at == '<' || *at == '[';
        depth -= (*at == '>' || *at == ']') && depth;
        if ((*at == '.' || *at == '+') && !depth && at[1])
            last = at + 1;
    }
    return last;
}

static const medic_frame *frame_of(const struct recording *recording, uint32_t id)
{
    return id ? recording->frames->frame(recording->host, id) : NULL;
}

struct medic_place place_of(const struct recording *recording, uint32_t id)
{
    const medic_frame *frame = frame_of(recording, id);

    if (!frame)
        return (struct medic_place){0};
    return (struct medic_place){frame->function, frame->module, frame->file, frame->line, frame->code};
}

/* Each that is kept is thrown again to whoever awaits, or in an AggregateException. */
uint64_t lost_of(const struct type *type)
{
    uint64_t told = type->propagated + (uint64_t)(type->wrapped + 0.5);

    return type->kept > told ? type->kept - told : 0;
}

/* --- stacks --- */

/* The runtime's own way of throwing, which is managed code from .NET 9 on. */
static int is_throwing(const char *function)
{
    return medic_begins_with(function, "System.Runtime.EH.") || strstr(function, "ThrowHelper.Throw") ||
           medic_begins_with(function, "System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw") ||
           medic_begins_with(function, "System.Runtime.ExceptionServices.InternalCalls");
}

/* Reflection calls through the runtime: what it calls is no handler of a caller. */
static int is_calling(const char *function)
{
    return medic_begins_with(function, "System.Reflection.") ||
           medic_begins_with(function, "System.RuntimeMethodHandle.");
}

/* The frames below the handler's own method are still on the stack, but their exception has ended them. The number of frames
 * that live. */
static uint32_t without_dead(const struct recording *recording, const struct sample *sample, const medic_frame *handler)
{
    const medic_frame *leaf = sample->frame_count ? frame_of(recording, sample->frames[sample->frame_count - 1]) : NULL;

    if (!leaf || is_calling(leaf->function))
        return sample->frame_count;
    for (uint32_t i = sample->frame_count; i-- > 0;)
        if (frame_of(recording, sample->frames[i])->function_id == handler->function_id)
            return i;
    return sample->frame_count;
}

static int look_at_stack(const struct recording *recording, struct sample *sample)
{
    const uint32_t *frames;
    uint32_t count;
    int between = 0;

    if (!sample->head.head.stack ||
        !recording->frames->stack(recording->host, sample->head.head.stack, &frames, &count) || !count)
        return MEDIC_OK;
    sample->frames = malloc(count * sizeof *frames);
    if (!sample->frames)
        return MEDIC_E_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        const medic_frame *frame = frame_of(recording, frames[i]);
        if (!frame || frame->kind != MEDIC_FRAME_MANAGED || is_throwing(frame->function)) {
            between = 1;
            continue;
        }
        if (between) /* a handler that the runtime calls */
            sample->frame_count = without_dead(recording, sample, frame);
        sample->frames[sample->frame_count++] = frames[i];
        between = 0;
    }
    for (uint32_t i = 0; i < sample->frame_count; i++)
        if (frame_of(recording, sample->frames[i])->code == MEDIC_CODE_USER)
            sample->site = sample->frames[i];
    if (sample->frame_count)
        sample->thrower = sample->frames[sample->frame_count - 1];
    if (!sample->site)
        sample->site = sample->thrower;
    if (sample->site)
        sample->site_name = frame_of(recording, sample->site)->function;
    return MEDIC_OK;
}

static int is_library(const char *name)
{
    return medic_begins_with(name, "System.") || medic_begins_with(name, "Microsoft.") ||
           medic_begins_with(name, "Interop.") || medic_begins_with(name, "Internal.");
}

/* Whether code of the program lies between the throw and the catch. */
static int passes_program(const struct recording *recording, const struct sample *sample, const char *catcher)
{
    for (uint32_t i = sample->frame_count; i-- > 0;) {
        const medic_frame *frame = frame_of(recording, sample->frames[i]);
        if (frame->code == MEDIC_CODE_USER)
            return 1;
        if (strcmp(frame->function, catcher) == 0)
            return 0;
    }
    return 0;
}

/* --- tables --- */

static int by_route(const void *left, const void *right)
{
    const struct route *a = left, *b = right;

    if (a->type_id != b->type_id)
        return a->type_id < b->type_id ? -1 : 1;
    return (a->catcher > b->catcher) - (a->catcher < b->catcher);
}

static int by_id(const void *left, const void *right)
{
    uint64_t a = ((const struct type *)left)->id, b = ((const struct type *)right)->id;

    return (a > b) - (a < b);
}

static size_t type_of(const struct recording *recording, uint64_t id)
{
    struct type key = {.id = id};
    struct type *found =
        recording->type_count ? bsearch(&key, recording->types, recording->type_count, sizeof key, by_id) : NULL;

    return found ? (size_t)(found - recording->types) : NO_INDEX;
}

const char *name_of(const struct recording *recording, uint32_t kind, uint64_t id, const char *otherwise)
{
    const char *text = NULL;

    if (kind == MEDIC_NAME_TYPE)
        for (size_t i = 0; i < recording->cheap_name_count; i++)
            if (recording->cheap_names[i].type == id)
                return recording->cheap_names[i].name;
    return recording->capture->name(recording->host, kind, id, &text) && text && *text ? text : otherwise;
}

static void merge_types(struct recording *recording)
{
    size_t merged = 0;

    if (recording->type_count)
        qsort(recording->types, recording->type_count, sizeof *recording->types, by_id);
    for (size_t i = 0; i < recording->type_count; i++) {
        struct type *type = &recording->types[i];
        if (merged && recording->types[merged - 1].id == type->id) {
            recording->types[merged - 1].fresh += type->fresh;
            recording->types[merged - 1].propagated += type->propagated;
        } else {
            recording->types[merged++] = *type;
        }
    }
    recording->type_count = merged;
    for (size_t i = 0; i < merged; i++)
        recording->types[i].name = name_of(recording, MEDIC_NAME_TYPE, recording->types[i].id, "(unknown type)");
}

static void merge_routes(struct recording *recording)
{
    size_t merged = 0;

    if (recording->route_count)
        qsort(recording->routes, recording->route_count, sizeof *recording->routes, by_route);
    for (size_t i = 0; i < recording->route_count; i++) {
        struct route *route = &recording->routes[i];
        if (merged && by_route(&recording->routes[merged - 1], route) == 0) {
            recording->routes[merged - 1].counts[0] += route->counts[0];
            recording->routes[merged - 1].counts[1] += route->counts[1];
        } else {
            recording->routes[merged++] = *route;
        }
    }
    recording->route_count = merged;
}

/* --- what becomes of them --- */

static int is_async(const char *name)
{
    const char *made = strrchr(name, '(');

    return made && medic_begins_with(made, "(async");
}

static int by_catcher(const void *left, const void *right)
{
    const ex_catcher *a = left, *b = right;

    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    return (a->catcher > b->catcher) - (a->catcher < b->catcher);
}

/* An async method has a catch block of the compiler's around all of it, which keeps what no other one takes. */
static enum way way_of(const struct recording *recording, const struct route *route)
{
    ex_catcher key = {.type = route->type_id, .catcher = route->catcher}, *of = NULL;
    uint32_t own;

    if (!route->name)
        return WAY_NONE;
    if (recording->catcher_count)
        of = bsearch(&key, recording->catchers, recording->catcher_count, sizeof key, by_catcher);
    own = of ? of->inner + (is_async(route->name) ? 0 : of->outermost) : 0;
    if (is_async(route->name) && !own)
        return WAY_ASYNC;
    if (medic_begins_with(route->name, "System.Threading.Tasks.") ||
        medic_begins_with(route->name, "System.Runtime.CompilerServices."))
        return WAY_TASK;
    if (is_library(route->name))
        return WAY_FRAMEWORK;
    return own && of->empty >= own ? WAY_EMPTY : WAY_BLOCK;
}

int is_kept(const struct route *route)
{
    return route->way == WAY_ASYNC || route->way == WAY_TASK;
}

static void note_way(struct recording *recording, struct route *route)
{
    struct type *type = &recording->types[route->type];
    uint64_t count = route->counts[0] + route->counts[1];

    route->way = way_of(recording, route);
    type->caught += count;
    if (is_kept(route))
        type->kept += count;
    if (!is_library(route->name))
        type->by_program += count;
}

/* Each type has a route of catcher 0: what nobody was seen to catch. */
static void settle_routes(struct recording *recording)
{
    if (recording->catcher_count)
        qsort(recording->catchers, recording->catcher_count, sizeof *recording->catchers, by_catcher);
    for (size_t i = 0; i < recording->route_count; i++) {
        struct route *route = &recording->routes[i];
        route->type = type_of(recording, route->type_id);
        if (route->catcher)
            route->name = name_of(recording, MEDIC_NAME_FUNCTION, route->catcher, "(unknown method)");
        if (route->catcher && route->type != NO_INDEX)
            note_way(recording, route);
    }
    for (size_t i = 0; i < recording->route_count; i++) {
        struct route *rest = &recording->routes[i];
        const struct type *type = rest->type == NO_INDEX ? NULL : &recording->types[rest->type];
        uint64_t counts[2];
        if (rest->catcher || !type)
            continue;
        counts[0] = type->fresh;
        counts[1] = type->propagated;
        for (size_t j = i + 1; j < recording->route_count && recording->routes[j].type_id == type->id; j++)
            for (int k = 0; k < 2; k++)
                counts[k] -= recording->routes[j].counts[k] < counts[k] ? recording->routes[j].counts[k] : counts[k];
        memcpy(rest->counts, counts, sizeof counts);
    }
}

static size_t find_route(const struct recording *recording, uint64_t type, uint64_t catcher)
{
    struct route key = {.type_id = type, .catcher = catcher};
    struct route *found =
        recording->route_count ? bsearch(&key, recording->routes, recording->route_count, sizeof key, by_route) : NULL;

    return found ? (size_t)(found - recording->routes) : NO_INDEX;
}

/* --- CPU --- */

static double throws_of_timed(const ex_catch *caught)
{
    return caught->stands_for ? (double)caught->stands_for : 1;
}

static void add_measure(struct measure *measure, const ex_catch *caught)
{
    double cpu = (double)caught->cpu_ns;
    double throws = throws_of_timed(caught);

    measure->count++;
    measure->throws += throws;
    measure->throws_squares += throws * throws;
    measure->sum += throws * cpu;
    measure->squares += throws * cpu * cpu;
    measure->time += throws * (double)caught->time_ns;
}

static struct measure both(const struct measure *a, const struct measure *b)
{
    return (struct measure){.count = a->count + b->count,
                            .throws = a->throws + b->throws,
                            .throws_squares = a->throws_squares + b->throws_squares,
                            .sum = a->sum + b->sum,
                            .squares = a->squares + b->squares,
                            .time = a->time + b->time};
}

struct measure measure_of(const struct route *route, int again)
{
    const struct measure *plain = &route->plain[again], *stacked = &route->stacked[again];
    struct measure of = plain->count >= PLAIN_LEAST ? *plain : both(plain, stacked);

    return of.count >= route->waited[again].count ? of : both(&of, &route->waited[again]);
}

static struct measure *measure_for(struct route *route, const ex_catch *caught)
{
    int again = (caught->flags & EX_PROPAGATED) != 0;

    if (caught->time_ns > caught->cpu_ns + WAITED_NS)
        return &route->waited[again];
    return caught->number ? &route->stacked[again] : &route->plain[again];
}

static void measure_routes(struct recording *recording)
{
    for (size_t i = 0; i < recording->catch_count; i++) {
        const ex_catch *caught = &recording->catchs[i];
        size_t route = find_route(recording, caught->type, caught->catcher);
        if (route != NO_INDEX && !(caught->flags & EX_UNTIMED))
            add_measure(measure_for(&recording->routes[route], caught), caught);
    }
}

double timed_weight(const struct recording *recording, const ex_catch *caught)
{
    int again = (caught->flags & EX_PROPAGATED) != 0;
    size_t index = find_route(recording, caught->type, caught->catcher);
    const struct route *route = index == NO_INDEX ? NULL : &recording->routes[index];
    struct measure of;

    if (!route || caught->flags & EX_UNTIMED ||
        (caught->number && route->plain[again].count >= PLAIN_LEAST && caught->time_ns <= caught->cpu_ns + WAITED_NS))
        return 0;
    of = route->plain[again].count >= PLAIN_LEAST ? route->plain[again]
                                                  : both(&route->plain[again], &route->stacked[again]);
    return (double)route->counts[again] * throws_of_timed(caught) / (of.throws + route->waited[again].throws);
}

/* Who ends the way of an exception tells more than who keeps it for an await, or throws it again; and the program's methods
 * more than those that it calls. */
static int rank_of(const struct route *route)
{
    return is_kept(route) ? 0 : route->way == WAY_FRAMEWORK ? 1 : 2;
}

static int is_more_final(const struct route *route, const struct route *than)
{
    uint64_t count = route->counts[0] + route->counts[1], other = than->counts[0] + than->counts[1];

    if (rank_of(route) != rank_of(than))
        return rank_of(route) > rank_of(than);
    return count != other ? count > other : route->counts[1] > than->counts[1];
}

/* Mean times count; the variance is that of a mean of so many samples. */
static void estimate_route(struct recording *recording, struct route *route)
{
    struct type *type = &recording->types[route->type];

    for (int again = 0; again < 2; again++) {
        struct measure of = measure_of(route, again);
        double mean, variance, count = (double)route->counts[again];
        if (!of.count)
            of = measure_of(route, !again);
        if (!of.count)
            continue;
        mean = of.sum / of.throws;
        variance = of.squares / of.throws - mean * mean;
        route->cpu_ns += mean * count;
        type->variance += (variance > 0 ? variance : 0) * count * count * of.throws_squares / (of.throws * of.throws);
    }
    type->cpu_ns += route->cpu_ns;
    if (route->name && is_library(route->name) &&
        (route->judged_samples ? 2 * route->noise_samples > route->judged_samples : is_library(type->name)))
        type->noise += (double)(route->counts[0] + route->counts[1]);
    if (route->catcher && (type->route == NO_INDEX || is_more_final(route, &recording->routes[type->route])))
        type->route = (size_t)(route - recording->routes);
}

static void look_at_samples(struct recording *recording)
{
    for (size_t i = 0; i < recording->sample_count; i++) {
        struct sample *sample = &recording->samples[i];
        struct route *route;
        sample->type = type_of(recording, sample->head.type);
        sample->route = find_route(recording, sample->head.type, sample->caught ? sample->catcher : 0);
        if (sample->route == NO_INDEX || sample->type == NO_INDEX)
            continue;
        route = &recording->routes[sample->route];
        recording->types[sample->type].samples++;
        if (route->name && sample->frame_count) {
            route->judged_samples++;
            route->noise_samples += !passes_program(recording, sample, route->name);
        }
    }
}

/* --- order --- */

static int by_harm(const void *left, const void *right)
{
    const struct type *a = left, *b = right;

    if (a->cpu_ns != b->cpu_ns)
        return a->cpu_ns < b->cpu_ns ? 1 : -1;
    if (throws_of(a) != throws_of(b))
        return throws_of(a) < throws_of(b) ? 1 : -1;
    return strcmp(a->name, b->name);
}

/* The array is sorted again: what points into it follows. */
static int sort_types(struct recording *recording)
{
    size_t *moved = malloc((recording->type_count + 1) * sizeof *moved);
    struct type *before = malloc((recording->type_count + 1) * sizeof *before);

    if (!moved || !before) {
        free(moved);
        free(before);
        return MEDIC_E_MEMORY;
    }
    if (recording->type_count) {
        memcpy(before, recording->types, recording->type_count * sizeof *before);
        qsort(recording->types, recording->type_count, sizeof *recording->types, by_harm);
    }
    for (size_t to = 0; to < recording->type_count; to++) {
        struct type key = {.id = recording->types[to].id};
        const struct type *from = bsearch(&key, before, recording->type_count, sizeof key, by_id);
        moved[from - before] = to;
    }
    for (size_t i = 0; i < recording->route_count; i++)
        if (recording->routes[i].type != NO_INDEX)
            recording->routes[i].type = moved[recording->routes[i].type];
    for (size_t i = 0; i < recording->sample_count; i++)
        if (recording->samples[i].type != NO_INDEX)
            recording->samples[i].type = moved[recording->samples[i].type];
    free(moved);
    free(before);
    return MEDIC_OK;
}

/* What an AggregateException brings to whoever waits for a task. */
static void note_wrapped(struct recording *recording)
{
    for (size_t i = 0; i < recording->sample_count; i++) {
        const struct sample *sample = &recording->samples[i];
        uint64_t id;
        size_t inner;
        if (sample->type == NO_INDEX || !sample->head.inner_count || sample->head.flags & EX_PROPAGATED ||
            strcmp(recording->types[sample->type].name, "System.AggregateException") != 0)
            continue;
        memcpy(&id, sample->chain, sizeof id);
        inner = type_of(recording, id);
        if (inner != NO_INDEX)
            recording->types[inner].wrapped += sample->weight;
    }
}

/* What is estimated cannot be more than there was. */
static void limit_cpu(struct recording *recording)
{
    double all = 0, limit = process_ns(recording);

    for (size_t i = 0; i < recording->type_count; i++)
        all += recording->types[i].cpu_ns;
    if (!(limit > 0) || all <= limit)
        return;
    for (size_t i = 0; i < recording->type_count; i++)
        recording->types[i].cpu_ns *= limit / all;
    for (size_t i = 0; i < recording->route_count; i++)
        recording->routes[i].cpu_ns *= limit / all;
}

int analyse(struct recording *recording)
{
    merge_types(recording);
    merge_routes(recording);
    settle_routes(recording);
    for (size_t i = 0; i < recording->type_count; i++)
        recording->types[i].route = recording->types[i].site = recording->types[i].message = NO_INDEX;
    for (size_t i = 0; i < recording->sample_count; i++)
        if (look_at_stack(recording, &recording->samples[i]) != MEDIC_OK)
            return MEDIC_E_MEMORY;
    look_at_samples(recording);
    measure_routes(recording);
    for (size_t i = 0; i < recording->route_count; i++)
        if (recording->routes[i].type != NO_INDEX)
            estimate_route(recording, &recording->routes[i]);
    limit_cpu(recording);
    if (weigh_samples(recording) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    note_wrapped(recording);
    if (sort_types(recording) != MEDIC_OK || make_groups(recording) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    find_facts(recording);
    return MEDIC_OK;
}
