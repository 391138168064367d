"""`medic doctor`: each thing that an attach needs, made to fail on a real process, and told with its cure."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess

import pytest

import harness
import visit
from sentences import says
from visit import ARGUMENTS, OK, PLATFORM, REFUSED

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other users, private mounts")

MACHINE = {"kernel", "user", "core", "profilers", "store", "tmp", "programs"}
PROCESS = {"process", "runtime", "owner", "socket", "namespaces", "tmp", "exec", "build", "profiler", "medic", "memory",
           "files", "threads", "seccomp", "ptrace"}


@pytest.fixture
def tmp(out_dir):
    """The temporary folder of the patient alone."""
    path = out_dir / "tmp"
    path.mkdir()
    path.chmod(0o1777)
    return path


def examine(*which, code=OK, env=None, prefix=()):
    """The report of the doctor: {id: check}, for an id that comes several times the gravest; and the whole."""
    command = [*prefix, harness.MEDIC, "doctor", *which, "-f", "json"]
    done = harness.Command(command, env=env).wait()
    assert done.code == code, f"ended with {done.code} and said {done.out}{done.err}"
    assert done.err == ""
    told = json.loads(done.out)
    assert told["schema"] == 1 and told["attachable"] is (code == OK), told
    order = ["ok", "unknown", "warning", "problem"]
    checks = {}
    for check in told["checks"]:
        assert set(check) == {"id", "level", "text", "cure"} and check["level"] in order and check["text"], check
        known = checks.get(check["id"])
        if not known or order.index(check["level"]) > order.index(known["level"]):
            checks[check["id"]] = check
    return checks, told


def problems(checks):
    return {name for name, check in checks.items() if check["level"] == "problem"}


def assert_only_problem(checks, name, *words):
    assert problems(checks) == {name}, checks
    told = f"{checks[name]['text']}: {checks[name]['cure']}"
    for word in words:
        assert word in told, f"{word!r} is missing in {told!r}"


def attach_is_refused(p, out_dir):
    """What the doctor calls a problem is one for the attach too."""
    done = harness.run_medic(visit.attach_args(p, out_dir / "refused", "50ms"))
    assert done.code in (REFUSED, PLATFORM), (done.code, done.err)
    return True


# --- the machine ------------------------------------------------------------------------------------------------------

def test_machine_is_well(out_dir):
    checks, told = examine(env={"XDG_STATE_HOME": out_dir})
    assert MACHINE <= set(checks) and not problems(checks) and told["target"] is None
    assert str(harness.LIBMEDIC) in os.path.realpath(checks["core"]["text"].split(" is ")[0])
    assert "runtime_pauses" in checks["profilers"]["text"]
    assert not any(out_dir.iterdir()), "a doctor leaves nothing"


def test_machine_as_text(out_dir, patient):
    patient("idle")
    done = harness.run_medic(["doctor"], check=OK, env={"XDG_STATE_HOME": out_dir})
    assert len([line for line in done.out.splitlines() if line.startswith("ok ")]) >= 5, done.out
    assert "\x1b[" not in done.out
    assert done.out.rstrip().splitlines()[-1].startswith("Medic can attach")


def test_core_is_missing(out_dir):
    checks, _ = examine(env={"MEDIC_CORE": out_dir / "nothing.so"}, code=PLATFORM)
    assert_only_problem(checks, "core", "MEDIC_CORE", "unset it")


def test_core_is_cut_short(out_dir):
    core = out_dir / "libmedic.so"
    core.write_bytes(harness.LIBMEDIC.read_bytes()[:20000])
    checks, _ = examine(env={"MEDIC_CORE": core}, code=PLATFORM)
    assert_only_problem(checks, "core")


@needs_root
def test_core_that_others_can_change(out_dir):
    core = out_dir / "libmedic.so"
    core.write_bytes(harness.LIBMEDIC.read_bytes())
    core.chmod(0o777)
    checks, _ = examine(env={"MEDIC_CORE": core}, code=PLATFORM)
    assert_only_problem(checks, "core", "chmod")


def test_core_is_told_by_its_plain_path():
    done = harness.run_medic(["doctor"])
    assert str(harness.LIBMEDIC.resolve()) in " ".join(done.out.split()) and "/../" not in done.out, done


def test_broken_profiler_is_a_warning(out_dir):
    (out_dir / "broken.so").write_text("no ELF")
    checks, _ = examine(env={"MEDIC_PLUGINS": out_dir})
    assert checks["profilers"]["level"] == "warning" and "broken.so" in checks["profilers"]["text"]


def test_no_home_for_sessions():
    checks, _ = examine(env={"HOME": None, "XDG_STATE_HOME": None}, code=PLATFORM)
    assert_only_problem(checks, "store", "HOME", "-o")


@needs_root
def test_store_that_cannot_be_written(out_dir):
    out_dir.chmod(0o755)
    checks, _ = examine(env={"XDG_STATE_HOME": out_dir}, code=PLATFORM, prefix=nobody())
    assert_only_problem(checks, "store", "cannot be written", "-o")


def test_tmp_that_is_missing(out_dir):
    checks, _ = examine(env={"TMPDIR": out_dir / "nothing"})
    assert checks["tmp"]["level"] == "warning" and "create it" in checks["tmp"]["cure"]


# --- a process that is well -------------------------------------------------------------------------------------------

def test_process_is_well(patient, runtime, tmp):
    p = patient("idle", runtime, env={"TMPDIR": tmp})
    checks, told = examine(p.pid)
    assert set(checks) == PROCESS, set(checks) ^ PROCESS
    assert {c["level"] for c in checks.values()} <= {"ok", "warning"}, checks
    assert told["target"] == {"pid": p.pid, "name": "Patient", "dotnet": True}
    assert checks["runtime"]["text"].startswith(f".NET {runtime[3:]}")
    assert str(tmp) in checks["tmp"]["text"] and "not needed" in checks["ptrace"]["text"]
    assert list(tmp.glob("medic-*")) == [], "a doctor leaves nothing"


def test_process_by_name_and_socket(patient, out_dir):
    p = patient("idle", prefix=visit.named_program(out_dir, "Ward"))
    socket, = harness.diagnostics_sockets(p.pid)
    for which in ("Ward", socket):
        assert examine(which)[1]["target"]["pid"] == p.pid


def test_process_as_text(patient):
    p = patient("idle")
    done = harness.run_medic(["doctor", p.pid], check=OK)
    assert done.out.rstrip().splitlines()[-1] == f"{p.pid} (Patient) can be attached to", done.out
    assert "\x1b[32m" in harness.run_medic(["doctor", p.pid], env={"CLICOLOR_FORCE": 1}).out


# --- which process ----------------------------------------------------------------------------------------------------

def test_no_such_process(out_dir):
    gone = subprocess.Popen(["true"])
    gone.wait()
    visit.refuse(["doctor", gone.pid], REFUSED, f"no process {gone.pid}", "medic ps")
    visit.refuse(["doctor", "NoSuchProgram"], REFUSED, "NoSuchProgram")
    visit.refuse(["doctor", out_dir / "nothing"], REFUSED, "not a diagnostics socket")


def test_ambiguous_name(patient, out_dir):
    prefix = visit.named_program(out_dir, "Twins")
    first, second = patient("idle", prefix=prefix), patient("idle", prefix=prefix)
    done = harness.run_medic(["doctor", "Twins"], check=ARGUMENTS)
    head, *candidates = done.err.splitlines()
    assert "names 2 processes" in head and not done.out
    assert [line.split()[0] for line in candidates] == [str(first.pid), str(second.pid)], done


def test_not_dotnet():
    with harness.Command(["sleep", "60"]) as sleeper:
        checks, told = examine(sleeper.pid, code=PLATFORM)
        assert_only_problem(checks, "runtime", "not a .NET program")
        assert told["target"] == {"pid": sleeper.pid, "name": "sleep", "dotnet": False}


def test_zombie():
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    checks, _ = examine(ended.pid, code=REFUSED)
    assert_only_problem(checks, "process", "has ended", "zombie")
    ended.wait()


# --- a process with something in the way ------------------------------------------------------------------------------

def test_stopped(patient, out_dir):
    p = patient("idle")
    p.signal(signal.SIGSTOP)
    checks, _ = examine(p.pid, code=REFUSED)
    assert_only_problem(checks, "process", "stopped by a signal", "kill -CONT")
    assert checks["socket"]["level"] == "unknown"
    assert attach_is_refused(p, out_dir)
    p.signal(signal.SIGCONT)


@pytest.mark.parametrize("name", ["DOTNET_EnableDiagnostics", "DOTNET_EnableDiagnostics_IPC"])
def test_diagnostics_off(patient, out_dir, name):
    p = patient("idle", env={name: 0})
    checks, _ = examine(p.pid, code=PLATFORM)
    assert_only_problem(checks, "socket", name, "restart")
    assert attach_is_refused(p, out_dir)


def test_socket_was_removed(patient, tmp, out_dir):
    p = patient("idle", env={"TMPDIR": tmp})
    harness.diagnostics_sockets(p.pid, tmp)[0].unlink()
    checks, _ = examine(p.pid, code=REFUSED)
    assert_only_problem(checks, "socket", "no diagnostics socket", str(tmp))
    assert attach_is_refused(p, out_dir)


def nobody():
    return ["setpriv", f"--reuid={visit.NOBODY}", f"--regid={visit.NOBODY}", "--clear-groups"]


@needs_root
def test_somebody_elses_process(patient):
    """Much cannot be seen: it is called unknown, not fine."""
    p = patient("idle")
    checks, _ = examine(p.pid, code=PLATFORM, prefix=nobody(), env={"HOME": None})
    assert_only_problem(checks, "owner", "run as that user or as root")
    for name in ("socket", "namespaces", "profiler", "medic", "files"):
        assert checks[name]["level"] == "unknown", checks[name]


@needs_root
def test_root_looks_at_another_users_process(patient, tmp):
    tmp.parent.chmod(0o755)
    p = patient("idle", env={"TMPDIR": tmp, "HOME": None}, prefix=nobody())
    checks, _ = examine(p.pid)
    assert f"uid {visit.NOBODY}" in checks["owner"]["text"] and "limit" in checks["threads"]["text"]


def test_another_profiler(patient, tmp, out_dir):
    """An own copy of libmedic under another name stands for somebody else's profiler."""
    stranger = out_dir / "libstranger.so"
    stranger.write_bytes(harness.LIBMEDIC.read_bytes())
    p = patient("idle", env={"TMPDIR": tmp, "CORECLR_ENABLE_PROFILING": 1, "CORECLR_PROFILER_PATH": stranger,
                             "CORECLR_PROFILER": "{%s}" % visit.GUID})
    if not any("libstranger" in f for f in harness.mapped_files(p.pid)):
        pytest.skip("the runtime let go of the library again")
    checks, _ = examine(p.pid, code=REFUSED)
    assert "profiler" in problems(checks) and "libstranger" in checks["profiler"]["text"], checks["profiler"]


def test_running_session(patient, tmp, out_dir):
    p = patient("idle", env={"TMPDIR": tmp})
    with visit.start_attach(p, out_dir / "s", duration="60s") as medic:
        visit.wait_running(tmp)
        checks, _ = examine(p.pid, code=REFUSED)
        assert_only_problem(checks, "medic", "running", f"medic stop {p.pid}")
        assert attach_is_refused(p, out_dir)
        medic.signal()
        assert medic.wait().code == OK
    checks, _ = examine(p.pid)
    assert "has left" in checks["medic"]["text"], checks["medic"]


def set_limit(pid, prefix=(), **limits):
    subprocess.run([*prefix, "prlimit", f"--pid={pid}", *(f"--{k}={v}:" for k, v in limits.items())], check=True)


@pytest.mark.parametrize("left, level", [(2, "problem"), (30, "warning")])
def test_few_files_left(patient, left, level):
    p = patient("idle")
    set_limit(p.pid, nofile=len(harness.fds(p.pid)) + left)
    checks, _ = examine(p.pid, code=REFUSED if level == "problem" else OK)
    assert checks["files"]["level"] == level and "prlimit" in checks["files"]["cure"], checks["files"]


@needs_root
def test_few_threads_left(patient, tmp):
    tmp.parent.chmod(0o755)
    p = patient("idle", env={"TMPDIR": tmp, "HOME": None}, prefix=nobody())
    set_limit(p.pid, nobody(), nproc=1)
    checks, _ = examine(p.pid, code=REFUSED)
    assert_only_problem(checks, "threads", "prlimit")


def test_hardly_any_address_space_left(patient, out_dir):
    p = patient("idle")
    size = next(int(line.split()[1]) for line in pathlib.Path(f"/proc/{p.pid}/status").read_text().splitlines()
                if line.startswith("VmSize")) << 10
    set_limit(p.pid, **{"as": size + (20 << 20)})
    checks, _ = examine(p.pid, code=REFUSED)
    assert checks["address space"]["level"] == "problem" and "prlimit --as" in checks["address space"]["cure"], checks
    assert says(checks["address space"]["text"], "only <> of address space are left"), checks
    done = harness.run_medic(visit.attach_args(p, out_dir / "refused", "50ms"))
    assert done.code == REFUSED and says(done.err, "only <> MB of address space are left"), done
    set_limit(p.pid, **{"as": "unlimited"})


@contextlib.contextmanager
def memory_group(pid, limit):
    """A control group with a memory limit, with the process in it; skips where that cannot be made."""
    group = pathlib.Path("/sys/fs/cgroup/memory") / f"medic-test-{pid}"
    name = "memory.limit_in_bytes"
    if not group.parent.is_dir():
        group, name = pathlib.Path("/sys/fs/cgroup") / f"medic-test-{pid}", "memory.max"
    home = next((line.split(":", 2)[2] for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()
                 if line.split(":")[1] in ("memory", "")), "/")
    try:
        group.mkdir()
        (group / name).write_text(str(limit))
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as e:
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip(f"no memory control group can be made here: {e}")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            (group.parent / home.lstrip("/") / "cgroup.procs").write_text(str(pid))
            group.rmdir()


@needs_root
@pytest.mark.parametrize("limit, level", [(8 << 20, "problem"), (64 << 20, "warning"), (1 << 40, "ok")])
def test_little_memory_left(patient, limit, level):
    """The process moves in without its memory, so the group's use is next to nothing."""
    p = patient("idle")
    with memory_group(p.pid, limit):
        checks, _ = examine(p.pid, code=REFUSED if level == "problem" else OK)
        assert checks["memory"]["level"] == level, checks["memory"]
        if level != "ok":
            assert "control group" in checks["memory"]["text"]


# --- where it lives ---------------------------------------------------------------------------------------------------

def private(options):
    """A prefix: /tmp is a file system of its own, /dev/shm as well."""
    script = harness.over_tmp(f"mount -t tmpfs -o mode=1777,{options} tmpfs /tmp") + '; exec "$@"'
    return ["unshare", "-m", "sh", "-ec", script, "sh"]


@pytest.fixture
def mounts():
    if os.geteuid() or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("private mounts cannot be made here")


def test_private_tmp(patient, mounts):
    p = patient("idle", prefix=private("size=100m"))
    checks, _ = examine(p.pid)
    assert "another mount namespace" in checks["namespaces"]["text"] and "root" in checks["namespaces"]["text"]
    assert "the same PID" in checks["namespaces"]["text"]


def test_full_tmp(patient, mounts, out_dir):
    p = patient("idle", prefix=private("size=2m"))
    checks, _ = examine(p.pid, code=REFUSED)
    assert_only_problem(checks, "tmp", "full", "free some")


def test_noexec_tmp(patient, mounts):
    p = patient("idle", prefix=private("noexec"))
    checks, _ = examine(p.pid)
    assert checks["exec"]["level"] == "ok" and "/dev/shm" in checks["exec"]["text"]


def test_noexec_everywhere(patient, mounts, out_dir):
    both = (harness.over_tmp("mount -t tmpfs -o mode=1777,noexec t /tmp") +
            '; mount -t tmpfs -o mode=1777,noexec t /dev/shm; exec "$@"')
    p = patient("idle", prefix=["unshare", "-m", "sh", "-ec", both, "sh"])
    checks, _ = examine(p.pid, code=PLATFORM)
    assert_only_problem(checks, "exec", "noexec", "/dev/shm")
    assert attach_is_refused(p, out_dir)


def test_read_only_tmp(patient, mounts, out_dir):
    p = patient("idle", prefix=private("size=50m"))
    subprocess.run(["nsenter", "-t", str(p.pid), "-m", "mount", "-o", "remount,ro", "/tmp"], check=True)
    checks, _ = examine(p.pid, code=PLATFORM)
    assert_only_problem(checks, "tmp", "cannot be written", "writable")


def test_side_car_sees_only_the_socket(patient, mounts, out_dir):
    """In namespaces of its own, with nothing but /tmp shared: what cannot be seen is unknown."""
    shared = out_dir / "shared"
    shared.mkdir(mode=0o777)
    shared.chmod(0o1777)
    alone = ["unshare", "-mpf", "--kill-child", "--mount-proc", "sh", "-ec", harness.over_tmp(f'mount --bind "{shared}" /tmp') + '; exec "$@"', "sh"]
    patient("idle", prefix=alone)
    socket, = harness.diagnostics_sockets(1, shared)
    checks, told = examine(f"/tmp/{socket.name}", prefix=alone)
    assert checks["socket"]["level"] == "ok" and checks["process"]["level"] == "unknown"
    assert told["target"]["pid"] == 0 and "memory" not in checks


# --- what it says of itself -------------------------------------------------------------------------------------------

def test_help_and_arguments():
    done = harness.run_medic(["doctor", "--help"], check=OK)
    assert "Examples:" in done.out and "medic doctor 4121" in done.out
    visit.refuse(["doctor", "1", "2"], ARGUMENTS, "one process at a time")
    visit.refuse(["doctor", "-f", "yaml"], ARGUMENTS, "yaml", "json")
