"""Sentences of docs/errors.md that only a fault of the system provokes: out of memory, files, threads or time, a disk that
cannot be read, a kernel or a runtime that is too old. faults.py makes the faults; each is the only one in its run, and
whatever it is, medic says a sentence of the page and the program lives."""

import concurrent.futures
import contextlib
import errno
import fcntl
import itertools
import json
import os
import re
import shutil
import signal
import subprocess

import pytest

import faults
import harness
import session
import visit
from sentences import assert_said, entry, expect, says

GOOD = harness.BUILD / "tests" / "abi" / "plugins" / "fixture_good.so"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other users, private mounts")
AS_NOBODY = ["setpriv", f"--reuid={visit.NOBODY}", f"--regid={visit.NOBODY}", "--clear-groups"]
FAST = ("speed", 1000)


@pytest.fixture(scope="module")
def sick():
    with harness.temp_dir(prefix="mt-") as tmp:
        with harness.Patient("induced", env={"TMPDIR": tmp}) as p:
            p.tmp = tmp
            yield p
            p.assert_works()


@pytest.fixture(scope="module")
def made(sick):
    """A session folder that a test may not change."""
    with harness.temp_dir(prefix="mt-") as folder:
        yield visit.attach(sick, folder / "s", duration="300ms").folder


# --- one call that fails ----------------------------------------------------------------------------------------------

def attach(target, out, profiler=visit.PROFILER, duration="50ms"):
    return ["attach", getattr(target, "pid", target), "-P", profiler, "-d", duration, "-o", out]


def each_in_turn(suffering, begin, run, rule, *always):
    """Lets the first, the second, the third ... such call fail, until the sentence is said. The Done."""
    function, error, how = rule
    for skip in range(how.get("skip", 0), 60):
        suffering.set((function, error, {"count": 1, **how, "skip": skip}), *always)
        done = run(skip)
        assert done.code >= 0, f"{rule} number {skip} kills medic: {done}"
        if says(done.err + done.out, begin):
            return done
        assert suffering.struck, f"only {skip} such calls, and none makes medic say {begin!r}: {done}"
    raise AssertionError(f"60 calls, and none makes medic say {begin!r}")


ATTACH = [
    ("its temporary folder cannot be opened", "syscall", errno.EMFILE, {"match": "=437="}),
    ("the temporary folder cannot be opened", "fcntl", errno.EMFILE, {"match": f"={fcntl.F_DUPFD_CLOEXEC}="}),
    ("no socket could be made", "socket", errno.EMFILE, {}),
    ("the listener's credentials cannot be read", "getsockopt", errno.EINVAL, {}),
    ("uid <> listens on its socket", "peer", errno.EINVAL, {}),
    ("it closed the connection before the request", "send", errno.EPIPE, {}),
    ("the socket <> cannot be opened", "openat", errno.EIO, {"match": "dotnet-diagnostic"}),
    ("the folder of its socket may not be searched", "openat", errno.EACCES, {"match": "dotnet-diagnostic"}),
    ("connecting to <> failed", "connect", errno.EIO, {}),
    ("process <> cannot be looked at", "openat", errno.EACCES, {"match": "{pid}"}),
    ("process <> has just ended", "openat", errno.ESRCH, {"match": "stat"}),
    ("cannot <> <>: it lies in a user namespace", "mkdirat", errno.EOVERFLOW, {}),
    ("cannot <> <>: <>", "mkdirat", errno.EIO, {}),
    ("the copy of <> in the target's <> does not read back", "fsync", errno.EIO, {"match": ".tmp"}),
    ("<> cannot be read: <>", "pread", errno.EIO, {"match": "fixture_good"}),
    ("the file became shorter while it was read", "pread", 0, {"match": "fixture_good"}),
    ("cannot read the capture in <>", "read", errno.EIO, {"match": "capture.mdc"}),
]


@pytest.mark.parametrize("begin, function, error, how", ATTACH, ids=lambda x: str(x)[:40])
def test_attach(sick, out_dir, begin, function, error, how):
    suffering = faults.Faults(out_dir)
    if "match" in how:
        how = {"match": how["match"].format(pid=sick.pid)}
    tmp = shutil.copytree(harness.PLUGINS, out_dir / "plugins")  # of this test's own: staged anew
    if function == "fsync":
        with open(tmp / "runtime_pauses.so", "ab") as file:
            file.write(b"another")
    profiler = GOOD if function == "pread" else tmp / "runtime_pauses.so"
    done = each_in_turn(suffering, begin,
                        lambda n: harness.run_medic(attach(sick, out_dir / f"s{n}", profiler), env=suffering.env),
                        (function, error, how), ("copy_file_range", errno.EXDEV))
    assert_said(done, begin)


REPORT = [
    ("cannot make the report", "pipe2", errno.EMFILE, {}),
    ("cannot start a process for the report", "fork", errno.EAGAIN, {}),
    ("cannot open the folder of <>", "open", errno.EMFILE, {"forked": 1}),
    ("cannot read the capture: <>", "pread", errno.EIO, {"match": "capture.mdc"}),
]


@pytest.mark.parametrize("begin, function, error, how", REPORT, ids=lambda x: str(x)[:40])
def test_report(made, out_dir, begin, function, error, how):
    """A report that was made before is shown all the same."""
    suffering = faults.Faults(out_dir)
    copy = shutil.copytree(made, out_dir / "s")
    (copy / "report.json").unlink()

    def report(_):
        (copy / "report.json").unlink(missing_ok=True)
        return harness.run_medic(["report", copy], env=suffering.env)

    assert_said(each_in_turn(suffering, begin, report, (function, error, how)), begin)


OTHERS = [
    ("/proc cannot be read", ["attach", "-n", "nobody-is-called-so", "-P", "runtime_pauses"], "fdopendir", errno.ENOMEM, {"match": "/proc"}),
    ("cannot start <>: <>", ["launch", "-P", "runtime_pauses", "-o", "{out}/s", "--", "true"], "pipe2", errno.EMFILE, {}),
    ("cannot open <>: <>: set TMPDIR", ["launch", "-P", "runtime_pauses", "--", "true"], "open", errno.EMFILE,
     {"match": "/tmp", "count": 2}),
    ("Linux <> is older than what", ["doctor"], "uname", 0, {}),
]


@pytest.mark.parametrize("begin, command, function, error, how", OTHERS, ids=lambda x: str(x)[:40])
def test_others(out_dir, begin, command, function, error, how):
    suffering = faults.Faults(out_dir)
    env = {**suffering.env, "XDG_STATE_HOME": out_dir, "TMPDIR": None}
    done = each_in_turn(suffering, begin,
                        lambda _: harness.run_medic([word.format(out=out_dir) for word in command], env=env),
                        (function, error, how))
    assert_said(done, begin)


# --- out of memory ----------------------------------------------------------------------------------------------------

AT_ONCE = 4


def starve(out_dir, command, begins, module="bin/medic", state=lambda folder: None):
    """Lets the first allocation of each chain of callers fail in turn, while `command(folder)` runs; all sentences are said,
    and none of it kills medic. Some run at once, each in a folder of its own that `state` fills."""
    numbers, missing = itertools.count(), set(begins)

    def work(folder):
        folder.mkdir()
        suffering = faults.Faults(folder)
        state(folder)
        for skip in numbers:
            suffering.set(("site", errno.ENOMEM, {"module": module, "skip": skip, "count": 1}))
            shutil.rmtree(folder / "s", ignore_errors=True)
            done = harness.run_medic(command(folder), env={**suffering.env, "XDG_STATE_HOME": folder}, timeout=60)
            assert done.code >= 0, f"without allocation {skip} {done.args} dies: {done}"
            missing.difference_update([begin for begin in set(missing) if says(done.err + done.out, begin)])
            if not suffering.struck:
                return skip

    out_dir.mkdir()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        skips = list(pool.map(work, [out_dir / f"{n}" for n in range(AT_ONCE)]))
    assert min(skips) > 3, skips
    assert not missing, f"never said in {min(skips)} runs: {missing}"


def test_memory_for_processes(sick, out_dir):
    starve(out_dir / "a", lambda _: ["stop", sick.pid], [
        "out of memory while reading process <>", "out of memory while building a request",
        "out of memory while reading a reply", "out of memory while reading the reply to <>"])
    starve(out_dir / "b", lambda _: ["ps"], ["out of memory while listing processes", "out of memory while asking processes"])
    starve(out_dir / "c", lambda _: ["attach", "-n", "nobody-is-called-so", "-P", visit.PROFILER], ["out of memory while reading <>"])


def test_memory_for_an_attach(out_dir):
    """Each of the programs is attached to by one medic at a time."""
    with contextlib.ExitStack() as all:
        programs = [all.enter_context(harness.Patient("idle")) for _ in range(AT_ONCE)]
        starve(out_dir / "a", lambda folder: attach(programs[int(folder.name)], folder / "s", duration="1ms"), ["out of memory"])
        for one in programs:
            one.assert_alive()


def test_memory_for_lists(made, out_dir):
    def store(folder):
        shutil.copytree(made, folder / "medic" / "sessions" / json.loads((made / "session.json").read_text())["id"])

    starve(out_dir / "a", lambda _: ["profilers"], ["out of memory while listing the profilers", "out of memory"])
    starve(out_dir / "b", lambda _: ["sessions"], ["out of memory while listing the sessions", "out of memory"], state=store)


@pytest.fixture(scope="module")
def stacks(sick):
    """Sessions with stacks: {profiler: folder}. Not to be changed."""
    with harness.temp_dir(prefix="mt-") as folder:
        yield {name: visit.attach(sick, folder / name, profiler=name, duration="500ms").folder
               for name in ("cpu_hotpaths", "merged_stacks")}


def copied(session_folder):
    return {"state": lambda folder: shutil.copytree(session_folder, folder / "made"),
            "command": lambda folder: ["report", folder / "made"]}


def test_memory_for_a_report(made, out_dir):
    starve(out_dir / "a", begins=[
        "out of memory while reading the report", "out of memory while rendering the report",
        "the document needs more memory than there is", "out of memory while reading the capture",
        "out of memory while making the report", "out of memory while writing the report",
        "the JSON needs more memory than it may have"], **copied(made))
    starve(out_dir / "b", begins=["no memory for <> pauses", "no memory for <> events"], module="/proc/self/fd", **copied(made))


def test_memory_for_a_report_of_strings(patient, out_dir):
    made = visit.Visit(out_dir / "made", harness.run_medic(
        ["attach", patient("strings").pid, "-P", "dup_strings", "-o", out_dir / "made"], check=visit.OK))
    starve(out_dir / "a", begins=["no memory for the strings of <> objects", "no memory for the report of dup_strings"],
           module="/proc/self/fd", **copied(made.folder))


def test_memory_for_a_comparison(made, patient, out_dir):
    other = visit.attach(patient("induced"), out_dir / "other", duration="300ms")
    starve(out_dir / "a", begins=["out of memory while comparing the reports"],
           command=lambda _: ["diff", made / "report.json", other.folder / "report.json"])


def test_memory_for_a_report_with_stacks(stacks, out_dir):
    starve(out_dir / "a", begins=[
        "out of memory while naming the frames of the capture", "the stacks differ too much for the memory there is",
        "out of memory while reading symbols.json"], **copied(stacks["cpu_hotpaths"]))
    starve(out_dir / "b", begins=["no memory for <> samples", "no memory for more than <> samples"], module="/proc/self/fd",
           **copied(stacks["cpu_hotpaths"]))
    starve(out_dir / "c", begins=["no memory for <> threads", "no memory for more than <> threads"], module="/proc/self/fd",
           **copied(stacks["merged_stacks"]))


def test_memory_for_a_report_of_locks(sick, out_dir):
    made = visit.attach(sick, out_dir / "made", profiler="contention", duration="300ms")
    starve(out_dir / "a", begins=["no memory for <> waits", "no memory for more than <> waits"], module="/proc/self/fd",
           **copied(made.folder))


def test_memory_for_a_photograph(out_dir):
    """Each time without the report that was made before: jansson does not always survive the want of memory."""
    with harness.Patient("heap", args=["graphs"]) as program:
        folder = visit.attach(program, out_dir / "s", profiler="gc_survivors").folder
        assert program.quit() == 0
    state, command = copied(folder).values()

    def anew(made):
        (made / "made" / "report.json").unlink(missing_ok=True)
        return command(made)

    starve(out_dir / "a", anew, [
        "out of memory while reading photograph <> of the heap",
        "out of memory while finding what keeps what alive in the heap"], state=state)
    starve(out_dir / "b", lambda made: [*anew(made), "-f", "heapsnapshot"], ["out of memory while writing the report"],
           state=state)
    starve(out_dir / "c", anew, ["no memory for <> objects"], module="/proc/self/fd", state=state)


SYMBOLS = [
    ("symbols.json cannot be used: symbols.json contradicts itself", "{}"),
    ("symbols.json cannot be used: not valid JSON", "{"),
    ("symbols.json cannot be used: symbols.json has schema 99 and this medic reads", '{"schema": 99}'),
    ("cannot read symbols.json: ", None),
]


@pytest.mark.parametrize("text, content", SYMBOLS, ids=lambda x: str(x)[:40])
def test_symbols_that_cannot_be_used(stacks, out_dir, text, content):
    """The report is made without."""
    copy = shutil.copytree(stacks["merged_stacks"], out_dir / "s")
    (copy / "symbols.json").unlink()
    if content is None:
        (copy / "symbols.json").mkdir()
    else:
        (copy / "symbols.json").write_text(content)
    done = harness.run_medic(["report", copy], check=0)
    assert text in done.err and done.err.count("\n") == 1 and "merged_stacks" in done.out, done


MAKING = [
    ("cannot start a process that reads symbols", "fork", errno.EAGAIN, {}),
    ("the symbols could not be read", "write", errno.ENOSPC, {"match": "memfd:symbols"}),
    ("cannot write symbols.json", "pread", errno.EIO, {"match": "memfd:symbols"}),
    ("out of memory while writing symbols.json", "fstat", errno.ENOMEM, {"match": "memfd:symbols"}),
]


@pytest.mark.parametrize("begin, function, error, how", MAKING, ids=lambda x: str(x)[:40])
def test_symbols_that_cannot_be_made(sick, out_dir, begin, function, error, how):
    suffering = faults.Faults(out_dir)
    done = each_in_turn(suffering, begin, lambda n: harness.run_medic(
        attach(sick, out_dir / f"s{n}", "merged_stacks"), env=suffering.env), (function, error, how))
    assert done.code == visit.OK and "merged_stacks" in done.out, done


def test_a_text_that_there_is_no_memory_for_is_not_called_damaged(made, out_dir):
    copy = shutil.copytree(made, out_dir / "made")
    suffering = faults.Faults(out_dir)
    for skip in range(0, 100, 7):
        suffering.set(("alloc", errno.ENOMEM, {"module": "bin/medic", "skip": 20 + skip, "count": 1}))
        done = harness.run_medic(["report", copy], env=suffering.env)
        assert "not valid JSON" not in done.err, done


# --- time -------------------------------------------------------------------------------------------------------------
# medic's clock runs faster, so that its patience ends while something hangs for a moment only.

@contextlib.contextmanager
def recording(patient, out_dir):
    """A session in a program that suffers: (medic, the program, its faults, those of medic)."""
    (out_dir / "tmp").mkdir(mode=0o1777)
    (out_dir / "medics").mkdir()
    theirs, ours = faults.Faults(out_dir), faults.Faults(out_dir / "medics")
    p = patient("induced", env={"TMPDIR": out_dir / "tmp", **theirs.env})
    env = {**ours.env, "XDG_STATE_HOME": out_dir}
    with visit.start_attach(p, out_dir / "s", duration="60s", env=env) as medic:
        visit.wait_running(out_dir / "tmp")
        yield medic, p, theirs, ours
        p.assert_works()


def test_no_news(patient, out_dir):
    with recording(patient, out_dir) as (medic, p, theirs, ours):
        theirs.set(("pwrite", -4000, {"module": "libmedic"}))
        ours.set(FAST)
        done = medic.wait()
        theirs.set()
    assert_said(done, "no news from process <>")


def test_session_that_does_not_end(patient, out_dir):
    """It tells that it runs, and does not see that it shall stop."""
    with recording(patient, out_dir) as (medic, p, theirs, ours):
        theirs.set(("pread", errno.EIO, {"module": "libmedic"}))
        ours.set(("speed", 20))
        medic.signal()
        done = medic.wait()
        theirs.set()
    assert_said(done, "the session in process <> does not end")


def test_detach_that_takes_long(patient, out_dir):
    with recording(patient, out_dir) as (medic, p, theirs, ours):
        work, = visit.work_folders(out_dir / "tmp")
        theirs.set(("pwrite", -1000, {"module": "libmedic", "match": "/status"}))
        medic.signal()
        session.wait_for_state(work, session.CAPTURED, session.DETACHING)
        ours.set(FAST)
        done = medic.wait()
        theirs.set()
    assert says(done.err, "process <> has not let go of Medic"), done


@contextlib.contextmanager
def stored(patient, out_dir):
    """A session of the store: (medic, the program, environment of an impatient medic)."""
    (out_dir / "tmp").mkdir(mode=0o1777)
    p = patient("induced", env={"TMPDIR": out_dir / "tmp"})
    suffering = faults.Faults(out_dir, FAST)
    env = {**suffering.env, "XDG_STATE_HOME": out_dir}
    with harness.start_medic(attach(p, out_dir / "s", duration="60s")[:-2], env={"XDG_STATE_HOME": out_dir}) as medic:
        visit.wait_running(out_dir / "tmp")
        yield medic, p, env, suffering
        if medic.process.poll() is None:
            medic.signal()
            medic.wait()


def test_stop_of_a_stopped_program(patient, out_dir):
    with stored(patient, out_dir) as (medic, p, env, _):
        p.signal(signal.SIGSTOP)
        done = harness.run_medic(["stop", "all"], env=env)
        p.signal(signal.SIGCONT)
    assert_said(done, "session <> has not ended after")


def test_stop_of_a_session_whose_medic_stands_still(patient, out_dir):
    with stored(patient, out_dir) as (medic, p, env, _):
        medic.signal(signal.SIGSTOP)
        done = harness.run_medic(["stop", "all"], env=env)
        medic.signal(signal.SIGCONT)
    assert_said(done, "session <> has been asked to stop and has not ended")


def test_stop_that_cannot_be_written(patient, out_dir):
    with stored(patient, out_dir) as (medic, p, env, suffering):
        suffering.set(("pwrite", errno.EIO, {"match": "/request"}))
        expect("cannot ask the session to stop", "stop", "all", env=env)


def test_stop_in_the_target_that_cannot_be_written(patient, out_dir):
    (out_dir / "faults").mkdir()
    suffering = faults.Faults(out_dir / "faults", ("pwrite", errno.EIO, {"match": "/request"}))
    with recording(patient, out_dir) as (medic, p, _, _):
        expect("cannot ask session <> to stop", "stop", p.pid, env={**suffering.env, "XDG_STATE_HOME": out_dir})
        medic.signal()
        medic.wait()


@pytest.fixture
def hanging(out_dir):
    """A profiler whose report half hangs."""
    source = (harness.REPO / "tests" / "abi" / "fixture.c").read_text()
    at = "    while (capture->next(host, &record))\n"
    assert at in source
    (out_dir / "plugin.c").write_text("#include <unistd.h>\n" + source.replace(at, "    sleep(20);\n" + at))
    out = out_dir / "plugin.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-std=gnu11", "-fvisibility=hidden", "-fno-stack-protector",
                    f"-I{harness.REPO / 'sdk' / 'include'}", "-Wl,-z,now", "-o", out, out_dir / "plugin.c"], check=True)
    return out


def test_report_half_that_hangs(sick, hanging, out_dir):
    visit.attach(sick, out_dir / "s", profiler=GOOD)
    (out_dir / "plugins").mkdir()
    hanging.rename(out_dir / "plugins" / "plugin.so")
    suffering = faults.Faults(out_dir, ("speed", 40))
    done = harness.run_medic(["report", out_dir / "s"], env={**suffering.env, "MEDIC_PLUGINS": out_dir / "plugins"})
    assert says(done.err, "the report half of <> did not finish"), done


# --- a runtime that is wrong ------------------------------------------------------------------------------------------
# fake_runtime.c loads libmedic.so as .NET does.

GUID = "f1c70000-0000-4000-8000-000000000001"


HOTPATHS, MERGED = "7c1a5e0c-3f0b-4b8a-9b51-2f6d1c0e7a02", "a4d5c1b2-6e0f-4c37-8f1d-93b7e25a60c4"
STRINGS = "5e8b0f4d-27c1-4a93-9d60-1b7fa8c3e215"
CONTENTION, ALLOCATIONS = "7c1a5e0c-3f0b-4b8a-9b51-2f6d1c0e7a08", "7c1a5e0c-3f0b-4b8a-9b51-2f6d1c0e7a07"
EXCEPTIONS = "5e0d7c91-94b2-4f6a-9a3e-6b1f20c8d7e2"
SURVIVORS = "5b0e7c94-1d3a-4f86-a2c7-e46f90b8d315"


def core(out_dir, data, *rules, major=8, how="well", guid=GUID, library=harness.LIBMEDIC, cwd=None):
    """What the core of a session in the fake runtime says: in its status, its capture, its log."""
    tmp = out_dir / "core"
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir()
    suffering = faults.Faults(out_dir, *rules)
    done = harness.Command([faults.fake_runtime(), library, guid, data, major, how],
                           env={**suffering.env, "TMPDIR": tmp}, cwd=cwd).wait()
    assert done.code == 0, done
    return suffering, b"".join(f.read_bytes() for f in sorted(tmp.rglob("*")) if f.is_file()).decode("utf-8", "replace")


PROFILERS = ("allocations", "contention", "exceptions", "runtime_pauses", "cpu_hotpaths", "dup_strings", "gc_survivors", "merged_stacks")


def plugin(profiler):
    return f"plugin={harness.PLUGINS / profiler}.so\n"


PAUSES = f"plugin={harness.PLUGINS / 'runtime_pauses.so'}\nduration=100ms\n"
CORE = [
    ("this runtime is older than .NET 5", {"major": 4}),
    ("this is .NET <>.<>; Medic supports", {"major": 7}),
    ("the runtime refuses the event mask", {"how": "mask"}),
    ("the runtime refuses to detach", {"how": "detach"}),
]


@pytest.mark.parametrize("begin, how", CORE, ids=lambda x: str(x)[:40])
def test_runtimes(out_dir, begin, how):
    text = core(out_dir, f"plugin={GOOD}\nduration=100ms", **how)[1]
    assert says(text, begin), text


@pytest.mark.parametrize("skip, begin", [(0, "cannot start a thread in the target"), (1, "cannot start a thread for the event"),
                                         (2, "cannot start a thread to stop the event")])
def test_threads_of_the_core(out_dir, skip, begin):
    text = core(out_dir, PAUSES, ("pthread_create", errno.EAGAIN, {"module": "libmedic", "skip": skip}),
                guid=visit.GUID)[1]
    assert says(text, begin), text


def test_event_session_that_does_not_stop(out_dir):
    text = core(out_dir, PAUSES, how="stop", guid=visit.GUID)[1]
    assert says(text, "the runtime has not finished stopping the event session"), text


CORE_CALLS = [
    ("cannot create <> in the session folder", "openat", errno.EMFILE, "capture.mdc"),
    ("cannot write the status in", "pwrite", errno.ENOSPC, "/status"),
]


@pytest.mark.parametrize("begin, function, error, match", CORE_CALLS, ids=lambda x: str(x)[:40])
def test_files_of_the_core(out_dir, begin, function, error, match):
    text = core(out_dir, f"plugin={GOOD}", (function, error, {"module": "libmedic", "match": match, "count": 1}))[1]
    assert says(text, begin), text


CORE_MEMORY = [
    ("runtime_pauses", visit.GUID, "", {
        "out of memory in the target", "out of memory for <> bytes of client data", "out of memory for <> parameters",
        "out of memory for the capture's buffer", "no memory for the state of runtime_pauses"}),
    ("cpu_hotpaths", HOTPATHS, "param.engine=timers\n", {
        "no memory for the state of cpu_hotpaths", "out of memory for the table of threads",
        "out of memory for the table of stacks"}),
    ("dup_strings", STRINGS, "", {"no memory for the state of dup_strings"}),
    ("contention", CONTENTION, "", {"no memory for the state of contention"}),
    ("allocations", ALLOCATIONS, "", {"no memory for the state of allocations"}),
    ("exceptions", EXCEPTIONS, "", {"no memory for the state of exceptions"}),
    ("gc_survivors", SURVIVORS, "", {"no memory for the state of gc_survivors"}),
    ("merged_stacks", MERGED, "", {"no memory for the state of merged_stacks", "out of memory for the stacks of <> threads"}),
]


@pytest.mark.parametrize("profiler, guid, data, missing", CORE_MEMORY, ids=lambda x: x if x in PROFILERS else "")
def test_memory_of_the_core(out_dir, profiler, guid, data, missing):
    missing = set(missing)
    for module, skip in [(profiler, 0), (profiler, 1), *(("libmedic", n) for n in range(80))]:
        suffering, text = core(out_dir, plugin(profiler) + data + "duration=1ms", ("alloc", errno.ENOMEM, {
            "module": module, "skip": skip, "count": 1}), guid=guid)
        missing -= {begin for begin in missing if says(text, begin)}
        if not missing:
            return
    raise AssertionError(f"never said: {missing}")


SAMPLING = [
    ("cannot read /proc/self/maps in the target", "merged_stacks", "well", ("open", errno.EACCES, {"match": "/proc/self/maps"})),
    ("the runtime refuses to suspend its threads", "merged_stacks", "suspend", None),
    ("the snapshot of <> threads could not be written", "merged_stacks", "many",
     ("write", errno.ENOSPC, {"match": "capture.mdc"})),
]


@pytest.mark.parametrize("begin, profiler, how, rule", SAMPLING, ids=lambda x: str(x)[:40])
def test_samples_that_cannot_be_had(out_dir, begin, profiler, how, rule):
    text = core(out_dir, plugin(profiler) + "duration=100ms", *([rule] if rule else []), how=how, guid=MERGED)[1]
    assert says(text, begin), text


PHOTOGRAPHS = [
    ("the runtime does not list its threads", "copy", "well"),
    ("the runtime does not collect in the copy of the process", "copy", "many"),
    ("the runtime does not list its objects in the copy", "enumerate", "many"),
]


@pytest.mark.parametrize("begin, route, how", PHOTOGRAPHS, ids=lambda x: str(x)[:40])
def test_photographs_that_the_runtime_refuses(out_dir, begin, route, how):
    text = core(out_dir, f"{plugin('gc_survivors')}param.route={route}", how=how, guid=SURVIVORS, major=9)[1]
    assert says(text, begin), text


def test_exceptions_that_cannot_be_read(out_dir):
    text = core(out_dir, f"{plugin('exceptions')}param.mode=full\nduration=100ms", guid=EXCEPTIONS)[1]
    assert says(text, "the runtime does not tell the layout of System.Exception"), text


NOT_COUNTED = ("nothing", 0)  # strikes are counted of the first rule, in memory that a copy must not write to


def test_a_disk_that_fills_behind_the_graph_costs_no_photograph(patient, out_dir):
    """What is missing is told, and why."""
    suffering = faults.Faults(out_dir)
    p = patient("strings", env={"TMPDIR": out_dir, **suffering.env})
    told = set()
    for skip in range(20):
        suffering.set(NOT_COUNTED, ("write", errno.ENOSPC, {"match": "capture.mdc", "forked": 1, "skip": skip}))
        made = out_dir / f"s{skip}"
        done = harness.run_medic(["attach", p.pid, "-P", "dup_strings", "--set", "redact=off", "-o", made])
        if done.code == visit.SESSION:
            assert says(done.err, "cannot write the photograph of the heap: <>"), done
            continue
        assert done.code == visit.OK, done
        missing = re.search(r"\. ([a-z ,]+) are missing: (.*)", " ".join(done.out.split()))
        if not missing:
            break
        assert says(missing[2], "cannot write the photograph of the heap: <>"), done
        told.add(missing[1])
    assert {"roots", "values of strings and roots"} <= told, told
    p.assert_alive()


def test_a_snapshot_waits_for_a_collection(out_dir):
    """The runtime refuses to suspend its threads while it has suspended them itself."""
    (out_dir / "w").mkdir(mode=0o700)
    core(out_dir, f"session={out_dir / 'w'}\n{plugin('merged_stacks')}duration=100ms", how="collecting", guid=MERGED)
    status = session.status(out_dir / "w")
    assert status.state == session.ENDED and not status.text, status


def test_a_suspension_that_takes_long(out_dir):
    """The session ends when it is over."""
    (out_dir / "w").mkdir(mode=0o700)
    core(out_dir, f"session={out_dir / 'w'}\n{plugin('cpu_hotpaths')}duration=100ms\nparam.engine=suspension\n"
         "param.interval=1ms", how="hang", guid=HOTPATHS)
    status = session.status(out_dir / "w")
    assert status.state == session.ENDED and status.now_ns - status.started_ns > 2e9, status


def test_a_signal_handler_that_does_not_return(patient, out_dir):
    """Medic stays until it has, and then leaves; the program does not notice."""
    suffering = faults.Faults(out_dir, ("syscall", -6000, {"match": "=158=", "count": 1}))  # arch_prctl
    p = patient("cpu", env={"TMPDIR": out_dir, **suffering.env}, args=[1])
    with visit.start_attach(p, out_dir / "s", profiler="cpu_hotpaths", duration="500ms") as medic:
        status = session.wait_for_state(visit.wait_running(out_dir)[0], session.INERT)
        assert says(status.text, "a signal handler of the sampler has not returned"), status
        done = medic.wait(60)
    assert done.code == visit.OK and "cpu_hotpaths" in done.out, done
    visit.wait_attachable(p, out_dir, 20)
    p.assert_works()


def test_core_by_a_relative_path(out_dir):
    shutil.copy(harness.LIBMEDIC, out_dir)
    text = core(out_dir, "duration=100ms", library="./libmedic.so", cwd=out_dir)[1]
    assert says(text, "cannot tell where libmedic.so was loaded from"), text


def test_lease_that_is_not_there(out_dir):
    (out_dir / "w").mkdir(mode=0o700)
    core(out_dir, f"session={out_dir / 'w'}\nplugin={GOOD}\nlease=3s")
    assert says(session.status(out_dir / "w").text, "cannot open the lease in")


# --- folders, users and files in a state that nobody expects ----------------------------------------------------------

def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_work_folder_that_has_gone_or_changed(made, out_dir):
    copy = shutil.copytree(made, out_dir / "made")
    (copy / "capture.mdc").unlink()
    for mode, begin in ((0o755, "<> is not the folder that the session made"), (None, "the session's folder <> is gone")):
        work = out_dir / "work"
        shutil.rmtree(work, ignore_errors=True)
        if mode:
            work.mkdir()
            work.chmod(mode)
        edit(copy / "session.json", state="running", work={"path": str(work)})
        done = harness.run_medic(["report", copy])
        assert says(done.err, begin) and done.code == visit.SESSION, done


def test_stop_of_a_session_that_has_not_begun(made, out_dir):
    copy = shutil.copytree(made, out_dir / "made")
    edit(copy / "session.json", state="running")
    folder = os.open(copy, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        expect("session <> has not begun in its target yet", "stop", copy)
    finally:
        os.close(folder)


@needs_root
def test_temporary_folder_that_cannot_be_listed(patient, out_dir):
    tmp = out_dir / "tmp"
    out_dir.chmod(0o755)
    tmp.mkdir()
    tmp.chmod(0o777)
    p = patient("idle", env={"TMPDIR": tmp, "HOME": None}, prefix=AS_NOBODY)
    (tmp / f"medic-{visit.NOBODY}").mkdir()
    tmp.chmod(0o311)
    expect("the target's temporary folder cannot be listed", "stop", p.pid, env={"XDG_STATE_HOME": out_dir})


@needs_root
def test_doctor_of_a_stopped_program_of_another_user(patient, out_dir):
    p = patient("idle")
    p.signal(signal.SIGSTOP)
    done = harness.Command([*AS_NOBODY, harness.MEDIC, "doctor", p.pid], env={"HOME": "/"}).wait()
    p.signal(signal.SIGCONT)
    assert says(done.out, "it runs as <> (uid <>)"), done


@needs_root
def test_program_that_is_closed_to_its_own_user(patient, out_dir):
    source, library, tmp = out_dir / "closed.c", out_dir / "closed.so", out_dir / "tmp"
    source.write_text("#include <sys/prctl.h>\n__attribute__((constructor)) static void f(void) { prctl(4, 0); }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    out_dir.chmod(0o755)
    tmp.mkdir()
    tmp.chmod(0o777)
    p = patient("idle", env={"TMPDIR": tmp, "HOME": None, "LD_PRELOAD": library}, prefix=AS_NOBODY)
    done = harness.Command([*AS_NOBODY, harness.MEDIC, "doctor", p.pid], env={"HOME": "/"}).wait()
    assert says(done.out, "it is closed even to its own user"), done


def test_program_that_waits_for_a_device(out_dir):
    """As one does that has just called vfork."""
    (out_dir / "w.c").write_text("#include <unistd.h>\nint main(void) { if (!vfork()) { sleep(2); _exit(0); } return 0; }\n")
    subprocess.run(["cc", "-o", out_dir / "w", out_dir / "w.c"], check=True)
    with subprocess.Popen([out_dir / "w"]) as p:
        harness.wait_until(lambda: f"{open(f'/proc/{p.pid}/stat').read().rpartition(')')[2][1]}" == "D", 5, "state D")
        done = harness.run_medic(["doctor", p.pid])
    assert says(done.out, "it waits for a device"), done


def test_place_of_a_child_that_cannot_be_made(out_dir):
    suffering = faults.Faults(out_dir, ("mkdir", errno.ENOSPC, {"module": "bin/medic", "match": "/all/"}))
    patient = harness.TARGETS / "net10.0" / "Patient"
    done = harness.run_medic(["launch", "-P", visit.PROFILER, "--children", "-o", out_dir / "all", "--", patient, "idle"],
                             env={**suffering.env, "TMPDIR": out_dir})
    assert says(done.err, "a process of the program is not profiled"), done


def test_launch_with_a_very_long_temporary_folder(out_dir):
    deep = out_dir
    while len(str(deep)) < 3880:
        deep /= "d" * 200
    deep /= "d" * (4088 - len(str(deep)) - 1)
    os.makedirs(deep)
    expect("the path of the target's temporary folder is too long", "launch", "-P", visit.PROFILER, "-o", out_dir / "s",
           "--", "true", env={"TMPDIR": deep})


@needs_root
def test_many_programs_of_one_name(patient, out_dir):
    name = "Tenfold"
    prefix = visit.named_program(out_dir, name)
    for _ in range(10):
        patient("idle", prefix=prefix)
    expect("<> and <> more", *attach(name, out_dir / "s"))


DECOY = """
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
__attribute__((constructor)) static void listen_there(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(at.sun_path, getenv("DECOY"));
    bind(fd, (struct sockaddr *)&at, sizeof at);
    listen(fd, 1);
}
"""


def test_socket_of_a_program_that_is_not_its_own(patient, out_dir):
    (out_dir / "decoy.c").write_text(DECOY)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", out_dir / "decoy.so", out_dir / "decoy.c"], check=True)
    decoy = out_dir / "dotnet-diagnostic-4242-4242-socket"
    patient("idle", env={"LD_PRELOAD": out_dir / "decoy.so", "DECOY": decoy})
    expect("process <> listens on <>, which is not its own socket", *attach(decoy, out_dir / "s"))


@needs_root
def test_socket_of_a_stopped_program_in_another_container(patient, out_dir):
    p = patient("idle", env={"TMPDIR": out_dir})
    name = next(out_dir.glob("dotnet-diagnostic-*"))
    p.signal(signal.SIGSTOP)
    done = harness.Command(["unshare", "-p", "-f", "--mount-proc", harness.MEDIC, *attach(name, out_dir / "s")]).wait()
    p.signal(signal.SIGCONT)
    assert_said(done, "cannot attach through <>/<>")
