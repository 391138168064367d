/* A runtime that is wrong in one way: loads libmedic.so as .NET does for an attach, and says how that went. For
 * test_faults.py.
 *
 *     fake_runtime LIBRARY GUID CLIENT_DATA MAJOR HOW
 *
 * MAJOR is the version that it has; 4: it is too old to have ICorProfilerInfo12. HOW: well; mask, detach, suspend: it refuses
 * event masks, the detach or suspensions; stop, hang: it does not come back from stopping an event session, or for some
 * seconds from a suspension; many: it has many threads; start: it is a start of the program, with CLIENT_DATA in MEDIC_SESSION. It prints the HRESULT of
 * the begin, and ends when the detach has been asked for, or some seconds later. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <medic/clr/hresults.h>
#include <medic/clr/profiler.h>

static USHORT major;
static const char *how;
static ICorProfilerInfo12 info;
static ICorProfilerCallback11 *profiler;
static _Atomic int over;

static HRESULT query_interface(ICorProfilerInfo12 *This, REFIID iid, void **object)
{
    (void)iid;
    *object = major < 5 ? NULL : This;
    return major < 5 ? E_NOINTERFACE : S_OK;
}

static ULONG count(ICorProfilerInfo12 *This)
{
    (void)This;
    return 1;
}

static HRESULT about(ICorProfilerInfo12 *This, USHORT *instance, COR_PRF_RUNTIME_TYPE *type, USHORT *version,
                     USHORT *minor, USHORT *build, USHORT *fix, ULONG room, ULONG *length, WCHAR *text)
{
    (void)This, (void)room, (void)length, (void)text;
    *instance = 0;
    *type = COR_PRF_CORE_CLR;
    *version = major;
    *minor = *build = *fix = 0;
    return S_OK;
}

static HRESULT set_mask(ICorProfilerInfo12 *This, DWORD low, DWORD high)
{
    (void)This, (void)low, (void)high;
    return strcmp(how, "mask") ? S_OK : E_INVALIDARG;
}

static HRESULT start_events(ICorProfilerInfo12 *This, UINT32 providers, COR_PRF_EVENTPIPE_PROVIDER_CONFIG config[],
                            BOOL rundown, EVENTPIPE_SESSION *session)
{
    (void)This, (void)providers, (void)config, (void)rundown;
    *session = 1;
    return S_OK;
}

static HRESULT stop_events(ICorProfilerInfo12 *This, EVENTPIPE_SESSION session)
{
    (void)This, (void)session;
    if (!strcmp(how, "stop"))
        sleep(60);
    return S_OK;
}

static HRESULT detach(ICorProfilerInfo12 *This, DWORD ms)
{
    (void)This, (void)ms;
    int refused = !strcmp(how, "detach");
    if (!refused)
        profiler->lpVtbl->ProfilerDetachSucceeded(profiler);
    over = 1;
    return refused ? E_FAIL : S_OK;
}

static HRESULT suspend(ICorProfilerInfo12 *This)
{
    static int asked;
    (void)This;
    if (!strcmp(how, "hang"))
        sleep(3);
    if (!strcmp(how, "collecting") && asked++ < 5)
        return CORPROF_E_SUSPENSION_IN_PROGRESS;
    return strcmp(how, "suspend") ? S_OK : E_FAIL;
}

static HRESULT resume(ICorProfilerInfo12 *This)
{
    (void)This;
    return S_OK;
}

/* ---- with 1000 threads that are all the first ---- */

enum { THREADS = 1000 };

static ULONG told;

static ULONG release_threads(ICorProfilerThreadEnum *This)
{
    (void)This;
    return 0;
}

static HRESULT count_threads(ICorProfilerThreadEnum *This, ULONG *number)
{
    (void)This;
    *number = THREADS;
    return S_OK;
}

static HRESULT next_threads(ICorProfilerThreadEnum *This, ULONG most, ThreadID *ids, ULONG *number)
{
    (void)This;
    for (*number = 0; *number < most && told < THREADS; ++*number)
        ids[*number] = ++told;
    return *number == most ? S_OK : S_FALSE;
}

static HRESULT enum_threads(ICorProfilerInfo12 *This, ICorProfilerThreadEnum **list)
{
    static const ICorProfilerThreadEnumVtbl members = {
        .Release = release_threads, .GetCount = count_threads, .Next = next_threads};
    static ICorProfilerThreadEnum threads = {&members};
    (void)This;
    told = 0;
    *list = strcmp(how, "many") ? NULL : &threads;
    return *list ? S_OK : E_NOTIMPL;
}

static HRESULT about_thread(ICorProfilerInfo12 *This, ThreadID thread, DWORD *os_id)
{
    (void)This, (void)thread;
    *os_id = (DWORD)getpid();
    return S_OK;
}

static HRESULT not_here(void)
{
    return E_NOTIMPL;
}

/* What is not among the members above answers E_NOTIMPL. */
static const ICorProfilerInfo12Vtbl *members(void)
{
    static union {
        ICorProfilerInfo12Vtbl vtable;
        ICorProfilerInfo15Vtbl latest;
        HRESULT (*slots[sizeof(ICorProfilerInfo15Vtbl) / sizeof(void *)])(void);
    } all;
    for (size_t i = 0; i < sizeof all.slots / sizeof *all.slots; i++)
        all.slots[i] = not_here;
    all.vtable.QueryInterface = query_interface;
    all.vtable.AddRef = all.vtable.Release = count;
    all.vtable.GetRuntimeInformation = about;
    all.vtable.SetEventMask2 = set_mask;
    all.vtable.EventPipeStartSession = start_events;
    all.vtable.EventPipeStopSession = stop_events;
    all.vtable.RequestProfilerDetach = detach;
    all.vtable.EnumThreads = enum_threads;
    all.vtable.GetThreadInfo = about_thread;
    all.vtable.SuspendRuntime = suspend;
    all.vtable.ResumeRuntime = resume;
    return &all.vtable;
}

/* 01234567-89ab-cdef-0123-456789abcdef */
static GUID guid_of(const char *text)
{
    GUID guid;
    unsigned bytes[8], data1, data2, data3;
    sscanf(text, "%8x-%4x-%4x-%2x%2x-%2x%2x%2x%2x%2x%2x", &data1, &data2, &data3, bytes, bytes + 1, bytes + 2,
           bytes + 3, bytes + 4, bytes + 5, bytes + 6, bytes + 7);
    guid.Data1 = data1;
    guid.Data2 = (uint16_t)data2;
    guid.Data3 = (uint16_t)data3;
    for (int i = 0; i < 8; i++)
        guid.Data4[i] = (uint8_t)bytes[i];
    return guid;
}

static HRESULT begin(const char *data)
{
    if (strcmp(how, "start"))
        return profiler->lpVtbl->InitializeForAttach(profiler, (IUnknown *)&info, (void *)(uintptr_t)data,
                                                     (UINT)strlen(data));
    setenv("MEDIC_SESSION", data, 1);
    return profiler->lpVtbl->Initialize(profiler, (IUnknown *)&info);
}

int main(int argc, char **argv)
{
    static const GUID iid_factory = MEDIC_IID_IClassFactory, iid_callback = MEDIC_IID_ICorProfilerCallback3;
    HRESULT (*get_class)(REFCLSID, REFIID, void **);
    IClassFactory *factory;
    void *library = argc == 6 ? dlopen(argv[1], RTLD_NOW) : NULL, *symbol;
    if (!library || !(symbol = dlsym(library, "DllGetClassObject")))
        return 9;
    GUID guid = guid_of(argv[2]);
    memcpy(&get_class, &symbol, sizeof get_class);
    major = (USHORT)atoi(argv[4]);
    how = argv[5];
    info.lpVtbl = members();
    if (get_class(&guid, &iid_factory, (void **)&factory) ||
        factory->lpVtbl->CreateInstance(factory, NULL, &iid_callback, (void **)&profiler))
        return 8;
    HRESULT result = begin(argv[3]);
    printf("%#x\n", (unsigned)result);
    fflush(stdout);
    if (result == S_OK && strcmp(how, "start"))
        profiler->lpVtbl->ProfilerAttachComplete(profiler);
    for (int ms = 0; result == S_OK && ms < (strcmp(how, "hang") ? 3000 : 6000) && !over; ms += 10)
        usleep(10000);
    usleep(result == S_OK ? 100000 : 0); /* for what is told after the detach */
    return 0;
}
