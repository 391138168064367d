"""contention against a program that knows how long its threads wait for which lock, and who holds it (mode `waits` of the
patient): each wait is forced, and it tells between which lengths it was."""

import json
import math
import struct

import pytest

import events
import harness
import profiles
import visit
from events import CONTENTION

COUNT, MILLISECONDS = 60, 10
HOLDS, HOLD_MILLISECONDS = 4, 150
_TICK = 259   # plugins/contention/records.h
STEP = 1.25   # of the scale of lengths
SHARE = 0.02
PRIMER = "Ferry.Fender"


def events_on(records):
    """The primer's lock is waited for until that is seen."""
    return any(kind == _TICK and struct.unpack_from("<QQ", data)[1] for kind, data in records)


def record(target, folder, command, *more):
    return events.record(target, folder, CONTENTION, command, events_on, "--top", "all", *more, prime="prime")


@pytest.fixture(scope="module", params=events.ALL_CASES, ids=events.name_of)
def seen(request):
    runtime, env = request.param
    with harness.temp_dir() as folder, harness.Patient("waits", runtime, env=env) as patient:
        yield record(patient, folder / "s", f"wait {COUNT} {MILLISECONDS}", "--set", "handles=yes")
        assert patient.quit() == 0, patient.stderr()


@pytest.fixture(scope="module", params=events.ALL_CASES, ids=events.name_of)
def held(request):
    """Waits that are long enough for photographs; the holders never wait."""
    runtime, env = request.param
    with harness.temp_dir() as folder, harness.Patient("waits", runtime, env=env) as patient:
        yield record(patient, folder / "s", f"hold {HOLDS} {HOLD_MILLISECONDS}")
        assert patient.quit() == 0, patient.stderr()


def piers(seen):
    """The locks that one thread holds and one waits for."""
    return [lock for lock in seen.truth["locks"] if not lock["handle"]]


def locks(seen):
    return [*piers(seen), *filter(None, [seen.truth["relay"]])]


def row_of(seen, lock, section="locks"):
    row, = [row for row in seen.rows(section) if row["lock"] == lock["type"]]
    return row


def place_of(mark):
    """As sentences have it."""
    name, number = profiles.marks()[mark]
    return f"({name}:{number})"


def assert_between(value, least, most, told):
    assert sum(least) <= value <= sum(most), (value, sum(least), sum(most), told)


# --- how often, and how long ------------------------------------------------------------------------------------------

def test_waits_of_each_lock_are_as_many_as_there_were_and_as_the_runtime_counts(seen):
    for lock in locks(seen):
        row, who = row_of(seen, lock), row_of(seen, lock, "who")
        assert row["waits"] == lock["waits"] == COUNT, (row, lock)
        assert (who["locks"], who["threads"]) == (1, len(lock.get("sides", [0]))), who
        assert abs(lock["counted"] - row["waits"]) <= SHARE * row["waits"], (row, lock)


def test_waits_of_all_locks_are_as_many_as_the_runtime_counts(seen):
    """Those for locks of the runtime's library, in its semaphore, have a row as well."""
    told = sum(row["waits"] for row in seen.rows("locks") if row["lock"] != PRIMER)
    assert abs(told - seen.truth["contentions"]) <= SHARE * told, (told, seen.truth["contentions"], seen.rows("locks"))


def test_waits_take_as_long_as_the_threads_say(seen):
    for lock in locks(seen):
        row, least, most = row_of(seen, lock), sorted(lock["leastNs"]), sorted(lock["mostNs"])
        assert_between(row["waited"], least, most, row)
        assert least[-1] <= row["max"] <= most[-1], (row, least[-1], most[-1])
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            rank = math.ceil(share * COUNT) - 1
            assert least[rank] / STEP <= row[name] <= most[rank] * STEP, (row, name, least[rank], most[rank])


# --- where ------------------------------------------------------------------------------------------------------------

def test_site_and_line_of_waiting_are_named(seen):
    for lock in piers(seen):
        assert row_of(seen, lock)["site"] == lock["site"]
        place, = [row for row in seen.rows("sites") if row["method"] == lock["site"]]
        assert place["lock"] == lock["type"] and events.has_place(place["where"], lock["mark"]), (place, lock)


def test_holders_that_have_waited_are_named_where_they_got_the_lock(seen):
    """The sides take turns: while one waits the other holds it; at first it had got it without a wait."""
    relay = seen.truth["relay"]
    rows = {row["method"]: row for row in seen.rows("holders") if row["lock"] == relay["type"]}
    assert set(rows) == {side["site"] for side in relay["sides"]}, rows
    for side, first in zip(relay["sides"], (0, 1), strict=True):
        row, turns = rows[side["site"]], range(first, COUNT, 2)
        assert events.has_place(row["where"], side["mark"]) and row["stacks"] in (len(turns), len(turns) - 1), row
        assert_between(row["waited"], [relay["leastNs"][i] for i in turns], [relay["mostNs"][i] for i in turns], row)
    who = row_of(seen, relay, "who")
    assert {who["site"], who["held"]} == set(rows), who


def test_threads_that_hold_and_that_wait_are_named(seen):
    relay, threads = seen.truth["relay"], {row["name"]: row for row in seen.rows("threads")}
    for name, others in (("port", range(0, COUNT, 2)), ("starboard", range(1, COUNT, 2))):
        row = threads[name]
        assert (row["waits"], row["times"]) == (COUNT / 2, COUNT / 2), row
        assert_between(row["blocked"], [relay["leastNs"][i] for i in others], [relay["mostNs"][i] for i in others], row)


def test_holders_that_never_waited_are_named_by_a_photograph(held):
    for lock in piers(held):
        who = row_of(held, lock, "who")
        assert (who["held"], who["thread"]) == (lock["holder"], "captain"), (who, held.rows("photographs"))
        row, = [row for row in held.rows("photographs")
                if (row["lock"], row["method"]) == (lock["type"], lock["holder"])]
        assert events.has_place(row["where"], f"{lock['mark']}-held"), row
        assert row["leaf"] == "System.Threading.Thread.Sleep" and row["caller"].startswith("Ferry.Pier.Sail"), row


def test_verdict_names_the_lock_where_it_is_waited_for_and_who_holds_it(held):
    first = held.rows("locks")[0]["lock"]
    lock, = [lock for lock in piers(held) if lock["type"] == first]
    assert held.profile.severity in ("warning", "critical"), held.verdict
    for part in (f"one {lock['type']}, locked in {lock['site']} {place_of(lock['mark'])}",
                 f"its holder is in {lock['holder']} {place_of(lock['mark'] + '-held')}", "thread captain ("):
        assert part in held.verdict, held.verdict


# --- other waits ------------------------------------------------------------------------------------------------------

def test_waits_for_semaphores_are_told_where_the_runtime_tells_them(seen):
    """.NET 9 and later."""
    rows, kinds = {row["method"]: row for row in seen.rows("handles")}, ("wait handle", "semaphore or Monitor.Wait")
    if seen.runtime == "net8.0":
        assert not rows
        assert "does not tell of waits for semaphores and handles: .NET 9 and later do" in seen.profile.done.out
        return
    for told, kind in zip([lock for lock in seen.truth["locks"] if lock["handle"]], kinds, strict=True):
        row = rows[told["site"]]
        assert (row["kind"], row["stacks"]) == (kind, COUNT) and events.has_place(row["where"], told["mark"]), row
        least = [0.95 * length for length in told["leastNs"]]  # a thread sleeps a moment before the runtime says so
        assert_between(row["waited"], least, told["mostNs"], row)
        assert told["site"] not in seen.verdict


def test_waits_for_semaphores_are_not_told_unasked(held):
    assert not held.rows("handles") and "semaphores" not in held.profile.done.out


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
    row, = [row for row in seen.rows("who") if row["lock"] == "Ferry.Hawser"]
    assert (row["locks"], row["threads"]) == (3, 8), row


def test_the_lock_inside_a_semaphore_is_named_as_the_semaphore(patient, runtime, out_dir):
    p = patient("waits", runtime, args=["lounge", 8])
    seen = visit.attach(p, out_dir / "s", duration="2s", profiler=CONTENTION)
    assert "System.Threading.SemaphoreSlim" in [row["lock"] for row in seen.rows("who")], seen.verdict
    assert "StrongBox" not in json.dumps(seen.report), seen.verdict


def test_threads_that_waited_before_the_recording_are_seen(patient, runtime, out_dir):
    """Among others that wait for something else. Locks of .NET 8 and 9 leave no frame; the new Lock does."""
    p = patient("blocked", runtime, args=[40])
    told = json.loads(p.ask("blocked"))
    seen = visit.attach(p, out_dir / "s", duration="1s", profiler=CONTENTION)
    rows = {row["method"]: row["stacks"] for row in seen.rows("sites")}
    assert rows == {told[name]["method"]: told[name]["threads"] for name in ("gate", "vault") if name in told}
    waiting, = [row for row in seen.rows("sites") if row["method"] == "Billing.Gate.Enter"]
    assert events.has_place(waiting["where"], "gate") and "Billing.Gate.Enter" in seen.verdict, seen.verdict
    assert seen.severity in {"net8.0": ["notice"], "net10.0": ["critical"]}.get(runtime, ["warning", "critical"]), seen.verdict
    assert ("as it seems" in seen.verdict) == (runtime != "net10.0"), seen.verdict


@pytest.mark.parametrize("case", events.ALL_CASES, ids=events.name_of)
def test_comes_and_goes_while_all_fight_and_collect(case, patient, out_dir):
    """Collections follow one another without a pause, also while events are started and stopped."""
    runtime, env = case
    events.come_and_go(patient("waits", runtime, env=env, args=["storm", 16, "--collect"]), out_dir, CONTENTION)
