/* The files through which a session and its client talk, in the session folder.
 *
 *   status       written by the core: struct medic_status
 *   request      written by the client: struct medic_request
 *   lease        an empty file on which the client holds an open-file-description write lock (fcntl F_OFD_SETLK)
 *   capture.mdc  medic/capture_format.h
 *
 * status and request are rewritten in place by one pwrite at offset 0; a reader that meets a bad checksum reads again.
 * They are never mapped: a file that shrinks under a map is a SIGBUS. */
#ifndef MEDIC_SESSION_H
#define MEDIC_SESSION_H

#include <medic/capture_format.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEDIC_STATUS_FILE "status"
#define MEDIC_REQUEST_FILE "request"
#define MEDIC_LEASE_FILE "lease"
#define MEDIC_CAPTURE_FILE "capture.mdc"
#define MEDIC_STATUS_MAGIC 0x5453444du  /* "MDST" */
#define MEDIC_REQUEST_MAGIC 0x5152444du /* "MDRQ" */

enum medic_session_state {
    MEDIC_SESSION_NONE = 0,
    MEDIC_SESSION_STARTING = 1,  /* accepted by the runtime, the plugin is being created */
    MEDIC_SESSION_RUNNING = 2,   /* recording */
    MEDIC_SESSION_STOPPING = 3,  /* mask cleared, callbacks leaving, ring being drained */
    MEDIC_SESSION_CAPTURED = 4,  /* the capture is complete and may be read */
    MEDIC_SESSION_DETACHING = 5, /* the runtime was asked to let go */
    MEDIC_SESSION_ENDED = 6,     /* detached: the next attach will be accepted */
    MEDIC_SESSION_DORMANT = 7,   /* cannot detach; waits for the next session on its own socket */
    MEDIC_SESSION_FAILED = 8,    /* never ran: text says why */
    MEDIC_SESSION_INERT = 9      /* gave up waiting for a callback: leaked on purpose, does nothing any more */
};

typedef struct medic_status {
    uint32_t magic;
    uint32_t size;            /* sizeof(medic_status) */
    uint64_t sequence;        /* grows with every rewrite */
    uint32_t state;           /* enum medic_session_state */
    uint32_t end_reason;      /* enum medic_end_reason */
    int32_t result;           /* enum medic_result of a failure */
    uint32_t pid;             /* of the target, as it sees itself */
    uint64_t started_ns;      /* CLOCK_MONOTONIC when recording began, 0 before */
    uint64_t now_ns;          /* when this was written */
    uint64_t duration_ns;     /* 0 = until stopped */
    uint64_t first_record_ns; /* CLOCK_MONOTONIC of the first record of the plugin that was drained, 0 before */
    uint64_t begin_ns;        /* how long the runtime's thread was held to begin the session */
    uint64_t records;         /* of the plugin, written */
    uint64_t lost;
    int32_t progress; /* thousandths, or -1 when the plugin does not tell */
    uint32_t reserved;
    medic_cost_record cost;
    char text[256]; /* a sentence: why it failed, why it ended, what it does now */
    uint32_t reserved2;
    uint32_t crc; /* CRC-32 of everything before */
} medic_status;

enum medic_request_command { MEDIC_REQUEST_NONE = 0, MEDIC_REQUEST_STOP = 1 };

typedef struct medic_request {
    uint32_t magic;
    uint32_t size;
    uint64_t sequence;
    uint32_t command;
    uint32_t crc; /* CRC-32 of everything before */
} medic_request;

#ifdef __cplusplus
}
#endif
#endif
