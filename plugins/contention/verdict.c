/* The sentence, and the findings under it. */
#include "recording.h"

#include <stdlib.h>

enum { SENTENCE = 640 };

/* Shares of the time of the threads that wait at all. Below the first, waiting is no trouble: nobody would feel the
 * difference if there were no locks. */
static const struct {
    double share;
    uint32_t severity;
} grades[] = {{0.02, MEDIC_NOTICE}, {0.10, MEDIC_WARNING}, {0.35, MEDIC_CRITICAL}};

/* A program that waits now and then is not measured by its few waiting threads: this much time must go into it. */
#define WAITING_AT_LEAST 0.01 /* threads, on average */
/* Of threads that wait for a reader-writer lock at one moment two are no chance. */
#define RWLOCK_CROWD 2u
#define STUCK_NS UINT64_C(5000000000)

static double span_of(const struct recording *recording)
{
    return (double)(recording->end_ns - recording->begin_ns);
}

static double share_of_threads(const struct recording *recording)
{
    double all = span_of(recording) * recording->threads;

    return all > 0 ? (double)recording->waited_ns / all : 0;
}

static uint32_t severity_of(const struct recording *recording)
{
    uint32_t severity = MEDIC_HEALTHY;

    if ((double)recording->waited_ns >= WAITING_AT_LEAST * span_of(recording))
        for (size_t i = 0; i < sizeof grades / sizeof *grades; i++)
            if (share_of_threads(recording) >= grades[i].share)
                severity = grades[i].severity;
    /* One that stands may wait for something else: that is worth a look, and no more. Several at one place hardly do. */
    if (2 * recording->inferred_ns > recording->waited_ns)
        return recording->groups[0].early > 1 ? MEDIC_WARNING : MEDIC_NOTICE;
    if (severity < MEDIC_NOTICE && recording->max_ns >= recording->long_ns)
        severity = MEDIC_NOTICE;
    if (severity < MEDIC_WARNING &&
        (recording->max_ns / 10 >= recording->long_ns || recording->longest_open_ns >= STUCK_NS))
        severity = MEDIC_WARNING;
    return severity;
}

static void add_site(struct medic_text *text, const struct recording *recording, const struct group *group)
{
    struct medic_place place = place_of(recording, group->line);

    if (!group->line)
        return;
    medic_add(text, ", locked in ");
    medic_add_place(text, &place);
    if (group->entry) {
        medic_add(text, " by ");
        medic_add_name(text, place_of(recording, group->entry).name);
    }
}

/* "one Orders.Cache, locked in Orders.Cache.Get (Cache.cs:12)" */
static void add_lock(struct medic_text *text, const struct recording *recording, const struct group *group)
{
    if (group->early == group->begun) {
        medic_add(text, "what was held before the recording began");
        add_site(text, recording, group);
        return;
    }
    if (group->locks > 1) {
        medic_add_number(text, group->locks);
        medic_add(text, " ");
    } else if (!group->name || !medic_begins_with(group->name, "typeof(")) {
        medic_add(text, "one ");
    }
    medic_add_name(text, group->name ? group->name : "object");
    if (group->locks > 1)
        medic_add(text, " objects");
    if (!group->name)
        medic_add(text, " of unknown type");
    add_site(text, recording, group);
}

/* A place that is the holder's for less than the first share of the waiting is not told; where others are known too, for less than
 * the second, it is told with its share. */
#define HOLDER_AT_LEAST 0.25
#define HOLDER_SURELY 0.75

static int is_sure(const struct group *group)
{
    return group->holder_share >= HOLDER_SURELY * group->known_share;
}

/* A photograph shows the method in which the holder was; that the lock was taken there is known only of a method that waits. */
static const char *held_where(const struct group *group)
{
    if (!is_sure(group) && group->holder_share < 0.5 * group->known_share)
        return group->locks > 1 ? "; meanwhile they are held here and there, most in "
                                : "; meanwhile it is held here and there, most in ";
    if (!is_sure(group))
        return group->locks > 1 ? "; meanwhile they are held mostly in " : "; meanwhile it is held mostly in ";
    if (group->photographed && !group->sure)
        return group->locks > 1 ? "; meanwhile their holder is in " : "; meanwhile its holder is in ";
    return group->locks > 1 ? "; meanwhile they are held in " : "; meanwhile it is held in ";
}

static void add_holder_share(struct medic_text *text, const struct group *group)
{
    if (is_sure(group) && group->known_share >= 0.5)
        return;
    medic_add(text, is_sure(group) ? " (seen for " : " (");
    medic_add_share(text, group->holder_share, 1);
    medic_add(text, " of the waiting)");
}

static void add_holder(struct medic_text *text, const struct recording *recording, const struct group *group)
{
    int seen = group->holder != 0 && group->holder_share >= HOLDER_AT_LEAST;
    const char *name;

    if (seen) {
        struct medic_place place = place_of(recording, group->holder);
        medic_add(text, "%s", held_where(group));
        if (function_of(recording, group->holder) == function_of(recording, group->line))
            medic_add(text, "the same method");
        else
            medic_add_place(text, &place);
        add_holder_share(text, group);
        if (group->busy && function_of(recording, group->busy) != function_of(recording, group->holder)) {
            medic_add(text, ", busy in ");
            medic_add_name(text, place_of(recording, group->busy).name);
        }
    }
    if (!holding_thread(group))
        return;
    name = thread_name(recording, group->holder_tid);
    medic_add(text, seen ? (group->photographed && !group->sure ? ", mostly thread " : ", mostly by thread ")
                    : group->locks > 1 ? "; meanwhile they are held mostly by thread "
                                       : "; meanwhile it is held mostly by thread ");
    if (name)
        medic_add(text, "%s (%u)", name, group->holder_tid);
    else
        medic_add(text, "%u", group->holder_tid);
}

static void add_span(struct medic_text *text, const struct recording *recording)
{
    medic_add_time(text, span_of(recording));
    medic_add(text, " × %u thread%s", recording->threads, recording->threads == 1 ? "" : "s");
}

static void judge_calm(struct medic_text *text, const struct recording *recording)
{
    if (!recording->waits_all) {
        medic_add(text, "No thread began to wait for a lock in ");
        medic_add_time(text, span_of(recording));
        if (recording->totals.photographs)
            medic_add(text, ", and none was seen that waited before");
    } else {
        medic_add(text, "Locks are no trouble: ");
        medic_add_number(text, recording->waits_all);
        medic_add(text, recording->waits_all == 1 ? " wait took " : " waits took ");
        medic_add_time(text, (double)recording->waited_ns);
        medic_add(text, " of ");
        add_span(text, recording);
        medic_add(text, ", the longest ");
        medic_add_time(text, (double)recording->max_ns);
    }
    if (recording->rwlock_waiters >= RWLOCK_CROWD) {
        medic_add(text, "; but %u threads waited for reader-writer locks at the begin", recording->rwlock_waiters);
        medic_add(text, recording->handles ? "; see the waits for handles."
                        : recording->capture->header(recording->host)->runtime_major < 9
                            ? " (merged_stacks)."
                            : ": watch these with --set handles=yes.");
        return;
    }
    medic_add(text, recording->handles || recording->capture->header(recording->host)->runtime_major < 9
                        ? "; if work stands still, look at what else threads wait for (merged_stacks)."
                        : "; semaphores and reader-writer locks were not watched (--set handles=yes, merged_stacks).");
}

static void judge_waiting(struct medic_text *text, const struct recording *recording)
{
    const struct group *first = &recording->groups[0];

    medic_add(text, "Threads waited ");
    medic_add_time(text, (double)recording->waited_ns);
    medic_add(text, " of ");
    add_span(text, recording);
    medic_add(text, " (");
    medic_add_share(text, share_of_threads(recording), 1);
    medic_add(text, 2 * recording->inferred_ns > recording->waited_ns ? ") for locks, as it seems" : ") for locks");
    if (first->waited_ns < recording->waited_ns) {
        medic_add(text, ", ");
        medic_add_share(text, (double)first->waited_ns, (double)recording->waited_ns);
        medic_add(text, " of it for ");
    } else {
        medic_add(text, ": ");
    }
    add_lock(text, recording, first);
    add_holder(text, recording, first);
    medic_add(text, ".");
}

static void judge_circle(struct medic_text *text, const struct recording *recording, const uint32_t *tids,
                         uint32_t count)
{
    medic_add(text, "Deadlock: each of %u threads waits for a lock that the next one holds: ", count);
    for (uint32_t i = 0; i < count && i < 4; i++) {
        const char *name = thread_name(recording, tids[i]);
        medic_add(text, i ? ", " : "");
        if (name)
            medic_add(text, "%s (%u)", name, tids[i]);
        else
            medic_add(text, "%u", tids[i]);
    }
    medic_add(text, count > 4 ? ", ...; none of them can go on." : "; none of them can go on.");
}

/* --- findings --- */

/* As the table of locks has it. */
static void tell(const struct recording *recording, const char *sentence, const struct group *group)
{
    const char *site = place_of(recording, group->line).name;
    char key[512];

    snprintf(key, sizeof key, "%s|%s", lock_name(group), site ? site : "");
    recording->document->finding(recording->host, sentence, "locks", key);
}

static void find_other(const struct recording *recording, const struct group *group)
{
    char sentence[SENTENCE];
    struct medic_text text = {sentence, sizeof sentence};

    medic_add(&text, "Another ");
    medic_add_share(&text, (double)group->waited_ns, (double)recording->waited_ns);
    medic_add(&text, " went into waiting for ");
    add_lock(&text, recording, group);
    add_holder(&text, recording, group);
    medic_add(&text, ".");
    tell(recording, sentence, group);
}

static void find_long(const struct recording *recording, const struct group *group)
{
    char sentence[SENTENCE];
    struct medic_text text = {sentence, sizeof sentence};

    medic_add(&text, "One wait in a hundred for it takes ");
    medic_add_time(&text, (double)quantile(group->bins, group->max_ns, 0.99));
    medic_add(&text, " or longer, the longest took ");
    medic_add_time(&text, (double)group->max_ns);
    medic_add(&text, ".");
    tell(recording, sentence, group);
}

/* What would be the verdict. */
static void find_waiting(const struct recording *recording)
{
    char sentence[SENTENCE];
    struct medic_text text = {sentence, sizeof sentence};

    judge_waiting(&text, recording);
    tell(recording, sentence, &recording->groups[0]);
}

static void find_open(const struct recording *recording)
{
    char sentence[SENTENCE];
    struct medic_text text = {sentence, sizeof sentence};

    if (!recording->open_all)
        return;
    medic_add_number(&text, recording->open_all);
    medic_add(&text, recording->open_all == 1 ? " thread was" : " threads were");
    medic_add(&text, " still waiting when the recording ended, the longest for ");
    medic_add_time(&text, (double)recording->longest_open_ns);
    medic_add(&text, recording->longest_open_ns >= STUCK_NS
                         ? ": it may never get the lock; merged_stacks shows what its holder does."
                         : ".");
    recording->document->finding(recording->host, sentence, "waiting", NULL);
}

static void find_timed(const struct recording *recording, const struct group *group)
{
    char sentence[SENTENCE];
    struct medic_text text = {sentence, sizeof sentence};

    medic_add(&text, "The waits in ");
    medic_add_name(&text, place_of(recording, group->line).name);
    medic_add(
        &text,
        " have a timeout (TryEnter): those that gave up are counted as well, the runtime does not tell them apart.");
    tell(recording, sentence, group);
}

static void find_early(const struct recording *recording)
{
    char sentence[SENTENCE];
    struct medic_text text = {sentence, sizeof sentence};
    int one = recording->early_all == 1;

    medic_add_number(&text, recording->early_all);
    medic_add(&text, one ? " thread stood" : " threads stood");
    medic_add(&text, " there before the recording began, so which lock it is and who holds it is not known: "
                     "merged_stacks shows where all threads are.");
    if (recording->inferred_ns)
        medic_add(
            &text,
            " Without a frame of the lock in this runtime it may be a call of native code or Monitor.Wait as well.");
    recording->document->finding(recording->host, sentence, "sites", NULL);
}

static void write_findings(const struct recording *recording, uint32_t severity, int is_deadlock)
{
    const struct group *first = &recording->groups[0];
    uint32_t told = 0;

    if (is_deadlock)
        find_waiting(recording);
    else if (recording->longest_open_ns >= STUCK_NS)
        find_open(recording);
    if (recording->early_all)
        find_early(recording);
    if (severity == MEDIC_HEALTHY)
        return;
    if (first->begun >= 100)
        find_long(recording, first);
    if (first->timed)
        find_timed(recording, first);
    for (size_t i = 1; i < recording->group_count && told < 3; i++)
        if ((double)recording->groups[i].waited_ns >= 0.1 * (double)recording->waited_ns) {
            find_other(recording, &recording->groups[i]);
            told++;
        }
}

void write_verdict(const struct recording *recording)
{
    char sentence[SENTENCE];
    struct medic_text text = {sentence, sizeof sentence};
    uint32_t tids[DEADLOCK_MOST], circle = find_deadlock(recording, tids);
    uint32_t severity = recording->waits_all ? severity_of(recording) : (uint32_t)MEDIC_HEALTHY;

    if (!recording->waits_all && recording->has_totals && recording->totals.events_state != MEDIC_EVENTS_ON &&
        recording->totals.events_state != MEDIC_EVENTS_OFF) {
        severity = MEDIC_NOTICE;
        medic_add(&text,
                  "The runtime's events did not come up, so nothing is known about locks: record again, for longer.");
    } else if (circle) {
        severity = MEDIC_CRITICAL;
        judge_circle(&text, recording, tids, circle);
    } else if (severity == MEDIC_HEALTHY) {
        judge_calm(&text, recording);
    } else {
        judge_waiting(&text, recording);
    }
    if (severity < MEDIC_NOTICE && recording->rwlock_waiters >= RWLOCK_CROWD)
        severity = MEDIC_NOTICE;
    recording->document->verdict(recording->host, severity, sentence);
    if (recording->waits_all)
        write_findings(recording, severity, circle != 0);
}
