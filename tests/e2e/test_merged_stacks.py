"""merged_stacks against programs that know what their threads wait for."""

import json
import re

import pytest

import harness
import profiles
import visit
from places import from_side_car, own_pids
from profiles import MERGED, record, same_place

# What a wait is called in the report; the mark of the line where the program's own code stands.
WAITS = {"gate": ("lock", "gate"), "wait": ("Monitor.Wait|pulse|signal", "wait"), "semaphore": ("semaphore", "semaphore"),
         "event": ("event|signal", "event"), "result": ("task", "result"), "refund": ("task", "result"),
         "sleep": ("sleep", "sleep"), "socket": ("socket|network", "socket"), "vault": ("lock", "vault")}


def photograph(p, folder, *more):
    return record(p, folder, "10s", *more, profiler=MERGED)


def population(p):
    return json.loads(p.ask("blocked"))


def threads_by_tid(profile):
    return {row["tid"]: row for row in profile.rows("threads")}


def assert_all_waits_are_seen(profile, told, runtime):
    """As many threads in each method as the program says that there are."""
    seen = {}
    for stack in profile.stacks:
        for method in {f.function for f in stack.frames}:
            seen[method] = seen.get(method, 0) + stack.count
    wanted = {}
    for name, wait in told.items():
        if name != "idle":
            wanted[wait["method"]] = wanted.get(wait["method"], 0) + wait["threads"]
    wanted["Billing.Payments.Charge"] += told["refund"]["threads"]
    assert {method: seen.get(method, 0) for method in wanted} == wanted


@pytest.mark.parametrize("count", [50, 200, 1000])
def test_every_thread_is_seen_where_it_waits(patient, runtime, out_dir, count):
    if count > 50 and runtime != "net10.0":
        pytest.skip("the large ones on one runtime")
    p = patient("blocked", runtime, args=[count])
    told = population(p)
    profile = photograph(p, out_dir / "s")
    assert_all_waits_are_seen(profile, told, runtime)

    cost = profile.report["cost"]
    assert cost["total_pause_ns"] == cost["longest_pause_ns"] > 0, f"more than one pause: {cost}"

    # The verdict names what most of them wait for, how many, and the line.
    gates = told["gate"]["threads"]
    _, line = profiles.marks()["gate"]
    assert re.search(rf"\b{gates} of \d+ threads\b", profile.verdict), profile.verdict
    assert "Billing.Gate.Enter" in profile.verdict and f"Gate.cs:{line}" in profile.verdict, profile.verdict
    assert profile.severity in ("warning", "critical", "notice"), profile.severity
    p.assert_alive()
    assert p.quit() == 0, p.stderr()


@pytest.mark.parametrize("gc", [{}, {"DOTNET_gcServer": 1}], ids=["workstation", "server"])
def test_threads_have_names_states_and_lines(patient, runtime, out_dir, gc):
    p = patient("blocked", runtime, args=[20, "busy", 1], env=gc)
    alive = {tid: name for tid, name in harness.threads(p.pid).items()}
    told = population(p)
    profile = photograph(p, out_dir / "s")
    rows = threads_by_tid(profile)
    named = {tid: name for tid, name in alive.items() if re.sub(r" \d+$", "", name) in told}
    assert {tid: rows[tid]["name"] for tid in named} == named
    for tid, name in named.items():
        kind = re.sub(r" \d+$", "", name)
        if kind in WAITS:
            words, mark = WAITS[kind]
            row = str(rows[tid])
            assert re.search(words, row, re.IGNORECASE), f"{name} {words}: {row}"
    for kind, (_, mark) in WAITS.items():
        if kind in told:
            lines = profile.lines(told[kind]["method"]) if kind != "refund" else profile.lines("Billing.Payments.Charge")
            assert any(same_place(file, line, mark) for file, line in lines), (kind, lines)
    busy, = (row for row in rows.values() if row["name"] == "busy 0")
    assert re.search("run|CPU", str(busy), re.IGNORECASE), busy
    assert p.quit() == 0, p.stderr()


def test_async_frames_are_named(patient, runtime, out_dir):
    p = patient("blocked", runtime, args=[20])
    profile = photograph(p, out_dir / "s")
    refunds = [s for s in profile.stacks if s.passes("Billing.Payments.Refund (async)")]
    assert sum(s.count for s in refunds) == 2
    assert all("Billing.Payments.Charge" in s.functions for s in refunds)
    lines = profile.lines("Billing.Payments.Refund (async)")
    assert any(same_place(file, line, "refund") for file, line in lines), lines
    assert not [f for f in profile.functions() if "MoveNext" in f and f.startswith("Billing")]


def test_stacks_begin_at_the_root_of_the_thread(patient, runtime, out_dir):
    p = patient("blocked", runtime, args=[50])
    profile = photograph(p, out_dir / "s")
    gates = [s for s in profile.stacks if s.passes("Billing.Gate.Enter")]
    for s in gates:
        assert "Medic.Targets.Population" in " ".join(s.functions), s.functions
        assert not s.root.function.startswith("Billing"), s.functions
    flags = [kind for kind, _ in profile.capture.plugin_records]
    assert flags


def test_idle_pool_threads_are_folded(patient, runtime, out_dir):
    p = patient("blocked", runtime, args=[20])
    profile = photograph(p, out_dir / "s")
    idle = [row for row in profile.rows("waits") if "idle" in str(row).lower()]
    assert len(idle) == 1, profile.rows("waits")
    assert 6 in idle[0].values() or any(isinstance(v, int) and v >= 6 for v in idle[0].values()), idle


def test_starved_pool_is_the_verdict(patient, runtime, out_dir):
    p = patient("starved", runtime)
    profile = photograph(p, out_dir / "s")
    _, line = profiles.marks()["starved"]
    assert "Shop.Checkout.Pay" in profile.verdict and f"Checkout.cs:{line}" in profile.verdict, profile.verdict
    assert re.search("pool", profile.verdict), profile.verdict
    assert re.search(r"\b2[345]\b", profile.verdict), profile.verdict
    assert p.quit() == 0, p.stderr()


def test_program_without_trouble_is_healthy(patient, runtime, out_dir):
    p = patient("idle", runtime)
    profile = photograph(p, out_dir / "s")
    assert profile.severity == "healthy", profile.verdict


@pytest.mark.parametrize("mode", ["jit", "nullrefs", "threadchurn", "forkexec", "cpu", "names"])
def test_programs_that_do_not_stand_still(patient, out_dir, mode):
    """Ten photographs of code and threads that come and go."""
    p = patient(mode, args=["stress"] if mode == "names" else [])
    for n in range(10):
        profile = photograph(p, out_dir / f"s{n}")
        assert profile.stacks
        p.assert_alive()
    p.assert_works()
    assert p.quit() == 0, p.stderr()


@pytest.mark.parametrize("prof", [True, False], ids=["with SIGPROF", "without"])
def test_signals_of_the_program_go_on_as_before(patient, runtime, out_dir, prof):
    p = patient("signals", runtime, args=[harness.SIGNALS_LIBRARY, *(["prof"] if prof else [])])
    for n in range(3):
        photograph(p, out_dir / f"s{n}")
    p.assert_works()
    told = json.loads(p.ask("signals"))
    assert told["handler"] == ("own" if prof else "default")
    harness.assert_undisturbed(told, prof)
    assert p.quit() == 0, p.stderr()


def test_all_threads_when_only_tmp_is_shared(patient, out_dir):
    shared = out_dir / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    p = patient("blocked", args=[20], prefix=own_pids(shared))
    told = population(p)
    socket, = harness.diagnostics_sockets(1, shared)
    done = from_side_car(shared, *visit.attach_args(f"/tmp/{socket.name}", "/tmp/out", "10s", MERGED), hide=harness.TARGETS)
    assert done.code == 0, done.err
    profile = profiles.Profile(shared / "out", done)
    assert_all_waits_are_seen(profile, told, "net10.0")
    _, line = profiles.marks()["gate"]
    assert f"Gate.cs:{line}" in profile.verdict, profile.verdict
