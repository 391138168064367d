"""Whatever dies, stops or hangs during a session: the other side goes on, and says what happened."""

import os
import signal
import socket
import subprocess
import threading
import time

import pytest

import harness
import session
import visit
from visit import INTERRUPTED, OK, REFUSED, SESSION


@pytest.fixture
def tmp(out_dir):
    """The temporary folder of the patient alone."""
    path = out_dir / "tmp"
    path.mkdir()
    return path


@pytest.fixture
def sick(patient, tmp):
    """A patient that always has something to record."""
    return patient("induced", env={"TMPDIR": tmp})


def wait_records(tmp, at_least=2):
    """Until that many records are in the capture of the one session."""
    visit.wait_running(tmp)

    def enough():
        status = session.status(visit.work_folders(tmp)[0])
        return status and status.records >= at_least and status.bytes_written > 0
    harness.wait_until(enough, 15, "records")


def settle(tmp):
    """Until the core has left by itself."""
    def left():
        return all((session.status(f) or session.status(f)) and session.status(f).state in
                   (session.ENDED, session.FAILED) for f in visit.work_folders(tmp))
    harness.wait_until(left, 15, "the end of the session in the target")


# --- medic dies -------------------------------------------------------------------------------------------------------

def test_killed_medic_leaves_the_target_attachable(sick, out_dir, tmp):
    """Nobody holds the lease any more: the core ends by itself within seconds."""
    with visit.start_attach(sick, out_dir / "s", duration="60s") as medic:
        wait_records(tmp)
        medic.signal(signal.SIGKILL)
        medic.wait()
    visit.wait_attachable(sick, out_dir, timeout=10)
    sick.assert_works()


def test_session_of_a_killed_medic_is_read_and_marked_incomplete(sick, out_dir, tmp):
    with visit.start_attach(sick, out_dir / "s", duration="60s") as medic:
        wait_records(tmp)
        medic.signal(signal.SIGKILL)
        medic.wait()
    visit.wait_attachable(sick, out_dir, timeout=10)
    done = harness.run_medic(["report", out_dir / "s"], check=OK)
    assert "Orders.Cache.Trim" in done.out and "ncomplete" in done.out, done.out
    seen = visit.Visit(out_dir / "s", done)
    assert seen.report["session"]["complete"] is False, seen.report["session"]
    assert seen.about["state"] == "incomplete" and "killed" in seen.about["reason"], seen.about
    visit.assert_clean(tmp)
    again = harness.run_medic(["report", out_dir / "s"], check=OK)
    assert again.out == done.out, "the second reading tells another story"


def test_session_of_a_killed_medic_is_read_at_once(sick, out_dir, tmp):
    """Before the lease is over: `medic report` stops what still records."""
    with visit.start_attach(sick, out_dir / "s", duration="60s") as medic:
        wait_records(tmp)
        medic.signal(signal.SIGKILL)
        medic.wait()
    done = harness.run_medic(["report", out_dir / "s"], check=OK)
    assert "Orders.Cache.Trim" in done.out
    assert visit.Visit(out_dir / "s", done).about["state"] == "incomplete"
    visit.wait_attachable(sick, out_dir, timeout=10)
    visit.assert_clean(tmp)


def test_running_session_is_not_reported_by_another_medic(sick, out_dir, tmp):
    with visit.start_attach(sick, out_dir / "s", duration="60s") as medic:
        wait_records(tmp)
        visit.refuse(["report", out_dir / "s"], SESSION, "still running", "Ctrl-C")
        medic.signal(signal.SIGINT)
        assert medic.wait().code == OK


# --- the target dies --------------------------------------------------------------------------------------------------

def assert_reported_without_end(done, folder, pid):
    assert done.code == OK, (done.code, done.err)
    visit.assert_sentence(done.err, str(pid), "ended before the session did")
    assert "Orders.Cache.Trim" in done.out, done.out


def test_target_is_killed(sick, out_dir, tmp):
    with visit.start_attach(sick, out_dir / "s", duration="60s") as medic:
        wait_records(tmp)
        sick.kill()
        done = medic.wait(15)
    assert_reported_without_end(done, out_dir / "s", sick.pid)
    seen = visit.Visit(out_dir / "s", done)
    assert seen.about["state"] == "incomplete", seen.about
    assert seen.report["session"]["complete"] is False, seen.report["session"]
    visit.assert_clean(tmp)


def test_target_exits(sick, out_dir, tmp):
    with visit.start_attach(sick, out_dir / "s", duration="60s") as medic:
        wait_records(tmp)
        assert sick.quit() == 0, sick.stderr()
        done = medic.wait(15)
    assert done.code == OK and "Orders.Cache.Trim" in done.out, (done.code, done.out, done.err)
    seen = visit.Visit(out_dir / "s", done)
    told = (seen.report["session"], done.err)
    assert seen.report["session"]["end_reason"] == "target exit" or "ended before the session did" in done.err, told
    visit.assert_clean(tmp)


def test_target_crashes(patient, out_dir, tmp):
    p = patient("crash", env={"TMPDIR": tmp, "DOTNET_DbgEnableMiniDump": 0})
    with visit.start_attach(p, out_dir / "s", duration="60s") as medic:
        visit.wait_running(tmp)
        p.tell("abort")
        assert p.wait() == -signal.SIGABRT
        done = medic.wait(15)
    assert done.code in (OK, SESSION)
    visit.assert_sentence(done.err, str(p.pid), "ended")
    visit.assert_clean(tmp)


# --- the target hangs -------------------------------------------------------------------------------------------------

def test_stopped_target_is_refused_after_a_deadline(sick, out_dir, tmp):
    sick.signal(signal.SIGSTOP)
    try:
        visit.refuse(visit.attach_args(sick, out_dir / "s", "100ms"), REFUSED, str(sick.pid), "stopped", "CONT",
                     timeout=20)
    finally:
        sick.signal(signal.SIGCONT)
    assert not (out_dir / "s").exists()
    sick.assert_works()
    visit.wait_attachable(sick, out_dir)
    visit.assert_clean(tmp)


def test_target_is_stopped_during_the_session(sick, out_dir, tmp):
    with visit.start_attach(sick, out_dir / "s", duration="1s") as medic:
        wait_records(tmp, 1)
        sick.signal(signal.SIGSTOP)
        try:
            done = medic.wait(30)
        finally:
            sick.signal(signal.SIGCONT)
    assert not done.timed_out, "medic hangs on a stopped target"
    assert done.code == SESSION, (done.code, done.err)
    visit.assert_sentence(done.err, str(sick.pid), "stopped", "CONT")
    sick.assert_works()
    visit.wait_attachable(sick, out_dir)


def test_stalled_rival_on_the_diagnostics_socket(sick, out_dir, tmp):
    """The runtime's server is serial: a client that sent 6 bytes blocks all others. Medic gives up, the target is well,
    and the next attach succeeds when the rival has gone."""
    path, = harness.diagnostics_sockets(sick.pid, tmp)
    with socket.socket(socket.AF_UNIX) as rival:
        rival.connect(str(path))
        rival.send(b"DOTNET")
        time.sleep(0.2)  # let the server take it
        visit.refuse(visit.attach_args(sick, out_dir / "s", "100ms"), REFUSED, str(sick.pid), "another tool", timeout=30)
        assert not (out_dir / "s").exists()
        sick.assert_works()
    visit.wait_attachable(sick, out_dir)
    visit.assert_clean(tmp)


# --- the user stops it ------------------------------------------------------------------------------------------------

def test_ctrl_c_once_stops_and_reports(sick, out_dir, tmp):
    with visit.start_attach(sick, out_dir / "s", duration="60s", tty=True) as medic:
        wait_records(tmp)
        harness.wait_until(lambda: "s left" in medic.out_so_far(), 10, "the progress line")
        medic.type("\x03")
        done = medic.wait(15)
    assert done.code == OK, (done.code, done.out)
    assert "Orders.Cache.Trim" in done.out and str(out_dir / "s") in done.out, done.out
    seen = visit.Visit(out_dir / "s", done)
    assert seen.report["session"]["end_reason"] == "stop request" and seen.about["state"] == "complete", seen.about
    assert seen.report["session"]["duration_ns"] < 30e9
    visit.assert_clean(tmp)


@pytest.mark.parametrize("columns", [60, 80])
def test_live_line_has_the_cost_on_a_narrow_terminal_too(sick, out_dir, tmp, columns):
    with visit.start_attach(sick, out_dir / "s", duration="60s", tty=True, columns=columns) as medic:
        wait_records(tmp)
        harness.wait_until(lambda: " left, " in medic.out_so_far(), 10, "the live line")
        time.sleep(0.3)
        *lines, _ = [line for line in medic.out_so_far().split("\r\x1b[K") if line]  # the last may not be complete
    assert lines and all(len(line) < columns and line.endswith(" CPU") and " lost, " in line for line in lines), lines


def test_two_signals_of_one_wish_do_not_abort(sick, out_dir, tmp):
    """timeout(1) signals the command and then its process group."""
    with visit.start_attach(sick, out_dir / "s", duration="0") as medic:
        wait_records(tmp)
        medic.signal(signal.SIGTERM)
        time.sleep(0.03)
        medic.signal(signal.SIGTERM)
        done = medic.wait(15)
    assert done.code == OK and "Orders.Cache.Trim" in done.out, (done.code, done.err)
    visit.assert_clean(tmp)


def test_report_that_is_interrupted_is_told_by_the_exit_code(patient, out_dir, tmp):
    """The second Ctrl-C may come when the session is over and the report is being made."""
    source = (harness.REPO / "tests" / "abi" / "fixture.c").read_text()
    line = "    while (capture->next(host, &record))\n"
    assert line in source
    (out_dir / "p.c").write_text("#include <signal.h>\n" + source.replace(line, "    raise(SIGINT);\n" + line))
    plugin = out_dir / "p.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-std=gnu11", "-fvisibility=hidden", "-fno-stack-protector",
                    f"-I{harness.REPO / 'sdk' / 'include'}", "-Wl,-z,now", "-o", plugin, out_dir / "p.c"], check=True)
    done = visit.attach(patient("idle", env={"TMPDIR": tmp}), out_dir / "s", profiler=plugin, check=INTERRUPTED).done
    visit.assert_sentence(done.err, "interrupted", "is kept", str(out_dir / "s"))
    visit.refuse(["report", out_dir / "s"], INTERRUPTED, "interrupted", "is kept")
    visit.assert_clean(tmp)


def test_ctrl_c_twice_aborts(patient, out_dir, tmp):
    """The second one does not wait for a target that does not obey: this one is stopped."""
    p = patient("induced", env={"TMPDIR": tmp})
    with visit.start_attach(p, out_dir / "s", duration="60s", tty=True) as medic:
        wait_records(tmp)
        p.signal(signal.SIGSTOP)
        try:
            medic.type("\x03")
            time.sleep(0.3)
            medic.type("\x03")
            done = medic.wait(15)
        finally:
            p.signal(signal.SIGCONT)
    assert done.code == INTERRUPTED, (done.code, done.out)
    assert "aborted" in done.out, done.out
    visit.wait_attachable(p, out_dir)
    assert not (out_dir / "s").exists(), list((out_dir / "s").iterdir())
    visit.assert_clean(tmp)
    p.assert_works()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_and_reports(sick, out_dir, tmp, number):
    with visit.start_attach(sick, out_dir / "s", duration="0") as medic:
        wait_records(tmp)
        medic.signal(number)
        done = medic.wait(15)
    assert done.code == OK and done.err == "", (done.code, done.err)
    assert "Orders.Cache.Trim" in done.out
    assert visit.Visit(out_dir / "s", done).report["session"]["end_reason"] == "stop request"
    visit.assert_clean(tmp)


def test_without_end_it_records_until_it_is_stopped(sick, out_dir, tmp):
    with visit.start_attach(sick, out_dir / "s", duration="0") as medic:
        wait_records(tmp, 10)
        assert session.status(visit.work_folders(tmp)[0]).duration_ns == 0
        assert medic.process.poll() is None
        medic.signal(signal.SIGINT)
        assert medic.wait(15).code == OK


# --- the reader goes away ---------------------------------------------------------------------------------------------

def test_output_to_a_pipe_that_closes_early(sick, out_dir, tmp):
    """`medic attach ... | head -1`: ends as every filter does, and the session is complete."""
    command = " ".join(map(str, [harness.MEDIC, *visit.attach_args(sick, out_dir / "s")]))
    done = harness.Command(["bash", "-c", f"{command} --top all -f json | head -c 1; exit ${{PIPESTATUS[0]}}"]).wait(20)
    assert done.code in (OK, 128 + signal.SIGPIPE), (done.code, done.err)
    assert done.err == "", done.err
    assert visit.Visit(out_dir / "s", done).about["state"] == "complete"
    harness.wait_until(lambda: not visit.work_folders(tmp), 10, "the end of the detach")
    visit.wait_attachable(sick, out_dir)


def test_a_reader_that_is_gone_keeps_nothing_from_being_tidied_up(sick, out_dir, tmp):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([str(word) for word in (harness.MEDIC, *visit.attach_args(sick, out_dir / "s"))], stdout=writer,
                          stderr=subprocess.PIPE, env=harness.clean_env(), timeout=30, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")
    assert not visit.work_folders(tmp)
    visit.wait_attachable(sick, out_dir)


def test_full_stdout_is_told(sick, out_dir):
    command = " ".join(map(str, [harness.MEDIC, *visit.attach_args(sick, out_dir / "s")]))
    done = harness.Command(["sh", "-c", f"{command} > /dev/full"]).wait(20)
    assert done.code == SESSION
    visit.assert_sentence(done.err, "cannot write to stdout", "space")
    assert visit.Visit(out_dir / "s", done).about["state"] == "complete"


# --- two at the same time ---------------------------------------------------------------------------------------------

def test_two_attach_at_once(sick, out_dir, tmp):
    """One wins; the other is told why not. Both are well behaved afterwards."""
    done = [None, None]

    def run(i):
        done[i] = harness.run_medic(visit.attach_args(sick, out_dir / f"s{i}", "1s"))

    both = [threading.Thread(target=run, args=(i,)) for i in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    codes = sorted(d.code for d in done)
    assert codes == [OK, REFUSED], [(d.code, d.err) for d in done]
    winner, loser = sorted(done, key=lambda d: d.code)
    assert "Orders.Cache.Trim" in winner.out
    visit.assert_refused(loser, REFUSED, str(sick.pid), "wait")
    assert [(out_dir / f"s{i}").exists() for i in range(2)].count(True) == 1
    visit.assert_clean(tmp)
    visit.attach(sick, out_dir / "next")


def test_second_attach_during_a_session(sick, out_dir, tmp):
    with visit.start_attach(sick, out_dir / "s", duration="60s") as medic:
        wait_records(tmp)
        second = visit.attach_args(sick, out_dir / "t", "100ms")
        visit.refuse(second, REFUSED, "session of Medic", "running", f"`medic stop {sick.pid}`")
        folder, = visit.work_folders(tmp)
        aside = folder.rename(out_dir / "aside")  # as if the other one were no session of Medic's
        visit.refuse(second, REFUSED, str(sick.pid), "another profiler")
        aside.rename(folder)
        assert not (out_dir / "t").exists()
        medic.signal(signal.SIGINT)
        done = medic.wait(15)
    assert done.code == OK and "Orders.Cache.Trim" in done.out, "the first session was disturbed"
    visit.assert_clean(tmp)
