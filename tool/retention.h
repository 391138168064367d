/* How long sessions are kept: dropped are those that are too old, then the oldest of those that are too much together.
 * MEDIC_KEEP_AGE (a duration, 30d) and MEDIC_KEEP_SIZE (bytes, 2G) say how much that is; 0 or off keeps everything.
 * Single-threaded. */
#ifndef TOOL_RETENTION_H
#define TOOL_RETENTION_H

#include "tool/store.h"

#include <time.h>

#define RETENTION_AGE_S (INT64_C(30) * 24 * 3600)
#define RETENTION_BYTES (UINT64_C(2) << 30)

/* 0 = no limit. */
struct retention_limits {
    int64_t age_s;
    uint64_t bytes;
};

/* One session as the choice sees it. */
struct retention_item {
    char id[37];
    int64_t age_s; /* negative: it comes from the future, or its start is not known */
    uint64_t bytes;
    bool keep; /* it runs, somebody uses it, or it has just been made: counts, and stays whatever its age */
    bool drop; /* out: the choice */
};

/* Sets drop in each item. Pure: age first, then the oldest ones until the rest fits; the order of items does not matter. */
void retention_choose(struct retention_item *items, size_t count, const struct retention_limits *limits);

/* The limits that the environment asks for. A value that cannot be read keeps everything: MEDIC_E_ARGUMENT, a sentence. */
int retention_limits_read(struct retention_limits *limits, medic_reason *why);

struct retention_done {
    unsigned sessions;
    uint64_t bytes;
};

/* Drops sessions of the store, damaged ones too. made: the id of the session that has just been made, or NULL. Sessions
 * outside of the store are never touched, nor are those that hold files that Medic did not make, nor a damaged one in a
 * folder that somebody named. */
int retention_apply(struct store *store, const struct retention_limits *limits, const char *made, time_t now,
                    struct retention_done *done, medic_reason *why);

#endif
