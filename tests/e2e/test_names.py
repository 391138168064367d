"""medic.names: every id that the runtime hands out gets its name, and an id that is not valid any more harms nobody."""

import collections
import shutil
import struct
import uuid

import pytest

import harness
import session

GUID = "f1c70000-0000-4000-8000-000000000040"
TYPE, FUNCTION = 1, 2
DYNAMIC, UNRESOLVED = 1, 2  # flags of a name
GONE = "0x80131351"  # the module was unloaded before anybody could ask

TYPES = """
    Zoo.Carrier<int>  Zoo.Carrier<string>  Zoo.Carrier<int[,]>  Zoo.Carrier<int?[][,]>  Zoo.Carrier<Zoo.Cage<int>.Bar<string>>
    Zoo.Carrier<Zoo.Cage<Zoo.Person>.Bar<Zoo.Point>[]>  Zoo.Carrier<Zoo.Person>  Zoo.Carrier<Zoo.Point>
    Zoo.Carrier<Zoo.Point?>  Zoo.Carrier<Zoo.Colour>  Zoo.Carrier<System.ValueTuple<int, string>>
    Zoo.Carrier<System.Collections.Generic.Dictionary<string, System.Collections.Generic.List<int?[][,]>>>
    Zoo.Carrier<System.Func<int, Zoo.Person>>  Zoo.Carrier<(anonymous type)>  Zoo.Carrier<Zoo.Keeper>  Zoo.Carrier<nint>
    Made.Robot
"""
FUNCTIONS = """
    Zoo.Thrower.Throw<int>  Zoo.Thrower.Throw<__Canon>  Zoo.Thrower.Throw<Zoo.Point>  Zoo.Thrower.Throw<Zoo.Point?>
    Zoo.Thrower.Throw<System.ValueTuple<int, __Canon>>  Zoo.Thrower.ThrowLike<__Canon>
    Zoo.Cage<int>.Bar<long>.Rattle<double>  Zoo.Cage<Zoo.Point>..ctor
    Zoo.Keeper.Zoo.IFeeder.Feed  Zoo.Keeper.get_Hours
    Zoo.Zoo.AsyncMethod (async)  Zoo.Zoo.Visit (async lambda)  Zoo.Zoo.Iterator (iterator)
    Zoo.Zoo.Local.Inner (local function)  Zoo.Zoo.Lambda (lambda)  Zoo.Zoo.Closure (lambda)
    Medic.Targets.Names.Start (lambda)  Medic.Targets.Names.Forever
    Made.Robot.Beep  Handmade (dynamic)
"""
# Before .NET 10 the runtime does not tell the class of code that instances of a generic type share.
SHARED = {"net8.0": "Zoo.Cage.Bar.Rattle<__Canon>", "net9.0": "Zoo.Cage.Bar.Rattle<__Canon>",
          "net10.0": "Zoo.Cage<int>.Bar<__Canon>.Rattle<__Canon>  Zoo.Cage<__Canon>.Bar<__Canon>.Rattle<__Canon>"}

Name = collections.namedtuple("Name", "kind id module flags text")
Module = collections.namedtuple("Module", "id mvid path")
Thread = collections.namedtuple("Thread", "id os_id name")


def listed(text):
    return {entry.strip() for line in text.splitlines() for entry in line.split("  ") if entry.strip()}


def resolved(capture):
    """The core's records about ids, in order."""
    for kind, data in capture.records:
        if kind == session.NAME:
            what, _, ident, module, flags, length = struct.unpack_from("<IIQQII", data)
            yield Name(what, ident, module, flags, data[32:32 + length].decode())
        elif kind == session.MODULE:
            length, = struct.unpack_from("<I", data, 32)
            ident, = struct.unpack_from("<Q", data)
            yield Module(ident, uuid.UUID(bytes_le=data[8:24]), data[40:40 + length].decode())
        elif kind == session.THREAD:
            ident, os_id, length = struct.unpack_from("<QII", data)
            yield Thread(ident, os_id, data[16:16 + length].decode())


@pytest.fixture
def zoo():
    """A patient in the mode `names` and a function that records on it: `sighted("duration=100ms")`."""
    started = []

    def start(runtime, *args):
        tmp = harness.temp_dir(prefix="mt-")
        folder = tmp.__enter__()
        p = harness.Patient("names", runtime, args=args, env={"TMPDIR": folder})
        started.append((p, tmp))

        def record(data, timeout=15):
            seen = set(session.default_folders(p.pid, folder))
            done = harness.run_attacher(p.pid, GUID, data=f"plugin={plugin}\n{data}", env={"TMPDIR": folder})
            p.assert_alive()
            assert done.code == 0, done.out + done.err
            new, = set(session.default_folders(p.pid, folder)) - seen
            status = session.wait_for_state(new, session.FAILED, session.ENDED, timeout=timeout)
            assert status.state == session.ENDED, status
            capture = session.capture(new)
            shutil.rmtree(new)
            return status, capture
        return p, record

    with harness.temp_dir(prefix="mt-") as home:
        plugin = shutil.copy(harness.BUILD / "tests" / "abi" / "plugins" / "names_fixture.so", home)
        yield start
        for p, tmp in started:
            p.close()
            tmp.__exit__(None, None, None)


@pytest.mark.parametrize("by_ip", ["false", "true"], ids=["by_id", "by_address"])
def test_every_construct_has_the_name_a_person_wrote(zoo, runtime, by_ip):
    p, record = zoo(runtime)
    mvids = dict(pair.split("=") for pair in p.ask("mvids").split(";"))
    _, capture = record(f"duration=400ms\nparam.by_ip={by_ip}")
    records = list(resolved(capture))
    names = [r for r in records if isinstance(r, Name)]
    modules = [r for r in records if isinstance(r, Module)]
    threads = [r for r in records if isinstance(r, Thread)]

    assert listed(TYPES) - {n.text for n in names if n.kind == TYPE} == set()
    assert listed(FUNCTIONS + SHARED[runtime]) - {n.text for n in names if n.kind == FUNCTION} == set()
    assert [n for n in names if n.flags & UNRESOLVED] == []
    assert all(n.flags & DYNAMIC for n in names if n.text == "Handmade (dynamic)")

    for group in ([(n.kind, n.id) for n in names], [m.id for m in modules], [t.id for t in threads]):
        assert len(group) == len(set(group))
    told = set()
    for r in records:
        if isinstance(r, Module):
            told.add(r.id)
        elif isinstance(r, Name):
            assert r.module == 0 or r.module in told

    with_file = [m for m in modules if m.path in mvids]
    assert len(with_file) >= 2
    assert {m.path: str(m.mvid) for m in with_file} == {m.path: mvids[m.path] for m in with_file}
    keeper, = [t for t in threads if t.name == "zoo keeper"]
    assert harness.threads(p.pid)[keeper.os_id] == "zoo keeper"
    p.assert_works()


def assert_unresolved_are_gone(capture):
    for r in resolved(capture):
        if isinstance(r, Name) and r.flags & UNRESOLVED:
            assert GONE in r.text


def test_code_and_threads_that_come_and_go_harm_nobody(zoo, runtime):
    p, record = zoo(runtime, "stress")
    names = 0
    for n in range(20):
        status, capture = record(f"duration={10 + n * 5}ms\nparam.by_ip={'true' if n % 2 else 'false'}")
        names += len(capture.of(session.NAME))
        assert_unresolved_are_gone(capture)
    assert names > 1000
    p.assert_works()


# A ring that is full when a module goes; ids recorded while nobody drains yet. Each crashed the target before the worker
# was told what it must not ask for any more.
@pytest.mark.parametrize("parameter", ["drain_us=200", "start_ms=500"], ids=["overload", "slow_start"])
def test_ids_that_cannot_be_asked_for_in_time_are_never_asked_for(zoo, runtime, parameter):
    p, record = zoo(runtime, "stress")
    unresolved = 0
    for _ in range(3):
        _, capture = record(f"duration=150ms\nparam.{parameter}", timeout=30)
        assert_unresolved_are_gone(capture)
        unresolved += sum(isinstance(r, Name) and bool(r.flags & UNRESOLVED) for r in resolved(capture))
    assert unresolved > 0
    p.assert_works()
