"""What cannot be done is refused in one sentence with cause and cure, with the right exit code, and leaves nothing."""

import contextlib
import os
import pathlib
import shutil
import subprocess

import pytest

import harness
import session
import visit
from visit import ARGUMENTS, OK, PLATFORM, REFUSED, SESSION, refuse

FIXTURES = harness.BUILD / "tests" / "abi" / "plugins"
GOOD = "f1c70000-0000-4000-8000-000000000001"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other users, private mounts")


@pytest.fixture
def tmp(out_dir):
    """The temporary folder of the patient alone."""
    path = out_dir / "tmp"
    path.mkdir()
    path.chmod(0o1777)
    return path


def args(target, folder, *more, profiler=visit.PROFILER):
    return visit.attach_args(target, folder, "100ms", profiler, more)


def as_nobody(command):
    """Another user, who must be able to reach medic."""
    prefix = ["setpriv", f"--reuid={visit.NOBODY}", f"--regid={visit.NOBODY}", "--clear-groups"]
    probe = subprocess.run([*prefix, harness.MEDIC, "--version"], capture_output=True)
    if probe.returncode:
        pytest.skip(f"{harness.MEDIC} is out of reach for uid {visit.NOBODY}")
    return harness.Command([*prefix, harness.MEDIC, *command], env={"HOME": None}).wait()


# --- which process ----------------------------------------------------------------------------------------------------

def test_unknown_pid(out_dir):
    gone = subprocess.Popen(["true"])
    gone.wait()
    refuse(args(gone.pid, out_dir / "s"), REFUSED, f"there is no process {gone.pid}", "list")
    visit.assert_clean(out_dir, out_dir / "s")


def test_process_that_is_not_dotnet(out_dir):
    with harness.Command(["sleep", "60"]) as sleeper:
        refuse(args(sleeper.pid, out_dir / "s"), PLATFORM, str(sleeper.pid), "not a .NET program")
        assert sleeper.process.poll() is None
    visit.assert_clean(out_dir, out_dir / "s")


def test_zombie(out_dir):
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    refuse(args(ended.pid, out_dir / "s"), REFUSED, str(ended.pid), "ended")
    ended.wait()


@pytest.mark.parametrize("name", ["DOTNET_EnableDiagnostics", "DOTNET_EnableDiagnostics_IPC"])
def test_diagnostics_off(patient, out_dir, tmp, name):
    p = patient("healthy", env={name: 0, "TMPDIR": tmp})
    refuse(args(p, out_dir / "s"), PLATFORM, name, "restart")
    visit.assert_clean(tmp, out_dir / "s")
    p.assert_works()


@needs_root
def test_process_of_another_user(patient, out_dir, tmp):
    p = patient("healthy", env={"TMPDIR": tmp})
    out_dir.chmod(0o755)
    folder = out_dir / "theirs"
    folder.mkdir()
    os.chown(folder, visit.NOBODY, visit.NOBODY)
    done = as_nobody(args(p, folder / "s"))
    visit.assert_refused(done, PLATFORM, str(p.pid), "as root")
    visit.assert_clean(tmp, folder / "s")
    p.assert_works()


@needs_root
def test_the_same_user_needs_no_root(patient, out_dir, tmp):
    out_dir.chmod(0o755)
    folder = out_dir / "theirs"
    folder.mkdir()
    os.chown(folder, visit.NOBODY, visit.NOBODY)
    p = patient("induced", env={"TMPDIR": tmp, "HOME": None}, prefix=nobody_prefix())
    done = as_nobody(args(p, folder / "s"))
    assert done.code == OK, done.err
    visit.assert_clean(tmp)
    p.assert_works()


def nobody_prefix():
    return ["setpriv", f"--reuid={visit.NOBODY}", f"--regid={visit.NOBODY}", "--clear-groups"]


def test_ambiguous_name(patient, out_dir):
    prefix = visit.named_program(out_dir, "Twins")
    first, second = patient("healthy", prefix=prefix), patient("healthy", prefix=prefix)
    with harness.start_medic(args("Twins", out_dir / "s"), tty=True, columns=60) as medic:
        told = medic.wait()
    head, *candidates = told.out.splitlines()
    assert told.code == ARGUMENTS and head == "medic: Twins names 2 processes, give the pid of one:", told
    assert [line.split()[0] for line in candidates] == [str(first.pid), str(second.pid)], told
    assert len({line.index("/") for line in candidates}) == 1 and all(len(line) <= 60 for line in candidates), told
    assert not (out_dir / "s").exists()
    first.assert_works(), second.assert_works()


def test_unknown_name(out_dir):
    refuse(args("NoSuchProgram", out_dir / "s"), REFUSED, "NoSuchProgram", "list")
    assert not (out_dir / "s").exists()


# --- another profiler -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("library", ["libmedic.so", "libstranger.so"])
def test_another_profiler_is_loaded(patient, out_dir, tmp, library):
    """One of ours that runs without an end, and a file that Medic does not know."""
    home = out_dir / "home"
    (home / "plugins").mkdir(parents=True)
    shutil.copy(harness.LIBMEDIC, home / library)
    shutil.copy(FIXTURES / "fixture_good.so", home / "plugins")
    theirs = tmp / "theirs"
    theirs.mkdir(mode=0o700)
    p = patient("induced", env={
        "TMPDIR": tmp, "CORECLR_ENABLE_PROFILING": 1, "CORECLR_PROFILER": "{%s}" % GOOD,
        "CORECLR_PROFILER_PATH": home / library, "MEDIC_SESSION": f"session={theirs}\nduration=0"})
    session.wait_for_state(theirs, session.RUNNING)
    refuse(args(p, out_dir / "s"), REFUSED, str(p.pid), "another profiler", "restart")
    visit.assert_clean(tmp, out_dir / "s")
    p.assert_works()
    assert session.status(theirs).state == session.RUNNING, "the other one must not be disturbed"


# --- which profiler, which parameters ---------------------------------------------------------------------------------

@pytest.mark.parametrize("profiler, words", [
    ("runtime_pause", ("did you mean", "runtime_pauses")),
    ("telepathy", ("no profiler", "runtime_pauses")),
    ("00000000-1111-2222-3333-444444444444", ("no profiler",)),
    ("./no_such_file.so", ("no_such_file.so",)),
], ids=["nearly", "unknown", "guid", "file"])
def test_unknown_profiler(patient, out_dir, tmp, profiler, words):
    p = patient("idle", env={"TMPDIR": tmp})
    refuse(args(p, out_dir / "s", profiler=profiler), ARGUMENTS, *words)
    visit.assert_clean(tmp, out_dir / "s")


def test_file_that_is_no_profiler(patient, out_dir):
    text = out_dir / "text.so"
    text.write_text("not a library")
    refuse(args(patient("idle"), out_dir / "s", profiler=text), ARGUMENTS, "text.so")
    assert not (out_dir / "s").exists()


def test_ambiguous_profiler(patient, out_dir):
    plugins = out_dir / "plugins"
    plugins.mkdir()
    for name in ("fixture_good.so", "fixture_twin.so"):
        shutil.copy(FIXTURES / name, plugins)
    refuse(args(patient("idle"), out_dir / "s", profiler=GOOD), ARGUMENTS, "fixture_good.so", "fixture_twin.so",
           "remove", env={"MEDIC_PLUGINS": plugins})
    assert not (out_dir / "s").exists()


@pytest.mark.parametrize("setting, words", [
    ("threshold=blue", ("threshold", "blue")),
    ("threshold=1us", ("threshold", "minimum", "100us")),
    ("worst=many", ("worst", "many")),
    ("worst=0", ("worst", "below the minimum", "1")),
    ("worst=1001", ("worst", "above the maximum", "1000")),
    ("worst=99999999999999999999", ("worst", "too large")),
    ("stacks=perhaps", ("stacks", "perhaps")),
    ("threshhold=1ms", ("threshhold", "(did you mean \"threshold\"?): its")),
    ("colour=blue", ("colour", "threshold, stacks, worst")),
    ("threshold", ("threshold", "key=value")),
    ("=3", ("key=value",)),
])
def test_bad_parameter(out_dir, setting, words):
    """Found before the process is even looked for: the pid is that of this test, which is no .NET program."""
    refuse(args(os.getpid(), out_dir / "s", "--set", setting), ARGUMENTS, *words)
    assert not (out_dir / "s").exists()


def test_parameter_given_twice(out_dir):
    refuse(args(os.getpid(), out_dir / "s", "--set", "worst=3", "--set", "worst=4"), ARGUMENTS, "worst", "twice")


@pytest.mark.parametrize("words, command", [
    (("which process", "medic ps"), ["attach", "-P", "runtime_pauses"]),
    (("which profiler", "medic profilers"), ["attach", "1"]),
    (("two processes", "1", "2"), ["attach", "1", "2", "-P", "runtime_pauses"]),
    (("-p one", "number"), ["attach", "-p", "one", "-P", "runtime_pauses"]),
    (("-d soon",), ["attach", "1", "-P", "runtime_pauses", "-d", "soon"]),
    (("-d -1s",), ["attach", "1", "-P", "runtime_pauses", "-d", "-1s"]),
    (("pdf", "text", "json"), ["attach", "1", "-P", "runtime_pauses", "-f", "pdf"]),
    (("--top", "0"), ["attach", "1", "-P", "runtime_pauses", "--top", "0"]),
    (("--duraton", "--duration"), ["attach", "1", "--duraton", "1s"]),
    (("-o", "value"), ["attach", "1", "-o"]),
    (("atach", "medic attach"), ["atach", "1"]),
    (("no session folder",), ["report", "/no/such/folder"]),
    (("name the folder",), ["report"]),
], ids=lambda x: " ".join(x) if isinstance(x, list) else None)
def test_bad_arguments(words, command):
    refuse(command, ARGUMENTS, *words)


# --- where to -------------------------------------------------------------------------------------------------------

def test_output_holds_a_session(patient, out_dir, tmp):
    p = patient("idle", env={"TMPDIR": tmp})
    first = visit.attach(p, out_dir / "s", duration="50ms")
    before = {f: (first.folder / f).read_bytes() for f in first.files}
    refuse(args(p, first.folder), SESSION, "already holds a session", "-o")
    assert {f: (first.folder / f).read_bytes() for f in first.files} == before, "the old session was touched"
    visit.assert_clean(tmp)


def test_output_is_not_empty(patient, out_dir, tmp):
    p = patient("idle", env={"TMPDIR": tmp})
    folder = out_dir / "mine"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear reader")
    refuse(args(p, folder), SESSION, "not empty", "-o")
    assert [f.name for f in folder.iterdir()] == ["letter.txt"]


def test_output_is_a_file(patient, out_dir, tmp):
    p = patient("idle", env={"TMPDIR": tmp})
    (out_dir / "file").write_text("")
    refuse(args(p, out_dir / "file"), ARGUMENTS, "not a folder", "-o")
    visit.assert_clean(tmp)


@needs_root
def test_output_may_not_be_written(patient, out_dir, tmp):
    out_dir.chmod(0o755)
    p = patient("healthy", env={"TMPDIR": tmp, "HOME": None}, prefix=nobody_prefix())
    done = as_nobody(args(p, out_dir / "s"))
    visit.assert_refused(done, PLATFORM, "permission denied", "-o")
    visit.assert_clean(tmp, out_dir / "s")
    p.assert_works()


def in_private_mount(script, *arguments, **kwargs):
    """A shell that may mount what nobody else sees."""
    probe = subprocess.run(["unshare", "-m", "true"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"no private mounts here: {probe.stderr.strip()}")
    return harness.Command(["unshare", "-m", "sh", "-ec", script, "sh", *map(str, arguments)], **kwargs)


@needs_root
def test_output_disk_is_full(patient, out_dir, tmp):
    p = patient("healthy", env={"TMPDIR": tmp})
    disk = out_dir / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=64k tmpfs "$1"; shift; exec "$@"'
    done = in_private_mount(script, disk, harness.MEDIC, *args(p, disk / "s")).wait()
    visit.assert_refused(done, SESSION, "no space left", "-o")
    visit.assert_clean(tmp)
    p.assert_works()


FILL_AND_RESCUE = """
mount -t tmpfs -o size=2m tmpfs "$1"; disk=$1 go=$2; shift 2
"$@" & until [ -e "$go" ]; do sleep 0.02; done
dd if=/dev/zero of="$disk/fill" bs=4k 2>/dev/null || true
code=0; kill -INT $!; wait $! || code=$?; echo "code $code" >&2
rm "$disk/fill"; exec "$1" report "$disk/s"
"""


@needs_root
def test_output_disk_fills_up_during_the_session(patient, out_dir, tmp):
    """The capture stays where it is, the sentence says so, and `medic report` fetches it when there is room again."""
    p = patient("induced", env={"TMPDIR": tmp})
    disk, go = out_dir / "disk", out_dir / "go"
    disk.mkdir()
    with in_private_mount(FILL_AND_RESCUE, disk, go, harness.MEDIC,
                          *visit.attach_args(p, disk / "s", "60s")) as command:
        visit.wait_running(tmp)
        harness.wait_until(lambda: session.status(visit.work_folders(tmp)[0]).records > 0, 10, "a record")
        go.touch()
        done = command.wait()
    lines = done.err.splitlines(keepends=True)
    assert len(lines) == 2 and lines[1] == "code 1\n", done.err
    visit.assert_sentence(lines[0], "no space left", "medic report")
    assert done.code == OK and "Orders.Cache.Trim" in done.out, (done.code, done.out, done.err)
    visit.assert_clean(tmp)
    p.assert_works()


# --- the target's disk ------------------------------------------------------------------------------------------------

SMALL_TMP = 'mount -t tmpfs -o size=3m tmpfs "$1"; shift; exec "$@"'


@pytest.fixture
def small_disk(patient, tmp):
    """A patient whose temporary folder is a disk of its own, of 3 MB, and that folder as we reach it."""
    if os.geteuid():
        pytest.skip("needs root: a private mount")
    p = patient("induced", env={"TMPDIR": tmp}, prefix=["unshare", "-m", "sh", "-ec", SMALL_TMP, "sh", tmp])
    return p, pathlib.Path(f"/proc/{p.pid}/root{tmp}")


def fill(folder):
    fd = os.open(folder / "fill", os.O_WRONLY | os.O_CREAT)
    try:
        for size in (65536, 1):
            with contextlib.suppress(OSError):
                while os.write(fd, bytes(size)):
                    pass
    finally:
        os.close(fd)


def test_targets_disk_is_full(small_disk, out_dir):
    p, theirs = small_disk
    fill(theirs)
    refuse(args(p, out_dir / "s"), SESSION, "no space left")
    visit.assert_clean(theirs, out_dir / "s")
    p.assert_works()
    (theirs / "fill").unlink()
    visit.attach(p, out_dir / "s")


def test_targets_disk_fills_up_during_the_session(small_disk, out_dir):
    """What was written until then is reported, with the reason."""
    p, theirs = small_disk
    with visit.start_attach(p, out_dir / "s", duration="60s") as medic:
        visit.wait_running(theirs)
        harness.wait_until(lambda: session.status(visit.work_folders(theirs)[0]).bytes_written > 0, 10, "a record")
        fill(theirs)
        done = medic.wait(30)
    assert done.code == SESSION, (done.code, done.out, done.err)
    visit.assert_sentence(done.err, str(p.pid), "o space left")
    assert "Orders.Cache.Trim" in done.out, done.out
    p.assert_works()
    (theirs / "fill").unlink()
    visit.wait_attachable(p, out_dir)
