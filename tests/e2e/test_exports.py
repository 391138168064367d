"""Exports of stacks against the formats' published definitions: speedscope's JSON schema, and a reader of pprof's."""

import json
import pathlib
import subprocess
from dataclasses import dataclass

import pytest

import harness
import readers
import visit

READERS = {"speedscope": "1.25.0", "pprof-format": "2.3.2"}  # from npm

READ_PPROF = """
const fs = require("fs"), zlib = require("zlib"), { Profile } = require("pprof-format");
const p = Profile.decode(zlib.gunzipSync(fs.readFileSync(process.argv[1])));
const text = (i) => p.stringTable.strings[Number(i)];
const functions = new Map(p.function.map((f) => [Number(f.id), text(f.name)]));
const locations = new Map(p.location.map((l) => [Number(l.id), functions.get(Number(l.line[0].functionId))]));
console.log(JSON.stringify({
  types: p.sampleType.map((t) => [text(t.type), text(t.unit)]),
  samples: p.sample.map((s) => ({ stack: s.locationId.map((i) => locations.get(Number(i))), values: s.value.map(Number) })),
}));
"""


@pytest.fixture(scope="module")
def formats():
    return readers.install("readers", READERS)


@dataclass
class Recorded:
    """A session with stacks, and what they weigh."""
    folder: pathlib.Path
    unit: str


# profiler: what the program does, and the unit of its stacks
STACKS = {
    "cpu_hotpaths": ("cpu", [], "nanoseconds"),
    "exceptions": ("throws", ["storm", 1], "count"),
    "allocations": ("mix", ["storm", 1], "bytes"),
    "contention": ("waits", ["storm", 4], "nanoseconds"),
}


@pytest.fixture(scope="module", params=STACKS)
def session(request, tmp_path_factory):
    mode, args, unit = STACKS[request.param]
    folder = tmp_path_factory.mktemp("exports") / "s"
    with harness.Patient(mode, "net10.0", args=args) as program:
        visit.attach(program, folder, duration="1500ms", profiler=request.param)
        assert program.quit() == 0
    return Recorded(folder, unit)


def export(session, name):
    out = session.folder.parent / f"export.{name}"
    with open(out, "wb") as file:
        subprocess.run([harness.MEDIC, "report", session.folder, "-f", name], stdout=file, check=True, timeout=60)
    return out


def collapsed(session):
    rows = [line.rsplit(" ", 1) for line in export(session, "collapsed").read_text().splitlines()]
    return {stack: int(weight) for stack, weight in rows}


def test_collapsed_lines_add_up_to_the_report(session):
    report = json.loads((session.folder / "report.json").read_text())
    section = next(s for s in report["sections"] if s["kind"] == "stacks")
    weight = next(i for i, c in enumerate(section["columns"]) if c.get("role") == "value")
    lines = collapsed(session)
    assert lines
    assert sum(lines.values()) == sum(row[weight] for row in section["rows"])


def test_speedscope_accepts_the_file(session, formats):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((formats / "node_modules/speedscope/dist/release/file-format-schema.json").read_text())
    file = json.loads(export(session, "speedscope").read_text())
    jsonschema.validate(file, schema)
    for profile in file["profiles"]:
        assert len(profile["samples"]) == len(profile["weights"])
        assert profile["endValue"] == sum(profile["weights"])
        assert all(0 <= i < len(file["shared"]["frames"]) for sample in profile["samples"] for i in sample)


def test_pprof_reads_the_same_stacks(session, formats):
    profile = json.loads(readers.ask(formats, READ_PPROF, export(session, "pprof")))
    assert profile["types"][0][1] == session.unit
    assert sum(s["values"][0] for s in profile["samples"]) == sum(collapsed(session).values())
    deepest = max(profile["samples"], key=lambda s: s["values"][0])
    assert ";".join(reversed(deepest["stack"])).replace(" ", "") in {k.replace(" ", "") for k in collapsed(session)}


def test_pprof_is_not_for_a_terminal(session, medic):
    import pty
    import os
    leader, follower = pty.openpty()
    done = subprocess.run([harness.MEDIC, "report", session.folder, "-f", "pprof"], stdout=follower, stderr=subprocess.PIPE,
                          text=True, timeout=60, check=False)
    os.close(follower)
    os.close(leader)
    assert done.returncode == 3 and "is not for a terminal: send it into a file" in done.stderr
