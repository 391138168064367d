/* The file format of speedscope.app: https://www.speedscope.app/file-format-schema.json, profiles of type "sampled". */
#include "tool/json.h"
#include "tool/render.h"
#include "tool/stacks_view.h"

#include <errno.h>
#include <string.h>

/* Frames are shared by all profiles, so those of the sections follow one another. */
static void put_frames(struct json_writer *writer, const struct document *document)
{
    struct stacks_view view;
    json_open(writer, "shared", '{', false);
    json_open(writer, "frames", '[', false);
    for (size_t index = 0; stacks_view_next(document, &index, &view);)
        for (uint32_t i = 0; i < view.section->frame_count; i++) {
            const struct document_frame *frame = &view.section->frames[i];
            json_open(writer, NULL, '{', true);
            json_put_string(writer, "name", frame->function);
            if (frame->file)
                json_put_string(writer, "file", frame->file);
            else if (frame->module && frame->module[0])
                json_put_string(writer, "file", frame->module);
            if (frame->line)
                json_put_unsigned(writer, "line", frame->line);
            json_close(writer, '}', true);
        }
    json_close(writer, ']', false);
    json_close(writer, '}', false);
}

static void put_samples(struct json_writer *writer, const struct stacks_view *view, uint32_t first_frame)
{
    json_open(writer, "samples", '[', false);
    for (uint32_t row = 0; row < view->section->row_count; row++) {
        const struct document_stack *stack = &view->section->stacks[row];
        json_open(writer, NULL, '[', true);
        for (uint32_t i = 0; i < stack->count; i++)
            json_put_unsigned(writer, NULL, (uint64_t)first_frame + stack->frames[i]);
        json_close(writer, ']', true);
    }
    json_close(writer, ']', false);
}

/* Returns their sum. */
static uint64_t put_weights(struct json_writer *writer, const struct stacks_view *view, uint32_t weight)
{
    uint64_t sum = 0;
    json_open(writer, "weights", '[', true);
    for (uint32_t row = 0; row < view->section->row_count; row++) {
        uint64_t one = stacks_view_weight(view, row, weight);
        sum += one;
        json_put_unsigned(writer, NULL, one);
    }
    json_close(writer, ']', true);
    return sum;
}

static void put_profile(struct json_writer *writer, const struct stacks_view *view, uint32_t weight,
                        uint32_t first_frame)
{
    const char *unit = stacks_view_unit(view, weight);
    const struct document_column *column = &view->section->columns[view->weights[weight]];
    char name[256];
    snprintf(name, sizeof name, "%s (%s)", view->section->title, column->title);
    json_open(writer, NULL, '{', false);
    json_put_string(writer, "type", "sampled");
    json_put_string(writer, "name", name);
    json_put_string(writer, "unit", strcmp(unit, "count") == 0 ? "none" : unit);
    json_put_unsigned(writer, "startValue", 0);
    put_samples(writer, view, first_frame);
    json_put_unsigned(writer, "endValue", put_weights(writer, view, weight));
    json_close(writer, '}', false);
}

static void put_profiles(struct json_writer *writer, const struct document *document)
{
    struct stacks_view view;
    uint32_t first_frame = 0;
    json_open(writer, "profiles", '[', false);
    for (size_t index = 0; stacks_view_next(document, &index, &view);) {
        for (uint32_t weight = 0; weight < view.weight_count; weight++)
            put_profile(writer, &view, weight, first_frame);
        first_frame += view.section->frame_count;
    }
    json_close(writer, ']', false);
}

static void put_name(struct json_writer *writer, const struct document *document)
{
    char name[256];
    snprintf(name, sizeof name, "%s of %s", document->profiler.name ? document->profiler.name : "profile",
             document->target.name ? document->target.name : "a process");
    json_put_string(writer, "name", name);
}

int render_speedscope(const struct document *document, const struct render_options *options, FILE *out,
                      medic_reason *why)
{
    struct stacks_view view;
    struct buffer text = {0};
    struct json_writer writer = {.out = &text, .fresh = true};
    size_t index;
    int result = stacks_view_first(document, "speedscope", &index, &view, why);
    (void)options;
    if (result)
        return result;
    json_open(&writer, NULL, '{', false);
    json_put_string(&writer, "$schema", "https://www.speedscope.app/file-format-schema.json");
    json_put_string(&writer, "exporter", "medic " MEDIC_VERSION);
    put_name(&writer, document);
    json_put_unsigned(&writer, "activeProfileIndex", 0);
    put_frames(&writer, document);
    put_profiles(&writer, document);
    json_close(&writer, '}', false);
    buffer_add_string(&text, "\n");
    if (text.failed)
        result = medic_fail(why, MEDIC_E_MEMORY, "out of memory while writing the report");
    else if (fwrite(text.bytes, 1, text.size, out) != text.size || fflush(out))
        result = medic_fail(why, MEDIC_E_IO, "cannot write the report: %s", strerror(errno));
    buffer_free(&text);
    return result;
}
