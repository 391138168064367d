"""`medic sessions`, `stop`, `rm`, `report last`, and what the retention drops: on real sessions, in a store of the test's."""

import contextlib
import json
import os
import re
import signal
import time

import pytest

import harness
import session
import visit
from visit import ARGUMENTS, INTERRUPTED, OK, PLATFORM, SESSION

DAY = 24 * 3600


@pytest.fixture
def tmp(out_dir):
    """The temporary folder of the patient alone."""
    path = out_dir / "tmp"
    path.mkdir()
    return path


class Store:
    """A store of sessions for one test."""

    def __init__(self, home):
        self.env = {"XDG_STATE_HOME": home, "MEDIC_KEEP_AGE": None, "MEDIC_KEEP_SIZE": None, "COLUMNS": None}
        self.root = home / "medic" / "sessions"

    def medic(self, *args, check=OK, env=None, **kwargs):
        return harness.run_medic(args, check=check, env={**self.env, **(env or {})}, **kwargs)

    def start(self, target, duration="60s", *more):
        return harness.start_medic(["attach", target.pid, "-P", visit.PROFILER, "-d", duration, *more], env=self.env)

    def make(self, target, env=None):
        """A complete session of 50 ms: its id."""
        before = self.ids()
        self.medic("attach", target.pid, "-P", visit.PROFILER, "-d", "50ms", env=env)
        return (self.ids() - before).pop()

    def ids(self):
        return {p.name for p in self.root.iterdir()} if self.root.exists() else set()

    def list(self):
        told = json.loads(self.medic("sessions", "-f", "json").out)
        assert told["schema"] == 1
        return told["sessions"]

    def one(self):
        sessions = self.list()
        assert len(sessions) == 1, sessions
        return sessions[0]

    def refuse(self, code, words, *args):
        return visit.refuse(args, code, *words, env=self.env)

    def age(self, which, days):
        """Makes a session older than it is."""
        path = self.root / which / "session.json"
        about = json.loads(path.read_text())
        about["started"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - days * DAY))
        path.write_text(json.dumps(about))


@pytest.fixture
def store(out_dir):
    return Store(out_dir / "state")


@pytest.fixture
def sick(patient, tmp):
    """A patient that always has something to record."""
    return patient("induced", env={"TMPDIR": tmp})


def wait_records(tmp):
    """Until the one session there has something to report."""
    def enough():
        status = session.status(folder)
        return status and status.records >= 2 and status.bytes_written > 0
    folder, = visit.wait_running(tmp)
    harness.wait_until(enough, 15, "records")


def kill_running(store, sick, tmp):
    """A session whose medic is killed while it records: its id."""
    with store.start(sick) as medic:
        wait_records(tmp)
        medic.signal(signal.SIGKILL)
        medic.wait()
    return store.ids().pop()


# --- sessions ---------------------------------------------------------------------------------------------------------

def test_no_session_yet(store):
    done = store.medic("sessions")
    assert done.out == "" and "no session yet" in done.err
    assert store.list() == []
    assert not store.root.exists(), "a list makes nothing"


def test_sessions_are_listed_newest_first(store, sick):
    first, second = store.make(sick), store.make(sick)
    store.age(first, 2)
    assert [s["id"] for s in store.list()] == [second, first]
    done = store.medic("sessions")
    head, *lines = done.out.splitlines()
    assert head.split() == ["ID", "STATE", "STARTED", "TIME", "PROFILER", "TARGET", "SIZE", "VERDICT"]
    assert [line.split()[:2] for line in lines] == [[second[:8], "complete"], [first[:8], "complete"]]
    for line, about in zip(lines, store.list()):
        assert visit.PROFILER in line and f"({sick.pid})" in line and about["verdict"][:60] in line, line


def test_a_session_tells_its_diagnosis(store, sick):
    which = store.make(sick)
    about = store.one()
    report = json.loads((store.root / which / "report.json").read_text())
    assert (about["verdict"], about["severity"]) == (report["verdict"], report["severity"])
    assert about["duration_ns"] == report["session"]["duration_ns"]
    assert about["state"] == "complete" and about["live"] is None and about["reason"] is None
    assert about["size_bytes"] == sum(f.stat().st_size for f in (store.root / which).iterdir())
    assert about["path"] == str(store.root / which)
    assert about["target"] == {"pid": sick.pid, "name": "Patient"}
    assert about["profiler"]["guid"] == visit.GUID


@pytest.mark.parametrize("columns", [60, 80, 110, 200])
def test_lines_fit_the_terminal(store, sick, columns):
    """The verdict stands below where it has no room beside the rest, and what matters least is left out."""
    which = store.make(sick)
    done = store.medic("sessions", tty=True, columns=columns)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line.rstrip()) for line in done.out.splitlines()]
    assert len(lines) == (3 if columns < 130 else 2), done.out
    assert all(len(line) <= columns for line in lines), done.out
    assert which[:8] in lines[1] and str(sick.pid) in lines[1] and store.one()["verdict"][:30] in lines[-1], done.out
    assert ("SIZE" in lines[0]) == (columns > 80), done.out


def test_lines_are_cut_in_the_characters_of_the_locale(store, sick):
    store.make(sick)
    done = harness.run_medic(["sessions"], env={**store.env, "COLUMNS": 60, "LC_ALL": "C"}, check=0)
    assert done.out.isascii() and "...\n" in done.out, done.out


def test_a_healthy_program_is_called_so_once(store, patient):
    store.make(patient("idle"))
    done = store.medic("sessions")
    assert done.out.lower().count("healthy") == 1, done.out


def test_only_the_newest_are_shown(store, sick):
    which = store.make(sick)
    for i in range(24):
        copy = f"00000000-0000-4000-8000-{i:012d}"
        (store.root / copy).mkdir(mode=0o700)
        text = (store.root / which / "session.json").read_text().replace(which, copy)
        (store.root / copy / "session.json").write_text(text)
    short, every = store.medic("sessions"), store.medic("sessions", "--all")
    assert len(short.out.splitlines()) == 21 and "5 older ones" in short.err and "--all" in short.err
    assert len(every.out.splitlines()) == 26 and every.err == ""
    assert len(store.list()) == 25


def test_a_running_session_is_live(store, sick, tmp):
    with store.start(sick) as medic:
        visit.wait_running(tmp)
        about = store.one()
        assert about["state"] == "running" and about["live"]["state"] == "running", about
        assert about["live"]["planned_ns"] == 60_000_000_000 and about["verdict"] is None
        assert "running" in store.medic("sessions").out
        medic.signal()
        assert medic.wait().code == OK
    assert store.one()["state"] == "complete"


def test_a_session_whose_medic_was_killed_is_incomplete(store, sick, tmp):
    which = kill_running(store, sick, tmp)
    about = store.one()
    assert about["state"] == "incomplete" and "killed" in about["reason"], about
    store.medic("report", which[:8])
    about = store.one()
    assert about["state"] == "incomplete" and about["verdict"], about


def damage(store, which, text="{", capture=True):
    """A session whose session.json is that text, or (None) has gone."""
    path = store.root / which
    path.joinpath("session.json").unlink()
    if text is not None:
        path.joinpath("session.json").write_text(text)
    if not capture:
        path.joinpath("capture.mdc").unlink()
    return which


def test_strange_folders_and_damaged_reports_hide_no_session(store, sick):
    which = store.make(sick)
    (store.root / "stranger").mkdir()
    (store.root / "11111111-0000-4000-8000-000000000000").mkdir()
    (store.root / "a-file").write_text("x")
    (store.root / which / "report.json").write_text("{ damaged")
    about = store.one()
    assert about["id"] == which and about["verdict"] is None


@pytest.mark.parametrize("text, capture, words", [
    ("{", True, ["not valid JSON", "remove that file", "medic report", "medic rm"]),
    ("{", False, ["not valid JSON", "medic rm"]),
    ('{"schema": 99}', True, ["schema is 99", "medic rm"]),
    ('{"schema": 1, "state": "complete"}', True, ['no valid "id"', "medic rm"]),
    (None, True, ["is missing", "medic report"]),
])
def test_a_damaged_session_is_shown_and_can_be_removed(store, sick, text, capture, words):
    which, sound = damage(store, store.make(sick), text, capture), store.make(sick)
    about, = (s for s in store.list() if s["id"] == which)
    assert about["state"] == "damaged" and about["target"]["pid"] is None and about["size_bytes"] > 0, about
    assert all(word in about["reason"] for word in words) and which in about["reason"], about
    line, = (line for line in store.medic("sessions").out.splitlines() if line.startswith(which[:8]))
    assert " damaged " in line and words[0] in line
    if text is not None:
        store.refuse(PLATFORM if "99" in text else SESSION, ["session.json", str(store.root / which)], "report", which)
        store.refuse(PLATFORM if "99" in text else SESSION, ["session.json"], "stop", which)
    assert f"removed {which[:8]}: a damaged session" in store.medic("rm", which[:13]).out
    assert store.ids() == {sound}


def test_what_the_list_says_about_a_damaged_session_helps(store, sick):
    which = damage(store, store.make(sick))
    (store.root / which / "session.json").unlink()
    assert "Orders.Cache.Trim" in store.medic("report", which).out


def test_damaged_sessions_are_dropped_like_others(store, sick):
    old, young = damage(store, store.make(sick)), damage(store, store.make(sick))
    for path in (store.root / old).iterdir():
        make_old(path, 31)
    assert "would remove " + old[:8] in store.medic("rm", "--older-than", "30d", "-n").out
    assert {old, young} == {s["id"] for s in store.list()}
    made = store.make(sick)
    assert store.ids() == {young, made}
    store.make(sick, env={"MEDIC_KEEP_SIZE": 1})
    assert young not in store.ids()


# --- report by id -----------------------------------------------------------------------------------------------------

def test_report_by_the_beginning_of_an_id_and_last(store, sick):
    old, new = store.make(sick), store.make(sick)
    store.age(old, 1)
    whole = store.medic("report", new).out
    length = next(i for i in range(1, 37) if old[:i] != new[:i])
    assert store.medic("report", new[:length]).out == whole
    assert store.medic("report", "last").out == whole
    store.refuse(ARGUMENTS, ["zzzz", "medic sessions"], "report", "zzzz")


def test_report_of_nothing(store):
    """As of a variable that is not set."""
    store.refuse(visit.ARGUMENTS, ["name the folder or id", "medic sessions"], "report", "")


def test_ambiguous_beginning(store, sick):
    which = store.make(sick)
    copy = which[:9] + "ffff" + which[13:]
    (store.root / which).rename(store.root / copy)
    text = (store.root / copy / "session.json").read_text()
    (store.root / copy / "session.json").write_text(text.replace(which, copy))
    (store.root / which).mkdir(mode=0o700)
    (store.root / which / "session.json").write_text(text)
    store.refuse(ARGUMENTS, [which[:13], copy[:13], "more of the id"], "report", which[:8])


# --- stop -------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["id", "prefix", "pid", "last", "all", "folder"])
def test_stop_lets_the_other_medic_report(store, sick, tmp, how):
    with store.start(sick) as medic:
        wait_records(tmp)
        which = store.ids().pop()
        word = {"id": which, "prefix": which[:8], "pid": sick.pid, "folder": store.root / which}.get(how, how)
        done = store.medic("stop", word)
        assert done.out == f"{which[:8]} stopped: {visit.PROFILER} on {sick.pid} (Patient) (complete)\n", done.out
        ended = medic.wait(10)
    assert ended.code == OK and "Orders.Cache.Trim" in ended.out, ended
    assert store.one()["state"] == "complete"
    visit.assert_clean(tmp)
    sick.assert_works()


def test_after_stop_the_next_attach_is_accepted(store, sick, tmp):
    with store.start(sick):
        visit.wait_running(tmp)
        store.medic("stop", sick.pid)
        store.make(sick)


def test_stop_a_session_in_a_chosen_folder(store, sick, out_dir, tmp):
    """It is in no store: the process leads to it."""
    with store.start(sick, "60s", "-o", out_dir / "s") as medic:
        visit.wait_running(tmp)
        done = store.medic("stop", sick.pid)
        assert "stopped" in done.out and str(sick.pid) in done.out
        assert medic.wait(10).code == OK
    assert visit.Visit(out_dir / "s", None).about["state"] == "complete"


def test_stop_a_session_of_another_client(store, patient, tmp):
    """Began by the public .NET client, without a lease or a request file."""
    p = patient("induced", env={"TMPDIR": tmp})
    assert harness.run_attacher(p.pid, visit.GUID, harness.LIBMEDIC, env={"TMPDIR": tmp}).code == 0
    visit.wait_running(tmp)
    assert "stopped" in store.medic("stop", p.pid).out
    folder, = session.default_folders(p.pid, tmp, os.geteuid())
    assert session.wait_for_state(folder, session.ENDED).end_reason == session.END_REQUEST


def test_stop_rescues_the_session_of_a_killed_medic(store, sick, tmp):
    which = kill_running(store, sick, tmp)
    done = store.medic("stop", which[:8])
    assert "stopped" in done.out and "incomplete" in done.out, done.out
    assert store.one()["state"] == "incomplete"
    visit.assert_clean(tmp)
    assert "Orders.Cache.Trim" in store.medic("report", which).out
    sick.assert_works()


def test_stop_several_at_once(store, patient, out_dir):
    tmps = [out_dir / "one", out_dir / "two"]
    for path in tmps:
        path.mkdir()
    first, second = (patient("induced", env={"TMPDIR": path}) for path in tmps)
    with store.start(first) as one, store.start(second) as two:
        for path in tmps:
            visit.wait_running(path)
        told = json.loads(store.medic("stop", "all", "-f", "json").out)
        assert told["schema"] == 1 and {s["result"] for s in told["sessions"]} == {"stopped"}, told
        assert {s["pid"] for s in told["sessions"]} == {first.pid, second.pid}
        assert one.wait(10).code == OK and two.wait(10).code == OK


def test_stop_what_has_ended(store, sick):
    which = store.make(sick)
    assert f"{which[:8]} had ended already" in store.medic("stop", which).out
    assert "No session is running" in store.medic("stop", "all").out
    store.refuse(ARGUMENTS, [str(sick.pid), "medic sessions"], "stop", sick.pid)
    store.refuse(ARGUMENTS, ["zzzz"], "stop", "zzzz")
    store.refuse(ARGUMENTS, ["which session"], "stop")


def test_stop_while_the_target_is_stopped_can_be_interrupted(store, sick, tmp):
    with store.start(sick) as medic:
        visit.wait_running(tmp)
        sick.signal(signal.SIGSTOP)
        with harness.start_medic(["stop", "all"], env=store.env) as stopping:
            time.sleep(0.5)
            stopping.signal()
            done = stopping.wait(10)
        assert done.code == SESSION
        visit.assert_sentence(done.err, "interrupted", "asked to stop")
        sick.signal(signal.SIGCONT)
        assert medic.wait(15).code == OK  # it had been asked
    sick.assert_works()


# --- launch with children: a session for each process -----------------------------------------------------------------

@contextlib.contextmanager
def family(store, tmp, *more):
    """`medic launch --children` of a shell with two patients: the running medic, and {pid: work folder} of the two."""
    patient = harness.TARGETS / "net10.0" / "Patient"
    script = f"mkfifo {tmp}/in; for i in 1 2; do {patient} induced <> {tmp}/in > {tmp}/out$i & done; wait"

    def recording():
        works = [f for f in (tmp / f"medic-{os.geteuid()}").glob("launch-*/*/")
                 if (s := session.status(f)) and s.records > 20 and s.state == session.RUNNING]
        return {session.status(f).pid: f for f in works} if len(works) == 2 else None

    pids = []
    with harness.start_medic(["launch", "-P", visit.PROFILER, "--children", *more, "--", "bash", "-c", script],
                             env={**store.env, "TMPDIR": tmp}) as medic:
        try:
            works = harness.wait_until(recording, 30, "two recording processes")
            pids = list(works)
            yield medic, works
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(AssertionError):
                medic.wait(15)


def test_children_are_listed_and_stopped_one_by_one(store, tmp):
    with family(store, tmp) as (medic, works):
        first, second = works
        listed = {s["target"]["pid"]: s for s in store.list()}
        assert set(listed) == {first, second}
        assert all(s["state"] == "running" and s["live"]["state"] == "running" for s in listed.values()), listed
        assert f"on {first} (Patient) (complete)" in store.medic("stop", first).out
        states = {s["target"]["pid"]: s["state"] for s in store.list()}
        assert states == {first: "complete", second: "running"}
        records = session.status(works[second]).records
        harness.wait_until(lambda: session.status(works[second]).records > records, 10, "the other one goes on")
        store.refuse(SESSION, ["still running"], "rm", listed[second]["id"])
        assert "(complete)" in store.medic("stop", listed[second]["id"][:8]).out
        assert "No session is running" in store.medic("stop", "all").out
        for pid in works:
            os.kill(pid, 0)  # they run on
    assert {s["state"] for s in store.list()} == {"complete"}
    visit.assert_clean(tmp)
    store.medic("rm", "--all")
    assert store.ids() == set()


def test_stop_a_child_whose_session_is_in_a_chosen_folder(store, tmp, out_dir):
    with family(store, tmp, "-o", out_dir / "all") as (medic, works):
        first, second = works
        done = store.medic("stop", first)
        assert f"stopped: in process {first} (Patient)" in done.out, done
        harness.wait_until(lambda: (out_dir / "all" / str(first) / "report.json").exists(), 10, "its report")
        assert session.status(works[second]).state == session.RUNNING
        assert visit.Visit(out_dir / "all" / str(first), None).capture.end_reason == session.END_REQUEST
    visit.assert_clean(tmp)


@pytest.mark.parametrize("how", ["report", "stop", "rm"])
def test_children_of_a_killed_launch_are_rescued(store, tmp, how):
    with family(store, tmp) as (medic, works):
        medic.signal(signal.SIGKILL)
        medic.wait()
        assert [s["state"] for s in store.list()] == ["incomplete"] * 2
        for which in sorted(store.ids()):
            store.medic(how, which)
            assert (which in store.ids()) == (how != "rm")
        visit.assert_clean(tmp)


# --- rm ---------------------------------------------------------------------------------------------------------------

def test_rm_by_id(store, sick):
    kept, gone = store.make(sick), store.make(sick)
    done = store.medic("rm", gone[:13])
    assert done.out.startswith(f"removed {gone[:8]}: ") and store.ids() == {kept}
    store.refuse(ARGUMENTS, [gone], "rm", gone)


def test_rm_dry_run_removes_nothing(store, sick):
    which = store.make(sick)
    assert f"would remove {which[:8]}" in store.medic("rm", "--all", "-n").out
    told = json.loads(store.medic("rm", "--all", "-n", "-f", "json").out)
    assert told["schema"] == 1 and told["dry_run"] is True and [s["id"] for s in told["removed"]] == [which]
    assert store.ids() == {which}


def test_rm_older_than(store, sick):
    old, young = store.make(sick), store.make(sick)
    store.age(old, 31)
    store.medic("rm", "--older-than", "30d")
    assert store.ids() == {young}
    assert "nothing to remove" in store.medic("rm", "--older-than", "30d").out
    store.refuse(ARGUMENTS, ["--older-than soon"], "rm", "--older-than", "soon")


def test_rm_never_takes_a_running_session(store, sick, tmp):
    with store.start(sick) as medic:
        visit.wait_running(tmp)
        which = store.ids().pop()
        store.refuse(SESSION, [which[:8], "still running", "medic stop"], "rm", which)
        assert "nothing to remove" in store.medic("rm", "--all").out
        medic.signal()
        assert medic.wait().code == OK
    store.medic("rm", "--all")
    assert store.ids() == set()


def test_rm_of_a_killed_medics_session_cleans_the_target_too(store, sick, tmp):
    which = kill_running(store, sick, tmp)
    store.medic("rm", which)
    assert store.ids() == set()
    visit.assert_clean(tmp)
    visit.wait_attachable(sick, tmp.parent)


def test_rm_keeps_what_medic_did_not_make(store, sick):
    which = store.make(sick)
    (store.root / which / "notes.txt").write_text("mine")
    store.refuse(SESSION, ["notes.txt", "move it"], "rm", which)
    assert {f.name for f in (store.root / which).iterdir()} == {
        "capture.mdc", "report.json", "session.json", "notes.txt"}


def test_rm_follows_no_link(store, sick, out_dir):
    which = store.make(sick)
    (store.root / which).rename(out_dir / "elsewhere")
    (store.root / which).symlink_to(out_dir / "elsewhere")
    store.refuse(SESSION, ["link"], "rm", which)
    assert (out_dir / "elsewhere" / "capture.mdc").exists()


def test_rm_leaves_chosen_folders_alone(store, sick, out_dir):
    visit.attach(sick, out_dir / "s")
    store.refuse(ARGUMENTS, ["not in the store", "rm -r"], "rm", out_dir / "s")
    assert (out_dir / "s" / "capture.mdc").exists()


def test_rm_asks_on_a_terminal(store, sick):
    which = store.make(sick)
    for answer, code, left in (("n\n", SESSION, {which}), ("y\n", OK, set())):
        with harness.start_medic(["rm", which], env=store.env, tty=True) as medic:
            harness.wait_until(lambda: "[y/N]" in medic.out_so_far(), 10, "the question")
            medic.type(answer)
            assert medic.wait(10).code == code
        assert store.ids() == left


def test_rm_does_not_ask_with_yes(store, sick):
    store.make(sick)
    done = store.medic("rm", "--all", "-y", tty=True)
    assert "[y/N]" not in done.out and store.ids() == set()


@pytest.mark.parametrize("args", [["rm"], ["rm", "x", "--all"], ["rm", "--all", "--older-than", "1d"]])
def test_rm_wants_one_choice(store, args):
    store.refuse(ARGUMENTS, ["--older-than", "--all"], *args)


# --- retention --------------------------------------------------------------------------------------------------------

def test_old_sessions_go_at_the_end_of_a_session(store, sick):
    old, young = store.make(sick), store.make(sick)
    store.age(old, 31), store.age(young, 29)
    done = store.medic("attach", sick.pid, "-P", visit.PROFILER, "-d", "50ms")
    assert old not in store.ids() and young in store.ids() and len(store.ids()) == 2
    visit.assert_sentence(done.err, "removed 1 old session", "MEDIC_KEEP_AGE")


def test_the_oldest_go_when_there_is_too_much(store, sick):
    first, second = store.make(sick), store.make(sick)
    store.age(first, 1)
    for which in (first, second):
        (store.root / which / "capture.mdc").open("ab").truncate(1 << 20)
    third = store.make(sick, env={"MEDIC_KEEP_SIZE": "1.5M"})
    assert store.ids() == {second, third}
    fourth = store.make(sick, env={"MEDIC_KEEP_SIZE": 1})
    assert store.ids() == {fourth}, "the one just made stays, however large"


@pytest.mark.parametrize("off", ["off", "0"])
def test_retention_can_be_switched_off(store, sick, off):
    old = store.make(sick)
    store.age(old, 9999)
    store.make(sick, env={"MEDIC_KEEP_AGE": off, "MEDIC_KEEP_SIZE": off})
    assert old in store.ids()


def test_a_limit_that_cannot_be_read_keeps_all_and_is_told(store, sick):
    old = store.make(sick)
    store.age(old, 9999)
    done = store.medic("attach", sick.pid, "-P", visit.PROFILER, "-d", "50ms", env={"MEDIC_KEEP_AGE": "a month"})
    visit.assert_sentence(done.err, "MEDIC_KEEP_AGE=a month", "no session is dropped")
    assert old in store.ids()


def test_running_sessions_and_chosen_folders_stay(store, sick, patient, out_dir, tmp):
    visit.attach(sick, out_dir / "s")
    other = patient("idle")
    with store.start(sick) as medic:
        visit.wait_running(tmp)
        which = store.ids().pop()
        store.age(which, 99)
        store.make(other)
        assert which in store.ids()
        medic.signal()
        assert medic.wait().code == OK
    assert (out_dir / "s" / "capture.mdc").exists()


def make_old(path, days=8):
    when = time.time() - days * DAY
    os.utime(path, (when, when))


def test_unused_libraries_and_folders_of_dead_sessions_are_swept(store, sick, tmp):
    which = kill_running(store, sick, tmp)
    place = tmp / f"medic-{os.geteuid()}"
    visit.wait_attachable(sick, tmp.parent)
    unused = place / ("libmedic-" + "0" * 32 + ".so")
    unused.write_bytes(b"x" * 1000)
    default = place / "22222222-0000-4000-8000-000000000000"  # as the core makes one: the only copy of a capture
    default.mkdir(mode=0o700)
    (default / "capture.mdc").write_bytes(b"x")
    stranger = place / "notes.txt"
    stranger.write_text("mine")
    mapped = [f for f in place.iterdir() if visit.STAGED.match(f.name) and f != unused]
    assert len(mapped) == 2, mapped
    store.make(sick)
    assert unused.exists() and (place / which).exists(), "young ones stay: the session can still be rescued"
    for path in (*place.rglob("*"), place / which):
        make_old(path)
    done = store.medic("attach", sick.pid, "-P", visit.PROFILER, "-d", "50ms")
    visit.assert_sentence(done.err, "1 unused library", "1 folder of a dead session")
    assert not unused.exists() and not (place / which).exists()
    assert default.exists() and stranger.exists() and all(f.exists() for f in mapped)
    sick.assert_works()


# --- what the commands say of themselves ------------------------------------------------------------------------------

@pytest.mark.parametrize("command", ["sessions", "stop", "rm"])
def test_help_has_examples(store, command):
    done = store.medic(command, "--help")
    assert "Examples:" in done.out and f"medic {command}" in done.out and done.err == ""
    assert command in store.medic("help").out
    store.refuse(ARGUMENTS, ["--nonsense"], command, "--nonsense")
    store.refuse(ARGUMENTS, ["yaml"], command, "-f", "yaml")
