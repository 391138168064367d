"""What exceptions takes from a program that throws all the time: CPU per throw, through 5 and 50 calls."""

import listening
import peer
from listening import Plugin, Trace
from subject import Subject

RUNTIMES = ("net10.0",)
DEPTHS = (5, 50)
FULL_PERCENT, CHEAP_PERCENT = 25, 5
DEEP = 50  # the budget of the cheap mode is for deep stacks


def variants(depth, with_peer):
    cheap = CHEAP_PERCENT if depth >= DEEP else None
    return {
        "bare": None,
        "runtime only": listening.empty("exceptions", FULL_PERCENT),
        "full": Plugin("exceptions", {"mode": "full"}, "runtime only", FULL_PERCENT),
        "runtime only, cheap": listening.empty("exceptions_cheap", cheap),
        "cheap": Plugin("exceptions", {"mode": "cheap"}, "runtime only, cheap", cheap),
        **({"dotnet-trace": Trace(peer.EXCEPTIONS)} if with_peer else {}),
    }


def run(options):
    result = options.result(["runtime", "depth", *listening.COLUMNS])
    rounds, seconds = options.rounds(8, 2), options.rounds(0.8, 0.5)
    version = options.peer(result, peer.EXCEPTIONS)
    for runtime in options.runtimes(RUNTIMES):
        for depth in DEPTHS:
            with Subject("throws", runtime, options, args=["depth", depth]) as subject:
                who = variants(depth, version)
                measured = listening.measure(subject, seconds, rounds, who, options, f"{runtime} depth {depth}")
            listening.add_rows(result, (runtime, depth), who, measured)
    result.note("""One thread throws and catches without a pause. A unit is one throw; depth: calls between the catch block
        and the throw. "Cheap": `mode=cheap`, by the runtime's event instead of its callbacks.""")
    listening.notes(result, rounds, seconds)
    return result
