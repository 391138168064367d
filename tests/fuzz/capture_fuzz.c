/* libFuzzer: any bytes as a capture file. A valid header is put in front of every other input, so that records are reached. */
#include "common/crc32.h"
#include "tool/capture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void read_all(int fd)
{
    struct capture *capture;
    medic_reason why;
    medic_record record;
    const char *text;
    uint64_t begin, end;
    size_t size;
    if (capture_open(fd, &capture, &why))
        return;
    while (capture_next(capture, &record)) {
        volatile unsigned char sum = 0;
        for (uint32_t i = 0; i < record.size; i++)
            sum = (unsigned char)(sum + ((const unsigned char *)record.data)[i]);
        capture_name(capture, MEDIC_NAME_TYPE, record.size, &text);
    }
    for (uint32_t id = 0; id <= 300; id++) {
        const medic_frame_record *frame = capture_frame(capture, id);
        uint32_t count, flags;
        const uint32_t *frames = capture_stack(capture, id, &count, &flags);
        for (uint32_t i = 0; i < count; i++)
            if (frames[i] == 0 || frames[i] > capture_frame_count(capture))
                __builtin_trap();
        capture_image(capture, frame ? frame->image : id, &text);
        capture_thread_of(capture, id, &text);
        struct capture_symbols symbols;
        if (!capture_symbols(capture, id, &symbols))
            free(symbols.bytes);
    }
    capture_value(capture, "param.x");
    capture_text(capture, &size);
    capture_span(capture, &begin, &end);
    capture_log(capture, &size);
    capture_close(capture);
}

static void put(int fd, const void *bytes, size_t size)
{
    if (write(fd, bytes, size) != (ssize_t)size)
        _exit(1);
}

/* Seals every record whose size fits, so that the fuzzer need not guess checksums. */
static void put_records(int fd, const uint8_t *data, size_t size)
{
    for (size_t at = 0; at + 3 <= size;) {
        static const char zeros[8];
        uint32_t payload = data[at + 1];
        if (payload > size - at - 3)
            payload = (uint32_t)(size - at - 3);
        medic_record_header header = {payload, data[at] < 250 ? data[at] % 14 : 256, 0, 0};
        header.crc = crc32_update(crc32_update(0, &header, 8), data + at + 3, payload) ^ (data[at + 2] == 255);
        put(fd, &header, sizeof header);
        put(fd, data + at + 3, payload);
        put(fd, zeros, (8 - payload % 8) % 8);
        at += 3 + payload;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("capture", MFD_CLOEXEC);
    if (fd < 0 || size < 1)
        return close(fd) * 0;
    if (data[0] & 1) {
        medic_capture_header header = {.version = MEDIC_CAPTURE_VERSION, .header_size = sizeof header};
        memcpy(header.magic, MEDIC_CAPTURE_MAGIC, sizeof header.magic);
        header.crc = crc32_update(0, &header, sizeof header);
        put(fd, &header, sizeof header);
    }
    if (data[0] & 2)
        put_records(fd, data + 1, size - 1);
    else
        put(fd, data + 1, size - 1);
    read_all(fd);
    close(fd);
    return 0;
}
