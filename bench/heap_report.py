"""From `medic attach` to the report on the heap: time, and memory of the target, its copy and the analysis."""

import json
import subprocess
import sys
import threading
import time

import harness
import heap_capture
import session
from measure import Spread
from subject import Subject
from table import Budget

RUNTIMES = ("net10.0",)
MILLIONS, LARGE, QUICK = (1, 5, 10), 20, (0.2,)
BUDGET_MILLIONS, BUDGET_S, BUDGET_MB, BUDGET_TARGET_MB = 10, 20.0, 1500.0, 16.0
PROFILERS = ("gc_survivors", "dup_strings")
MB = 1 << 20

# Runs a command and prints how much memory the largest of its processes had, and how long it took.
_MEASURED = """import json, resource, subprocess, sys, time
begin = time.monotonic()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, time.monotonic() - begin, used.ru_maxrss * 1024]))"""


class Growth:
    """The most private memory that the target had beyond what it had before, looked at every 50 ms."""

    def __init__(self, pid):
        self._pid, self._over = pid, threading.Event()
        self._before = self.most = harness.memory(pid)["private"]
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._over.wait(0.05):
            self.most = max(self.most, harness.memory(self._pid)["private"])

    def end(self):
        self._over.set()
        self._thread.join()
        return (self.most - self._before) / MB


def analyse(folder):
    """(seconds, MB) of `medic report`, which makes the report anew."""
    out = subprocess.run([sys.executable, "-c", _MEASURED, harness.MEDIC, "report", folder], capture_output=True, text=True,
                         env=harness.clean_env(), timeout=300).stdout
    code, seconds, memory = json.loads(out)
    assert code == 0, f"medic report ended with {code}"
    return seconds, memory / MB


def measure(subject):
    growth, begin = Growth(subject.pid), time.monotonic()
    medic = subject.start("0")
    done = subject.finish(medic, None, timeout=300)
    seconds = time.monotonic() - begin
    photo = heap_capture.Done.of(session.capture(done.folder).of(heap_capture.DONE)[0])
    size = (done.folder / "capture.mdc").stat().st_size / MB
    return [seconds, (done.verdict_ns - done.end_ns) / 1e9, *analyse(done.folder), size, growth.end(),
            photo.copy_memory_bytes / MB, photo.copy_ns / 1e9]


def run(options):
    result = options.result(["runtime", "GC", "million objects", "profiler", "whole, s", "after capture, s", "analysis, s",
                             "analysis, MB", "capture, MB", "target, MB", "copy, MB", "copy, s", "time", "memory", "in the target"])
    sizes = options.rounds((*MILLIONS, *([LARGE] if options.large else [])), QUICK)
    for runtime in options.runtimes(RUNTIMES):
        for gc, millions, profiler in cases(sizes):
            with Subject("heap", runtime, options, server=gc == "server", args=[millions], profiler=profiler) as subject:
                rows = [measure(subject) for _ in options.counted(options.rounds(2, 1), f"{runtime} {gc} {millions} {profiler}")]
            columns = [Spread.of(column) for column in zip(*rows)]
            judged = gc == "workstation" and millions == BUDGET_MILLIONS
            result.add(runtime, gc, millions, profiler, *columns,
                       Budget(f"{BUDGET_S:g} s", columns[0].median, BUDGET_S) if judged else None,
                       Budget(f"{BUDGET_MB:g} MB", columns[3].median, BUDGET_MB) if judged else None,
                       Budget(f"{BUDGET_TARGET_MB:g} MB", columns[5].median, BUDGET_TARGET_MB))
    result.note(""""whole": `medic attach` from its start to its end; "after capture": from the end of the capture to the verdict
        on stdout. "analysis": `medic report` on the same session, and the most memory that one of its processes had (ru_maxrss).""")
    result.note(""""target": growth of the target's private memory, looked at every 50 ms, beyond what it had before; "copy": what
        the copy of the process had of its own at most, and how long it lived. "capture": size of the file.""")
    return result


def cases(sizes):
    """(GC, millions, profiler): server GC once, with the largest but one."""
    found = [("workstation", millions, profiler) for millions in sizes for profiler in PROFILERS]
    return [*found, *(("server", sizes[min(1, len(sizes) - 1)], profiler) for profiler in PROFILERS)]
