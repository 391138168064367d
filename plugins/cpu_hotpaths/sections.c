/* The sections of the document: what used the CPU. */
#include "sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 200u

/* --- the whole --- */

static void usage_note(const struct facts *facts, char *note, size_t size)
{
    struct medic_text text = {note, size};

    if (!facts->samples) {
        medic_add(&text, "No sample was taken.");
        return;
    }
    medic_add(&text, "%llu samples", (unsigned long long)facts->samples);
    if (facts->engine == MEDIC_ENGINE_SUSPENSION)
        medic_add(&text, " by suspension (biased to safe points)");
    else if (facts->engine == MEDIC_ENGINE_TIMERS)
        medic_add(&text, " by CPU timers");
    if (facts->elapsed_ns && facts->process_ns) {
        medic_add(&text, " stand for ");
        medic_add_share(&text, (double)facts->sampled_ns, (double)facts->process_ns);
        medic_add(&text, " of the CPU time that the kernel counted");
    }
    if (facts->lost_ns) {
        medic_add(&text, "; lost: ");
        medic_add_share(&text, (double)facts->lost_ns, (double)facts->sampled_ns + (double)facts->lost_ns);
    }
    medic_add(&text, ".");
}

static void usage_row(const struct recording *recording, medic_section *section, const char *who, uint64_t cpu_ns,
                      double busy, double short_of)
{
    uint32_t processors = recording->facts.processors;
    medic_cell cells[] = {
        medic_string(who),
        medic_whole(cpu_ns),
        medic_number(busy),
        processors ? medic_ratio(busy, processors) : medic_none(),
        short_of >= 0.05 ? medic_number(short_of) : medic_none(),
    };

    MEDIC_ROW(recording, section, cells);
}

static void write_usage(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("who", "Who", MEDIC_COLUMN_KEY),
        MEDIC_TIME_COLUMN("cpu", "CPU time", MEDIC_COLUMN_DIFF),
        MEDIC_COLUMN_OF("busy", "Processors busy", MEDIC_NUMBER, MEDIC_UNIT_NONE, 0),
        MEDIC_SHARE_COLUMN("machine", "Of the machine"),
        MEDIC_COLUMN_OF("short_of", "Short of", MEDIC_NUMBER, MEDIC_UNIT_NONE, 0),
    };
    const struct facts *facts = &recording->facts;
    char note[256];
    medic_section *section;
    double medic;

    usage_note(facts, note, sizeof note);
    section = MEDIC_OPEN(recording, MEDIC_TABLE, "usage", "CPU used", note, columns);
    if (!facts->elapsed_ns) {
        usage_row(recording, section, "the program", facts->base_ns, facts->busy, facts->short_of);
        return;
    }
    medic = (double)facts->medic_ns / (double)facts->elapsed_ns;
    usage_row(recording, section, "the program",
              facts->process_ns > facts->medic_ns ? facts->process_ns - facts->medic_ns : 0, facts->busy,
              facts->short_of);
    usage_row(recording, section, "Medic", facts->medic_ns, medic, 0);
}

/* --- by kind of code --- */

const char *code_name(enum code code)
{
    static const char *const names[] = {
        [CODE_USER] = "the program's own", [CODE_FRAMEWORK] = "framework",    [CODE_GC] = "runtime: GC",
        [CODE_JIT] = "runtime: JIT",       [CODE_RUNTIME] = "runtime: other", [CODE_NATIVE] = "native libraries",
        [CODE_UNKNOWN] = "unknown",
    };
    return names[code];
}

static void write_codes(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("code", "Code", MEDIC_COLUMN_KEY),
        MEDIC_SHARE_COLUMN("share", "Of CPU"),
        MEDIC_TIME_COLUMN("cpu", "CPU time", MEDIC_COLUMN_DIFF),
    };
    medic_section *section =
        MEDIC_OPEN(recording, MEDIC_TABLE, "code", "Whose code ran", "By the innermost frame.", columns);
    int written[CODE_COUNT] = {0};

    for (int rank = 0; rank < CODE_COUNT; rank++) {
        enum code best = CODE_COUNT;
        for (enum code code = 0; code < CODE_COUNT; code++)
            if (!written[code] &&
                (best == CODE_COUNT || recording->facts.code_ns[code] > recording->facts.code_ns[best]))
                best = code;
        if (!recording->facts.code_ns[best])
            return;
        written[best] = 1;
        medic_cell cells[] = {medic_string(code_name(best)), share_of(recording, recording->facts.code_ns[best]),
                              medic_whole(recording->facts.code_ns[best])};
        MEDIC_ROW(recording, section, cells);
    }
}

/* --- methods --- */

/* The hottest line; of native code the library. Framework names tell their module themselves. */
static const char *where_of(const medic_frame *frame, char location[MEDIC_LOCATION_MAX])
{
    const char *line = medic_frame_location(frame, location);

    if (line && frame->code != MEDIC_CODE_NATIVE && frame->code != MEDIC_CODE_RUNTIME)
        return line;
    return *frame->module && !is_nameless(frame) && frame->code != MEDIC_CODE_FRAMEWORK ? frame->module : NULL;
}

static const char *frame_code(uint32_t code)
{
    switch (code) {
    case MEDIC_CODE_USER: return "own";
    case MEDIC_CODE_FRAMEWORK: return "framework";
    case MEDIC_CODE_RUNTIME: return "runtime";
    case MEDIC_CODE_NATIVE: return "native";
    default: return NULL;
    }
}

static void method_row(const struct recording *recording, medic_section *section, const medic_tree_function *function)
{
    const medic_frame *frame = frame_of(recording, function->frame);
    char location[MEDIC_LOCATION_MAX];
    medic_cell cells[] = {
        medic_string(place_of(recording, function->frame).name),
        share_of(recording, function->self),
        medic_whole(function->self),
        share_of(recording, function->total),
        medic_whole(function->total),
        medic_string(where_of(frame, location)),
        medic_string(frame_code(frame->code)),
    };

    MEDIC_ROW(recording, section, cells);
}

static const medic_column method_columns[] = {
    MEDIC_TEXT_COLUMN("method", "Method", MEDIC_COLUMN_KEY),
    MEDIC_SHARE_COLUMN("self_share", "Self"),
    MEDIC_TIME_COLUMN("self", "Self time", MEDIC_COLUMN_DIFF),
    MEDIC_SHARE_COLUMN("total_share", "Total"),
    MEDIC_TIME_COLUMN("total", "Total time", MEDIC_COLUMN_DIFF),
    MEDIC_TEXT_COLUMN("where", "Where", 0),
    MEDIC_TEXT_COLUMN("code", "Code", 0),
};

static void write_methods(const struct recording *recording)
{
    uint32_t count = 0, written = 0, used = 0;
    const medic_tree_function *functions = recording->trees->functions(recording->tree, &count);
    medic_section *section;

    if (!count || !functions)
        return;
    section = MEDIC_OPEN(recording, MEDIC_TABLE, "methods", "Hot methods",
                         "Self: in their own instructions. Total: with what they call.", method_columns);
    for (uint32_t i = 0; i < count; i++) {
        if (!functions[i].self)
            continue;
        used++;
        if (written < ROWS_MAX) {
            method_row(recording, section, &functions[i]);
            written++;
        }
    }
    recording->document->total_rows(section, used);
}

static int by_total(const void *left, const void *right)
{
    const medic_tree_function *a = left, *b = right;

    if (a->total != b->total)
        return a->total < b->total ? 1 : -1;
    return (a->frame > b->frame) - (a->frame < b->frame);
}

/* The program's own methods by what they take with all they call: what to look at when nothing is hot by itself. */
static void write_inclusive(const struct recording *recording)
{
    uint32_t count = 0, used = 0;
    const medic_tree_function *functions = recording->trees->functions(recording->tree, &count);
    medic_tree_function *own = functions ? calloc((size_t)count + 1, sizeof *own) : NULL;
    medic_section *section;

    if (!own)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (is_own(frame_of(recording, functions[i].frame)))
            own[used++] = functions[i];
    if (used) {
        qsort(own, used, sizeof *own, by_total);
        section = MEDIC_OPEN(recording, MEDIC_TABLE, "inclusive", "The program's methods, with what they call", NULL,
                             method_columns);
        for (uint32_t i = 0; i < used && i < ROWS_MAX; i++)
            method_row(recording, section, &own[i]);
        recording->document->total_rows(section, used);
    }
    free(own);
}

/* --- paths --- */

static void write_paths(const struct recording *recording)
{
    medic_tree_section section = {.size = sizeof section,
                                  .unit = MEDIC_UNIT_NANOSECONDS,
                                  .id = "paths",
                                  .title = "The hottest paths",
                                  .note = "From the root of the threads; below 1 % left out.",
                                  .weight = "CPU",
                                  .smallest = 0.01,
                                  .rows_max = 500,
                                  .flags = MEDIC_TREE_FOLD};

    recording->trees->section(recording->tree, &section);
}

static void write_stacks(const struct recording *recording)
{
    medic_tree_section section = {.size = sizeof section,
                                  .unit = MEDIC_UNIT_NANOSECONDS,
                                  .id = "stacks",
                                  .title = "Stacks",
                                  .weight = "CPU",
                                  .rows_max = 5000};

    recording->trees->stacks(recording->tree, &section);
}

/* --- modules --- */

static void write_modules(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("module", "Module", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("code", "Code", 0),
        MEDIC_SHARE_COLUMN("share", "Of CPU"),
        MEDIC_TIME_COLUMN("cpu", "CPU time", MEDIC_COLUMN_DIFF),
    };
    size_t count;
    struct module_row *rows = module_rows(recording, &count);
    medic_section *section;

    if (count) {
        section = MEDIC_OPEN(recording, MEDIC_TABLE, "modules", "By module", NULL, columns);
        for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
            medic_cell cells[] = {medic_string(rows[i].name), medic_string(frame_code(rows[i].code)),
                                  share_of(recording, rows[i].self_ns), medic_whole(rows[i].self_ns)};
            MEDIC_ROW(recording, section, cells);
        }
        recording->document->total_rows(section, count);
    }
    free(rows);
}

void write_sections(const struct recording *recording)
{
    write_usage(recording);
    if (recording->facts.base_ns) {
        write_codes(recording);
        write_methods(recording);
        write_inclusive(recording);
        write_paths(recording);
        write_modules(recording);
    }
    if (recording->sample_count) {
        write_threads(recording);
        write_timeline(recording);
    }
    if (recording->facts.base_ns)
        write_stacks(recording);
    write_notes(recording);
}
