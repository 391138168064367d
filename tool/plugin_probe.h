/* Reads the descriptors of plugin files in short-lived children. For plugins.c. */
#ifndef TOOL_PLUGIN_PROBE_H
#define TOOL_PLUGIN_PROBE_H

#include "tool/plugins.h"

/* A file to ask: opened, with a good ELF note. Nothing is owned. */
struct plugin_question {
    struct plugin_info
        *item; /* descriptor (to be freed with plugin_unpacked_free), or code and reason, are filled in */
    int fd;
    const medic_note *note;
};

/* Children run side by side, a few at once, each under a deadline. */
void plugin_probe(const struct plugin_question *questions, size_t count);

#endif
