"""Each sentence of docs/errors.md is provoked by a test, here or elsewhere, or NOT_PROVOKED says why it is not.

The tests here provoke what no other test does, and compare sentence and exit code with the page. Below them is the
account: a new sentence fails test_every_message_is_accounted_for until somebody has decided who provokes it."""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys

import pytest

import harness
import session
import visit
from sentences import LISTED, assert_said, entry, expect, says

FIXTURES = harness.BUILD / "tests" / "abi" / "plugins"
GOOD = FIXTURES / "fixture_good.so"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other users, private mounts")


# --- arguments --------------------------------------------------------------------------------------------------------

ATTACH = ("attach", "1", "-P", "runtime_pauses")
ARGUMENTS = [
    ('there is no command "<>": see', "qqqq"),
    ("unknown option <>: a command comes first", "--nonsense"),
    ("unknown option -<>: see", "ps", "-z"),
    ("more than <> settings", *ATTACH, *["--set", "worst=1"] * 100),
    ("medic profilers takes one name", "profilers", "a", "b"),
    ('medic ps takes no "<>"', "ps", "a"),
    ("medic report takes one session", "report", "a", "b"),
    ('medic sessions takes no "<>"', "sessions", "a"),
    ("medic doctor looks at one process", "doctor", "1", "2"),
    ("name a command: medic complete", "complete", "options"),
    ("the session folder's name is", "launch", "-P", "runtime_pauses", "-o", "", "--", "true"),
    ("is too large to be represented", *ATTACH, "--set", "worst=99999999999999999999"),
    ("cannot make the folder <>: <>: choose", "launch", "--children", "-P", "runtime_pauses", "-o", "/proc/no/folder",
     "--", "true"),
    ("cannot look into <>: <>: choose", "launch", "--children", "-P", "runtime_pauses", "-o", "/dev/null", "--", "true"),
    ("cannot run <>: <>", "launch", "-P", "runtime_pauses", "--", "/dev/null/program"),
]


@pytest.mark.parametrize("case", ARGUMENTS, ids=lambda case: case[0][:40])
def test_arguments(case, out_dir):
    expect(*case, env={"XDG_STATE_HOME": out_dir})


# --- one program, asked in many ways ----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def idle():
    with harness.temp_dir(prefix="mt-") as tmp:
        with harness.Patient("idle", env={"TMPDIR": tmp}) as p:
            p.tmp = tmp
            yield p
            p.assert_alive()


def attach(target, *more, profiler=visit.PROFILER):
    return ["attach", getattr(target, "pid", target), "-P", profiler, "-d", "50ms", *more]


def test_pid_given_as_a_name(idle, out_dir):
    expect("<> is a process id, not a name", "attach", "-n", idle.pid, "-P", "runtime_pauses", "-o", out_dir / "s")


def test_no_home_for_sessions(idle):
    nowhere = {"HOME": None, "XDG_STATE_HOME": None}
    expect("there is no home folder for sessions: set HOME", *attach(idle), env=nowhere)
    expect("there is no home folder for sessions", "doctor", env=nowhere)


def test_path_of_the_store_is_too_long(idle):
    expect("the path of the session store is too long", *attach(idle), env={"XDG_STATE_HOME": "/" + "a/" * 3000})


def test_folder_is_in_use(idle, out_dir):
    folder = os.open(out_dir, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        expect("<> is in use by another session", *attach(idle, "-o", out_dir))
    finally:
        os.close(folder)


def test_a_socket_that_belongs_to_another(idle, out_dir):
    """This test listens on a socket that bears the name of the program's, and does not answer as .NET does."""
    name = out_dir / next(idle.tmp.glob("dotnet-diagnostic-*-socket")).name
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(name))
        server.listen()
        done = harness.run_medic(attach(name, "-o", out_dir / "s"))
        assert done.code != 0 and not (out_dir / "s").exists(), done


def alone(folder):
    """A medic with nothing beside it."""
    (folder / "bin").mkdir()
    return shutil.copy(harness.MEDIC, folder / "bin" / "medic")


def test_installation_without_profilers(out_dir):
    lonely = alone(out_dir)
    env = {"XDG_STATE_HOME": out_dir, "HOME": out_dir, "XDG_DATA_HOME": out_dir}
    done = harness.Command([lonely, "attach", "1", "-P", "runtime_pauses"], env=env).wait()
    if "nor any other" not in done.err:
        pytest.skip("profilers are installed on this machine")
    assert_said(done, 'there is no profiler "<>", nor any other')
    assert_said(harness.Command([lonely, "doctor"], env=env).wait(), "no usable profiler in <>")


def test_installation_without_its_core(idle, out_dir):
    lonely = alone(out_dir)
    done = harness.Command([lonely, *attach(idle, "-o", out_dir / "s", profiler=GOOD)]).wait()
    assert_said(done, "libmedic.so is not beside the medic command")


# --- where programs live ----------------------------------------------------------------------------------------------

def test_temporary_folder_is_missing(patient, out_dir):
    p = patient("idle", env={"TMPDIR": out_dir / "none"})
    expect("its temporary folder <> does not exist", *attach(p, "-o", out_dir / "s"))


def test_temporary_folder_has_a_long_name(patient, out_dir):
    folder = out_dir / ("long" * 30)
    folder.mkdir()
    p = patient("idle", env={"TMPDIR": folder})
    expect("its TMPDIR <> is too long", *attach(p, "-o", out_dir / "s"))


@pytest.fixture
def mounts():
    if os.geteuid() or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("private mounts cannot be made here")


def test_nothing_may_be_executed(patient, mounts, out_dir):
    tmp = out_dir / "tmp"
    tmp.mkdir()
    script = 'for f in "$1" /dev/shm; do mount -t tmpfs -o mode=1777,noexec t "$f"; done; shift; exec "$@"'
    p = patient("idle", env={"TMPDIR": tmp}, prefix=["unshare", "-m", "sh", "-ec", script, "sh", tmp])
    expect("cannot <> <>: its temporary folder <> is mounted noexec", *attach(p, "-o", out_dir / "s"))


def test_temporary_folder_is_read_only(patient, mounts, out_dir):
    tmp = out_dir / "tmp"
    tmp.mkdir()
    script = 'mount -t tmpfs t "$1"; tmp=$1; shift; (sleep 1; mount -o remount,ro "$tmp") & exec "$@"'
    p = patient("idle", env={"TMPDIR": tmp}, prefix=["unshare", "-m", "sh", "-ec", script, "sh", tmp])
    harness.wait_until(lambda: f"{tmp} tmpfs ro," in pathlib.Path(f"/proc/{p.pid}/mounts").read_text().replace("t /", "/"),
                       10, "a read-only folder")
    expect("cannot <> <>: its file system is read-only", *attach(p, "-o", out_dir / "s"))


@needs_root
def test_doctor_without_rights(out_dir):
    drop = ["setpriv", "--bounding-set=-sys_ptrace,-setuid", "--inh-caps=-sys_ptrace,-setuid"]
    done = harness.Command([*drop, harness.MEDIC, "doctor"], env={"XDG_STATE_HOME": out_dir}).wait()
    assert_said(done, "root without <>")


@needs_root
def test_doctor_with_a_closed_temporary_folder(out_dir):
    out_dir.chmod(0o755)
    prefix = ["setpriv", f"--reuid={visit.NOBODY}", f"--regid={visit.NOBODY}", "--clear-groups"]
    done = harness.Command([*prefix, harness.MEDIC, "doctor"], env={"TMPDIR": out_dir}).wait()
    assert says(done.out, "the temporary folder <> cannot be written to"), done.out


def test_doctor_with_a_full_disk(mounts, out_dir):
    script = 'mount -t tmpfs -o size=64k t "$1"; dd if=/dev/zero of="$1/fill" bs=4k 2>/dev/null || true; shift; exec "$@"'
    done = harness.Command(["unshare", "-m", "sh", "-ec", script, "sh", out_dir, harness.MEDIC, "doctor"],
                           env={"XDG_STATE_HOME": out_dir}).wait()
    assert_said(done, "the disk of <> is full")


# --- plugins ----------------------------------------------------------------------------------------------------------

def build_plugin(folder, *changes, options=()):
    """The fixture with other text in some places, as its author would build it."""
    source = (harness.REPO / "tests" / "abi" / "fixture.c").read_text()
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    (folder / "plugin.c").write_text(source)
    out = folder / "plugin.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-std=gnu11", "-fvisibility=hidden", "-fno-stack-protector",
                    f"-I{harness.REPO / 'sdk' / 'include'}", "-Wl,-z,now", "-o", out, folder / "plugin.c", *options],
                   check=True)
    return out


PARAMS = ".param_count = 1,\n            .params = params,"
PLUGINS = [
    ('<> has no parameter "<>": it has none at all', [(PARAMS, ".param_count = 0,")], ["--set", "a=1"]),
    ("<> only works from the start", [(".event_mask_high = COR_PRF_HIGH_BASIC_GC,", ".flags = MEDIC_STARTUP_ONLY,")], []),
    ("<>: its parameter table is not aligned", [(".params = params,", ".params = (const medic_param *)((const char *)params + 1),")], []),
    ("<> cannot be loaded (<>)", [("static int start(", "extern void nobody_has_this(void);\nstatic int start("),
                                 ("    (void)self, (void)why;", "    (void)self, (void)why;\n    nobody_has_this();")], []),
    ("it carries two Medic notes", [("MEDIC_PLUGIN_NOTE(FIXTURE_NAME, FIXTURE_GUID);",
      "MEDIC_PLUGIN_NOTE(FIXTURE_NAME, FIXTURE_GUID);\n#define medic_plugin_note_ second_note\nMEDIC_PLUGIN_NOTE(\"other\", FIXTURE_GUID);")], []),
]


@pytest.mark.parametrize("begin, changes, more", PLUGINS, ids=lambda x: x[:40] if isinstance(x, str) else "")
def test_plugins(idle, out_dir, begin, changes, more):
    plugin = build_plugin(out_dir, *changes)
    expect(begin, *attach(idle, "-o", out_dir / "s", *more, profiler=plugin))


EVENTS = """    const medic_events_service *events = host->service(host, MEDIC_SERVICE_EVENTS);
    medic_event_provider wanted[9] = {{%s, 1, 4, 0}};
    if (!events->start(host, wanted, %d, why) && !events->start(host, wanted, %d, why))
        return MEDIC_OK;
    return MEDIC_E_FAIL;
"""
SAMPLES = """    const medic_stacks_service *stacks = host->service(host, MEDIC_SERVICE_STACKS);
    medic_sampling wanted = {sizeof wanted, %s, %s, 0, 0};
    int code = stacks->sample_cpu(host, &wanted, why);
    return code ? code : stacks->sample_cpu(host, &wanted, why);
"""
SERVICE = [("#define FIXTURE_SERVICE MEDIC_SERVICE_CLOCK", "#define FIXTURE_SERVICE MEDIC_SERVICE_%s"),
           ("medic_host *host, void **self, medic_reason *why)\n{\n", "medic_host *host, void **self, medic_reason *why)\n{\n%s")]
NAME = '"Microsoft-Windows-DotNETRuntime"'
IN_TARGET = [
    ("the plugin gave no reason", [("    (void)self, (void)why;", "    (void)self, (void)why;\n    return MEDIC_E_FAIL;")]),
    ("<> event providers; 1 to <> are possible", EVENTS % (NAME, 9, 1)),
    ("the name of event provider <> must have", EVENTS % ('""', 1, 1)),
    ("the plugin has an event session already", EVENTS % (NAME, 1, 1)),
    ("the plugin asks for samples with a wrong record type", SAMPLES % (3, 10000000)),
    ("the plugin asks for samples twice in one session", SAMPLES % (300, 10000000)),
]


@pytest.mark.parametrize("begin, changes", IN_TARGET, ids=lambda x: x[:30] if isinstance(x, str) else "")
def test_plugins_in_the_target(idle, out_dir, begin, changes):
    if isinstance(changes, str):
        service = "STACKS" if "stacks" in changes else "EVENTS"
        changes = [(SERVICE[0][0], SERVICE[0][1] % service), (SERVICE[1][0], SERVICE[1][1] % changes)]
    plugin = build_plugin(out_dir, *changes)
    done = harness.run_medic(attach(idle, "-o", out_dir / "s", profiler=plugin))
    assert says(done.err, begin) and done.code in (visit.SESSION, visit.REFUSED, visit.ARGUMENTS), done


def by_core(idle, guid, data, begin):
    """Past every check of the tool."""
    seen = set(session.default_folders(idle.pid, idle.tmp))
    harness.run_attacher(idle.pid, guid, data=data, env={"TMPDIR": idle.tmp})
    new = harness.wait_until(lambda: set(session.default_folders(idle.pid, idle.tmp)) - seen, 5, "a session folder")
    status = session.wait_for_state(new.pop(), session.FAILED)
    assert says(status.text, begin), status


@pytest.mark.parametrize("which, begin", [(1, "<> works only on a program that is started"), (3, "cannot load the plugin")])
def test_plugins_the_core_refuses(idle, out_dir, which, begin):
    plugin = build_plugin(out_dir, *PLUGINS[which][1])
    by_core(idle, "f1c70000-0000-4000-8000-000000000001", f"plugin={plugin}\nduration=100ms", begin)


RENDER = "    while (capture->next(host, &record))\n"
SECTION = ("    medic_column column = {\"a\", \"A\", %s, 0, 0, 0};\n    medic_section_info info = {sizeof info, %s, \"one\", \"One\", "
           "NULL, &column, %s, 1};\n    medic_section *section = document->section(host, &info);\n    (void)section;\n")
RENDERS = [
    ("the report was interrupted", "    raise(2);\n"),
    ("the report half of <> used up its CPU time", "    raise(24);\n"),
    ("column <> of section <> has the unknown type", SECTION % (99, 1, "sizeof column")),
    ("section <> has columns of <> bytes", SECTION % (1, 1, 4)),
    ("section <> is no section of stacks",
     SECTION % (1, 1, "sizeof column") + "    uint32_t f = 0; medic_cell c = medic_string(\"x\");\n"
     "    document->row_stack(section, &f, 0, &c, 1);\n"),
]


@pytest.mark.parametrize("begin, lines", RENDERS, ids=lambda x: x[:30])
def test_report_halves(idle, out_dir, begin, lines):
    plugin = build_plugin(out_dir, ("#include <stdlib.h>", "#include <signal.h>\n#include <stdlib.h>"),
                          (RENDER, lines + RENDER))
    code = visit.INTERRUPTED if "interrupted" in begin else visit.SESSION
    expect(begin, *attach(idle, "-o", out_dir / "s", profiler=plugin), code=code)
    expect(begin, "report", out_dir / "s")


# --- clients other than medic -----------------------------------------------------------------------------------------

CLIENT_DATA = [
    ('client data has a line without key=value: "<>"', "nonsense"),
    ('client data has an unknown key "<>"', "colour=blue"),
    ('<>= must be an absolute path, not "<>"', "plugin=here.so"),
    ('<>= is <> or no, not "<>"', "children=perhaps"),
    ("<>= is longer than 63 bytes", "duration=" + "1" * 70),
    ("<>= is longer than <> bytes", "plugin=/" + "a" * 5000),
    ("cannot open the plugin <>", "plugin=/no/such/plugin.so"),
    ("the plugin <> has the GUID <>, but <> was asked for", f"plugin={FIXTURES / 'fixture_slow.so'}"),
    ('<> has no parameter "<>"', f"plugin={GOOD}\nparam.colour=blue"),
    ("the value of <> is longer than <> bytes", f"plugin={GOOD}\nparam.weight=" + "1" * 5000),
]


@pytest.mark.parametrize("begin, data", CLIENT_DATA, ids=lambda x: x[:30])
def test_client_data(idle, begin, data):
    by_core(idle, "f1c70000-0000-4000-8000-000000000001", data, begin)


# --- reports ----------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def finished():
    """A session folder, made by a profiler that is in no plugin folder."""
    with harness.temp_dir() as folder, harness.Patient("induced") as p:
        plugin = folder / "fixture_good.so"
        shutil.copy(GOOD, plugin)
        visit.attach(p, folder / "s", profiler=plugin, duration="100ms")
        plugin.unlink()
        yield folder / "s"


@pytest.fixture
def folder(finished, out_dir):
    shutil.copytree(finished, out_dir / "s")
    (out_dir / "s").chmod(0o700)
    return out_dir / "s"


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_profiler_has_gone(folder):
    expect("shown is the report as it was made before", "report", folder)


def test_capture_has_gone(folder):
    (folder / "capture.mdc").unlink()
    done = harness.run_medic(["report", folder])
    assert says(done.err, "<> has no capture"), done.err
    (folder / "report.json").unlink()
    expect("<> has no capture", "report", folder)


def test_session_of_another_medic(folder):
    edit(folder / "session.json", schema=99)
    expect("its schema is <>", "report", folder)


def test_session_that_never_recorded(folder):
    edit(folder / "session.json", state="running")
    (folder / "capture.mdc").unlink()
    expect("the session in <> has no capture", "report", folder)


def no_file(path):
    path.unlink()
    path.mkdir()


def endless(path):
    with open(path, "r+b") as f:
        f.truncate(1 << 40)


@pytest.mark.parametrize("begin, make", [("the report is not a regular file", no_file),
                                         ("the report is larger than any report", endless)])
def test_report_file(folder, begin, make):
    make(folder / "report.json")
    done = harness.run_medic(["report", folder])
    assert done.code == entry(begin)[1] and says(done.err, begin), done
    assert says(done.err, "cannot show the report in <>"), done.err


def test_report_is_a_link(folder, out_dir):
    (folder / "report.json").rename(out_dir / "elsewhere")
    (folder / "report.json").symlink_to(out_dir / "elsewhere")
    done = harness.run_medic(["report", folder])
    assert says(done.err, "cannot open report.json in <>") and done.code == visit.SESSION, done


def section(**changes):
    column = {"id": "a", "title": "A", "type": "string", "unit": "none", "role": "none", "key": True, "diff": False,
              "share": False}
    return {"id": "one", "kind": "table", "title": "One", "columns": [column], "rows": [["x"]], "total_rows": 1,
            **{k: [{**column, **c} for c in v] if k == "columns" else v for k, v in changes.items()}}


DOCUMENTS = [
    ("the verdict is empty", {"verdict": ""}),
    ("a finding is empty", {"findings": [{"text": "", "section": None, "row": None}]}),
    ("the document has more than <> sections", {"sections": [section(id=f"s{i}") for i in range(200)]}),
    ("section <> has a column whose id is not", {"sections": [section(columns=[{"id": "A B"}])]}),
    ("section <> has two columns <>", {"sections": [section(columns=[{}, {}], rows=[])]}),
]


@pytest.mark.parametrize("begin, changes", DOCUMENTS, ids=lambda x: x[:30] if isinstance(x, str) else "")
def test_document(folder, begin, changes):
    edit(folder / "report.json", **changes)
    done = harness.run_medic(["report", folder])
    assert says(done.err, begin) and done.code == entry(begin)[1], done
    assert says(done.err, "the report is damaged: <>"), done.err


# --- folders that may not be written to, rights that are missing ------------------------------------------------------

READ_ONLY = 'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"; shift; exec "$@"'


def read_only(place, *command, **kwargs):
    return harness.Command(["unshare", "-m", "sh", "-ec", READ_ONLY, "sh", place, harness.MEDIC, *command], **kwargs).wait()


def test_report_may_not_be_written(mounts, folder, out_dir):
    plugins = out_dir / "plugins"
    plugins.mkdir()
    shutil.copy(GOOD, plugins)
    done = read_only(folder, "report", folder, env={"MEDIC_PLUGINS": plugins})
    assert says(done.err, "cannot write report.json") and done.code == visit.OK, done


def test_session_may_not_be_removed(mounts, folder, out_dir):
    store = out_dir / "medic" / "sessions"
    store.mkdir(parents=True)
    id = json.loads((folder / "session.json").read_text())["id"]
    folder.rename(store / id)
    done = read_only(store, "rm", "--yes", id, env={"XDG_STATE_HOME": out_dir})
    assert says(done.err + done.out, "cannot remove <>") and done.code in (visit.SESSION, visit.PLATFORM), done


@pytest.fixture(scope="module")
def theirs():
    """A program of another user."""
    if os.geteuid():
        pytest.skip("needs root: other users")
    with harness.temp_dir(prefix="mt-") as tmp:
        tmp.chmod(0o1777)
        prefix = ["setpriv", f"--reuid={visit.NOBODY}", f"--regid={visit.NOBODY}", "--clear-groups"]
        with harness.Patient("idle", env={"TMPDIR": tmp, "HOME": None}, prefix=prefix) as p:
            yield p


@pytest.mark.parametrize("right, begin", [("setgid", "cannot act as gid"), ("setuid", "cannot act as uid"),
                                          ("sys_ptrace", "it runs as uid <> with rights")])
def test_root_without_rights(theirs, out_dir, right, begin):
    drop = ["setpriv", f"--bounding-set=-{right}", f"--inh-caps=-{right}"]
    assert_said(harness.Command([*drop, harness.MEDIC, *attach(theirs, "-o", out_dir / "s")]).wait(), begin)


def test_no_proc(mounts, out_dir):
    script = 'mount -t tmpfs t /proc; exec "$@"'
    done = harness.Command(["unshare", "-m", "sh", "-ec", script, "sh", harness.MEDIC, "ps"]).wait()
    assert says(done.err, "/proc does not show this process"), done


def test_no_process_can_be_started(theirs, out_dir):
    prefix = ["setpriv", f"--reuid={visit.NOBODY}", f"--regid={visit.NOBODY}", "--clear-groups", "prlimit", "--nproc=1"]
    done = harness.Command([*prefix, harness.MEDIC, "profilers"]).wait()
    assert says(done.out + done.err, "cannot start a process to read <>"), done


def test_a_library_of_another_profiler(patient, out_dir):
    library = out_dir / "libNewRelicProfiler.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", library, "/dev/null"], check=True)
    p = patient("idle", env={"LD_PRELOAD": library})
    expect("<> is loaded, which may hold the one place", "doctor", p.pid)


def test_client_data_that_is_too_long(idle, out_dir):
    """No client can send so much: only the environment can."""
    (out_dir / "home").mkdir(mode=0o700)
    with harness.Patient("idle", env={
            "TMPDIR": out_dir, "CORECLR_ENABLE_PROFILING": 1, "CORECLR_PROFILER": "{%s}" % visit.GUID,
            "CORECLR_PROFILER_PATH": harness.LIBMEDIC, "MEDIC_SESSION": "param.x=" + "a" * 100000}) as p:
        folder = harness.wait_until(lambda: session.default_folders(p.pid, out_dir), 5, "a session folder")[0]
        status = session.wait_for_state(folder, session.FAILED)
        assert says(status.text, "client data has <> bytes, more than <>"), status


# --- what happens during a session ------------------------------------------------------------------------------------

@contextlib.contextmanager
def running(patient, out_dir):
    """A session in a program: (medic, the program, the folder of the session in its temporary folder)."""
    tmp = out_dir / "tmp"
    tmp.mkdir(mode=0o1777)
    p = patient("induced", env={"TMPDIR": tmp})
    with visit.start_attach(p, out_dir / "s", duration="60s") as medic:
        visit.wait_running(tmp)
        yield medic, p, visit.work_folders(tmp)[0]


def test_capture_is_replaced(patient, out_dir):
    with running(patient, out_dir) as (medic, _, work):
        (work / "capture.mdc").unlink()
        (work / "capture.mdc").mkdir()
        medic.signal()
        done = medic.wait()
    assert says(done.err, "the capture in <> is not a regular file") and done.code == visit.SESSION, done


def test_capture_is_removed(patient, out_dir):
    with running(patient, out_dir) as (medic, _, work):
        (work / "capture.mdc").unlink()
        medic.signal()
        done = medic.wait()
    assert says(done.err, "nothing was captured") and done.code == visit.SESSION, done


def test_capture_is_removed_and_the_program_ends(patient, out_dir):
    with running(patient, out_dir) as (medic, p, work):
        (work / "capture.mdc").unlink()
        p.kill()
        done = medic.wait()
    assert says(done.err, "nothing was captured") and done.code == visit.SESSION, done


@contextlib.contextmanager
def debugged(pid):
    """The program is held by a debugger: this test."""
    import ctypes
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if ptrace(16, pid, None, None):
        pytest.skip("ptrace is not allowed here")
    try:
        os.waitpid(pid, os.WUNTRACED)
        yield
    finally:
        ptrace(17, pid, None, None)


def test_program_in_a_debugger(patient, out_dir):
    p = patient("idle")
    with debugged(p.pid):
        expect("it is stopped by a debugger", "doctor", p.pid)
        expect("it is stopped by <>: continue", *attach(p, "-o", out_dir / "s"))


@needs_root
def test_nobody_may_be_attached_to(idle, out_dir):
    prefix = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
    done = harness.Command([*prefix, harness.MEDIC, "doctor"], env={"HOME": "/"}).wait()
    assert says(done.out, "none of <> .NET programs can be attached to"), done


@needs_root
def test_closed_proc(mounts):
    script = 'mount -t tmpfs -o mode=0700 t /proc; exec setpriv --reuid=12345 --regid=12345 --clear-groups "$@"'
    done = harness.Command(["unshare", "-m", "sh", "-ec", script, "sh", harness.MEDIC, "ps"]).wait()
    assert says(done.err, "/proc cannot be opened") or says(done.err, "/proc cannot be read"), done


# --- a runtime that answers what no healthy one does ------------------------------------------------------------------

RUNTIME = """
import os, socket, struct, sys, threading
version, arch, answer, reply = sys.argv[1], sys.argv[2], int(sys.argv[3], 16), int(sys.argv[4], 16)
threading.Thread(target=threading.Event().wait, daemon=True).start()
start = open("/proc/self/stat").read().rpartition(")")[2].split()[19]
server = socket.socket(socket.AF_UNIX)
server.bind(f"{os.environ['TMPDIR']}/dotnet-diagnostic-{os.getpid()}-{start}-socket")
server.listen(8)
def text(s):
    return struct.pack("<I", len(s) + 1) + (s + chr(0)).encode("utf-16-le")
def say(to, command, body):
    to.sendall(b"DOTNET_IPC_V1" + bytes(1) + struct.pack("<H", 20 + len(body)) + struct.pack(">HH", command, 0) + body)
print("ready", flush=True)
while True:
    client, _ = server.accept()
    head = client.recv(65536)
    asked = head[16] << 8 | head[17]
    if asked == 0x0404:
        say(client, 0xff00, struct.pack("<Q", os.getpid()) + bytes(range(16)) + text("fake") + text("Linux") + text(arch)
            + text("fake") + text(version))
    else:
        say(client, reply if asked == 0x0301 else 0xffff, struct.pack("<I", answer if asked == 0x0301 else 0x80131385))
    client.close()
"""


@pytest.fixture
def runtime_that(out_dir):
    """runtime_that(version=, arch=, answer=): a process that speaks the runtime's protocol; its pid."""
    with contextlib.ExitStack() as running:
        def start(version="10.0.1", arch="x64", answer=0, reply=0xffff, env=()):
            p = subprocess.Popen([sys.executable, "-c", RUNTIME, version, arch, f"{answer:x}", f"{reply:x}"],
                                 stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(out_dir), **dict(env)})
            running.callback(p.wait)
            running.callback(p.kill)
            running.callback(p.stdout.close)
            assert p.stdout.readline() == b"ready\n"
            return p.pid
        yield start


ANSWERS = [
    (0x80131367, "another profiler is just detaching from the process"),
    (0x80131368, "the runtime refuses the profiler as not attachable"),
    (0x8013136E, "the profiler lacks ICorProfilerCallback3"),
    (0x80070005, "the process may not read the profiler"),
    (0x80040154, "the profiler does not know the GUID it was asked for"),
    (0x80131379, "the runtime gave up waiting for a background collection"),
    (0x80131386, "the runtime does not know the protocol's version"),
    (0x80131515, "the runtime was built without this ability"),
    (0x8007000E, "the process is out of memory"),
    (0x800705B4, "the runtime gave up before the profiler was ready"),
    (0x80131370, "a profiler that rewrote code cannot leave the process"),
]


@pytest.mark.parametrize("answer, begin", ANSWERS, ids=lambda x: f"{x:#x}" if isinstance(x, int) else "")
def test_answers_of_the_runtime(runtime_that, out_dir, answer, begin):
    expect(begin, *attach(runtime_that(answer=answer), "-o", out_dir / "s"))


def test_runtime_of_another_kind(runtime_that, out_dir):
    expect(".NET <> is too old", "doctor", runtime_that(version="6.0.1"))
    other = runtime_that(arch="s390x")
    expect("it runs as <> and this Medic is built for <>", "doctor", other)
    expect("cannot attach to <>: it runs as <> and this", *attach(other, "-o", out_dir / "s"))
    expect("it answered with command 0x<>", *attach(runtime_that(reply=0x0123), "-o", out_dir / "s"))


def test_runtime_of_another_libc(runtime_that, out_dir):
    library = out_dir / "ld-musl-x86_64.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", library, "/dev/null"], check=True)
    other = runtime_that(env={"LD_PRELOAD": str(library)})
    expect("it runs on <> and this Medic is built for <>", "doctor", other)
    expect("cannot attach to <>: it runs on musl", *attach(other, "-o", out_dir / "s"))


# --- plugin files that are damaged in a way that no compiler makes ----------------------------------------------------

def other_machine(data):
    data[18] = 183


def no_symbols(data):
    """The hash table counts none, and yet leads to some."""
    sections, = struct.unpack_from("<Q", data, 40)
    count, = struct.unpack_from("<H", data, 60)
    for at in range(sections, sections + count * 64, 64):
        if struct.unpack_from("<I", data, at + 4)[0] == 5:
            struct.pack_into("<I", data, struct.unpack_from("<Q", data, at + 24)[0] + 4, 0)


@pytest.mark.parametrize("begin, damage", [("it was built for another machine", other_machine),
                                           ("its hash table runs in a circle", no_symbols)])
def test_plugin_files(idle, out_dir, begin, damage):
    plugin = build_plugin(out_dir, options=["-Wl,--hash-style=sysv"])
    data = bytearray(plugin.read_bytes())
    damage(data)
    plugin.write_bytes(data)
    expect(begin, *attach(idle, "-o", out_dir / "s", profiler=plugin))


def test_plugin_that_answers_in_the_place_of_its_reader(idle, out_dir):
    plugin = build_plugin(out_dir, ("#include <stdlib.h>", "#include <stdlib.h>\n#include <unistd.h>"), (
        "    return &descriptor.plugin;", "    unsigned head[5] = {0x414c504d, 4, 0, 0, 7};\n"
        "    return write(3, head, sizeof head) ? _exit(0), NULL : &descriptor.plugin;"))
    expect("the descriptor of <> cannot be read", *attach(idle, "-o", out_dir / "s", profiler=plugin))


def test_callback_that_never_returns(patient, out_dir):
    p = patient("induced", env={"TMPDIR": out_dir})
    plugin = build_plugin(out_dir, ("#ifdef FIXTURE_SLOW", "#if 1"), ("UINT64_C(4000000000)", "UINT64_C(20000000000)"))
    done = harness.run_medic(attach(p, "-d", "1s", "-o", out_dir / "s", profiler=plugin), timeout=60)
    assert says(done.err, "Medic stays in process <>"), done
    assert says(harness.run_medic(["doctor", p.pid]).out, "an earlier session could not leave it"), done


# --- the account ------------------------------------------------------------------------------------------------------
# By the beginnings of the sentences, placeholders as <>. A test may provoke more than it is named for here.

PROVOKED_BY = {
    "abi/test_abi.py::test_a_callback_that_does_not_return_in_time_is_left_alone": [
        "a callback of <> has not"],
    "abi/test_abi.py::test_a_report_half_that_fails_keeps_the_capture": [
        "<>; the capture is in <>", "the report half of <> crashed"],
    "abi/test_abi.py::test_broken_plugins_are_listed_with_their_reason_and_hide_no_other": [
        "it is cut short: its table"],
    "abi/test_abi.py::test_tool_refuses": [
        "the session in process <> failed:"],
    "abi/test_abi.py::test_two_plugins_with_one_guid_are_refused_by_the_core": [
        "two plugins have the GUID"],
    "e2e/test_attach.py::test_a_program_that_stands_still_all_the_time_is_not_called_healthy": [
        "the runtime has not finished starting"],
    "e2e/test_attach.py::test_profiler_of_somebody_elses_folder": [
        "the profiler <> is not installed:"],
    "e2e/test_completion.py::test_wrong_use_is_refused": [
        'medic complete knows no "<>":'],
    "e2e/test_diff.py::test_a_file_that_cannot_be_opened": [
        "cannot open the report <>:"],
    "e2e/test_diff.py::test_a_format_of_stacks_is_refused": [
        "cannot show <>: <>"],
    "e2e/test_diff.py::test_damaged_reports_are_refused": [
        "cannot use the report <>:"],
    "e2e/test_diff.py::test_wrong_use_is_refused": [
        "medic diff takes two sessions", "both are session <>:", "a comparison has no -f <>"],
    "e2e/test_doctor.py::test_another_profiler": [
        "another profiler was loaded", "no plugin with the GUID <>"],
    "e2e/test_doctor.py::test_broken_profiler_is_a_warning": [
        "<>: <> session<>, <>; <>"],
    "e2e/test_doctor.py::test_core_is_missing": [
        "MEDIC_CORE names <>, which"],
    "e2e/test_doctor.py::test_diagnostics_off": [
        "its diagnostics are switched"],
    "e2e/test_doctor.py::test_few_files_left": [
        "it has <> of <> files open:", "<> files open, the limit"],
    "e2e/test_doctor.py::test_few_threads_left": [
        "its user runs <> threads and"],
    "e2e/test_doctor.py::test_full_tmp": [
        "its temporary folder <> is full", "its temporary folder is <>,"],
    "e2e/test_doctor.py::test_help_and_arguments": [
        'there is no format "<>" here:'],
    "e2e/test_doctor.py::test_little_memory_left": [
        "only <> left <>: core and", "<> left <>"],
    "e2e/test_doctor.py::test_machine_is_well": [
        "<> is writable, files can"],
    "e2e/test_doctor.py::test_no_such_process": [
        "there is no process <> here:", "no .NET process is called", "<> is not a diagnostics socket:"],
    "e2e/test_doctor.py::test_noexec_everywhere": [
        "its temporary folder <> is mounted"],
    "e2e/test_doctor.py::test_not_dotnet": [
        "process <> (<>) is not a", "it is not a .NET program,"],
    "e2e/test_doctor.py::test_read_only_tmp": [
        "its temporary folder <> cannot"],
    "e2e/test_doctor.py::test_root_looks_at_another_users_process": [
        "its user runs <> threads,"],
    "e2e/test_doctor.py::test_running_session": [
        "a session of Medic is in"],
    "e2e/test_doctor.py::test_socket_was_removed": [
        "it has no diagnostics socket"],
    "e2e/test_doctor.py::test_somebody_elses_process": [
        "it runs as uid <>: run as", "its socket belongs to uid <>:"],
    "e2e/test_doctor.py::test_stopped": [
        "it is stopped by a signal"],
    "e2e/test_doctor.py::test_store_that_cannot_be_written": [
        "sessions are kept in <>,"],
    "e2e/test_doctor.py::test_tmp_that_is_missing": [
        "the temporary folder <>:"],
    "e2e/test_doctor.py::test_zombie": [
        "process <> (<>) has ended,", "its socket <> is stale, nobody", "<> has ended<>"],
    "e2e/test_error_catalogue.py::test_a_library_of_another_profiler": [
        "<> is loaded, which may hold"],
    "e2e/test_error_catalogue.py::test_answers_of_the_runtime": [
        "another profiler is just", "the runtime refuses the profiler", "the profiler lacks ICorProfilerCallback3:",
        "the process may not read", "the profiler does not know", "the runtime gave up waiting",
        "the runtime does not know the protocol's", "the runtime was built without", "the process is out of memory:",
        "the runtime gave up before", "a profiler that rewrote code"],
    "e2e/test_error_catalogue.py::test_arguments": [
        'there is no command "<>":', "unknown option <>: a command", "unknown option -<>: see `medic",
        "more than <> settings", "medic doctor looks at one", "medic profilers takes one", 'medic ps takes no "<>": it',
        "medic report takes one session", 'medic sessions takes no "<>":', "name a command: medic complete",
        "is too large to be represented", "the session folder's name", "cannot run <>: <>",
        "cannot make the folder <>:", "cannot look into <>: <>:"],
    "e2e/test_error_catalogue.py::test_callback_that_never_returns": [
        "Medic stays in process <>,", "an earlier session could"],
    "e2e/test_error_catalogue.py::test_capture_has_gone": [
        "<> has no capture"],
    "e2e/test_error_catalogue.py::test_capture_is_removed": [
        "nothing was captured"],
    "e2e/test_error_catalogue.py::test_capture_is_removed_and_the_program_ends": [
        "<>; nothing was captured"],
    "e2e/test_error_catalogue.py::test_capture_is_replaced": [
        "the capture in <> is not"],
    "e2e/test_error_catalogue.py::test_client_data": [
        "cannot open the plugin <>:", "the plugin <> has the GUID", '<> has no parameter "<>"',
        "the value of <> is longer", "client data has a line without", "client data has an unknown",
        "<>= is longer than <> bytes", "<>= is longer than 63 bytes", "<>= must be an absolute path,",
        '<>= is <> or no, not "<>"'],
    "e2e/test_error_catalogue.py::test_client_data_that_is_too_long": [
        "client data has <> bytes,"],
    "e2e/test_error_catalogue.py::test_closed_proc": [
        "/proc cannot be opened (<>):"],
    "e2e/test_error_catalogue.py::test_doctor_with_a_closed_temporary_folder": [
        "the temporary folder <> cannot"],
    "e2e/test_error_catalogue.py::test_doctor_with_a_full_disk": [
        "the disk of <> is full"],
    "e2e/test_error_catalogue.py::test_doctor_without_rights": [
        "root without <>: programs"],
    "e2e/test_error_catalogue.py::test_document": [
        "the report is damaged: <>", "the verdict is empty", "a finding is empty", "the document has more than",
        "section <> has a column whose", "section <> has two columns"],
    "e2e/test_error_catalogue.py::test_folder_is_in_use": [
        "<> is in use by another session:"],
    "e2e/test_error_catalogue.py::test_installation_without_its_core": [
        "libmedic.so is not beside"],
    "e2e/test_error_catalogue.py::test_installation_without_profilers": [
        'there is no profiler "<>", nor', "no usable profiler in <>"],
    "e2e/test_error_catalogue.py::test_no_home_for_sessions": [
        "there is no home folder for sessions:", "there is no home folder for sessions"],
    "e2e/test_error_catalogue.py::test_no_proc": [
        "/proc does not show this"],
    "e2e/test_error_catalogue.py::test_no_process_can_be_started": [
        "cannot start a process to"],
    "e2e/test_error_catalogue.py::test_nobody_may_be_attached_to": [
        "none of <> .NET programs"],
    "e2e/test_error_catalogue.py::test_nothing_may_be_executed": [
        "cannot <> <>: its temporary"],
    "e2e/test_error_catalogue.py::test_path_of_the_store_is_too_long": [
        "the path of the session store"],
    "e2e/test_error_catalogue.py::test_pid_given_as_a_name": [
        "<> is a process id, not a"],
    "e2e/test_error_catalogue.py::test_plugin_files": [
        "it was built for another", "its hash table runs in a"],
    "e2e/test_error_catalogue.py::test_plugin_that_answers_in_the_place_of_its_reader": [
        "the descriptor of <> cannot"],
    "e2e/test_error_catalogue.py::test_plugins": [
        '<> has no parameter "<>":', "<> only works from the start", "<> cannot be loaded (<>):",
        "it carries two Medic notes,", "<>: its parameter table is"],
    "e2e/test_error_catalogue.py::test_plugins_in_the_target": [
        "the plugin gave no reason", "the plugin has an event session", "<> event providers; 1 to",
        "the name of event provider", "the plugin asks for samples with", "the plugin asks for samples twice"],
    "e2e/test_error_catalogue.py::test_plugins_the_core_refuses": [
        "<> works only on a program", "cannot load the plugin: <>"],
    "e2e/test_error_catalogue.py::test_profiler_has_gone": [
        "shown is the report as it"],
    "e2e/test_error_catalogue.py::test_program_in_a_debugger": [
        "it is stopped by <>: continue", "it is stopped by a debugger"],
    "e2e/test_error_catalogue.py::test_report_file": [
        "cannot show the report in", "the report is not a regular", "the report is larger than"],
    "e2e/test_error_catalogue.py::test_report_halves": [
        "the report was interrupted;", "the report half of <> used", "section <> has columns of",
        "column <> of section <> has", "section <> is no section"],
    "e2e/test_error_catalogue.py::test_report_is_a_link": [
        "cannot open report.json in"],
    "e2e/test_error_catalogue.py::test_report_may_not_be_written": [
        "cannot write report.json:"],
    "e2e/test_error_catalogue.py::test_root_without_rights": [
        "it runs as uid <> with rights", "cannot act as gid <> of the", "cannot act as uid <> of the"],
    "e2e/test_error_catalogue.py::test_runtime_of_another_kind": [
        "cannot attach to <>: it runs as", "it answered with command", ".NET <> is too old",
        "it runs as <> and this Medic"],
    "e2e/test_error_catalogue.py::test_runtime_of_another_libc": [
        "it runs on <> and this Medic", "cannot attach to <>: it runs on"],
    "e2e/test_error_catalogue.py::test_session_may_not_be_removed": [
        "cannot remove <>: <>"],
    "e2e/test_error_catalogue.py::test_session_of_another_medic": [
        "session.json in <> cannot", "its schema is <>, this is"],
    "e2e/test_error_catalogue.py::test_session_that_never_recorded": [
        "the session in <> has no"],
    "e2e/test_error_catalogue.py::test_temporary_folder_has_a_long_name": [
        "its TMPDIR <> is too long,"],
    "e2e/test_error_catalogue.py::test_temporary_folder_is_missing": [
        "its temporary folder <> does"],
    "e2e/test_error_catalogue.py::test_temporary_folder_is_read_only": [
        "cannot <> <>: its file system"],
    "e2e/test_errors.py::test_ambiguous_name": [
        "<> names <> processes, give"],
    "e2e/test_errors.py::test_ambiguous_profiler": [
        "<> and <> have the same <>:"],
    "e2e/test_errors.py::test_bad_arguments": [
        'there is no command "<>",', "unknown option --<>, did", "<> needs a value: see `medic",
        'there is no format "<>":', "--top <> is no number of", "two processes are named,", "which process? Give a pid",
        "-p <> is no process id: give", "which profiler? Give one", "-d <>: <>", "name the folder or id of",
        "there is no session folder <>"],
    "e2e/test_errors.py::test_diagnostics_off": [
        "cannot attach to <> (<>):"],
    "e2e/test_errors.py::test_output_disk_fills_up_during_the_session": [
        "cannot copy the capture to"],
    "e2e/test_errors.py::test_output_disk_is_full": [
        "cannot <> <>: no space left: free some, or"],
    "e2e/test_errors.py::test_output_holds_a_session": [
        "<> already holds a session:"],
    "e2e/test_errors.py::test_output_is_a_file": [
        "<> is not a folder: choose"],
    "e2e/test_errors.py::test_output_is_not_empty": [
        "<> is not empty: choose a"],
    "e2e/test_errors.py::test_output_may_not_be_written": [
        "cannot <> <>: permission denied: choose", "cannot <> <>: <>: choose"],
    "e2e/test_errors.py::test_parameter_given_twice": [
        "<> is set twice: give it"],
    "e2e/test_errors.py::test_targets_disk_fills_up_during_the_session": [
        "cannot write the capture"],
    "e2e/test_errors.py::test_unknown_profiler": [
        'there is no profiler "<>", did', 'there is no profiler "<>":', "cannot open the profiler"],
    "e2e/test_faults.py::test_attach": [
        "its temporary folder cannot be opened", "the temporary folder cannot be opened", "no socket could be made",
        "the listener's credentials cannot be read", "uid <> listens on its socket",
        "it closed the connection before the request", "the socket <> cannot be opened",
        "the folder of its socket may not be searched", "connecting to <> failed", "process <> cannot be looked at",
        "process <> has just ended", "cannot <> <>: it lies in a user namespace", "cannot <> <>: <>",
        "the copy of <> in the target's <> does not read back", "<> cannot be read: <>",
        "the file became shorter while it was read", "cannot read the capture in <>"],
    "e2e/test_exports.py::test_pprof_is_not_for_a_terminal": [
        "<> is not for a terminal:"],
    "e2e/test_faults.py::test_a_signal_handler_that_does_not_return": [
        "a signal handler of the sampler"],
    "e2e/test_faults.py::test_core_by_a_relative_path": [
        "cannot tell where libmedic.so"],
    "e2e/test_faults.py::test_detach_that_takes_long": [
        "process <> has not let go"],
    "e2e/test_faults.py::test_doctor_of_a_stopped_program_of_another_user": [
        "it runs as <> (uid <>)"],
    "e2e/test_doctor.py::test_hardly_any_address_space_left": [
        "only <> MB of address space", "only <> of address space"],
    "e2e/test_faults.py::test_exceptions_that_cannot_be_read": [
        "the runtime does not tell the layout"],
    "e2e/test_faults.py::test_event_session_that_does_not_stop": [
        "the runtime has not finished stopping"],
    "e2e/test_faults.py::test_files_of_the_core": [
        "cannot create <> in the session folder", "cannot write the status in"],
    "e2e/test_faults.py::test_launch_with_a_very_long_temporary_folder": [
        "the path of the target's"],
    "e2e/test_faults.py::test_lease_that_is_not_there": [
        "cannot open the lease in"],
    "e2e/test_faults.py::test_many_programs_of_one_name": [
        "<> and <> more"],
    "e2e/test_faults.py::test_memory_for_a_report": [
        "out of memory while reading the report", "out of memory while rendering the report",
        "the document needs more memory", "out of memory while reading the capture",
        "out of memory while making the report", "out of memory while writing the report", "the JSON needs more memory",
        "no memory for <> pauses", "no memory for <> events"],
    "e2e/test_faults.py::test_memory_for_a_report_of_locks": [
        "no memory for <> waits", "no memory for more than <> waits"],
    "e2e/test_faults.py::test_memory_for_a_photograph": [
        "out of memory while reading photograph", "out of memory while finding what keeps", "no memory for <> objects"],
    "e2e/test_faults.py::test_memory_for_a_comparison": [
        "out of memory while comparing the"],
    "e2e/test_faults.py::test_memory_for_a_report_of_strings": [
        "no memory for the strings of <>", "no memory for the report of dup_strings"],
    "e2e/test_faults.py::test_memory_for_a_report_with_stacks": [
        "out of memory while naming the frames", "the stacks differ too much", "out of memory while reading symbols.json",
        "no memory for <> samples", "no memory for more than <> samples", "no memory for <> threads",
        "no memory for more than <> threads"],
    "e2e/test_faults.py::test_memory_for_lists": [
        "out of memory while listing the profilers", "out of memory while listing the sessions", "out of memory"],
    "e2e/test_faults.py::test_memory_for_processes": [
        "out of memory while reading process <>", "out of memory while asking processes",
        "out of memory while building a request", "out of memory while reading a reply",
        "out of memory while reading the reply to <>", "out of memory while reading <>",
        "out of memory while listing processes"],
    "e2e/test_faults.py::test_memory_of_the_core": [
        "out of memory in the target", "out of memory for <> bytes", "out of memory for <> parameters",
        "out of memory for the capture's", "no memory for the state of runtime_pauses",
        "no memory for the state of cpu_hotpaths", "no memory for the state of merged_stacks",
        "no memory for the state of dup_strings", "no memory for the state of gc_survivors",
        "no memory for the state of contention", "no memory for the state of allocations",
        "no memory for the state of exceptions",
        "out of memory for the table of threads",
        "out of memory for the table of stacks", "out of memory for the stacks of <>"],
    "e2e/test_faults.py::test_no_news": [
        "no news from process <>"],
    "e2e/test_faults.py::test_others": [
        "/proc cannot be read", "cannot start <>: <>", "cannot open <>: <>: set TMPDIR", "Linux <> is older than what"],
    "e2e/test_faults.py::test_photographs_that_the_runtime_refuses": [
        "the runtime does not list its threads", "the runtime does not list its objects in",
        "the runtime does not collect in"],
    "e2e/test_heap_safety.py::test_a_photograph_that_must_not_be_asked_for": [
        "the profiler asks for a photograph that", "the profiler asks for a photograph and",
        "a photograph of the heap can only"],
    "e2e/test_heap_safety.py::test_a_small_disk": [
        "the photograph of the heap needs at least"],
    "e2e/test_heap_safety.py::test_seccomp_forbids_the_copy": [
        "the process cannot be copied"],
    "e2e/test_faults.py::test_place_of_a_child_that_cannot_be_made": [
        "a process of the program"],
    "e2e/test_faults.py::test_program_that_is_closed_to_its_own_user": [
        "it is closed even to its"],
    "e2e/test_faults.py::test_program_that_waits_for_a_device": [
        "it waits for a device and"],
    "e2e/test_faults.py::test_report": [
        "cannot make the report", "cannot start a process for the report", "cannot open the folder of <>",
        "cannot read the capture: <>"],
    "e2e/test_faults.py::test_report_half_that_hangs": [
        "the report half of <> did"],
    "e2e/test_faults.py::test_runtimes": [
        "this runtime is older than .NET 5", "this is .NET <>.<>; Medic supports", "the runtime refuses the event mask",
        "the runtime refuses to detach"],
    "e2e/test_faults.py::test_samples_that_cannot_be_had": [
        "cannot read /proc/self/maps", "the runtime refuses to suspend", "the snapshot of <> threads"],
    "e2e/test_faults.py::test_session_that_does_not_end": [
        "the session in process <> does not end"],
    "e2e/test_faults.py::test_socket_of_a_program_that_is_not_its_own": [
        "process <> listens on <>, which is not its own socket:"],
    "e2e/test_faults.py::test_socket_of_a_stopped_program_in_another_container": [
        "cannot attach through <>/<>:"],
    "e2e/test_faults.py::test_stop_in_the_target_that_cannot_be_written": [
        "cannot ask session <> to"],
    "e2e/test_faults.py::test_stop_of_a_session_that_has_not_begun": [
        "session <> has not begun"],
    "e2e/test_faults.py::test_stop_of_a_session_whose_medic_stands_still": [
        "session <> has been asked"],
    "e2e/test_faults.py::test_stop_of_a_stopped_program": [
        "session <> has not ended"],
    "e2e/test_faults.py::test_stop_that_cannot_be_written": [
        "cannot ask the session to"],
    "e2e/test_faults.py::test_symbols_that_cannot_be_made": [
        "cannot start a process that reads", "the symbols could not be read", "cannot write symbols.json",
        "out of memory while writing symbols.json"],
    "e2e/test_faults.py::test_symbols_that_cannot_be_used": [
        "symbols.json cannot be used", "symbols.json contradicts itself", "symbols.json has schema", "cannot read symbols.json"],
    "e2e/test_faults.py::test_temporary_folder_that_cannot_be_listed": [
        "the target's temporary folder"],
    "e2e/test_faults.py::test_threads_of_the_core": [
        "cannot start a thread in", "cannot start a thread for", "cannot start a thread to"],
    "e2e/test_faults.py::test_work_folder_that_has_gone_or_changed": [
        "<> is not the folder that", "the session's folder <> is"],
    "e2e/test_launch.py::test_a_reader_of_the_report_that_is_gone_changes_no_exit_code": [
        "cannot write the report:"],
    "e2e/test_launch.py::test_a_script_without_its_interpreter": [
        "cannot run <>: the interpreter"],
    "e2e/test_launch.py::test_commands_of_the_sdk_are_not_profiled_and_medic_says_so": [
        "nothing was profiled: <>"],
    "e2e/test_launch.py::test_commands_that_cannot_be_run": [
        "cannot run <>: there is no", "cannot run <>: it is a folder", "cannot run <>: it may not"],
    "e2e/test_launch.py::test_dotnet_run_profiles_the_program_and_not_the_sdk": [
        "this process belongs to the"],
    "e2e/test_launch.py::test_environments_in_which_no_profiler_can_be_loaded": [
        "another profiler is set up", "<>=<> switches profilers"],
    "e2e/test_launch.py::test_exit_code_of_a_killed_program": [
        "<>: this is what was seen"],
    "e2e/test_launch.py::test_only_the_parent_is_profiled": [
        "the session folder <> is"],
    "e2e/test_launch.py::test_wrong_arguments": [
        "which program? Give its command"],
    "e2e/test_lifecycle.py::test_ctrl_c_twice_aborts": [
        "aborted; Medic leaves process"],
    "e2e/test_lifecycle.py::test_full_stdout_is_told": [
        "cannot write to stdout: <>"],
    "e2e/test_lifecycle.py::test_running_session_is_not_reported_by_another_medic": [
        "the session in <> is still"],
    "e2e/test_lifecycle.py::test_second_attach_during_a_session": [
        "another profiler is loaded"],
    "e2e/test_lifecycle.py::test_stalled_rival_on_the_diagnostics_socket": [
        "it did not answer in time:"],
    "e2e/test_lifecycle.py::test_target_is_killed": [
        "process <> ended before the"],
    "e2e/test_lifecycle.py::test_target_is_stopped_during_the_session": [
        "process <> is stopped by"],
    "e2e/test_lists.py::test_a_file_dropped_into_the_folder_is_listed_and_a_broken_one_hides_no_other": [
        "<> crashed with <> while"],
    "e2e/test_other_clients.py::test_a_session_folder_that_is_not_private_is_refused": [
        "the session folder <> belongs"],
    "e2e/test_sessions.py::test_a_damaged_session_is_shown_and_can_be_removed": [
        "session.json cannot be used (<>): `medic rm", "session.json cannot be used (<>): remove",
        "session.json is missing:"],
    "e2e/test_sessions.py::test_a_limit_that_cannot_be_read_keeps_all_and_is_told": [
        "no session is dropped: MEDIC_KEEP_AGE=<>"],
    "e2e/test_sessions.py::test_ambiguous_beginning": [
        "<> is the beginning of <>"],
    "e2e/test_sessions.py::test_help_has_examples": [
        "unknown option --<>: see"],
    "e2e/test_sessions.py::test_rm_asks_on_a_terminal": [
        "nothing was removed"],
    "e2e/test_sessions.py::test_rm_follows_no_link": [
        "<> is a link or has been"],
    "e2e/test_sessions.py::test_rm_keeps_what_medic_did_not_make": [
        "<> holds <>, which Medic"],
    "e2e/test_sessions.py::test_rm_leaves_chosen_folders_alone": [
        "<> is not in the store, somebody chose that folder: remove it with rm -r"],
    "e2e/test_sessions.py::test_rm_never_takes_a_running_session": [
        "session <> is still running:"],
    "e2e/test_sessions.py::test_rm_older_than": [
        "--older-than <>: <>"],
    "e2e/test_sessions.py::test_rm_wants_one_choice": [
        "which sessions? Give ids,", "give either ids, or --older-than,"],
    "e2e/test_sessions.py::test_stop_what_has_ended": [
        "which session? Give an id,", "no session runs in process"],
    "e2e/test_sessions.py::test_stop_while_the_target_is_stopped_can_be_interrupted": [
        "interrupted: session <> has"],
    "e2e/test_sessions.py::test_unused_libraries_and_folders_of_dead_sessions_are_swept": [
        "cannot attach to <>: <>"],
    "unit/test_capture": [
        "the capture is not a regular", "the capture is empty: the", "the capture ends within its",
        "this is not a capture: it", "the capture has version <>", "the header of the capture is damaged: its sizes",
        "the header of the capture is damaged: its checksum"],
    "unit/test_exceptions": [
        "the host gives exceptions no valid"],
    "unit/test_gc_survivors": [
        "the photograph of the heap cannot", "the host does not know the parameters of gc_survivors"],
    "unit/test_heap_choice": [
        "with server GC a copy", "the runtime cannot list its objects", "no collection can be watched",
        "<> would need about", "<> would probably stop"],
    "unit/test_heap_code_memory": [
        "no address space for the copy's", "the copy cannot read its own", "the runtime's code memory has no",
        "the copy cannot have its own", "the copy cannot let go of", "cannot look through the descriptors"],
    "unit/test_heap_collect": [
        "the runtime refuses to collect", "the runtime refuses to tell", "the runtime refuses an event",
        "the runtime collected, and told"],
    "unit/test_heap_sink": [
        "cannot write the photograph", "the photograph of the heap is larger", "the heap has objects of more",
        "an object of class <>", "cannot reserve <> MB of address"],
    "unit/test_heap_watch": [
        "the copy of the process was not ready", "the copy of the process hung", "the copy of the process was killed",
        "the copy of the process ended early", "memory became short", "the photograph was not ready",
        "the program ended while", "the session ended while"],
    "unit/test_heap_graph": [
        "photograph <> of the heap is damaged in the capture, at byte", "photograph <> of the heap is damaged in the capture: it"],
    "e2e/test_heap_export.py::test_a_session_without_a_photograph_has_nothing_to_export": [
        "this session has no photograph of the heap to show"],
    "unit/test_contention": [
        "the host does not know the parameters of contention"],
    "unit/test_core_files": [
        "cannot open the temporary", "the temporary folder's path", "cannot make the folder <>/<>:",
        "no random number from the", "cannot look at the session", "cannot open the session folder",
        "session= is longer than <>", "cannot make the session folder", "cannot share the lease"],
    "unit/test_cpu_hotpaths_halves": [
        "the host does not know the parameters of cpu_hotpaths"],
    "unit/test_document": [
        "not valid JSON: <> in line", "this is no report: it has", "the report has schema <>",
        "<> of section <> in the report", "the report half gives no", "the report half gives more than one",
        "the verdict has the unknown", "the report half gives more than <>", "a finding points to section",
        "two sections are called <>", "a section has an id that", "section <> has <> columns;",
        "a row of section <> has <>", "a cell in column <> of section", "a row of section <> has a",
        "a stack of section <> has", "an edge of section <> does", "section <> has more than"],
    "unit/test_elf_file": [
        "<> is not a regular file", "<> is no Medic plugin: it", "<> cannot be examined: <>",
        "<> belongs to uid <>, who", "<> was built for plugin ABI", "<> does not export medic_plugin_entry:",
        "<> has constructors, which", "the file cannot be examined:", "<> lies beyond the end of",
        "<> points to <>, which no", "it is not a regular file", "it is not a 64-bit little-endian",
        "it is not a shared object", "it is a program, not a shared", "it has ELF version <>, known",
        "it is cut short: segment", "its header counts <> segments", "segment <> contradicts itself",
        "it has nothing to load", "it has no dynamic section", "its dynamic section is not",
        "its dynamic section has no", "its notes lie beyond the", "a note of it is longer than",
        "its Medic note has <> bytes,", "<>: its name <> is not of"],
    "unit/test_allocations_halves": [
        "the host does not know the parameter stacks_per_second"],
    "unit/test_guid": [
        "<> is not a GUID such as"],
    "unit/test_ipc": [
        "its socket <> is gone: the", "its socket belongs to uid <> but", "<> is not a socket: somebody",
        "process <> listens on the", "process <> listens on <>, which is not its own:",
        "its diagnostics server accepts", "it closed the connection before its", "it claims an environment",
        "the reply does not begin", "the reply claims <> bytes,", "the process' reply to <>",
        "a request of <> bytes does", "the path of the profiler", "the process cannot load the",
        "the file is a library but", "the runtime is still starting:", "the start of the runtime",
        "the runtime could not decode", "the runtime does not know the command:", "the runtime answered with",
        '"<>" is not a file name:'],
    "e2e/test_sampling.py::test_where_timers_cannot_be_had_the_reason_is_told": [
        "the system refuses timers for"],
    "e2e/test_cpu_hotpaths.py::test_with_a_go_library_no_thread_gets_a_signal": [
        "the program has loaded <>, whose Go"],
    "e2e/test_cpu_hotpaths.py::test_without_pending_signals_nothing_is_suspended": [
        "the program's user may have"],
    "unit/test_sampler": [
        "every real-time signal of the", "the program has taken signal <>"],
    "unit/test_document_diff": [
        "a report of <> cannot be"],
    "unit/test_dup_strings": [
        "the photograph of the heap has", "the host does not know the parameters of dup_strings"],
    "unit/test_plugin_check": [
        "parameter '<>': <> <>", "parameter '<>': <> is <>", "<>: medic_plugin_entry returned",
        "<>: its descriptor begins", "<>: its <> has <> bytes, at", "<>: its <> has <> bytes, but",
        "<>: its descriptor has no", "<>: its <> is longer than", "<>: its name is not of the",
        "<>: its note says it is '<>',", "<>: its note has the GUID", "<>: its <> is <>, of which",
        "<>: its ring_bytes is <>,", "<>: the reserved member of its", "<>: it has <> parameters",
        "<>: its parameters have <>", "<>: its parameter <> has", "<>: the key of its parameter",
        "<>: it has two parameters", "<>: parameter '<>' has the", "<>: parameter '<>' has no", "<>: the default of <>",
        "<>: parameter '<>' has bounds,", "<>: parameter '<>' has choices,", "<>: the choices of parameter",
        "<>: the reserved member of parameter", "<>: its <> half requires <>", "<>: service <> that its <>",
        "<>: its <> half requires the", "<>: it has no capture half", "<>: its capture half has",
        "<>: it has no report half", "<>: its report half has no"],
    "unit/test_plugins": [
        '"<>" is not a setting: write', '<> has no parameter "<>"<>:', "cannot open <>: <>",
        "<> can be changed by others", "<> did not describe itself", "<> ended the process that"],
    "unit/test_report": [
        "it is not an ELF file", "there is no capture.mdc in", "cannot open capture.mdc:",
        "the capture was made by the", "the report half of <> failed:", "the report half of <> ended",
        "the report half of <> wrote", "<> <> made the capture"],
    "unit/test_render_stacks": [
        "this report of <> has"],
    "unit/test_retention": [
        "there is no session yet in", "there is no session folder <>,", "session <> is in use by another",
        "<> is not in the store, somebody chose that folder: remove it with rm -r when",
        "no session is dropped: MEDIC_KEEP_SIZE=<>"],
    "unit/test_runtime_pauses_halves": [
        "the host does not know the parameter stacks of", "the host gives runtime_pauses"],
    "unit/test_staging": [
        "cannot read <>: <>", "cannot <> <>: no space left: free some, and", "cannot <> <>: permission denied: run"],
    "unit/test_store": [
        'it has no valid "<>"', "<> holds no session: name"],
    "unit/test_target": [
        "<> is no process id: give", "no process is given: give", "cannot attach through <>:"],
    "unit/test_value": [
        "parameter '<>' has the unknown", "parameter '<>': the value"],
}

# Why no test does.
NOT_PROVOKED = {
    "a build for another processor, which is not tested here": [
        "this build for <> has not", "stacks are unwound on x86-64"],
    "thousands of millions of objects, which no machine of ours can hold": [
        "photograph <> of the heap has <> objects: more", "photograph <> of the heap has <> references: more"],
    "a file that changes within the second in which it is read twice": [
        "the capture has changed while it was read"],
}


def test_every_message_is_accounted_for():
    """A new sentence needs a test in PROVOKED_BY, or a reason in NOT_PROVOKED; one that has gone leaves both."""
    accounts = [entry(begin)[0] for table in (PROVOKED_BY, NOT_PROVOKED) for begins in table.values() for begin in begins]
    twice = sorted({s for s in accounts if accounts.count(s) > 1})
    assert not twice, f"accounted for twice: {twice}"
    missing = sorted(set(LISTED) - set(accounts))
    assert not missing, f"neither provoked by a test nor excused: {missing}"


def test_every_test_of_the_account_exists():
    for name in PROVOKED_BY:
        file, _, function = name.partition("::")
        path = harness.REPO / "tests" / (file if function else file + ".c")
        assert path.is_file(), f"there is no {path}"
        assert not function or f"def {function}(" in path.read_text(), f"{path} has no {function}"
