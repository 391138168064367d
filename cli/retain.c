/* The end of a session: what is too old or too much goes, in the store and in the target's temporary folder. */
#include "cli/cli.h"
#include "tool/format.h"
#include "tool/leftovers.h"
#include "tool/retention.h"

#include <string.h>

static void add_part(char *text, size_t room, unsigned count, const char *one, const char *many)
{
    size_t used = strlen(text);
    if (count)
        snprintf(text + used, room - used, "%s%u %s", used ? ", " : "", count, count == 1 ? one : many);
}

static void tell(const struct retention_done *done, const struct leftovers_swept *swept)
{
    char text[256] = "", size[64];
    add_part(text, sizeof text, done->sessions, "old session", "old sessions");
    add_part(text, sizeof text, swept->libraries, "unused library", "unused libraries");
    add_part(text, sizeof text, swept->folders, "folder of a dead session", "folders of dead sessions");
    if (!*text)
        return;
    format_short((double)(done->bytes + swept->bytes), MEDIC_UNIT_BYTES, cli_ascii(), size, sizeof size);
    fprintf(stderr, "medic: removed %s (%s)%s\n", text, size,
            done->sessions ? "; MEDIC_KEEP_AGE and MEDIC_KEEP_SIZE say how much is kept" : "");
}

void cli_retain(struct store *store, const char *made, const struct target *target)
{
    struct retention_limits limits;
    struct retention_done done = {0};
    struct leftovers_swept swept = {0};
    medic_reason why = {""};
    time_t now = time(NULL);
    int code = retention_limits_read(&limits, &why);
    if (code == MEDIC_OK)
        code = retention_apply(store, &limits, made, now, &done, &why);
    if (code != MEDIC_OK)
        cli_fail(0, "%s", why.text);
    if (target)
        leftovers_sweep(target, now, &swept);
    tell(&done, &swept);
}
