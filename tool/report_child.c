#include "tool/report_child.h"

#include "common/elf_file.h"
#include "common/guid.h"
#include "common/plugin_check.h"
#include "tool/document_json.h"
#include "tool/files.h"
#include "tool/report_host.h"
#include "tool/store.h"

#include <medic/session.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Descriptors in the child; the folder of the session and the way back are all it keeps. */
enum { FOLDER_FD = 3, ANSWER_FD = 4 };

#define CPU_SECONDS 120
#define MEMORY_BYTES ((rlim_t)8 << 30)

/* --- the plugin --- */

static int open_folder_of(const char *file)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(file, '/');
    size_t size = slash ? (size_t)(slash - file) : 0;
    if (size >= sizeof folder)
        return -1;
    memcpy(folder, file, size);
    folder[size] = '\0';
    return open(slash ? (size ? folder : "/") : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Opens and checks the file, before anything of it is loaded. The descriptor, or an error code. */
static int open_plugin(const char *file, struct elf_facts *facts, medic_reason *why)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return medic_fail(why, errno == ENOENT ? MEDIC_E_NOT_FOUND : MEDIC_E_IO, "cannot open the plugin %s: %s", file,
                          strerror(errno));
    int dirfd = open_folder_of(file);
    int result =
        dirfd < 0 ? medic_fail(why, MEDIC_E_IO, "cannot open the folder of %s: %s", file, strerror(errno)) : MEDIC_OK;
    if (!result)
        result = file_check_trusted(dirfd, fd, file, geteuid(), why);
    if (!result)
        result = elf_check_plugin(fd, file, facts, why);
    if (dirfd >= 0)
        close(dirfd);
    if (!result)
        return fd;
    close(fd);
    return result;
}

static int load_plugin(const char *file, struct plugin_view *view, medic_reason *why)
{
    struct elf_facts facts;
    char path[64];
    int fd = open_plugin(file, &facts, why);
    if (fd < 0)
        return fd;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd); /* the very file that was checked */
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, "medic_plugin_entry") : NULL;
    if (!symbol) {
        const char *error = dlerror(), *detail = error ? strstr(error, ": ") : NULL;
        return medic_fail(why, MEDIC_E_CORRUPT, "%s cannot be loaded (%s): build it again, linking libc only", file,
                          detail ? detail + 2 : "no reason given");
    }
    medic_plugin_entry_fn entry;
    memcpy(&entry, &symbol, sizeof entry);
    return plugin_check(entry(), file, &facts.note, 'r', report_has_service, view, why);
}

static int check_matches(const struct capture *capture, const medic_plugin *plugin, const char *file, medic_reason *why)
{
    char made_by[GUID_TEXT_SIZE], is[GUID_TEXT_SIZE];
    if (guid_equal(&capture_header(capture)->plugin_guid, &plugin->guid))
        return MEDIC_OK;
    guid_format(&capture_header(capture)->plugin_guid, made_by);
    guid_format(&plugin->guid, is);
    return medic_fail(why, MEDIC_E_ARGUMENT, "the capture was made by the profiler %s, but %s is %s (%s)", made_by,
                      file, plugin->name, is);
}

/* --- the report --- */

static int open_capture(struct capture **capture, medic_reason *why)
{
    int fd = openat(FOLDER_FD, MEDIC_CAPTURE_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return medic_fail(why, errno == ENOENT ? MEDIC_E_NOT_FOUND : MEDIC_E_IO,
                          errno == ENOENT ? "there is no " MEDIC_CAPTURE_FILE " in the session folder: %s"
                                          : "cannot open " MEDIC_CAPTURE_FILE ": %s",
                          strerror(errno));
    return capture_open(fd, capture, why);
}

static int write_document(const struct document *document, medic_reason *why)
{
    struct buffer json = {0};
    int result = document_to_json(document, &json, why);
    if (!result && file_replace_at(FOLDER_FD, STORE_REPORT_FILE, json.bytes, json.size, 0600))
        result = medic_fail(why, MEDIC_E_IO, "cannot write " STORE_REPORT_FILE ": %s", strerror(errno));
    buffer_free(&json);
    return result;
}

/* The plugin's fault, and nobody's who asked for the report: neither a wrong argument nor a missing right of theirs. */
static int fault_of_plugin(int code)
{
    return code == MEDIC_E_MEMORY ? code : MEDIC_E_CORRUPT;
}

static int render(const struct plugin_view *view, struct report_host *host, const char *file, medic_reason *why)
{
    medic_reason reason = {""};
    report_describe(host, FOLDER_FD);
    int result = view->report.render(&host->host, &reason);
    reason.text[sizeof reason.text - 1] = '\0';
    if (result && host->document->error) { /* what a service could not do says more than what the plugin makes of it */
        result = host->document->error;
        reason = host->document->reason;
    }
    if (result)
        return medic_fail(why, fault_of_plugin(result), "the report half of %s failed: %.400s", file,
                          reason.text[0] ? reason.text : "it gave no reason");
    report_describe_log(host);
    result = document_finish(host->document, &reason);
    if (result)
        return medic_fail(why, fault_of_plugin(result), "the report half of %s wrote a bad document: %.400s", file,
                          reason.text);
    return write_document(host->document, why);
}

static int make(const char *file, medic_reason *why)
{
    static struct plugin_view view; /* the process ends when it is used up: nothing is freed here */
    struct capture *capture = NULL;
    struct symbols *symbols = NULL;
    struct report_host host;
    int result = load_plugin(file, &view, why);
    if (!result)
        result = open_capture(&capture, why);
    if (!result)
        result = check_matches(capture, &view.plugin, file, why);
    struct document *document = result ? NULL : document_new();
    if (!result && !document)
        result = medic_fail(why, MEDIC_E_MEMORY, "out of memory while making the report");
    if (!result && symbols_open(FOLDER_FD, &symbols, why))
        symbols = NULL; /* damage there costs lines and native names, not the report */
    if (!result)
        result = report_host_init(&host, capture, symbols, document, &view.plugin, why);
    return result ? result : render(&view, &host, file, why);
}

/* --- the process --- */

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

static void set_limits(void)
{
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, CPU_SECONDS);
#if !defined(__SANITIZE_ADDRESS__) /* its shadow needs terabytes of addresses */
    limit(RLIMIT_AS, MEMORY_BYTES);
#endif
}

static int keep_two_descriptors(int dirfd, int answer)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int high_folder = fcntl(dirfd, F_DUPFD, 64), high_answer = fcntl(answer, F_DUPFD, 64);
    if (null < 0 || high_folder < 0 || high_answer < 0)
        return -1;
    for (int fd = 0; fd < 3; fd++)
        if (dup2(null, fd) < 0)
            return -1;
    if (dup2(high_folder, FOLDER_FD) < 0 || dup2(high_answer, ANSWER_FD) < 0)
        return -1;
    close_range(ANSWER_FD + 1, ~0u, 0);
    return 0;
}

static void reset_signals(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void report_child(int dirfd, int answer_fd, const char *plugin_file, pid_t parent)
{
    struct report_answer answer = {.magic = REPORT_ANSWER_MAGIC};
    if (keep_two_descriptors(dirfd, answer_fd))
        _exit(2);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(2);
    reset_signals();
    set_limits();
    answer.code = make(plugin_file, &answer.reason);
    file_write_all(ANSWER_FD, &answer, sizeof answer);
    _exit(0);
}
