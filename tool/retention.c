#include "tool/retention.h"
#include "common/value.h"
#include "tool/attach.h"
#include "tool/session_summary.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

/* ---- choosing ---- */

/* The oldest one that may go and has not gone; ties by id, so that every run chooses the same. */
static struct retention_item *oldest(struct retention_item *items, size_t count)
{
    struct retention_item *found = NULL;
    for (size_t i = 0; i < count; i++) {
        struct retention_item *item = &items[i];
        if (!item->keep && !item->drop &&
            (!found || item->age_s > found->age_s || (item->age_s == found->age_s && strcmp(item->id, found->id) < 0)))
            found = item;
    }
    return found;
}

void retention_choose(struct retention_item *items, size_t count, const struct retention_limits *limits)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        items[i].drop = !items[i].keep && limits->age_s > 0 && items[i].age_s > limits->age_s;
        total += items[i].drop ? 0 : items[i].bytes;
    }
    while (limits->bytes && total > limits->bytes) {
        struct retention_item *item = oldest(items, count);
        if (!item)
            return;
        item->drop = true;
        total -= item->bytes;
    }
}

/* ---- the limits ---- */

static bool is_off(const char *text)
{
    return !strcmp(text, "off") || !strcmp(text, "0");
}

int retention_limits_read(struct retention_limits *limits, medic_reason *why)
{
    const char *age = getenv("MEDIC_KEEP_AGE"), *bytes = getenv("MEDIC_KEEP_SIZE");
    uint64_t ns = 0, size = 0;
    medic_reason detail = {""};
    *limits = (struct retention_limits){RETENTION_AGE_S, RETENTION_BYTES};
    int code = age && *age && !is_off(age) ? duration_parse(age, &ns, &detail) : MEDIC_OK;
    if (code != MEDIC_OK) {
        *limits = (struct retention_limits){0};
        return medic_fail(why, code, "no session is dropped: MEDIC_KEEP_AGE=%.60s cannot be read: %.300s", age,
                          detail.text);
    }
    code = bytes && *bytes && !is_off(bytes) ? size_parse(bytes, &size, &detail) : MEDIC_OK;
    if (code != MEDIC_OK) {
        *limits = (struct retention_limits){0};
        return medic_fail(why, code, "no session is dropped: MEDIC_KEEP_SIZE=%.60s cannot be read: %.300s", bytes,
                          detail.text);
    }
    if (age && *age)
        limits->age_s = (int64_t)((ns + SECOND_NS - 1) / SECOND_NS);
    if (bytes && *bytes)
        limits->bytes = size;
    return MEDIC_OK;
}

/* ---- applying ---- */

struct gathering {
    struct retention_item *items;
    size_t count;
    const char *made;
    time_t now;
};

static int gather(void *context, struct store_session *session)
{
    struct gathering *all = context;
    time_t started;
    struct retention_item *items = reallocarray(all->items, all->count + 1, sizeof *items);
    if (!items)
        return MEDIC_E_MEMORY;
    all->items = items;
    struct retention_item *item = &items[all->count++];
    *item = (struct retention_item){.bytes = session->store->operations->size(session), .age_s = -1};
    memcpy(item->id, session->info.id, sizeof item->id);
    if (session_started(session->info.started, &started))
        item->age_s = (int64_t)(all->now - started);
    item->keep = !session->owned || (!session->described && !store_is_id(item->id)) ||
                 (all->made && !strcmp(item->id, all->made));
    return MEDIC_OK;
}

/* It may have been taken up by somebody since it was chosen: then it stays. */
static void drop(struct store *store, const struct retention_item *item, struct retention_done *done)
{
    struct store_session session;
    if (store->operations->open_damaged(store, item->id, &session, NULL) != MEDIC_OK)
        return;
    if (session.owned)
        attach_recover(&session, NULL); /* also lets go of what it left in its target */
    if (store->operations->remove(&session, NULL) != MEDIC_OK) {
        store->operations->close(&session);
        return;
    }
    done->sessions++;
    done->bytes += item->bytes;
}

int retention_apply(struct store *store, const struct retention_limits *limits, const char *made, time_t now,
                    struct retention_done *done, medic_reason *why)
{
    struct gathering all = {.made = made, .now = now};
    *done = (struct retention_done){0};
    if (!limits->age_s && !limits->bytes)
        return MEDIC_OK;
    int code = store->operations->list(store, gather, &all, why);
    if (code == MEDIC_OK) {
        retention_choose(all.items, all.count, limits);
        for (size_t i = 0; i < all.count; i++)
            if (all.items[i].drop)
                drop(store, &all.items[i], done);
    } else if (code == MEDIC_E_MEMORY) {
        code = medic_fail(why, code, "out of memory");
    }
    free(all.items);
    return code;
}
