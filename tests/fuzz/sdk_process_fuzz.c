/* sdk_process over any command line: the first byte chooses the executable. The block of arguments has exactly the size that
 * is told, so that a read behind it is seen. */
#include "core/sdk_process.c"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *arguments = malloc(size);
    if (!arguments)
        return 0;
    memcpy(arguments, data + 1, size - 1);
    arguments[size - 1] = '\0'; /* an executable's path is a string, and so are arguments in half of all cases */
    int answer = data[0] & 1 ? sdk_process("/usr/bin/dotnet", arguments, data[0] & 2 ? size : size - 1)
                             : sdk_process(arguments, arguments, size);
    if (answer != 0 && answer != 1)
        abort();
    free(arguments);
    return 0;
}
