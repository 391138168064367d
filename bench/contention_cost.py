"""What contention takes from a program whose threads fight for three locks: its throughput, and CPU per turn."""

import time

import listening
import peer
from listening import Plugin, Trace
from subject import Subject

RUNTIMES = ("net10.0",)
THREADS = (4, 16)


def variants(with_peer):
    return {
        "bare": None,
        "runtime only": listening.empty("contention"),
        "contention": Plugin("contention", {}, "runtime only"),
        **({"dotnet-trace": Trace(peer.CONTENTION)} if with_peer else {}),
    }


def run(options):
    result = options.result(["runtime", "threads", *listening.COLUMNS])
    rounds, seconds = options.rounds(8, 2), options.rounds(1.5, 1.0)
    version = options.peer(result, peer.CONTENTION)
    for runtime in options.runtimes(RUNTIMES):
        for threads in THREADS:
            with Subject("waits", runtime, options, args=["storm", threads]) as subject:
                who = variants(version)
                begin, before = time.monotonic(), int(subject.patient.ask("count"))
                measured = listening.measure(subject, seconds, rounds, who, options, f"{runtime} {threads}")
                waits = (int(subject.patient.ask("count")) - before) / (time.monotonic() - begin)
            listening.add_rows(result, (runtime, threads), who, measured)
            result.note(f"""{runtime}, {threads} threads: {waits:.0f} waits a second, by Monitor.LockContentionCount.""")
    result.note("""Each thread takes the three locks in turn, and computes for 50 µs while it has one. A unit is one turn.""")
    listening.notes(result, rounds, seconds)
    return result
