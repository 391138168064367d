/* keyvalue_next over any bytes: pairs lie inside the text, in order, without NULs or newlines, and the text ends. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/keyvalue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *cursor = (const char *)data, *end = cursor + size, *before = cursor;
    struct keyvalue pair;
    char copy[16];
    int result;
    while ((result = keyvalue_next(&cursor, end, &pair)) != 0) {
        require(cursor > before && cursor <= end);
        require(pair.key >= before && pair.value >= pair.key + pair.key_size);
        require(pair.value + pair.value_size <= cursor && pair.key_size > 0);
        require(!memchr(pair.key, '\n', (size_t)(pair.value + pair.value_size - pair.key)));
        if (result == 1)
            require(pair.key[pair.key_size] == '=' && !memchr(pair.key, '\0', pair.key_size));
        if (keyvalue_copy(&pair, copy, sizeof copy) == 0)
            require(strlen(copy) == pair.value_size);
        keyvalue_is(&pair, "duration");
        before = cursor;
    }
    require(cursor == end);
    return 0;
}
