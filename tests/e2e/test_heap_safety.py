"""A photograph of the heap harms nobody: not the target's memory, not its other processes, on no route and whatever goes
wrong. What is in a photograph is tested elsewhere."""

import contextlib
import errno
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import time

import pytest

import harness
import photographs
import visit
from photographs import COLLECT, COPY, GCS, Before

LONG = os.environ.get("MEDIC_SOAK") == "1"
ROW = 100 if LONG else 3
LARGE = "2"  # million objects: a copy lives for a second or more
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: limits, cgroups, private mounts")
every_route = pytest.mark.parametrize("route", photographs.NUMBERS)


@pytest.fixture
def tmp(out_dir):
    folder = out_dir / "tmp"
    folder.mkdir(mode=0o1777)
    return folder


def need(route, runtime="net10.0", gc="regions"):
    if route not in photographs.routes(runtime, gc):
        pytest.skip(f"there is no {route} on {runtime} with {gc}")


# --- the target's code ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("gc", GCS)
def test_the_code_memory_is_as_before(patient, runtime, gc, out_dir):
    """Not a byte of what the target executes is changed by a photograph, but what the target's own collections change: with
    segments the bound in the write barrier, when COLLECT has made it collect. Methods are compiled once."""
    p = patient("heap", runtime, args=["0.05"], env={"DOTNET_TieredCompilation": 0, **GCS[gc]})
    own = set()
    for route in photographs.routes(runtime, gc):
        photographs.take(p, out_dir / f"warm-{route}", route)
    for _ in range(5):
        before = photographs.executable_pages(p.pid)
        assert before, "no executable page was found"
        p.ask("collect")
        own |= photographs.overwritten(before, photographs.executable_pages(p.pid)).keys()
    for n in range(ROW):
        for route in photographs.routes(runtime, gc):
            before = photographs.executable_pages(p.pid)
            photographs.take(p, out_dir / f"{route}-{n}", route)
            lost = photographs.overwritten(before, photographs.executable_pages(p.pid))
            assert not lost or (route == COLLECT and lost.keys() <= own), f"{route} {n}: {lost}, own: {own}"
    assert p.quit() == 0, p.stderr()


# --- one after the other ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("server", [False, True], ids=lambda s: "server" if s else "workstation")
def test_photographs_in_a_row_under_load(patient, runtime, server, out_dir):
    """The program allocates, starts processes, and 24 native threads hold the locks of malloc by turns."""
    env = {"LD_PRELOAD": photographs.hammer(), **(GCS["server"] if server else {})}
    p = patient("forkexec", runtime, env=env)
    routes = ["auto", *photographs.routes(runtime, "server" if server else "regions")]
    given_up, refused = dict.fromkeys(routes, 0), 0
    for _ in range(ROW):
        for route in routes:
            photo = photographs.try_to_take(p, out_dir / "s", route, timeout=120)
            if photo.done.code == visit.OK:
                given_up[route] += photographs.done_of(photo)["attempts"] - 1
            else:  # a copy whose collection waits for a lock of malloc; but auto takes another route then
                assert route == COPY and "the copy of the process hung" in photo.done.err, photo.done
                refused += 1
            harness.wait_until(lambda: not photographs.copies(p.pid), 5, "the end of the copy")
            harness.wait_until(lambda: "Z" not in photographs.children(p.pid).values(), 5, "the end of zombies")
            shutil.rmtree(photo.folder)
    print(f"{ROW} photographs each; attempts that were given up: {given_up}; copy refused {refused} times")
    p.assert_works()
    assert '"wrong":0' in p.ask("children")
    assert p.quit() == 0, p.stderr()


# --- what it costs the target -----------------------------------------------------------------------------------------

@every_route
def test_the_target_hardly_grows(patient, runtime, out_dir, route):
    """By less than 16 MB while it is photographed, after a first visit has mapped the libraries and warmed the runtime up.
    What the copy needs is not counted."""
    need(route, runtime)
    p = patient("heap", runtime, args=["1"])
    photographs.take(p, out_dir / "warm", route)
    before = most = photographs.anonymous(p.pid)
    with photographs.start(p, out_dir / "s", route) as command:
        while command.process.poll() is None:
            most = max(most, photographs.anonymous(p.pid))
            time.sleep(0.002)
        assert command.wait().code == visit.OK
    assert most - before < 16 << 20, f"by {(most - before) >> 20} MB"
    p.ask("collect")
    assert photographs.anonymous(p.pid) - before < 4 << 20


# --- no copy can be made ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("route", ["auto", *photographs.NUMBERS])
@pytest.mark.parametrize("error", ["EAGAIN", "EPERM"])
def test_seccomp_forbids_the_copy(patient, tmp, out_dir, route, error):
    p = patient("heap", args=["0.1"], env={"TMPDIR": tmp}, prefix=[photographs.forbid_fork(), getattr(errno, error)])
    before = Before(p, tmp)
    gen2 = p.stats()["gen2"]
    done = harness.run_medic(photographs.attach_args(p, out_dir / "s", route))
    assert done.code == visit.SESSION
    visit.assert_sentence(done.err, "cannot be copied", os.strerror(getattr(errno, error)))
    assert p.stats()["gen2"] - gen2 == (1 if route == COLLECT else 0), "collections for nothing"
    before.check()


@needs_root
@every_route
@pytest.mark.parametrize("room", range(5))
def test_a_limit_of_processes(patient, tmp, out_dir, route, room):
    """Room for the worker and a few more threads: there is a photograph, or a sentence."""
    user = str(64000 + os.getpid() % 1000)
    for folder in out_dir, tmp:
        folder.chmod(0o1777)
    p = patient("heap", args=["0.1"], env={"TMPDIR": tmp}, prefix=["setpriv", "--reuid", user, "--clear-groups"])
    before = Before(p)
    most = len(harness.threads(p.pid)) + room
    subprocess.run(["setpriv", "--reuid", user, "prlimit", "--pid", str(p.pid), f"--nproc={most}:{most}"], check=True)
    done = harness.run_medic(photographs.attach_args(p, out_dir / "s", route))
    if done.code != visit.OK:
        visit.assert_sentence(done.err)
    else:
        assert room > 0
    before.check()


# --- too little memory, too little disk -------------------------------------------------------------------------------

class MemoryGroup:
    """A cgroup for one process that is started with prefix."""

    def __init__(self):
        root = pathlib.Path("/sys/fs/cgroup")
        self.v2 = (root / "cgroup.controllers").exists()
        self.path = (root if self.v2 else root / "memory") / f"medic-safety-{os.getpid()}"
        self.prefix = ["sh", "-ec", 'echo $$ > "$1/cgroup.procs"; shift; exec "$@"', "sh", self.path]

    def limit_to(self, more):
        """What it uses now, and so much more."""
        used = int((self.path / ("memory.current" if self.v2 else "memory.usage_in_bytes")).read_text())
        (self.path / ("memory.max" if self.v2 else "memory.limit_in_bytes")).write_text(str(used + more))

    def kills(self):
        text = (self.path / ("memory.events" if self.v2 else "memory.oom_control")).read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill "))


@pytest.fixture
def group():
    group = MemoryGroup()
    try:
        group.path.mkdir()
        group.limit_to(1 << 40)
    except OSError as e:
        pytest.skip(f"no cgroup can be made: {e}")
    yield group
    harness.wait_until(lambda: not (group.path / "cgroup.procs").read_text(), 10, "the end of all in the group")
    group.path.rmdir()


@every_route
@pytest.mark.parametrize("more", [8, 24, 64], ids=lambda mb: f"{mb}MB")
def test_little_memory_in_the_cgroup(group, out_dir, route, more):
    """There is a photograph or a sentence, and nobody was killed for want of memory."""
    with harness.Patient("heap", args=["1"], env={"TMPDIR": out_dir}, prefix=group.prefix) as p:
        before = Before(p)
        group.limit_to(more << 20)
        done = harness.run_medic(photographs.attach_args(p, out_dir / "s", route), timeout=60)
        if done.code != visit.OK:
            assert done.code == visit.SESSION
            visit.assert_sentence(done.err, "memory")
        assert group.kills() == 0
        before.check()


def test_little_memory_makes_auto_collect(group, out_dir):
    with harness.Patient("heap", args=["1"], prefix=group.prefix) as p:
        group.limit_to(90 << 20)
        photo = photographs.take(p, out_dir / "s", "auto")
    assert photographs.route_of(photo)[0] == COLLECT


@pytest.fixture
def disk(out_dir):
    """A small disk for the target's temporary files: `disk(4)` has 4 MB."""
    mounted = []

    def mount(megabytes):
        folder = out_dir / "disk"
        folder.mkdir()
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=1777", "tmpfs", folder])
        if made.returncode:
            pytest.skip("needs root: a mount")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)


@every_route
def test_a_small_disk(patient, disk, out_dir, route):
    tmp = disk(12)
    p = patient("heap", args=["0.5"], env={"TMPDIR": tmp})
    before = Before(p, tmp)
    done = harness.run_medic(photographs.attach_args(p, out_dir / "s", route))
    assert done.code == visit.SESSION, done.out
    visit.assert_sentence(done.err, "the photograph of the heap needs at least", "free some, or set TMPDIR to a larger disk")
    before.check()


@every_route
def test_a_disk_that_fills(patient, disk, out_dir, route):
    """While the copy writes, somebody else takes the rest."""
    tmp = disk(48)
    p = patient("heap", args=[LARGE], env={"TMPDIR": tmp})
    before = Before(p)
    with photographs.start(p, out_dir / "s", route) as command:
        photographs.wait_copy(p)
        with open(tmp / "filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(1 << 16)) == 1 << 16:
                pass
        done = command.wait(60)
    assert done.code == visit.SESSION, done.out
    visit.assert_sentence(done.err, "photograph of the heap")
    before.check()


def test_a_limit_of_file_sizes(patient, tmp, out_dir):
    """The copy's code memory is a file. Without it no other attempt fares better, so the program is not collected for them."""
    p = patient("cpu", args=["1"], env={"TMPDIR": tmp})
    before, collections = Before(p, tmp), p.stats()["gen2"]
    resource.prlimit(p.pid, resource.RLIMIT_FSIZE, (100000, resource.RLIM_INFINITY))
    done = photographs.try_to_take(p, out_dir / "s", "auto", check=visit.SESSION)
    resource.prlimit(p.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    visit.assert_sentence(done.done.err, "its own code memory: errno 27")
    before.check()
    assert p.stats()["gen2"] == collections


# --- a profiler that does not know the rules ---------------------------------------------------------------------------

@every_route
@pytest.mark.parametrize("plugin, words", [("callback", "only be taken from tick"), ("undeclared", "capture services"),
                                           ("strange", "a photograph that this core cannot take")])
def test_a_photograph_that_must_not_be_asked_for(patient, tmp, out_dir, plugin, words, route):
    """Asked from a callback of a collection it would make the runtime wait for itself."""
    p = patient("churn", env={"TMPDIR": tmp})
    before = Before(p, tmp)
    fixture = harness.BUILD / "tests" / "abi" / "plugins" / f"heap_{plugin}_fixture.so"
    done = harness.run_medic(["attach", p.pid, "-P", fixture, "--set", f"route={route}", "-d", "30s", "-o", out_dir / "s"])
    assert done.code == visit.SESSION
    visit.assert_sentence(done.err, words)
    before.check()


# --- somebody interferes ----------------------------------------------------------------------------------------------

@every_route
def test_a_request_to_stop(patient, tmp, out_dir, route):
    p = patient("heap", args=[LARGE], env={"TMPDIR": tmp})
    before = Before(p, tmp)
    with photographs.start(p, out_dir / "s", route) as command:
        photographs.wait_copy(p)
        command.signal(signal.SIGINT)
        done = command.wait(20)
    assert not done.timed_out and done.code in (visit.OK, visit.SESSION), done
    before.check()
    photographs.take(p, out_dir / "again", route)


@every_route
def test_the_client_dies(patient, tmp, out_dir, route):
    """The session ends by its lease, the copy with it."""
    p = patient("heap", args=[LARGE], env={"TMPDIR": tmp})
    before = Before(p)
    with photographs.start(p, out_dir / "s", route) as command:
        photographs.wait_copy(p)
        command.process.kill()
    before.check()


@every_route
def test_the_target_ends(patient, tmp, out_dir, route):
    """The exit of the program neither waits for the copy nor leaves it behind."""
    p = patient("heap", args=[LARGE], env={"TMPDIR": tmp})
    with photographs.start(p, out_dir / "s", route) as command:
        copy = photographs.wait_copy(p)
        assert p.quit() == 0, p.stderr()
        harness.wait_until(lambda: photographs.is_gone(copy), 10, "the end of the copy")
        done = command.wait(20)
    assert not done.timed_out and done.code in (visit.OK, visit.SESSION), done


@every_route
def test_the_target_is_killed(patient, tmp, out_dir, route):
    p = patient("heap", args=[LARGE], env={"TMPDIR": tmp})
    with photographs.start(p, out_dir / "s", route) as command:
        copy = photographs.wait_copy(p)
        p.kill()
        harness.wait_until(lambda: photographs.is_gone(copy), 10, "the end of the copy")
        done = command.wait(20)
    assert not done.timed_out and done.code in (visit.OK, visit.SESSION), done


@every_route
def test_the_copy_is_killed(patient, tmp, out_dir, route):
    """By the OOM killer, say: another attempt, or a sentence."""
    p = patient("heap", args=[LARGE], env={"TMPDIR": tmp})
    before = Before(p, tmp)
    with photographs.start(p, out_dir / "s", route) as command:
        os.kill(photographs.wait_copy(p), signal.SIGKILL)
        done = command.wait(60)
    assert not done.timed_out and done.code in (visit.OK, visit.SESSION), done
    if done.code == visit.SESSION:
        visit.assert_sentence(done.err, "copy")
    before.check()


@every_route
def test_the_copy_stands_still(patient, tmp, out_dir, route):
    """It is noticed, and killed; then as before."""
    p = patient("heap", args=[LARGE], env={"TMPDIR": tmp})
    before = Before(p, tmp)
    with photographs.start(p, out_dir / "s", route) as command:
        copy = photographs.wait_copy(p)
        os.kill(copy, signal.SIGSTOP)
        harness.wait_until(lambda: photographs.is_gone(copy), 30, "the watchdog")
        done = command.wait(60)
    assert not done.timed_out and done.code in (visit.OK, visit.SESSION), done
    before.check()


@pytest.mark.parametrize("gc", GCS)
def test_no_collection_pays_for_a_photograph_that_failed(patient, runtime, gc, out_dir):
    """After a collection that could not be photographed, those of the program are as short as before."""
    p = patient("induced", runtime, env=GCS[gc], prefix=[photographs.forbid_fork(), 11])
    done = harness.run_medic(photographs.attach_args(p, out_dir / "s", COLLECT))
    assert done.code == visit.SESSION
    p.assert_works()
    recorded = visit.attach(p, out_dir / "after", duration="500ms")
    assert recorded.collections[0] > 0
