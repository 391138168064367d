/* A runtime without managed code, for an unwinder that is tested on native stacks. */
#ifndef TESTS_UNIT_FAKE_RUNTIME_H
#define TESTS_UNIT_FAKE_RUNTIME_H

#include <medic/clr/hresults.h>
#include <medic/clr/profiler.h>

static HRESULT fake_function(ICorProfilerInfo12 *self, LPCBYTE ip, FunctionID *function, ReJITID *rejit)
{
    (void)self, (void)ip, (void)function, (void)rejit;
    return E_FAIL;
}

static HRESULT fake_threads(ICorProfilerInfo12 *self, ICorProfilerThreadEnum **list)
{
    (void)self, (void)list;
    return E_FAIL;
}

static ICorProfilerInfo12Vtbl fake_vtable = {.GetFunctionFromIP3 = fake_function, .EnumThreads = fake_threads};
static ICorProfilerInfo12 fake_runtime = {.lpVtbl = &fake_vtable};

#endif
