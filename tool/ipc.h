/* Client of the .NET diagnostics IPC protocol: one command per connection over the runtime's unix socket.
 *
 * Called by the discovery of targets and by the attach command, from any thread; nothing here is shared. Every wait has a
 * deadline: an absolute time of ipc_now_ns(), so that several steps can share one. Failing calls leave nothing to free.
 * The ipc_parse_* and ipc_build_* functions do no I/O: the fuzz target feeds them. The bytes are in ipc_wire.c, the socket in
 * ipc_socket.c, the commands in ipc.c and ipc_query.c, the meaning of errors in ipc_explain.c. */
#ifndef MEDIC_TOOL_IPC_H
#define MEDIC_TOOL_IPC_H

#include <medic/result.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { IPC_HEADER_SIZE = 20, IPC_MESSAGE_MAX = 65535 };

enum ipc_command {
    IPC_ATTACH_PROFILER = 0x0301,
    IPC_PROCESS_INFO = 0x0400,
    IPC_RESUME_RUNTIME = 0x0401,
    IPC_PROCESS_ENVIRONMENT = 0x0402,
    IPC_PROCESS_INFO_2 = 0x0404,
    IPC_PROCESS_INFO_3 = 0x0408,
    IPC_OK = 0xFF00,
    IPC_ERROR = 0xFFFF
};

enum { IPC_PEER_ANY = 0, IPC_PEER_HIDDEN = -1 };

/* Whom we expect behind a socket. Nothing is owned. */
struct ipc_peer {
    int dirfd;          /* the folder of the socket, O_PATH is enough */
    const char *socket; /* file name in it, no slash */
    int64_t uid;        /* owner of file and listener, or -1: do not care */
    pid_t pid;          /* the listener in our PID namespace, IPC_PEER_ANY, or IPC_PEER_HIDDEN: one we cannot see */
};

/* Strings are UTF-8, owned by the struct, NULL where the runtime does not tell. */
struct ipc_process_info {
    uint64_t pid;       /* in the target's own PID namespace */
    uint8_t cookie[16]; /* the runtime's identity: differs between two processes that both are pid 1 */
    char *command_line;
    char *os;
    char *arch;           /* x64, arm64, x86, arm32 */
    char *entry_assembly; /* .NET 7 and later */
    char *clr_version;    /* .NET 7 and later */
    char *rid;            /* .NET 8 and later, linux-musl-x64 */
};

struct ipc_environment {
    size_t count;
    char **entries; /* NAME=value, owned */
};

/* One of many ProcessInfo questions that are asked at the same time. peer is set by the caller; code, why, info are the
 * answer, and info is to be freed when code is MEDIC_OK. The rest is private; zero it. */
struct ipc_query {
    struct ipc_peer peer;
    int code;
    medic_reason why;
    struct ipc_process_info info;
    struct {
        unsigned revision; /* index into the revisions still to try */
        int fd;
        bool connected, done;
        uint8_t head[IPC_HEADER_SIZE];
        uint8_t *body;
        size_t have, size;
    } state;
};

struct ipc_attach {
    uint32_t timeout_ms; /* what the runtime is told; milliseconds on the wire */
    const uint8_t *guid; /* 16 bytes, as a GUID lies in little-endian memory */
    const char *path;    /* of the core, UTF-8, as the target sees it */
    const uint8_t *data; /* client data, may be NULL when size is 0 */
    size_t size;
};

uint64_t ipc_now_ns(void);
uint64_t ipc_deadline(unsigned timeout_ms);

/* Connects to a socket of an opened folder; the file itself must be a socket, no link. *fd is non-blocking, close-on-exec
 * and owned by the caller. MEDIC_E_GONE: stale or vanished; _DENIED; _TIMEOUT: nobody accepts; _UNSAFE: no socket. */
int ipc_connect_at(int dirfd, const char *socket_name, uint64_t deadline_ns, int *fd, medic_reason *why);
/* The same, and checks the owner of the file and the credentials of the listener: MEDIC_E_UNSAFE when others answer. */
int ipc_connect(const struct ipc_peer *peer, uint64_t deadline_ns, int *fd, medic_reason *why);

/* ProcessInfo3, then 2, then 1, each on a new connection. MEDIC_E_UNSUPPORTED: older than .NET 5. */
int ipc_process_info(const struct ipc_peer *peer, uint64_t deadline_ns, struct ipc_process_info *info,
                     medic_reason *why);
void ipc_process_info_free(struct ipc_process_info *info);
/* The same for many at once; returns when all have answered or failed, at the deadline at the latest. */
void ipc_query_all(struct ipc_query *queries, size_t count, uint64_t deadline_ns);

/* The environment the runtime was started with. */
int ipc_environment(const struct ipc_peer *peer, uint64_t deadline_ns, struct ipc_environment *env, medic_reason *why);
void ipc_environment_free(struct ipc_environment *env);

/* Asks the runtime to load a profiler. *hresult (may be NULL) is what it answered, 0 when it never did. After
 * MEDIC_E_TIMEOUT the request is still queued in the target: the profiler may be loaded later. */
int ipc_attach_profiler(const struct ipc_peer *peer, uint64_t deadline_ns, const struct ipc_attach *attach,
                        int32_t *hresult, medic_reason *why);
/* Lets a runtime go on whose start-up was suspended for us; nothing happens when it was not. */
int ipc_resume_runtime(const struct ipc_peer *peer, uint64_t deadline_ns, medic_reason *why);

/* What an HRESULT means: a code, and a sentence with the cure; path names the profiler where it matters, may be NULL. */
int ipc_explain(int32_t hresult, const char *path, medic_reason *why);

/* ---- bytes ---- */

struct ipc_header {
    uint16_t size; /* of the whole message */
    uint16_t command;
};

int ipc_parse_header(const uint8_t *bytes, size_t size, struct ipc_header *header, medic_reason *why);
/* A reply's payload without the header. command: which of the three ProcessInfo commands was asked. */
int ipc_parse_process_info(unsigned command, const uint8_t *payload, size_t size, struct ipc_process_info *info,
                           medic_reason *why);
int ipc_parse_hresult(const uint8_t *payload, size_t size, int32_t *hresult, medic_reason *why);
int ipc_parse_environment(const uint8_t *bytes, size_t size, struct ipc_environment *env, medic_reason *why);
/* Complete messages; *message is owned by the caller (free). */
int ipc_build_message(unsigned command, const uint8_t *payload, size_t size, uint8_t **message, size_t *length,
                      medic_reason *why);
int ipc_build_attach(const struct ipc_attach *attach, uint8_t **message, size_t *length, medic_reason *why);

#endif
