/* Finds and loads the one plugin of a session. */
#ifndef CORE_LOADER_H
#define CORE_LOADER_H

#include "core/session.h"

/* Loads session->config.plugin, or the file beside the core whose note has session->plugin_guid, after checking that it is
 * whole, ours, trusted and compatible. Fills plugin_file, plugin_library and view. [runtime thread that begins] */
int loader_load(struct session *s, medic_reason *why);

#endif
