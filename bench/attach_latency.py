"""From the start of `medic attach` to the first event, and how long the runtime's own thread was held."""

from measure import Spread
from subject import Subject
from table import Budget

RUNTIMES = ("net8.0", "net9.0", "net10.0")
FIRST_EVENT_MS = 50
BEGIN_MS = 5


def measure_once(runtime, options):
    """A fresh process is attached to three times: [(to recording, to first event, begin)] in ms."""
    with Subject("churn", runtime, options) as subject:
        found = []
        for _ in range(3):
            done = subject.attach(0.3)
            found.append(((done.status.started_ns - done.spawned_ns) / 1e6,
                          (done.status.first_record_ns - done.spawned_ns) / 1e6,
                          done.status.begin_ns / 1e6))
        return found


def run(options):
    result = options.result(["runtime", "attach", "to recording, ms", "to first event, ms", "p95", "runtime held, ms",
                             "first event", "held"])
    rounds = options.rounds(20, 3)
    for runtime in options.runtimes(RUNTIMES):
        processes = [measure_once(runtime, options) for _ in options.counted(rounds, runtime)]
        for label, sessions in (("first", [p[0] for p in processes]), ("later", [s for p in processes for s in p[1:]])):
            recording, event, begin = (Spread.of(column) for column in zip(*sessions))
            result.add(runtime, label, recording, event, event.percentile(95), begin,
                       Budget(f"{FIRST_EVENT_MS} ms", event.median, FIRST_EVENT_MS),
                       Budget(f"{BEGIN_MS} ms", begin.median, BEGIN_MS))
    result.note(f"""{rounds} processes a row of .NET (mode churn: it collects all the time), each attached to three
        times.""")
    result.note("""Begins just before the medic process is started. "Recording": the profiler's callbacks are open.
        "First event": the runtime has called Medic and the record is in the ring. "Held": InitializeForAttach, during
        which the runtime's diagnostics server (not the program) waits.""")
    result.note("""Budgets are held against the median.""")
    return result
