"""A program while somebody listens to its events: a plugin, a plugin that does nothing with them, dotnet-trace.

What the empty plugin costs is the runtime's own share: nobody who wants these events has them for less."""

import time
from dataclasses import dataclass, field

import harness
import peer
from measure import Spread, interleave, ratio
from pauses_cost import Window, window
from table import Budget

EMPTY = harness.BUILD / "bench" / "plugins" / "empty_listener.so"
COLUMNS = ["variant", "a second", "to bare", "CPU, µs", "to bare", "to runtime only", "told, % of CPU", "threads, %",
           "calls", "budget"]
SETTLE_S = 0.3
ROUNDS_TO_JUDGE = 6


@dataclass(frozen=True)
class Plugin:
    """Somebody who listens through Medic."""
    profiler: str  # name or file
    settings: dict = field(default_factory=dict)
    runtime: str = ""  # the variant that shows the runtime's own share of this one
    budget: float | None = None  # percent of CPU


@dataclass(frozen=True)
class Trace:
    """dotnet-trace."""
    what: tuple


def empty(like, budget=None):
    return Plugin(EMPTY, {"like": like}, budget=budget)


def quiet_window(subject, seconds):
    time.sleep(SETTLE_S)
    return window(subject, seconds), None


def heard(subject):
    """The status once the first calls have come, and the runtime's session of trace events, which takes its time, is up."""
    starting = "medic-events" in harness.threads(subject.pid).values()
    now = subject.status()
    return now if now and now.callbacks and not starting else None


def plugin_window(subject, seconds, plugin):
    """The window, and the calls that Medic got a unit of work."""
    medic = subject.start(profiler=plugin.profiler, settings=plugin.settings)
    subject.wait_running(medic)
    before = harness.wait_until(lambda: heard(subject), 20, "the first event")
    time.sleep(SETTLE_S)
    before, threads = subject.status() or before, subject.medic_threads_ns()
    measured = window(subject, seconds)
    after, threads = subject.status(), subject.medic_threads_ns() - threads
    subject.finish(medic, after, stop=True)
    # The status is rewritten every 100 ms: its own window is a little beside ours.
    part = measured.seconds * 1e9 / (after.now_ns - before.now_ns)
    measured.told = (after.cpu_ns - before.cpu_ns) * part / measured.cpu_ns
    measured.threads = threads / measured.cpu_ns
    return measured, (after.callbacks - before.callbacks) * part / measured.work


def trace_window(subject, seconds, trace):
    with peer.tracing(subject, trace.what):
        return quiet_window(subject, seconds)


def step(subject, seconds, who):
    if isinstance(who, Plugin):
        return lambda: plugin_window(subject, seconds, who)
    if isinstance(who, Trace):
        return lambda: trace_window(subject, seconds, who)
    return lambda: quiet_window(subject, seconds)


def measure(subject, seconds, rounds, variants, options, label):
    """variants: {name: Plugin, Trace or None}, the bare one first. {name: [(Window, calls)]}"""
    progress = options.progress(label)
    progress("warms up")
    time.sleep(options.rounds(5, 3))  # until its code is compiled for good
    return interleave({name: step(subject, seconds, who) for name, who in variants.items()}, rounds, progress)


def budget(who, cpu):
    """Judged by what the ratio proves: where its interval begins. The runtime alone is not judged: it is told how much of the
    budget it uses up."""
    if not isinstance(who, Plugin) or who.budget is None or len(cpu.values) < ROUNDS_TO_JUDGE:
        return None
    if who.profiler == EMPTY:
        return f"runtime: {(cpu.median - 1) * 100:.1f} of {who.budget:g} %"
    return Budget(f"{who.budget:g} % CPU", (cpu.low - 1) * 100, who.budget)


def add_rows(result, head, variants, measured, units=1.0):
    """units: how many of the table's units one of the patient's is."""
    windows: dict[str, list[Window]] = {name: [w for w, _ in both] for name, both in measured.items()}
    rates = {name: [w.rate * units for w in all] for name, all in windows.items()}
    cpu = {name: [w.cpu_per_work / units for w in all] for name, all in windows.items()}
    for name, who in variants.items():
        to_bare = ratio(cpu["bare"], cpu[name]) if who else None
        plugin = who if isinstance(who, Plugin) else None
        result.add(*head, name, Spread.of(rates[name]), ratio(rates["bare"], rates[name]) if who else None,
                   Spread.of(cpu[name]), to_bare,
                   ratio(cpu[plugin.runtime], cpu[name]) if plugin and plugin.runtime else None,
                   Spread.of(w.told * 100 for w in windows[name]) if plugin else None,
                   Spread.of(w.threads * 100 for w in windows[name]) if plugin else None,
                   Spread.of(calls / units for _, calls in measured[name]) if plugin else None, budget(who, to_bare))


def notes(result, rounds, seconds):
    result.note(f"""{rounds} rounds of {seconds:g} s windows in one process a group, interleaved; attaching, detaching and
        reports are outside the windows. CPU is that of the whole process, Medic's threads in it included, by its CPU clock.""")
    result.note(""""Runtime only": a plugin that asks for the same events and does nothing with them. "Told": what Medic
        says that it used, threads and callbacks; for calls that do next to nothing this is the clock that measures them.
        "Threads": what the kernel counts for Medic's threads. "Calls": those that the plugin gets, a unit.""")
    result.note(f"""The budget holds against what the ratio of CPU to bare proves (the low end of its interval), judged from
        {ROUNDS_TO_JUDGE} rounds on.""")
