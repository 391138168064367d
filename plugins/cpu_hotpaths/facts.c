/* What the samples come down to. */
#include "recording.h"

#include <stdlib.h>
#include <string.h>

/* --- CPU time as the kernel counts it --- */

static uint64_t growth(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0;
}

static void find_usage(const struct recording *recording, struct facts *facts)
{
    const ch_usage *first = recording->usages;
    const ch_usage *last = recording->usage_count ? first + recording->usage_count - 1 : NULL;

    for (size_t i = 0; i < recording->usage_count; i++)
        if (first[i].processors > facts->processors)
            facts->processors = first[i].processors;
    if (last) {
        facts->elapsed_ns = growth(first->time_ns, last->time_ns);
        facts->process_ns = growth(first->process_ns, last->process_ns);
        facts->medic_ns = growth(first->medic_ns, last->medic_ns);
    }
}

/* Without usage records the samples have to do. */
static void find_busy(struct facts *facts)
{
    double most = facts->processors ? (double)facts->processors : 65536;

    if (facts->elapsed_ns)
        facts->busy = (double)growth(facts->medic_ns, facts->process_ns) / (double)facts->elapsed_ns;
    else if (facts->span_ns)
        facts->busy = ((double)facts->base_ns + (double)facts->lost_ns) / (double)facts->span_ns;
    if (facts->busy > most)
        facts->busy = most;
}

static void find_shortage(const struct recording *recording, struct facts *facts)
{
    const ch_waited *first = &recording->waited[0], *last = &recording->waited[1];
    uint64_t elapsed = growth(first->time_ns, last->time_ns);

    if (recording->waited_count == 2 && elapsed)
        facts->short_of = (double)growth(first->waited_ns, last->waited_ns) / (double)elapsed;
    if (facts->short_of > 65536)
        facts->short_of = 0; /* damage */
}

/* --- samples --- */

static void count_sample(const struct recording *recording, const struct sample *sample, struct facts *facts)
{
    uint64_t weight = sample->weight_ns;
    uint64_t half = recording->begin_ns + facts->span_ns / 2;

    facts->samples++;
    facts->sampled_ns += weight;
    facts->work_ns[sample->work] += weight;
    if (sample->work == WORK_MEDIC)
        return;
    facts->base_ns += weight;
    facts->code_ns[sample->code] += weight;
    if (sample->work == WORK_JIT && sample->time_ns >= half)
        facts->late_jit_ns += weight;
    if (!view_of(recording, sample)->count)
        facts->blind_ns += weight;
    else if (sample->code == CODE_UNKNOWN)
        facts->unknown_ns += weight;
    if (sample->flags & MEDIC_STACK_TRUNCATED)
        facts->truncated_ns += weight;
    if (sample->flags & MEDIC_STACK_BROKEN)
        facts->broken_ns += weight;
}

static void find_threads(const struct recording *recording, struct facts *facts)
{
    for (size_t i = 0; i < recording->thread_count; i++) {
        const struct thread *thread = &recording->threads[i];
        facts->gc_threads += thread->kind == THREAD_GC && medic_begins_with(thread->name, ".NET Server GC");
        if (thread->kind != THREAD_MEDIC && thread->cpu_ns > facts->thread_ns) {
            facts->thread_ns = thread->cpu_ns;
            facts->thread = *thread->name ? thread->name : NULL;
        }
    }
}

/* --- sites --- */

static int is_program(enum work work)
{
    return work == WORK_PROGRAM || work == WORK_RUNTIME;
}

static int pick_program(const struct sample *sample, const void *unused)
{
    (void)unused;
    return is_program(sample->work);
}

static int pick_work(const struct sample *sample, const void *work)
{
    return sample->work == *(const enum work *)work;
}

struct but {
    const struct recording *recording;
    uint32_t function;
};

static int pick_program_but(const struct sample *sample, const void *context)
{
    const struct but *but = context;

    return is_program(sample->work) &&
           function_of(but->recording, view_of(but->recording, sample)->anchor) != but->function;
}

static int find_sites(const struct recording *recording, struct facts *facts)
{
    struct but but = {recording, 0};
    int code = find_site(recording, pick_program, NULL, &facts->lead);

    but.function = facts->lead.function;
    if (code == MEDIC_OK && but.function)
        code = find_site(recording, pick_program_but, &but, &facts->second);
    for (enum work work = 0; work < WORK_COUNT && code == MEDIC_OK; work++)
        if (!is_program(work) && facts->work_ns[work])
            code = find_site(recording, pick_work, &work, &facts->who[work]);
    return code;
}

/* --- the way that most CPU takes from the root --- */

#define WAY_SHARE 0.6

static void find_way(const struct recording *recording, struct facts *facts)
{
    uint32_t count = 0, at = 0;
    const medic_tree_node *nodes = recording->trees->nodes(recording->tree, &count);

    while (nodes && at < count) {
        uint32_t child = nodes[at].first_child;
        const medic_frame *frame;
        if (!child || child <= at || child >= count || (double)nodes[child].total < WAY_SHARE * (double)facts->base_ns)
            return;
        at = child;
        frame = frame_of(recording, nodes[at].frame);
        if (is_own(frame) && !strstr(frame->function, "Main") &&
            function_of(recording, nodes[at].frame) != facts->lead.function) {
            facts->way = place_of(recording, nodes[at].frame);
            facts->way_ns = nodes[at].total;
        }
    }
}

/* --- modules --- */

static int by_module(const void *left, const void *right)
{
    const struct module_row *a = left, *b = right;

    return strcmp(a->name, b->name);
}

static int by_self(const void *left, const void *right)
{
    const struct module_row *a = left, *b = right;

    if (a->self_ns != b->self_ns)
        return a->self_ns < b->self_ns ? 1 : -1;
    return by_module(left, right);
}

static const char *module_name(const medic_frame *frame)
{
    if (*frame->module)
        return frame->module;
    return frame->kind == MEDIC_FRAME_MANAGED ? "(dynamic code)" : "(unknown)";
}

struct module_row *module_rows(const struct recording *recording, size_t *count)
{
    uint32_t function_count = 0;
    const medic_tree_function *functions = recording->trees->functions(recording->tree, &function_count);
    struct module_row *rows = functions ? calloc((size_t)function_count + 1, sizeof *rows) : NULL;
    size_t used = 0;

    *count = 0;
    if (!rows)
        return NULL;
    for (uint32_t i = 0; i < function_count; i++) {
        const medic_frame *frame = frame_of(recording, functions[i].frame);
        if (functions[i].self)
            rows[used++] = (struct module_row){module_name(frame), frame->code, functions[i].self};
    }
    qsort(rows, used, sizeof *rows, by_module);
    for (size_t i = 0; i < used; i++) {
        if (*count && by_module(&rows[*count - 1], &rows[i]) == 0)
            rows[*count - 1].self_ns += rows[i].self_ns;
        else
            rows[(*count)++] = rows[i];
    }
    qsort(rows, *count, sizeof *rows, by_self);
    return rows;
}

static void find_module(const struct recording *recording, struct facts *facts)
{
    size_t count;
    struct module_row *rows = module_rows(recording, &count);

    if (count) {
        facts->module = rows[0].name;
        facts->module_ns = rows[0].self_ns;
    }
    free(rows);
}

/* --- all of it --- */

static int fill_tree(struct recording *recording)
{
    uint32_t room = 0, *frames;

    recording->tree = recording->trees->create(recording->host);
    for (size_t i = 0; i < recording->view_count; i++)
        if (recording->views[i].count > room)
            room = recording->views[i].count;
    frames = calloc((size_t)room + 1, sizeof *frames);
    if (!frames)
        return MEDIC_E_MEMORY;
    for (size_t i = 0; i < recording->sample_count; i++) {
        const struct sample *sample = &recording->samples[i];
        uint32_t count = shown_frames(recording, view_of(recording, sample), frames);
        if (sample->work != WORK_MEDIC && count)
            recording->trees->add(recording->tree, frames, count, sample->weight_ns, 1);
    }
    free(frames);
    return MEDIC_OK;
}

int find_facts(struct recording *recording)
{
    struct facts *facts = &recording->facts;

    facts->span_ns = growth(recording->begin_ns, recording->end_ns);
    find_usage(recording, facts);
    for (size_t i = 0; i < recording->sample_count; i++)
        count_sample(recording, &recording->samples[i], facts);
    if (recording->has_totals) {
        if (recording->totals.samples > facts->samples) /* the capture half adds up what is the same */
            facts->samples = recording->totals.samples;
        facts->lost = recording->totals.lost;
        facts->lost_ns = recording->totals.lost_ns;
        facts->threads_missed = recording->totals.threads_missed;
        facts->engine = recording->totals.engine;
    }
    find_busy(facts);
    find_shortage(recording, facts);
    find_threads(recording, facts);
    if (fill_tree(recording) != MEDIC_OK || find_sites(recording, facts) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    find_way(recording, facts);
    find_module(recording, facts);
    return MEDIC_OK;
}
