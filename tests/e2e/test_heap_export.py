"""The heap as .heapsnapshot: opened by a foreign reader of Chrome's format, which finds the same objects and keeps the same
bytes alive by each of them as an independent reading of the capture."""

import json
import subprocess

import pytest

import harness
import heap_capture
import heaps
import readers
import visit

READ = """
const { utils, analysis } = require("@memlab/core");
utils.getSnapshotFromFile(process.argv[1], { buildNodeIdIndex: true, verbose: false }).then((snapshot) => {
  analysis.preparePathFinder(snapshot);
  const nodes = [];
  snapshot.nodes.forEach((n) => { nodes.push([n.id, n.type, n.name, n.self_size, n.retainedSize, n.edge_count]); });
  const fields = new Set();
  snapshot.edges.forEach((e) => { if (e.type === "property") fields.add(String(e.name_or_index)); });
  require("fs").writeFileSync(process.argv[2], JSON.stringify({ nodes, edges: snapshot.edges.length, fields: [...fields] }));
});
"""


@pytest.fixture(scope="module")
def memlab():
    return readers.install("heap_readers", {"@memlab/core": "2.0.5"})


def export(folder):
    out = folder.parent / "out.heapsnapshot"
    with open(out, "wb") as file:
        subprocess.run([harness.MEDIC, "report", folder, "-f", "heapsnapshot"], stdout=file, check=True, timeout=60)
    return out


@pytest.fixture(scope="module")
def pair(tmp_path_factory, memlab):
    """A photograph as we read it, and as the foreign reader does."""
    place = tmp_path_factory.mktemp("heap")
    with harness.Patient("heap", "net10.0", args=["graphs"]) as patient:
        photo = heaps.photograph(patient, place / "s", route="copy").photo
        assert patient.quit() == 0
    readers.ask(memlab, READ, export(place / "s"), place / "read.json")
    return photo, json.loads((place / "read.json").read_text())


def objects(read):
    """The nodes that are objects: in the order of their addresses."""
    return [node for node in read["nodes"] if node[1] != "synthetic"]


def test_the_objects_are_the_same(pair):
    photo, read = pair
    ours = [photo.objects[address] for address in sorted(photo.objects)]
    assert [(heap_capture.plain(n[2]), n[3]) for n in objects(read)] == [(photo.name(o.cls), o.size) for o in ours]
    assert sum(n[5] for n in read["nodes"]) == read["edges"]
    assert {"_items", "Key"} & set(read["fields"])


def test_every_object_keeps_the_same_bytes_alive(pair):
    photo, read = pair
    ours = heap_capture.Retained(photo)
    wanted = {address: ours.bytes[address] for address in photo.objects if address in ours.bytes}
    found = dict(zip(sorted(photo.objects), (n[4] for n in objects(read)), strict=True))
    assert {address: found[address] for address in wanted} == wanted
    gc_roots, = (n for n in read["nodes"] if n[2] == "(GC roots)")
    assert gc_roots[4] == ours.bytes[0]


def test_static_fields_are_there_by_name(pair):
    photo, read = pair
    labels = {heap_capture.plain(n[2]) for n in read["nodes"] if n[1] == "synthetic"}
    wanted = {heap_capture.plain(photo.static_label(s)) for s in photo.statics if s.object in photo.objects}
    assert {label for label in wanted if "Vault." in label} <= labels


def test_a_session_without_a_photograph_has_nothing_to_export(tmp_path):
    with harness.Patient("idle", "net10.0") as patient:
        visit.attach(patient, tmp_path / "s", duration="200ms", profiler="runtime_pauses")
        assert patient.quit() == 0
    done = harness.run_medic(["report", tmp_path / "s", "-f", "heapsnapshot"], check=1)
    assert "this session has no photograph of the heap to show as heapsnapshot" in done.err
    assert done.out == ""
