#include "tool/frame_code.h"

#include <stdbool.h>
#include <string.h>

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool begins_with_one(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (begins(text, *list))
            return true;
    return false;
}

const char *path_name(const char *path)
{
    const char *name = path ? path : "";
    for (const char *at = name; *at; at++)
        if (*at == '/' || *at == '\\')
            name = at + 1;
    return name;
}

/* .../shared/Microsoft.AspNetCore.App/10.0.1/X.dll: the folders that `dotnet --list-runtimes` shows. */
static bool in_shared_framework(const char *path)
{
    static const char FOLDER[] = "/shared/Microsoft.";
    const char *at = strstr(path, FOLDER);
    for (int depth = 0; at && depth < 2; depth++)
        at = strchr(at + (depth ? 1 : sizeof "/shared"), '/');
    return at && !strchr(at + 1, '/');
}

static bool same_folder(const char *a, const char *b)
{
    size_t size = (size_t)(path_name(a) - a);
    return size == (size_t)(path_name(b) - b) && strncmp(a, b, size) == 0;
}

/* An app may bring them as packages of its own version: still .NET, not the program. */
static bool is_framework_package(const char *name)
{
    static const char *const PREFIXES[] = {"System.", "Microsoft.Extensions.", "Microsoft.AspNetCore.", NULL};
    return begins_with_one(name, PREFIXES);
}

static bool is_framework_name(const char *name)
{
    static const char *const PREFIXES[] = {"System.",
                                           "System.dll",
                                           "Microsoft.",
                                           "mscorlib.",
                                           "netstandard.",
                                           "WindowsBase.",
                                           "PresentationCore.",
                                           "PresentationFramework.",
                                           NULL};
    return begins_with_one(name, PREFIXES);
}

/* By System.Reflection.Emit: proxies, serializers. */
static bool is_made_at_run_time(const char *name)
{
    return begins(name, "RefEmit_");
}

enum medic_code code_of_assembly(const char *path, const char *corelib)
{
    const char *name = path_name(path);
    if (!*name)
        return MEDIC_CODE_UNKNOWN;
    if (in_shared_framework(path) || is_framework_package(name) || is_made_at_run_time(name))
        return MEDIC_CODE_FRAMEWORK;
    /* self-contained: framework and program share a folder */
    bool beside = !corelib || same_folder(path, corelib);
    return beside && is_framework_name(name) ? MEDIC_CODE_FRAMEWORK : MEDIC_CODE_USER;
}

enum medic_code code_of_image(const char *path)
{
    static const char *const RUNTIME[] = {"libcoreclr",      "libclrjit",         "libclrgc",
                                          "libhostfxr",      "libhostpolicy",     "libmscordbi",
                                          "libmscordaccore", "libclrinterpreter", NULL};
    const char *name = path_name(path);
    if (!*name)
        return MEDIC_CODE_UNKNOWN;
    if (begins_with_one(name, RUNTIME))
        return MEDIC_CODE_RUNTIME;
    /* What is no library is the executable: dotnet, the host of an app, or both with the runtime inside (single file);
     * native code in an assembly is stubs. */
    bool library = strstr(name, ".so") != NULL || *name == '[';
    return library ? MEDIC_CODE_NATIVE : MEDIC_CODE_RUNTIME;
}
