/* The short-lived process in which a report half runs. For report.c. */
#ifndef TOOL_REPORT_CHILD_H
#define TOOL_REPORT_CHILD_H

#include <medic/result.h>
#include <stdint.h>
#include <sys/types.h>

#define REPORT_ANSWER_MAGIC 0x50524d52u

/* All that the child says, in one write to a pipe. */
struct report_answer {
    uint32_t magic;
    int32_t code; /* enum medic_result */
    medic_reason reason;
};

/* After a fork: drops every descriptor but the folder and the pipe, sets the limits, makes the report, answers, ends. */
_Noreturn void report_child(int dirfd, int answer, const char *plugin_file, pid_t parent);

#endif
