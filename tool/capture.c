#include "tool/capture.h"

#include "common/crc32.h"
#include "common/keyvalue.h"
#include "tool/arena.h"
#include "tool/capture_frames.h"
#include "tool/capture_walk.h"
#include "tool/utf8.h"

#include <errno.h>
#include <medic/heap_format.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define HEADER_TEXT_MAX ((uint32_t)1 << 20)
#define INDEX_BYTES_MAX ((size_t)1 << 30) /* a capture whose names need more is damaged on purpose */
#define LOSS_REASONS 5
#define PHOTOS_MAX 1024u
#define OBJECT_BYTES_MIN 2u /* class and gap */

/* A core record kept by id. kind tells the tables apart; in names: type, function. */
struct entry_key {
    uint64_t id;
    uint64_t kind;
};

struct entry {
    struct entry_key key;
    union {
        medic_name_record name;
        medic_module_record module;
        medic_thread_record thread;
        medic_image_record image;
        struct {
            uint64_t offset; /* in the file */
            uint32_t kind, length;
        } symbols;
    } as;
    const char *text;
    UT_hash_handle hh;
};

/* Above every enum medic_name_kind in use. */
enum { KEY_MODULE = 100, KEY_THREAD = 101, KEY_OS_THREAD = 102, KEY_IMAGE = 103, KEY_SYMBOLS = 104 };

struct capture {
    medic_capture_header header;
    char *text;
    size_t text_size;
    struct capture_walk walk;
    struct capture_totals totals;
    struct arena arena;
    struct entry *entries;
    struct capture_frames frames;
    medic_cost_record cost;
    int has_cost;
    medic_end_record end;
    const char *end_text;
    int has_end;
    uint64_t last_ns;
    uint64_t lost[LOSS_REASONS];
    struct capture_log_line *log;
    size_t log_count, log_capacity;
    struct capture_photo photos[PHOTOS_MAX]; /* complete ones, then those that have begun: photos_begun */
    uint32_t photos_complete, photos_begun;
};

/* --- the header --- */

static int read_fully(int fd, void *out, size_t size, uint64_t offset, medic_reason *why)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(fd, (char *)out + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return medic_fail(why, MEDIC_E_IO, "cannot read the capture: %s", strerror(errno));
        if (got == 0)
            return medic_fail(why, MEDIC_E_CORRUPT,
                              "the capture ends within its header: recording never began, or the file was cut");
        done += (size_t)got;
    }
    return MEDIC_OK;
}

static int check_layout(const medic_capture_header *header, medic_reason *why)
{
    if (memcmp(header->magic, MEDIC_CAPTURE_MAGIC, sizeof header->magic) != 0)
        return medic_fail(why, MEDIC_E_CORRUPT, "this is not a capture: it does not begin with " MEDIC_CAPTURE_MAGIC);
    if (header->version != MEDIC_CAPTURE_VERSION)
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          "the capture has version %u and this medic reads version %u: use the medic that made it",
                          header->version, MEDIC_CAPTURE_VERSION);
    if (header->text_size > HEADER_TEXT_MAX || header->header_size != (sizeof *header + header->text_size + 7) / 8 * 8)
        return medic_fail(why, MEDIC_E_CORRUPT,
                          "the header of the capture is damaged: its sizes contradict each other");
    return MEDIC_OK;
}

static char *repaired(struct arena *arena, const char *text, size_t size, size_t *repaired_size)
{
    size_t bytes = utf8_repaired_size(text, size);
    char *copy = arena_alloc(arena, bytes + 1);
    if (!copy)
        return NULL;
    utf8_repair(text, size, copy);
    copy[bytes] = '\0';
    if (repaired_size)
        *repaired_size = bytes;
    return copy;
}

static int read_header(struct capture *capture, int fd, medic_reason *why)
{
    medic_capture_header *header = &capture->header;
    int result = read_fully(fd, header, sizeof *header, 0, why);
    if (!result)
        result = check_layout(header, why);
    if (result)
        return result;
    char *text = malloc((size_t)header->text_size + 1);
    if (!text)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while reading the capture");
    result = read_fully(fd, text, header->text_size, sizeof *header, why);
    if (!result) {
        medic_capture_header zeroed = *header;
        zeroed.crc = 0;
        uint32_t crc = crc32_update(crc32_update(0, &zeroed, sizeof zeroed), text, header->text_size);
        if (crc != header->crc)
            result = medic_fail(why, MEDIC_E_CORRUPT,
                                "the header of the capture is damaged: its checksum is %08x and should be %08x", crc,
                                header->crc);
    }
    if (!result && !(capture->text = repaired(&capture->arena, text, header->text_size, &capture->text_size)))
        result = medic_fail(why, MEDIC_E_MEMORY, "out of memory while reading the capture");
    free(text);
    return result;
}

/* --- the index --- */

static void saw_time(struct capture *capture, uint64_t monotonic_ns)
{
    if (monotonic_ns > capture->last_ns)
        capture->last_ns = monotonic_ns;
}

static void damaged(struct capture *capture)
{
    capture->totals.damaged_records++;
}

/* Copies the fixed head of a record; -1 when the record is shorter. */
static int take(const medic_record *record, void *head, size_t head_size)
{
    if (record->size < head_size)
        return -1;
    memcpy(head, record->data, head_size);
    return 0;
}

/* The text of length bytes behind the head, repaired; NULL when it is longer than the record or memory is out. */
static const char *take_text(struct capture *capture, const medic_record *record, size_t head_size, uint32_t length)
{
    if (length > record->size - head_size)
        return NULL;
    return repaired(&capture->arena, (const char *)record->data + head_size, length, NULL);
}

static struct entry *find(const struct capture *capture, uint64_t kind, uint64_t id)
{
    struct entry_key key = {id, kind};
    struct entry *entry = NULL;
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): it takes the bytes of a number for unknown ones */
    HASH_FIND(hh, capture->entries, &key, sizeof key, entry);
    return entry;
}

/* The entry for an id, made when it is new; NULL when memory is out. */
static struct entry *entry_for(struct capture *capture, uint64_t kind, uint64_t id)
{
    struct entry *entry = find(capture, kind, id);
    if (entry)
        return entry;
    entry = arena_alloc(&capture->arena, sizeof *entry);
    if (!entry)
        return NULL;
    entry->key.id = id;
    entry->key.kind = kind;
    HASH_ADD(hh, capture->entries, key, sizeof entry->key, entry);
    return entry->hh.tbl ? entry : NULL;
}

static int keep_name(struct capture *capture, const medic_record *record)
{
    medic_name_record name;
    if (take(record, &name, sizeof name) || name.kind >= KEY_MODULE)
        return -1;
    const char *text = take_text(capture, record, sizeof name, name.length);
    if (!text)
        return -1;
    struct entry *entry = entry_for(capture, name.kind, name.id);
    if (!entry)
        return -1;
    int worse = entry->text && (name.flags & 2u) && !(entry->as.name.flags & 2u);
    if (!worse) {
        entry->as.name = name;
        entry->text = text;
    }
    return 0;
}

static int keep_module(struct capture *capture, const medic_record *record)
{
    medic_module_record module;
    if (take(record, &module, sizeof module))
        return -1;
    const char *path = take_text(capture, record, sizeof module, module.length);
    if (!path)
        return -1;
    struct entry *entry = entry_for(capture, KEY_MODULE, module.id);
    if (!entry)
        return -1;
    entry->as.module = module;
    entry->text = path;
    return 0;
}

static int keep_thread_as(struct capture *capture, uint64_t kind, uint64_t id, const medic_thread_record *thread,
                          const char *name)
{
    struct entry *entry = entry_for(capture, kind, id);
    if (!entry)
        return -1;
    entry->as.thread = *thread;
    entry->text = name;
    return 0;
}

static int keep_thread(struct capture *capture, const medic_record *record)
{
    medic_thread_record thread;
    if (take(record, &thread, sizeof thread))
        return -1;
    const char *name = take_text(capture, record, sizeof thread, thread.length);
    if (!name || (thread.id && keep_thread_as(capture, KEY_THREAD, thread.id, &thread, name)))
        return -1;
    return thread.os_id ? keep_thread_as(capture, KEY_OS_THREAD, thread.os_id, &thread, name) : 0;
}

static int keep_frame(struct capture *capture, const medic_record *record)
{
    return frames_keep(&capture->frames, &capture->arena, record);
}

static int keep_stack(struct capture *capture, const medic_record *record)
{
    return frames_keep_stack(&capture->frames, &capture->arena, record);
}

static int keep_image(struct capture *capture, const medic_record *record)
{
    medic_image_record image;
    if (take(record, &image, sizeof image) || image.build_id_size > sizeof image.build_id)
        return -1;
    const char *path = take_text(capture, record, sizeof image, image.length);
    struct entry *entry = path ? entry_for(capture, KEY_IMAGE, image.id) : NULL;
    if (!entry)
        return -1;
    entry->as.image = image;
    entry->text = path;
    return 0;
}

/* Only where they are: they may be as large as the rest of the file, and few reports need them. */
static int keep_symbols(struct capture *capture, const medic_record *record)
{
    medic_symbols_record symbols;
    if (take(record, &symbols, sizeof symbols) || symbols.length > record->size - sizeof symbols)
        return -1;
    struct entry *entry = entry_for(capture, KEY_SYMBOLS, symbols.module);
    if (!entry)
        return -1;
    entry->as.symbols.offset = walk_payload_offset(&capture->walk, record) + sizeof symbols;
    entry->as.symbols.kind = symbols.kind;
    entry->as.symbols.length = symbols.length;
    return 0;
}

static int keep_clock(struct capture *capture, const medic_record *record)
{
    medic_clock_record clock;
    if (take(record, &clock, sizeof clock))
        return -1;
    saw_time(capture, clock.monotonic_ns);
    return 0;
}

static void add_saturated(uint64_t *sum, uint64_t more)
{
    *sum = *sum > UINT64_MAX - more ? UINT64_MAX : *sum + more;
}

static int keep_loss(struct capture *capture, const medic_record *record)
{
    medic_loss_record loss;
    if (take(record, &loss, sizeof loss))
        return -1;
    add_saturated(&capture->lost[loss.reason < LOSS_REASONS ? loss.reason : 0], loss.count);
    add_saturated(&capture->totals.lost_records, loss.count);
    return 0;
}

static int keep_cost(struct capture *capture, const medic_record *record)
{
    if (take(record, &capture->cost, sizeof capture->cost))
        return -1;
    capture->has_cost = 1;
    return 0;
}

static int keep_log(struct capture *capture, const medic_record *record)
{
    medic_log_record log;
    if (take(record, &log, sizeof log))
        return -1;
    const char *text = take_text(capture, record, sizeof log, log.length);
    if (!text)
        return -1;
    saw_time(capture, log.monotonic_ns);
    if (capture->log_count >= CAPTURE_LOG_MAX)
        return 0;
    if (arena_grow(&capture->arena, (void **)&capture->log, &capture->log_capacity, capture->log_count + 1,
                   sizeof *capture->log))
        return -1;
    capture->log[capture->log_count++] = (struct capture_log_line){text, log.monotonic_ns, log.level};
    return 0;
}

/* --- photographs of the heap: only where they are --- */

/* The last one with this number that has not ended; NULL = none. */
static struct capture_photo *open_photo(struct capture *capture, uint32_t number)
{
    for (uint32_t i = capture->photos_begun; i > capture->photos_complete; i--)
        if (capture->photos[i - 1].photo == number)
            return &capture->photos[i - 1];
    return NULL;
}

/* An attempt that was given up and left something behind has the same number: the later one counts. */
static int keep_heap(struct capture *capture, const medic_record *record)
{
    medic_heap_record heap;
    if (take(record, &heap, sizeof heap))
        return -1;
    struct capture_photo *photo = open_photo(capture, heap.photo);
    if (!photo && capture->photos_begun == PHOTOS_MAX)
        return -1;
    if (!photo)
        photo = &capture->photos[capture->photos_begun++];
    uint64_t begin = walk_payload_offset(&capture->walk, record) - sizeof(medic_record_header);
    *photo = (struct capture_photo){.photo = heap.photo, .begin = begin};
    return 0;
}

static int keep_heap_objects(struct capture *capture, const medic_record *record)
{
    medic_heap_objects_record head;
    if (take(record, &head, sizeof head) || head.count > (record->size - sizeof head) / OBJECT_BYTES_MIN)
        return -1;
    struct capture_photo *photo = open_photo(capture, head.photo);
    if (!photo)
        return -1;
    photo->objects += head.count;
    return 0;
}

/* What else a photograph has: read when somebody asks for it. */
static int keep_heap_part(struct capture *capture, const medic_record *record)
{
    uint32_t number;
    return take(record, &number, sizeof number) || !open_photo(capture, number) ? -1 : 0;
}

static int keep_heap_done(struct capture *capture, const medic_record *record)
{
    medic_heap_done_record done;
    struct capture_photo *photo = take(record, &done, sizeof done) ? NULL : open_photo(capture, done.photo);
    if (!photo)
        return -1;
    photo->end = capture->walk.offset < capture->walk.size ? capture->walk.offset : capture->walk.size;
    struct capture_photo complete = *photo;
    *photo = capture->photos[capture->photos_complete];
    capture->photos[capture->photos_complete++] = complete;
    return 0;
}

static int keep_end(struct capture *capture, const medic_record *record)
{
    medic_end_record end;
    if (take(record, &end, sizeof end))
        return -1;
    const char *text = take_text(capture, record, sizeof end, end.length);
    if (!text)
        return -1;
    capture->end = end;
    capture->end_text = text;
    capture->has_end = 1;
    return 0;
}

static int (*const KEEP[])(struct capture *, const medic_record *) = {
    [MEDIC_RECORD_NAME] = keep_name,
    [MEDIC_RECORD_MODULE] = keep_module,
    [MEDIC_RECORD_THREAD] = keep_thread,
    [MEDIC_RECORD_CLOCK] = keep_clock,
    [MEDIC_RECORD_LOSS] = keep_loss,
    [MEDIC_RECORD_COST] = keep_cost,
    [MEDIC_RECORD_STACK] = keep_stack,
    [MEDIC_RECORD_LOG] = keep_log,
    [MEDIC_RECORD_END] = keep_end,
    [MEDIC_RECORD_FRAME] = keep_frame,
    [MEDIC_RECORD_IMAGE] = keep_image,
    [MEDIC_RECORD_SYMBOLS] = keep_symbols,
    [MEDIC_RECORD_HEAP] = keep_heap,
    [MEDIC_RECORD_HEAP_CLASS] = keep_heap_part,
    [MEDIC_RECORD_HEAP_OBJECTS] = keep_heap_objects,
    [MEDIC_RECORD_HEAP_ELEMENTS] = keep_heap_part,
    [MEDIC_RECORD_HEAP_ROOTS] = keep_heap_part,
    [MEDIC_RECORD_HEAP_DEPENDENTS] = keep_heap_part,
    [MEDIC_RECORD_HEAP_RANGES] = keep_heap_part,
    [MEDIC_RECORD_HEAP_STATICS] = keep_heap_part,
    [MEDIC_RECORD_HEAP_VALUE] = keep_heap_part,
    [MEDIC_RECORD_HEAP_FIELDS] = keep_heap_part,
    [MEDIC_RECORD_HEAP_DONE] = keep_heap_done,
};

static void index_record(struct capture *capture, const medic_record *record)
{
    capture->totals.records++;
    if (record->type >= MEDIC_RECORD_PLUGIN)
        capture->totals.plugin_records++;
    else if (record->type >= sizeof KEEP / sizeof *KEEP || !KEEP[record->type])
        capture->totals.unknown_records++;
    else if (KEEP[record->type](capture, record))
        damaged(capture);
}

static int index_records(struct capture *capture, medic_reason *why)
{
    medic_record record;
    while (walk_next(&capture->walk, &record))
        index_record(capture, &record);
    if (capture->walk.error)
        return medic_fail(why, capture->walk.error == ENOMEM ? MEDIC_E_MEMORY : MEDIC_E_IO,
                          "cannot read the capture: %s", strerror(capture->walk.error));
    capture->totals.file_bytes = capture->walk.size;
    capture->totals.damaged_records += capture->walk.damaged_records;
    capture->totals.damaged_bytes = capture->walk.damaged_bytes;
    capture->totals.cut = capture->walk.cut;
    walk_rewind(&capture->walk);
    return MEDIC_OK;
}

/* --- for callers --- */

int capture_open(int fd, struct capture **out, medic_reason *why)
{
    struct stat facts;
    if (fstat(fd, &facts))
        return medic_fail(why, MEDIC_E_IO, "cannot read the capture: %s", strerror(errno));
    if (!S_ISREG(facts.st_mode))
        return medic_fail(why, MEDIC_E_CORRUPT, "the capture is not a regular file");
    if (facts.st_size == 0)
        return medic_fail(why, MEDIC_E_CORRUPT, "the capture is empty: the session ended before it recorded anything");
    struct capture *capture = calloc(1, sizeof *capture);
    if (!capture)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while reading the capture");
    capture->arena.limit = INDEX_BYTES_MAX;
    int result = read_header(capture, fd, why);
    if (!result) {
        capture->last_ns = capture->header.monotonic_ns;
        walk_begin(&capture->walk, fd, capture->header.header_size, (uint64_t)facts.st_size);
        result = index_records(capture, why);
    }
    if (result) {
        capture_close(capture);
        return result;
    }
    *out = capture;
    return MEDIC_OK;
}

void capture_close(struct capture *capture)
{
    if (!capture)
        return;
    HASH_CLEAR(hh, capture->entries);
    frames_end(&capture->frames);
    walk_end(&capture->walk);
    arena_free(&capture->arena);
    free(capture);
}

const medic_capture_header *capture_header(const struct capture *capture)
{
    return &capture->header;
}

const char *capture_text(const struct capture *capture, size_t *size)
{
    *size = capture->text_size;
    return capture->text;
}

const char *capture_value(struct capture *capture, const char *key)
{
    const char *cursor = capture->text, *end = cursor + capture->text_size;
    struct keyvalue pair;
    for (int more; (more = keyvalue_next(&cursor, end, &pair)) != 0;)
        if (more > 0 && keyvalue_is(&pair, key))
            return repaired(&capture->arena, pair.value, pair.value_size, NULL);
    return NULL;
}

const struct capture_totals *capture_totals(const struct capture *capture)
{
    return &capture->totals;
}

int capture_next(struct capture *capture, medic_record *record)
{
    while (walk_next(&capture->walk, record))
        if (record->type >= MEDIC_RECORD_PLUGIN)
            return 1;
    return 0;
}

void capture_rewind(struct capture *capture)
{
    walk_rewind(&capture->walk);
}

static const struct entry *found(const struct capture *capture, uint64_t kind, uint64_t id, const char **text)
{
    const struct entry *entry = find(capture, kind, id);
    if (entry && text)
        *text = entry->text;
    return entry;
}

const medic_name_record *capture_name(const struct capture *capture, uint32_t kind, uint64_t id, const char **text)
{
    const struct entry *entry = kind < KEY_MODULE ? found(capture, kind, id, text) : NULL;
    return entry ? &entry->as.name : NULL;
}

const medic_module_record *capture_module(const struct capture *capture, uint64_t id, const char **path)
{
    const struct entry *entry = found(capture, KEY_MODULE, id, path);
    return entry ? &entry->as.module : NULL;
}

const medic_thread_record *capture_thread(const struct capture *capture, uint64_t id, const char **name)
{
    const struct entry *entry = found(capture, KEY_THREAD, id, name);
    return entry ? &entry->as.thread : NULL;
}

const medic_thread_record *capture_thread_of(const struct capture *capture, uint32_t os_id, const char **name)
{
    const struct entry *entry = found(capture, KEY_OS_THREAD, os_id, name);
    return entry ? &entry->as.thread : NULL;
}

uint32_t capture_frame_count(const struct capture *capture)
{
    return capture->frames.highest;
}

const medic_frame_record *capture_frame(const struct capture *capture, uint32_t id)
{
    return frames_find(&capture->frames, id);
}

const uint32_t *capture_stack(const struct capture *capture, uint64_t id, uint32_t *count, uint32_t *flags)
{
    return frames_find_stack(&capture->frames, id, count, flags);
}

const medic_image_record *capture_image(const struct capture *capture, uint64_t id, const char **path)
{
    const struct entry *entry = found(capture, KEY_IMAGE, id, path);
    return entry ? &entry->as.image : NULL;
}

const struct capture_photo *capture_photos(const struct capture *capture, uint32_t *count)
{
    *count = capture->photos_complete;
    return capture->photos;
}

void capture_walk_photo(const struct capture *capture, const struct capture_photo *photo, struct capture_walk *walk)
{
    walk_begin(walk, capture->walk.fd, photo->begin, photo->end);
}

int capture_symbols(const struct capture *capture, uint64_t module, struct capture_symbols *out)
{
    medic_reason ignored;
    const struct entry *entry = find(capture, KEY_SYMBOLS, module);
    if (!entry)
        return MEDIC_E_NOT_FOUND;
    uint32_t length = entry->as.symbols.length;
    unsigned char *bytes = malloc(length ? length : 1);
    if (!bytes)
        return MEDIC_E_MEMORY;
    int result = read_fully(capture->walk.fd, bytes, length, entry->as.symbols.offset, &ignored);
    if (result) {
        free(bytes);
        return result;
    }
    *out = (struct capture_symbols){entry->as.symbols.kind, length, bytes};
    return MEDIC_OK;
}

const medic_cost_record *capture_cost(const struct capture *capture)
{
    return capture->has_cost ? &capture->cost : NULL;
}

const medic_end_record *capture_end(const struct capture *capture, const char **text)
{
    if (capture->has_end && text)
        *text = capture->end_text;
    return capture->has_end ? &capture->end : NULL;
}

void capture_span(const struct capture *capture, uint64_t *begin_ns, uint64_t *end_ns)
{
    *begin_ns = capture->header.monotonic_ns;
    *end_ns = capture->has_end ? capture->end.monotonic_ns : capture->last_ns;
    if (*end_ns < *begin_ns)
        *end_ns = *begin_ns;
}

void capture_extend(struct capture *capture, uint64_t monotonic_ns)
{
    saw_time(capture, monotonic_ns);
}

uint64_t capture_lost(const struct capture *capture, uint32_t reason)
{
    return capture->lost[reason < LOSS_REASONS ? reason : 0];
}

const struct capture_log_line *capture_log(const struct capture *capture, size_t *count)
{
    *count = capture->log_count;
    return capture->log;
}
