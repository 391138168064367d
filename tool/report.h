/* From a session folder to its report: replays capture.mdc through the plugin's report half in a short-lived child (a
 * broken plugin cannot hurt the tool) and keeps the document as report.json in the same folder. */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include <medic/result.h>

/* dirfd: the session folder with capture.mdc and, when the session was begun by this tool, session.json.
 * plugin_file: path of the plugin whose GUID the capture names. report.json is replaced atomically.
 * A report that lacks lines and native names is one all the same: then MEDIC_OK, and why, which is "" before, says so. */
int report_make(int dirfd, const char *plugin_file, medic_reason *why);

#endif
