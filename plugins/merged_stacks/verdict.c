/* One sentence: what do most threads wait for, and is that a trouble. Pure. */
#include "verdict.h"

#include <string.h>

/* The rules; README.md tells them. */
#define CROWD_NOTICE 2u
#define CROWD_WARNING 5u
#define CROWD_CRITICAL 20u
#define SHARE_WARNING 0.25 /* of the program's threads: those that are neither idle nor the runtime's */
#define SHARE_CRITICAL 0.5
#define CALM_CROWD 10u /* a crowd at a wait that is no trouble by itself: consumers of a queue */
#define CALM_SHARE 0.5
#define POOL_SMALL 4u /* workers; a pool of fewer says nothing */
#define POOL_STARVED 0.75
#define FINDING_CROWD 3u
#define FINDING_SHARE 0.1

static const struct {
    const char *name;
    const char *clause; /* behind "212 of 230 threads wait in X" */
    int blocks;         /* a thread of the program that does not run */
    int trouble;        /* more of them are worse: one of them has to end before the next goes on */
} kinds[WAIT_COUNT] = {
    [WAIT_NONE] = {"runs", "", 0, 0},
    [WAIT_UNKNOWN] = {"not known", "for what is not known", 1, 1},
    [WAIT_LOCK] = {"lock", "for a lock", 1, 1},
    [WAIT_RWLOCK] = {"reader-writer lock", "for a reader-writer lock", 1, 1},
    [WAIT_SEMAPHORE] = {"semaphore", "for a semaphore", 1, 1},
    [WAIT_TASK] = {"task (Wait, Result)", "for a task", 1, 1},
    [WAIT_PULSE] = {"Monitor.Wait", "in Monitor.Wait", 1, 0},
    [WAIT_EVENT] = {"event", "for an event", 1, 0},
    [WAIT_QUEUE] = {"queue", "for a queue to fill", 1, 0},
    [WAIT_JOIN] = {"thread or process to end", "for a thread or process to end", 1, 0},
    [WAIT_SLEEP] = {"sleeps", "asleep", 1, 0},
    [WAIT_SOCKET] = {"network", "for the network", 1, 0},
    [WAIT_PIPE] = {"pipe", "for a pipe", 1, 0},
    [WAIT_FILE] = {"file", "for a file", 1, 0},
    [WAIT_CONSOLE] = {"console", "for the console", 1, 0},
    [WAIT_NATIVE] = {"native call", "in a native call", 1, 0},
    [WAIT_SERVICE] = {"serves the runtime", "", 0, 0},
    [WAIT_IDLE] = {"idle pool worker", "", 0, 0},
};

const char *wait_name(enum wait wait)
{
    return kinds[wait].name;
}

int wait_blocks(enum wait wait)
{
    return kinds[wait].blocks;
}

static uint32_t own_threads(const struct facts *facts)
{
    return facts->threads - facts->states[WAIT_IDLE] - facts->states[WAIT_SERVICE];
}

static double share_of(const struct facts *facts, const struct crowd *crowd)
{
    uint32_t own = own_threads(facts);

    return own ? (double)crowd->count / (double)own : 0;
}

/* --- what is wrong --- */

static int starves(const struct facts *facts)
{
    return facts->pool >= POOL_SMALL && !facts->pool_idle &&
           (double)facts->pool_blocked >= POOL_STARVED * (double)facts->pool;
}

static int waits_for_lock(enum wait wait)
{
    return wait == WAIT_LOCK || wait == WAIT_RWLOCK;
}

/* Several wait for locks, and nobody runs who could let go of one. */
static int deadlock_suspected(const struct facts *facts)
{
    uint32_t waiting = facts->states[WAIT_LOCK] + facts->states[WAIT_RWLOCK];
    uint32_t stuck = waiting + facts->states[WAIT_TASK] + facts->states[WAIT_JOIN] + facts->states[WAIT_CONSOLE];

    return waiting >= 2 && stuck == own_threads(facts);
}

/* One that waits for a task is how Main waits for the host to end. */
static uint32_t severity_of_crowd(const struct facts *facts, const struct crowd *crowd)
{
    double share = share_of(facts, crowd);
    uint32_t count = crowd->wait == WAIT_TASK && crowd->count == 1 ? 0 : crowd->count;

    if (!kinds[crowd->wait].trouble)
        return count >= CALM_CROWD && share >= CALM_SHARE && crowd->user ? MEDIC_NOTICE : MEDIC_HEALTHY;
    if (count >= CROWD_CRITICAL && share >= SHARE_CRITICAL)
        return MEDIC_CRITICAL;
    if (count >= CROWD_WARNING && share >= SHARE_WARNING)
        return MEDIC_WARNING;
    if (crowd->wait == WAIT_UNKNOWN) /* two that stand in native code are no news */
        return count >= CROWD_WARNING ? MEDIC_NOTICE : MEDIC_HEALTHY;
    return count >= CROWD_NOTICE ? MEDIC_NOTICE : MEDIC_HEALTHY;
}

/* The gravest crowd, of equals the largest; NULL when all are healthy. */
static const struct crowd *worst_crowd(const struct facts *facts, uint32_t *severity)
{
    const struct crowd *worst = NULL;

    *severity = MEDIC_HEALTHY;
    for (uint32_t i = 0; i < facts->crowd_count; i++) {
        uint32_t grade = severity_of_crowd(facts, &facts->crowds[i]);
        if (grade > *severity) {
            *severity = grade;
            worst = &facts->crowds[i];
        }
    }
    return worst;
}

/* --- sentences --- */

static void add_cure(struct medic_text *text, const struct crowd *crowd)
{
    if (crowd->wait == WAIT_TASK)
        medic_add(text, " (sync over async): await it instead");
    else if (waits_for_lock(crowd->wait))
        medic_add(text, ": find who holds it, and hold it for shorter");
    else if (crowd->wait == WAIT_SEMAPHORE)
        medic_add(text, ": find who does not release it, or let more in");
}

static void add_crowd(struct medic_text *text, const struct facts *facts, const struct crowd *crowd)
{
    medic_add(text, "%u of %u threads wait in ", crowd->count, facts->threads);
    medic_add_place(text, &crowd->place);
    medic_add(text, ", %s", kinds[crowd->wait].clause);
    if (!crowd->user)
        medic_add(text, ", under no code of the program");
}

static void say_deadlock(struct medic_text *text, const struct facts *facts, const struct crowd *crowd)
{
    uint32_t waiting = facts->states[WAIT_LOCK] + facts->states[WAIT_RWLOCK];

    medic_add(text, "Deadlock suspected: %u threads wait for locks", waiting);
    if (crowd) {
        medic_add(text, ", %s in ",
                  crowd->count == waiting      ? "all"
                  : crowd->count * 2 > waiting ? "most"
                                               : "among others");
        medic_add_place(text, &crowd->place);
    }
    medic_add(text, ", and no thread of the program runs; look again: if nothing has moved, it is one.");
}

static void say_starvation(struct medic_text *text, const struct facts *facts, const struct crowd *crowd)
{
    medic_add(text, "The thread pool starves: %u of its %u workers block", facts->pool_blocked, facts->pool);
    if (crowd) {
        if (crowd->pool == facts->pool_blocked)
            medic_add(text, ", all in ");
        else
            medic_add(text, ", %u in ", crowd->pool);
        medic_add_place(text, &crowd->place);
        medic_add(text, ", %s", kinds[crowd->wait].clause);
        add_cure(text, crowd);
    }
    medic_add(text, ".");
}

static void add_count(struct medic_text *text, const char **between, uint32_t count, const char *one, const char *many)
{
    if (!count)
        return;
    medic_add(text, "%s%u %s", *between, count, count == 1 ? one : many);
    *between = ", ";
}

static void say_healthy(struct medic_text *text, const struct facts *facts)
{
    uint32_t blocked = 0;
    const char *between = ": ";

    for (enum wait wait = 0; wait < WAIT_COUNT; wait++)
        if (wait_blocks(wait))
            blocked += facts->states[wait];
    medic_add(text, "Healthy: nothing stands out among %u thread%s", facts->threads, facts->threads == 1 ? "" : "s");
    add_count(text, &between, facts->states[WAIT_NONE], "runs", "run");
    add_count(text, &between, blocked, "waits", "wait");
    add_count(text, &between, facts->states[WAIT_IDLE], "is an idle pool worker", "are idle pool workers");
    add_count(text, &between, facts->states[WAIT_SERVICE], "serves the runtime", "serve the runtime");
    medic_add(text, ".");
}

/* --- findings --- */

static struct finding *open_finding(struct verdict *verdict, const char *section, struct medic_text *text)
{
    struct finding *finding;

    if (verdict->finding_count == VERDICT_FINDINGS)
        return NULL;
    finding = &verdict->findings[verdict->finding_count++];
    finding->section = section;
    *text = (struct medic_text){finding->text, sizeof finding->text};
    return finding;
}

static void find_holder(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text;

    if (!facts->holder || !open_finding(verdict, "threads", &text))
        return;
    if (*facts->holder)
        medic_add(&text, "Thread \"%s\" (%u)", facts->holder, facts->holder_tid);
    else
        medic_add(&text, "Thread %u", facts->holder_tid);
    medic_add(&text, " is inside of the same method without waiting for the lock, so it may hold it: it %s",
              facts->holder_wait == WAIT_NONE    ? "runs"
              : facts->holder_wait == WAIT_SLEEP ? "sleeps"
                                                 : "waits ");
    if (facts->holder_wait != WAIT_NONE && facts->holder_wait != WAIT_SLEEP)
        medic_add(&text, "%s", kinds[facts->holder_wait].clause);
    medic_add(&text, ".");
}

static void find_others(struct verdict *verdict, const struct facts *facts, const struct crowd *lead)
{
    struct medic_text text;

    for (uint32_t i = 0; i < facts->crowd_count; i++) {
        const struct crowd *crowd = &facts->crowds[i];
        int telling = kinds[crowd->wait].trouble ? crowd->count >= FINDING_CROWD : crowd->count >= CALM_CROWD;
        struct finding *finding;
        if (crowd == lead || !telling || share_of(facts, crowd) < FINDING_SHARE)
            continue;
        finding = open_finding(verdict, "waits", &text);
        if (!finding)
            return;
        add_crowd(&text, facts, crowd);
        medic_add(&text, ".");
        text = (struct medic_text){finding->key, sizeof finding->key};
        medic_add(&text, "%s|%s", kinds[crowd->wait].name, crowd->place.name ? crowd->place.name : "");
    }
}

static void find_starvation(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text;

    if (open_finding(verdict, "threads", &text))
        medic_add(&text, "The thread pool starves: %u of its %u workers block, none is idle; work queues up.",
                  facts->pool_blocked, facts->pool);
}

/* --- the verdict --- */

static const struct crowd *largest_in_pool(const struct facts *facts)
{
    const struct crowd *largest = NULL;

    for (uint32_t i = 0; i < facts->crowd_count; i++)
        if (facts->crowds[i].pool && (!largest || facts->crowds[i].pool > largest->pool))
            largest = &facts->crowds[i];
    return largest;
}

static const struct crowd *largest_at_lock(const struct facts *facts)
{
    for (uint32_t i = 0; i < facts->crowd_count; i++)
        if (waits_for_lock(facts->crowds[i].wait))
            return &facts->crowds[i];
    return NULL;
}

static uint32_t at_least(uint32_t severity, uint32_t floor)
{
    return severity > floor ? severity : floor;
}

static void say(struct verdict *verdict, const struct facts *facts)
{
    struct medic_text text = {verdict->sentence, sizeof verdict->sentence};
    const struct crowd *lead = worst_crowd(facts, &verdict->severity);
    int deadlock = deadlock_suspected(facts), starved = starves(facts);

    if (deadlock) {
        lead = largest_at_lock(facts);
        verdict->severity = at_least(verdict->severity, facts->inferred ? MEDIC_NOTICE : MEDIC_WARNING);
        say_deadlock(&text, facts, lead);
    } else if (starved && (!lead || lead->wait == WAIT_TASK || !kinds[lead->wait].trouble)) {
        lead = largest_in_pool(facts);
        verdict->severity = at_least(verdict->severity, MEDIC_WARNING);
        say_starvation(&text, facts, lead);
        starved = 0;
    } else if (lead) {
        add_crowd(&text, facts, lead);
        add_cure(&text, lead);
        medic_add(&text, ".");
        if (starved)
            verdict->severity = at_least(verdict->severity, MEDIC_WARNING);
    } else {
        say_healthy(&text, facts);
        return;
    }
    if (lead && waits_for_lock(lead->wait))
        find_holder(verdict, facts);
    if (starved)
        find_starvation(verdict, facts);
    find_others(verdict, facts, lead);
}

void verdict_of(const struct facts *facts, struct verdict *verdict)
{
    struct medic_text text = {verdict->sentence, sizeof verdict->sentence};

    memset(verdict, 0, sizeof *verdict);
    if (facts->threads) {
        say(verdict, facts);
        return;
    }
    verdict->severity = MEDIC_NOTICE;
    medic_add(&text, "No managed thread was seen: %s.",
              facts->complete ? "the program has none, or it was ending" : "the recording was cut off; try again");
}
