"""Each sentence of docs/errors.md is provoked by a test, here or elsewhere, or NOT_PROVOKED says why it is not.

The tests here provoke what no other test does, and compare sentence and exit code with the page. Below them is the
account: a new sentence fails test_every_message_is_accounted_for until somebody has decided who provokes it."""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest

import harness
import session
import visit

sys.path.insert(0, str(harness.REPO / "tests" / "layout"))
import check_errors  # noqa: E402

PAGE = (harness.REPO / check_errors.PAGE).read_text()
LISTED = check_errors.listed(PAGE)
FIXTURES = harness.BUILD / "tests" / "abi" / "plugins"
GOOD = FIXTURES / "fixture_good.so"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other users, private mounts")


def entry(begin):
    """(sentence, exit code) of the one row that begins so, placeholders as <>."""
    found = [s for s in LISTED if s == begin] or [s for s in LISTED if s.startswith(begin)]
    assert len(found) == 1, f"{len(found)} sentences of {check_errors.PAGE} begin with {begin!r}: {found}"
    return found[0], int(LISTED[found[0]][3][0])


def says(text, begin):
    """Whether the sentence stands in the text, whatever its placeholders are."""
    return re.search(".*?".join(map(re.escape, entry(begin)[0].split("<>"))), text, re.S) is not None


def assert_said(done, begin, code=None):
    assert says(done.err + done.out, begin), f"{done.args} did not say {begin!r}: {done.err!r} {done.out!r}"
    assert done.code == (entry(begin)[1] if code is None else code), (done.code, done.err)
    assert not done.err or all(line.startswith("medic: ") for line in done.err.splitlines()), done.err


def expect(begin, *args, code=None, **kwargs):
    assert_said(harness.run_medic(args, **kwargs), begin, code)


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
            p.assert_works() if p.is_alive() and p.mode != "idle" else p.assert_alive()


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
    name = out_dir / harness.diagnostics_sockets(idle.pid, idle.tmp)[0].name if False else \
        out_dir / next(idle.tmp.glob("dotnet-diagnostic-*-socket")).name
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
      "MEDIC_PLUGIN_NOTE(FIXTURE_NAME, FIXTURE_GUID);\n#define medic_plugin_note second_note\nMEDIC_PLUGIN_NOTE(\"other\", FIXTURE_GUID);")], []),
]


@pytest.mark.parametrize("begin, changes, more", PLUGINS, ids=lambda x: x[:40] if isinstance(x, str) else "")
def test_plugins(idle, out_dir, begin, changes, more):
    plugin = build_plugin(out_dir, *changes)
    expect(begin, *attach(idle, "-o", out_dir / "s", *more, profiler=plugin))


EVENTS = """
static int create(const medic_host *host, void **self, medic_reason *why)
{
    const medic_events_service *events = host->service(host, MEDIC_SERVICE_EVENTS);
    medic_event_provider one[9] = {{.name = %s, .keywords = 1, .level = 4}};
    return events ? events->start(host, one, %d, why) : MEDIC_E_UNSUPPORTED;
}
static __attribute__((unused)) int create_before(const medic_host *host, void **self, medic_reason *why)
"""


# --- clients other than medic -----------------------------------------------------------------------------------------

CLIENT_DATA = [
    ('client data has a line without key=value: "<>"', "nonsense"),
    ('client data has an unknown key "<>"', "colour=blue"),
    ('<>= must be an absolute path, not "<>"', "plugin=here.so"),
    ('<>= is <> or no, not "<>"', "children=perhaps"),
    ("<>= is longer than 63 bytes", "duration=" + "1" * 70),
    ("<>= is longer than <> bytes", "plugin=/" + "a" * 5000),
    ("client data has <> bytes, more than <>", "param.x=" + "a" * 40000),
    ("cannot open the plugin <>", "plugin=/no/such/plugin.so"),
    ("the plugin <> has the GUID <>, but <> was asked for", f"plugin={FIXTURES / 'fixture_slow.so'}"),
    ('<> has no parameter "<>"', f"plugin={GOOD}\nparam.colour=blue"),
    ("the value of <> is longer than <> bytes", f"plugin={GOOD}\nparam.weight=" + "1" * 5000),
]


@pytest.mark.parametrize("begin, data", CLIENT_DATA, ids=lambda x: x[:30])
def test_client_data(idle, begin, data):
    seen = set(session.default_folders(idle.pid, idle.tmp))
    harness.run_attacher(idle.pid, "f1c70000-0000-4000-8000-000000000001", data=data, env={"TMPDIR": idle.tmp})
    new = harness.wait_until(lambda: set(session.default_folders(idle.pid, idle.tmp)) - seen, 5, "a session folder")
    status = session.wait_for_state(new.pop(), session.FAILED)
    assert says(status.text, begin), status


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
