"""`medic diff`: two sessions of one profiler, compared."""

import json
import shutil

import pytest

import harness
import visit
from profiles import MERGED
from visit import ARGUMENTS, OK, SESSION

STRINGS, SURVIVORS = "dup_strings", "gc_survivors"


def diff(before, after, *more, check=OK, **kwargs):
    return harness.run_medic(["diff", getattr(before, "folder", before), getattr(after, "folder", after), *more],
                             check=check, **kwargs)


class Diff(visit.Visit):
    """A comparison, as JSON."""

    def __init__(self, before, after):
        self.report = json.loads(diff(before, after, "-f", "json").out)

    @property
    def notes(self):
        return [row["text"] for row in self.rows("diff_notes")]


@pytest.fixture
def photograph(out_dir):
    def take(patient, name, profiler=MERGED):
        folder = out_dir / name
        done = harness.run_medic(["attach", patient.pid, "-P", profiler, "-o", folder], check=OK, timeout=120)
        return visit.Visit(folder, done)
    return take


@pytest.fixture
def two(patient, photograph):
    """Two photographs of threads: half of them wait at the gate."""
    return photograph(patient("blocked", args=[50]), "before"), photograph(patient("blocked", args=[80]), "after")


def test_rows_that_changed_are_told_with_both_values(two):
    told = Diff(*two)
    gate, = (row for row in told.rows("waits") if (row["wait"], row["where"]) == ("lock", "Billing.Gate.Enter"))
    assert (gate["diff_state"], gate["count_before"], gate["count_after"], gate["count_change"]) == ("more", 25, 40, 15)
    assert told.verdict.startswith("lock | Billing.Gate.Enter grew by 15 to 40 (What the threads wait for: Threads)"), \
        told.verdict
    changes = [abs(row["count_change"]) for row in told.rows("waits")]
    assert changes == sorted(changes, reverse=True) and 0 not in changes
    back = Diff(*reversed(two))
    gate, = (row for row in back.rows("waits") if (row["wait"], row["where"]) == ("lock", "Billing.Gate.Enter"))
    assert (gate["diff_state"], gate["count_change"]) == ("less", -15)
    assert "The session that is called before is the later one." in back.notes
    assert "shrank by 15 to 25" in back.verdict


def test_what_makes_two_sessions_differ_is_said(two):
    before, after = two
    notes = Diff(*two).notes
    assert any(f"pid {before.report['target']['pid']} before, {after.report['target']['pid']} after" in note
               for note in notes), notes


@pytest.mark.parametrize("name", ["text", "json", "markdown", "html"])
def test_every_format_shows_it(two, name):
    out = diff(*two, "-f", name).out
    for word in ("Billing.Gate.Enter", "Before: ", "After: ", "What was compared"):
        assert word in out, f"{word!r} is missing in {out}"
    if name == "text":
        assert len(diff(*two, "--top", "1").out) < len(out)


@pytest.mark.parametrize("name", ["collapsed", "speedscope", "pprof"])
def test_a_format_of_stacks_is_refused(two, name):
    done = diff(*two, "-f", name, check=SESSION)
    assert "cannot show the comparison" in done.err and not done.out


def test_a_session_is_found_as_by_report(patient, out_dir):
    p = patient("blocked", args=[20])
    env = {"XDG_STATE_HOME": out_dir}
    for _ in range(2):
        harness.run_medic(["attach", p.pid, "-P", MERGED], check=OK, env=env)
    told = json.loads(harness.run_medic(["sessions", "-f", "json"], check=OK, env=env).out)["sessions"]
    first, last = [one["id"] for one in sorted(told, key=lambda one: one["started"])]
    out = json.loads(diff(first[:13], "last", "-f", "json", env=env).out)
    assert out["session"]["id"] == f"{first}..{last}"
    assert out["verdict"].startswith("Nothing changed between"), out["verdict"]
    assert out["severity"] == "healthy"


def test_files_of_reports_are_compared(two, out_dir):
    """Also without the sessions that they came from."""
    told = Diff(*two).report
    for one in two:
        shutil.copy(one.folder / "report.json", out_dir / f"{one.folder.name}.json")
        shutil.rmtree(one.folder)
    assert Diff(out_dir / "before.json", out_dir / "after.json").report == told


def test_pauses_of_two_lengths(patient, out_dir):
    p = patient("induced")
    short = visit.attach(p, out_dir / "short", duration="300ms")
    longer = visit.attach(p, out_dir / "longer", "--set", "worst=3", duration="1s")
    told = Diff(short, longer)
    assert any("of different length, 3" in note for note in told.notes), told.notes
    assert "The parameter worst differs: 10 before, 3 after." in told.notes
    row, = (row for row in told.rows("summary") if row["group"] == "collections")
    assert row["count_change"] == longer.collections[0] - short.collections[0]
    assert (row["total_before"], row["total_after"]) == (short.collections[1], longer.collections[1])


def test_strings_that_came(patient, photograph):
    told = Diff(photograph(patient("strings", args=["healthy"]), "before", STRINGS),
                photograph(patient("strings"), "after", STRINGS))
    note, = (row for row in told.rows("holders") if row["holder"] == "Texts.Note.Text")
    assert note["diff_state"] == "new" and note["wasted_before"] is None
    assert note["wasted_change"] == note["wasted_after"] > 2_000_000
    assert told.severity != "healthy"


def test_a_leak_is_the_greatest_change(patient, photograph):
    p = patient("heap", args=["leak", "dictionary", "0"])
    before = photograph(p, "before", SURVIVORS)
    p.ask("grow 20000")
    told = Diff(before, photograph(p, "after", SURVIVORS))
    grown = [row for section in told.report["sections"] for row in told.rows(section["id"])
             if "Orders.Order" in row.values() and row.get("objects_change") == 20000]
    assert grown, told.report
    assert "static Orders.History._orders" in told.verdict and " grew by " in told.verdict, told.verdict
    assert told.severity != "healthy"


# --- what cannot be compared ------------------------------------------------------------------------------------------

def refused(done, code, *words):
    assert done.code == code and not done.out, done
    for word in words:
        assert word in done.err, f"{word!r} is missing in {done.err!r}"
    assert len(done.err.splitlines()) == 1, done.err


def test_wrong_use_is_refused(two, out_dir):
    before, _ = two
    for args in ([], [before.folder], [before.folder, ""], [before.folder] * 3):
        refused(harness.run_medic(["diff", *args]), ARGUMENTS, "takes two sessions")
    refused(diff(before, before, check=ARGUMENTS), ARGUMENTS, "both are session")
    refused(harness.run_medic(["diff", before.folder, before.folder, "-f", "heapsnapshot"]), ARGUMENTS,
            "it is of one session's capture")
    refused(diff(before, out_dir / "nowhere", check=ARGUMENTS), ARGUMENTS, "nowhere")
    refused(diff(out_dir / "nowhere", before, check=ARGUMENTS), ARGUMENTS, "nowhere")


def test_two_profilers_are_refused(patient, photograph, out_dir):
    p = patient("idle")
    refused(diff(photograph(p, "threads"), visit.attach(p, out_dir / "pauses"), check=ARGUMENTS), ARGUMENTS,
            "a report of merged_stacks cannot be compared with one of runtime_pauses")


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"schema": 99}', b"\xff\xfe", b'{"schema": 1}'],
                         ids=["empty", "cut", "list", "newer", "binary", "hollow"])
def test_damaged_reports_are_refused(two, out_dir, damage):
    path = out_dir / "damaged.json"
    path.write_bytes(damage)
    for pair in ((two[0], path), (path, two[0])):
        refused(diff(*pair, check=SESSION), SESSION, "cannot use the report", str(path))


def test_a_cut_report_is_refused(two, out_dir):
    text = (two[0].folder / "report.json").read_bytes()
    path = out_dir / "cut.json"
    path.write_bytes(text[:len(text) // 2])
    refused(diff(path, two[1], check=SESSION), SESSION, "cannot use the report")


def test_a_file_that_cannot_be_opened(two):
    """One that even root may not read."""
    path = "/proc/sys/vm/drop_caches"
    refused(diff(two[0], path, check=SESSION), SESSION, f"cannot open the report {path}: ")
