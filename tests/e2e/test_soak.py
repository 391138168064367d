"""One process is visited again and again under load, and keeps nothing of it.

10 visits, or 100 with MEDIC_SOAK=1 (`./dev soak`). What the process holds is compared with itself after the first
visits (they map the libraries and fill the runtime's pools) and with a control: the same program that ran as long
without being visited."""

import os
import time
from dataclasses import dataclass

import pytest

import harness
import profiles
import visit

LONG = os.environ.get("MEDIC_SOAK") == "1"
CYCLES = 100 if LONG else 10
WARM_UP = 5
DURATION = "50ms"

# Growth that a control shows by chance from one time to the next; a leak grows with every visit.
MEMORY_TOLERANCE = 2 << 20
MAPS_TOLERANCE = 8

RESERVED_BY_GC = 1 << 30


@dataclass
class Holding:
    """What a process holds, apart from its garbage-collected heap, which breathes under load."""
    threads: int
    fds: int
    files: set
    maps: int
    native: int  # bytes


def native_mappings(pid):
    """The mappings without those of the collector: it reserves many gigabytes in one go, and splits them."""
    block, blocks = [], []
    for one in _smaps(pid):
        if block and (one[0].start != block[-1][0].end or one[0].path or block[-1][0].path):
            blocks.append(block)
            block = []
        block.append(one)
    blocks.append(block)
    return [one for b in blocks if b[-1][0].end - b[0][0].start < RESERVED_BY_GC for one in b]


def _smaps(pid):
    """(Mapping, private dirty bytes)"""
    result, mapping = [], None
    with open(f"/proc/{pid}/smaps") as lines:
        for line in lines:
            first, *rest = line.split(None, 5)
            if not first.endswith(":"):
                start, end = (int(x, 16) for x in first.split("-"))
                mapping = harness.Mapping(start, end, rest[0], rest[4].strip() if len(rest) > 4 else "")
            elif first == "Private_Dirty:":
                result.append((mapping, int(rest[0]) * 1024))
    return result


def holding(pid):
    native = native_mappings(pid)
    return Holding(len(harness.threads(pid)), len(harness.fds(pid)), harness.mapped_files(pid), len(native),
                   sum(dirty for _, dirty in native))


def least(pid, samples=3):
    """The smallest of some looks: a thread of the runtime's pool, a block that is just in use, are no growth."""
    looks = []
    for _ in range(samples):
        looks.append(holding(pid))
        time.sleep(0.1)
    return Holding(min(x.threads for x in looks), min(x.fds for x in looks), looks[-1].files,
                   min(x.maps for x in looks), min(x.native for x in looks))


def visit_often(p, out_dir, cycles, first=0):
    """The next attach must be accepted every time, at once."""
    for n in range(first, first + cycles):
        done = harness.run_medic(visit.attach_args(p, out_dir / f"s{n}", DURATION))
        assert done.code == visit.OK, f"visit {n + 1} was refused: {done.err}"
        assert done.err == "", f"visit {n + 1}: {done.err}"
        assert "lost" in done.out and p.is_alive()


@pytest.mark.parametrize("gc", [{}, {"DOTNET_gcServer": 1}] if LONG else [{}],
                         ids=lambda gc: "server" if gc else "workstation")
def test_visits_leave_nothing(patient, out_dir, gc):
    tmp = out_dir / "tmp"
    tmp.mkdir()

    def run(cycles, seconds):
        p = patient("churn", env={"TMPDIR": tmp, **gc})
        visit_often(p, out_dir, WARM_UP, first=0 if cycles else 1000)
        before = least(p.pid)
        began = time.monotonic()
        visit_often(p, out_dir, cycles, first=WARM_UP)
        time.sleep(max(0, seconds - (time.monotonic() - began)))
        taken = time.monotonic() - began
        after = least(p.pid)
        p.assert_works()
        assert p.quit() == 0, p.stderr()
        return before, after, taken

    before, after, taken = run(CYCLES, 0)
    control_before, control_after, _ = run(0, taken)
    told = f"after {CYCLES} visits: {after}; before: {before}; control: {control_before}, then {control_after}"
    print(f"native memory {(after.native - before.native) / 1024:+.0f} KB in {CYCLES} visits and {taken:.0f} s, control "
          f"{(control_after.native - control_before.native) / 1024:+.0f} KB; mappings {after.maps - before.maps:+d}, "
          f"control {control_after.maps - control_before.maps:+d}")
    assert after.threads <= before.threads, f"threads stay, {told}"
    assert after.fds <= before.fds, f"descriptors stay, {told}"
    assert after.files == before.files, f"files stay mapped, {told}"
    assert after.maps - before.maps <= control_after.maps - control_before.maps + MAPS_TOLERANCE, f"mappings, {told}"
    grown = (after.native - before.native) - (control_after.native - control_before.native)
    assert grown <= MEMORY_TOLERANCE, f"{grown / 1024:.0f} KB of native memory more than the control, {told}"
    visit.assert_clean(tmp)


STACKS_CYCLES = 100 if LONG else 3


@pytest.mark.parametrize("server", [False, True] if LONG else [False], ids=lambda s: "server" if s else "workstation")
def test_stack_profilers_come_and_go_under_full_load(patient, runtime, out_dir, server):
    """cpu_hotpaths and merged_stacks in turns while clients ask without a pause: no request fails, nothing stays."""
    p = patient("web", runtime, env={"DOTNET_gcServer": 1} if server else {})
    handlers = harness.signal_handlers(p.pid)
    with profiles.WebLoad(p.port):
        for n in range(STACKS_CYCLES):
            for profiler in profiles.PLUGINS:
                done = harness.run_medic(visit.attach_args(p, out_dir / f"{profiler}{n}", DURATION, profiler))
                assert done.code == visit.OK, f"visit {n + 1} by {profiler} was refused: {done.err}"
                p.assert_alive()
    assert harness.signal_handlers(p.pid) == handlers, "SIGPROF is not as it was"
    assert not [name for name in harness.threads(p.pid).values() if name.startswith("medic")]
    assert p.quit() == 0, p.stderr()
