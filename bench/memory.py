"""Private memory of the program: during a session, after it, and after 20, against a control run without."""

import pathlib
import time

import harness
import peer
from measure import Spread
from subject import PROFILER, Subject
from table import Budget

RUNTIMES = ("net8.0", "net9.0", "net10.0")
IDLE_MB, PEAK_MB = 1, 16
SESSIONS = 20
MB = 1 << 20


def private(pid):
    return harness.memory(pid)["private"] / MB


def private_of_medic(pid):
    """What the mapped files of the core and the plugin hold: they stay in the process after a session."""
    kb, ours = 0, False
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        word = line.split()[0]
        if not word.endswith(":"):
            name = line.split()[-1].rpartition("/")[2]
            ours = name.startswith(("libmedic", PROFILER))
        elif ours and word in ("Private_Clean:", "Private_Dirty:"):
            kb += int(line.split()[1])
    return kb / 1024


class Pair:
    """Two patients of the same kind side by side; only one is attached to."""

    def __init__(self, mode, runtime, options):
        self.subject = Subject(mode, runtime, options)
        try:
            self.control = Subject(mode, runtime, options)
        except BaseException:
            self.subject.__exit__()
            raise
        time.sleep(options.rounds(5, 2))
        self._base, self._control_base = private(self.subject.pid), private(self.control.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.subject.__exit__()
        self.control.__exit__()

    def control_growth(self):
        return private(self.control.pid) - self._control_base

    def growth(self):
        """MB that the subject grew beyond its control."""
        return private(self.subject.pid) - self._base - self.control_growth()


def with_medic(pair, sessions):
    """(peak during the first session, after it, after all, the control's growth, own files, told by Medic), in MB."""
    subject = pair.subject
    medic, during = subject.start("1s"), []
    status = subject.wait_running(medic)
    while medic.process.poll() is None:
        status = subject.status() or status
        during.append(pair.growth())
        time.sleep(0.1)
    subject.finish(medic, status)
    after = pair.growth()
    for _ in range(sessions - 1):
        subject.attach(0.2, watch=False)
    return (max(during), after, pair.growth(), pair.control_growth(), private_of_medic(subject.pid),
            status.target_memory_bytes / MB)


def with_peer(pair):
    """(peak during a trace, after it, the control's growth), in MB."""
    during = []
    with peer.tracing(pair.subject):
        for _ in range(10):
            during.append(pair.growth())
            time.sleep(0.1)
    return max(during), pair.growth(), pair.control_growth()


def add_medic(result, runtime, mode, found):
    during, after, after_all, control, files, told = (Spread.of(column) for column in zip(*found))
    result.add(runtime, mode, "medic", during, after, after_all, control, files, told,
               Budget(f"{IDLE_MB} MB", files.median, IDLE_MB), Budget(f"{PEAK_MB} MB", during.median, PEAK_MB))


def add_peer(result, runtime, mode, found):
    during, after, control = (Spread.of(column) for column in zip(*found))
    result.add(runtime, mode, "dotnet-trace", during, after, None, control, None, None, None, None)


def run(options):
    rounds, sessions = options.rounds(7, 2), options.rounds(SESSIONS, 5)
    result = options.result(["runtime", "mode", "variant", "during, MB", "after one, MB",
                             f"after {sessions}, MB", "control, MB", "own files, MB", "told, MB", "idle", "peak"])
    version = options.peer(result)
    for runtime in options.runtimes(RUNTIMES):
        for mode in ("idle", "induced"):
            medic, traced = [], []
            for _ in options.counted(rounds, f"{runtime} {mode}"):
                with Pair(mode, runtime, options) as pair:
                    medic.append(with_medic(pair, sessions))
                if version:
                    with Pair(mode, runtime, options) as pair:
                        traced.append(with_peer(pair))
            add_medic(result, runtime, mode, medic)
            if traced:
                add_peer(result, runtime, mode, traced)
    result.note(f"""{rounds} pairs of processes a row, both warm; private memory from /proc/PID/smaps_rollup, every
        100 ms during the first session. Growth of the one that is attached to, minus growth of its control in the
        same time.""")
    result.note(""""Own files": what libmedic.so and the plugin still hold of it after the last session; they are
        never unloaded. "Told": the peak that Medic counts for itself (ring, names, session), freed at the end. The
        rest is the runtime's: its first session of trace events, whoever opens it, keeps about 3 MB for good.""")
    result.note("""Budgets: idle against own files, peak against during.""")
    return result
