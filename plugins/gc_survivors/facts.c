/* From the merged paths to what the verdict judges: where many objects of one type gather, or one large one sits. */
#include "recording.h"

#include <stdlib.h>

#define STEPS_SHOWN 5u

/* How much, and how many: of a path now, or what was added since the first photograph. */
static double weight_of(const struct recording *recording, const struct path *path)
{
    double before = recording->has_earlier ? (double)path->retained_before : 0;

    return (double)path->retained - before;
}

static double tally_of(const struct recording *recording, const struct path *path)
{
    double before = recording->has_earlier ? (double)path->count_before : 0;

    return (double)path->count - before;
}

/* The child that has the most: they are sorted. */
static uint32_t heaviest(const struct recording *recording, uint32_t path)
{
    return recording->paths.all[path].first_child;
}

/* --- the program's types --- */

static int is_user(const struct recording *recording, uint32_t path)
{
    const medic_heap_class *class = &recording->graph->classes[recording->paths.all[path].class_index];

    return class->code == MEDIC_CODE_USER && class->kind != MEDIC_KIND_ARRAY;
}

/* A class of the program, or one that the compiler made for it. */
static int is_telling(const struct recording *recording, uint32_t path)
{
    uint32_t kind = recording->graph->classes[recording->paths.all[path].class_index].kind;

    return is_user(recording, path) || kind == MEDIC_KIND_STATE_MACHINE || kind == MEDIC_KIND_CLOSURE;
}

/* Where the program's own type is that most of a path is: what the entries, nodes, delegates of the framework are there
 * for; NO_PATH when there is none. */
static uint32_t payload_of(const struct recording *recording, uint32_t path)
{
    const struct path *all = recording->paths.all;
    uint32_t at = path;

    while (at && !is_telling(recording, at)) {
        at = heaviest(recording, at);
        if (!at || weight_of(recording, &all[at]) * 3 < weight_of(recording, &all[path]))
            return NO_PATH;
    }
    return at;
}

/* --- suspects --- */

/* Whether the weight goes on into a few objects further down: then it is they who gather, as one singleton among the 300
 * services of a container. */
static int leads_to_few(const struct recording *recording, uint32_t path)
{
    const struct path *all = recording->paths.all;
    double weight = weight_of(recording, &all[path]), tally = tally_of(recording, &all[path]);

    for (uint32_t at = heaviest(recording, path); at && weight_of(recording, &all[at]) >= weight / 2;
         at = heaviest(recording, at))
        if (tally_of(recording, &all[at]) * SUSPECT_FAN <= tally)
            return 1;
    return 0;
}

struct limits {
    double weight, single; /* of many, and of one object */
    double tally;
};

static int gathers(const struct recording *recording, uint32_t number, const struct limits *limits)
{
    const struct path *path = &recording->paths.all[number], *parent = &recording->paths.all[path->parent];
    double tally = tally_of(recording, path), above = parent->depth > 1 ? tally_of(recording, parent) : 1;

    return path->depth > 1 && weight_of(recording, path) >= limits->weight && tally >= limits->tally &&
           tally >= SUSPECT_FAN * (above > 1 ? above : 1) && !leads_to_few(recording, number);
}

/* One large object, or a few: they have the bytes themselves. */
static int is_large(const struct recording *recording, const struct path *path, const struct limits *limits)
{
    return path->depth > 1 && weight_of(recording, path) >= limits->single &&
           (double)path->own >= weight_of(recording, path) / 2 && path->count <= SUSPECT_FAN;
}

static int is_below(const struct paths *paths, uint32_t path, uint32_t other)
{
    while (path && path != other)
        path = paths->all[path].parent;
    return path != 0;
}

static int is_related(const struct paths *paths, const uint32_t *chosen, size_t count, uint32_t path)
{
    for (size_t i = 0; i < count; i++)
        if (is_below(paths, path, chosen[i]) || is_below(paths, chosen[i], path))
            return 1;
    return 0;
}

/* The heaviest path that gathers and is on the way to none that was chosen. */
static uint32_t next_suspect(const struct recording *recording, const uint32_t *chosen, size_t count,
                             const struct limits *limits)
{
    const struct path *all = recording->paths.all;
    uint32_t best = NO_PATH;

    for (uint32_t i = 1; i < recording->paths.count; i++) {
        if (best && weight_of(recording, &all[i]) <= weight_of(recording, &all[best]))
            continue;
        if ((gathers(recording, i, limits) || is_large(recording, &all[i], limits)) &&
            !is_related(&recording->paths, chosen, count, i))
            best = i;
    }
    return best;
}

/* Where the program's objects gather that arrays or lists of them hold which gather themselves: they are what there are
 * many of. */
static uint32_t most_telling(const struct recording *recording, uint32_t path, const struct limits *limits)
{
    const struct path *all = recording->paths.all;
    uint32_t payload = payload_of(recording, path);

    if (payload && payload != path && gathers(recording, payload, limits) &&
        weight_of(recording, &all[payload]) * 2 >= weight_of(recording, &all[path]))
        return payload;
    return path;
}

/* --- how a suspect is told --- */

/* "Cache._items" of a class of the program that is on the way: the field is what one has to look for. */
static void add_owner(struct medic_text *text, const struct recording *recording, uint32_t path, uint32_t next)
{
    char name[NAME_ROOM], field[NAME_ROOM];
    const struct path *at = &recording->paths.all[path], *to = &recording->paths.all[next];
    const char *by = NULL;

    medic_add_name(text, class_name(recording, at->class_index, name));
    if (is_user(recording, path) && to->slot < MEDIC_SLOT_DEPENDENT)
        by = recording->heap->field(recording->host, recording->graph, at->class_index, to->slot);
    if (by && *by != '[')
        medic_add(text, ".%s", field_name(by, field));
}

static int has_user(const struct recording *recording, const uint32_t *way, uint32_t length)
{
    for (uint32_t i = 0; i + 1 < length; i++)
        if (is_user(recording, way[i]))
            return 1;
    return 0;
}

/* Steps in the middle of a long way are left out: all but the last two, the program's own, and what it refers to; or the
 * first, where there is none of the program. */
static int is_told(const struct recording *recording, const uint32_t *way, uint32_t length, uint32_t step)
{
    return length <= STEPS_SHOWN || step + 2 >= length || is_user(recording, way[step]) ||
           (step && is_user(recording, way[step - 1])) || (!step && !has_user(recording, way, length));
}

static uint32_t way_to(const struct recording *recording, uint32_t path, uint32_t way[64])
{
    uint32_t length = recording->paths.all[path].depth - 1, at = path;

    for (uint32_t i = length; i-- > 0; at = recording->paths.all[at].parent)
        way[i] = at;
    return length;
}

static void add_many(struct medic_text *text, const struct recording *recording, uint32_t path)
{
    char name[NAME_ROOM];
    const struct path *at = &recording->paths.all[path];

    if (at->count > 1 && !recording->has_earlier) {
        medic_add_number(text, at->count);
        medic_add(text, " × ");
    }
    medic_add_name(text, class_name(recording, at->class_index, name));
}

static int is_dependent(const struct recording *recording, uint32_t path)
{
    return recording->paths.all[path].depth > 2 && recording->paths.all[path].slot == MEDIC_SLOT_DEPENDENT;
}

static void add_payload(struct medic_text *text, const struct recording *recording, uint32_t path)
{
    const struct path *all = recording->paths.all;
    char name[NAME_ROOM];
    uint32_t at = path;

    if (is_user(recording, at) && is_dependent(recording, all[at].first_child) &&
        weight_of(recording, &all[all[at].first_child]) * 2 > weight_of(recording, &all[at])) {
        medic_add(text, " → ");
        add_step(text, recording, all[at].first_child);
        return;
    }
    at = payload_of(recording, path);
    if (at && at != path) {
        medic_add(text, " → ");
        medic_add_name(text, class_name(recording, all[at].class_index, name));
    }
}

/* The event of which a path is the handlers: its delegate, or the list where that hangs on the root itself; NO_PATH when it
 * is no such thing. */
static uint32_t event_of(const struct recording *recording, uint32_t path)
{
    uint32_t list = recording->paths.all[path].parent;

    if (!handlers_of(recording, list))
        return NO_PATH;
    return recording->paths.all[list].depth == 2 ? list : recording->paths.all[list].parent;
}

static void add_event(struct medic_text *text, const struct recording *recording, uint32_t path, uint32_t delegate)
{
    const struct path *all = recording->paths.all;
    const struct label *label = label_of_path(recording, delegate);

    medic_add_number(text, handlers_of(recording, all[path].parent));
    medic_add(text, " handlers of event ");
    if (all[delegate].depth > 2) {
        add_owner(text, recording, all[delegate].parent, delegate);
        medic_add(text, " (held by ");
        add_label(text, label);
        medic_add(text, ")");
    } else if (label->text && medic_begins_with(label->text, "static ")) {
        medic_add(text, "%s", label->text + sizeof "static " - 1);
    } else {
        add_label(text, label);
    }
    add_payload(text, recording, path);
}

static void add_timers(struct medic_text *text, const struct recording *recording, uint32_t path)
{
    medic_add_number(text, recording->paths.all[path].count);
    medic_add(text, " timers (held by ");
    add_label(text, label_of_path(recording, path));
    medic_add(text, ")");
    add_payload(text, recording, path);
}

static enum holding holding_of(const struct recording *recording, uint32_t path)
{
    const struct path *all = recording->paths.all;
    const medic_heap_class *class = &recording->graph->classes[all[path].class_index];

    if (event_of(recording, path))
        return HOLDS_HANDLERS;
    if (strcmp(class->name, "System.Threading.TimerQueueTimer") == 0)
        return HOLDS_TIMERS;
    if (medic_begins_with(class->name, "System.Threading.CancellationTokenSource.CallbackNode"))
        return HOLDS_REGISTRATIONS;
    if (class->kind == MEDIC_KIND_STATE_MACHINE)
        return HOLDS_TASKS;
    if (label_of_path(recording, path)->kind == MEDIC_ROOT_FINALIZER)
        return HOLDS_FINALIZER;
    if (label_of_path(recording, path)->kind == MEDIC_ROOT_HANDLE && all[path].depth == 2)
        return HOLDS_HANDLES;
    return is_dependent(recording, path) ? HOLDS_DEPENDENT : HOLDS_PLAIN;
}

/* Held by the runtime's queue of timers, beside a field of the program that one looks at first. */
static int is_held_by_timers(const struct label *label)
{
    static const char queue[] = "static System.Threading.TimerQueue.";

    return label->text && label->other &&
           (medic_begins_with(label->text, queue) || medic_begins_with(label->other, queue));
}

static void add_way(struct medic_text *text, const struct recording *recording, uint32_t path)
{
    uint32_t way[64], length = way_to(recording, path, way);
    int gap = 0;

    add_label(text, label_of_path(recording, path));
    medic_add(text, holding_of(recording, path) == HOLDS_HANDLES ? "s: " : ": ");
    for (uint32_t i = 0; i + 1 < length; i++) {
        if (is_told(recording, way, length, i)) {
            medic_add(text, gap ? "… → " : "");
            add_owner(text, recording, way[i], way[i + 1]);
            medic_add(text, " → ");
        }
        gap = !is_told(recording, way, length, i);
    }
    add_many(text, recording, path);
    add_payload(text, recording, path);
}

/* What there are more of: the program's own objects, where each has one node, entry or delegate of the framework. */
static void add_type(struct medic_text *text, const struct recording *recording, uint32_t path)
{
    const struct path *all = recording->paths.all;
    uint32_t payload = payload_of(recording, path);
    char name[NAME_ROOM];

    if (!payload || all[payload].count != all[path].count || all[payload].count_before != all[path].count_before)
        payload = path;
    medic_add_name(text, class_name(recording, all[payload].class_index, name));
}

static void tell_suspect(const struct recording *recording, uint32_t path, struct suspect *suspect)
{
    const struct path *at = &recording->paths.all[path];
    struct medic_text text = {suspect->path, sizeof suspect->path};
    struct medic_text key = {suspect->key, sizeof suspect->key};
    struct medic_text type = {suspect->type, sizeof suspect->type};
    uint32_t delegate = event_of(recording, path);

    add_type(&type, recording, path);
    suspect->holding = holding_of(recording, path);
    suspect->count = at->count;
    suspect->retained = at->retained;
    suspect->count_before = at->count_before;
    suspect->retained_before = at->retained_before;
    if (delegate)
        add_event(&text, recording, path, delegate);
    else if (suspect->holding == HOLDS_TIMERS)
        add_timers(&text, recording, path);
    else
        add_way(&text, recording, path);
    if (suspect->holding == HOLDS_PLAIN && is_held_by_timers(label_of_path(recording, path)))
        suspect->holding = HOLDS_TIMERS;
    add_label(&key, label_of_path(recording, path));
}

static struct limits limits_of(const struct facts *facts)
{
    double alive = (double)facts->bytes, grown = alive - (double)facts->bytes_before;
    struct limits limits = {SUSPECT_SHARE * alive, SINGLE_SHARE * alive, SUSPECT_COUNT};

    if (facts->compared)
        return (struct limits){GROWTH_PART * grown, SINGLE_SHARE * grown, GROWTH_COUNT};
    if (limits.weight < SUSPECT_BYTES)
        limits.weight = SUSPECT_BYTES;
    if (limits.single < SUSPECT_BYTES)
        limits.single = SUSPECT_BYTES;
    return limits;
}

static void find_suspects(struct recording *recording)
{
    struct facts *facts = &recording->facts;
    struct limits limits = limits_of(facts);
    uint32_t chosen[SUSPECTS_MAX];

    if (facts->compared && !memory_grows(facts))
        return;
    while (facts->suspect_count < SUSPECTS_MAX) {
        uint32_t path = next_suspect(recording, chosen, facts->suspect_count, &limits);
        if (!path)
            return;
        path = most_telling(recording, path, &limits);
        chosen[facts->suspect_count] = path;
        tell_suspect(recording, path, &facts->suspects[facts->suspect_count++]);
    }
}

/* --- the rest --- */

static void look_at_holders(struct recording *recording)
{
    struct facts *facts = &recording->facts;
    const struct label *best = NULL;

    for (uint32_t i = 1; i < recording->holders.label_count; i++) {
        const struct label *label = &recording->holders.labels[i];
        if (!best || label->retained > best->retained)
            best = label;
        if (label->kind == MEDIC_ROOT_FINALIZER && !label->other && !label->more) {
            facts->finalizer_count += label->objects;
            facts->finalizer_bytes += label->retained;
        }
    }
    if (best && best->text) {
        struct medic_text text = {facts->largest_holder, sizeof facts->largest_holder};
        add_label(&text, best);
        facts->largest_holder_bytes = best->retained;
    }
}

void find_facts(struct recording *recording)
{
    struct facts *facts = &recording->facts;

    facts->photographed = 1;
    facts->has_dead = has_dead(recording->graph);
    facts->objects = recording->tree->reachable;
    facts->bytes = recording->tree->reachable_bytes;
    facts->guessed_bytes = recording->holders.guessed_bytes;
    facts->dead = recording->dead.count;
    facts->dead_bytes = recording->dead.bytes;
    facts->compared = recording->has_earlier;
    facts->bytes_before = recording->earlier.bytes;
    facts->objects_before = recording->earlier.objects;
    facts->span_ns = recording->span_ns;
    facts->second_failed = *recording->second_failed ? recording->second_failed : NULL;
    facts->simplified = recording->paths.full;
    look_at_holders(recording);
    find_suspects(recording);
}
