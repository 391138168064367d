/* The ABI check that both hosts make: the core before it creates a plugin, the tool before it lists or attaches one. */
#ifndef COMMON_PLUGIN_CHECK_H
#define COMMON_PLUGIN_CHECK_H

#include <medic/plugin.h>

/* A checked descriptor: the members that both sides know, copied into zeroed structs. Its pointers lead into the plugin. */
struct plugin_view {
    medic_plugin plugin;
    medic_capture capture;
    medic_report report;
    medic_callbacks callbacks;
};

/* Checks raw (what medic_plugin_entry returned) against the note and the host's services, and copies it. has_service says
 * whether the host offers a service of that name; half is 'c' for capture or 'r' for report: whose required services are
 * looked up, 0 for neither; a plugin without a report half is refused unless half is 'c'. note may be NULL. The plugin's
 * struct must reach through `capture`; one that is larger than ours is refused unless its abi_minor is newer. Sentences name the file and both values. MEDIC_E_ABI, MEDIC_E_UNSUPPORTED, MEDIC_E_CORRUPT.
 * Also checks: note and descriptor agree in GUID and name; required texts are there; masks, ring size and flags are in
 * range; parameter keys are well formed and unique, every default passes its own parser and lies within its bounds. */
int plugin_check(const medic_plugin *raw, const char *file, const medic_note *note, char half,
                 int (*has_service)(const char *name), struct plugin_view *view, medic_reason *why);

#endif
