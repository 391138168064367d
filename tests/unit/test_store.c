/* tool/store: sessions in a folder of folders. */
#include "scratch.h"
#include "test.h"
#include "tool/files.h"
#include "tool/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct bench {
    char root[64], place[96];
    struct store store;
    medic_reason why;
};

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    char sessions[96];
    snprintf(bench->root, sizeof bench->root, "/tmp/medic-test-store-XXXXXX");
    if (!mkdtemp(bench->root))
        return -1;
    snprintf(sessions, sizeof sessions, "%s/state/sessions", bench->root);
    snprintf(bench->place, sizeof bench->place, "%s/place", bench->root);
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

static int create(struct bench *bench, const char *place, struct store_session *session)
{
    return bench->store.operations->create(&bench->store, place, session, &bench->why);
}

static int open_again(struct bench *bench, const char *which, struct store_session *session)
{
    return bench->store.operations->open(&bench->store, which, session, &bench->why);
}

static void finish(struct bench *bench, struct store_session *session)
{
    assert_int_equal(bench->store.operations->save(session, &bench->why), MEDIC_OK);
    bench->store.operations->close(session);
}

static int exists(const char *path)
{
    return !access(path, F_OK);
}

static void a_session_comes_back_as_it_was_saved(void **state)
{
    static const struct session_parameter parameters[] = {{"depth", "8"}, {"note", "a \"quoted\" \xc3\xa4 line"}};
    struct bench *bench = *state;
    struct store_session session, again;
    assert_int_equal(create(bench, NULL, &session), MEDIC_OK);
    session.info.state = STORE_COMPLETE;
    session.info.profiler.name = "listed";
    session.info.profiler.guid = "aaaaaaaa-bbbb-cccc-0102-030405060701";
    session.info.parameters = parameters;
    session.info.parameter_count = 2;
    session.info.target.pid = 4121;
    session.info.target.uid = 1000;
    session.info.target.command_line = "dotnet app.dll";
    session.info.work = "/tmp/medic-1000/x";
    finish(bench, &session);
    assert_int_equal(open_again(bench, session.path, &again), MEDIC_OK);
    assert_true(again.described && again.owned);
    assert_string_equal(again.info.id, session.info.id);
    assert_string_equal(again.info.started, session.info.started);
    assert_int_equal(again.info.state, STORE_COMPLETE);
    assert_string_equal(again.info.profiler.name, "listed");
    assert_null(again.info.profiler.version);
    assert_int_equal(again.info.parameter_count, 2);
    assert_string_equal(again.info.parameters[1].value, parameters[1].value);
    assert_int_equal(again.info.target.pid, 4121);
    assert_string_equal(again.info.work, "/tmp/medic-1000/x");
    bench->store.operations->close(&again);
    assert_int_equal(open_again(bench, session.info.id, &again), MEDIC_OK); /* by id too */
    bench->store.operations->close(&again);
}

static void ids_are_uuids_of_version_4(void **state)
{
    struct bench *bench = *state;
    struct store_session session;
    assert_int_equal(create(bench, NULL, &session), MEDIC_OK);
    assert_int_equal(strlen(session.info.id), 36);
    assert_int_equal(session.info.id[14], '4');
    assert_non_null(strchr("89ab", session.info.id[19]));
    assert_int_equal(strlen(session.info.started), strlen("2024-01-01T00:00:00.000Z"));
    bench->store.operations->discard(&session);
}

static void a_place_that_holds_a_session_is_refused(void **state)
{
    struct bench *bench = *state;
    struct store_session session;
    assert_int_equal(create(bench, bench->place, &session), MEDIC_OK);
    finish(bench, &session);
    assert_int_equal(create(bench, bench->place, &session), MEDIC_E_BUSY);
    assert_text_has(bench->why.text, "already holds a session");
    assert_true(exists(bench->place));
}

static void a_place_with_other_files_is_refused(void **state)
{
    struct bench *bench = *state;
    struct store_session session;
    assert_int_equal(create(bench, bench->root, &session), MEDIC_OK); /* empty: fine */
    bench->store.operations->discard(&session);
    assert_true(exists(bench->root)); /* it was there before */
    assert_int_equal(mkdir(bench->place, 0700), 0);
    assert_int_equal(create(bench, bench->root, &session), MEDIC_E_BUSY);
    assert_text_has(bench->why.text, "not empty");
}

static void a_place_that_is_a_file_is_refused(void **state)
{
    struct bench *bench = *state;
    struct store_session session;
    close(open(bench->place, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_int_equal(create(bench, bench->place, &session), MEDIC_E_ARGUMENT);
}

static void a_discarded_session_leaves_nothing(void **state)
{
    struct bench *bench = *state;
    struct store_session session;
    assert_int_equal(create(bench, bench->place, &session), MEDIC_OK);
    assert_int_equal(bench->store.operations->save(&session, &bench->why), MEDIC_OK);
    bench->store.operations->discard(&session);
    assert_false(exists(bench->place));
}

static void a_store_without_permission_is_refused(void **state)
{
    struct bench *bench = *state;
    int status;
    if (geteuid() != 0)
        skip();
    pid_t child = fork(); /* as somebody else */
    if (child == 0) {
        struct store_session session;
        if (setgid(1234) || setuid(1234))
            _exit(9);
        _exit(create(bench, bench->place, &session) == MEDIC_E_DENIED && strstr(bench->why.text, "permission denied")
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_full_disk_is_refused_at_once(void **state)
{
    struct bench *bench = *state;
    struct store_session session;
    char inside[128];
    if (geteuid() != 0 || mkdir(bench->place, 0700) || mount("none", bench->place, "tmpfs", 0, "size=64k"))
        skip();
    snprintf(inside, sizeof inside, "%s/session", bench->place);
    assert_int_equal(create(bench, inside, &session), MEDIC_E_IO);
    assert_text_has(bench->why.text, "no space left");
    assert_false(exists(inside));
    assert_int_equal(umount(bench->place), 0);
}

static void a_running_session_is_known_by_its_lock(void **state)
{
    struct bench *bench = *state;
    struct store_session session, again;
    assert_int_equal(create(bench, NULL, &session), MEDIC_OK);
    assert_int_equal(bench->store.operations->save(&session, &bench->why), MEDIC_OK);
    assert_int_equal(open_again(bench, session.path, &again), MEDIC_OK);
    assert_false(again.owned);
    bench->store.operations->close(&again);
    bench->store.operations->close(&session); /* as the kernel does for a killed process */
    assert_int_equal(open_again(bench, session.path, &again), MEDIC_OK);
    assert_true(again.owned);
    assert_int_equal(again.info.state, STORE_RUNNING);
    bench->store.operations->close(&again);
}

static int count(void *context, struct store_session *session)
{
    (void)session;
    ++*(int *)context;
    return MEDIC_OK;
}

static void sessions_are_listed_and_strangers_are_not(void **state)
{
    struct bench *bench = *state;
    struct store_session session;
    char stranger[PATH_MAX + 16];
    int sessions = 0;
    assert_int_equal(bench->store.operations->list(&bench->store, count, &sessions, &bench->why),
                     MEDIC_OK); /* no folder yet */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(create(bench, NULL, &session), MEDIC_OK);
        finish(bench, &session);
    }
    snprintf(stranger, sizeof stranger, "%s/stranger", bench->store.root);
    assert_int_equal(mkdir(stranger, 0700), 0);
    assert_int_equal(bench->store.operations->list(&bench->store, count, &sessions, &bench->why), MEDIC_OK);
    assert_int_equal(sessions, 3);
}

static void a_damaged_session_json_is_a_sentence(void **state)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{\"schema\":1}",
                                        "{\"schema\":99,\"state\":\"running\"}",
                                        "{\"schema\":1,\"state\":\"dancing\"}",
                                        "{\"schema\":1,\"state\":\"complete\"}",
                                        "\xff\xfe"};
    struct bench *bench = *state;
    struct store_session session;
    assert_int_equal(mkdir(bench->place, 0700), 0);
    int folder = open(bench->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(file_replace_at(folder, STORE_SESSION_FILE, texts[i], strlen(texts[i]), 0600), 0);
        assert_true(open_again(bench, bench->place, &session) != MEDIC_OK);
        assert_text_has(bench->why.text, "session.json");
    }
    close(folder);
}

static int remember(void *context, struct store_session *session)
{
    struct store_session *seen = context;
    assert_false(*seen->info.id); /* one only */
    *seen = *session;
    seen->folder = -1;
    return MEDIC_OK;
}

static void a_damaged_session_is_listed_and_can_be_removed(void **state)
{
    struct bench *bench = *state;
    struct store_session session, seen = {.folder = -1}, damaged;
    char id[37];
    assert_int_equal(create(bench, NULL, &session), MEDIC_OK);
    memcpy(id, session.info.id, sizeof id);
    assert_int_equal(file_replace_at(session.folder, STORE_SESSION_FILE, "{", 1, 0600), 0);
    bench->store.operations->close(&session);
    assert_int_equal(bench->store.operations->list(&bench->store, remember, &seen, &bench->why), MEDIC_OK);
    assert_string_equal(seen.info.id, id);
    assert_int_equal(seen.info.state, STORE_DAMAGED);
    assert_text_has(seen.damage.text, "not valid JSON");
    assert_true(seen.owned && !seen.described && strncmp(seen.info.started, "20", 2) == 0);
    id[8] = '\0'; /* by the beginning of the id, too */
    assert_true(open_again(bench, id, &damaged) != MEDIC_OK);
    assert_int_equal(bench->store.operations->open_damaged(&bench->store, id, &damaged, &bench->why), MEDIC_OK);
    assert_int_equal(bench->store.operations->remove(&damaged, &bench->why), MEDIC_OK);
    assert_false(exists(session.path));
}

static void a_folder_with_only_a_capture_is_a_session(void **state)
{
    struct bench *bench = *state;
    struct store_session session;
    assert_int_equal(mkdir(bench->place, 0700), 0);
    int folder = open(bench->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(file_replace_at(folder, "capture.mdc", "x", 1, 0600), 0);
    close(folder);
    assert_int_equal(open_again(bench, bench->place, &session), MEDIC_OK);
    assert_false(session.described);
    bench->store.operations->close(&session);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_session_comes_back_as_it_was_saved),      TEST(ids_are_uuids_of_version_4),
        TEST(a_place_that_holds_a_session_is_refused),   TEST(a_place_with_other_files_is_refused),
        TEST(a_place_that_is_a_file_is_refused),         TEST(a_discarded_session_leaves_nothing),
        TEST(a_store_without_permission_is_refused),     TEST(a_full_disk_is_refused_at_once),
        TEST(a_running_session_is_known_by_its_lock),    TEST(sessions_are_listed_and_strangers_are_not),
        TEST(a_damaged_session_json_is_a_sentence),      TEST(a_damaged_session_is_listed_and_can_be_removed),
        TEST(a_folder_with_only_a_capture_is_a_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
