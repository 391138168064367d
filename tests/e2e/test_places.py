"""Targets that live elsewhere: behind a private /tmp, in another PID namespace, in a side-car's neighbour, as another user.

Needs root for the private mounts; mounts and namespaces end with the processes in them."""

import os
import pathlib
import subprocess

import pytest

import harness
import session
import visit
from places import from_side_car, outer_pid, own_pids, private_tmp

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: private mounts and PID namespaces")


@pytest.fixture(autouse=True)
def namespaces():
    probe = subprocess.run(["unshare", "-mpf", "--mount-proc", "true"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"no namespaces here: {probe.stderr.strip()}")


@pytest.fixture
def shared(out_dir):
    """A folder that becomes the /tmp of some processes."""
    path = out_dir / "shared"
    path.mkdir()
    path.chmod(0o1777)
    return path


def assert_sees(seen, pid, inner_pid):
    target = seen.report["target"]
    assert (target["pid"], target["inner_pid"]) == (pid, inner_pid), target
    assert "Orders.Cache.Trim" in str(seen.rows("callers")), seen.verdict


# --- a private /tmp, a PID namespace, a container ---------------------------------------------------------------------

def test_private_tmp(patient, runtime, out_dir):
    p = patient("induced", runtime, prefix=private_tmp())
    began = pathlib.Path(f"/proc/{p.pid}/stat").read_text().rpartition(")")[2].split()[19]
    mine = [s for s in harness.diagnostics_sockets(p.pid) if s.name.split("-")[3] == began]  # others are stale
    assert not mine, "the socket must not be in our /tmp"
    assert_sees(visit.attach(p, out_dir / "s"), p.pid, p.pid)
    visit.assert_clean(pathlib.Path(f"/proc/{p.pid}/root/tmp"))
    visit.attach(p, out_dir / "again", duration="50ms")
    p.assert_works()


def test_own_pid_namespace(patient, out_dir, shared):
    p = patient("induced", env={"TMPDIR": shared}, prefix=own_pids())
    assert p.pid == 1
    pid = outer_pid(p)
    assert_sees(visit.attach(pid, out_dir / "s"), pid, 1)
    visit.assert_clean(shared)
    p.assert_works()


def test_container_with_both(patient, out_dir, shared):
    p = patient("induced", prefix=own_pids(shared))
    pid = outer_pid(p)
    assert_sees(visit.attach(pid, out_dir / "s"), pid, 1)
    visit.assert_clean(shared)
    listed = harness.run_medic(["ps"], check=0).out
    line, = (line for line in listed.splitlines() if str(pid) in line.split())
    assert " 1 " in line or "(1)" in line, f"the inner pid is missing: {line}"
    p.assert_works()


# --- a side-car -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["socket", "name"])
def test_side_car_that_shares_only_tmp(patient, runtime, shared, how):
    p = patient("induced", runtime, prefix=own_pids(shared))
    socket, = harness.diagnostics_sockets(1, shared)
    which = f"/tmp/{socket.name}" if how == "socket" else "Patient"
    done = from_side_car(shared, *visit.attach_args(which, "/tmp/out"))
    assert done.code == 0, (done.code, done.err)
    assert "Orders.Cache.Trim" in done.out, done.out
    seen = visit.Visit(shared / "out", done)
    assert seen.report["target"]["inner_pid"] == 1 and seen.report["target"]["name"] == "Patient", seen.report["target"]
    visit.assert_clean(shared)
    p.assert_works()


def test_side_car_lists_its_neighbours(patient, shared):
    patient("idle", prefix=own_pids(shared))
    done = from_side_car(shared, "ps")
    assert done.code == 0 and "Patient" in done.out, (done.out, done.err)


def test_side_car_sees_the_end_of_the_target(patient, shared):
    p = patient("induced", prefix=own_pids(shared))
    socket, = harness.diagnostics_sockets(1, shared)
    args = visit.attach_args(f"/tmp/{socket.name}", "/tmp/out", "60s")
    with harness.Command([*own_pids(shared), harness.MEDIC, *args]) as medic:
        visit.wait_running(shared)
        harness.wait_until(lambda: session.status(visit.work_folders(shared)[0]).records >= 2, 10, "records")
        p.close()
        done = medic.wait(20)
    assert done.code == 0 and "Orders.Cache.Trim" in done.out, (done.code, done.out, done.err)
    visit.assert_sentence(done.err, "ended before the session did")


# --- TMPDIR, noexec -------------------------------------------------------------------------------------------------

def test_tmpdir_of_the_target(patient, out_dir):
    mine = out_dir / "a folder with blanks"
    mine.mkdir()
    p = patient("induced", env={"TMPDIR": f"{mine}/"})
    assert_sees(visit.attach(p, out_dir / "s"), p.pid, p.pid)
    visit.assert_clean(mine)
    assert any(str(mine) in f for f in harness.mapped_files(p.pid)), "the core is not staged in the target's TMPDIR"


def test_tmpdir_that_is_too_long(patient, out_dir):
    """The runtime then makes no socket."""
    deep = out_dir / ("d" * 90)
    deep.mkdir()
    p = patient("healthy", env={"TMPDIR": deep})
    visit.refuse(visit.attach_args(p, out_dir / "s"), visit.PLATFORM, "TMPDIR", "too long", "restart")
    assert not (out_dir / "s").exists()
    p.assert_works()


def test_noexec_tmp_falls_back_on_shared_memory(patient, out_dir):
    p = patient("induced", prefix=private_tmp("mode=1777,noexec"))
    root = pathlib.Path(f"/proc/{p.pid}/root")
    if os.statvfs(root / "dev/shm").f_flag & os.ST_NOEXEC:
        pytest.skip("/dev/shm is noexec here as well")
    assert_sees(visit.attach(p, out_dir / "s"), p.pid, p.pid)
    assert any(f.startswith("/dev/shm/medic-") for f in harness.mapped_files(p.pid)), harness.mapped_files(p.pid)
    visit.assert_clean(root / "tmp")
    visit.assert_clean(root / "dev/shm")
    p.assert_works()


def test_noexec_everywhere_is_told(patient, out_dir):
    script = (harness.over_tmp("mount -t tmpfs -o mode=1777,noexec tmpfs /tmp") +
              '; mount -t tmpfs -o mode=1777,noexec tmpfs /dev/shm; exec "$@"')
    p = patient("healthy", prefix=["unshare", "-m", "sh", "-ec", script, "sh"])
    visit.refuse(visit.attach_args(p, out_dir / "s"), visit.PLATFORM, str(p.pid), "noexec", "/dev/shm")
    visit.assert_clean(pathlib.Path(f"/proc/{p.pid}/root/tmp"), out_dir / "s")
    p.assert_works()


# --- another user -----------------------------------------------------------------------------------------------------

def test_root_attaches_to_another_users_program(patient, runtime, out_dir, shared):
    prefix = ["setpriv", f"--reuid={visit.NOBODY}", f"--regid={visit.NOBODY}", "--clear-groups"]
    out_dir.chmod(0o755)
    p = patient("induced", runtime, env={"TMPDIR": shared, "HOME": None}, prefix=prefix)
    with visit.start_attach(p, out_dir / "s", duration="60s") as medic:
        folder, = visit.wait_running(shared, uid=visit.NOBODY)
        owners = {path: path.stat().st_uid for path in [folder.parent, *folder.parent.rglob("*")]}
        assert set(owners.values()) == {visit.NOBODY}, owners
        assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777 == 0o700
        harness.wait_until(lambda: session.status(folder).records > 2, 10, "records")
        medic.signal()
        done = medic.wait()
    assert done.code == 0, done.err
    seen = visit.Visit(out_dir / "s", done)
    assert_sees(seen, p.pid, p.pid)
    assert seen.report["target"]["uid"] == visit.NOBODY
    assert {f.stat().st_uid for f in seen.folder.iterdir()} == {0}, "the report belongs to who asked for it"
    visit.assert_clean(shared)
    p.assert_works()


def test_folder_that_somebody_else_prepared_is_not_used(patient, out_dir, shared):
    """Another user sits on the name in the shared /tmp: with a folder, or with a link to one of root's."""
    for trap in ("folder", "link"):
        place = shared / "medic-0"
        if trap == "folder":
            place.mkdir()
            os.chown(place, visit.NOBODY, visit.NOBODY)
        else:
            (out_dir / "precious").mkdir()
            place.symlink_to(out_dir / "precious")
        p = patient("induced", env={"TMPDIR": shared})
        assert_sees(visit.attach(p, out_dir / f"s-{trap}"), p.pid, p.pid)
        assert not list(place.iterdir()), f"written into the {trap} of somebody else"
        place.rmdir() if trap == "folder" else place.unlink()
