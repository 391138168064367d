/* Connections to a runtime, for the commands of ipc.c and the many questions of ipc_query.c. */
#ifndef TOOL_IPC_PARTS_H
#define TOOL_IPC_PARTS_H

#include "tool/ipc.h"

/* IPC_MORE, beside the codes of medic_result: nothing now, try again. */
enum { IPC_MORE = 1, IPC_RETRY_MS = 2 };

/* Until a deadline, rounded up, so that a poll never spins in the last millisecond. */
int ipc_ms_left(uint64_t deadline);

/* One attempt to connect. IPC_MORE: the listener's queue is full, which gives no event to wait for. */
int ipc_try_connect(const struct ipc_peer *peer, int *fd, medic_reason *why);
/* Sends the whole message. */
int ipc_send(int fd, const uint8_t *message, size_t length, uint64_t deadline, medic_reason *why);
/* Reads what is there, at most size bytes. IPC_MORE: nothing now. An end is MEDIC_E_GONE. */
int ipc_receive(int fd, uint8_t *into, size_t size, size_t *got, medic_reason *why);
int ipc_receive_all(int fd, uint8_t *into, size_t size, uint64_t deadline, medic_reason *why);

/* The sentences for a deadline that has passed: before a connection, and after it. */
int ipc_nobody_accepts(medic_reason *why);
int ipc_no_answer(medic_reason *why);

#endif
