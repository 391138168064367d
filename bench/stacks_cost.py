"""What cpu_hotpaths takes from the program: throughput and p99 of a web service, throughput of a computation."""

import time

import peer
import wrk
from measure import Spread, interleave, ratio
from subject import Subject
from table import Budget

RUNTIMES = ("net10.0",)
PROFILER = "cpu_hotpaths"
BUDGET_PERCENT = 0.5
ROUNDS_TO_JUDGE = 8  # fewer prove nothing about half a percent
BLOCKED = (0, 1000)
SETTLE_S = 0.5


def during_medic(subject, measure):
    medic = subject.start()
    subject.wait_running(medic)
    time.sleep(SETTLE_S)
    before = subject.status()
    measured = measure()
    after = subject.status()
    subject.finish(medic, after, stop=True)
    told = (after.cpu_ns - before.cpu_ns) / (after.now_ns - before.now_ns)  # processors
    return measured, told


def during_peer(subject, measure):
    with peer.tracing(subject, peer.SAMPLED):
        time.sleep(SETTLE_S)
        return measure(), None


def during_nothing(measure):
    time.sleep(SETTLE_S)
    return measure(), None


def variants(subject, measure, with_peer):
    steps = {"bare": lambda: during_nothing(measure), PROFILER: lambda: during_medic(subject, measure)}
    if with_peer:
        steps["dotnet-trace"] = lambda: during_peer(subject, measure)
    return steps


def web(subject, seconds):
    return wrk.run(subject.patient.port, seconds)


def computation(subject, seconds):
    """Units of work a second. The time is that between the two answers: who is stopped answers late."""
    begin, before = time.monotonic(), subject.patient.work()
    time.sleep(seconds)
    now, after = time.monotonic(), subject.patient.work()
    return wrk.Load((after - before) / (now - begin), 0.0, 0.0)


def budget(rates):
    """Judged by what the ratio proves: the loss begins where its interval ends."""
    if rates is None or len(rates.values) < ROUNDS_TO_JUDGE:
        return None
    return Budget(f"{BUDGET_PERCENT} %", max(0.0, (1 - rates.high) * 100), BUDGET_PERCENT)


def add_rows(result, runtime, mode, blocked, measured):
    def column(name, figure):
        return [getattr(load, figure) for load, _ in measured[name]]

    for name, windows in measured.items():
        is_bare, is_web = name == "bare", mode == "web"
        rates = None if is_bare else ratio(column("bare", "rate"), column(name, "rate"))
        told = [cpu * 100 for _, cpu in windows if cpu is not None]
        result.add(runtime, mode, blocked, name, Spread.of(column(name, "rate")), rates,
                   Spread.of(column(name, "p99")) if is_web else None,
                   ratio(column("bare", "p99"), column(name, "p99")) if is_web and not is_bare else None,
                   Spread.of(told) if told else None, budget(rates) if name == PROFILER else None)


def run(options):
    result = options.result(["runtime", "mode", "blocked", "variant", "a second", "to bare", "p99, µs", "to bare",
                             "told, % of a core", "budget"])
    rounds, seconds = options.rounds(12, 2), options.rounds(5.0, 1.0)
    version = options.peer(result, peer.SAMPLED)
    measures = {"cpu": computation, "web": web}
    if not wrk.available():
        measures.pop("web")
        result.note("wrk is missing (apt-get install wrk): no rows for the web service.")
    for runtime in options.runtimes(RUNTIMES):
        for blocked in BLOCKED:
            for mode, measure in measures.items():
                with Subject(mode, runtime, options, args=["--blocked", blocked] if blocked else [],
                             profiler=PROFILER) as subject:
                    measure(subject, options.rounds(5, 1))  # until its code is compiled for good
                    steps = variants(subject, lambda: measure(subject, seconds), version and not blocked)
                    add_rows(result, runtime, mode, blocked,
                             interleave(steps, rounds, options.progress(f"{runtime} {mode} {blocked}")))
    result.note(f"""{rounds} rounds of {seconds:g} s, interleaved, in one process a row group; attaching and detaching are
        outside. "a second": requests of wrk ({wrk.CONNECTIONS} connections, one thread, /json, on the same cores), or units of
        arithmetic on all cores. "blocked": threads that wait for ever beside it; there dotnet-trace is left out, because it
        was seen not to end within a minute.""")
    result.note(f"""The budget holds against what the ratio proves: the loss of throughput at the favourable end of its
        interval, judged from {ROUNDS_TO_JUDGE} rounds on. "told": what Medic says that it used itself, of one core.""")
    return result
