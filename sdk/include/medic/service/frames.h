/* medic.frames: stacks as the report half reads them, with names, files and lines. */
#ifndef MEDIC_SERVICE_FRAMES_H
#define MEDIC_SERVICE_FRAMES_H

#include <medic/capture_format.h>
#include <medic/plugin.h>

#define MEDIC_SERVICE_FRAMES "medic.frames/draft"

/* Whose code a frame is. */
enum medic_code {
    MEDIC_CODE_UNKNOWN = 0,
    MEDIC_CODE_USER = 1,      /* the program's own, and of libraries it brought */
    MEDIC_CODE_FRAMEWORK = 2, /* managed code of .NET and ASP.NET Core, and what is made at run time */
    MEDIC_CODE_RUNTIME = 3,   /* native code of the runtime: collector, compiler, type loader */
    MEDIC_CODE_NATIVE = 4     /* other native libraries, libc included */
};

typedef struct medic_frame {
    uint32_t kind;        /* enum medic_frame_kind (medic/capture_format.h) */
    uint32_t code;        /* enum medic_code */
    const char *function; /* as a person would name it; native code without a name has its module's. Never NULL */
    const char *module;   /* file name without folder: "Orders.dll", "libcoreclr.so"; "" when there is none */
    const char *file;     /* of the source, as its compiler knew it; NULL when not known */
    uint32_t line;        /* 0 when not known */
    uint32_t function_id; /* equal for all frames of the same function; the smallest frame id among them */
} medic_frame;

/* [tool] Owned by the host, valid until render returns. */
typedef struct medic_frames_service {
    uint32_t size;
    uint32_t reserved;
    /* NULL when there is no such frame. Ids are 1..count. */
    const medic_frame *(*frame)(const medic_host *host, uint32_t id);
    uint32_t (*frame_count)(const medic_host *host);
    /* Frame ids, root first, leaf last. 1 = filled, 0 = no such stack (count 0). */
    int (*stack)(const medic_host *host, uint64_t id, const uint32_t **frames, uint32_t *count);
    /* Name of a thread, by Linux tid; NULL when not known. managed: its ThreadID, 0 = unknown to the runtime; may be NULL. */
    const char *(*thread)(const medic_host *host, uint32_t os_id, uint64_t *managed);
} medic_frames_service;

#endif
