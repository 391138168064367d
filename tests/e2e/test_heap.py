"""Photographs of heaps that are known by construction (mode `heap` of the patient), by every route that is possible on each
runtime and GC: what the capture holds, read independently of Medic, and what gc_survivors makes of it."""

import collections
import re

import pytest

import harness
import heap_capture
import heaps
from heap_capture import plain
from heaps import photograph, truth

STATIC = re.compile(r"(thread )?static ")

Known = collections.namedtuple("Known", "runtime gc route patient told visit photo retained")


@pytest.fixture(scope="module", params=heaps.EVERY, ids=heaps.IDS)
def graphs(request):
    """A photograph of one of every shape, and what the patient knows about it."""
    runtime, gc, route = request.param
    with harness.temp_dir() as folder, harness.Patient("heap", runtime, env=heaps.GC[gc], args=["graphs"]) as patient:
        visit = photograph(patient, folder / "s", "--top", "all", route=route)
        told = truth(patient)
        assert told["server"] == (gc == "server")
        yield Known(runtime, gc, route, patient, told, visit, visit.photo, heap_capture.Retained(visit.photo))
        patient.assert_alive()
        assert patient.quit() == 0, patient.stderr()


# --- the capture ------------------------------------------------------------------------------------------------------

def test_every_object_is_there_and_as_large_as_it_is(graphs):
    found = graphs.photo.types()
    wanted = graphs.told["types"]
    assert {name: tuple(found.get(name, (0, 0, 0))[:2]) for name in wanted} == wanted


def test_every_reference_leads_to_an_object(graphs):
    assert graphs.photo.dangling() == []
    references = {name: row[2] for name, row in graphs.photo.types().items()}
    wanted = {
        "Vault.Chain.Link": 999, "Vault.Tree.Twig": 1022, "Vault.Ring.Hop": 200, "Vault.Shared.Item[]": 1000,
        "Vault.Diamond.Top": 2, "Vault.Diamond.Side": 2, "Vault.Diamond.Tail": 9, "Vault.Leaf[]": 100 + 35 + 100_000,
        "Vault.Pair[]": 100 + 40_000 + 40_000 - 13_334, "Vault.Cell[]": 40, "Vault.Leaf[,]": 12, "Vault.Pair[,,]": 16,
        "Vault.Leaf[][]": 5, "Vault.Pixel[]": 0, "Vault.Notes.Note": 400, "Vault.Notes.Key[]": 200, "Vault.Pair": 2}
    assert {name: references[name] for name in wanted} == wanted


def test_the_route_that_was_asked_for_was_taken(graphs):
    assert graphs.photo.route == heap_capture.ROUTES[graphs.route]
    assert bool(graphs.photo.contents & heap_capture.DEAD) == (graphs.route == "enumerate")


def test_static_fields_are_seen_with_what_they_hold(graphs):
    """Every static field under its name, of threads and of generic types too: the type of what it holds, and what would be free
    without that object."""
    photo, held = graphs.photo, collections.Counter()
    for static in photo.statics:
        label = photo.static_label(static)
        if static.object and " Vault." in label:
            one = photo.objects[static.object]
            held[label, photo.name(one.cls), graphs.retained.bytes[static.object]] += 1
    wanted = collections.Counter((h["root"], plain(h["type"]), h["retained"]) for h in graphs.told["holders"]
                                 if STATIC.match(h["root"]))
    if graphs.route != "enumerate":
        assert wanted - held == collections.Counter()
        return
    # What looks like a reference from outside the heap may hold a part of it as well.
    assert {w[:2] for w in wanted} <= {h[:2] for h in held}
    most = {w[:2]: w[2] for w in wanted}
    assert not [h for h in held if h[:2] in most and h[2] > most[h[:2]]]


def test_handles_are_roots_of_their_kinds(graphs):
    photo = graphs.photo
    found = collections.defaultdict(set)
    for root in photo.roots:
        if root.kind == heap_capture.HANDLE and root.object in photo.objects:
            found[photo.name(photo.objects[root.object].cls)].add(root.flags)
    if graphs.route == "enumerate" and not found:
        pytest.skip("this route does not see handles")
    assert any(flags & heap_capture.PINNED for flags in found["Vault.Pins.Pinned[]"]), found
    assert any(not flags & (heap_capture.PINNED | heap_capture.WEAK) for flags in found["Vault.Pins.Deposit"]), found
    assert all(flags & heap_capture.WEAK for flags in found["Vault.Weak.Watched"]), found


def test_dependent_handles_lead_from_keys_to_values(graphs):
    photo = graphs.photo
    pairs = collections.Counter((photo.name(photo.objects[d.key].cls), photo.name(photo.objects[d.value].cls))
                                for d in photo.dependents if d.key in photo.objects and d.value in photo.objects)
    if graphs.route == "enumerate" and not pairs:
        pytest.skip("this route does not see dependent handles")
    assert pairs["Vault.Notes.Key", "Vault.Notes.Note"] == 200
    assert pairs["Vault.Notes.Anchor", "Vault.Notes.Ballast"] == 1


def test_generations_are_where_the_objects_are(graphs):
    photo = graphs.photo
    found = collections.defaultdict(collections.Counter)
    for address, one in photo.objects.items():
        found[photo.name(one.cls)][photo.generation(address)] += 1
    assert found["Vault.Places.Point[]"] == {"large": 1, "pinned": 1}
    assert found["Vault.Chain.Link"] == {"2": 1000}
    assert "unknown" not in set().union(*found.values())
    assert found["string"]["frozen"] > 0, found["string"]


def test_everything_but_the_dead_is_held(graphs):
    if graphs.route == "enumerate":
        pytest.skip("the dead are among the objects")
    held = sum(graphs.photo.objects[a].size for a in graphs.retained.idom if a)
    assert held > 0.97 * sum(o.size for a, o in graphs.photo.objects.items() if graphs.photo.generation(a) != "frozen")


# --- held against another reader of heaps -----------------------------------------------------------------------------

# Made by the runtime's own finalizers after each collection, to trim its pool of arrays.
TRIMMING = re.compile(r"System\.GCMemoryInfoData|System\.Runtime\.CompilerServices\.ConditionalWeakTable<"
                      r"System\.Buffers\.SharedArrayPool.*\.Enumerator")


@pytest.mark.parametrize("runtime, gc", [("net8.0", "workstation"), ("net9.0", "server"), ("net10.0", "workstation"),
                                         ("net10.0", "server")])
def test_another_reader_sees_the_same(runtime, gc, patient, out_dir):
    """ClrMD, which reads the memory of a stopped process from outside: as many objects, bytes and references of every type. It
    lists the dead too, so they are collected before each of the two looks."""
    p = patient("heap", runtime, env=heaps.GC[gc], args=["graphs"])
    photograph(p, out_dir / "first")  # what an attach makes for good is there from now on
    p.ask("settle")
    photo = photograph(p, out_dir / "second").photo
    p.ask("settle")
    theirs, ours = heaps.outsider(p)["all"]["types"], photo.types()
    different = {name: (theirs.get(name), ours.get(name)) for name in theirs.keys() | ours.keys()
                 if theirs.get(name) != ours.get(name)}
    assert not [name for name in different if not TRIMMING.match(name)], different
    assert p.quit() == 0, p.stderr()
