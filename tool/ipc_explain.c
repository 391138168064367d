/* What the runtime's errors mean, and what helps. */
#include "tool/ipc.h"

static const struct {
    uint32_t hresult;
    int code;
    bool names_path;
    const char *text;
} meanings[] = {
    {0x8013136A, MEDIC_E_BUSY, false,
     "another profiler is loaded in the process: wait until it has detached or end it; one that "
     "was loaded at the start leaves only with a restart"},
    {0x80131367, MEDIC_E_BUSY, false, "another profiler is just detaching from the process: try again in some seconds"},
    {0x80131368, MEDIC_E_ABI, true,
     "the runtime refuses the profiler as not attachable: install the core and the plugin of one version"},
    {0x8013136E, MEDIC_E_ABI, true,
     "the profiler lacks ICorProfilerCallback3: install the core and the plugin of one version"},
    {0x8007007E, MEDIC_E_NOT_FOUND, true,
     "the process cannot load the profiler: the file is not visible or not readable for it, lies "
     "on a noexec mount, or was built for another libc or architecture; stage it elsewhere"},
    {0x8007007F, MEDIC_E_ABI, true,
     "the file is a library but no profiler, it exports no DllGetClassObject: give the path of libmedic.so"},
    {0x80070005, MEDIC_E_DENIED, true,
     "the process may not read the profiler: make the file and its folders readable for its user"},
    {0x80040154, MEDIC_E_NOT_FOUND, true,
     "the profiler does not know the GUID it was asked for: see the list of plugins"},
    {0x80040111, MEDIC_E_NOT_FOUND, true,
     "the profiler does not know the GUID it was asked for: see the list of plugins"},
    {0x80131371, MEDIC_E_BUSY, false, "the runtime is still starting: try again in a second"},
    {0x8013135B, MEDIC_E_BUSY, false,
     "the start of the runtime is suspended by a diagnostics port: resume it, then attach"},
    {0x80131379, MEDIC_E_TIMEOUT, false, "the runtime gave up waiting for a background collection to end: try again"},
    {0x80131384, MEDIC_E_CORRUPT, false, "the runtime could not decode the request: its protocol differs, report this"},
    {0x80131385, MEDIC_E_UNSUPPORTED, false,
     "the runtime does not know the command: it is too old or compiled ahead of time "
     "(native AOT); run the program on .NET 8 or later with the JIT"},
    {0x80131386, MEDIC_E_CORRUPT, false, "the runtime does not know the protocol's version: it differs, report this"},
    {0x80131515, MEDIC_E_UNSUPPORTED, false, "the runtime was built without this ability: use the standard runtime"},
    {0x8007000E, MEDIC_E_MEMORY, false, "the process is out of memory: raise its limit or try again later"},
    {0x800705B4, MEDIC_E_TIMEOUT, false,
     "the runtime gave up before the profiler was ready: try again with a longer time"},
    {0x80131370, MEDIC_E_BUSY, false, "a profiler that rewrote code cannot leave the process: restart it"},
};

int ipc_explain(int32_t hresult, const char *path, medic_reason *why)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (meanings[i].hresult != (uint32_t)hresult)
            continue;
        if (meanings[i].names_path && path)
            return medic_fail(why, meanings[i].code, "%s (%.180s, 0x%08X)", meanings[i].text, path, (unsigned)hresult);
        return medic_fail(why, meanings[i].code, "%s (0x%08X)", meanings[i].text, (unsigned)hresult);
    }
    return medic_fail(why, MEDIC_E_FAIL, "the runtime answered with error 0x%08X: see the profiler's log, or try again",
                      (unsigned)hresult);
}
