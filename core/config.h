/* What a client asked for: the client data of an attach, or MEDIC_SESSION. Text lines `key=value`, every key optional:
 *
 *   session=<folder>     absolute; created by the client, 0700, owned by this process's user. Default: a fresh one under
 *                        the temporary folder
 *   plugin=<file>        absolute. Default: the file beside the core, or in plugins/ there, whose note has the GUID
 *   duration=<time>      0 = until stopped. Default 10s, and 0 for a plugin that ends itself
 *   lease=<time>         the client holds a lock on the lease file; this long after it is gone the session ends
 *   max_bytes=<size>     of the capture; default 256M, and 4G for a plugin that photographs the heap
 *   symbols=embed        the PDBs of modules in recorded stacks are copied into the capture, 64 MiB at most: for a client that
 *                        cannot reach this program's files. Default: no
 *   param.<key>=<value>  default: the descriptor's
 *
 * For a start under MEDIC_SESSION, whose variables every child of the program inherits:
 *
 *   skip=sdk             processes of the .NET SDK run without a profiler: `dotnet run` means the program, not the build
 *   children=yes         each process makes a folder of its own inside session=, <pid>-<random>, and shares the lease of that
 *                        one. Default: the first process gets session= itself, the others nothing */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <medic/result.h>
#include <stddef.h>

enum { CONFIG_PATH_MAX = 1024, CONFIG_TEXT_MAX = 65536 };
#define CONFIG_DEFAULT UINT64_MAX

struct config {
    char session[CONFIG_PATH_MAX]; /* "" = make one */
    char plugin[CONFIG_PATH_MAX];  /* "" = look for it */
    uint64_t duration_ns;          /* CONFIG_DEFAULT when it is not given */
    uint64_t lease_ns;             /* 0 = no lease */
    uint64_t max_bytes;            /* the same */
    int skip_sdk;
    int children;
    int embed_symbols;
    char *text; /* the whole text, owned, for the parameters */
    size_t text_size;
};

/* Always leaves a config that config_free takes; session is filled in even when a later line is wrong, so that the reason
 * has a place to go. MEDIC_E_ARGUMENT. */
int config_parse(struct config *config, const char *text, size_t size, medic_reason *why);
/* Gives what the client left open its value, which depends on the plugin. */
void config_complete(struct config *config, int ends_itself, int photographs);
void config_free(struct config *config);

#endif
