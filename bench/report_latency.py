"""From the end of the capture to the report on the screen, and to the end of `medic attach`."""

from measure import Spread
from subject import Subject
from table import Budget

RUNTIMES = ("net8.0", "net9.0", "net10.0")
REPORT_MS = 500


def measure(subject, seconds, rounds, options, label):
    """([to verdict], [to exit], [bytes of the capture])"""
    sessions = [subject.attach(seconds, watch=False) for _ in options.counted(rounds, label)]
    if any(s.verdict_ns is None for s in sessions):
        raise AssertionError("the verdict of report.json is not in the text on the screen")
    return (Spread.of((s.verdict_ns - s.end_ns) / 1e6 for s in sessions),
            Spread.of((s.exited_ns - s.end_ns) / 1e6 for s in sessions),
            Spread.of((s.folder / "capture.mdc").stat().st_size / 1000 for s in sessions))


def run(options):
    result = options.result(["runtime", "session", "capture, kB", "to report, ms", "to exit, ms", "budget"])
    rounds = options.rounds(15, 3)
    cases = [("induced", 1.0, rounds), ("churn", 1.0, rounds),
             ("churn", options.rounds(10.0, 3.0), options.rounds(5, 1))]
    for runtime in options.runtimes(RUNTIMES):
        for mode, seconds, count in cases:
            label = f"{mode} {seconds:g} s"
            with Subject(mode, runtime, options) as subject:
                report, leave, size = measure(subject, seconds, count, options, f"{runtime} {label}")
            result.add(runtime, label, size, report, leave, Budget(f"{REPORT_MS} ms", report.median, REPORT_MS))
    result.note("""From the time in the capture's end record (CLOCK_MONOTONIC, in the target) to the verdict on
        medic's stdout (a pipe), and to the end of the process: it waits until the runtime has let go of Medic.""")
    return result
