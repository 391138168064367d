/* libFuzzer: any bytes as report.json; what parses is rendered at odd widths, must come back the same from its own JSON, and
 * is compared with what is left of it without half of its rows. */
#include "tool/document_diff.h"
#include "tool/document_json.h"
#include "tool/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void render(const struct renderer *renderer, const struct document *document, unsigned width, bool color,
                   bool ascii)
{
    struct render_options options = {.width = width, .top = width % 7, .color = color, .ascii = ascii};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    renderer->render(document, &options, out, NULL);
    fclose(out);
    for (size_t i = 0; i < size; i++) /* no escape of a stranger's gets through */
        if (!color && !renderer->binary && text[i] == '\033')
            abort();
    free(text);
}

static void come_back(const struct document *document)
{
    struct buffer first = {0}, second = {0};
    struct document *again = NULL;
    if (document_to_json(document, &first, NULL))
        return;
    if (document_from_json(first.bytes, first.size, &again, NULL))
        abort();
    document_to_json(again, &second, NULL);
    if (first.size != second.size || memcmp(first.bytes, second.bytes, first.size) != 0)
        abort();
    document_free(again);
    buffer_free(&first);
    buffer_free(&second);
}

static void compare(const struct document *document, const uint8_t *data, size_t size)
{
    struct document *half, *diff = NULL;
    if (document_from_json((const char *)data, size, &half, NULL))
        return;
    half->session.id = "half";
    for (size_t i = 0; i < half->section_count; i++)
        half->sections[i]->row_count /= 2;
    if (document_diff(half, document, &diff, NULL) == MEDIC_OK) {
        render(renderer_find("text"), diff, 83, false, false);
        come_back(diff);
        document_free(diff);
    }
    document_free(half);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct document *document;
    medic_reason why;
    if (document_from_json((const char *)data, size, &document, &why))
        return 0;
    render(renderer_find("text"), document, 40, false, false);
    render(renderer_find("text"), document, 83, true, true);
    for (unsigned i = 0; renderer_at(i); i++) /* a multiple of 7 is the default number of rows */
        if (renderer_at(i)->render)
            render(renderer_at(i), document, 196 + i % 2, false, false);
    render(renderer_find("markdown"), document, 196, false, false);
    render(renderer_find("html"), document, 199, false, false);
    come_back(document);
    compare(document, data, size);
    document_free(document);
    return 0;
}
