"""A photograph of the heap harms nobody: not the target's memory, not its other processes, on no route and whatever goes
wrong. What is in a photograph is tested elsewhere."""

import contextlib
import os
import pathlib
import signal
import subprocess

import pytest

import harness
import photographs
import session
import visit
from photographs import COLLECT, COPY, ENUMERATE, GCS, Before

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
    """Not a byte of what the target executes is changed by a photograph. Its own collections change the bounds in the
    write barrier, and a first visit compiles this and that: so a first photograph goes before."""
    p = patient("idle", runtime, env=GCS[gc])
    for route in photographs.routes(runtime, gc):
        photographs.take(p, out_dir / f"warm-{route}", route)
    for n in range(ROW):
        for route in photographs.routes(runtime, gc):
            before = photographs.executable_pages(p.pid)
            assert before, "no executable page was found"
            photographs.take(p, out_dir / f"{route}-{n}", route)
            differ, _ = photographs.changed(before, photographs.executable_pages(p.pid))
            assert not differ, f"{route} {n}: {differ}"
    p.assert_works()
    assert p.quit() == 0, p.stderr()


# --- one after the other ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("server", [False, True], ids=lambda s: "server" if s else "workstation")
def test_photographs_in_a_row_under_load(patient, runtime, server, out_dir):
    """The program allocates, starts processes, and 24 native threads hold the locks of malloc by turns."""
    env = {"LD_PRELOAD": photographs.hammer(), **(GCS["server"] if server else {})}
    p = patient("forkexec", runtime, env=env)
    for n in range(ROW):
        for route in photographs.routes(runtime, "server" if server else "regions"):
            photographs.take(p, out_dir / f"{route}{n}", route, timeout=120)
            harness.wait_until(lambda: not photographs.copies(p.pid), 5, "the end of the copy")
            harness.wait_until(lambda: "Z" not in photographs.children(p.pid).values(), 5, "the end of zombies")
    p.assert_works()
    assert '"wrong":0' in p.ask("children")
    assert p.quit() == 0, p.stderr()


# --- no copy can be made ----------------------------------------------------------------------------------------------

@every_route
@pytest.mark.parametrize("error", ["EAGAIN", "EPERM"])
def test_seccomp_forbids_the_copy(patient, tmp, out_dir, route, error):
    import errno
    p = patient("heap", args=["0.1"], env={"TMPDIR": tmp}, prefix=[photographs.forbid_fork(), getattr(errno, error)])
    before = Before(p, tmp)
    gen2 = p.stats()["gen2"]
    done = harness.run_medic(photographs.attach_args(p, out_dir / "s", route))
    assert done.code == visit.SESSION
    visit.assert_sentence(done.err, "copy", os.strerror(getattr(errno, error)))
    before.check()
    assert p.stats()["gen2"] - gen2 <= 1, "it was tried again and again"


@needs_root
@every_route
@pytest.mark.parametrize("room", range(5))
def test_a_limit_of_processes(patient, tmp, out_dir, route, room):
    """Room for the worker and a few more threads: there is a photograph, or a sentence."""
    user = 64000 + os.getpid() % 1000
    out_dir.chmod(0o755)
    p = patient("heap", args=["0.1"], env={"TMPDIR": tmp}, user=user)
    before = Before(p, tmp)
    most = len(harness.threads(p.pid)) + room
    subprocess.run(["prlimit", "--pid", str(p.pid), f"--nproc={most}:{most}"], check=True)
    done = harness.run_medic(photographs.attach_args(p, out_dir / "s", route))
    if done.code != visit.OK:
        visit.assert_sentence(done.err)
    else:
        assert room > 0
    before.check()


# --- too little memory, too little disk -------------------------------------------------------------------------------

@contextlib.contextmanager
def memory_group(pid, limit):
    """A cgroup of its own for a process, with a limit of memory."""
    root = pathlib.Path("/sys/fs/cgroup")
    v2 = (root / "cgroup.controllers").exists()
    group = (root if v2 else root / "memory") / f"medic-safety-{pid}"
    home = next((line.split(":", 2)[2] for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()
                 if line.startswith("0::" if v2 else "") and (v2 or "memory" in line.split(":")[1])), "/")
    try:
        group.mkdir()
        (group / ("memory.max" if v2 else "memory.limit_in_bytes")).write_text(str(limit))
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as e:
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip(f"no cgroup can be made: {e}")
    try:
        yield group
    finally:
        with contextlib.suppress(OSError):
            (group.parent / home.lstrip("/") / "cgroup.procs").write_text(str(pid))
        with contextlib.suppress(OSError):
            group.rmdir()


@needs_root
@every_route
def test_a_small_cgroup(patient, tmp, out_dir, route):
    """There is not memory for the whole heap twice: a route that needs it is refused, or its copy ended. Of the group nobody
    else is killed."""
    p = patient("heap", args=["1"], env={"TMPDIR": tmp})
    before = Before(p, tmp)
    with memory_group(p.pid, harness.memory(p.pid)["rss"] + (24 << 20)):
        done = harness.run_medic(photographs.attach_args(p, out_dir / "s", route), timeout=60)
        if done.code != visit.OK:
            assert done.code == visit.SESSION
            visit.assert_sentence(done.err, "memory")
        before.check()
    photographs.take(p, out_dir / "again", route)


@needs_root
def test_little_memory_makes_auto_collect(patient, out_dir):
    p = patient("heap", args=["1"])
    with memory_group(p.pid, harness.memory(p.pid)["rss"] + (48 << 20)):
        photo = photographs.take(p, out_dir / "s", "auto")
    assert photographs.route_of(photo)[0] == COLLECT


@needs_root
@every_route
def test_a_full_disk(patient, tmp, out_dir, route):
    """The session's folder is on a disk that has room for less than the photograph."""
    disk = out_dir / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], check=True)
    try:
        p = patient("heap", args=["0.5"], env={"TMPDIR": tmp})
        before = Before(p)
        done = harness.run_medic(photographs.attach_args(p, disk / "s", route), env={"TMPDIR": disk})
        assert done.code == visit.SESSION, done.out
        visit.assert_sentence(done.err, "No space left on device")
        before.check()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


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
