/* The IPC client against a runtime that is a thread of ours and misbehaves on purpose. */
#include "../../tool/ipc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { SOON_MS = 2000, SHORT_MS = 60, ANSWERS_MAX = 4 };
#define SOCKET_NAME "dotnet-diagnostic-1-2-socket"

/* What the fake runtime sends on its n-th connection. */
struct answer {
    const uint8_t *bytes;
    size_t size;
    bool stall;        /* hold the connection open instead of closing it */
    bool byte_by_byte; /* with pauses */
};

struct server {
    char folder[32];
    int dirfd, listener, stop[2];
    size_t count;
    struct answer answers[ANSWERS_MAX];
    uint8_t seen[ANSWERS_MAX][IPC_MESSAGE_MAX];
    size_t seen_size[ANSWERS_MAX];
    pthread_t thread;
    bool running;
};

static void read_request(struct server *s, size_t n, int fd)
{
    size_t want = IPC_HEADER_SIZE;
    while (s->seen_size[n] < want) {
        ssize_t got = recv(fd, s->seen[n] + s->seen_size[n], want - s->seen_size[n], 0);
        if (got <= 0)
            return;
        s->seen_size[n] += (size_t)got;
        if (s->seen_size[n] >= IPC_HEADER_SIZE)
            want = (size_t)(s->seen[n][14] | s->seen[n][15] << 8);
    }
}

static void *serve(void *argument)
{
    struct server *s = argument;
    for (size_t n = 0; n < s->count; n++) {
        struct pollfd p[2] = {{.fd = s->listener, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};
        poll(p, 2, -1);
        int fd = p[1].revents ? -1 : accept(s->listener, NULL, NULL);
        if (fd < 0)
            break;
        read_request(s, n, fd);
        const struct answer *a = &s->answers[n];
        for (size_t at = 0, step = a->byte_by_byte ? 1 : a->size; at < a->size; at += step) {
            send(fd, a->bytes + at, step, MSG_NOSIGNAL);
            if (a->byte_by_byte)
                usleep(200);
        }
        if (a->stall)
            poll(&p[1], 1, -1);
        close(fd);
    }
    return NULL;
}

static void bind_listener(struct server *s, int backlog)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(s->folder, sizeof s->folder, "/tmp/medic-ipc-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", s->folder, SOCKET_NAME);
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->listener, backlog), 0);
    s->dirfd = open(s->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(s->dirfd >= 0);
    assert_int_equal(pipe2(s->stop, O_CLOEXEC), 0);
}

static struct server *start(size_t count, const struct answer *answers)
{
    struct server *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->count = count;
    memcpy(s->answers, answers, count * sizeof *answers);
    bind_listener(s, 16);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    s->running = true;
    return s;
}

static void stop(struct server *s)
{
    assert_int_equal(write(s->stop[1], "", 1), 1);
    if (s->running)
        pthread_join(s->thread, NULL);
    unlinkat(s->dirfd, SOCKET_NAME, 0);
    rmdir(s->folder);
    if (s->listener >= 0)
        close(s->listener);
    close(s->dirfd);
    close(s->stop[0]);
    close(s->stop[1]);
    free(s);
}

static struct ipc_peer peer_of(const struct server *s)
{
    return (struct ipc_peer){.dirfd = s->dirfd, .socket = SOCKET_NAME, .uid = geteuid(), .pid = getpid()};
}

/* ---- making replies ---- */

struct bytes {
    uint8_t at[4096];
    size_t size;
};

static void add_uint(struct bytes *b, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        b->at[b->size++] = (uint8_t)(value >> (8 * i));
}

static void add_string(struct bytes *b, const char *ascii)
{
    add_uint(b, strlen(ascii) + 1, 4);
    for (const char *p = ascii;; p++) {
        add_uint(b, (uint8_t)*p, 2);
        if (!*p)
            break;
    }
}

static struct bytes begin(unsigned command)
{
    struct bytes b = {.size = 0};
    memcpy(b.at, "DOTNET_IPC_V1", 14);
    b.size = 16;
    b.at[b.size++] = (uint8_t)(command >> 8);
    b.at[b.size++] = (uint8_t)command;
    add_uint(&b, 0, 2);
    return b;
}

static struct bytes end(struct bytes b)
{
    b.at[14] = (uint8_t)b.size;
    b.at[15] = (uint8_t)(b.size >> 8);
    return b;
}

static struct bytes info_reply(int revision)
{
    struct bytes b = begin(IPC_OK);
    if (revision == 3)
        add_uint(&b, 1, 4);
    add_uint(&b, 4121, 8);
    for (unsigned i = 0; i < 16; i++)
        add_uint(&b, i, 1);
    add_string(&b, "/app/shop --port 80");
    add_string(&b, "Linux");
    add_string(&b, "x64");
    if (revision >= 2) {
        add_string(&b, "shop");
        add_string(&b, "10.0.12");
    }
    if (revision == 3)
        add_string(&b, "linux-musl-x64");
    return end(b);
}

static struct bytes hresult_reply(unsigned command, uint32_t hresult)
{
    struct bytes b = begin(command);
    add_uint(&b, hresult, 4);
    return end(b);
}

static struct answer say(const struct bytes *b)
{
    return (struct answer){.bytes = b->at, .size = b->size};
}

static int ask(const struct server *s, unsigned ms, struct ipc_process_info *info, medic_reason *why)
{
    struct ipc_peer peer = peer_of(s);
    return ipc_process_info(&peer, ipc_deadline(ms), info, why);
}

/* Asks a server that gives one answer, expects the code. */
static void expect_code(struct answer answer, unsigned ms, int code)
{
    struct ipc_process_info info;
    medic_reason why = {0};
    struct server *s = start(1, &answer);
    assert_int_equal(ask(s, ms, &info, &why), code);
    assert_int_equal(why.text[0] != 0, code != MEDIC_OK);
    ipc_process_info_free(&info);
    stop(s);
}

/* ---- ProcessInfo ---- */

static void good_reply_is_read(void **state)
{
    (void)state;
    struct bytes reply = info_reply(3);
    struct answer answer = say(&reply);
    struct ipc_process_info info;
    struct server *s = start(1, &answer);
    assert_int_equal(ask(s, SOON_MS, &info, NULL), MEDIC_OK);
    assert_int_equal(info.pid, 4121);
    assert_int_equal(info.cookie[15], 15);
    assert_string_equal(info.command_line, "/app/shop --port 80");
    assert_string_equal(info.os, "Linux");
    assert_string_equal(info.arch, "x64");
    assert_string_equal(info.entry_assembly, "shop");
    assert_string_equal(info.clr_version, "10.0.12");
    assert_string_equal(info.rid, "linux-musl-x64");
    assert_int_equal(s->seen_size[0], IPC_HEADER_SIZE);
    assert_int_equal(s->seen[0][16] << 8 | s->seen[0][17], IPC_PROCESS_INFO_3);
    ipc_process_info_free(&info);
    stop(s);
}

static void reply_may_come_byte_by_byte(void **state)
{
    (void)state;
    struct bytes reply = info_reply(3);
    struct answer answer = say(&reply);
    answer.byte_by_byte = true;
    expect_code(answer, SOON_MS, MEDIC_OK);
}

static void older_runtimes_are_asked_older_questions(void **state)
{
    (void)state;
    struct bytes unknown = hresult_reply(IPC_ERROR, 0x80131385), reply = info_reply(1);
    struct answer answers[] = {say(&unknown), say(&unknown), say(&reply)};
    struct ipc_process_info info;
    struct server *s = start(3, answers);
    assert_int_equal(ask(s, SOON_MS, &info, NULL), MEDIC_OK);
    assert_int_equal(info.pid, 4121);
    assert_null(info.entry_assembly);
    assert_null(info.rid);
    assert_int_equal(s->seen[2][17], IPC_PROCESS_INFO & 0xFF);
    ipc_process_info_free(&info);
    stop(s);
}

static void a_runtime_that_knows_no_question_is_too_old(void **state)
{
    (void)state;
    struct bytes unknown = hresult_reply(IPC_ERROR, 0x80131385);
    struct answer answers[] = {say(&unknown), say(&unknown), say(&unknown)};
    struct ipc_process_info info;
    medic_reason why;
    struct server *s = start(3, answers);
    assert_int_equal(ask(s, SOON_MS, &info, &why), MEDIC_E_UNSUPPORTED);
    assert_non_null(strstr(why.text, "too old"));
    stop(s);
}

static void stalled_reply_times_out(void **state)
{
    (void)state;
    struct bytes reply = info_reply(3);
    expect_code((struct answer){.stall = true}, SHORT_MS, MEDIC_E_TIMEOUT);
    expect_code((struct answer){.bytes = reply.at, .size = 30, .stall = true}, SHORT_MS, MEDIC_E_TIMEOUT);
    expect_code((struct answer){.bytes = reply.at, .size = 7, .stall = true}, SHORT_MS, MEDIC_E_TIMEOUT);
}

static void truncated_reply_means_it_is_gone(void **state)
{
    (void)state;
    struct bytes reply = info_reply(3);
    expect_code((struct answer){.bytes = reply.at, .size = 30}, SOON_MS, MEDIC_E_GONE);
    expect_code((struct answer){.bytes = reply.at, .size = 19}, SOON_MS, MEDIC_E_GONE);
    expect_code((struct answer){.size = 0}, SOON_MS, MEDIC_E_GONE);
}

static void oversize_length_never_blocks_past_the_deadline(void **state)
{
    (void)state;
    struct bytes reply = info_reply(3);
    reply.at[14] = reply.at[15] = 0xFF;
    expect_code(say(&reply), SOON_MS, MEDIC_E_GONE);
    struct answer stalled = say(&reply);
    stalled.stall = true;
    expect_code(stalled, SHORT_MS, MEDIC_E_TIMEOUT);
}

static void malformed_replies_are_refused(void **state)
{
    (void)state;
    struct bytes reply = info_reply(3);
    reply.at[20 + 4 + 8 + 16] = 0xFF; /* the command line's length, beyond the payload */
    expect_code(say(&reply), SOON_MS, MEDIC_E_CORRUPT);
    reply = info_reply(3);
    reply.at[0] = 'X';
    expect_code(say(&reply), SOON_MS, MEDIC_E_CORRUPT);
    reply = info_reply(3);
    reply.at[14] = 19;
    reply.at[15] = 0;
    expect_code(say(&reply), SOON_MS, MEDIC_E_CORRUPT);
}

static void a_stalled_one_does_not_delay_the_others(void **state)
{
    (void)state;
    struct bytes reply = info_reply(3);
    struct answer good = say(&reply), bad = {.stall = true};
    struct server *slow = start(1, &bad), *fast = start(1, &good);
    struct ipc_query queries[2] = {{.peer = peer_of(slow)}, {.peer = peer_of(fast)}};
    ipc_query_all(queries, 2, ipc_deadline(SHORT_MS));
    assert_int_equal(queries[0].code, MEDIC_E_TIMEOUT);
    assert_int_equal(queries[1].code, MEDIC_OK);
    ipc_process_info_free(&queries[1].info);
    stop(slow);
    stop(fast);
}

/* ---- connecting ---- */

static void stale_socket_is_called_so(void **state)
{
    (void)state;
    struct answer none = {0};
    struct server *s = start(0, &none);
    medic_reason why;
    int fd;
    close(s->listener);
    s->listener = -1;
    assert_int_equal(ipc_connect_at(s->dirfd, SOCKET_NAME, ipc_deadline(SOON_MS), &fd, &why), MEDIC_E_GONE);
    assert_non_null(strstr(why.text, "stale"));
    stop(s);
}

static void a_full_queue_times_out(void **state)
{
    (void)state;
    struct server *s = calloc(1, sizeof *s);
    int fds[8], code = MEDIC_OK;
    size_t count = 0;
    assert_non_null(s);
    bind_listener(s, 0);
    while (code == MEDIC_OK && count < 8)
        if ((code = ipc_connect_at(s->dirfd, SOCKET_NAME, ipc_deadline(20), &fds[count], NULL)) == MEDIC_OK)
            count++;
    assert_int_equal(code, MEDIC_E_TIMEOUT);
    while (count > 0)
        close(fds[--count]);
    stop(s);
}

static void links_files_and_paths_are_no_sockets(void **state)
{
    (void)state;
    struct answer none = {0};
    struct server *s = start(0, &none);
    uint64_t deadline = ipc_deadline(SOON_MS);
    int fd;
    assert_int_equal(symlinkat(SOCKET_NAME, s->dirfd, "link"), 0);
    assert_int_equal(ipc_connect_at(s->dirfd, "link", deadline, &fd, NULL), MEDIC_E_UNSAFE);
    assert_int_equal(ipc_connect_at(s->dirfd, "absent", deadline, &fd, NULL), MEDIC_E_GONE);
    assert_int_equal(ipc_connect_at(s->dirfd, "../x", deadline, &fd, NULL), MEDIC_E_ARGUMENT);
    unlinkat(s->dirfd, "link", 0);
    stop(s);
}

static void the_listener_must_be_who_it_should_be(void **state)
{
    (void)state;
    struct answer none = {0};
    struct server *s = start(0, &none);
    uint64_t deadline = ipc_deadline(SOON_MS);
    struct ipc_peer peer = peer_of(s);
    int fd;
    assert_int_equal(ipc_connect(&peer, deadline, &fd, NULL), MEDIC_OK);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fd);
    peer.pid = getppid();
    assert_int_equal(ipc_connect(&peer, deadline, &fd, NULL), MEDIC_E_UNSAFE);
    peer.pid = IPC_PEER_HIDDEN;
    assert_int_equal(ipc_connect(&peer, deadline, &fd, NULL), MEDIC_E_UNSAFE);
    peer = peer_of(s);
    peer.uid = geteuid() + 1;
    assert_int_equal(ipc_connect(&peer, deadline, &fd, NULL), MEDIC_E_UNSAFE);
    stop(s);
}

/* ---- attach, resume, environment ---- */

static int attach(struct server *s, const struct ipc_attach *request, int32_t *hresult, medic_reason *why)
{
    struct ipc_peer peer = peer_of(s);
    return ipc_attach_profiler(&peer, ipc_deadline(SOON_MS), request, hresult, why);
}

static void attach_sends_all_four_fields(void **state)
{
    (void)state;
    static const uint8_t guid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    static const uint8_t expected[] = {0x88, 0x13, 0,    0,    1,  2,  3, 4, 5, 6, 7,   8,   9,    10,
                                       11,   12,   13,   14,   15, 16, 5, 0, 0, 0, '/', 0,   0xE4, 0,
                                       0x3D, 0xD8, 0x00, 0xDE, 0,  0,  3, 0, 0, 0, 'a', '=', 'b'};
    struct bytes reply = hresult_reply(IPC_OK, 0);
    struct answer answer = say(&reply);
    struct ipc_attach request = {5000, guid, "/\xC3\xA4\xF0\x9F\x98\x80", (const uint8_t *)"a=b", 3};
    struct server *s = start(1, &answer);
    assert_int_equal(attach(s, &request, NULL, NULL), MEDIC_OK);
    assert_int_equal(s->seen_size[0], IPC_HEADER_SIZE + sizeof expected);
    assert_memory_equal(s->seen[0] + IPC_HEADER_SIZE, expected, sizeof expected);
    stop(s);
}

static void attach_errors_become_sentences(void **state)
{
    (void)state;
    static const struct {
        uint32_t hresult;
        int code;
        const char *says;
    } cases[] = {{0x8013136A, MEDIC_E_BUSY, "another profiler"}, {0x8007007E, MEDIC_E_NOT_FOUND, "/x/libmedic.so"},
                 {0x8007007F, MEDIC_E_ABI, "DllGetClassObject"}, {0x80131371, MEDIC_E_BUSY, "still starting"},
                 {0x8013135B, MEDIC_E_BUSY, "suspended"},        {0x80131385, MEDIC_E_UNSUPPORTED, "too old"},
                 {0x80131384, MEDIC_E_CORRUPT, "decode"},        {0x80004005, MEDIC_E_FAIL, "0x80004005"}};
    static const uint8_t guid[16] = {0};
    struct ipc_attach request = {5000, guid, "/x/libmedic.so", NULL, 0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes reply = hresult_reply(IPC_ERROR, cases[i].hresult);
        struct answer answer = say(&reply);
        struct server *s = start(1, &answer);
        medic_reason why = {0};
        int32_t hresult = 0;
        assert_int_equal(attach(s, &request, &hresult, &why), cases[i].code);
        assert_int_equal((uint32_t)hresult, cases[i].hresult);
        assert_non_null(strstr(why.text, cases[i].says));
        stop(s);
    }
}

static void too_long_requests_are_refused_before_sending(void **state)
{
    (void)state;
    static const uint8_t guid[16] = {0};
    static uint8_t data[IPC_MESSAGE_MAX];
    struct answer none = {0};
    struct server *s = start(1, &none);
    struct ipc_attach request = {5000, guid, "/x", data, sizeof data};
    assert_int_equal(attach(s, &request, NULL, NULL), MEDIC_E_ARGUMENT);
    request = (struct ipc_attach){5000, guid, "/\xFF", NULL, 0};
    assert_int_equal(attach(s, &request, NULL, NULL), MEDIC_E_ARGUMENT);
    request = (struct ipc_attach){5000, guid, "/\xE2\x82", NULL, 0};
    assert_int_equal(attach(s, &request, NULL, NULL), MEDIC_E_ARGUMENT);
    assert_int_equal(s->seen_size[0], 0);
    stop(s);
}

static void the_largest_request_arrives_whole(void **state)
{
    (void)state;
    static const uint8_t guid[16] = {0};
    static uint8_t data[IPC_MESSAGE_MAX];
    const size_t most = IPC_MESSAGE_MAX - IPC_HEADER_SIZE - 4 - 16 - 4 - 2 * 3 - 4;
    struct bytes reply = hresult_reply(IPC_OK, 0);
    struct answer answer = say(&reply);
    struct ipc_attach request = {5000, guid, "/x", data, most};
    struct server *s = start(1, &answer);
    assert_int_equal(attach(s, &request, NULL, NULL), MEDIC_OK);
    assert_int_equal(s->seen_size[0], IPC_MESSAGE_MAX);
    request.size = most + 1;
    assert_int_equal(attach(s, &request, NULL, NULL), MEDIC_E_ARGUMENT);
    stop(s);
}

static void resume_accepts_replies_with_and_without_payload(void **state)
{
    (void)state;
    struct bytes with = hresult_reply(IPC_OK, 0), without = end(begin(IPC_OK));
    struct answer answers[] = {say(&with), say(&without)};
    struct server *s = start(2, answers);
    struct ipc_peer peer = peer_of(s);
    assert_int_equal(ipc_resume_runtime(&peer, ipc_deadline(SOON_MS), NULL), MEDIC_OK);
    assert_int_equal(ipc_resume_runtime(&peer, ipc_deadline(SOON_MS), NULL), MEDIC_OK);
    stop(s);
}

static struct bytes environment_reply(uint32_t claimed)
{
    struct bytes tail = {.size = 0}, b = begin(IPC_OK);
    add_uint(&tail, 2, 4);
    add_string(&tail, "TMPDIR=/x");
    add_string(&tail, "A=");
    add_uint(&b, claimed ? claimed : tail.size, 4);
    add_uint(&b, 0, 2);
    b = end(b);
    memcpy(b.at + b.size, tail.at, tail.size);
    b.size += tail.size;
    return b;
}

static void environment_is_read_from_the_continuation(void **state)
{
    (void)state;
    struct bytes reply = environment_reply(0);
    struct answer answer = say(&reply);
    answer.byte_by_byte = true;
    struct server *s = start(1, &answer);
    struct ipc_peer peer = peer_of(s);
    struct ipc_environment env;
    assert_int_equal(ipc_environment(&peer, ipc_deadline(SOON_MS), &env, NULL), MEDIC_OK);
    assert_int_equal(env.count, 2);
    assert_string_equal(env.entries[0], "TMPDIR=/x");
    assert_string_equal(env.entries[1], "A=");
    ipc_environment_free(&env);
    stop(s);
}

static void environment_lengths_are_not_believed(void **state)
{
    (void)state;
    struct bytes huge = environment_reply(0xFFFFFFFF), large = environment_reply(1 << 20);
    struct answer answers[] = {say(&huge), say(&large)};
    struct server *s = start(2, answers);
    struct ipc_peer peer = peer_of(s);
    struct ipc_environment env;
    assert_int_equal(ipc_environment(&peer, ipc_deadline(SOON_MS), &env, NULL), MEDIC_E_CORRUPT);
    assert_int_equal(ipc_environment(&peer, ipc_deadline(SOON_MS), &env, NULL), MEDIC_E_GONE);
    stop(s);
}

static void every_prefix_of_a_reply_is_safe_to_parse(void **state)
{
    (void)state;
    struct bytes reply = info_reply(3);
    for (size_t size = 0; size < reply.size - IPC_HEADER_SIZE; size++) {
        uint8_t *exact = malloc(size + 1);
        struct ipc_process_info info;
        assert_non_null(exact);
        memcpy(exact, reply.at + IPC_HEADER_SIZE, size);
        assert_int_equal(ipc_parse_process_info(IPC_PROCESS_INFO_3, exact, size, &info, NULL), MEDIC_E_CORRUPT);
        assert_null(info.command_line);
        free(exact);
    }
}

static void surrogates_become_utf8(void **state)
{
    (void)state;
    struct bytes b = {.size = 0};
    static const uint16_t units[] = {0xE4, 0xD83D, 0xDE00, 0xD800, 'x', 0};
    struct ipc_environment env;
    add_uint(&b, 1, 4);
    add_uint(&b, 6, 4);
    for (size_t i = 0; i < 6; i++)
        add_uint(&b, units[i], 2);
    assert_int_equal(ipc_parse_environment(b.at, b.size, &env, NULL), MEDIC_OK);
    assert_string_equal(env.entries[0], "\xC3\xA4\xF0\x9F\x98\x80\xEF\xBF\xBDx");
    ipc_environment_free(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_reply_is_read),
        cmocka_unit_test(reply_may_come_byte_by_byte),
        cmocka_unit_test(older_runtimes_are_asked_older_questions),
        cmocka_unit_test(a_runtime_that_knows_no_question_is_too_old),
        cmocka_unit_test(stalled_reply_times_out),
        cmocka_unit_test(truncated_reply_means_it_is_gone),
        cmocka_unit_test(oversize_length_never_blocks_past_the_deadline),
        cmocka_unit_test(malformed_replies_are_refused),
        cmocka_unit_test(a_stalled_one_does_not_delay_the_others),
        cmocka_unit_test(stale_socket_is_called_so),
        cmocka_unit_test(a_full_queue_times_out),
        cmocka_unit_test(links_files_and_paths_are_no_sockets),
        cmocka_unit_test(the_listener_must_be_who_it_should_be),
        cmocka_unit_test(attach_sends_all_four_fields),
        cmocka_unit_test(attach_errors_become_sentences),
        cmocka_unit_test(too_long_requests_are_refused_before_sending),
        cmocka_unit_test(the_largest_request_arrives_whole),
        cmocka_unit_test(resume_accepts_replies_with_and_without_payload),
        cmocka_unit_test(environment_is_read_from_the_continuation),
        cmocka_unit_test(environment_lengths_are_not_believed),
        cmocka_unit_test(every_prefix_of_a_reply_is_safe_to_parse),
        cmocka_unit_test(surrogates_become_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
