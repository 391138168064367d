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
        photo = visit.photo
        yield Known(runtime, gc, route, patient, told, visit, photo, heap_capture.Retained(photo))
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


# --- the report -------------------------------------------------------------------------------------------------------

def by_label(told):
    """{root: bytes that what it holds keeps alive}; the threads of a thread static together."""
    found = collections.Counter()
    for holder in told["holders"]:
        found[holder["root"]] += holder["retained"]
    return found


def test_report_counts_types_exactly(graphs):
    rows = {plain(row["type"]): row for row in graphs.visit.rows("types")}
    wanted = {name: t for name, t in graphs.told["types"].items() if t[0]}
    found = {name: (rows[name]["objects"], rows[name]["bytes"]) for name in wanted if name in rows}
    assert found == wanted
    assert not [name for name, t in graphs.told["types"].items() if not t[0] and name in rows]
    # What is next to a pinned object the runtime may leave in a younger generation.
    old = {name: row["survived"] for name, row in rows.items() if name in wanted and "Vault.Pins." not in name}
    assert old == {name: wanted[name][0] for name in old}, "all of them are in generation 2, large or pinned"


def test_report_names_who_holds_and_how_much(graphs):
    """Static fields, of threads and of generic types too, and handles: what would be free without them."""
    rows = {row["holder"]: row["retained"] for row in graphs.visit.rows("holders")}
    wanted = {root: retained for root, retained in by_label(graphs.told).items() if "handle" not in root}
    found = {root: rows.get(root, 0) for root in wanted}
    if graphs.route == "enumerate":
        assert all(0 < found[root] <= wanted[root] for root in wanted), (found, wanted)
    else:
        least = min(rows.values())  # the table is as long as it may be: smaller ones are not in it
        assert found == {root: retained if root in rows or retained > least else 0 for root, retained in wanted.items()}


def test_report_knows_what_two_hold_together(graphs):
    both = {row["holder"]: row["retained"] for row in graphs.visit.rows("holders")
            if "Vault.Shared.One" in row["holder"] and "Vault.Shared.Other" in row["holder"]}
    assert list(both.values()) == [graphs.told["types"]["Vault.Shared.Item"][1]], both


def test_report_shows_the_paths(graphs):
    """From a root to what it keeps alive, with names of types and fields: merged, with counts."""
    found = {row["path"]: (row["objects"], row["retained"]) for row in graphs.visit.rows("retention")}

    def of(*steps):
        paths = [p for p in found if p.split(" → ")[0] == steps[0] and all(s in p for s in steps[1:])
                 and steps[-1] in p.split(" → ")[-1]]
        assert paths, (steps, [p for p in found if steps[0] in p])
        return found[min(paths, key=len)]

    exact = graphs.route != "enumerate"
    for (objects, retained), wanted in (
            (of("static Vault.Chain.Head", "Link"), (1000, 32_000)),
            (of("static Vault.Tree.Root", "Twig"), (1023, 40_920)),
            (of("static Vault.Closures.Actions", "closure"), (100, 5600)),
            (of("static Vault.Exchange.Ticked", "_target: Subscriber"), (300, 254_400)),
            (of("static Vault.Notes.Keys", "ConditionalWeakTable: Note"), (200, 43_200))):
        assert (objects, retained) == wanted if exact else objects <= wanted[0] and retained <= wanted[1]


def test_report_tells_what_a_type_keeps_alive(graphs):
    """Of what timers, waiting async methods, handles and others hold, whoever else leads to the timers and the tasks."""
    rows = {plain(row["type"]): row["retained"] for row in graphs.visit.rows("types")}
    wanted = {"Vault.Clocks.Alarm": 20 * (24 + 184), "Vault.Post.Letter": 40 * (24 + 104), "Vault.Pins.Pinned[]": 288,
              "Vault.Pins.Deposit": 24 + 136, "Vault.Exchange.Subscriber": 300 * (24 + 824),
              "Vault.Notes.Ballast": 24 + 1624, "Vault.Diamond.Side": 2 * 24, "Vault.Diamond.Top": 32 + 48 + 240,
              "Vault.Shared.Owner": 2 * (24 + 4024), "Vault.Room.Reader": 20 * 24}
    found = {name: rows[name] for name in wanted}
    if graphs.route == "enumerate":
        assert all(found[name] <= wanted[name] for name in wanted), found
    else:
        assert found == wanted


def test_report_tells_how_it_was_photographed(graphs):
    how = {row["what"]: row["value"] for row in graphs.visit.rows("photograph")}
    assert how["route"].startswith(graphs.route), how
    cost = graphs.visit.report["cost"]
    assert cost["longest_pause_ns"] == cost["total_pause_ns"] >= graphs.photo.done.pause_ns > 0, cost
    assert cost["target_memory_bytes"] < 16 << 20, cost
    assert graphs.visit.report["lost"]["records"] == 0


def test_small_heap_is_no_illness(graphs):
    assert graphs.visit.severity == "healthy", graphs.visit.verdict


# --- growth -----------------------------------------------------------------------------------------------------------

LEAKS = {"dictionary": "Dictionary<long, Order>", "events": "event Orders.Feed.Changed", "timers": "timer",
         "threadstatic": "thread static Orders.Session.t_seen", "table": "static Orders.Customers._all",
         "closures": "closure of Undo"}


def two_photographs(p, folder, *more):
    return photograph(p, folder, "--top", "all", "--set", "compare=2s", *more)


@pytest.mark.parametrize("kind", LEAKS)
def test_leak_is_named(kind, patient, out_dir):
    p = patient("heap", args=["leak", kind, 20_000])
    visit = two_photographs(p, out_dir / "s")
    unit, root = (told := truth(p))["unit"], told["holders"][0]["root"]
    assert visit.severity in ("warning", "critical"), visit.verdict
    assert visit.verdict.startswith("Memory grows") and LEAKS[kind] in visit.verdict, visit.verdict
    before, after = (photo.types()["Orders.Order"] for photo in visit.photos)
    grown, = [row for row in visit.rows("growth_types") if row["type"] == "Orders.Order"]
    assert (grown["before"], grown["after"]) == (before[0], after[0])
    assert (grown["more_objects"], grown["more_bytes"]) == (after[0] - before[0], after[1] - before[1])
    assert unit * after[0] <= sum(row["retained"] for row in visit.rows("holders") if root in row["holder"])
    p.assert_alive()
    assert p.quit() == 0, p.stderr()


@pytest.mark.parametrize("runtime, gc", [("net8.0", "workstation"), ("net8.0", "server"), ("net9.0", "workstation"),
                                         ("net10.0", "server")])
def test_leak_is_named_everywhere(runtime, gc, patient, out_dir):
    p = patient("heap", runtime, env=heaps.GC[gc], args=["leak", "dictionary", 20_000])
    visit = two_photographs(p, out_dir / "s")
    assert visit.severity in ("warning", "critical"), visit.verdict
    assert "static Orders.History._orders" in visit.verdict and "Order" in visit.verdict, visit.verdict
    assert p.quit() == 0, p.stderr()


def test_known_growth_is_told_to_the_byte(patient, out_dir):
    """5,000 orders more between two sessions."""
    p = patient("heap", args=["leak", "dictionary", 0])
    first = photograph(p, out_dir / "1", "--top", "all")
    assert p.ask("grow 5000") == "5100"
    second = photograph(p, out_dir / "2", "--top", "all")
    figures = []
    for visit in (first, second):
        row, = [row for row in visit.rows("types") if row["type"] == "Orders.Order"]
        figures.append((row["objects"], row["bytes"]))
    assert figures == [(100, 3200), (5100, 5100 * 32)]


# --- the healthy ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("gc", heaps.GC)
def test_garbage_and_a_cache_are_healthy(runtime, gc, patient, out_dir):
    p = patient("heap", runtime, env=heaps.GC[gc], args=["healthy"])
    visit = two_photographs(p, out_dir / "s")
    assert visit.severity == "healthy", visit.verdict
    for photo in visit.photos:
        # The entry that is just being replaced may be there twice, and the next one be on its way.
        assert abs(photo.types()["Orders.Order"][0] - 20_000) <= 5
    p.assert_works()
    assert p.quit() == 0, p.stderr()


@pytest.mark.parametrize("mode", ["idle", "web", "healthy", "pausemix"])
def test_programs_without_trouble_are_healthy(mode, patient, out_dir):
    p = patient(mode)
    visit = two_photographs(p, out_dir / "s")
    assert visit.severity == "healthy", visit.verdict
    assert p.quit() == 0, p.stderr()


# --- many objects -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("gc, route", [("workstation", "copy"), ("server", "collect"), ("server", "enumerate")])
def test_a_million_objects_are_counted_exactly(gc, route, patient, out_dir):
    p = patient("heap", env=heaps.GC[gc], args=[1])
    visit = photograph(p, out_dir / "s", "--top", "all", route=route)
    told, rows = truth(p), {row["type"]: row for row in visit.rows("types")}
    assert {name: (rows[name]["objects"], rows[name]["bytes"]) for name in told["types"]} == told["types"]
    (root, retained), = by_label(told).items()
    held = {row["holder"]: row["retained"] for row in visit.rows("holders")}
    if route == "enumerate":  # a word that looks like a reference may hold a part of it as well
        assert 0.99 * retained < held[root] <= retained
    else:
        assert held[root] == retained
    assert p.quit() == 0, p.stderr()


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
