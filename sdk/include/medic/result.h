/* Results: one list of codes, and the sentence that goes with a failure.
 *
 * Every function of Medic that can fail returns MEDIC_OK or a negative code and, where a caller could act on it, fills
 * a medic_reason with one sentence: what failed, why, and what to do about it. */
#ifndef MEDIC_RESULT_H
#define MEDIC_RESULT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The codes never change their number; new ones are appended. */
enum medic_result {
    MEDIC_OK = 0,
    MEDIC_E_FAIL = -1,        /* anything without a better code */
    MEDIC_E_ARGUMENT = -2,    /* a value is of the wrong type, out of range, or unknown */
    MEDIC_E_NOT_FOUND = -3,   /* no such process, plugin, key, name, file */
    MEDIC_E_AMBIGUOUS = -4,   /* more than one candidate */
    MEDIC_E_ABI = -5,         /* the two sides were built for different, incompatible contracts */
    MEDIC_E_UNSUPPORTED = -6, /* the runtime, kernel or service cannot do it */
    MEDIC_E_DENIED = -7,      /* a right is missing */
    MEDIC_E_BUSY = -8,        /* another profiler or session holds the target */
    MEDIC_E_TIMEOUT = -9,     /* a deadline passed */
    MEDIC_E_GONE = -10,       /* the target or the other side ended */
    MEDIC_E_IO = -11,         /* reading or writing failed, disk full included */
    MEDIC_E_CORRUPT = -12,    /* data does not follow its format */
    MEDIC_E_MEMORY = -13,     /* out of memory */
    MEDIC_E_FULL = -14,       /* a bounded store has no room now; the loss is counted */
    MEDIC_E_UNSAFE = -15,     /* refused, because it could harm the target or its owner */
    MEDIC_E_STOPPED = -16     /* ended by request */
};

#define MEDIC_REASON_MAX 512

/* A sentence, NUL-terminated, UTF-8. Owned by the caller; a callee only writes into it. */
typedef struct medic_reason {
    char text[MEDIC_REASON_MAX];
} medic_reason;

#if defined(__GNUC__)
#define MEDIC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define MEDIC_PRINTF(fmt, args)
#endif

/* Writes the sentence (why may be NULL) and returns the code, so that `return medic_fail(...)` is one line. Any thread. */
static inline int medic_fail(medic_reason *why, int code, const char *format, ...) MEDIC_PRINTF(3, 4);

static inline int medic_fail(medic_reason *why, int code, const char *format, ...)
{
    if (why) {
        va_list args;
        va_start(args, format);
        vsnprintf(why->text, sizeof why->text, format, args);
        va_end(args);
    }
    return code;
}

#ifdef __cplusplus
}
#endif
#endif
