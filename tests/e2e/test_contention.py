"""contention against a program that knows how long its threads wait for which lock (mode `waits` of the patient)."""

import struct

import pytest

import events
import harness
import visit
from events import CONTENTION

COUNT, MILLISECONDS = 60, 10
_TICK = 259    # plugins/contention/records.h
SLACK_NS = 2e6  # for each wait: how much later, or earlier, the waiting thread looks at its clock, on a busy machine
FEW = 3
PRIMER = "Ferry.Fender"


def events_on(records):
    """The primer's lock is waited for until that is seen."""
    return any(kind == _TICK and struct.unpack_from("<QQ", data)[1] for kind, data in records)


def record(target, folder, *more):
    return events.record(target, folder, CONTENTION, f"wait {COUNT} {MILLISECONDS}", events_on, "--top", "all", *more,
                         prime="prime")


@pytest.fixture(scope="module", params=events.CASES, ids=events.name_of)
def seen(request):
    runtime, env = request.param
    with harness.temp_dir() as folder, harness.Patient("waits", runtime, env=env) as patient:
        yield record(patient, folder / "s", "--set", "handles=yes")
        assert patient.quit() == 0, patient.stderr()


def locks(seen):
    return [lock for lock in seen.truth["locks"] if not lock["handle"]]


def row_of(seen, lock):
    row, = [row for row in seen.rows("locks") if row["lock"] == lock["type"]]
    return row


def test_waits_are_as_many_as_the_runtime_counts(seen):
    """The runtime's count has waits for its own locks in it; these have rows, too, from before the count as well."""
    ours = [row_of(seen, lock) for lock in locks(seen)]
    assert [(row["waits"], row["threads"], row["locks"]) for row in ours] == [(COUNT, 1, 1)] * len(ours)
    known = sum(row["waits"] for row in ours)
    rest = sum(row["waits"] for row in seen.rows("locks") if row["lock"] != PRIMER) - known
    counted = seen.truth["contentions"]
    margin = max(FEW, 0.02 * counted)
    assert known <= counted + margin and counted <= known + rest + margin, (known, rest, counted)


def test_waits_take_as_long_as_the_threads_say(seen):
    for lock in locks(seen):
        row = row_of(seen, lock)
        assert abs(row["waited"] - lock["waitedNs"]) <= 0.02 * lock["waitedNs"] + SLACK_NS * lock["waits"], (row, lock)
        assert row["waited"] >= 0.98 * COUNT * MILLISECONDS * 1e6 and row["max"] <= lock["waitedNs"], row


def test_site_and_line_of_waiting_are_named(seen):
    for lock in locks(seen):
        assert row_of(seen, lock)["site"] == lock["site"]
        place, = [row for row in seen.rows("sites") if row["method"] == lock["site"]]
        assert place["lock"] == lock["type"] and events.has_place(place["where"], lock["mark"]), (place, lock)


def test_verdict_names_a_lock_and_where_it_is_waited_for(seen):
    assert seen.profile.severity in ("warning", "critical"), seen.verdict
    assert any(lock["type"] in seen.verdict and lock["site"] in seen.verdict for lock in locks(seen)), seen.verdict
    assert "Ferry.cs:" in seen.verdict, seen.verdict


def test_waits_for_handles_are_told_where_the_runtime_tells_them(seen):
    """.NET 9 and later."""
    told, = [lock for lock in seen.truth["locks"] if lock["handle"]]
    rows = [row for row in seen.rows("handles") if row["method"] == told["site"]]
    if seen.runtime == "net8.0":
        assert not rows and "handle" in seen.profile.done.out, seen.profile.done.out
        return
    row, = rows
    assert events.has_place(row["where"], told["mark"]), row
    assert abs(row["waited"] - told["waitedNs"]) <= 0.1 * told["waitedNs"] + SLACK_NS * told["waits"], (row, told)
    assert told["site"] not in seen.verdict


@pytest.mark.parametrize("mode", ["idle", "web"])
def test_programs_whose_threads_do_not_wait_are_healthy(mode, patient, out_dir):
    p = patient(mode)
    seen = visit.attach(p, out_dir / "s", duration="1s", profiler=CONTENTION)
    assert seen.severity == "healthy", seen.verdict
    assert p.quit() == 0, p.stderr()


def test_the_lock_of_many_threads_is_named(patient, out_dir):
    p = patient("waits", args=["storm", 8])
    seen = visit.attach(p, out_dir / "s", duration="2s", profiler=CONTENTION)
    assert seen.severity == "critical", seen.verdict
    assert "Ferry.Hawser" in seen.verdict and "Ferry.Dock.Board" in seen.verdict, seen.verdict
    row, = [row for row in seen.rows("locks") if row["lock"] == "Ferry.Hawser"]
    assert (row["locks"], row["threads"]) == (3, 8), row


@pytest.mark.parametrize("case", events.CASES, ids=events.name_of)
def test_comes_and_goes_while_all_fight(case, patient, out_dir):
    runtime, env = case
    events.come_and_go(patient("waits", runtime, env=env, args=["storm", 16]), out_dir, CONTENTION)
