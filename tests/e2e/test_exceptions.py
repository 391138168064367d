"""exceptions against a program that knows what it throws (mode `throws` of the patient)."""

import collections
import re
import signal
import struct

import pytest

import events
import harness
import profiles
import visit
from events import EXCEPTIONS

COUNT, FLOOD, DEEP = 300, 5000, 5000
_TYPE, _THROW, _NAME = 256, 258, 263  # plugins/exceptions/exceptions.h


def masked_in(records):
    """The primer is thrown again and again until it is seen, so that it is in the report, too."""
    return any(kind in (_TYPE, _NAME) for kind, _ in records)


def record(target, folder, command, *more, stacks=2000):
    return events.record(target, folder, EXCEPTIONS, command, masked_in, "--top", "all", "--set",
                         f"stacks_per_second={stacks}", *more, prime="prime")


@pytest.fixture(scope="module", params=events.ALL_CASES, ids=events.name_of)
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


def test_what_becomes_of_them_is_told(seen):
    ways = {(plain(row["catcher"]), row["type"]): row["way"] for row in seen.rows("catchers")}
    expected = {("Parcels.Desk.Take", "Parcels.Lost"): "empty catch block",
                ("Parcels.Desk.Unwrap", "Parcels.Torn"): "catch block",
                ("Parcels.Desk.Again", "Parcels.Late"): "catch block",
                ("Parcels.Desk.TakeTwice", "Parcels.Late"): "empty catch block",
                ("Parcels.Courier.Ring (async)", "Parcels.Refused"): "async method",
                ("Parcels.Desk.TakeAsync", "Parcels.Refused"): "empty catch block"}
    assert {key: ways.get(key) for key in expected} == expected, ways


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


def test_a_stack_of_5000_calls_is_told_to_be_cut(seen):
    heads = [struct.unpack_from("<QQII", data) for kind, data in seen.profile.capture.plugin_records if kind == _THROW]
    depths = {flags: len(seen.profile.raw_stacks[stack]) for stack, _, _, flags in heads if stack}
    deep = [(len(seen.profile.raw_stacks[stack]), flags) for stack, _, _, flags in heads
            if len(seen.profile.raw_stacks.get(stack, [])) > 100]
    assert deep, depths
    assert all(depth >= DEEP or flags & profiles.TRUNCATED for depth, flags in deep), deep


def test_messages_and_inner_exceptions(seen):
    messages = {row["type"]: row for row in seen.rows("messages")}
    assert messages["Parcels.Lost"]["message"] == "parcel # fell off", messages["Parcels.Lost"]
    assert messages["Parcels.Loud"]["message"].startswith("!!!!") and len(messages["Parcels.Loud"]["message"]) < 1000
    assert messages.get("Parcels.Silent", {"message": "(empty)"})["message"] == "(empty)"
    chains = [row["chain"] for row in seen.rows("inner")]
    assert "Parcels.Wrapped > Parcels.Torn" in chains, chains
    assert "System.TypeInitializationException > Parcels.Misprint" in chains, chains


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
    assert mode == "cheap" or 0 < row["cpu_share"] <= 1, row
    assert row["sampled"] < 0.5 and row["site"] == told["site"] and events.has_place(row["line"], "lost"), row
    caught = [(row["catcher"], row["fresh"]) for row in seen.rows("catchers") if row["type"] == "Parcels.Lost"]
    assert caught == ([("Parcels.Desk.Take", told["fresh"])] if mode == "full" else [])
    assert "Lost" in seen.verdict and "Parcels.Van.Drop" in seen.verdict, seen.verdict


def test_nobody_is_favoured_who_throws_first(runtime, patient, out_dir):
    """Three methods take turns; only a part of the throws gets a stack."""
    p = patient("throws", runtime)
    seen = record(p, out_dir / "s", "turns 400", stacks=200)
    told = seen.truth["types"]["Parcels.Astray"]["fresh"]
    rows = {row["site"]: row for row in seen.rows("sites") if row["type"] == "Parcels.Astray"}
    assert by_type(seen)["Parcels.Astray"]["fresh"] == told and by_type(seen)["Parcels.Astray"]["sampled"] < 0.7
    assert set(rows) == {"Parcels.Turn.Left", "Parcels.Turn.Right", "Parcels.Turn.Back"}, rows
    for row in rows.values():  # ± holds in 19 of 20 cases, twice of it in nearly all
        assert abs(row["count"] - told / 3) <= 2 * row["error"] * row["count"] + 0.02 * told, rows


def test_what_is_swallowed_is_told(runtime, patient, out_dir):
    p = patient("throws", runtime)
    seen = record(p, out_dir / "s", f"strand {COUNT}")
    ways = {(row["catcher"], row["type"]): (row["way"], row["fresh"]) for row in seen.rows("catchers")}
    assert ways["Parcels.Courier.Retry (async)", "Parcels.Retried"] == ("empty catch block", COUNT), ways
    assert ways["Parcels.Courier.Forget (async)", "Parcels.Forgotten"] == ("task nobody awaits", COUNT), ways
    findings = [finding["text"] for finding in seen.profile.report["findings"]]
    assert any(text.startswith(f"Swallowed: {COUNT} Forgottens were kept by tasks") for text in findings), findings


def files_with(folder, text):
    """Those of a session that hold a text, in whatever encoding."""
    return [path.name for path in folder.rglob("*") if path.is_file()
            and (text.encode() in (data := path.read_bytes()) or text.encode("utf-16-le") in data)]


@pytest.mark.parametrize("mode", ["full", "cheap"])
def test_messages_stay_inside_when_told(mode, patient, out_dir):
    p = patient("throws")
    seen = record(p, out_dir / "s", "throw 10", "--set", "redact=yes", "--set", f"mode={mode}")
    assert by_type(seen)["Parcels.Lost"]["fresh"] == 10
    found = {text: files_with(out_dir, text)
             for text in ("fell off", "nobody at home", "at the seam", "no ink", "!!!!!!!!", "first of the day")}
    assert not any(found.values()), found
    assert not seen.rows("messages"), seen.rows("messages")


@pytest.mark.parametrize("mode", ["full", "cheap"])
def test_messages_are_as_long_as_told(mode, patient, out_dir):
    p = patient("throws")
    seen = record(p, out_dir / "s", "throw 10", "--set", "message_length=6", "--set", f"mode={mode}")
    messages = {row["type"]: row["message"] for row in seen.rows("messages")}
    assert (messages["Parcels.Lost"], messages["Parcels.Loud"]) == ("parcel", "!!!!!!"), messages
    assert not files_with(out_dir, "fell off") and not files_with(out_dir, "nobody at home")


def test_what_ends_the_program_is_named(runtime, patient, out_dir):
    """It dies right behind thousands that were caught: of them none is missing either."""
    p = patient("throws", runtime, env={"DOTNET_DbgEnableMiniDump": 0})
    with events.recording(p, out_dir / "s", EXCEPTIONS, masked_in, "--top", "all", prime="prime") as medic:
        p.tell(f"die {FLOOD}")
        assert p.wait(60) == -signal.SIGABRT, p.stderr()
        done = medic.wait(60)
    assert done.code == visit.OK, (done.code, done.err)
    profile = profiles.Profile(out_dir / "s", done)
    assert profile.severity == "critical", profile.verdict
    assert profile.verdict.startswith("An unhandled Doomed thrown in Parcels.Desk.Abandon ("), profile.verdict
    assert events.has_place(profile.verdict, "doomed") and '"return to sender"' in profile.verdict, profile.verdict
    rows = {row["type"]: (row["fresh"], row["propagated"], row["catcher"]) for row in profile.rows("types")}
    assert rows["Parcels.Lost"] == (FLOOD, 0, "Parcels.Desk.Take"), rows
    assert rows["Parcels.Doomed"] == (1, 0, "(nobody was seen to)"), rows
    caught = {row["type"]: row["fresh"] for row in profile.rows("catchers") if row["catcher"] == "Parcels.Desk.Take"}
    assert caught == {"Parcels.Lost": FLOOD}, caught


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
