"""exceptions against a program that knows what it throws (mode `throws` of the patient)."""

import collections
import re

import pytest

import events
import harness
import profiles
import visit
from events import EXCEPTIONS

COUNT, FLOOD = 300, 5000


def masked_in(records):
    """The primer is thrown again and again until it is seen, so that it is in the report, too."""
    return any(kind == 256 for kind, _ in records)


def record(target, folder, command, *more, stacks=2000):
    return events.record(target, folder, EXCEPTIONS, command, masked_in, "--top", "all", "--set",
                         f"stacks_per_second={stacks}", *more, prime="prime")


@pytest.fixture(scope="module", params=events.CASES, ids=events.name_of)
def seen(request):
    runtime, env = request.param
    with harness.temp_dir() as folder, harness.Patient("throws", runtime, env=env) as patient:
        yield record(patient, folder / "s", f"throw {COUNT}")
        assert patient.quit() == 0, patient.stderr()


def plain(method):
    """Without the arguments of generic types, which only .NET 10 tells."""
    return re.sub("<[^>]*>", "", method)


def by_type(seen):
    return {row["type"]: row for section in ("types", "framework") for row in seen.rows(section)}


def test_throws_are_counted_exactly(seen):
    rows, wrong = by_type(seen), []
    for name, told in seen.truth["types"].items():
        row = rows.get(name, {"fresh": 0, "propagated": 0})
        if name == "Parcels.Damaged":  # `throw e;` is taken for a fresh one when a collection moved it meanwhile
            right = row["fresh"] + row["propagated"] == told["fresh"] + told["again"] and \
                0 <= row["fresh"] - told["fresh"] <= seen.truth["collections"]
        else:
            right = (row["fresh"], row["propagated"]) == (told["fresh"], told["again"])
        if not right:
            wrong.append((name, (row["fresh"], row["propagated"]), (told["fresh"], told["again"])))
    assert not wrong, wrong


def test_nothing_else_is_thrown(seen):
    assert set(by_type(seen)) - set(seen.truth["types"]) <= {"Parcels.Primer"}


def test_who_catches_is_named_and_counted(seen):
    rows, wrong = seen.rows("catchers"), []
    for name, told in seen.truth["types"].items():
        all_told = told["fresh"] + told["again"]
        counts = collections.Counter()
        for row in rows:
            if row["type"] == name:
                counts[plain(row["catcher"])] += row["fresh"] + row["propagated"]
        catcher = told["catcher"] or "(nobody was seen to)"
        if catcher not in counts or sum(counts.values()) != all_told or counts[catcher] < told["fresh"]:
            wrong.append((name, told["catcher"], counts))
    assert not wrong, wrong


def test_the_site_has_file_and_line(seen):
    rows, wrong = by_type(seen), []
    for name, told in seen.truth["types"].items():
        row = rows[name]
        if not events.has_place(row["line"], told["mark"]) or plain(row["site"]) != told["site"]:
            wrong.append((name, row["site"], row["line"], told["site"], profiles.marks()[told["mark"]]))
    assert not wrong, wrong


def test_stacks_are_as_deep_as_the_calls(seen):
    """Five calls of itself below each other; of 5,000 as many as are copied, and the innermost right."""
    lost = [s for s in seen.profile.stacks if s.functions[-1] == "Parcels.Van.Drop"]
    assert lost and all(s.functions.count("Parcels.Road.Down") == 5 for s in lost), lost
    deep = [s for s in seen.profile.stacks if s.functions[-1] == "Parcels.Road.Sink"]
    assert deep and all(s.functions.count("Parcels.Road.Sink") > 100 for s in deep)


def test_messages_and_inner_exceptions(seen):
    messages = {row["type"]: row for row in seen.rows("messages")}
    assert messages["Parcels.Lost"]["message"] == "parcel # fell off", messages["Parcels.Lost"]
    assert messages["Parcels.Loud"]["message"].startswith("!!!!") and len(messages["Parcels.Loud"]["message"]) < 1000
    assert messages.get("Parcels.Silent", {"message": "(empty)"})["message"] == "(empty)"
    chains = [row["chain"] for row in seen.rows("inner")]
    assert any("Parcels.Wrapped" in chain and "Parcels.Torn" in chain for chain in chains), chains


def test_verdict_names_a_type_and_its_site(seen):
    assert seen.profile.severity != "healthy", seen.verdict
    named = [name for name in seen.truth["types"] if name.rsplit(".")[-1] in seen.verdict]
    assert named and "Parcels.cs:" in seen.verdict, seen.verdict


@pytest.mark.parametrize("mode", ["full", "cheap"])
def test_counts_stay_exact_when_four_threads_throw_as_fast_as_they_can(runtime, patient, out_dir, mode):
    """Far more than get a stack."""
    p = patient("throws", runtime)
    seen = record(p, out_dir / "s", f"flood {FLOOD}", "--set", f"mode={mode}", stacks=50)
    row, told = by_type(seen)["Parcels.Lost"], seen.truth["types"]["Parcels.Lost"]
    assert (row["fresh"], row["propagated"]) == (told["fresh"], 0), row
    assert row["sampled"] < 0.5 and row["site"] == told["site"] and events.has_place(row["line"], "lost"), row
    caught = [(row["catcher"], row["fresh"]) for row in seen.rows("catchers") if row["type"] == "Parcels.Lost"]
    assert caught == ([("Parcels.Desk.Take", told["fresh"])] if mode == "full" else [])
    assert "Lost" in seen.verdict and "Parcels.Van.Drop" in seen.verdict, seen.verdict


def test_messages_stay_inside_when_told(patient, out_dir):
    p = patient("throws")
    seen = record(p, out_dir / "s", "throw 10", "--set", "redact=yes")
    capture = (seen.profile.folder / "capture.mdc").read_bytes()
    for secret in ("fell off", "nobody at home"):
        assert secret.encode() not in capture and secret.encode("utf-16-le") not in capture
        assert secret not in (seen.profile.folder / "report.json").read_text()


@pytest.mark.parametrize("mode", ["idle", "web"])
def test_programs_that_do_not_throw_are_healthy(mode, patient, out_dir):
    p = patient(mode)
    seen = visit.attach(p, out_dir / "s", duration="1s", profiler=EXCEPTIONS)
    assert seen.severity == "healthy", seen.verdict
    assert p.quit() == 0, p.stderr()


@pytest.mark.parametrize("case", events.CASES, ids=events.name_of)
def test_comes_and_goes_while_all_throw(case, patient, out_dir):
    runtime, env = case
    events.come_and_go(patient("throws", runtime, env=env, args=["storm", 4]), out_dir, EXCEPTIONS)
