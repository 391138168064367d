/* Thin wrappers over system calls that glibc 2.23 does not have, or that must be safe in any callback. */
#ifndef CORE_OS_H
#define CORE_OS_H

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t os_time_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* The clock of a thread's CPU time, by the kernel's own number for it: CPUCLOCK_PERTHREAD_MASK 4 | CPUCLOCK_SCHED 2. */
static inline clockid_t os_thread_clock(uint32_t os_id)
{
    return (clockid_t)(~os_id << 3 | 6u);
}

static inline uint64_t os_now_ns(void)
{
    return os_time_ns(CLOCK_MONOTONIC);
}

static inline uint32_t os_thread_id(void)
{
    return (uint32_t)syscall(SYS_gettid);
}

static inline uint32_t os_process_id(void)
{
    return (uint32_t)syscall(SYS_getpid);
}

static inline void os_sleep_ns(uint64_t ns)
{
    struct timespec t = {(time_t)(ns / UINT64_C(1000000000)), (long)(ns % UINT64_C(1000000000))};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* Sleeps while *word is value, at most timeout_ns. */
static inline void os_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
    struct timespec t = {(time_t)(timeout_ns / UINT64_C(1000000000)), (long)(timeout_ns % UINT64_C(1000000000))};
    syscall(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, value, &t, NULL, 0);
}

/* Async-signal-safe; keeps errno. */
static inline void os_futex_wake(_Atomic uint32_t *word)
{
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX, NULL, NULL, 0);
    errno = saved;
}

#endif
