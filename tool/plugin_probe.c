#include "tool/plugin_probe.h"
#include "common/plugin_check.h"
#include "tool/plugin_text.h"

#include <medic/medic.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tool/files.h"

enum {
    CHILDREN = 8,
    DEADLINE_MS = 2000,
    ANSWER_MAGIC = 0x414c504d,
    ANSWER_MAX = 1 << 20,
    OUT_FD = 3, /* descriptors in the child */
    PLUGIN_FD = 4
};

struct answer_head {
    uint32_t magic;
    uint32_t size; /* of what follows: a packed descriptor, or a sentence without NUL */
    int32_t code;
    uint32_t reserved;
};

/* ---- the child ---- */

static int is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(name, names[i]))
            return 1;
    return 0;
}

static int core_has(const char *name)
{
    static const char *const names[] = {MEDIC_SERVICE_PARAMS,  MEDIC_SERVICE_LOG,    MEDIC_SERVICE_CLOCK,
                                        MEDIC_SERVICE_RECORDS, MEDIC_SERVICE_NAMES,  MEDIC_SERVICE_EVENTS,
                                        MEDIC_SERVICE_RUNTIME, MEDIC_SERVICE_STACKS, MEDIC_SERVICE_HEAP};
    return is_one_of(name, names, sizeof names / sizeof *names);
}

static int tool_has(const char *name)
{
    static const char *const names[] = {MEDIC_SERVICE_PARAMS,    MEDIC_SERVICE_LOG,    MEDIC_SERVICE_CAPTURE,
                                        MEDIC_SERVICE_DOCUMENT,  MEDIC_SERVICE_FRAMES, MEDIC_SERVICE_STACK_TREE,
                                        MEDIC_SERVICE_HEAP_GRAPH};
    return is_one_of(name, names, sizeof names / sizeof *names);
}

static _Noreturn void answer(int code, const void *data, size_t size)
{
    struct answer_head head = {ANSWER_MAGIC, (uint32_t)size, code, 0};
    if (!file_write_all(OUT_FD, &head, sizeof head))
        file_write_all(OUT_FD, data, size);
    _exit(0);
}

static _Noreturn void answer_failure(int code, const medic_reason *why)
{
    answer(code, why->text, strlen(why->text));
}

static _Noreturn void load_and_answer(const char *file, const medic_note *note)
{
    medic_reason why = {""};
    struct plugin_view view;
    void *library = dlopen("/proc/self/fd/4", RTLD_NOW | RTLD_LOCAL); /* the very file that was checked */
    void *symbol = library ? dlsym(library, "medic_plugin_entry") : NULL;
    if (!symbol) {
        const char *error = dlerror(), *detail = error ? strstr(error, ": ") : NULL;
        answer_failure(medic_fail(&why, MEDIC_E_CORRUPT, "%s cannot be loaded (%s): build it again, linking libc only",
                                  file, detail ? detail + 2 : "no reason given"),
                       &why);
    }
    medic_plugin_entry_fn entry;
    memcpy(&entry, &symbol, sizeof entry);
    const medic_plugin *raw = entry();
    int code = plugin_check(raw, file, note, 'c', core_has, &view, &why);
    if (code == MEDIC_OK)
        code = plugin_check(raw, file, note, 'r', tool_has, &view, &why);
    if (code != MEDIC_OK)
        answer_failure(code, &why);
    unsigned char *bytes;
    size_t size;
    if (plugin_pack(&view.plugin, &bytes, &size))
        answer_failure(medic_fail(&why, MEDIC_E_MEMORY, "out of memory while reading %s", file), &why);
    answer(MEDIC_OK, bytes, size);
}

/* Nothing of ours but two descriptors is left within reach of the plugin. */
static _Noreturn void run_child(const struct plugin_question *question, int out, pid_t parent)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int high_out = fcntl(out, F_DUPFD, 64), high_plugin = fcntl(question->fd, F_DUPFD, 64);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (dup2(high_out, OUT_FD) < 0 || dup2(high_plugin, PLUGIN_FD) < 0)
        _exit(2);
    close_range(PLUGIN_FD + 1, ~0u, 0);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(2);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_CPU, &(struct rlimit){3, 3});
    const char *slash = strrchr(question->item->path, '/');
    load_and_answer(slash ? slash + 1 : question->item->path, question->note);
}

/* ---- the parent ---- */

struct child {
    pid_t pid; /* 0: a free place */
    int fd;
    int64_t deadline_ms;
    struct plugin_info *item;
    unsigned char *bytes;
    size_t size;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void start_child(struct child *child, const struct plugin_question *question)
{
    struct plugin_info *item = question->item;
    int ends[2];
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC)) {
        item->code = medic_fail(&item->reason, MEDIC_E_FAIL, "cannot read %s: %s", item->path, strerror(errno));
        return;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        run_child(question, ends[1], parent);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        item->code = medic_fail(&item->reason, MEDIC_E_FAIL, "cannot start a process to read %s: %s", item->path,
                                strerror(errno));
        return;
    }
    setpgid(pid, pid);
    *child = (struct child){.pid = pid, .fd = ends[0], .deadline_ms = now_ms() + DEADLINE_MS, .item = item};
}

/* Ends the child if it still runs. Its wait status, or -1 when it had to be ended. */
static int reap(struct child *child)
{
    int status = 0;
    for (;;) {
        pid_t got = waitpid(child->pid, &status, WNOHANG);
        if (got == child->pid)
            return status;
        if ((got < 0 && errno != EINTR) || now_ms() >= child->deadline_ms)
            break;
        poll(NULL, 0, 1); /* it has closed its pipe: it ends within the millisecond, or hangs */
    }
    kill(-child->pid, SIGKILL);
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
    }
    return -1;
}

static const char *signal_name(int number, char *room, size_t size)
{
#ifdef __GLIBC__
    const char *abbreviation = sigabbrev_np(number);
    snprintf(room, size, "SIG%s", abbreviation ? abbreviation : "?");
#else
    snprintf(room, size, "signal %d", number);
#endif
    return room;
}

static void judge_silence(struct plugin_info *item, int status)
{
    char room[32];
    if (status == -1)
        item->code = medic_fail(&item->reason, MEDIC_E_TIMEOUT,
                                "%s did not describe itself within %d s: its medic_plugin_entry must return at once",
                                item->path, DEADLINE_MS / 1000);
    else if (WIFSIGNALED(status))
        item->code = medic_fail(&item->reason, MEDIC_E_CORRUPT,
                                "%s crashed with %s while it was read: build it again, or remove it", item->path,
                                signal_name(WTERMSIG(status), room, sizeof room));
    else
        item->code = medic_fail(
            &item->reason, MEDIC_E_CORRUPT,
            "%s ended the process that read it (exit code %d): its medic_plugin_entry must only return a table",
            item->path, WEXITSTATUS(status));
}

/* Whether a whole answer has come; then head is filled. */
static bool is_complete(const struct child *child, struct answer_head *head)
{
    if (child->size < sizeof *head)
        return false;
    memcpy(head, child->bytes, sizeof *head);
    return head->magic == ANSWER_MAGIC && head->size <= ANSWER_MAX && child->size >= sizeof *head + head->size;
}

static void judge_answer(struct child *child, const struct answer_head *head)
{
    struct plugin_info *item = child->item;
    const unsigned char *data = child->bytes + sizeof *head;
    if (head->code != MEDIC_OK)
        item->code = medic_fail(&item->reason, head->code < 0 ? head->code : MEDIC_E_FAIL, "%.*s", (int)head->size,
                                (const char *)data);
    else if ((item->code = plugin_unpack(data, head->size, &item->descriptor)) == MEDIC_E_MEMORY)
        medic_fail(&item->reason, item->code, "out of memory while reading %s", item->path);
    else if (item->code != MEDIC_OK)
        medic_fail(&item->reason, item->code, "the descriptor of %s cannot be read", item->path);
}

static void finish_child(struct child *child)
{
    struct answer_head head;
    bool complete = is_complete(child, &head);
    if (complete)
        child->deadline_ms = 0; /* all that we wanted is here */
    close(child->fd);
    int status = reap(child);
    if (complete)
        judge_answer(child, &head);
    else
        judge_silence(child->item, status);
    free(child->bytes);
    *child = (struct child){0};
}

/* Whether the child has nothing more to say. */
static bool read_child(struct child *child)
{
    struct answer_head head;
    enum { CHUNK = 16 * 1024 };
    unsigned char *bytes = child->size > ANSWER_MAX ? NULL : realloc(child->bytes, child->size + CHUNK);
    if (!bytes)
        return true;
    child->bytes = bytes;
    ssize_t got = read(child->fd, bytes + child->size, CHUNK);
    if (got < 0)
        return errno != EINTR && errno != EAGAIN;
    child->size += (size_t)got;
    return got == 0 || is_complete(child, &head);
}

static void wait_children(struct child *children)
{
    struct pollfd polls[CHILDREN];
    int64_t now = now_ms(), wait = DEADLINE_MS;
    for (size_t i = 0; i < CHILDREN; i++) {
        polls[i] = (struct pollfd){.fd = children[i].pid ? children[i].fd : -1, .events = POLLIN};
        if (children[i].pid && children[i].deadline_ms - now < wait)
            wait = children[i].deadline_ms - now;
    }
    if (poll(polls, CHILDREN, wait < 0 ? 0 : (int)wait) < 0 && errno != EINTR)
        return;
    now = now_ms();
    for (size_t i = 0; i < CHILDREN; i++) {
        struct child *child = &children[i];
        if (child->pid && ((polls[i].revents && read_child(child)) || now >= child->deadline_ms))
            finish_child(child);
    }
}

void plugin_probe(const struct plugin_question *questions, size_t count)
{
    struct child children[CHILDREN] = {{0}};
    size_t next = 0;
    for (;;) {
        bool busy = false;
        for (size_t i = 0; i < CHILDREN; i++) {
            while (!children[i].pid && next < count)
                start_child(&children[i], &questions[next++]);
            busy |= children[i].pid != 0;
        }
        if (!busy)
            return;
        wait_children(children);
    }
}
