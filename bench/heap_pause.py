"""How long a photograph of the heap stops the program: the longest gap of a 1 ms loop, beside a bare gen2 collection."""

import time

import photograph
from measure import Spread, interleave, ratio
from subject import Subject
from table import Budget

RUNTIMES = ("net10.0",)
MILLIONS = (1, 5, 10)
LARGE = 20
QUICK = (0.2,)
BUDGET_MS, BUDGET_MILLIONS = 20.0, 10
BUDGET_PER_GB = 30.0  # server GC: beyond the bare collection
BYTES = 56            # of an object, see Warehouse.Hall in tests/targets/Patient


def gap_during(subject, body):
    """(gap in ms, what body returns)"""
    subject.patient.stats()  # forgets the gaps before
    told = body()
    return subject.patient.stats()["gapMs"], told


def steps_of(subject, gc, runtime):
    steps = {"bare": lambda: gap_during(subject, lambda: time.sleep(1)),
             "gen2 collection": lambda: gap_during(subject, lambda: float(subject.patient.ask("collect", 60)))}
    for route in photograph.routes(gc, runtime):
        steps[route] = lambda route=route: gap_during(subject, lambda: photograph.take(subject, route))
    return steps


def budget(gc, route, millions, gaps, collections):
    """Workstation GC: the route that gc_survivors takes by itself. Server GC: a forced collection and the fork."""
    if gc == "workstation" and route == "copy" and millions == BUDGET_MILLIONS:
        return Budget(f"{BUDGET_MS:g} ms", gaps.median, BUDGET_MS)
    if gc == "server" and route == "collect" and millions >= 1:
        allowed = Spread.of(collections).median + BUDGET_PER_GB * max(1, millions * 1e6 * BYTES / 1e9)
        return Budget(f"gen2 + {BUDGET_PER_GB:g} ms per GB", gaps.median, allowed)
    return None


def add_rows(result, runtime, gc, millions, found):
    collections = [gap for gap, _ in found["gen2 collection"]]
    for name, measured in found.items():
        gaps, told = Spread.of(gap for gap, _ in measured), [what for _, what in measured]
        cells = [runtime, gc, millions, name, gaps, None, None, None, None, None]
        if name == "gen2 collection":
            cells[6] = Spread.of(told)
        elif name != "bare":
            cells[5] = ratio(collections, gaps.values)
            cells[6] = Spread.of(done.pause_ns / 1e6 for done in told)
            cells[7] = Spread.of(done.predicted_pause_ns / 1e6 for done in told)
            cells[8] = Spread.of(done.attempts for done in told)
            cells[9] = budget(gc, name, millions, gaps, collections)
        result.add(*cells)


def run(options):
    result = options.result(["runtime", "GC", "million objects", "variant", "longest gap, ms", "to gen2", "pause told, ms",
                             "predicted, ms", "attempts", "budget"])
    sizes = options.rounds((*MILLIONS, *([LARGE] if options.large else [])), QUICK)
    for runtime in options.runtimes(RUNTIMES):
        for millions in sizes:
            rounds = options.rounds(3 if millions > 5 else 5, 2)
            for gc in ("workstation", "server"):
                with Subject("heap", runtime, options, server=gc == "server", gap=True, args=[millions]) as subject:
                    photograph.take(subject, "collect")  # unmeasured: the first costs more
                    found = interleave(steps_of(subject, gc, runtime), rounds,
                                       options.progress(f"{runtime} {gc} {millions}"))
                    add_rows(result, runtime, gc, millions, found)
    result.note(f"""The longest time between two wake-ups of a thread that sleeps 1 ms at a time, from the attach to the end of the
        session; "bare": one second without anything; "gen2 collection": a forced blocking one by the program itself, whose
        pause is told by the runtime. Interleaved. Objects have {BYTES} bytes and 1.5 references.""")
    result.note("""No report is made meanwhile: an attach client that is not medic asks, and the analysis does not take the
        processors from the program.""")
    return result
