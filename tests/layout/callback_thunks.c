/* Compiles and calls what a host generates from MEDIC_CALLBACK_LIST: a thunk for every callback and the full vtable of
 * ICorProfilerCallback11, the way core/ does it. If this file breaks, so does every host. */
#include <stdio.h>

#include <medic/clr/callback_list.h>

struct host {
    ICorProfilerCallback11 com; /* first: the runtime's pointer is the host's */
    const medic_callbacks *table;
    void *self;
};

static struct host *host_of(ICorProfilerCallback11 *This)
{
    return (struct host *)This;
}

#define THUNK(name, params, args)                                                                                      \
    static HRESULT thunk_##name(ICorProfilerCallback11 *This MEDIC_SPLICE params)                                      \
    {                                                                                                                  \
        const struct host *host = host_of(This);                                                                       \
        return host->table->name ? host->table->name(host->self MEDIC_SPLICE args) : S_OK;                             \
    }
MEDIC_CALLBACK_LIST(THUNK)

/* The arguments have to be used somehow, so each is listed after a comma and dropped. */
static void ignore(const void *first, ...)
{
    (void)first;
}

#define IGNORE(name, params, args)                                                                                     \
    static HRESULT thunk_##name(ICorProfilerCallback11 *This MEDIC_SPLICE params)                                      \
    {                                                                                                                  \
        ignore(This MEDIC_SPLICE args);                                                                                \
        return S_OK;                                                                                                   \
    }
MEDIC_CALLBACK_REMOTING_LIST(IGNORE)

static HRESULT query_interface(ICorProfilerCallback11 *This, REFIID riid, void **object)
{
    static const GUID newest = MEDIC_IID_ICorProfilerCallback11;
    *object = medic_guid_equal(riid, &newest) ? This : NULL;
    return *object ? S_OK : E_NOINTERFACE;
}

static ULONG count_reference(ICorProfilerCallback11 *This)
{
    (void)This;
    return 1;
}

static HRESULT initialize(ICorProfilerCallback11 *This, IUnknown *info)
{
    (void)This;
    return info ? S_OK : E_POINTER;
}

static HRESULT initialize_for_attach(ICorProfilerCallback11 *This, IUnknown *info, void *data, UINT size)
{
    (void)data;
    (void)size;
    return initialize(This, info);
}

static HRESULT no_work(ICorProfilerCallback11 *This)
{
    (void)This;
    return S_OK;
}

static HRESULT load_as_notification_only(ICorProfilerCallback11 *This, BOOL *only)
{
    (void)This;
    *only = FALSE;
    return S_OK;
}

#define SLOT(name, params, args) .name = thunk_##name,

static const ICorProfilerCallback11Vtbl vtable = {.QueryInterface = query_interface,
                                                  .AddRef = count_reference,
                                                  .Release = count_reference,
                                                  .Initialize = initialize,
                                                  .Shutdown = no_work,
                                                  .InitializeForAttach = initialize_for_attach,
                                                  .ProfilerAttachComplete = no_work,
                                                  .ProfilerDetachSucceeded = no_work,
                                                  .LoadAsNotificationOnly = load_as_notification_only,
                                                  MEDIC_CALLBACK_REMOTING_LIST(SLOT) MEDIC_CALLBACK_LIST(SLOT)};

/* A plugin with one callback without parameters and one with several. */
static int resumes;

static HRESULT on_resume(void *self)
{
    ++*(int *)self;
    return S_OK;
}

static HRESULT on_collection(void *self, int generations, BOOL *collected, COR_PRF_GC_REASON reason)
{
    (void)self;
    return generations == 3 && collected[2] && reason == COR_PRF_GC_INDUCED ? S_FALSE : E_FAIL;
}

static const medic_callbacks table = {
    .size = sizeof table,
    .GarbageCollectionStarted = on_collection,
    .RuntimeResumeStarted = on_resume,
};

static int check(int ok, const char *what)
{
    if (!ok)
        printf("%s\n", what);
    return !ok;
}

static int empty_slots(void)
{
    const unsigned char *bytes = (const unsigned char *)&vtable;
    static const unsigned char none[sizeof(void *)];
    int empty = 0;
    for (size_t at = 0; at < sizeof vtable; at += sizeof none)
        empty += memcmp(bytes + at, none, sizeof none) == 0;
    return empty;
}

int main(void)
{
    struct host host = {{&vtable}, &table, &resumes};
    ICorProfilerCallback11 *com = &host.com;
    BOOL collected[3] = {TRUE, TRUE, TRUE};
    int bad = check(empty_slots() == 0, "the vtable has empty slots");
    bad += check(com->lpVtbl->RuntimeResumeStarted(com) == S_OK && resumes == 1, "a callback without parameters");
    bad += check(com->lpVtbl->GarbageCollectionStarted(com, 3, collected, COR_PRF_GC_INDUCED) == S_FALSE,
                 "a callback with parameters, and its result");
    bad += check(com->lpVtbl->ThreadCreated(com, 1) == S_OK, "a callback that the plugin left out");
    return bad;
}
