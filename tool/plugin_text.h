/* A descriptor as bytes: how the child that loaded a plugin tells its parent. For plugin_probe.c, and the tests.
 *
 * The parent trusts none of it: every length is checked against the buffer, every text ends with a NUL. */
#ifndef TOOL_PLUGIN_TEXT_H
#define TOOL_PLUGIN_TEXT_H

#include <medic/plugin.h>

#include <stddef.h>

/* plugin: a checked view (param_size may differ from ours). *bytes is the caller's (free). 0 or -1: no memory. */
int plugin_pack(const medic_plugin *plugin, unsigned char **bytes, size_t *size);
/* Fills a zeroed descriptor whose texts are its own. MEDIC_E_CORRUPT, _MEMORY: nothing is left to free. */
int plugin_unpack(const unsigned char *bytes, size_t size, medic_plugin *plugin);
void plugin_unpacked_free(medic_plugin *plugin);

#endif
