/* Threads of Medic in the target: detached, all signals blocked, so that no handler of the program ever runs on them. They
 * end by returning: pthread_exit would load libgcc_s. */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include <stddef.h>
#include <stdint.h>

/* 0, or an errno. run begins with thread_name. */
int thread_start(void *(*run)(void *), void *argument);
/* Names the calling thread, at most 15 bytes. */
void thread_name(const char *name);
/* What /proc/self/task/<os_id>/<file> holds, as far as there is room: its length, 0 when the thread has gone. No NUL is added. */
uint32_t thread_read_file(uint32_t os_id, const char *file, char *text, size_t room);
/* The name of a thread of this process, as Linux knows it: its length, 0 when the thread has gone. No NUL is added. */
uint32_t thread_read_name(uint32_t os_id, char *name, size_t room);
/* Whether this Linux tid is of a thread that was started here and has not ended. [any thread] */
int thread_is_own(uint32_t tid);

#endif
