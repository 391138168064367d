"""dup_strings against a program that knows which of its strings are there more than once (mode `strings` of the patient)."""

import re

import pytest

import harness
import heaps
from heaps import STRINGS, photograph, truth

DROPPED = "dropped before the photograph"


@pytest.fixture(scope="module", params=[(runtime, gc) for runtime in harness.RUNTIMES for gc in heaps.GC],
                ids=lambda p: "-".join(p))
def seen(request):
    """(visit, what the patient knows)"""
    runtime, gc = request.param
    with harness.temp_dir() as folder, harness.Patient("strings", runtime, env=heaps.GC[gc]) as patient:
        visit = photograph(patient, folder / "s", "--top", "all", profiler=STRINGS)
        yield visit, truth(patient)
        assert patient.quit() == 0, patient.stderr()


def units(text):
    """UTF-16 units, lone surrogates too."""
    data = text.encode("utf-16-le", "surrogatepass")
    return [data[i] | data[i + 1] << 8 for i in range(0, len(data), 2)]


_ESCAPE = re.compile(r'\\(u[0-9A-F]{4}|["\\nrt0])')


def shown(text):
    """(units of what is between the quotes without its escapes, whether it was cut)"""
    match = re.fullmatch(r'"(.*?)(…?)"( #[0-9a-f]+)?', text, re.DOTALL)
    assert match, f"not in quotes: {text!r}"
    short = {'"': '"', "\\": "\\", "n": "\n", "r": "\r", "t": "\t", "0": "\0"}
    plain = _ESCAPE.sub(lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "u" and len(m[1]) > 1 else short[m[1]], match[1])
    return units(plain), bool(match[3])


def row_of(rows, value):
    """The row of a known value: by its length, how it begins, and, where that leaves two, how often it is there."""
    wanted = units(value["text"])
    found = []
    for row in rows:
        text, cut = shown(row["value"])
        if row["length"] == value["length"] and text == wanted[:len(text)] and (cut or len(text) == value["length"]):
            found.append(row)
    if len(found) > 1:
        found = [row for row in found if row["count"] == value["count"]]
    assert len(found) == 1, f"{value['text'][:40]!r}: {found or [r['value'] for r in rows]}"
    return found[0]


def test_copies_are_counted_and_weighed_exactly(seen):
    visit, told = seen
    rows = visit.rows("values")
    for value in told["values"]:
        row = row_of(rows, value)
        assert (row["count"], row["each"], row["wasted"]) == (value["count"], value["size"], value["wasted"]), value


def test_values_are_ordered_by_what_they_waste_and_the_sum_is_right(seen):
    visit, told = seen
    wasted = [row["wasted"] for row in visit.rows("values")]
    assert wasted == sorted(wasted, reverse=True) and wasted[0] == 2 * (22 + 2 * 524_288 + 7 & ~7)
    copies, = [row for row in visit.rows("totals") if row["what"] == "copies"]
    assert copies["bytes"] == sum(wasted) >= sum(value["wasted"] for value in told["values"])
    # Of the runtime's own strings few are there twice.
    assert copies["bytes"] < sum(value["wasted"] for value in told["values"]) + 100_000


def test_what_is_no_copy_is_not_counted(seen):
    visit, told = seen
    values = [row["value"] for row in visit.rows("values")]
    for other in ('"many references to one', f'"{DROPPED}', '"customer number', '""'):
        assert not [value for value in values if value.startswith(other)]


def test_who_holds_them_is_named(seen):
    visit, told = seen
    rows, holders = visit.rows("values"), visit.rows("holders")
    for value in told["values"]:
        assert value["holder"] in row_of(rows, value)["held"], (value["holder"], row_of(rows, value)["held"])
    fields = {row["holder"] for row in holders}
    assert {value["holder"] for value in told["values"]} - fields <= {"static Texts.Places.s_one"}, fields
    note, = [row for row in holders if row["holder"] == "Texts.Note.Text"]
    assert note["repeated"] == sum(v["count"] for v in told["values"] if v["holder"] == "Texts.Note.Text")


def test_verdict_tells_the_value_that_stands_out(seen):
    visit, _ = seen
    assert visit.severity in ("notice", "warning", "critical"), visit.verdict
    assert "mmmm" in visit.verdict and "Texts.Note.Text" in visit.verdict, visit.verdict


@pytest.fixture
def strings(patient):
    return patient("strings")


def test_text_is_shown_safely(strings, out_dir):
    """No markup, no control characters, nothing that turns the direction of text, in any format; never half a character."""
    visit = photograph(strings, out_dir / "s", "--top", "all", "--set", "value_length=9", profiler=STRINGS)
    rows = visit.rows("values")
    for value in truth(strings)["values"]:
        text, cut = shown(row_of(rows, value)["value"])
        assert cut == (value["length"] > len(text)) and len(text) <= 9
        assert not cut or len(text) >= 7 and not 0xD800 <= text[-1] < 0xDC00 or value["text"][0] == "\ud83d", value
    for name in ("text", "markdown", "html", "json"):
        out = harness.run_medic(["report", visit.folder, "-f", name, "--top", "all"], check=0).out
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\ufeff\ud800-\udfff\ufffd]", out), name
        assert name != "html" or "<script>alert" not in out


def test_secrets_stay_inside(strings, out_dir):
    visit = photograph(strings, out_dir / "s", "--top", "all", "--set", "redact=yes", profiler=STRINGS)
    told, rows = truth(strings), visit.rows("values")
    capture, report = (visit.folder / "capture.mdc").read_bytes(), (visit.folder / "report.json").read_text()
    for secret in ("order pending", "Überweisung", "text in a list"):
        assert secret.encode("utf-16-le") not in capture and secret.encode() not in capture
        assert secret not in report
    found = {(row["length"], row["count"], row["wasted"]) for row in rows}
    assert {(v["length"], v["count"], v["wasted"]) for v in told["values"]} <= found


def test_dead_strings_are_no_waste(runtime, patient, out_dir):
    p = patient("strings", runtime, args=["healthy"])
    assert p.ask("litter") == "done"
    visit = photograph(p, out_dir / "s", "--top", "all", profiler=STRINGS)
    assert not [row for row in visit.rows("values") if DROPPED in row["value"]]
    assert visit.severity == "healthy", visit.verdict


def test_another_reader_finds_the_same_copies(patient, out_dir):
    """ClrMD, which reads the memory of a stopped process from outside; no string is made between the two looks."""
    p = patient("strings", "net8.0")
    photograph(p, out_dir / "first", profiler=STRINGS)  # what an attach makes for good is there from now on
    p.ask("settle")
    visit = photograph(p, out_dir / "second", "--top", "all", profiler=STRINGS)
    p.ask("settle")
    theirs, ours = heaps.outsider(p), {row["what"]: row for row in visit.rows("totals")}
    assert [ours["strings"]["count"], ours["strings"]["bytes"]] == theirs["all"]["types"]["string"][:2]
    # A literal that only code refers to is there, too: of its copies in the heap none is needed. The reader leaves it out.
    more = ours["copies"]["bytes"] - theirs["strings"]["wasted"]
    assert 0 <= more <= ours["literals and other frozen ones"]["bytes"]
    assert len(visit.rows("values")) >= theirs["strings"]["repeated"]


@pytest.mark.parametrize("mode", ["idle", "web", "healthy"])
def test_programs_without_trouble_are_healthy(mode, patient, out_dir):
    p = patient(mode)
    visit = photograph(p, out_dir / "s", profiler=STRINGS)
    assert visit.severity == "healthy", visit.verdict
    assert p.quit() == 0, p.stderr()
