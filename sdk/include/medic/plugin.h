/* The plugin ABI: what a profiler's `.so` says of itself, and the tables of its two halves.
 *
 * A plugin is one shared object that links libc only, has no constructors of its own, and exports one function,
 * medic_plugin_entry, that returns a static medic_plugin. The *capture* half runs inside the profiled process and only
 * records facts; the *report* half runs in the `medic` process and turns the recorded facts into a document.
 *
 * Compatibility: the host checks magic, then abi_major, then copies min(size, its own size) bytes into a zeroed struct.
 * So members are only ever appended, a zero member means "not there", and a plugin built for an older or newer minor
 * revision keeps working. Until ABI 1 is frozen the major is 0 and may break with any release.
 *
 * Thread tags stand at every function pointer:
 *   [worker]     Medic's own thread in the target. May allocate, block briefly, call the runtime's query functions.
 *   [runtime]    any thread of the runtime, concurrent with every other callback. Must not block.
 *   [suspended]  as [runtime], and no managed thread runs: preallocated memory only, no lock, nobody drains the ring.
 *   [signal]     async-signal-safe code only.
 *   [tool]       the `medic` process, single-threaded.
 * Memory is freed by the side that allocated it; nothing is freed across the boundary. */
#ifndef MEDIC_PLUGIN_H
#define MEDIC_PLUGIN_H

#include <medic/callbacks.h>
#include <medic/clr/profiler.h>
#include <medic/result.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEDIC_ABI_MAJOR 0
#define MEDIC_ABI_MINOR 1
#define MEDIC_PLUGIN_MAGIC UINT64_C(0x4e49474c50434d01) /* bytes 01 'M' 'C' 'P' 'L' 'G' 'I' 'N' */
#define MEDIC_NAME_MAX 40

/* What a plugin does to its target beyond listening; shown to the user before an attach. */
enum medic_plugin_flags {
    MEDIC_STARTUP_ONLY = 1u << 0, /* needs masks that the runtime takes only at start-up */
    MEDIC_SUSPENDS = 1u << 1,     /* suspends the runtime */
    MEDIC_FORKS = 1u << 2,        /* clones the process */
    MEDIC_INSTRUMENTS = 1u << 3,  /* rewrites IL: the core cannot detach afterwards and goes dormant */
    MEDIC_ENDS_ITSELF = 1u << 4,  /* the plugin says when it is done: no duration unless the user gives one */
    MEDIC_DEAD_TOO = 1u << 5      /* of medic.heap: a list of objects with the dead among them is enough, so where the
                                     runtime can list them without a collection none is prepared for */
};

enum medic_param_type {
    MEDIC_PARAM_BOOL = 1,     /* true | false | yes | no | on | off | 1 | 0 */
    MEDIC_PARAM_INT = 2,      /* decimal, 64 bits, signed */
    MEDIC_PARAM_FLOAT = 3,    /* C notation, '.' as the decimal point, finite */
    MEDIC_PARAM_ENUM = 4,     /* one of choices */
    MEDIC_PARAM_STRING = 5,   /* UTF-8 without control characters, at most 255 bytes */
    MEDIC_PARAM_DURATION = 6, /* 250us, 10ms, 30s, 1.5m, 2h, hh:mm:ss; a plain number is seconds */
    MEDIC_PARAM_SIZE = 7      /* 512, 64k, 16M, 1G (powers of 1024), bytes */
};

/* One parameter. All texts are static. The default is text and goes through the parser that reads the user's value. */
typedef struct medic_param {
    const char *key;     /* [a-z][a-z0-9_]*, unique in the table */
    const char *label;   /* two or three words */
    const char *help;    /* one sentence */
    uint32_t type;       /* enum medic_param_type */
    uint32_t reserved;   /* 0 */
    const char *unit;    /* shown behind the value; NULL or "" when there is none */
    const char *initial; /* the default, as the user would type it */
    const char *minimum; /* inclusive bounds as text, NULL when there is none; for INT, FLOAT, DURATION, SIZE */
    const char *maximum;
    const char *choices; /* ENUM: "a|b|c" */
} medic_param;

/* One captured record. type is 0-255 for the core's own (medic/capture_format.h), 256 and up for the plugin's. */
typedef struct medic_record {
    uint32_t type;
    uint32_t size;    /* bytes at data */
    const void *data; /* 8-byte aligned; valid during the call that hands it over, or until the next one is read */
} medic_record;

/* What either half gets of its surroundings: services, asked for by name and revision ("medic.records/draft").
 * Owned by the host, valid from create to the end of destroy (report: during render). */
typedef struct medic_host medic_host;
struct medic_host {
    uint32_t size;
    uint32_t reserved;
    /* The service table, or NULL when the host has no such service. Names listed as required in the descriptor were
     * checked before the plugin was created and are never NULL. Every table begins with its uint32_t size. Any thread. */
    const void *(*service)(const medic_host *host, const char *name);
};

enum medic_drain {
    MEDIC_DRAIN_KEEP = 0, /* write the record to the capture */
    MEDIC_DRAIN_DROP = 1  /* the plugin has used it up */
};

/* The capture half. Every pointer may be NULL except create. */
typedef struct medic_capture {
    uint32_t size;
    uint32_t reserved;
    /* [worker] Makes the instance. When it fails, destroy is not called. */
    int (*create)(const medic_host *host, void **self, medic_reason *why);
    /* [worker] Begins to record. Callbacks come from the moment it is called, not before. A failure ends the session;
     * stop and destroy follow. */
    int (*start)(void *self, medic_reason *why);
    /* [worker] Sees each of the plugin's own records on its way from the ring to the file, in ring order: the place to
     * resolve names, merge and drop. Returns enum medic_drain. */
    int (*drain)(void *self, const medic_record *record);
    /* [worker] Called about every 100 ms while recording, more often when asked to (medic.records, soon). */
    void (*tick)(void *self, uint64_t now_ns);
    /* [worker] Ends recording: no callback runs any more, records may still be written. Called once after start. */
    int (*stop)(void *self, medic_reason *why);
    /* Frees the instance. On the runtime's detach thread after the detach, or the worker when there is none. */
    void (*destroy)(void *self);
    /* Callbacks of the runtime, self first. May be NULL. They come while the session records, and only then. */
    const medic_callbacks *callbacks;
} medic_capture;

/* The report half. */
typedef struct medic_report {
    uint32_t size;
    uint32_t reserved;
    /* [tool] Reads the capture through the capture service and fills the document. Runs in a short-lived process. Must
     * cope with a truncated capture: a session can end at any record. Not NULL. */
    int (*render)(const medic_host *host, medic_reason *why);
} medic_report;

typedef struct medic_plugin {
    uint64_t magic; /* MEDIC_PLUGIN_MAGIC */
    uint32_t size;  /* sizeof(medic_plugin) */
    uint16_t abi_major;
    uint16_t abi_minor;
    GUID guid;
    const char *name;          /* [a-z][a-z0-9_]*, shorter than MEDIC_NAME_MAX */
    const char *version;       /* of the plugin, "1.2.3" */
    const char *summary;       /* one line: what it does */
    const char *observation;   /* the symptom it answers: "CPU usage is high" */
    uint32_t flags;            /* enum medic_plugin_flags */
    uint32_t record_revision;  /* of the plugin's own record layout; the report half reads it from the capture */
    uint32_t event_mask_low;   /* COR_PRF_MONITOR bits set when the session begins */
    uint32_t event_mask_high;  /* COR_PRF_HIGH_MONITOR bits */
    uint32_t startup_mask_low; /* added when the process starts under the profiler: bits that an attach cannot set */
    uint32_t startup_mask_high;
    uint32_t ring_bytes; /* room for records between callbacks and worker; 0 = 512 KiB; at most 8 MiB */
    uint32_t param_size; /* sizeof(medic_param): the step of the table */
    uint32_t param_count;
    uint32_t capture_service_count;
    uint32_t report_service_count;
    uint32_t reserved;
    const medic_param *params;
    const char *const *capture_services; /* names of services without which capture cannot run */
    const char *const *report_services;
    const medic_capture *capture;
    const medic_report *report;
} medic_plugin;

/* The one exported function. Static data, no side effect, any thread. */
typedef const medic_plugin *(*medic_plugin_entry_fn)(void);

#if defined(__GNUC__)
#define MEDIC_EXPORT __attribute__((visibility("default")))
#else
#define MEDIC_EXPORT
#endif
MEDIC_EXPORT const medic_plugin *medic_plugin_entry(void);

/* The ELF note `.note.medic`, read without loading the file: it lets a host list and match plugins safely. Name and
 * GUID must equal the descriptor's. Use once, at file scope:
 *     MEDIC_PLUGIN_NOTE("my_profiler", {0x12345678, 0x9abc, 0xdef0, {1, 2, 3, 4, 5, 6, 7, 8}});  */
#define MEDIC_NOTE_OWNER "Medic"
#define MEDIC_NOTE_TYPE 1u

typedef struct medic_note {
    uint32_t owner_size; /* 6: "Medic" and its NUL */
    uint32_t desc_size;
    uint32_t type;
    char owner[8];
    uint16_t abi_major; /* desc begins here */
    uint16_t abi_minor;
    GUID guid;
    char name[MEDIC_NAME_MAX];
} medic_note;

#define MEDIC_NOTE_DESC_SIZE 60u /* abi_major to the end of name */

#define MEDIC_PLUGIN_NOTE(plugin_name, ...)                                                                            \
    __attribute__((section(".note.medic"), used, aligned(4))) static const medic_note medic_plugin_note_ = {           \
        sizeof MEDIC_NOTE_OWNER, MEDIC_NOTE_DESC_SIZE, MEDIC_NOTE_TYPE, MEDIC_NOTE_OWNER,                              \
        MEDIC_ABI_MAJOR,         MEDIC_ABI_MINOR,      __VA_ARGS__,     plugin_name}

#ifdef __cplusplus
}
#endif
#endif
