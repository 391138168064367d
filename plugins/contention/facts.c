/* From waits and counters to locks with their sites, their holders and their sums. */
#include "recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- frames --- */

const medic_frame *frame_of(const struct recording *recording, uint32_t id)
{
    static const medic_frame none = {.kind = MEDIC_FRAME_UNKNOWN, .function = "(unknown)", .module = ""};
    const medic_frame *frame = id ? recording->frames->frame(recording->host, id) : NULL;

    return frame && frame->function && frame->module ? frame : &none;
}

uint32_t function_of(const struct recording *recording, uint32_t frame)
{
    uint32_t function = frame_of(recording, frame)->function_id;

    if (frame > recording->frame_count)
        return 0;
    return frame && function && function <= recording->frame_count ? function : frame;
}

struct medic_place place_of(const struct recording *recording, uint32_t id)
{
    const medic_frame *frame = frame_of(recording, id);

    return (struct medic_place){id ? frame->function : NULL, frame->module, frame->file, frame->line, frame->code};
}

const char *thread_name(const struct recording *recording, uint32_t tid)
{
    const char *name = tid ? recording->frames->thread(recording->host, tid, NULL) : NULL;

    for (size_t i = recording->name_count; (!name || !*name) && i > 0; i--)
        if (recording->names[i - 1].tid == tid)
            name = recording->names[i - 1].name;
    return name && *name ? name : NULL;
}

/* System.Threading.Lock raises its events by itself. */
static int is_above(const medic_frame *frame)
{
    return frame->kind != MEDIC_FRAME_MANAGED || medic_begins_with(frame->function, "System.Diagnostics.Tracing.");
}

uint32_t managed_part(const struct recording *recording, uint64_t stack, const uint32_t **frames)
{
    uint32_t count = 0, first = 0;

    if (!stack || !recording->frames->stack(recording->host, stack, frames, &count) || !*frames)
        return 0;
    while (count && is_above(frame_of(recording, (*frames)[count - 1])))
        count--;
    while (first < count && frame_of(recording, (*frames)[first])->kind != MEDIC_FRAME_MANAGED)
        first++;
    *frames += first;
    return count - first;
}

/* Who is about to let go is busy with nothing. */
static int lets_go(const struct recording *recording, uint32_t frame)
{
    const char *name = frame_of(recording, frame)->function;

    return medic_begins_with(name, "System.Threading.Monitor.Exit") ||
           medic_begins_with(name, "System.Threading.Lock.Exit");
}

/* Who waits comes back a moment after the holder has let go: when it came right after the photograph, that may have shown what the
 * holder did next. */
#define COMES_BACK_NS UINT64_C(5000000)

static int still_held(const struct recording *recording, const struct held *held)
{
    const struct wait *wait = wait_by_number(recording, held->number);

    return !wait || !wait->known || wait->time_ns + wait->wait_ns >= held->time_ns + COMES_BACK_NS;
}

/* A stack does not tell which of its methods took the lock. A method in which others wait for it is the one; else it is the
 * innermost one of the program's own, or one that called it. */
static void find_held(const struct recording *recording, struct held *held)
{
    uint32_t site = held->lock < recording->lock_count ? recording->locks[held->lock].site : 0;
    const uint32_t *frames = NULL;
    uint32_t count = still_held(recording, held) ? managed_part(recording, held->stack, &frames) : 0, known = 0;

    while (count && lets_go(recording, frames[count - 1]))
        count--;
    held->leaf = count ? frames[count - 1] : 0;
    for (uint32_t i = count; i > 0 && !known; i--) {
        uint32_t frame = frames[i - 1];
        if (site && function_of(recording, frame) == site)
            known = frame;
        if (frame_of(recording, frame)->code != MEDIC_CODE_USER)
            continue;
        if (!held->anchor)
            held->anchor = frame;
        else if (!held->caller && function_of(recording, frame) != function_of(recording, held->anchor))
            held->caller = frame;
    }
    if (known) {
        held->anchor = known;
        held->caller = 0;
        held->sure = 1;
    }
    if (!held->anchor)
        held->anchor = held->leaf;
    held->function = function_of(recording, held->anchor);
    held->leaf_function = function_of(recording, held->leaf);
}

/* What the runtime and its library do to lock is in every stack. */
void find_anchor(const struct recording *recording, struct wait *wait)
{
    const uint32_t *frames = NULL;
    uint32_t count = managed_part(recording, wait->stack, &frames);

    for (uint32_t i = count; i > 0; i--) {
        const medic_frame *frame = frame_of(recording, frames[i - 1]);
        if (frame->kind != MEDIC_FRAME_MANAGED || (frame->code != MEDIC_CODE_USER && wait->anchor))
            continue;
        wait->anchor = frames[i - 1];
        wait->entry = i < count ? frames[i] : 0;
        wait->user = frame->code == MEDIC_CODE_USER;
        if (wait->user)
            return;
    }
}

/* --- waits --- */

const struct wait *wait_by_number(const struct recording *recording, uint64_t number)
{
    size_t low = 0, high = recording->wait_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (recording->waits[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return number && low < recording->wait_count && recording->waits[low].number == number ? &recording->waits[low]
                                                                                           : NULL;
}

static void set_length(struct recording *recording, uint64_t number, uint64_t wait_ns)
{
    struct wait *wait = (struct wait *)wait_by_number(recording, number);

    if (!wait)
        return;
    wait->wait_ns = wait_ns;
    wait->known = 1;
}

static struct lock *lock_by_index(struct recording *recording, uint32_t index)
{
    return index < recording->lock_count ? &recording->locks[index] : NULL;
}

uint64_t open_length(const struct recording *recording, const ct_open *open)
{
    return recording->end_ns > open->begin_ns ? recording->end_ns - open->begin_ns : 0;
}

static void know_waits(struct recording *recording)
{
    for (size_t i = 0; i < recording->end_count; i++)
        set_length(recording, recording->ends[i].number, recording->ends[i].wait_ns);
    for (size_t i = 0; i < recording->kept_count; i++) {
        struct wait *wait = (struct wait *)wait_by_number(recording, recording->kepts[i].number);
        if (wait)
            wait->kept_ns += recording->kepts[i].blocked_ns;
    }
    for (size_t i = 0; i < recording->open_count; i++) {
        const ct_open *open = &recording->opens[i];
        struct lock *lock = lock_by_index(recording, open->lock);
        uint64_t length = open_length(recording, open);
        set_length(recording, open->number, length);
        if (!lock)
            continue;
        lock->open++;
        lock->open_ns += length;
        if (lock->raw.max_ns < length)
            lock->raw.max_ns = length;
        if (open->kind == CT_KIND_LOCK && length > recording->longest_open_ns)
            recording->longest_open_ns = length;
    }
    for (size_t i = 0; i < recording->wait_count; i++)
        find_anchor(recording, &recording->waits[i]);
}

/* What was read most often: an object may have moved away just before it was looked at. */
static void know_types(struct recording *recording)
{
    size_t best = 0;

    for (size_t i = 0, end; i < recording->type_count; i = end) {
        const ct_type *type = &recording->types[i];
        struct lock *lock = lock_by_index(recording, type->lock);
        for (end = i; end < recording->type_count && recording->types[end].lock == type->lock &&
                      recording->types[end].type == type->type;)
            end++;
        if (i == 0 || recording->types[i - 1].lock != type->lock)
            best = 0;
        if (lock && end - i > best) {
            best = end - i;
            lock->type = type->type;
            lock->handle = recording->types[end - 1].handle;
        }
    }
}

/* --- locks --- */

/* Waits by lock, as indices. */
struct order {
    uint32_t *waits;
    size_t count;
};

static const struct recording *sorting; /* qsort has no context; the tool has one thread */

static int by_lock_of_wait(const void *left, const void *right)
{
    const struct wait *a = &sorting->waits[*(const uint32_t *)left], *b = &sorting->waits[*(const uint32_t *)right];

    return a->lock != b->lock ? (a->lock > b->lock) - (a->lock < b->lock)
                              : (a->number > b->number) - (a->number < b->number);
}

int is_usable(const struct wait *wait)
{
    return wait->kind == CT_KIND_LOCK && wait->known && wait->anchor;
}

static int order_waits(const struct recording *recording, struct order *order)
{
    order->waits = calloc(recording->wait_count + 1, sizeof *order->waits);
    if (!order->waits)
        return 0;
    for (size_t i = 0; i < recording->wait_count && i < UINT32_MAX; i++)
        if (is_usable(&recording->waits[i]))
            order->waits[order->count++] = (uint32_t)i;
    sorting = recording;
    qsort(order->waits, order->count, sizeof *order->waits, by_lock_of_wait);
    return 1;
}

/* Of each lock the function in which most of its time was waited; a wait of no length is one too. */
static void know_sites(struct recording *recording, const struct order *order)
{
    for (size_t i = 0, end; i < order->count; i = end) {
        uint32_t index = recording->waits[order->waits[i]].lock;
        struct lock *lock = lock_by_index(recording, index);
        double best = 0;
        for (end = i; end < order->count && recording->waits[order->waits[end]].lock == index;)
            end++;
        for (size_t a = i; lock && a < end && a < i + 64; a++) {
            uint32_t function = function_of(recording, recording->waits[order->waits[a]].anchor);
            double sum = 0;
            for (size_t b = i; b < end && b < i + 256; b++)
                if (function_of(recording, recording->waits[order->waits[b]].anchor) == function)
                    sum += 1 + (double)recording->waits[order->waits[b]].wait_ns;
            if (sum > best) {
                best = sum;
                lock->site = function;
            }
        }
    }
}

/* --- groups --- */

static const char *type_name(const struct recording *recording, uint64_t type)
{
    const char *text = NULL;
    const medic_name_record *name =
        type ? recording->capture->name(recording->host, MEDIC_NAME_TYPE, type, &text) : NULL;

    return name && !(name->flags & 2) && text && *text ? text : NULL;
}

#define RUNTIME_TYPE "System.RuntimeType"

const char *lock_name(const struct group *group)
{
    return group->name ? group->name : "(unknown type)";
}

/* Everybody's locks are of these. */
static int is_anonymous(const char *name)
{
    return !name || strcmp(name, "System.Object") == 0 || strcmp(name, RUNTIME_TYPE) == 0 ||
           strcmp(name, "System.Threading.Lock") == 0 || strcmp(name, "object") == 0;
}

/* lock (typeof(Registry)), and methods that are synchronized. */
static int know_type_objects(struct recording *recording)
{
    for (size_t i = 0; i < recording->lock_count; i++) {
        struct lock *lock = &recording->locks[i];
        const char *own = type_name(recording, lock->type), *name;
        size_t size;
        if (!own || strcmp(own, RUNTIME_TYPE) != 0 || !(name = type_name(recording, lock->handle)))
            continue;
        size = strlen(name) + sizeof "typeof()";
        lock->type_object = malloc(size);
        if (!lock->type_object)
            return 0;
        snprintf(lock->type_object, size, "typeof(%s)", name);
    }
    return 1;
}

/* What the framework locks inside of an object that the program knows. */
static const char *known_name(const char *name)
{
    static const struct {
        const char *lock, *owner;
    } inner[] = {{"System.Runtime.CompilerServices.StrongBox<bool>", "System.Threading.SemaphoreSlim"}};

    for (size_t i = 0; name && i < sizeof inner / sizeof *inner; i++)
        if (strcmp(name, inner[i].lock) == 0)
            return inner[i].owner;
    return name;
}

static struct group *find_group(struct recording *recording, uint64_t type, const char *name, uint32_t site)
{
    struct group *group;

    for (size_t i = 0; i < recording->group_count; i++) {
        group = &recording->groups[i];
        if ((group->name && name ? strcmp(group->name, name) == 0 : !group->name && !name) &&
            (group->site == site || !is_anonymous(name)))
            return group;
    }
    group = &recording->groups[recording->group_count++];
    *group = (struct group){.type = type, .name = name, .site = site};
    return group;
}

/* The one group of a type, for a lock that no stack was taken of. */
static struct group *only_group(struct recording *recording, const char *name)
{
    struct group *only = NULL;

    for (size_t i = 0; i < recording->group_count; i++) {
        struct group *group = &recording->groups[i];
        if (!(group->name && name ? strcmp(group->name, name) == 0 : !group->name && !name))
            continue;
        if (only)
            return NULL;
        only = group;
    }
    return only;
}

static void add_lock(struct group *group, struct lock *lock)
{
    group->locks++;
    group->begun += lock->raw.begun;
    group->waited_ns += lock->raw.ended_ns + lock->open_ns;
    group->open += lock->open;
    if (lock->early)
        group->early += lock->raw.begun;
    if (lock->inferred)
        group->inferred_ns += lock->raw.ended_ns + lock->open_ns;
    if (group->max_ns < lock->raw.max_ns)
        group->max_ns = lock->raw.max_ns;
    for (uint32_t i = 0; i < CT_BINS_ALL; i++)
        group->bins[i] += lock->bins[i];
}

static int is_lock(const struct lock *lock)
{
    return lock->raw.begun && (lock->raw.kind == CT_KIND_LOCK || lock->raw.kind == 0);
}

static void make_groups(struct recording *recording)
{
    for (int seen = 1; seen >= 0; seen--)
        for (size_t i = 0; i < recording->lock_count; i++) {
            struct lock *lock = &recording->locks[i];
            const char *name = lock->type_object ? lock->type_object : known_name(type_name(recording, lock->type));
            struct group *group = NULL;
            if (seen)
                lock->group = NONE;
            if (!is_lock(lock) || (lock->site != 0) != seen)
                continue;
            if (!seen)
                group = only_group(recording, name);
            if (!group)
                group = find_group(recording, lock->type, name, lock->site);
            lock->group = (uint32_t)(group - recording->groups);
            add_lock(group, lock);
        }
}

static int by_waited(const void *left, const void *right)
{
    const struct group *a = &sorting->groups[*(const uint32_t *)left], *b = &sorting->groups[*(const uint32_t *)right];

    if (a->waited_ns != b->waited_ns)
        return a->waited_ns < b->waited_ns ? 1 : -1;
    return (a->begun < b->begun) - (a->begun > b->begun);
}

static int sort_groups(struct recording *recording)
{
    size_t count = recording->group_count;
    uint32_t *order = calloc(2 * count + 1, sizeof *order);
    struct group *sorted = calloc(count + 1, sizeof *sorted);

    if (!order || !sorted) {
        free(order);
        free(sorted);
        return 0;
    }
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    sorting = recording;
    qsort(order, count, sizeof *order, by_waited);
    for (uint32_t i = 0; i < count; i++) {
        sorted[i] = recording->groups[order[i]];
        order[count + order[i]] = i;
    }
    for (size_t i = 0; i < recording->lock_count; i++)
        if (recording->locks[i].group != NONE)
            recording->locks[i].group = order[count + recording->locks[i].group];
    free(order);
    free(recording->groups);
    recording->groups = sorted;
    return 1;
}

const struct group *group_of(const struct recording *recording, uint32_t lock)
{
    uint32_t group = lock < recording->lock_count ? recording->locks[lock].group : NONE;

    return group < recording->group_count ? &recording->groups[group] : NULL;
}

/* --- all --- */

uint64_t quantile(const uint64_t bins[CT_BINS_ALL], uint64_t max_ns, double q)
{
    uint64_t all = 0, seen = 0;

    for (uint32_t i = 0; i < CT_BINS_ALL; i++)
        all += bins[i];
    for (uint32_t i = 0; i < CT_BINS_ALL && all; i++) {
        double from = i ? (double)ct_bin_begin(i) : 0, to = (double)ct_bin_begin(i + 1), rank = q * (double)all;
        if (!bins[i] || (double)(seen + bins[i]) < rank) {
            seen += bins[i];
            continue;
        }
        from += (to - from) * (rank - (double)seen) / (double)bins[i];
        return i + 1 == CT_BINS_ALL || from > (double)max_ns ? max_ns : (uint64_t)from;
    }
    return max_ns;
}

static void sum_up(struct recording *recording)
{
    for (size_t i = 0; i < recording->group_count; i++) {
        const struct group *group = &recording->groups[i];
        recording->waits_all += group->begun;
        recording->waited_ns += group->waited_ns;
        recording->open_all += group->open;
        recording->early_all += group->early;
        recording->inferred_ns += group->inferred_ns;
        if (recording->max_ns < group->max_ns)
            recording->max_ns = group->max_ns;
        for (uint32_t bin = 0; bin < CT_BINS_ALL; bin++)
            recording->bins[bin] += group->bins[bin];
    }
}

/* Only the first ones are shown with their places. */
#define GROUPS_WITH_PLACES 200u

int find_facts(struct recording *recording)
{
    struct order order = {0};
    int good = 1;

    recording->groups = calloc(recording->lock_count + 1, sizeof *recording->groups);
    know_waits(recording);
    know_types(recording);
    if (!know_type_objects(recording))
        return MEDIC_E_MEMORY;
    if (!recording->groups || !order_waits(recording, &order))
        return MEDIC_E_MEMORY;
    know_sites(recording, &order);
    free(order.waits);
    make_groups(recording);
    if (!sort_groups(recording) || !know_threads(recording))
        return MEDIC_E_MEMORY;
    if (!weigh(recording))
        return MEDIC_E_MEMORY;
    for (size_t i = 0; i < recording->held_count; i++) {
        const struct group *group = group_of(recording, recording->helds[i].lock);
        find_held(recording, &recording->helds[i]);
        recording->helds[i].group = group ? (uint32_t)(group - recording->groups) : NONE;
    }
    good = find_holdings(recording);
    for (size_t i = 0; i < recording->group_count && i < GROUPS_WITH_PLACES && good; i++)
        good = know_places(recording, &recording->groups[i]);
    sum_up(recording);
    return good ? MEDIC_OK : MEDIC_E_MEMORY;
}
