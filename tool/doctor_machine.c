/* The machine and the installation: see doctor.h. */
#include "tool/attach.h"
#include "tool/doctor.h"
#include "tool/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MB (UINT64_C(1) << 20)
#define LITTLE (100 * MB)
enum { ANSWER_MS = 1000 };
enum { CAP_DAC = 1, CAP_GID = 6, CAP_UID = 7, CAP_PTRACE = 19 };

/* ---- the system ---- */

static void check_system(struct doctor *doctor)
{
    struct utsname about;
    unsigned major = 0, minor = 0;
    uname(&about);
    if (sscanf(about.release, "%u.%u", &major, &minor) == 2 && (major < 4 || (major == 4 && minor < 4)))
        doctor_add(doctor, "kernel", DOCTOR_WARNING, "update it to 4.4 or later",
                   "Linux %.60s is older than what .NET 8 and Medic are tested on", about.release);
    else
        doctor_add(doctor, "kernel", DOCTOR_OK, NULL, "Linux %.60s on %.20s", about.release, about.machine);
#if !defined(__x86_64__)
    doctor_add(doctor, "arch", DOCTOR_WARNING, NULL, "this build for %.20s has not been tried on a live runtime",
               about.machine);
#endif
}

static bool has_capability(unsigned number)
{
    int self = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *text = self < 0 ? NULL : proc_read_file(self, "status", NULL);
    const char *set = text ? doctor_field(text, "CapEff") : NULL;
    bool has = set && strtoull(set, NULL, 16) >> number & 1;
    free(text);
    if (self >= 0)
        close(self);
    return has;
}

static void check_user(struct doctor *doctor)
{
    if (geteuid() != 0) {
        doctor_add(doctor, "user", DOCTOR_OK, NULL,
                   "uid %u: programs of this user can be attached to; those of others need root", geteuid());
        return;
    }
    char missing[120] = "";
    static const struct {
        unsigned number;
        const char *name;
    } needed[] = {{CAP_PTRACE, "CAP_SYS_PTRACE"},
                  {CAP_DAC, "CAP_DAC_OVERRIDE"},
                  {CAP_UID, "CAP_SETUID"},
                  {CAP_GID, "CAP_SETGID"}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!has_capability(needed[i].number))
            snprintf(missing + strlen(missing), sizeof missing - strlen(missing), "%s%s", *missing ? ", " : "",
                     needed[i].name);
    if (*missing)
        doctor_add(doctor, "user", DOCTOR_WARNING, "give this container or service those capabilities",
                   "root without %s: programs of other users are out of reach", missing);
    else
        doctor_add(doctor, "user", DOCTOR_OK, NULL, "root, with what it takes for programs of every user");
}

/* ---- the installation ---- */

static void check_core(struct doctor *doctor)
{
    char path[PATH_MAX];
    medic_reason why = {""};
    int code = attach_find_core(path, &why);
    if (code == MEDIC_OK)
        code = attach_check_core(path, &why);
    if (code == MEDIC_OK)
        doctor_add(doctor, "core", DOCTOR_OK, NULL, "%.300s is whole, and only you or root can change it", path);
    else
        doctor_problem(doctor, "core", code, NULL, "%s", why.text);
}

static void check_plugins(struct doctor *doctor)
{
    struct plugin_list list;
    medic_reason why = {""};
    char names[200] = "";
    size_t usable = 0;
    if (plugins_load(&list, &why) != MEDIC_OK) {
        doctor_problem(doctor, "profilers", MEDIC_E_MEMORY, NULL, "%s", why.text);
        return;
    }
    for (size_t i = 0; i < list.count; i++) {
        const struct plugin_info *item = list.items[i];
        size_t used = strlen(names);
        if (item->code != MEDIC_OK || item->shadowed)
            continue;
        usable++;
        if (used + MEDIC_NAME_MAX < sizeof names)
            snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", item->name);
    }
    if (usable)
        doctor_add(doctor, "profilers", DOCTOR_OK, NULL, "%zu usable: %s", usable, names);
    else
        doctor_problem(doctor, "profilers", MEDIC_E_NOT_FOUND,
                       "install one into a plugin folder, or set MEDIC_PLUGINS to where they are",
                       "no usable profiler in %zu plugin folder%s", list.folder_count,
                       list.folder_count == 1 ? "" : "s");
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i]->code != MEDIC_OK && !list.items[i]->shadowed)
            doctor_add(doctor, "profilers", DOCTOR_WARNING, NULL, "%.390s", list.items[i]->reason.text);
    plugins_free(&list);
}

/* ---- folders ---- */

/* The folder itself, or the nearest one above that exists: what is missing will be made there. */
static void nearest_existing(const char *path, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s", path);
    while (access(out, F_OK) && errno == ENOENT) {
        char *slash = strrchr(out, '/');
        if (!slash || slash == out) {
            snprintf(out, PATH_MAX, "/");
            return;
        }
        *slash = '\0';
    }
}

static int count_one(void *context, struct store_session *session)
{
    struct {
        unsigned count;
        uint64_t bytes;
    } *sum = context;
    sum->count++;
    sum->bytes += session->store->operations->size(session);
    return MEDIC_OK;
}

static void check_store(struct doctor *doctor, struct store *store)
{
    char place[PATH_MAX], free_text[32], used[32];
    struct statvfs about;
    struct {
        unsigned count;
        uint64_t bytes;
    } sum = {0, 0};
    if (!*store->root) {
        doctor_problem(doctor, "store", MEDIC_E_NOT_FOUND,
                       "set HOME or XDG_STATE_HOME, or give each attach a folder with -o",
                       "there is no home folder for sessions");
        return;
    }
    nearest_existing(store->root, place);
    if (faccessat(AT_FDCWD, place, W_OK | X_OK, AT_EACCESS)) {
        doctor_problem(doctor, "store", MEDIC_E_DENIED, "make it writable, or choose another folder with -o",
                       "sessions are kept in %.250s, which cannot be written to: %s", store->root, strerror(errno));
        return;
    }
    uint64_t room = statvfs(place, &about) ? UINT64_MAX : (uint64_t)about.f_bavail * about.f_frsize;
    store->operations->list(store, count_one, &sum, NULL);
    if (room < MB)
        doctor_problem(doctor, "store", MEDIC_E_IO, "free some, or choose another folder with -o",
                       "the disk of %.250s is full", store->root);
    else
        doctor_add(doctor, "store", room < LITTLE ? DOCTOR_WARNING : DOCTOR_OK,
                   room < LITTLE ? "free some: a large capture will not fit" : NULL,
                   "%.200s: %u session%s, %s; %s free", store->root, sum.count, sum.count == 1 ? "" : "s",
                   doctor_bytes(sum.bytes, used), doctor_bytes(room, free_text));
}

static void check_tmp(struct doctor *doctor)
{
    const char *tmp = getenv("TMPDIR");
    char text[32];
    struct statvfs about;
    tmp = tmp && *tmp ? tmp : "/tmp";
    if (statvfs(tmp, &about)) {
        doctor_add(doctor, "tmp", DOCTOR_WARNING, "programs that start with it cannot be attached to: create it",
                   "the temporary folder %.200s: %s", tmp, strerror(errno));
        return;
    }
    uint64_t room = (uint64_t)about.f_bavail * about.f_frsize;
    bool closed = faccessat(AT_FDCWD, tmp, W_OK | X_OK, AT_EACCESS) != 0, noexec = about.f_flag & ST_NOEXEC;
    if (closed)
        doctor_add(doctor, "tmp", DOCTOR_WARNING, "programs that start with it make no socket: make it writable",
                   "the temporary folder %.200s cannot be written to", tmp);
    else if (noexec)
        doctor_add(doctor, "tmp", DOCTOR_OK, NULL, "%.200s is mounted noexec: libraries go to /dev/shm; %s free", tmp,
                   doctor_bytes(room, text));
    else
        doctor_add(doctor, "tmp", room < LITTLE ? DOCTOR_WARNING : DOCTOR_OK,
                   room < LITTLE ? "free some: captures are written there first" : NULL,
                   "%.200s is writable, files can be executed there, %s free", tmp, doctor_bytes(room, text));
}

/* ---- the programs ---- */

static void check_programs(struct doctor *doctor)
{
    struct target_list list;
    medic_reason why = {""};
    size_t attachable = 0;
    int code = target_list(&list, ANSWER_MS, &why);
    if (code != MEDIC_OK) {
        doctor_problem(doctor, "programs", code, NULL, "%s", why.text);
        return;
    }
    for (size_t i = 0; i < list.count; i++)
        attachable += list.items[i].attachable;
    if (list.count && !attachable)
        doctor_add(doctor, "programs", DOCTOR_WARNING, "`medic ps` says why, `medic doctor PID` more",
                   "none of %zu .NET programs can be attached to", list.count);
    else if (list.count)
        doctor_add(doctor, "programs", DOCTOR_OK, NULL, "%zu of %zu .NET programs can be attached to", attachable,
                   list.count);
    else
        doctor_add(doctor, "programs", DOCTOR_OK, NULL, "no .NET program runs here that this user can see");
    target_list_free(&list);
}

void doctor_machine(struct doctor *doctor, struct store *store)
{
    check_system(doctor);
    check_user(doctor);
    check_core(doctor);
    check_plugins(doctor);
    check_store(doctor, store);
    check_tmp(doctor);
    check_programs(doctor);
}
