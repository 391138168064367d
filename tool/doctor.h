/* What an attach needs, looked at one by one without touching anybody: this machine and installation, then one process.
 * Each check is a line: fine, a warning, a problem with its cure, or "cannot be told from here". Single-threaded. */
#ifndef TOOL_DOCTOR_H
#define TOOL_DOCTOR_H

#include "tool/store.h"
#include "tool/target.h"

enum doctor_level { DOCTOR_OK, DOCTOR_UNKNOWN, DOCTOR_WARNING, DOCTOR_PROBLEM };
enum { DOCTOR_CHECKS_MAX = 96, DOCTOR_TEXT = 400 };

struct doctor_check {
    const char *id; /* a stable word: "socket" */
    enum doctor_level level;
    int code;               /* of a problem, enum medic_result */
    char text[DOCTOR_TEXT]; /* what is; printable */
    char cure[DOCTOR_TEXT]; /* "" when there is nothing to do, or text says it */
};

struct doctor {
    struct doctor_check checks[DOCTOR_CHECKS_MAX];
    size_t count;
};

/* Whom doctor_process has looked at. */
struct doctor_patient {
    int64_t pid; /* 0: seen by its socket only */
    char name[256];
    bool dotnet;
};

void doctor_machine(struct doctor *doctor, struct store *store);
/* what: as for target_find. MEDIC_E_NOT_FOUND, _AMBIGUOUS, _ARGUMENT with a sentence when it names no process; a process that
 * cannot be attached to is MEDIC_OK, with problems. */
int doctor_process(struct doctor *doctor, const char *what, struct doctor_patient *patient, medic_reason *why);
/* The code of the gravest problem: MEDIC_OK when there is none. */
int doctor_code(const struct doctor *doctor);
size_t doctor_count(const struct doctor *doctor, enum doctor_level level);

/* ---- for the parts ---- */

/* Adds a check; cure may be NULL. */
void doctor_add(struct doctor *doctor, const char *id, enum doctor_level level, const char *cure, const char *format,
                ...) MEDIC_PRINTF(5, 6);
/* The same for a problem, with its code. */
void doctor_problem(struct doctor *doctor, const char *id, int code, const char *cure, const char *format, ...)
    MEDIC_PRINTF(5, 6);
/* "1.2 GB" */
const char *doctor_bytes(uint64_t bytes, char out[32]);
/* The text behind "\nKey:" of a /proc file, without blanks in front, or NULL. */
const char *doctor_field(const char *text, const char *key);

/* Memory, limits and what else may run out (doctor_limits.c). process: an opened /proc/PID. */
void doctor_limits(struct doctor *doctor, int process, uid_t uid);

#endif
