"""The longest gap that a 1 ms loop in the target sees: does an attach stop the program?"""

import time

import peer
from measure import Spread, interleave, ratio
from subject import Subject

RUNTIMES = ("net8.0", "net9.0", "net10.0")
SESSION_S = 0.3


def gap_during(subject, body):
    """Milliseconds."""
    subject.patient.stats()  # forgets the gaps before
    body()
    return subject.patient.stats()["gapMs"]


def variants(subject, with_peer):
    begin = time.monotonic()
    subject.attach(SESSION_S, watch=False)  # unmeasured: how long a whole attach takes
    whole = time.monotonic() - begin
    steps = {"bare": lambda: gap_during(subject, lambda: time.sleep(whole)),
             "medic": lambda: gap_during(subject, lambda: subject.attach(SESSION_S, watch=False))}
    if with_peer:
        def traced():
            with peer.tracing(subject):
                time.sleep(SESSION_S)
        steps["dotnet-trace"] = lambda: gap_during(subject, traced)
    return steps


def run(options):
    result = options.result(["runtime", "mode", "variant", "longest gap, ms", "to bare"])
    rounds = options.rounds(20, 3)
    version = options.peer(result)
    for runtime in options.runtimes(RUNTIMES):
        for mode in ("idle", "induced"):
            with Subject(mode, runtime, options, gap=True) as subject:
                gaps = interleave(variants(subject, version), rounds, options.progress(f"{runtime} {mode}"))
            for name, values in gaps.items():
                result.add(runtime, mode, name, Spread.of(values),
                           None if name == "bare" else ratio(gaps["bare"], values))
    result.note(f"""Each measurement: the longest time between two wake-ups of a thread that sleeps 1 ms at a time,
        over attach, {SESSION_S} s of recording, detach and report, against the same time without. {rounds} rounds,
        interleaved.""")
    result.note("""idle collects nothing, so a gap beyond bare is what attaching does, or the work of the medic
        process beside it. induced stops itself 20 times a second: there the gap is its own pause.""")
    return result
