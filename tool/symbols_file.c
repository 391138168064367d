/* symbols.json: two lists of texts, and a row of numbers for each frame of which something is known. */
#include "tool/symbols_file.h"

#include "tool/capture_frames.h"
#include "tool/files.h"
#include "tool/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)256 << 20)
#define MEMORY_MAX ((size_t)4 << 30)

struct texts {
    const char **items;
    uint32_t count;
};

struct symbols {
    struct arena arena;
    struct texts functions, files;
    struct symbols_row *rows; /* by ascending frame */
    uint32_t row_count;
};

/* --- reading --- */

static size_t children(const struct json *array)
{
    size_t count = 0;
    for (const struct json *item = json_first(array, JSON_KIND_ARRAY); item; item = item->next)
        count++;
    return count;
}

static int read_texts(struct symbols *symbols, const struct json *from, struct texts *texts)
{
    texts->items = arena_alloc(&symbols->arena, children(from) * sizeof *texts->items);
    if (!texts->items)
        return MEDIC_E_MEMORY;
    for (const struct json *item = json_first(from, JSON_KIND_ARRAY); item; item = item->next) {
        const char *text = json_get_string(item);
        if (!text)
            return MEDIC_E_CORRUPT;
        texts->items[texts->count++] = text;
    }
    return MEDIC_OK;
}

/* [frame, function, file, line]; -1 for a text that is not known. */
static int read_row(const struct symbols *symbols, const struct json *from, struct symbols_row *row)
{
    int64_t numbers[4];
    const struct json *item = json_first(from, JSON_KIND_ARRAY);
    for (int i = 0; i < 4; i++, item = item->next)
        if (!item || !json_get_integer(item, &numbers[i]))
            return MEDIC_E_CORRUPT;
    if (numbers[0] < 1 || numbers[0] > CAPTURE_FRAMES_MAX || numbers[1] < -1 ||
        numbers[1] >= symbols->functions.count || numbers[2] < -1 || numbers[2] >= symbols->files.count ||
        numbers[3] < 0 || numbers[3] > UINT32_MAX)
        return MEDIC_E_CORRUPT;
    *row = (struct symbols_row){(uint32_t)numbers[0], (int32_t)numbers[1], (int32_t)numbers[2], (uint32_t)numbers[3]};
    return MEDIC_OK;
}

static int read_rows(struct symbols *symbols, const struct json *from)
{
    symbols->rows = arena_alloc(&symbols->arena, children(from) * sizeof *symbols->rows);
    if (!symbols->rows)
        return MEDIC_E_MEMORY;
    for (const struct json *item = json_first(from, JSON_KIND_ARRAY); item; item = item->next) {
        struct symbols_row *row = &symbols->rows[symbols->row_count];
        if (read_row(symbols, item, row) || (symbols->row_count && row[-1].frame >= row->frame))
            return MEDIC_E_CORRUPT;
        symbols->row_count++;
    }
    return MEDIC_OK;
}

static int read_all(struct symbols *symbols, const char *text, size_t size, medic_reason *why)
{
    struct json *root;
    int64_t schema;
    int result = json_parse(text, size, &symbols->arena, &root, why);
    if (result)
        return result;
    if (!json_get_integer(json_member(root, "schema"), &schema))
        result = MEDIC_E_CORRUPT;
    else if (schema != SYMBOLS_SCHEMA)
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          SYMBOLS_FILE " has schema %lld and this medic reads %d: use the medic that made it",
                          (long long)schema, SYMBOLS_SCHEMA);
    if (!result)
        result = read_texts(symbols, json_member(root, "functions"), &symbols->functions);
    if (!result)
        result = read_texts(symbols, json_member(root, "files"), &symbols->files);
    if (!result)
        result = read_rows(symbols, json_member(root, "frames"));
    if (result == MEDIC_E_CORRUPT)
        return medic_fail(why, result, SYMBOLS_FILE " contradicts itself");
    return result ? medic_fail(why, result, "out of memory while reading " SYMBOLS_FILE) : MEDIC_OK;
}

int symbols_open(int folder, struct symbols **symbols_out, medic_reason *why)
{
    size_t size = 0;
    char *text = file_read_at(folder, SYMBOLS_FILE, FILE_MAX, &size);
    if (!text && errno != ENOENT)
        return medic_fail(why, MEDIC_E_IO, "cannot read " SYMBOLS_FILE ": %s", strerror(errno));
    struct symbols *symbols = calloc(1, sizeof *symbols);
    if (!symbols) {
        free(text);
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while reading " SYMBOLS_FILE);
    }
    symbols->arena.limit = MEMORY_MAX;
    medic_reason detail = {""};
    int result = text ? read_all(symbols, text, size, &detail) : MEDIC_OK;
    free(text);
    if (result) {
        symbols_close(symbols);
        return medic_fail(why, result, SYMBOLS_FILE " cannot be used: %.400s", detail.text);
    }
    *symbols_out = symbols;
    return MEDIC_OK;
}

void symbols_close(struct symbols *symbols)
{
    if (!symbols)
        return;
    arena_free(&symbols->arena);
    free(symbols);
}

static int by_frame(const void *key, const void *row)
{
    uint32_t wanted = *(const uint32_t *)key, has = ((const struct symbols_row *)row)->frame;
    return (wanted > has) - (wanted < has);
}

struct symbol symbols_of(const struct symbols *symbols, uint32_t frame_id)
{
    struct symbol symbol = {NULL, NULL, 0};
    const struct symbols_row *row =
        symbols->row_count ? bsearch(&frame_id, symbols->rows, symbols->row_count, sizeof *row, by_frame) : NULL;
    if (!row)
        return symbol;
    symbol.function = row->function >= 0 ? symbols->functions.items[row->function] : NULL;
    symbol.file = row->file >= 0 ? symbols->files.items[row->file] : NULL;
    symbol.line = row->line;
    return symbol;
}

/* --- writing --- */

static void put_texts(struct json_writer *writer, const char *key, const char *const *texts, size_t count)
{
    json_open(writer, key, '[', false);
    for (size_t i = 0; i < count; i++)
        json_put_string(writer, NULL, texts[i]);
    json_close(writer, ']', false);
}

void symbols_write(const struct symbols_content *content, struct buffer *out)
{
    struct json_writer writer = {.out = out};
    json_open(&writer, NULL, '{', false);
    json_put_integer(&writer, "schema", SYMBOLS_SCHEMA);
    put_texts(&writer, "functions", content->functions, content->function_count);
    put_texts(&writer, "files", content->files, content->file_count);
    json_open(&writer, "frames", '[', false);
    for (size_t i = 0; i < content->row_count; i++) {
        const struct symbols_row *row = &content->rows[i];
        json_open(&writer, NULL, '[', true);
        json_put_integer(&writer, NULL, row->frame);
        json_put_integer(&writer, NULL, row->function);
        json_put_integer(&writer, NULL, row->file);
        json_put_integer(&writer, NULL, row->line);
        json_close(&writer, ']', true);
    }
    json_close(&writer, ']', false);
    json_close(&writer, '}', false);
    buffer_add_string(out, "\n");
}
