"""The sum of collection pauses that runtime_pauses reports as `counted`, against GC.GetTotalPauseDuration of the program:
from the request to stop until the collection is over, which is where the runtime's own clock ends."""

import time
from dataclasses import dataclass

from measure import Spread
from subject import Subject, pauses
from table import Budget

RUNTIMES = ("net8.0", "net9.0", "net10.0")
PER_PAUSE_US = 5
QUIET_NS = 1_000_000  # no pause for so long before a probe: the runtime has counted the last one
EDGE_S, EDGE_MAX_S = 0.4, 5


@dataclass
class Probe:
    """The program's own account, asked for at some time between begin and end."""
    begin_ns: int
    end_ns: int
    total_ms: float
    collections: int

    @property
    def was_quick(self):
        return self.end_ns - self.begin_ns < 2_000_000

    @classmethod
    def take(cls, subject):
        begin = time.monotonic_ns()
        stats = subject.patient.stats()
        return cls(begin, time.monotonic_ns(), stats["totalPauseMs"], stats["gen0"])


@dataclass
class Compared:
    """Both accounts of one window."""
    told_ms: float
    restart_ms: float  # beside it, until the threads run again
    runtime_ms: float
    pauses: int
    collections: int
    edge_ms: float  # pauses at the edges that may or may not be inside: 0 when both probes were clean

    @property
    def difference_percent(self):
        return (self.told_ms / self.runtime_ms - 1) * 100

    @property
    def with_restart_percent(self):
        return ((self.told_ms + self.restart_ms) / self.runtime_ms - 1) * 100

    @property
    def excess(self):
        """The difference as a part of what is allowed: 1 % and 5 µs a pause. Up to 1 is good."""
        allowed = self.runtime_ms * 0.01 + self.pauses * PER_PAUSE_US / 1000
        return (abs(self.told_ms - self.runtime_ms) + self.edge_ms) / allowed


def probes(subject):
    """Many, for EDGE_S and until enough of them were not held up by a pause."""
    begin, taken = time.monotonic(), []
    while True:
        taken.append(Probe.take(subject))
        elapsed = time.monotonic() - begin
        if elapsed > EDGE_MAX_S or (elapsed > EDGE_S and sum(p.was_quick for p in taken) >= 20):
            return taken
        time.sleep(0.003)


def unclear_ns(probe, found):
    """How long the pauses are that a probe may or may not have seen."""
    return sum(p.length_ns for p in found if p.begin_ns < probe.end_ns and p.end_ns > probe.begin_ns - QUIET_NS)


def compare(early, late, found):
    first = min(early, key=lambda p: unclear_ns(p, found))
    last = min(late, key=lambda p: unclear_ns(p, found))
    inside = [p for p in found if first.end_ns <= p.begin_ns and p.end_ns <= last.begin_ns]
    return Compared(sum(p.counted_ns - p.asked_ns for p in inside) / 1e6, sum(p.end_ns - p.counted_ns for p in inside) / 1e6,
                    last.total_ms - first.total_ms, len(inside), last.collections - first.collections,
                    (unclear_ns(first, found) + unclear_ns(last, found)) / 1e6)


def whole_is_bounded(done, collections, within, around):
    """The whole report, which covers a little more than the window: between the inner and the outer account."""
    summary = next(s for s in done.report["sections"] if s["id"] == "summary")
    column = [c["id"] for c in summary["columns"]].index("counted")
    told_ms = next(row[column] for row in summary["rows"] if row[0] == "collections") / 1e6
    ours_ms = sum(p.counted_ns - p.asked_ns for p in collections) / 1e6
    if abs(told_ms - ours_ms) > 0.01 * ours_ms:  # the report knows more about which event belongs to which pause
        raise AssertionError(f"report.json says {told_ms} ms, its capture {ours_ms} ms")
    slack = around * 0.01 + len(collections) * PER_PAUSE_US / 1000
    return within - slack <= told_ms <= around + slack


def measure(subject, seconds):
    """(Compared, whether the whole report lies between the bounds)"""
    before = Probe.take(subject)
    medic = subject.start()
    status = subject.wait_running(medic)
    early = probes(subject)
    time.sleep(seconds)
    late = probes(subject)
    done = subject.finish(medic, status, stop=True)
    after = Probe.take(subject)
    collections = [p for p in pauses(done.capture) if p.is_collection]
    within, around = late[-1].total_ms - early[0].total_ms, after.total_ms - before.total_ms
    return compare(early, late, collections), whole_is_bounded(done, collections, within, around)


def run(options):
    result = options.result(["runtime", "GC", "mode", "pauses", "GCs", "runtime's, ms", "Medic's, ms", "difference, %",
                             "µs a pause", "with restart, %", "edge, ms", "bounds", "1 % + 5 µs"])
    rounds, seconds = options.rounds(5, 1), options.rounds(5.0, 2.0)
    for runtime in options.runtimes(RUNTIMES):
        for server in (False, True):
            for mode in ("churn", "induced", "pausemix"):
                label = f"{runtime} {'server' if server else 'workstation'} {mode}"
                with Subject(mode, runtime, options, server=server) as subject:
                    found = [measure(subject, seconds) for _ in options.counted(rounds, label)]
                add_row(result, label.split(), [f[0] for f in found], all(f[1] for f in found))
    result.note(f"""{rounds} sessions of about {seconds:g} s a row, counts and times added up. The program is asked
        for its total many times at both ends of a session; of the answers those count during which, and for 1 ms
        before, no collection paused it: the window then holds the same pauses for both. "Edge": pauses for which that
        is not certain; they count as a difference. "Bounds": the whole report, which is longer than the window, lies
        between the accounts inside and around the session.""")
    result.note(""""With restart": the difference when a pause lasts until the runtime has let all threads go. On a
        busy machine this can take long, but they run in it as they get a processor.""")
    result.note(""""GCs" is the growth of GC.CollectionCount(0) in the window. A background collection has two
        pauses.""")
    result.note("""The last column is held against the worst session: (difference + edge) as a part of 1 % + 5 µs a
        pause.""")
    return result


def add_row(result, label, compared, bounded):
    result.add(*label, sum(c.pauses for c in compared), sum(c.collections for c in compared),
               sum(c.runtime_ms for c in compared), sum(c.told_ms for c in compared),
               Spread.of(c.difference_percent for c in compared),
               Spread.of((c.told_ms - c.runtime_ms) * 1000 / max(1, c.pauses) for c in compared),
               Spread.of(c.with_restart_percent for c in compared), max(c.edge_ms for c in compared),
               "hold" if bounded else "BROKEN",
               Budget(f"{max(c.excess for c in compared):.2f} of it", max(c.excess for c in compared), 1))
