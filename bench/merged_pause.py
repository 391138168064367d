"""How long merged_stacks stops the program: what it says, and the longest gap that a 1 ms loop in the target sees."""

import time

from measure import Spread, interleave, ratio
from subject import Subject
from table import Budget

RUNTIMES = ("net10.0",)
PROFILER = "merged_stacks"
THREADS = (50, 200, 1000)
BUDGET_MS, BUDGET_THREADS = 15.0, 1000


def gap_during(subject, body):
    """(gap in ms, what body returns)"""
    subject.patient.stats()  # forgets the gaps before
    told = body()
    return subject.patient.stats()["gapMs"], told


def photograph(subject):
    """(pause in ms, seconds from start to report) as told."""
    begin = time.monotonic()
    cost = subject.attach(10, watch=False).report["cost"]
    assert cost["longest_pause_ns"] == cost["total_pause_ns"], f"more than one pause: {cost}"
    return cost["longest_pause_ns"] / 1e6, time.monotonic() - begin


def run(options):
    result = options.result(["runtime", "threads", "pause told, ms", "longest gap, ms", "bare gap, ms", "gap to bare",
                             "command, s", "budget"])
    rounds = options.rounds(20, 3)
    for runtime in options.runtimes(RUNTIMES):
        for threads in THREADS:
            with Subject("blocked", runtime, options, gap=True, args=[threads], profiler=PROFILER) as subject:
                _, whole = photograph(subject)  # unmeasured: how long it takes, and the first costs more
                steps = {"bare": lambda: gap_during(subject, lambda: time.sleep(whole)),
                         "medic": lambda: gap_during(subject, lambda: photograph(subject))}
                found = interleave(steps, rounds, options.progress(f"{runtime} {threads}"))
            bare, gaps = ([gap for gap, _ in found[name]] for name in ("bare", "medic"))
            pauses = Spread.of(pause for _, (pause, _) in found["medic"])
            result.add(runtime, threads, pauses, Spread.of(gaps), Spread.of(bare), ratio(bare, gaps),
                       Spread.of(seconds for _, (_, seconds) in found["medic"]),
                       Budget(f"{BUDGET_MS:g} ms", pauses.median, BUDGET_MS) if threads == BUDGET_THREADS else None)
    result.note(f"""{rounds} photographs a row, interleaved with as many stretches of the same length without. "Pause told":
        what the report says, from asking for the suspension to the resume. "Gap": the longest time between two wake-ups of a
        thread that sleeps 1 ms at a time. "Command": from the start of `medic attach` to its end.""")
    result.note("Threads: half of them wait for one lock, the others in Monitor.Wait, semaphores, tasks, sleeps, sockets.")
    return result
