/* The parts of a session's beginning that an attach and a launch share. For attach.c and launch.c. */
#ifndef TOOL_ATTACH_PARTS_H
#define TOOL_ATTACH_PARTS_H

#include "tool/attach.h"
#include "tool/buffer.h"

/* All as closed; the target is the caller's and stays as long. */
void attach_init(struct attach *attach, const struct target *target);
/* The work folder with this name in the target's temporary folder, and core and plugin staged beside it; their paths are
 * as the target sees them. On failure attach_close tidies up. */
int attach_place(struct attach *attach, const struct attach_options *options, const char *name, char core[PATH_MAX],
                 char plugin[PATH_MAX], medic_reason *why);
/* The client data of core/config.h; plugin: path of the staged one. */
int attach_client_data(const struct attach *attach, const struct attach_options *options, const char *plugin,
                       struct buffer *data, medic_reason *why);
/* Writes what is known of profiler, target and work folder into session.json. The texts are those of options and target. */
int attach_record(struct attach *attach, const struct attach_options *options, medic_reason *why);
/* Opens what tells whether the target lives. */
void attach_open_watch(struct attach *attach);
/* Closes all but the store's session. keep_work: leave the work folder where it is. Staged files are always kept, a folder
 * of ours that stayed empty is not. */
void attach_close(struct attach *attach, bool keep_work);

#endif
