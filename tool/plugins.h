/* The profilers that are installed: plugin files in the plugin folders, each described without being trusted.
 *
 * A file is first read as ELF; only when that finds nothing wrong, a short-lived child loads it, checks its
 * descriptor and sends back a copy. So a plugin that crashes, hangs or lies is listed with its reason and hides no
 * other. For the `medic` commands, single-threaded. */
#ifndef TOOL_PLUGINS_H
#define TOOL_PLUGINS_H

#include <medic/plugin.h>

#include <stdbool.h>
#include <stddef.h>

/* One file. Owned by its list, with all texts. */
struct plugin_info {
    char *path;   /* with symbolic links resolved; where the file was found when that failed */
    char *folder; /* the plugin folder as it was given, NULL for a file that was named by its path */
    int code;     /* MEDIC_OK: usable; else reason says why not */
    medic_reason reason;
    bool shadowed; /* the same plugin stands in an earlier folder: not used, usually not shown */
    bool named;    /* name and guid are known (from the note, for a broken file too) */
    char name[MEDIC_NAME_MAX];
    GUID guid;
    /* What the descriptor says; zero when code is not MEDIC_OK. Its texts and table are copies that belong to this
     * struct, its capture and report are NULL: nothing of the plugin itself is in this process. */
    medic_plugin descriptor;
};

struct plugin_list {
    struct plugin_info **items; /* sorted by name, broken ones without a name last */
    size_t count;
    char **folders; /* those that were looked into and exist, in order */
    size_t folder_count;
};

/* Looks into $MEDIC_PLUGINS (a colon list), <folder of the executable>/../lib/plugins (a build) and ../lib/medic/plugins,
 * $XDG_DATA_HOME/medic/plugins, /usr/local/lib/medic/plugins, /usr/lib/medic/plugins. Only the lack of memory fails. */
int plugins_load(struct plugin_list *list, medic_reason *why);
/* The same for these folders only. */
int plugins_load_from(struct plugin_list *list, const char *const *folders, size_t count, medic_reason *why);
void plugins_free(struct plugin_list *list);

/* A usable plugin by name, GUID or file (a text with a slash, or that ends in .so; such a file is added to the list
 * when it is not in it). *found belongs to the list. MEDIC_E_NOT_FOUND, MEDIC_E_AMBIGUOUS, or what is wrong with the
 * file. */
int plugin_find(struct plugin_list *list, const char *text, const struct plugin_info **found, medic_reason *why);
/* The usable plugin with this GUID. */
int plugin_find_guid(struct plugin_list *list, const GUID *guid, const struct plugin_info **found, medic_reason *why);

/* Checks one `key=value` against the descriptor: unknown keys, types, ranges. Splits it into key (room bytes) and
 * *value, which points into setting. */
int plugin_check_setting(const struct plugin_info *plugin, const char *setting, char *key, size_t room,
                         const char **value, medic_reason *why);

#endif
