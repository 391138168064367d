/* Commands that wait for their answer, one a connection. */
#include "tool/ipc_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENVIRONMENT_MAX = 64 << 20 };

/* *body is owned by the caller on success. */
static int receive_reply(int fd, uint64_t deadline, struct ipc_header *header, uint8_t **body, medic_reason *why)
{
    uint8_t head[IPC_HEADER_SIZE];
    int code = ipc_receive_all(fd, head, sizeof head, deadline, why);
    if (code == MEDIC_OK)
        code = ipc_parse_header(head, sizeof head, header, why);
    if (code != MEDIC_OK)
        return code;
    *body = malloc(header->size);
    if (!*body)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while reading a reply: free some and try again");
    code = ipc_receive_all(fd, *body, header->size - IPC_HEADER_SIZE, deadline, why);
    if (code != MEDIC_OK)
        free(*body);
    return code;
}

/* Sends the message and reads the reply. *fd stays open for a continuation; *fd and *body are the caller's on success. */
static int exchange(const struct ipc_peer *peer, const uint8_t *message, size_t length, uint64_t deadline, int *fd,
                    struct ipc_header *header, uint8_t **body, medic_reason *why)
{
    int code = ipc_connect(peer, deadline, fd, why);
    if (code != MEDIC_OK)
        return code;
    code = ipc_send(*fd, message, length, deadline, why);
    if (code == MEDIC_OK)
        code = receive_reply(*fd, deadline, header, body, why);
    if (code != MEDIC_OK)
        close(*fd);
    return code;
}

/* For replies that are nothing but an HRESULT, good or bad. */
static int exchange_hresult(const struct ipc_peer *peer, const uint8_t *message, size_t length, uint64_t deadline,
                            int32_t *hresult, medic_reason *why)
{
    struct ipc_header header;
    uint8_t *body;
    int fd, code = exchange(peer, message, length, deadline, &fd, &header, &body, why);
    if (code != MEDIC_OK)
        return code;
    close(fd);
    if (header.command == IPC_OK && header.size == IPC_HEADER_SIZE)
        *hresult = 0;
    else
        code = ipc_parse_hresult(body, header.size - IPC_HEADER_SIZE, hresult, why);
    if (code == MEDIC_OK && header.command != IPC_OK && *hresult >= 0)
        code = medic_fail(why, MEDIC_E_CORRUPT, "it answered with command 0x%04x: it may be no .NET runtime",
                          header.command);
    free(body);
    return code;
}

int ipc_attach_profiler(const struct ipc_peer *peer, uint64_t deadline_ns, const struct ipc_attach *attach,
                        int32_t *hresult, medic_reason *why)
{
    uint8_t *message;
    size_t length;
    int32_t answer = 0;
    int code = ipc_build_attach(attach, &message, &length, why);
    if (code == MEDIC_OK)
        code = exchange_hresult(peer, message, length, deadline_ns, &answer, why);
    if (code == MEDIC_OK && answer < 0)
        code = ipc_explain(answer, attach->path, why);
    if (hresult)
        *hresult = answer;
    free(message);
    return code;
}

int ipc_resume_runtime(const struct ipc_peer *peer, uint64_t deadline_ns, medic_reason *why)
{
    uint8_t *message;
    size_t length;
    int32_t answer = 0;
    int code = ipc_build_message(IPC_RESUME_RUNTIME, NULL, 0, &message, &length, why);
    if (code == MEDIC_OK)
        code = exchange_hresult(peer, message, length, deadline_ns, &answer, why);
    if (code == MEDIC_OK && answer < 0)
        code = ipc_explain(answer, NULL, why);
    free(message);
    return code;
}

/* The length comes from the other side: memory grows with what arrives, not with what is claimed. */
static int receive_environment(int fd, size_t size, uint64_t deadline, struct ipc_environment *env, medic_reason *why)
{
    uint8_t *bytes = NULL;
    int code = size <= ENVIRONMENT_MAX ? MEDIC_OK
                                       : medic_fail(why, MEDIC_E_CORRUPT,
                                                    "it claims an environment of %zu bytes: "
                                                    "it may be no .NET runtime",
                                                    size);
    for (size_t have = 0; code == MEDIC_OK && have < size;) {
        size_t step = size - have < IPC_MESSAGE_MAX ? size - have : IPC_MESSAGE_MAX;
        uint8_t *more = realloc(bytes, have + step);
        if (!more) {
            code = medic_fail(why, MEDIC_E_MEMORY, "out of memory while reading a reply: free some and try again");
            break;
        }
        bytes = more;
        code = ipc_receive_all(fd, bytes + have, step, deadline, why);
        have += step;
    }
    if (code == MEDIC_OK)
        code = ipc_parse_environment(bytes, size, env, why);
    free(bytes);
    return code;
}

int ipc_environment(const struct ipc_peer *peer, uint64_t deadline_ns, struct ipc_environment *env, medic_reason *why)
{
    struct ipc_header header;
    uint8_t *message, *body;
    size_t length;
    int32_t answer = 0;
    int fd;
    memset(env, 0, sizeof *env);
    int code = ipc_build_message(IPC_PROCESS_ENVIRONMENT, NULL, 0, &message, &length, why);
    if (code != MEDIC_OK)
        return code;
    code = exchange(peer, message, length, deadline_ns, &fd, &header, &body, why);
    free(message);
    if (code != MEDIC_OK)
        return code;
    code = ipc_parse_hresult(body, header.size - IPC_HEADER_SIZE, &answer, why); /* here: the size, or the error */
    if (code == MEDIC_OK && header.command != IPC_OK)
        code = ipc_explain(answer, NULL, why);
    if (code == MEDIC_OK)
        code = receive_environment(fd, (uint32_t)answer, deadline_ns, env, why);
    free(body);
    close(fd);
    return code;
}
