#include "core/services/heap_output.h"

#include "common/crc32.h"
#include "core/os.h"

#include <string.h>

void heap_sink_fail(struct heap_sink *sink, int code, const char *format, ...)
{
    va_list arguments;

    if (heap_sink_failed(sink))
        return;
    va_start(arguments, format);
    vsnprintf(sink->shared->text, sizeof sink->shared->text, format, arguments);
    va_end(arguments);
    atomic_store(&sink->shared->code, code);
    atomic_store(&sink->shared->phase, HEAP_FAILED);
}

int heap_sink_failed(const struct heap_sink *sink)
{
    return atomic_load_explicit(&sink->shared->phase, memory_order_relaxed) == HEAP_FAILED;
}

/* strerror translates, and may take a lock for it. */
static const char *why_not(int error)
{
    switch (error) {
    case ENOSPC: return "the disk is full";
    case EDQUOT: return "the disk quota is used up";
    case EFBIG: return "the file reached the size limit of the process";
    case EIO: return "the disk reports an error";
    default: return "the system refuses it";
    }
}

static void write_all(struct heap_sink *sink, const uint8_t *bytes, uint64_t size)
{
    struct heap_shared *shared = sink->shared;

    if (atomic_load(&shared->written) + size > sink->plan.bytes_max)
        heap_sink_fail(sink, MEDIC_E_FULL, "the photograph of the heap is larger than the %llu bytes that it may have",
                       (unsigned long long)sink->plan.bytes_max);
    while (size && !heap_sink_failed(sink)) {
        ssize_t n = write(sink->plan.capture, bytes, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int error = n < 0 ? errno : ENOSPC;

            heap_sink_fail(sink, MEDIC_E_IO, "cannot write the photograph of the heap: %s (errno %d)", why_not(error),
                           error);
            break;
        }
        bytes += n;
        size -= (uint64_t)n;
        atomic_fetch_add(&shared->written, (uint64_t)n);
    }
}

void heap_output_flush(struct heap_sink *sink)
{
    if (!heap_sink_failed(sink))
        write_all(sink, sink->out, sink->out_used);
    sink->out_used = 0;
}

static void append(struct heap_sink *sink, const void *data, uint64_t size)
{
    if (size > HEAP_OUT_SIZE - sink->out_used)
        heap_output_flush(sink);
    if (size > HEAP_OUT_SIZE) {
        write_all(sink, data, size);
    } else if (size) {
        memcpy(sink->out + sink->out_used, data, size);
        sink->out_used += size;
    }
}

static uint64_t padding(uint64_t size)
{
    return (8 - size % 8) % 8;
}

void heap_output_record(struct heap_sink *sink, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                        uint64_t tail_size)
{
    static const uint8_t zeros[8];
    medic_record_header header = {head_size + (uint32_t)tail_size, type, 0, 0};

    if (heap_sink_failed(sink))
        return;
    header.crc = crc32_update(0, &header, 8);
    header.crc = crc32_update(header.crc, head, head_size);
    header.crc = crc32_update(header.crc, tail, tail_size);
    append(sink, &header, sizeof header);
    append(sink, head, head_size);
    append(sink, tail, tail_size);
    append(sink, zeros, padding(header.size));
}

void heap_output_whole(struct heap_sink *sink, uint32_t type, uint8_t *header, uint64_t size)
{
    medic_record_header *head = (medic_record_header *)(void *)header;

    *head = (medic_record_header){(uint32_t)size, type, 0, 0};
    head->crc = crc32_update(crc32_update(0, head, 8), head + 1, size);
    memset(header + sizeof *head + size, 0, padding(size));
    heap_output_flush(sink);
    if (!heap_sink_failed(sink))
        write_all(sink, header, sizeof *head + size + padding(size));
}

void heap_output_log(struct heap_sink *sink, const char *format, ...)
{
    char text[256];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0) {
        medic_log_record head = {os_now_ns(), MEDIC_LOG_WARNING,
                                 (uint32_t)length < sizeof text ? (uint32_t)length : (uint32_t)sizeof text - 1};

        heap_output_record(sink, MEDIC_RECORD_LOG, &head, sizeof head, text, head.length);
    }
}
