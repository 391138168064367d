/* CRC-32 (IEEE 802.3, the one of zlib): guards captures, status and request files. Any thread, no state. */
#ifndef COMMON_CRC32_H
#define COMMON_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Continue crc (0 to begin) over size bytes. */
uint32_t crc32_update(uint32_t crc, const void *data, size_t size);

#endif
