#include "core/loader.h"

#include "common/elf_file.h"
#include "common/guid.h"
#include "core/services/services.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void parent_of(const char *path, char parent[CONFIG_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t length = slash && slash != path ? (size_t)(slash - path) : 1;

    memcpy(parent, slash ? path : ".", length);
    parent[length] = '\0';
}

/* Opens file relative to its folder, so that the checks and the folder's rights speak of the same thing. */
static int open_in(int folder, const char *name)
{
    return openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static int is_plugin(int folder, const char *name, const GUID *guid)
{
    struct elf_facts facts;
    int fd = open_in(folder, name);
    int match =
        fd >= 0 && elf_inspect(fd, &facts, NULL) == MEDIC_OK && facts.has_note && guid_equal(&facts.note.guid, guid);

    if (fd >= 0)
        close(fd);
    return match;
}

/* Looks through one folder; found and s->plugin_file hold what earlier folders gave. */
static int search_folder(struct session *s, const char *path, int *found, medic_reason *why)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    int code = MEDIC_OK;

    if (!folder)
        return MEDIC_OK; /* plugins/ need not exist */
    while (code == MEDIC_OK && (entry = readdir(folder)) != NULL) {
        size_t length = strlen(entry->d_name);
        char file[CONFIG_PATH_MAX];

        if (length < 4 || strcmp(entry->d_name + length - 3, ".so") != 0 ||
            !is_plugin(dirfd(folder), entry->d_name, &s->plugin_guid))
            continue;
        if ((size_t)snprintf(file, sizeof file, "%s/%s", path, entry->d_name) >= sizeof file)
            continue;
        if ((*found)++)
            code =
                medic_fail(why, MEDIC_E_AMBIGUOUS, "two plugins have the GUID asked for: %.180s and %.180s; remove one",
                           s->plugin_file, file);
        else
            memcpy(s->plugin_file, file, sizeof file);
    }
    closedir(folder);
    return code;
}

static int search(struct session *s, medic_reason *why)
{
    char here[CONFIG_PATH_MAX], below[CONFIG_PATH_MAX], guid[GUID_TEXT_SIZE];
    int found = 0, code;
    Dl_info own;

    if (!dladdr((void *)&session, &own) || !own.dli_fname || own.dli_fname[0] != '/' ||
        strlen(own.dli_fname) >= CONFIG_PATH_MAX - sizeof "/plugins")
        return medic_fail(why, MEDIC_E_NOT_FOUND,
                          "cannot tell where libmedic.so was loaded from; name the plugin by plugin=");
    parent_of(own.dli_fname, here);
    snprintf(below, sizeof below, "%.1000s/plugins", here);
    code = search_folder(s, here, &found, why);
    if (code == MEDIC_OK)
        code = search_folder(s, below, &found, why);
    if (code != MEDIC_OK || found)
        return code;
    guid_format(&s->plugin_guid, guid);
    return medic_fail(why, MEDIC_E_NOT_FOUND, "no plugin with the GUID %s in %.180s or %.180s", guid, here, below);
}

static int check_file(const struct session *s, struct elf_facts *facts, medic_reason *why)
{
    char folder_path[CONFIG_PATH_MAX];
    int folder, fd, code;

    parent_of(s->plugin_file, folder_path);
    folder = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fd = folder < 0 ? -1 : open_in(folder, strrchr(s->plugin_file, '/') + 1);
    if (fd < 0)
        code = medic_fail(why, MEDIC_E_NOT_FOUND, "cannot open the plugin %.300s: %s", s->plugin_file, strerror(errno));
    else
        code = elf_check_plugin(fd, s->plugin_file, facts, why);
    if (code == MEDIC_OK)
        code = file_check_trusted(folder, fd, s->plugin_file, geteuid(), why);
    if (code == MEDIC_OK && !guid_equal(&facts->note.guid, &s->plugin_guid)) {
        char asked[GUID_TEXT_SIZE], has[GUID_TEXT_SIZE];

        guid_format(&s->plugin_guid, asked);
        guid_format(&facts->note.guid, has);
        code = medic_fail(why, MEDIC_E_ARGUMENT, "the plugin %.250s has the GUID %s, but %s was asked for",
                          s->plugin_file, has, asked);
    }
    if (fd >= 0)
        close(fd);
    if (folder >= 0)
        close(folder);
    return code;
}

int loader_load(struct session *s, medic_reason *why)
{
    struct elf_facts facts;
    medic_plugin_entry_fn entry;
    int code = MEDIC_OK;

    if (s->config.plugin[0])
        memcpy(s->plugin_file, s->config.plugin, sizeof s->plugin_file);
    else
        code = search(s, why);
    if (code == MEDIC_OK)
        code = check_file(s, &facts, why);
    if (code != MEDIC_OK)
        return code;
    s->plugin_library = dlopen(s->plugin_file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    *(void **)&entry = s->plugin_library ? dlsym(s->plugin_library, "medic_plugin_entry") : NULL;
    if (!entry)
        return medic_fail(why, MEDIC_E_CORRUPT, "cannot load the plugin: %.400s", dlerror());
    return plugin_check(entry(), s->plugin_file, &facts.note, 'c', services_have, &s->view, why);
}
