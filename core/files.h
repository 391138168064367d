/* The session folder as the core sees it: opened once, everything else relative to it. Files are written by write and
 * pwrite only: a map of a file that shrinks, or of a full disk, is a SIGBUS in the target. */
#ifndef CORE_FILES_H
#define CORE_FILES_H

#include "core/config.h"

#include <medic/session.h>

enum { FILES_BUFFER_SIZE = 1 << 16 }; /* bytes of the capture that wait for a write */

struct files {
    int folder; /* each -1 when not open */
    int capture;
    int status;
    int request;
    int lease;
    char path[CONFIG_PATH_MAX]; /* of the folder */
    uint64_t sequence;          /* of the status */
    uint64_t lease_checked_ns;  /* when the lock was last looked for */
    uint64_t lease_seen_ns;     /* when it was last seen held */
    uint64_t written;           /* bytes of the capture, buffered ones included */
    uint8_t *buffer;            /* of the capture, not yet written */
    size_t buffered;
    int write_error; /* errno of the first write that failed; nothing is written after it */
};

/* All as closed. */
void files_init(struct files *files);
/* Opens the folder at path, or makes a fresh one under the temporary folder when path is "". The status file is created:
 * MEDIC_E_BUSY when another session has it already. */
int files_open(struct files *files, const char *path, medic_reason *why);
/* The same in a fresh folder <pid>-<random> inside the one at path, which shares the lease of that one: it is the same file.
 * MEDIC_E_IO when it is gone, which means that nobody waits for this process. */
int files_open_child(struct files *files, const char *path, medic_reason *why);
/* Creates the capture and its buffer, and opens the lease when there is one. */
int files_begin(struct files *files, int has_lease, medic_reason *why);
void files_close(struct files *files);

/* Appends to the capture, through the buffer. MEDIC_OK, or MEDIC_E_IO once a write has failed. [worker] */
int files_write_header(struct files *files, const medic_capture_header *header, const char *text, size_t text_size);
int files_write_record(struct files *files, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                       uint32_t tail_size);
/* The same with a tail that is in a file, which is read twice and never whole. When it is shorter than size, or changes
 * meanwhile, the record is damaged, which its reader sees and skips. */
int files_write_record_of_file(struct files *files, uint32_t type, const void *head, uint32_t head_size, int fd,
                               uint64_t offset, uint32_t size);
int files_flush(struct files *files);
/* MEDIC_E_IO and the sentence, after a write that failed. */
int files_explain(const struct files *files, medic_reason *why);

/* A copy of the process appends to the capture by itself, through the same open file: what waits is written before, and *mark
 * is where the copy begins. Nothing else may be written until files_take_back. [worker] */
int files_lend(struct files *files, uint64_t *mark);
/* Keeps size bytes behind mark of what the copy has written, 0 = nothing, and goes on there. [worker] */
int files_take_back(struct files *files, uint64_t mark, uint64_t size);
/* Bytes that the disk of the capture has left for this user, UINT64_MAX when it does not tell. */
uint64_t files_room(const struct files *files);

/* Whether the client asks to stop. */
int files_stop_requested(struct files *files);
/* Whether the lease has been free for longer than grace_ns; looks twice a second. */
int files_lease_lost(struct files *files, uint64_t grace_ns, uint64_t now_ns);
/* MEDIC_OK, or MEDIC_E_IO and errno. [worker], or the runtime's thread while it begins or has detached. */
int files_write_status(struct files *files, medic_status *status);

#endif
