/* Thread::m_pvHJRetAddr and m_ppvHJRetAddrPtr of the runtime's threads.h, found by what they hold. */
#include "hijack.h"

#include <string.h>

enum { THREADS_PER_CALL = 64, THREAD_SIZE = 4096 };

static uint64_t in_thread(struct hijack *h, struct memory *memory, uint64_t thread, uint64_t place)
{
    uint64_t words[THREAD_SIZE / 8];
    if (h->offset != 0)
        return memory_read(memory, thread + h->offset, words, 16) && words[1] == place ? words[0] : 0;
    size_t count = memory_read_some(memory, thread, words, sizeof words) / 8;
    for (size_t i = 1; i < count; i++)
        if (words[i] == place && words[i - 1] != 0) {
            h->offset = (i - 1) * 8;
            return words[i - 1];
        }
    return 0;
}

uint64_t hijack_find(struct hijack *h, ICorProfilerInfo12 *info, struct memory *memory, uint64_t place)
{
    ICorProfilerThreadEnum *list = NULL;
    uint64_t found = 0;
    if (h->budget == 0 || FAILED(info->lpVtbl->EnumThreads(info, &list)) || !list)
        return 0;
    h->budget--;
    while (found == 0) {
        ThreadID ids[THREADS_PER_CALL];
        ULONG count = 0;
        HRESULT hr = list->lpVtbl->Next(list, THREADS_PER_CALL, ids, &count);
        for (ULONG i = 0; SUCCEEDED(hr) && i < count && i < THREADS_PER_CALL && found == 0; i++)
            found = in_thread(h, memory, ids[i], place);
        if (hr != S_OK || count == 0)
            break;
    }
    list->lpVtbl->Release(list);
    return found;
}
