/* Collapsed stacks, a line each: frames from the root to the leaf joined by semicolons, a blank, the weight. What
 * flamegraph.pl, inferno and most viewers read. */
#include "tool/buffer.h"
#include "tool/render.h"
#include "tool/stacks_view.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* A semicolon would be a border between frames, a line break one between stacks. */
static void put_name(struct buffer *line, const char *name)
{
    for (; *name; name++) {
        char safe = *name == ';' ? ':' : (unsigned char)*name < ' ' ? ' ' : *name;
        buffer_add(line, &safe, 1);
    }
}

static void put_stack(struct buffer *out, const struct medic_section *section, uint32_t row, uint64_t weight)
{
    const struct document_stack *stack = &section->stacks[row];
    for (uint32_t i = 0; i < stack->count; i++) {
        if (i)
            buffer_add_string(out, ";");
        put_name(out, section->frames[stack->frames[i]].function);
    }
    buffer_format(out, "%s %" PRIu64 "\n", stack->count ? "" : "(no stack)", weight);
}

int render_collapsed(const struct document *document, const struct render_options *options, FILE *out,
                     medic_reason *why)
{
    struct stacks_view view;
    struct buffer text = {0};
    size_t index;
    int result = stacks_view_first(document, "collapsed", &index, &view, why);
    (void)options;
    if (result)
        return result;
    for (uint32_t row = 0; row < view.section->row_count; row++) {
        uint64_t weight = stacks_view_weight(&view, row, 0);
        if (weight)
            put_stack(&text, view.section, row, weight);
    }
    if (text.failed)
        result = medic_fail(why, MEDIC_E_MEMORY, "out of memory while writing the report");
    else if (fwrite(buffer_get(&text), 1, text.size, out) != text.size || fflush(out))
        result = medic_fail(why, MEDIC_E_IO, "cannot write the report: %s", strerror(errno));
    buffer_free(&text);
    return result;
}
