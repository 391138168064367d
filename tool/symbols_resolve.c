#include "tool/symbols_resolve.h"

#include "tool/arena.h"
#include "tool/ipc.h"
#include "tool/module_lines.h"
#include "tool/native_symbols.h"
#include "tool/symbols_file.h"
#include "tool/utf8.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define TEXT_BYTES_MAX ((size_t)256 << 20)
#define ROWS_MAX 1000000u

/* A text and the number that rows know it by. */
struct text {
    const char *bytes;
    int32_t index;
    UT_hash_handle hh;
};

struct texts {
    struct text *by_text;
    const char **items;
    size_t count, capacity;
};

/* A frame that is to be resolved; those of one file stand together. */
struct job {
    uint64_t where; /* module or image */
    uint64_t address;
    uint32_t kind, frame, token, il_offset;
};

struct resolving {
    struct capture *capture;
    const struct symbols_place *place;
    struct arena arena;
    struct texts functions, files;
    struct symbols_row *rows;
    size_t row_count;
    bool failed; /* no memory */
};

/* --- texts --- */

/* -1: none. */
static int32_t index_of(struct resolving *resolving, struct texts *texts, const char *bytes, size_t size)
{
    struct text *text = NULL;
    size_t repaired_size = utf8_repaired_size(bytes, size);
    char *copy = malloc(repaired_size + 1);
    if (!copy)
        return -1;
    utf8_repair(bytes, size, copy);
    copy[repaired_size] = '\0';
    HASH_FIND(hh, texts->by_text, copy, repaired_size, text);
    if (!text) {
        text = arena_alloc(&resolving->arena, sizeof *text);
        char *kept = arena_alloc(&resolving->arena, repaired_size + 1);
        if (!text || !kept ||
            arena_grow(&resolving->arena, (void **)&texts->items, &texts->capacity, texts->count + 1,
                       sizeof *texts->items)) {
            free(copy);
            resolving->failed = true;
            return -1;
        }
        memcpy(kept, copy, repaired_size + 1);
        text->bytes = kept;
        text->index = (int32_t)texts->count;
        texts->items[texts->count++] = kept;
        HASH_ADD_KEYPTR(hh, texts->by_text, text->bytes, repaired_size, text);
        resolving->failed |= !text->hh.tbl;
    }
    free(copy);
    return text->index;
}

static void add_row(struct resolving *resolving, uint32_t frame, int32_t function, int32_t file, uint32_t line)
{
    if ((function >= 0 || file >= 0) && resolving->row_count < ROWS_MAX)
        resolving->rows[resolving->row_count++] = (struct symbols_row){frame, function, file, line};
}

/* --- managed --- */

static void resolve_managed(struct resolving *resolving, const struct job *jobs, size_t count)
{
    struct module_lines lines;
    struct buffer path = {0};
    uint32_t document = 0;
    int32_t file = -1;
    if (!module_lines_open(&lines, resolving->capture, jobs->where, resolving->place))
        return;
    for (size_t i = 0; i < count && !resolving->failed; i++) {
        struct pdb_place place;
        bool mapped = jobs[i].il_offset != MEDIC_NO_IL_OFFSET;
        if (!pdb_find(&lines.pdb, jobs[i].token, mapped ? jobs[i].il_offset : 0, &place))
            continue;
        if (place.document != document) {
            buffer_cut(&path, 0);
            document = place.document;
            file = pdb_document(&lines.pdb, document, &path)
                       ? index_of(resolving, &resolving->files, path.bytes, path.size)
                       : -1;
        }
        add_row(resolving, jobs[i].frame, -1, file, file >= 0 && mapped ? place.line : 0);
    }
    buffer_free(&path);
    module_lines_close(&lines);
}

/* --- native --- */

static void resolve_native_frame(struct resolving *resolving, struct native_symbols *symbols, const struct job *job,
                                 uint64_t bias)
{
    struct buffer name = {0};
    const char *path;
    uint32_t line = 0;
    uint64_t address = job->address - bias;
    int32_t function = -1, file = -1;
    if (native_symbols_name(symbols, address, &name))
        function = index_of(resolving, &resolving->functions, name.bytes, name.size);
    if (native_symbols_line(symbols, address, &path, &line))
        file = index_of(resolving, &resolving->files, path, strlen(path));
    add_row(resolving, job->frame, function, file, file >= 0 ? line : 0);
    buffer_free(&name);
}

static void resolve_native(struct resolving *resolving, const struct job *jobs, size_t count)
{
    const char *path;
    const medic_image_record *image = capture_image(resolving->capture, jobs->where, &path);
    if (!image)
        return;
    struct native_file file = {path, image->build_id, image->build_id_size, symbols_place_open_native,
                               (void *)(uintptr_t)resolving->place};
    struct native_symbols *symbols = native_symbols_open(&file);
    for (size_t i = 0; symbols && i < count && !resolving->failed; i++)
        resolve_native_frame(resolving, symbols, &jobs[i], image->bias);
    native_symbols_close(symbols);
}

/* --- all --- */

static bool make_job(const struct capture *capture, uint32_t id, struct job *job)
{
    const medic_frame_record *frame = capture_frame(capture, id);
    if (!frame || frame->kind == MEDIC_FRAME_UNKNOWN)
        return false;
    *job = (struct job){frame->image, frame->address, frame->kind, id, 0, frame->il_offset};
    if (frame->kind == MEDIC_FRAME_MANAGED) {
        const medic_name_record *name = capture_name(capture, MEDIC_NAME_FUNCTION, frame->function, NULL);
        if (!name || (name->flags & 1u)) /* dynamic code has no lines */
            return false;
        job->token = name->token;
        if (!job->where)
            job->where = name->module;
    }
    return job->where != 0;
}

static int by_place(const void *a, const void *b)
{
    const struct job *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->where != y->where)
        return x->where < y->where ? -1 : 1;
    return (x->frame > y->frame) - (x->frame < y->frame);
}

static int by_frame(const void *a, const void *b)
{
    const struct symbols_row *x = a, *y = b;
    return (x->frame > y->frame) - (x->frame < y->frame);
}

static void resolve_jobs(struct resolving *resolving, const struct job *jobs, size_t count, uint64_t until_ns)
{
    for (size_t i = 0, next; i < count && ipc_now_ns() < until_ns && !resolving->failed; i = next) {
        for (next = i + 1; next < count && jobs[next].kind == jobs[i].kind && jobs[next].where == jobs[i].where;)
            next++;
        if (jobs[i].kind == MEDIC_FRAME_MANAGED)
            resolve_managed(resolving, &jobs[i], next - i);
        else
            resolve_native(resolving, &jobs[i], next - i);
    }
}

static void write_content(struct resolving *resolving, struct buffer *out)
{
    struct symbols_content content = {resolving->functions.items, resolving->files.items, resolving->functions.count,
                                      resolving->files.count,     resolving->rows,        resolving->row_count};
    qsort(resolving->rows, resolving->row_count, sizeof *resolving->rows, by_frame);
    symbols_write(&content, out);
}

int symbols_resolve(struct capture *capture, const struct symbols_place *place, uint64_t until_ns, struct buffer *out)
{
    struct resolving resolving = {.capture = capture, .place = place, .arena.limit = TEXT_BYTES_MAX};
    uint32_t frames = capture_frame_count(capture);
    size_t count = 0;
    struct job *jobs = malloc((size_t)frames * sizeof *jobs + 1);
    resolving.rows = malloc((frames < ROWS_MAX ? frames : ROWS_MAX) * sizeof *resolving.rows + 1);
    bool there = jobs && resolving.rows;
    for (uint32_t id = 1; there && id <= frames; id++)
        count += make_job(capture, id, &jobs[count]);
    if (there) {
        qsort(jobs, count, sizeof *jobs, by_place);
        resolve_jobs(&resolving, jobs, count, until_ns);
        write_content(&resolving, out); /* what was found before memory ran out is worth having */
    }
    HASH_CLEAR(hh, resolving.functions.by_text);
    HASH_CLEAR(hh, resolving.files.by_text);
    arena_free(&resolving.arena);
    free(jobs);
    free(resolving.rows);
    return there && !out->failed ? 0 : -1;
}
