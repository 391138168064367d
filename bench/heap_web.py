"""A web service under a photograph of its heap: throughput, p99 and the slowest request."""

import threading

import photograph
import wrk
from measure import Spread, interleave, ratio
from subject import Subject

RUNTIMES = ("net10.0",)
MILLIONS, QUICK = 2, 0.2


def load_during(subject, seconds, route=None):
    """The photograph begins when a third of the time is over."""
    failures = []

    def take():
        try:
            photograph.take(subject, route)
        except AssertionError as e:
            failures.append(e)

    timer = threading.Timer(seconds / 3, take)
    if route:
        timer.start()
    load = wrk.run(subject.patient.port, seconds)
    if route:
        timer.join()
    if failures:
        raise failures[0]
    return load


def run(options):
    result = options.result(["runtime", "GC", "million objects", "variant", "requests/s", "to bare", "p99, µs", "to bare",
                             "slowest, ms"])
    if not wrk.available():
        result.note("wrk is missing (apt-get install wrk): nothing was measured.")
        return result
    rounds, seconds, millions = options.rounds(6, 2), options.rounds(5.0, 3.0), options.rounds(MILLIONS, QUICK)
    for runtime in options.runtimes(RUNTIMES):
        for gc in ("workstation", "server"):
            with Subject("web", runtime, options, server=gc == "server", args=[millions]) as subject:
                load_during(subject, seconds)  # until its code is compiled for good
                steps = {"bare": lambda: load_during(subject, seconds)}
                for route in photograph.routes(gc, runtime):
                    steps[route] = lambda route=route: load_during(subject, seconds, route)
                found = interleave(steps, rounds, options.progress(f"{runtime} {gc}"))
            bare = found["bare"]
            for name, loads in found.items():
                others = name != "bare"
                result.add(runtime, gc, millions, name, Spread.of(load.rate for load in loads),
                           ratio([b.rate for b in bare], [load.rate for load in loads]) if others else None,
                           Spread.of(load.p99 for load in loads),
                           ratio([b.p99 for b in bare], [load.p99 for load in loads]) if others else None,
                           Spread.of(load.slowest / 1000 for load in loads))
    result.note(f"""{rounds} rounds of {seconds:g} s of wrk ({wrk.CONNECTIONS} connections, one thread, /json, on the same
        cores), interleaved, in one process for each GC; one photograph begins when a third of the time is over. Attaching and
        the copy's work are inside.""")
    return result
