"""What allocations takes from a program that allocates 100 MB and 1 GB a second: CPU per MB."""

import listening
import peer
from listening import Plugin, Trace
from subject import Subject

RUNTIMES = ("net8.0", "net10.0")  # one by ticks, one by samples
MB_A_SECOND = (100, 1000)
PERCENT, JUDGED = 3, 1000
KB = 1e-3


def variants(runtime, rate, with_peer):
    percent = PERCENT if rate == JUDGED else None
    return {
        "bare": None,
        "runtime only": listening.empty("allocations" if runtime == "net10.0" else "allocations_ticks", percent),
        "allocations": Plugin("allocations", {}, "runtime only", percent),
        **({"dotnet-trace": Trace(peer.ALLOCATIONS)} if with_peer else {}),
    }


def run(options):
    result = options.result(["runtime", "MB/s", *listening.COLUMNS])
    rounds, seconds = options.rounds(8, 2), options.rounds(1.5, 1.0)
    version = options.peer(result, peer.ALLOCATIONS)
    for runtime in options.runtimes(RUNTIMES):
        for rate in MB_A_SECOND:
            with Subject("mix", runtime, options, args=["pace", rate]) as subject:
                who = variants(runtime, rate, version)
                measured = listening.measure(subject, seconds, rounds, who, options, f"{runtime} {rate} MB/s")
            listening.add_rows(result, (runtime, rate), who, measured, KB)
    result.note("""One thread allocates objects of nine types, 24 bytes to 200 kB, in 2.5 MB lots, and sleeps until the next is
        due. A unit is one MB; its CPU is that of making the objects and of collecting them.""")
    listening.notes(result, rounds, seconds)
    return result
