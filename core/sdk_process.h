/* Telling the programs of the .NET SDK (the command line behind `dotnet run`, MSBuild, the compiler servers) from the one that
 * is meant: all of them inherit the variables of a start under a profiler. */
#ifndef CORE_SDK_PROCESS_H
#define CORE_SDK_PROCESS_H

#include <stddef.h>

/* exe: path of the executable; arguments: as /proc/PID/cmdline has them, each with its NUL. 1 = of the SDK, 0 = not, or not
 * known. Looks at the file system only to see whether a folder called sdk is one of .NET. */
int sdk_process(const char *exe, const char *arguments, size_t size);
/* The same about this process. */
int sdk_process_self(void);

#endif
