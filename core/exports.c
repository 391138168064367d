/* The two functions that the runtime looks up. Any CLSID gives the same object: the CLSID says which plugin is wanted. */
#include "core/dispatch.h"
#include "core/session.h"

#include <medic/clr/hresults.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT HRESULT DllGetClassObject(REFCLSID clsid, REFIID iid, void **object);
EXPORT HRESULT DllCanUnloadNow(void);

static HRESULT query_interface(IClassFactory *This, REFIID iid, void **object)
{
    static const GUID unknown = MEDIC_IID_IUnknown, factory = MEDIC_IID_IClassFactory;

    *object = medic_guid_equal(iid, &unknown) || medic_guid_equal(iid, &factory) ? This : NULL;
    return *object ? S_OK : E_NOINTERFACE;
}

static ULONG add_ref(IClassFactory *This)
{
    (void)This;
    return 1; /* static */
}

static HRESULT create_instance(IClassFactory *This, IUnknown *outer, REFIID iid, void **object)
{
    (void)This;
    *object = NULL;
    if (outer)
        return CLASS_E_NOAGGREGATION;
    return dispatch_callback.lpVtbl->QueryInterface(&dispatch_callback, iid, object);
}

static HRESULT lock_server(IClassFactory *This, BOOL lock)
{
    (void)This, (void)lock;
    return S_OK;
}

static const IClassFactoryVtbl vtable = {
    .QueryInterface = query_interface,
    .AddRef = add_ref,
    .Release = add_ref,
    .CreateInstance = create_instance,
    .LockServer = lock_server,
};

static IClassFactory factory = {&vtable};

HRESULT DllGetClassObject(REFCLSID clsid, REFIID iid, void **object)
{
    session_set_plugin(clsid);
    return query_interface(&factory, iid, object);
}

/* Never: a callback may be on a stack. */
HRESULT DllCanUnloadNow(void)
{
    return S_FALSE;
}
