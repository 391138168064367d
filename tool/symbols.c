/* Makes symbols.json in a short-lived child with limits and the rights of the target's user: assemblies, PDBs and ELF files
 * are the target's, and whoever writes them must neither crash the tool nor read with its rights. */
#include "tool/symbols.h"

#include "tool/files.h"
#include "tool/ipc.h"
#include "tool/symbols_resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
#define WORK_NS (10 * SECOND)     /* then no further file is opened */
#define DEADLINE_NS (20 * SECOND) /* then the child is ended */
#define CPU_SECONDS 20
#define MEMORY_BYTES ((rlim_t)3 << 30)
#define OUTPUT_BYTES ((rlim_t)256 << 20)

#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER
#endif
#endif

/* ---- the child ---- */

static void limit(int resource, rlim_t value)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now))
        return;
    if (now.rlim_max != RLIM_INFINITY && value > now.rlim_max)
        value = now.rlim_max;
    now.rlim_cur = now.rlim_max = value;
    setrlimit((__rlimit_resource_t)resource, &now);
}

/* For good. */
static int become(uid_t uid, gid_t gid)
{
    if (geteuid() != 0 || uid == 0)
        return 0;
    return setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid) ? -1 : 0;
}

static _Noreturn void run_child(struct capture *capture, const struct symbols_source *source, int output, pid_t parent)
{
    struct buffer json = {0};
    struct symbols_place place = {open(*source->root ? source->root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (place.root < 0)
        place.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || place.root < 0 || become(source->uid, source->gid))
        _exit(2);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* another user's identity has cleared it */
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, CPU_SECONDS);
    limit(RLIMIT_FSIZE, OUTPUT_BYTES);
#if !defined(ADDRESS_SANITIZER) /* its shadow needs terabytes of addresses */
    limit(RLIMIT_AS, MEMORY_BYTES);
#endif
    if (symbols_resolve(capture, &place, ipc_now_ns() + WORK_NS, &json))
        _exit(3);
    _exit(file_write_all(output, json.bytes, json.size) ? 3 : 0);
}

/* ---- the parent ---- */

/* Whether the child has ended well within its time; it is gone in any case. */
static bool wait_for(pid_t child)
{
    uint64_t deadline = ipc_now_ns() + DEADLINE_NS;
    int status = 0;
    for (;;) {
        pid_t got = waitpid(child, &status, WNOHANG);
        if (got == child)
            return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if ((got < 0 && errno != EINTR) || ipc_now_ns() > deadline)
            break;
        poll(NULL, 0, 2);
    }
    kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return false;
}

static int keep_output(int folder, int output, medic_reason *why)
{
    struct stat about;
    char *bytes = NULL;
    int result = MEDIC_OK;
    if (fstat(output, &about) || about.st_size > (off_t)OUTPUT_BYTES || !(bytes = malloc((size_t)about.st_size + 1)))
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while writing symbols.json");
    if (pread(output, bytes, (size_t)about.st_size, 0) != about.st_size ||
        file_replace_at(folder, SYMBOLS_FILE, bytes, (size_t)about.st_size, 0600))
        result = medic_fail(why, MEDIC_E_IO, "cannot write symbols.json: %s", strerror(errno));
    free(bytes);
    return result;
}

static int make(int folder, struct capture *capture, const struct symbols_source *source, int output, medic_reason *why)
{
    pid_t parent = getpid();
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        run_child(capture, source, output, parent);
    if (child < 0)
        return medic_fail(why, MEDIC_E_FAIL, "cannot start a process that reads symbols: %s", strerror(errno));
    if (!wait_for(child))
        return medic_fail(why, MEDIC_E_FAIL,
                          "the symbols could not be read: the report has no source lines and native names");
    return keep_output(folder, output, why);
}

int symbols_make(int folder, struct capture *capture, const struct symbols_source *source, medic_reason *why)
{
    if (!capture_frame_count(capture))
        return MEDIC_OK;
    int output = memfd_create("symbols", MFD_CLOEXEC);
    if (output < 0)
        return medic_fail(why, MEDIC_E_FAIL, "cannot start a process that reads symbols: %s", strerror(errno));
    int result = make(folder, capture, source, output, why);
    close(output);
    return result;
}
