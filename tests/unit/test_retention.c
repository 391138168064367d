/* What goes and what stays: tool/retention, the removal in tool/store, tool/leftovers' judgement, tool/session_summary. */
#include "scratch.h"
#include "test.h"
#include "tool/files.h"
#include "tool/leftovers.h"
#include "tool/retention.h"
#include "tool/session_summary.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY (INT64_C(24) * 3600)
#define MB (UINT64_C(1) << 20)

/* ---- the choice ---- */

static const struct retention_limits usual = {30 * DAY, 100 * MB};

/* The ids of those that go, in the order of the table. */
static const char *chosen(struct retention_item *items, size_t count, const struct retention_limits *limits)
{
    static char ids[64];
    size_t used = 0;
    ids[0] = '\0';
    retention_choose(items, count, limits);
    for (size_t i = 0; i < count && used < sizeof ids; i++)
        if (items[i].drop)
            used += (size_t)snprintf(ids + used, sizeof ids - used, "%s", items[i].id);
    return ids;
}
#define CHOSEN(limits, ...)                                                                                            \
    chosen((struct retention_item[]){__VA_ARGS__},                                                                     \
           sizeof((struct retention_item[]){__VA_ARGS__}) / sizeof(struct retention_item), limits)

static void nothing_goes_that_is_young_and_small(void **state)
{
    (void)state;
    assert_string_equal(chosen(NULL, 0, &usual), "");
    assert_string_equal(CHOSEN(&usual, {"a", 0, MB, false, false}, {"b", 30 * DAY, 99 * MB, false, false}), "");
}

static void what_is_too_old_goes(void **state)
{
    (void)state;
    assert_string_equal(CHOSEN(&usual, {"a", DAY, 0, false, false}, {"b", 30 * DAY + 1, 0, false, false},
                               {"c", 99 * DAY, 0, false, false}),
                        "bc");
}

static void the_oldest_go_until_the_rest_fits(void **state)
{
    (void)state;
    assert_string_equal(CHOSEN(&usual, {"a", 1, 40 * MB, false, false}, {"b", 3, 40 * MB, false, false},
                               {"c", 2, 40 * MB, false, false}, {"d", 4, 40 * MB, false, false}),
                        "bd");
}

static void what_goes_by_age_makes_room_for_the_rest(void **state)
{
    (void)state;
    assert_string_equal(CHOSEN(&usual, {"a", 31 * DAY, 90 * MB, false, false}, {"b", 3, 60 * MB, false, false}), "a");
}

static void what_is_kept_stays_and_counts(void **state)
{
    (void)state;
    assert_string_equal(CHOSEN(&usual, {"r", 99 * DAY, 90 * MB, true, false}, {"a", 2, 20 * MB, false, false},
                               {"b", 1, 5 * MB, false, false}),
                        "a");
    assert_string_equal(CHOSEN(&usual, {"r", 1, 500 * MB, true, false}, {"a", 2, 1, false, false}), "a");
}

static void without_limits_everything_stays(void **state)
{
    (void)state;
    static const struct retention_limits none = {0, 0};
    assert_string_equal(CHOSEN(&none, {"a", 9999 * DAY, 900 * MB, false, false}), "");
    static const struct retention_limits size_only = {0, MB};
    assert_string_equal(CHOSEN(&size_only, {"a", 9999 * DAY, 1, false, false}), "");
    static const struct retention_limits age_only = {DAY, 0};
    assert_string_equal(CHOSEN(&age_only, {"a", 1, 900 * MB, false, false}), "");
}

static void a_start_that_is_unknown_or_to_come_is_no_age(void **state)
{
    (void)state;
    assert_string_equal(CHOSEN(&usual, {"a", -1, 0, false, false}, {"b", -99 * DAY, 0, false, false}), "");
    assert_string_equal(CHOSEN(&usual, {"a", -1, 80 * MB, false, false}, {"b", 1, 80 * MB, false, false}), "b");
}

static void equals_are_chosen_the_same_way_every_time(void **state)
{
    (void)state;
    assert_string_equal(CHOSEN(&usual, {"b", 5, 60 * MB, false, false}, {"a", 5, 60 * MB, false, false}), "a");
    assert_string_equal(CHOSEN(&usual, {"a", 5, 60 * MB, false, false}, {"b", 5, 60 * MB, false, false}), "a");
}

/* ---- the limits ---- */

static void limits(const char *age, const char *size, int64_t age_s, uint64_t bytes)
{
    struct retention_limits read = {-1, 1};
    medic_reason why = {""};
    age ? setenv("MEDIC_KEEP_AGE", age, 1) : unsetenv("MEDIC_KEEP_AGE");
    size ? setenv("MEDIC_KEEP_SIZE", size, 1) : unsetenv("MEDIC_KEEP_SIZE");
    assert_int_equal(retention_limits_read(&read, &why), MEDIC_OK);
    assert_int_equal(read.age_s, age_s);
    assert_int_equal(read.bytes, bytes);
}

static void the_environment_sets_the_limits(void **state)
{
    (void)state;
    limits(NULL, NULL, 30 * DAY, UINT64_C(2) << 30);
    limits("", "", 30 * DAY, UINT64_C(2) << 30);
    limits("90d", "10G", 90 * DAY, UINT64_C(10) << 30);
    limits("off", "0", 0, 0);
    limits("0", "off", 0, 0);
    limits("500ms", "1", 1, 1);
}

static void a_limit_that_cannot_be_read_keeps_everything(void **state)
{
    struct retention_limits read;
    medic_reason why = {""};
    (void)state;
    setenv("MEDIC_KEEP_AGE", "a month", 1);
    assert_int_equal(retention_limits_read(&read, &why), MEDIC_E_ARGUMENT);
    assert_text_has(why.text, "MEDIC_KEEP_AGE=a month");
    assert_true(read.age_s == 0 && read.bytes == 0);
    unsetenv("MEDIC_KEEP_AGE");
    setenv("MEDIC_KEEP_SIZE", "-2G", 1);
    assert_int_equal(retention_limits_read(&read, &why), MEDIC_E_ARGUMENT);
    assert_text_has(why.text, "MEDIC_KEEP_SIZE=-2G");
    assert_true(read.age_s == 0 && read.bytes == 0);
    unsetenv("MEDIC_KEEP_SIZE");
}

/* ---- in a store ---- */

struct bench {
    char root[64];
    struct store store;
    medic_reason why;
};

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    char sessions[96];
    snprintf(bench->root, sizeof bench->root, "/tmp/medic-test-retention-XXXXXX");
    if (!mkdtemp(bench->root))
        return -1;
    snprintf(sessions, sizeof sessions, "%s/sessions", bench->root);
    *state = bench;
    return store_use_files(&bench->store, sessions, &bench->why);
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    int code = scratch_remove(bench->root);
    free(bench);
    return code;
}

/* A session that began so long ago, with a capture of so many bytes; path is for the caller. */
static void make(struct bench *bench, const char *started, size_t bytes, struct store_session *session)
{
    char *capture = calloc(1, bytes + 1);
    assert_int_equal(bench->store.operations->create(&bench->store, NULL, session, &bench->why), MEDIC_OK);
    session->info.state = STORE_COMPLETE;
    snprintf(session->info.started, sizeof session->info.started, "%s", started);
    assert_int_equal(bench->store.operations->save(session, &bench->why), MEDIC_OK);
    assert_int_equal(file_replace_at(session->folder, "capture.mdc", capture, bytes, 0600), 0);
    free(capture);
}

static int exists(const char *path)
{
    return !access(path, F_OK);
}

static void put_file(const char *folder, const char *name)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static int open_again(struct bench *bench, const char *which, struct store_session *session)
{
    return bench->store.operations->open(&bench->store, which, session, &bench->why);
}

static void the_store_drops_what_was_chosen_and_nothing_else(void **state)
{
    struct bench *bench = *state;
    struct store_session old, young, running, made;
    struct retention_done done;
    time_t now;
    assert_true(session_started("2026-03-01T00:00:00.000Z", &now));
    make(bench, "2026-01-01T00:00:00.000Z", 1000, &old);
    make(bench, "2026-02-20T00:00:00.000Z", 10, &young);
    make(bench, "2026-01-01T00:00:00.000Z", 10, &running);
    make(bench, "2026-01-01T00:00:00.000Z", 10, &made);
    bench->store.operations->close(&old);
    bench->store.operations->close(&young);
    bench->store.operations->close(&made);
    assert_int_equal(retention_apply(&bench->store, &usual, made.info.id, now, &done, &bench->why), MEDIC_OK);
    assert_int_equal(done.sessions, 1);
    assert_true(done.bytes > 1000);
    assert_false(exists(old.path));
    assert_true(exists(young.path) && exists(running.path) && exists(made.path));
    bench->store.operations->close(&running);
    assert_int_equal(retention_apply(&bench->store, &usual, NULL, now, &done, &bench->why), MEDIC_OK);
    assert_int_equal(done.sessions, 2);
}

static void damaged_sessions_count_and_go(void **state)
{
    struct bench *bench = *state;
    struct store_session damaged, headless, named;
    struct retention_done done;
    char chosen[PATH_MAX + 8];
    make(bench, "2026-01-01T00:00:00.000Z", 1000, &damaged);
    make(bench, "2026-01-01T00:00:00.000Z", 1000, &headless);
    make(bench, "2026-01-01T00:00:00.000Z", 1000, &named);
    assert_int_equal(file_replace_at(damaged.folder, STORE_SESSION_FILE, "{", 1, 0600), 0);
    assert_int_equal(unlinkat(headless.folder, STORE_SESSION_FILE, 0), 0);
    assert_int_equal(unlinkat(named.folder, STORE_SESSION_FILE, 0), 0);
    snprintf(chosen, sizeof chosen, "%s/mine", bench->store.root);
    assert_int_equal(rename(named.path, chosen), 0);
    bench->store.operations->close(&damaged);
    bench->store.operations->close(&headless);
    bench->store.operations->close(&named);
    assert_int_equal(retention_apply(&bench->store, &usual, NULL, time(NULL) + 29 * DAY, &done, &bench->why), MEDIC_OK);
    assert_int_equal(done.sessions, 0); /* young by the time of their files */
    assert_int_equal(retention_apply(&bench->store, &usual, NULL, time(NULL) + 31 * DAY, &done, &bench->why), MEDIC_OK);
    assert_int_equal(done.sessions, 2);
    assert_true(done.bytes > 2000 && exists(chosen));
}

static void a_store_that_is_not_there_has_nothing_to_drop(void **state)
{
    struct bench *bench = *state;
    struct retention_done done;
    assert_int_equal(retention_apply(&bench->store, &usual, NULL, 0, &done, &bench->why), MEDIC_OK);
    assert_int_equal(done.sessions, 0);
}

static void a_session_with_strange_files_stays(void **state)
{
    struct bench *bench = *state;
    struct store_session session;
    make(bench, "2026-01-01T00:00:00.000Z", 10, &session);
    put_file(session.path, "notes.txt");
    assert_int_equal(bench->store.operations->remove(&session, &bench->why), MEDIC_E_UNSAFE);
    assert_text_has(bench->why.text, "notes.txt");
    assert_false(faccessat(session.folder, "capture.mdc", F_OK, 0)); /* nothing has gone */
    bench->store.operations->close(&session);
}

static void what_a_killed_writer_left_goes_too(void **state)
{
    struct bench *bench = *state;
    struct store_session session;
    char path[PATH_MAX];
    make(bench, "2026-01-01T00:00:00.000Z", 10, &session);
    put_file(session.path, ".report.json.0123456789ab.tmp");
    memcpy(path, session.path, sizeof path);
    assert_int_equal(bench->store.operations->remove(&session, &bench->why), MEDIC_OK);
    assert_false(exists(path));
}

static void a_link_is_not_followed(void **state)
{
    struct bench *bench = *state;
    struct store_session session;
    char elsewhere[128], link[PATH_MAX + 8];
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", bench->root);
    make(bench, "2026-01-01T00:00:00.000Z", 10, &session);
    memcpy(link, session.path, sizeof session.path);
    bench->store.operations->close(&session);
    assert_int_equal(rename(link, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, link), 0);
    assert_int_equal(open_again(bench, link, &session), MEDIC_OK);
    assert_int_equal(bench->store.operations->remove(&session, &bench->why), MEDIC_E_UNSAFE);
    bench->store.operations->close(&session);
    snprintf(link, sizeof link, "%s/capture.mdc", elsewhere);
    assert_true(exists(link));
}

static void a_session_in_use_or_elsewhere_is_not_removed(void **state)
{
    struct bench *bench = *state;
    struct store_session session, again;
    char place[128];
    make(bench, "2026-01-01T00:00:00.000Z", 10, &session);
    assert_int_equal(open_again(bench, session.path, &again), MEDIC_OK);
    assert_int_equal(bench->store.operations->remove(&again, &bench->why), MEDIC_E_BUSY);
    bench->store.operations->close(&again);
    bench->store.operations->close(&session);
    snprintf(place, sizeof place, "%s/chosen", bench->root);
    assert_int_equal(bench->store.operations->create(&bench->store, place, &session, &bench->why), MEDIC_OK);
    assert_int_equal(bench->store.operations->save(&session, &bench->why), MEDIC_OK);
    bench->store.operations->close(&session);
    assert_int_equal(open_again(bench, place, &session), MEDIC_OK);
    assert_int_equal(bench->store.operations->remove(&session, &bench->why), MEDIC_E_UNSAFE);
    assert_text_has(bench->why.text, "not in the store");
    bench->store.operations->close(&session);
}

static void sessions_are_found_by_the_beginning_of_their_id_and_as_the_last(void **state)
{
    struct bench *bench = *state;
    struct store_session first, second, found;
    char prefix[10];
    assert_int_equal(open_again(bench, "last", &found), MEDIC_E_NOT_FOUND);
    assert_text_has(bench->why.text, "medic attach");
    make(bench, "2026-02-01T00:00:00.000Z", 10, &first);
    make(bench, "2026-01-01T00:00:00.000Z", 10, &second);
    bench->store.operations->close(&first);
    bench->store.operations->close(&second);
    snprintf(prefix, sizeof prefix, "%.9s", second.info.id);
    assert_int_equal(open_again(bench, prefix, &found), MEDIC_OK);
    assert_string_equal(found.info.id, second.info.id);
    assert_true(found.stored);
    bench->store.operations->close(&found);
    assert_int_equal(open_again(bench, "last", &found), MEDIC_OK);
    assert_string_equal(found.info.id, first.info.id);
    bench->store.operations->close(&found);
    assert_int_equal(open_again(bench, "not-an-id", &found), MEDIC_E_NOT_FOUND);
    assert_text_has(bench->why.text, "medic sessions");
    assert_int_equal(open_again(bench, "", &found), MEDIC_E_NOT_FOUND);
}

static void a_beginning_of_several_ids_is_refused(void **state)
{
    struct bench *bench = *state;
    struct store_session session;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bench->store.operations->create(&bench->store, NULL, &session, &bench->why), MEDIC_OK);
        snprintf(session.info.id, sizeof session.info.id, "abcdef0%d-0000", i);
        assert_int_equal(bench->store.operations->save(&session, &bench->why), MEDIC_OK);
        bench->store.operations->close(&session);
    }
    assert_int_equal(open_again(bench, "abc", &session), MEDIC_E_AMBIGUOUS);
    assert_text_has(bench->why.text, "abcdef00");
    assert_text_has(bench->why.text, "abcdef01");
}

/* ---- in the target's folder ---- */

static void libraries_and_dead_sessions_go_after_a_week(void **state)
{
    (void)state;
    const time_t now = 100 * DAY, old = now - LEFTOVERS_KEEP_S, young = old + 1;
    const struct {
        struct leftover one;
        bool stale;
    } cases[] = {
        {{.kind = LEFTOVER_LIBRARY, .used = old}, true},
        {{.kind = LEFTOVER_LIBRARY, .used = young}, false},
        {{.kind = LEFTOVER_WORK, .used = old, .leased = true}, true},
        {{.kind = LEFTOVER_WORK, .used = young, .leased = true}, false},
        {{.kind = LEFTOVER_WORK, .used = old, .leased = true, .held = true}, false}, /* its medic lives */
        {{.kind = LEFTOVER_WORK, .used = old}, false}, /* made by the core: the only copy of a capture */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(leftover_is_stale(&cases[i].one, now), cases[i].stale);
}

static void only_files_with_our_names_are_listed(void **state)
{
    static const char *const names[] = {
        "libmedic-0123456789abcdef0123456789abcdef.so",
        ".libmedic-0123456789abcdef0123456789abcdef.so.0123456789abcdef.tmp",
        "libmedic-0123456789abcdef0123456789abcdeg.so",
        "libmedic.so",
        "-0123456789abcdef0123456789abcdef.so",
        "notes.txt",
        "libmedic-0123456789abcdef0123456789abcdef.so.bak",
    };
    struct bench *bench = *state;
    struct leftovers list;
    char place[128];
    snprintf(place, sizeof place, "%s/medic-%u", bench->root, geteuid());
    assert_int_equal(mkdir(place, 0700), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put_file(place, names[i]);
    int tmp = open(bench->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(leftovers_list(tmp, geteuid(), getegid(), &list, &bench->why), MEDIC_OK);
    assert_int_equal(list.count, 2);
    leftovers_free(&list);
    assert_int_equal(chmod(place, 0755), 0); /* anybody could have put things there */
    assert_int_equal(leftovers_list(tmp, geteuid(), getegid(), &list, &bench->why), MEDIC_OK);
    assert_int_equal(list.count, 0);
    leftovers_free(&list);
    close(tmp);
}

static void put_old(const char *folder, const char *name)
{
    const struct timespec times[] = {{time(NULL) - 8 * DAY, 0}, {time(NULL) - 8 * DAY, 0}};
    char path[256];
    put_file(folder, name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, folder, times, 0), 0);
}

/* <tmp>/medic-<uid>/launch-.../4121-0a0b0c0d, as `medic launch --children` leaves it when it is killed. */
static void make_launch(const struct bench *bench, char launch[128], char child[160])
{
    char place[100];
    snprintf(place, sizeof place, "%s/medic-%u", bench->root, geteuid());
    snprintf(launch, 128, "%s/launch-0123456789abcdef", place);
    snprintf(child, 160, "%s/4121-0a0b0c0d", launch);
    assert_int_equal(mkdir(place, 0700) | mkdir(launch, 0700) | mkdir(child, 0700), 0);
    put_old(child, MEDIC_CAPTURE_FILE);
    put_old(child, MEDIC_LEASE_FILE);
    put_old(launch, MEDIC_LEASE_FILE);
}

static void folders_of_a_launch_are_listed_and_swept(void **state)
{
    struct bench *bench = *state;
    struct target target = {.uid = geteuid(), .gid = getegid(), .tmp_fd = open(bench->root, O_PATH | O_CLOEXEC)};
    struct leftovers list;
    struct leftovers_swept swept;
    char launch[128], child[160];
    make_launch(bench, launch, child);
    assert_int_equal(leftovers_list(target.tmp_fd, geteuid(), getegid(), &list, &bench->why), MEDIC_OK);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].name, "launch-0123456789abcdef/4121-0a0b0c0d");
    assert_string_equal(list.items[1].name, "launch-0123456789abcdef");
    assert_true(list.items[0].leased && !list.items[0].held && leftover_is_stale(&list.items[1], time(NULL)));
    assert_int_equal(leftovers_stop(target.tmp_fd, geteuid(), getegid(), &list.items[0], &bench->why), MEDIC_OK);
    strcat(child, "/" MEDIC_REQUEST_FILE);
    assert_true(exists(child)); /* and it is used again */
    leftovers_free(&list);
    leftovers_sweep(&target, time(NULL), &swept);
    assert_int_equal(swept.folders, 0);
    assert_true(exists(child));
    leftovers_sweep(&target, time(NULL) + 8 * DAY, &swept);
    assert_int_equal(swept.folders, 2);
    assert_false(exists(launch));
    close(target.tmp_fd);
}

/* ---- the head of a report ---- */

static void the_head_of_a_report_is_enough(void **state)
{
    static const char text[] = "{\n  \"schema\": 1,\n  \"session\": {\n    \"duration_ns\": 5000,\n    \"end_reason\": "
                               "\"duration\"\n  },\n  \"verdict\": \"All is \\\"sections\\\": well\",\n  \"severity\": "
                               "\"healthy\",\n  \"findings\": [],\n  \"sections\": [\n    {\"cut off in the mid";
    struct arena arena = {0};
    struct session_summary summary;
    (void)state;
    session_summary_parse(text, sizeof text - 1, &arena, &summary);
    assert_true(summary.known);
    assert_string_equal(summary.verdict, "All is \"sections\": well");
    assert_string_equal(summary.severity, "healthy");
    assert_string_equal(summary.end_reason, "duration");
    assert_int_equal(summary.duration_ns, 5000);
    arena_free(&arena);
}

static void a_damaged_report_tells_nothing(void **state)
{
    static const char *const texts[] = {
        "", "{", "[]", "null", "{\"verdict\": 5}", "\n  \"sections\":", "{\"verdict\": \"cut"};
    struct arena arena = {0};
    struct session_summary summary;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        session_summary_parse(texts[i], strlen(texts[i]), &arena, &summary);
        assert_false(summary.known);
    }
    arena_free(&arena);
}

static void starts_are_read_as_utc(void **state)
{
    static const char *const others[] = {"", "yesterday", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z",
                                         "2026-01-01T00:00:00"};
    time_t seconds;
    (void)state;
    assert_true(session_started("1970-01-02T00:00:01.500Z", &seconds));
    assert_int_equal(seconds, DAY + 1);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(session_started(others[i], &seconds));
    assert_false(session_started(NULL, &seconds));
}

int main(void)
{
#define STORED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_goes_that_is_young_and_small),
        cmocka_unit_test(what_is_too_old_goes),
        cmocka_unit_test(the_oldest_go_until_the_rest_fits),
        cmocka_unit_test(what_goes_by_age_makes_room_for_the_rest),
        cmocka_unit_test(what_is_kept_stays_and_counts),
        cmocka_unit_test(without_limits_everything_stays),
        cmocka_unit_test(a_start_that_is_unknown_or_to_come_is_no_age),
        cmocka_unit_test(equals_are_chosen_the_same_way_every_time),
        cmocka_unit_test(the_environment_sets_the_limits),
        cmocka_unit_test(a_limit_that_cannot_be_read_keeps_everything),
        STORED(the_store_drops_what_was_chosen_and_nothing_else),
        STORED(damaged_sessions_count_and_go),
        STORED(a_store_that_is_not_there_has_nothing_to_drop),
        STORED(a_session_with_strange_files_stays),
        STORED(what_a_killed_writer_left_goes_too),
        STORED(a_link_is_not_followed),
        STORED(a_session_in_use_or_elsewhere_is_not_removed),
        STORED(sessions_are_found_by_the_beginning_of_their_id_and_as_the_last),
        STORED(a_beginning_of_several_ids_is_refused),
        cmocka_unit_test(libraries_and_dead_sessions_go_after_a_week),
        STORED(only_files_with_our_names_are_listed),
        STORED(folders_of_a_launch_are_listed_and_swept),
        cmocka_unit_test(the_head_of_a_report_is_enough),
        cmocka_unit_test(a_damaged_report_tells_nothing),
        cmocka_unit_test(starts_are_read_as_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
