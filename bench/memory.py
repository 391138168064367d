"""Private memory of the program: during a session, after it, and after 20, against a control run without."""

import time

import harness
from measure import Spread
from subject import Subject
from table import Budget

RUNTIMES = ("net8.0", "net9.0", "net10.0")
IDLE_MB, PEAK_MB = 1, 16
SESSIONS = 20


def private(pid):
    return harness.memory(pid)["private"] / (1 << 20)


def growth(mode, runtime, options, sessions):
    """Two patients of the same kind side by side; only one is attached to. What the one grew beyond the other, in MB:
    (peak during the first session, after it, after all of them, the control's own growth, told, bytes that Medic tells)."""
    with Subject(mode, runtime, options) as subject, Subject(mode, runtime, options) as control:
        time.sleep(options.rounds(5, 2))
        base, control_base = private(subject.pid), private(control.pid)

        def beyond():
            return (private(subject.pid) - base) - (private(control.pid) - control_base)

        medic, during = subject.start("1s"), []
        status = subject.wait_running(medic)
        while medic.process.poll() is None:
            status = subject.status() or status
            during.append(beyond())
            time.sleep(0.1)
        subject.finish(medic, status)
        after = beyond()
        for _ in range(sessions - 1):
            subject.attach(0.2, watch=False)
        return max(during), after, beyond(), private(control.pid) - control_base, status.target_memory_bytes / (1 << 20)


def run(options):
    result = options.result(["runtime", "mode", "during, MB", "after one, MB", f"after {SESSIONS}, MB", "control, MB",
                             "told, MB", "idle", "peak"])
    rounds, sessions = options.rounds(7, 2), options.rounds(SESSIONS, 5)
    for runtime in options.runtimes(RUNTIMES):
        for mode in ("idle", "induced"):
            found = [growth(mode, runtime, options, sessions) for _ in options.counted(rounds, f"{runtime} {mode}")]
            during, after, all_of_them, control, told = (Spread.of(column) for column in zip(*found))
            result.add(runtime, mode, during, after, all_of_them, control, told,
                       Budget(f"{IDLE_MB} MB", told.median, IDLE_MB), Budget(f"{PEAK_MB} MB", during.median, PEAK_MB))
    result.notes += [
        f"{rounds} pairs of processes, both warm; private memory from /proc/PID/smaps_rollup, once every 100 ms during the "
        f"first session. Growth of the one that is attached to minus growth of its control in the same time. "
        f"\"After {SESSIONS}\" is after {sessions} sessions in this run.",
        "\"Told\" is the peak that Medic counts for itself (status.target_memory_bytes): ring, names, session. What is above it "
        "in \"during\" are pages of libmedic.so and the plugin, thread stacks, and what the runtime itself allocates for a "
        "profiler and for trace events. Budgets: idle against told, peak against during.",
    ]
    return result
