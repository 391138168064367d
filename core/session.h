/* One session: one plugin on this process. There is at most one at a time; the runtime sees to that. All its state is in one
 * static struct that is initialised afresh by every begin, because statics survive a detach (-z nodelete). */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "common/plugin_check.h"
#include "common/value.h"
#include "core/config.h"
#include "core/files.h"
#include "core/ring.h"
#include "core/services/events.h"
#include "core/services/names.h"

#include <medic/service/runtime.h>
#include <medic/session.h>
#include <stdatomic.h>

enum { LOG_LINES_A_SECOND = 100 };

/* Whether the worker is to come before its time. HELD: it has just come, and looks again before it sleeps longer, so nobody
 * needs to wake it. */
enum session_soon { SOON_NOT, SOON_ASKED, SOON_HELD };

struct session {
    /* Who is in charge: the runtime's thread while it begins, the worker until it asks for the detach, then the runtime's
     * detach thread. enum medic_session_state. */
    _Atomic uint32_t state;
    int at_startup;
    _Atomic uint32_t gate;         /* futex: 1 = the attach is complete, the worker may go to work */
    _Atomic uint32_t started;      /* futex: 1 = start has returned, or failed */
    _Atomic uint32_t captured;     /* futex: 1 = the capture is complete */
    _Atomic uint32_t soon;         /* enum session_soon */
    _Atomic uint32_t end_reason;   /* enum medic_end_reason; the first one wins */
    _Atomic uint64_t stale_before; /* ring position: ids recorded before it may be of a module that is gone */
    _Atomic uint32_t asking;       /* 1 = the worker asks the runtime about an id */
    uint32_t asking_depth;         /* the worker's */
    _Atomic uint64_t unload_waited_ns;
    uint64_t created_ns;
    _Atomic uint64_t first_record_ns;
    _Atomic int32_t progress;

    ICorProfilerInfo12 *info; /* owned reference */
    medic_runtime_version version;
    struct config config;
    struct files files;
    struct ring ring;
    struct names *names;
    struct events events;

    GUID plugin_guid;
    char plugin_file[CONFIG_PATH_MAX];
    void *plugin_library; /* never unloaded: code may be on a stack */
    struct plugin_view view;
    struct value *values; /* one for each parameter, in the table's order */
    void *self;           /* the plugin's instance, NULL when there is none */
    uint32_t mask_low, mask_high;
    uint32_t mask_until_up; /* low bits that stay set until the runtime has started */
    int samples;            /* CPU time: threads that begin and end are to be told */

    int result; /* enum medic_result of a failure */
    medic_reason reason;
    medic_cost_record cost;                            /* as of the last tick */
    _Atomic uint64_t longest_pause_ns, total_pause_ns; /* that Medic caused */
    uint64_t started_ns;
    uint64_t ended_ns;          /* when the gate closed */
    _Atomic uint32_t exiting;   /* the runtime is going down */
    uint64_t begin_ns;          /* how long the runtime's thread was held */
    uint64_t records;           /* of the plugin, written */
    uint64_t lost;              /* counted so far, of whatever cause */
    uint64_t ring_dropped;      /* of these, already told in a loss record */
    _Atomic uint32_t log_lines; /* written in the current second */
    _Atomic uint32_t worker_id; /* the worker's thread */
};

extern struct session session;

/* From the runtime's callbacks. The HRESULTs go back to it; the sentence goes into the status file. */
HRESULT session_begin_at_startup(IUnknown *info);
HRESULT session_begin_at_attach(IUnknown *info, const void *client_data, uint32_t size);
void session_attached(void);
void session_detached(void);
void session_target_exits(void);
/* Waits, a moment at most, until the worker has drained what is in the ring now. What is not drained by then is never
 * asked for: on return no id that was recorded before the call will be given to the runtime. */
void session_before_unload(void);

/* As names_begin_asking, about an id that no unload takes away: only the end of the runtime does. names_end_asking ends
 * it. [worker] */
int session_begin_asking_lasting(void);

/* Which plugin the runtime asked for: the CLSID of DllGetClassObject. */
void session_set_plugin(const GUID *guid);

/* Ends recording with this reason unless another one came first. Any thread, [signal] included. */
void session_end(uint32_t reason);
/* Ends it as failed. [worker] */
void session_fail(int code, const char *sentence);
/* Replaces the plugin's event mask; what the services need is added. The thread in charge. */
int session_set_mask(uint32_t low, uint32_t high, medic_reason *why);

/* Takes back what was set only for a runtime that starts. [worker] */
void session_runtime_is_up(void);

/* Takes back the plugin's event mask. Unloads are still told while the ring may hold ids. The thread in charge. */
void session_clear_mask(int ring_is_empty);

/* Writes a record of the plugin into the capture and counts it. [worker] */
int session_emit(uint32_t type, const void *data, uint32_t size);
/* Shows it to the plugin's drain before, as if it came from the ring. [worker] */
int session_show(const medic_record *record);
/* Writes a core record made of a head and a tail; context is not used. [worker] */
int session_emit_core(void *context, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                      uint32_t tail_size);
/* Notes when the plugin's first record was made. Any thread. */
void session_first_record(uint64_t time_ns);
/* Adds a pause of the runtime that Medic caused to the session's cost. Any thread. */
void session_paused(uint64_t ns);
/* What the diagnosis has cost so far. [worker] */
medic_cost_record session_cost(void);
/* Writes the status file with everything known now. MEDIC_E_IO when that fails, which only the begin can tell anybody: later
 * the capture fails with it. The thread in charge. */
int session_publish(uint32_t state);
/* Ends the session when its client asks for it, or is gone. [worker] */
void session_check_client(uint64_t now);
/* What is seen now is asked about later, and may be unloaded by then. A record in the ring, which is not drained before the
 * worker's current task is done, makes unloads wait for it (session_before_unload). [worker] */
void session_hold_unloads(void);
/* Destroys the plugin's instance and frees all that the session owns. The thread in charge. */
void session_release(void);

#endif
