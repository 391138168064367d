/* Writes captures for tests: a header, records, and an end. */
#ifndef TESTS_UNIT_CAPTURE_WRITER_H
#define TESTS_UNIT_CAPTURE_WRITER_H

#include "common/crc32.h"
#include "tool/buffer.h"

#include <medic/capture_format.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEADER_TEXT "core=0.1.0\nplugin=sample\nparam.worst=20\n"

static inline void put_padding(struct buffer *out)
{
    while (out->size % 8)
        buffer_add(out, "", 1);
}

static inline void put_header(struct buffer *out)
{
    medic_capture_header header = {.version = MEDIC_CAPTURE_VERSION,
                                   .pid = 4121,
                                   .monotonic_ns = 1000,
                                   .realtime_ns = 5000,
                                   .runtime_major = 10,
                                   .text_size = sizeof HEADER_TEXT - 1};
    memcpy(header.magic, MEDIC_CAPTURE_MAGIC, sizeof header.magic);
    header.header_size = (uint32_t)((sizeof header + header.text_size + 7) / 8 * 8);
    header.crc = crc32_update(crc32_update(0, &header, sizeof header), HEADER_TEXT, header.text_size);
    buffer_add(out, (const char *)&header, sizeof header);
    buffer_add_string(out, HEADER_TEXT);
    put_padding(out);
}

static inline void put_bytes(struct buffer *out, uint32_t type, const void *head, size_t head_size, const void *tail,
                             size_t tail_size)
{
    medic_record_header header = {(uint32_t)(head_size + tail_size), type, 0, 0};
    header.crc = crc32_update(crc32_update(crc32_update(0, &header, 8), head, head_size), tail, tail_size);
    buffer_add(out, (const char *)&header, sizeof header);
    buffer_add(out, head, head_size);
    buffer_add(out, tail ? tail : "", tail_size);
    put_padding(out);
}

static inline void put_record(struct buffer *out, uint32_t type, const void *head, size_t head_size, const char *text)
{
    put_bytes(out, type, head, head_size, text, text ? strlen(text) : 0);
}

static inline void put_frame(struct buffer *out, uint32_t id, uint32_t kind, uint64_t address, uint64_t function,
                             uint64_t image)
{
    medic_frame_record frame = {id, kind, address, function, image, MEDIC_NO_IL_OFFSET, 0};
    put_record(out, MEDIC_RECORD_FRAME, &frame, sizeof frame, NULL);
}

static inline void put_stack(struct buffer *out, uint64_t id, const uint32_t *frames, uint32_t count)
{
    medic_stack_record stack = {id, count, 0};
    put_bytes(out, MEDIC_RECORD_STACK, &stack, sizeof stack, frames, count * sizeof *frames);
}

static inline void put_image(struct buffer *out, uint64_t id, uint64_t bias, const char *path)
{
    medic_image_record image = {.id = id, .bias = bias, .length = (uint32_t)strlen(path)};
    put_record(out, MEDIC_RECORD_IMAGE, &image, sizeof image, path);
}

static inline void put_module(struct buffer *out, uint64_t id, const char *path)
{
    medic_module_record module = {.id = id, .length = (uint32_t)strlen(path)};
    put_record(out, MEDIC_RECORD_MODULE, &module, sizeof module, path);
}

static inline void put_function(struct buffer *out, uint64_t id, uint64_t module, uint32_t token, const char *text)
{
    medic_name_record name = {MEDIC_NAME_FUNCTION, token, id, module, 0, (uint32_t)strlen(text)};
    put_record(out, MEDIC_RECORD_NAME, &name, sizeof name, text);
}

static inline void put_thread(struct buffer *out, uint64_t id, uint32_t os_id, const char *name)
{
    medic_thread_record thread = {id, os_id, (uint32_t)strlen(name)};
    put_record(out, MEDIC_RECORD_THREAD, &thread, sizeof thread, name);
}

static inline void put_end(struct buffer *out)
{
    medic_end_record end = {9000, MEDIC_END_DURATION, 4};
    put_record(out, MEDIC_RECORD_END, &end, sizeof end, "done");
}

/* A file without a name; -1 when it cannot be had. */
static inline int file_with(const char *bytes, size_t size)
{
    int fd = memfd_create("capture", MFD_CLOEXEC);
    return fd >= 0 && write(fd, bytes, size) == (ssize_t)size ? fd : -1;
}

#endif
