"""What runtime_pauses takes from the program: its throughput, and CPU time per unit of work."""

import time
from dataclasses import dataclass

import peer
from measure import Spread, interleave, ratio
from subject import Subject
from table import Budget

RUNTIMES = ("net10.0",)
BUDGET_PERCENT = 0.1
SETTLE_S = 1.0
QUICK_S = 0.0005
ROUNDS_TO_JUDGE = 8  # fewer prove nothing about a tenth of a percent


@dataclass
class Window:
    """What a patient did in a stretch of time."""
    seconds: float
    work: int
    cpu_ns: int
    told: float = 0     # share of it that Medic says it used
    threads: float = 0  # share of it that the kernel counts for Medic's threads
    start_ns: int = 0   # what Medic says that it used before the stretch

    @property
    def rate(self):
        return self.work / self.seconds

    @property
    def cpu_per_work(self):
        return self.cpu_ns / 1000 / self.work


def reading(subject, tries=20):
    """(time in s, work, CPU time in ns) of one moment: a program that was slow to answer is asked again."""
    best = None
    for _ in range(tries):
        begin, cpu = time.monotonic(), subject.cpu_ns()
        work = subject.patient.work()
        end, cpu_after = time.monotonic(), subject.cpu_ns()
        if not best or end - begin < best[0]:
            best = (end - begin, ((begin + end) / 2, work, (cpu + cpu_after) // 2))
        if best[0] < QUICK_S:
            break
    return best[1]


def window(subject, seconds):
    first = reading(subject)
    time.sleep(seconds)
    return Window(*(b - a for a, b in zip(first, reading(subject))))


def bare_window(subject, seconds):
    time.sleep(SETTLE_S)
    return window(subject, seconds)


def medic_window(subject, seconds):
    medic = subject.start()
    subject.wait_running(medic)
    time.sleep(SETTLE_S)  # the session of trace events begins meanwhile
    before, threads = subject.status(), subject.medic_threads_ns()
    measured = window(subject, seconds)
    after, threads = subject.status(), subject.medic_threads_ns() - threads
    # The status is rewritten every 100 ms: its own window is a little beside ours.
    told_a_second = (after.cpu_ns - before.cpu_ns) / (after.now_ns - before.now_ns)
    measured.told = told_a_second * measured.seconds * 1e9 / measured.cpu_ns
    measured.threads = threads / measured.cpu_ns
    measured.start_ns = before.cpu_ns
    subject.finish(medic, after, stop=True)
    return measured


def peer_window(subject, seconds):
    with peer.tracing(subject):
        return bare_window(subject, seconds)


def variants(subject, seconds, with_peer):
    steps = {"bare": lambda: bare_window(subject, seconds), "medic": lambda: medic_window(subject, seconds)}
    if with_peer:
        steps["dotnet-trace"] = lambda: peer_window(subject, seconds)
    return steps


def add_rows(result, runtime, mode, windows):
    bare = windows["bare"]
    for name, measured in windows.items():
        rates, cpu = [w.rate for w in measured], [w.cpu_per_work for w in measured]
        cells = [runtime, mode, name, Spread.of(rates), None, Spread.of(cpu), None, None, None, None, None]
        if name != "bare":
            cells[4] = ratio([w.rate for w in bare], rates)
            cells[6] = ratio([w.cpu_per_work for w in bare], cpu)
        if name == "medic":
            cells[7] = Spread.of(w.told * 100 for w in measured)
            cells[8] = Spread.of(w.threads * 100 for w in measured)
            cells[9] = Spread.of(w.start_ns / 1e6 for w in measured)
            # The ratio is noisier than what is judged: it counts from where its interval begins.
            proven = (cells[6].low - 1) * 100 if len(measured) >= ROUNDS_TO_JUDGE else 0
            share = max(cells[7].median, proven)
            cells[10] = Budget(f"{BUDGET_PERCENT} % CPU", share, BUDGET_PERCENT)
        result.add(*cells)


def run(options):
    result = options.result(["runtime", "mode", "variant", "units/s", "to bare", "CPU µs/unit", "to bare",
                             "told, % of CPU", "threads, % of CPU", "start, CPU ms", "budget"])
    rounds, seconds = options.rounds(16, 2), options.rounds(4.0, 1.0)
    version = options.peer(result)
    for runtime in options.runtimes(RUNTIMES):
        for mode in ("churn", "cpu"):
            with Subject(mode, runtime, options) as subject:
                time.sleep(options.rounds(5, 1))  # until its code is compiled for good
                add_rows(result, runtime, mode, interleave(variants(subject, seconds, version), rounds,
                                                           options.progress(f"{runtime} {mode}")))
    result.note(f"""{rounds} rounds of {seconds:g} s windows in one process, interleaved; attaching, detaching and
        the report are outside the windows. All cores are busy, so what medic itself uses beside the program shows in
        units/s.""")
    result.note(f"""CPU per unit is the whole process, by its CPU clock. "Told" is what Medic says that it used in
        the window; "threads" what the kernel counts for its threads, without the callbacks; "start" what it used up
        to {SETTLE_S:g} s after it began to record, most of it for opening the session of trace events.""")
    result.note("""The budget holds against the larger of: told; what the ratio of CPU per unit proves (the low end
        of its interval).""")
    return result
