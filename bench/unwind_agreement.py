"""Stacks of Medic's unwinder against the runtime's own walk of the same suspended threads, and what unwinding costs."""

import contextlib
import re
import threading
import time
from dataclasses import dataclass

import harness
import visit
import wrk
from subject import Subject
from table import Budget

RUNTIMES = ("net8.0", "net9.0", "net10.0")
PLUGIN = "unwind_fixture"  # tests/unwind
PLUGINS = harness.BUILD / "tests" / "unwind" / "plugins"
MODES = {"shares": [], "web": [], "jit": [], "blocked": [200]}


@dataclass
class Agreement:
    stacks: int = 0
    same: int = 0     # the same functions in the same order
    more: int = 0     # the runtime's, and others between: stubs and dynamic code that it does not tell
    lost: int = 0     # a function of the runtime's is missing
    rootless: int = 0


def _functions(text):
    return [word.split(":")[1] for word in text.split() if word.startswith("m:")]


def _is_within(few, many):
    rest = iter(many)
    return all(one in rest for one in few)


def compared(lines):
    """The `walk` lines of tests/unwind: flags | the runtime's frames | the unwinder's."""
    found = Agreement()
    for line in lines:
        if not line.startswith("walk "):
            continue
        head, theirs, ours = line.split("|")
        theirs, ours = _functions(theirs), _functions(ours)
        found.stacks += 1
        found.rootless += head.split()[1] != "0"
        if theirs == ours:
            found.same += 1
        elif _is_within(theirs, ours):
            found.more += 1
        else:
            found.lost += 1
    return found


def totals(lines):
    """The last line about samples, as a dict."""
    line = [line for line in lines if line.startswith("samples ")][-1]
    return {key: int(value) for key, value in re.findall(r"(\w+) (\d+)", line)}


@contextlib.contextmanager
def load(subject, seconds):
    """A web service is asked meanwhile, when wrk is there."""
    if not subject.patient.port or not wrk.available():
        yield
        return
    asking = threading.Thread(target=wrk.run, args=(subject.patient.port, seconds))
    asking.start()
    try:
        time.sleep(1)  # until it is in its stride
        yield
    finally:
        asking.join()


def fixture(subject, rounds, milliseconds):
    out = subject.tmp / "unwound"
    more = [f"--set=rounds={rounds}", f"--set=milliseconds={milliseconds}", f"--set=out={out}"]
    harness.run_medic(visit.attach_args(subject.pid, subject.tmp / "session", "1s", PLUGIN, more), timeout=300, check=0,
                      env={**subject.env, "MEDIC_PLUGINS": PLUGINS})
    return out.read_text().splitlines()


def run(options):
    result = options.result(["runtime", "mode", "stacks", "same, %", "more, %", "lost, %", "samples", "root reached, %",
                             "unwind, µs", "warm, µs", "budget"])
    rounds, milliseconds = options.rounds(40, 5), options.rounds(4000, 1000)
    for runtime in options.runtimes(RUNTIMES):
        for mode, args in MODES.items():
            with Subject(mode, runtime, options, args=args) as subject, load(subject, 2 + milliseconds / 1000):
                lines = fixture(subject, rounds, milliseconds)
            walks, sampled = compared(lines), totals(lines)
            samples = sampled["samples"]
            share = {name: 100 * getattr(walks, name) / max(1, walks.stacks) for name in ("same", "more", "lost")}
            root = 100 * sampled["root"] / samples if samples else None
            costs = [sampled[name] / 1000 / samples if samples else None for name in ("cold_ns", "warm_ns")]
            result.add(runtime, mode, walks.stacks, share["same"], share["more"], share["lost"], samples, root, *costs,
                       Budget("all roots", 100 - root, 0.0) if samples else None)
    result.note(f"""{rounds} suspensions: "same" functions in the same order; "more": all of the runtime's, and between them
        such as it does not tell; "lost": one of the runtime's is missing. Then {milliseconds / 1000:g} s of samples by CPU timers:
        how many reach the root of their thread, and the CPU time of unwinding one, with empty caches and again.""")
    return result
