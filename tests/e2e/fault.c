/* A library to preload: makes chosen calls of libc fail, hang, or run in a faster time. For test_faults.py.
 *
 * The file that FAULT_FILE names is mapped: a generation, then lines of rules, rewritten at any time:
 *
 *     function module match action skip count forked
 *
 * function  its name; alloc: every allocation; site: every allocation that is the first of its chain of callers; speed: action is by how much the clocks run faster
 * module    part of the path of the library or program that calls, - for any
 * match     part of the path that is given or of the open file, =the number= (syscall, fcntl), big or small (alloc), - for any
 * action    an errno; 0: the call returns 0 and has done nothing; -MS: it takes so long
 * skip      how many such calls come through before, count how many do not
 * forked    1: only in a process that has forked off the first
 *
 * How many calls the first rule has struck is counted in the last 8 bytes of the file. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 4096, RULES = 16 };

struct rule {
    char function[24], module[64], match[128];
    long action, skip, count, forked;
    long seen;
};

static const char *file;
static struct rule rules[RULES];
static long generation = -1;
static pid_t first;
static __thread int inside;

__attribute__((constructor)) static void map_file(void)
{
    const char *path = getenv("FAULT_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    first = getpid();
    if (fd >= 0)
        close(fd);
    if (mapped != MAP_FAILED)
        file = mapped;
}

static void read_rules(void)
{
    const char *line = strchr(file, '\n');
    struct rule *rule = rules;
    memset(rules, 0, sizeof rules);
    for (; line && line[1] && rule < rules + RULES; line = strchr(line + 1, '\n'), rule++)
        if (sscanf(line + 1, "%23s %63s %127s %ld %ld %ld %ld", rule->function, rule->module, rule->match,
                   &rule->action, &rule->skip, &rule->count, &rule->forked) != 7)
            break;
    generation = atol(file);
}

static int is_from(const char *module, void *caller)
{
    Dl_info info;
    return *module == '-' || (dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, module));
}

static int fits(struct rule *rule, const char *function, void *caller, const char *match)
{
    return !strcmp(rule->function, function) && (!rule->forked || getpid() != first) &&
           (*rule->match == '-' || (match && strstr(match, rule->match))) && is_from(rule->module, caller);
}

static struct rule *find(const char *function, void *caller, const char *match)
{
    struct rule *found = NULL;
    if (!file || inside || !*file)
        return NULL;
    inside = 1;
    if (atol(file) != generation)
        read_rules();
    for (struct rule *rule = rules; !found && rule < rules + RULES && *rule->function; rule++)
        if (fits(rule, function, caller, match)) {
            long number = __atomic_fetch_add(&rule->seen, 1, __ATOMIC_RELAXED);
            found = number >= rule->skip && number - rule->skip < rule->count ? rule : NULL;
        }
    inside = 0;
    return found;
}

/* Whether the call is not to be made; then errno is set, or 0 for a call that did nothing. */
static int strikes(const char *function, void *caller, const char *match)
{
    int before = errno;
    struct rule *rule = find(function, caller, match);
    errno = before;
    if (!rule)
        return 0;
    if (rule == rules)
        __atomic_fetch_add((long *)(file + SIZE - 8), 1, __ATOMIC_RELAXED);
    if (rule->action >= 0) {
        errno = (int)rule->action;
        return 1;
    }
    usleep((useconds_t)-rule->action * 1000);
    errno = before;
    return 0;
}

#define CALLER __builtin_return_address(0)
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAILED (errno ? -1 : 0)

/* Of an open file; NULL where no rule asks for one. */
static const char *path_of(int fd)
{
    static __thread char path[4096];
    char link[32];
    int before = errno;
    if (!file || !*file)
        return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    path[size > 0 ? size : 0] = '\0';
    errno = before;
    return path;
}

/* ---- memory ---- */

enum { SITES = 1 << 14, DEPTH = 14 };

/* Whether nothing was allocated by these callers before. A child of a fork knows what its parent has seen. */
static int is_new_site(void)
{
    static uint64_t seen[SITES];
    void *callers[DEPTH];
    uint64_t hash = 14695981039346656037u;
    for (int i = 0, count = backtrace(callers, DEPTH); i < count; i++)
        hash = (hash ^ (uint64_t)(uintptr_t)callers[i]) * 1099511628211u;
    for (uint64_t at = hash % SITES;; at = (at + 1) % SITES) {
        if (seen[at] == hash)
            return 0;
        if (!seen[at]) {
            seen[at] = hash;
            return 1;
        }
    }
}

static int starves_by_site(void *caller, const char *kind)
{
    int before = errno, is_new = 0;
    if (inside || strcmp(rules->function, "site") || rules->seen >= rules->skip + rules->count)
        return 0;
    inside = 1; /* the first look allocates */
    is_new = is_from(rules->module, caller) && is_new_site();
    inside = 0;
    errno = before;
    return is_new && strikes("site", caller, kind);
}

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static int starves(void *caller, size_t size)
{
    const char *kind = size < 1000 ? "small" : "big";
    return strikes("alloc", caller, kind) || starves_by_site(caller, kind);
}

void *malloc(size_t size)
{
    return starves(CALLER, size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return starves(CALLER, count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return starves(CALLER, size) ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t count, size_t size)
{
    return starves(CALLER, count * size) ? NULL : __libc_realloc(old, count * size);
}

char *strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = starves(CALLER, size) ? NULL : __libc_malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

/* ---- calls of one shape ---- */

#define PASS(type, name, match, parameters, arguments)                                                                 \
    type name parameters                                                                                               \
    {                                                                                                                  \
        return strikes(#name, CALLER, match) ? (type)FAILED : NEXT(name) arguments;                                    \
    }

PASS(int, fstat, path_of(fd), (int fd, struct stat *about), (fd, about))
PASS(int, fstatat, path, (int at, const char *restrict path, struct stat *restrict about, int flags),
     (at, path, about, flags))
PASS(ssize_t, read, path_of(fd), (int fd, void *out, size_t size), (fd, out, size))
PASS(ssize_t, write, path_of(fd), (int fd, const void *data, size_t size), (fd, data, size))
PASS(ssize_t, pread, path_of(fd), (int fd, void *out, size_t size, off_t at), (fd, out, size, at))
PASS(ssize_t, pwrite, path_of(fd), (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
PASS(ssize_t, send, NULL, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))
PASS(ssize_t, recv, NULL, (int fd, void *out, size_t size, int flags), (fd, out, size, flags))
PASS(int, socket, NULL, (int domain, int type, int protocol), (domain, type, protocol))
PASS(int, connect, NULL, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size))
PASS(int, pipe2, NULL, (int ends[2], int flags), (ends, flags))
PASS(pid_t, fork, NULL, (void), ())
PASS(int, mkdirat, path, (int at, const char *path, mode_t mode), (at, path, mode))
PASS(int, linkat, path, (int at, const char *path, int to, const char *name, int flags), (at, path, to, name, flags))
PASS(int, unlinkat, path, (int at, const char *path, int flags), (at, path, flags))
PASS(int, mkdir, path, (const char *path, mode_t mode), (path, mode))
PASS(int, fsync, path_of(fd), (int fd), (fd))
PASS(ssize_t, copy_file_range, path_of(from),
     (int from, off64_t *at, int to, off64_t *into, size_t size, unsigned flags), (from, at, to, into, size, flags))

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes, void *(*run)(void *),
                   void *restrict argument)
{
    return strikes("pthread_create", CALLER, NULL) ? errno : NEXT(pthread_create)(thread, attributes, run, argument);
}

/* ---- paths ---- */

#define MODE(flags)                                                                                                    \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                             \
        va_list list;                                                                                                  \
        va_start(list, flags);                                                                                         \
        mode = va_arg(list, mode_t);                                                                                   \
        va_end(list);                                                                                                  \
    }

int open(const char *path, int flags, ...)
{
    MODE(flags)
    return strikes("open", CALLER, path) ? -1 : NEXT(open)(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
    MODE(flags)
    return strikes("openat", CALLER, path) ? -1 : NEXT(openat)(at, path, flags, mode);
}

DIR *fdopendir(int fd)
{
    return strikes("fdopendir", CALLER, path_of(fd)) ? NULL : NEXT(fdopendir)(fd);
}

/* ---- calls with a number ---- */

int fcntl(int fd, int command, ...)
{
    char number[16];
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    snprintf(number, sizeof number, "=%d=", command);
    return strikes("fcntl", CALLER, number) ? FAILED : NEXT(fcntl)(fd, command, argument);
}

long syscall(long call, ...)
{
    char number[24];
    long a[6];
    va_list list;
    va_start(list, call);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    snprintf(number, sizeof number, "=%ld=", call);
    return strikes("syscall", CALLER, number) ? FAILED : NEXT(syscall)(call, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- what is told ---- */

/* The peer of a socket is another user's, or cannot be told. */
int getsockopt(int fd, int level, int name, void *restrict out, socklen_t *restrict size)
{
    int code = strikes("getsockopt", CALLER, NULL) ? -1 : NEXT(getsockopt)(fd, level, name, out, size);
    if (!code && name == SO_PEERCRED && strikes("peer", CALLER, NULL))
        ((struct ucred *)out)->uid = 4242;
    return code;
}

int uname(struct utsname *about)
{
    int code = NEXT(uname)(about);
    if (strikes("uname", CALLER, NULL))
        strcpy(about->release, "3.10.0-1160.el7");
    return code;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int64_t begin;
    int code = NEXT(clock_gettime)(clock, now);
    struct rule *rule = clock == CLOCK_MONOTONIC ? find("speed", CALLER, NULL) : NULL;
    if (code || !rule)
        return code;
    int64_t ns = now->tv_sec * INT64_C(1000000000) + now->tv_nsec;
    begin = begin ? begin : ns;
    ns = begin + (ns - begin) * rule->action;
    *now = (struct timespec){ns / 1000000000, ns % 1000000000};
    return 0;
}

/* Shorter by as much. */
int poll(struct pollfd *fds, nfds_t count, int ms)
{
    struct rule *rule = ms > 0 ? find("speed", CALLER, NULL) : NULL;
    return NEXT(poll)(fds, count, rule ? (int)(ms / rule->action) : ms);
}
