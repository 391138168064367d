/* Sealing and checking the small files of medic/session.h. */
#ifndef COMMON_SESSION_FILE_H
#define COMMON_SESSION_FILE_H

#include <medic/result.h>
#include <medic/session.h>

/* Fill in magic, size and checksum. */
void status_seal(medic_status *status);
void request_seal(medic_request *request);

/* One pread at 0 and a check; a torn or foreign content is MEDIC_E_CORRUPT (read again), an empty file MEDIC_E_NOT_FOUND,
 * a failed read MEDIC_E_IO with errno kept. The struct is filled only on success; its text ends with a NUL. */
int status_read(int fd, medic_status *status);
int request_read(int fd, medic_request *request);

/* Seal and pwrite at 0. MEDIC_E_IO with errno kept. */
int status_write(int fd, medic_status *status);
int request_write(int fd, medic_request *request);

/* "running", "ended"; "duration", "stop request": stable words for people and JSON; "unknown" for other numbers. */
const char *session_state_text(uint32_t state);
const char *end_reason_text(uint32_t reason);

#endif
