/* What a report half gets of the tool: its services. For report_child.c. */
#ifndef TOOL_REPORT_HOST_H
#define TOOL_REPORT_HOST_H

#include "common/value.h"
#include "tool/capture.h"
#include "tool/document.h"
#include "tool/heap_service.h"
#include "tool/stack_tree.h"

struct report_tree {
    medic_stack_tree *tree;
    struct report_tree *next;
};

#define REPORT_LOG_MAX 100 /* lines of a report half that are kept */

struct report_host {
    medic_host host; /* first: the plugin hands a pointer to it back */
    struct capture *capture;
    struct document *document;
    const medic_plugin *plugin;
    struct value *values; /* one per parameter */
    const struct symbols *symbols;
    struct report_frames *frames; /* NULL until they are asked for */
    struct report_tree *trees;
    struct heap_graphs graphs;
    struct capture_log_line said[REPORT_LOG_MAX]; /* by the report half; texts are the document's, times 0 */
    size_t said_count;
};

/* Whether a report half can have a service of this name. */
int report_has_service(const char *name);
/* Everything given is borrowed; symbols may be NULL. Parses the parameters that the capture was made with. MEDIC_E_ARGUMENT, MEDIC_E_MEMORY. */
int report_host_init(struct report_host *host, struct capture *capture, const struct symbols *symbols,
                     struct document *document, const medic_plugin *plugin, medic_reason *why);
void report_host_free(struct report_host *host);
/* Fills what the document says of session, profiler, target, cost and losses: from the capture, and from session.json in the
 * folder when it is there and whole. */
void report_describe(const struct report_host *host, int dirfd);
/* The last section: the lines of medic.log, of both halves and of the core. None when there are none. */
void report_describe_log(const struct report_host *host);

#endif
