/* ProcessInfo of many processes at once, so that a hanging one does not keep the others waiting. */
#include "tool/ipc_parts.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static const unsigned info_revisions[] = {IPC_PROCESS_INFO_3, IPC_PROCESS_INFO_2, IPC_PROCESS_INFO};
static const size_t info_revision_count = sizeof info_revisions / sizeof *info_revisions;

static void query_reset(struct ipc_query *q)
{
    if (q->state.connected)
        close(q->state.fd);
    free(q->state.body);
    q->state.body = NULL;
    q->state.connected = false;
    q->state.have = q->state.size = 0;
}

static void query_end(struct ipc_query *q, int code)
{
    query_reset(q);
    q->code = code;
    q->state.done = true;
}

/* Connects and sends; does nothing yet when the listener's queue is full. */
static void query_begin(struct ipc_query *q)
{
    uint8_t *message;
    size_t length;
    int code = ipc_try_connect(&q->peer, &q->state.fd, &q->why);
    if (code == IPC_MORE)
        return;
    if (code == MEDIC_OK) {
        q->state.connected = true;
        code = ipc_build_message(info_revisions[q->state.revision], NULL, 0, &message, &length, &q->why);
        if (code == MEDIC_OK)
            code = ipc_send(q->state.fd, message, length, 0, &q->why);
        free(message);
    }
    if (code != MEDIC_OK)
        query_end(q, code);
}

static void query_answered(struct ipc_query *q, const struct ipc_header *header)
{
    const int32_t unknown = (int32_t)0x80131385;
    size_t size = header->size - (size_t)IPC_HEADER_SIZE;
    int32_t error = 0;
    int code;
    if (header->command == IPC_OK) {
        code = ipc_parse_process_info(info_revisions[q->state.revision], q->state.body, size, &q->info, &q->why);
    } else {
        code = ipc_parse_hresult(q->state.body, size, &error, &q->why);
        if (code == MEDIC_OK && error == unknown && q->state.revision + 1 < info_revision_count) {
            query_reset(q);
            q->state.revision++;
            query_begin(q);
            return;
        }
        if (code == MEDIC_OK)
            code = ipc_explain(error, NULL, &q->why);
    }
    query_end(q, code);
}

/* Takes what has arrived. */
static void query_step(struct ipc_query *q)
{
    struct ipc_header header = {0};
    size_t got, *have = &q->state.have;
    int code = MEDIC_OK;
    while (code == MEDIC_OK && (*have < IPC_HEADER_SIZE || *have < q->state.size)) {
        if (*have < IPC_HEADER_SIZE)
            code = ipc_receive(q->state.fd, q->state.head + *have, IPC_HEADER_SIZE - *have, &got, &q->why);
        else
            code =
                ipc_receive(q->state.fd, q->state.body + *have - IPC_HEADER_SIZE, q->state.size - *have, &got, &q->why);
        *have += got;
        if (code == MEDIC_OK && *have == IPC_HEADER_SIZE) {
            code = ipc_parse_header(q->state.head, IPC_HEADER_SIZE, &header, &q->why);
            q->state.size = header.size;
            if (code == MEDIC_OK && !(q->state.body = malloc(header.size)))
                code =
                    medic_fail(&q->why, MEDIC_E_MEMORY, "out of memory while reading a reply: free some and try again");
        }
    }
    if (code == IPC_MORE)
        return;
    if (code == MEDIC_OK)
        code = ipc_parse_header(q->state.head, IPC_HEADER_SIZE, &header, &q->why);
    if (code == MEDIC_OK)
        query_answered(q, &header);
    else
        query_end(q, code);
}

/* Fills the poll set; returns how many are still open. waiting: some could not connect yet. */
static size_t collect(struct ipc_query *queries, size_t count, struct pollfd *polls, bool *waiting)
{
    size_t open = 0;
    *waiting = false;
    for (size_t i = 0; i < count; i++) {
        struct ipc_query *q = &queries[i];
        if (!q->state.done && !q->state.connected)
            query_begin(q);
        polls[i] = (struct pollfd){.fd = q->state.connected ? q->state.fd : -1, .events = POLLIN};
        open += !q->state.done;
        *waiting |= !q->state.done && !q->state.connected;
    }
    return open;
}

void ipc_query_all(struct ipc_query *queries, size_t count, uint64_t deadline_ns)
{
    bool waiting;
    struct pollfd *polls = calloc(count + 1, sizeof *polls);
    while (polls && collect(queries, count, polls, &waiting) > 0) {
        int left = ipc_ms_left(deadline_ns);
        if (left == 0)
            break;
        poll(polls, count, waiting && left > IPC_RETRY_MS ? IPC_RETRY_MS : left);
        for (size_t i = 0; i < count; i++)
            if (polls[i].fd >= 0 && polls[i].revents)
                query_step(&queries[i]);
    }
    free(polls);
    for (size_t i = 0; i < count; i++)
        if (!queries[i].state.done)
            query_end(&queries[i], queries[i].state.connected ? ipc_no_answer(&queries[i].why)
                                                              : ipc_nobody_accepts(&queries[i].why));
}

int ipc_process_info(const struct ipc_peer *peer, uint64_t deadline_ns, struct ipc_process_info *info,
                     medic_reason *why)
{
    struct ipc_query query = {.peer = *peer};
    ipc_query_all(&query, 1, deadline_ns);
    *info = query.info;
    if (why && query.code != MEDIC_OK)
        *why = query.why;
    return query.code;
}
