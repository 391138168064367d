#include "tool/plugins.h"
#include "common/elf_file.h"
#include "common/guid.h"
#include "common/value.h"
#include "tool/nearest.h"
#include "tool/plugin_probe.h"
#include "tool/plugin_text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDERS_MAX = 32 };

/* An item on its way: what is known of it before its child has answered. */
struct candidate {
    struct plugin_info *item;
    int fd;
    medic_note note;
    size_t rank; /* of its folder */
};

struct search {
    struct candidate *all;
    size_t count, room;
};

/* ---- one file ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Opens the file a path resolves to, checks it and its folder, reads its note. The folder that holds a link is
 * checked as well: who can write there chooses what is loaded. */
static int inspect(struct candidate *candidate, const char *path)
{
    struct plugin_info *item = candidate->item;
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", item->path);
    *strrchr(folder, '/') = '\0';
    int dirfd = open(*folder ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    candidate->fd =
        dirfd < 0 ? -1 : openat(dirfd, base_name(item->path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (candidate->fd < 0) {
        int error = errno;
        if (dirfd >= 0)
            close(dirfd);
        return medic_fail(&item->reason, error == EACCES ? MEDIC_E_DENIED : MEDIC_E_IO, "cannot open %s: %s",
                          item->path, strerror(error));
    }
    struct elf_facts facts = {0};
    struct stat about;
    int code = MEDIC_OK;
    if (fstat(candidate->fd, &about) || !S_ISREG(about.st_mode))
        code = medic_fail(&item->reason, MEDIC_E_CORRUPT, "%s is not a regular file", item->path);
    if (code == MEDIC_OK)
        code = elf_check_plugin(candidate->fd, item->path, &facts, &item->reason);
    if (facts.has_note) {
        candidate->note = facts.note;
        item->named = true;
        item->guid = facts.note.guid;
        snprintf(item->name, sizeof item->name, "%.*s", MEDIC_NAME_MAX - 1, facts.note.name);
    }
    if (code == MEDIC_OK)
        code = file_check_trusted(dirfd, candidate->fd, item->path, geteuid(), &item->reason);
    close(dirfd);
    if (code == MEDIC_OK && strcmp(path, item->path)) { /* reached through a link */
        snprintf(folder, sizeof folder, "%.*s", (int)(base_name(path) - path), path);
        dirfd = open(*folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dirfd >= 0) {
            code = file_check_trusted(dirfd, candidate->fd, path, geteuid(), &item->reason);
            close(dirfd);
        }
    }
    return code;
}

/* Adds a file; false: no memory. */
static bool add(struct search *search, const char *path, const char *folder, size_t rank)
{
    if (search->count == search->room) {
        size_t room = search->room ? search->room * 2 : 16;
        struct candidate *all = realloc(search->all, room * sizeof *all);
        if (!all)
            return false;
        search->all = all;
        search->room = room;
    }
    struct plugin_info *item = calloc(1, sizeof *item);
    if (!item)
        return false;
    char *resolved = realpath(path, NULL);
    int error = errno;
    item->path = resolved ? resolved : strdup(path);
    item->folder = folder ? strdup(folder) : NULL;
    if (!item->path || (folder && !item->folder)) {
        free(item->path);
        free(item->folder);
        free(item);
        return false;
    }
    struct candidate *candidate = &search->all[search->count++];
    *candidate = (struct candidate){.item = item, .fd = -1, .rank = rank};
    if (!resolved)
        item->code = medic_fail(&item->reason, error == ENOENT ? MEDIC_E_NOT_FOUND : MEDIC_E_IO, "cannot open %s: %s",
                                path, strerror(error));
    else
        item->code = inspect(candidate, path);
    return true;
}

static bool add_folder(struct search *search, const char *folder, size_t rank)
{
    DIR *entries = opendir(folder);
    bool fits = true;
    if (!entries)
        return true;
    for (struct dirent *entry; fits && (entry = readdir(entries));) {
        size_t size = strlen(entry->d_name);
        char path[PATH_MAX];
        if (size < 4 || strcmp(entry->d_name + size - 3, ".so") || entry->d_name[0] == '.')
            continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path)
            fits = add(search, path, folder, rank);
    }
    closedir(entries);
    return fits;
}

/* Lets the children read what passed so far, and closes the files. */
static bool probe_all(struct search *search)
{
    struct plugin_question *questions = calloc(search->count + 1, sizeof *questions);
    size_t count = 0;
    for (size_t i = 0; questions && i < search->count; i++) {
        struct candidate *candidate = &search->all[i];
        if (candidate->item->code == MEDIC_OK)
            questions[count++] = (struct plugin_question){candidate->item, candidate->fd, &candidate->note};
    }
    if (questions)
        plugin_probe(questions, count);
    for (size_t i = 0; i < search->count; i++)
        if (search->all[i].fd >= 0)
            close(search->all[i].fd);
    free(questions);
    return questions != NULL;
}

/* ---- many files ---- */

static void refuse_pair(struct plugin_info *item, const struct plugin_info *other, const char *what)
{
    item->code = medic_fail(&item->reason, MEDIC_E_AMBIGUOUS, "%s and %s have the same %s: remove one of them",
                            item->path, other->path, what);
}

static bool is_candidate(const struct candidate *candidate)
{
    return candidate->item->descriptor.magic && !candidate->item->shadowed;
}

/* The same plugin in two folders, or a file and a link to it: the earlier one is used. */
static void shadow(struct candidate *a, struct candidate *b)
{
    if ((a->rank != b->rank || !strcmp(a->item->path, b->item->path)) && !strcmp(a->item->name, b->item->name) &&
        guid_equal(&a->item->guid, &b->item->guid))
        (a->rank <= b->rank ? b : a)->item->shadowed = true;
}

/* Two that cannot be told apart: neither is used. */
static void refuse_twins(struct candidate *a, struct candidate *b)
{
    bool name = !strcmp(a->item->name, b->item->name), guid = guid_equal(&a->item->guid, &b->item->guid);
    const char *what = name && guid ? "name and GUID" : name ? "name" : "GUID";
    if (!name && !guid)
        return;
    refuse_pair(a->item, b->item, what);
    refuse_pair(b->item, a->item, what);
}

static void for_pairs(struct search *search, void (*judge)(struct candidate *, struct candidate *))
{
    for (size_t i = 0; i < search->count; i++)
        for (size_t j = i + 1; j < search->count; j++)
            if (is_candidate(&search->all[i]) && is_candidate(&search->all[j]))
                judge(&search->all[i], &search->all[j]);
}

static int by_name(const void *left, const void *right)
{
    const struct plugin_info *a = *(struct plugin_info *const *)left, *b = *(struct plugin_info *const *)right;
    if (a->named != b->named)
        return a->named ? -1 : 1;
    int order = strcmp(a->name, b->name);
    return order ? order : strcmp(a->path, b->path);
}

static bool same_folder(const char *a, const char *b)
{
    struct stat first, second;
    return !strcmp(a, b) ||
           (!stat(a, &first) && !stat(b, &second) && first.st_dev == second.st_dev && first.st_ino == second.st_ino);
}

static bool keep_folder(struct plugin_list *list, const char *folder)
{
    for (size_t i = 0; i < list->folder_count; i++)
        if (same_folder(folder, list->folders[i]))
            return true;
    struct stat about;
    if (stat(folder, &about) || !S_ISDIR(about.st_mode))
        return true;
    list->folders[list->folder_count] = strdup(folder);
    return list->folders[list->folder_count++] != NULL;
}

/* Moves the items into the list. */
static bool take(struct plugin_list *list, struct search *search)
{
    struct plugin_info **items = realloc(list->items, (list->count + search->count + 1) * sizeof *items);
    if (!items)
        return false;
    list->items = items;
    for (size_t i = 0; i < search->count; i++)
        items[list->count++] = search->all[i].item;
    search->count = 0;
    return true;
}

static void search_free(struct search *search);

int plugins_load_from(struct plugin_list *list, const char *const *folders, size_t count, medic_reason *why)
{
    struct search search = {0};
    *list = (struct plugin_list){.folders = calloc(count + 1, sizeof(char *))};
    bool good = list->folders != NULL;
    for (size_t i = 0; good && i < count; i++)
        good = keep_folder(list, folders[i]);
    for (size_t i = 0; good && i < list->folder_count; i++)
        good = add_folder(&search, list->folders[i], i);
    good = good && probe_all(&search);
    if (good) {
        for_pairs(&search, shadow); /* first: what nobody can reach clashes with nothing */
        for_pairs(&search, refuse_twins);
        good = take(list, &search);
    }
    search_free(&search);
    if (!good) {
        plugins_free(list);
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while listing the profilers");
    }
    qsort(list->items, list->count, sizeof *list->items, by_name);
    return MEDIC_OK;
}

/* ---- folders ---- */

struct folder_texts {
    char *texts[FOLDERS_MAX];
    size_t count;
};

static void add_text(struct folder_texts *folders, const char *format, const char *value, size_t size)
{
    if (folders->count < FOLDERS_MAX && asprintf(&folders->texts[folders->count], format, (int)size, value) > 0)
        folders->count++;
}

static void add_colon_list(struct folder_texts *folders, const char *list)
{
    while (list && *list) {
        size_t size = strcspn(list, ":");
        if (size)
            add_text(folders, "%.*s", list, size);
        list += size + (list[size] == ':');
    }
}

/* The folder of a build; beside an installed medic lib/plugins is somebody else's. */
static bool is_build(const char *exe, size_t folder)
{
    char core[PATH_MAX];
    return snprintf(core, sizeof core, "%.*s../lib/libmedic.so", (int)folder, exe) < (int)sizeof core &&
           !access(core, F_OK);
}

int plugins_load(struct plugin_list *list, medic_reason *why)
{
    struct folder_texts folders = {.count = 0};
    char exe[PATH_MAX];
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    add_colon_list(&folders, getenv("MEDIC_PLUGINS"));
    ssize_t size = readlink("/proc/self/exe", exe, sizeof exe);
    if (size > 0 && (size_t)size < sizeof exe) {
        exe[size] = '\0';
        size_t folder = (size_t)(base_name(exe) - exe);
        if (is_build(exe, folder))
            add_text(&folders, "%.*s../lib/plugins", exe, folder);
        add_text(&folders, "%.*s../lib/medic/plugins", exe, folder);
    }
    if (data && *data == '/')
        add_text(&folders, "%.*s/medic/plugins", data, strlen(data));
    else if (home && *home == '/')
        add_text(&folders, "%.*s/.local/share/medic/plugins", home, strlen(home));
    add_text(&folders, "%.*s", "/usr/local/lib/medic/plugins", INT_MAX);
    add_text(&folders, "%.*s", "/usr/lib/medic/plugins", INT_MAX);
    int code = plugins_load_from(list, (const char *const *)folders.texts, folders.count, why);
    for (size_t i = 0; i < folders.count; i++)
        free(folders.texts[i]);
    return code;
}

/* ---- the end ---- */

static void info_free(struct plugin_info *item)
{
    plugin_unpacked_free(&item->descriptor);
    free(item->path);
    free(item->folder);
    free(item);
}

static void search_free(struct search *search)
{
    for (size_t i = 0; i < search->count; i++)
        info_free(search->all[i].item);
    free(search->all);
}

void plugins_free(struct plugin_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        info_free(list->items[i]);
    for (size_t i = 0; list->folders && i < list->folder_count; i++)
        free(list->folders[i]);
    free(list->items);
    free(list->folders);
    *list = (struct plugin_list){0};
}

/* ---- choosing ---- */

static bool is_usable(const struct plugin_info *item)
{
    return item->code == MEDIC_OK && !item->shadowed;
}

/* "cpu_hotpaths, runtime_pauses", cut when it does not fit. */
static void list_names(const struct plugin_list *list, char *out, size_t room)
{
    size_t size = 0;
    *out = '\0';
    for (size_t i = 0; i < list->count; i++) {
        const struct plugin_info *item = list->items[i];
        if (!is_usable(item) || size + strlen(item->name) + 3 > room)
            continue;
        size += (size_t)snprintf(out + size, room - size, "%s%s", size ? ", " : "", item->name);
    }
}

static int fail_unknown(const struct plugin_list *list, const char *text, medic_reason *why)
{
    const char *names[256];
    char all[300];
    size_t count = 0;
    for (size_t i = 0; i < list->count && count < 256; i++)
        if (is_usable(list->items[i]))
            names[count++] = list->items[i]->name;
    const char *meant = nearest(text, names, count);
    if (meant)
        return medic_fail(why, MEDIC_E_NOT_FOUND,
                          "there is no profiler \"%.60s\", did you mean \"%s\"? `medic profilers` lists them", text,
                          meant);
    list_names(list, all, sizeof all);
    if (!*all)
        return medic_fail(
            why, MEDIC_E_NOT_FOUND,
            "there is no profiler \"%.60s\", nor any other: install one into a plugin folder, or set MEDIC_PLUGINS",
            text);
    return medic_fail(why, MEDIC_E_NOT_FOUND, "there is no profiler \"%.60s\": choose one of %s", text, all);
}

static int find_file(struct plugin_list *list, const char *text, const struct plugin_info **found, medic_reason *why)
{
    char *resolved = realpath(text, NULL);
    if (!resolved)
        return medic_fail(why, MEDIC_E_NOT_FOUND, "cannot open the profiler %s: %s", text, strerror(errno));
    struct plugin_info *item = NULL;
    for (size_t i = 0; i < list->count && !item; i++)
        if (!strcmp(list->items[i]->path, resolved) && list->items[i]->code != MEDIC_E_AMBIGUOUS)
            item = list->items[i];
    free(resolved);
    if (!item) { /* elsewhere, or one of a clashing pair: named by its path, it is the one */
        struct search search = {0};
        bool good = add(&search, text, NULL, 0) && probe_all(&search) && take(list, &search);
        search_free(&search);
        if (!good)
            return medic_fail(why, MEDIC_E_MEMORY, "out of memory");
        item = list->items[list->count - 1];
    }
    *found = item;
    return item->code == MEDIC_OK ? MEDIC_OK : medic_fail(why, item->code, "%s", item->reason.text);
}

/* By GUID, or by name when guid is NULL. */
static int find_among(struct plugin_list *list, const char *name, const GUID *guid, const struct plugin_info **found,
                      const struct plugin_info **broken)
{
    *found = *broken = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct plugin_info *item = list->items[i];
        if (!item->named || !(guid ? guid_equal(guid, &item->guid) : !strcmp(name, item->name)))
            continue;
        if (is_usable(item))
            *found = item;
        else if (!item->shadowed)
            *broken = item;
    }
    return *found ? MEDIC_OK : MEDIC_E_NOT_FOUND;
}

int plugin_find(struct plugin_list *list, const char *text, const struct plugin_info **found, medic_reason *why)
{
    const struct plugin_info *broken;
    size_t size = strlen(text);
    GUID guid;
    if (strchr(text, '/') || (size > 3 && !strcmp(text + size - 3, ".so") && !access(text, F_OK)))
        return find_file(list, text, found, why);
    bool is_guid = guid_parse(text, &guid, NULL) == MEDIC_OK;
    if (find_among(list, text, is_guid ? &guid : NULL, found, &broken) == MEDIC_OK)
        return MEDIC_OK;
    if (broken)
        return medic_fail(why, broken->code, "%s", broken->reason.text);
    return fail_unknown(list, text, why);
}

int plugin_find_guid(struct plugin_list *list, const GUID *guid, const struct plugin_info **found, medic_reason *why)
{
    const struct plugin_info *broken;
    char text[GUID_TEXT_SIZE];
    if (find_among(list, "", guid, found, &broken) == MEDIC_OK)
        return MEDIC_OK;
    if (broken)
        return medic_fail(why, broken->code, "%s", broken->reason.text);
    guid_format(guid, text);
    return medic_fail(why, MEDIC_E_NOT_FOUND,
                      "the profiler %s is not installed: install it, or set MEDIC_PLUGINS to its folder", text);
}

/* ---- settings ---- */

static int fail_key(const struct plugin_info *plugin, const char *key, medic_reason *why)
{
    const char *keys[256];
    char all[300] = "";
    size_t count = 0, size = 0;
    for (uint32_t i = 0; i < plugin->descriptor.param_count && count < 256; i++)
        keys[count++] = param_at(&plugin->descriptor, i)->key;
    if (count == 0)
        return medic_fail(why, MEDIC_E_ARGUMENT, "%s has no parameter \"%.60s\": it has none at all", plugin->name,
                          key);
    const char *meant = nearest(key, keys, count);
    for (size_t i = 0; i < count; i++)
        if (size + strlen(keys[i]) + 3 < sizeof all)
            size += (size_t)snprintf(all + size, sizeof all - size, "%s%s", i ? ", " : "", keys[i]);
    return medic_fail(why, MEDIC_E_ARGUMENT, "%s has no parameter \"%.60s\"%s%s%s: its parameters are %s", plugin->name,
                      key, meant ? " (did you mean \"" : "", meant ? meant : "", meant ? "\"?)" : "", all);
}

int plugin_check_setting(const struct plugin_info *plugin, const char *setting, char *key, size_t room,
                         const char **value, medic_reason *why)
{
    const char *equals = strchr(setting, '=');
    if (!equals || equals == setting || (size_t)(equals - setting) >= room)
        return medic_fail(why, MEDIC_E_ARGUMENT, "\"%.100s\" is not a setting: write key=value", setting);
    memcpy(key, setting, (size_t)(equals - setting));
    key[equals - setting] = '\0';
    *value = equals + 1;
    const medic_param *param = param_find(&plugin->descriptor, key);
    if (!param)
        return fail_key(plugin, key, why);
    struct value parsed;
    return value_parse(param, *value, &parsed, why);
}
