"""Any client that knows the public attach protocol, or only the environment variables, gets a session with defaults."""

import os
import shutil

import pytest

import harness
import session

FIXTURES = harness.BUILD / "tests" / "abi" / "plugins"
GOOD = "f1c70000-0000-4000-8000-000000000001"


@pytest.fixture
def home():
    """A folder with the core and one good plugin beside it, as somebody would install them."""
    with harness.temp_dir() as path:
        shutil.copy(harness.LIBMEDIC, path / "libmedic.so")
        (path / "plugins").mkdir()
        shutil.copy(FIXTURES / "fixture_good.so", path / "plugins")
        yield path


@pytest.fixture
def tmp():
    """A temporary folder for the patient, so that its sessions are found and gone afterwards."""
    with harness.temp_dir(prefix="mt-") as path:
        yield path


def only_session(tmp, pid):
    folders = harness.wait_until(lambda: session.default_folders(pid, tmp), 10, "the session folder")
    assert len(folders) == 1
    return folders[0]


def attach(p, home, tmp, data):
    return harness.run_attacher(p.pid, GOOD, home / "libmedic.so", data, env={"TMPDIR": tmp})


@pytest.mark.parametrize("data", ["duration=200ms", "duration=200ms\nparam.weight=7\n", "duration=0.2\r\n\n"])
def test_net_client_with_partial_client_data_gets_a_session(patient, runtime, home, tmp, data):
    p = patient("induced", runtime, env={"TMPDIR": tmp})
    done = attach(p, home, tmp, data)
    assert done.code == 0, done.out + done.err
    folder = only_session(tmp, p.pid)
    status = session.wait_for_state(folder, session.ENDED)
    assert status.end_reason == session.END_DURATION and status.records > 0
    capture = session.capture(folder)
    assert capture.end_reason == session.END_DURATION
    assert len(capture.plugin_records) == status.records
    assert capture.text["param.weight"] == ("7" if "weight" in data else "1")
    assert f"net{capture.runtime[0]}.0" == runtime
    assert folder.stat().st_mode & 0o777 == 0o700
    p.assert_works()


def test_net_client_with_empty_client_data_gets_the_default_duration(patient, home, tmp):
    p = patient("induced", env={"TMPDIR": tmp})
    assert attach(p, home, tmp, None).code == 0
    folder = only_session(tmp, p.pid)
    status = session.wait_for_state(folder, session.RUNNING)
    assert status.duration_ns == 10_000_000_000
    session.ask_to_stop(folder)
    assert session.wait_for_state(folder, session.ENDED).end_reason == session.END_REQUEST
    p.assert_works()


def test_the_next_attach_is_accepted_at_once(patient, home, tmp):
    p = patient("induced", env={"TMPDIR": tmp})
    for n in range(3):
        assert attach(p, home, tmp, "duration=100ms").code == 0
        harness.wait_until(lambda: len(session.default_folders(p.pid, tmp)) == n + 1, 5, "the session folder")
        session.wait_for_state(session.default_folders(p.pid, tmp)[-1], session.ENDED)


@pytest.mark.parametrize("data, sentence", [
    ("duration=soon", "duration"),
    ("colour=blue", "unknown key \"colour\""),
    ("just words", "without key=value"),
    ("param.height=1", "no parameter \"height\""),
    ("param.weight=11", "weight"),
    ("plugin=relative.so", "absolute path"),
])
def test_wrong_client_data_is_refused_with_a_sentence_in_the_status(patient, home, tmp, data, sentence):
    p = patient("idle", env={"TMPDIR": tmp})
    assert attach(p, home, tmp, data).code == 1
    status = session.status(only_session(tmp, p.pid))
    assert status.state == session.FAILED and sentence in status.text
    assert attach(p, home, tmp, "duration=50ms").code == 0  # and the next one is welcome
    p.assert_alive()


def startup_env(home, tmp, **extra):
    return {"TMPDIR": tmp, "CORECLR_ENABLE_PROFILING": 1, "CORECLR_PROFILER": "{%s}" % GOOD,
            "CORECLR_PROFILER_PATH": home / "libmedic.so", **extra}


def test_start_with_only_the_coreclr_variables(patient, runtime, home, tmp):
    p = patient("induced", runtime, env=startup_env(home, tmp))
    folder = only_session(tmp, p.pid)
    session.wait_for_state(folder, session.RUNNING)
    assert p.quit() == 0
    status = session.status(folder)
    assert (status.state, status.end_reason) == (session.ENDED, session.END_TARGET_EXIT)
    capture = session.capture(folder)
    assert capture.text["start"] == "startup" and capture.plugin_records


def test_start_with_a_session_in_the_environment(patient, home, tmp):
    folder = tmp / "mine"
    folder.mkdir(mode=0o700)
    p = patient("induced", env=startup_env(home, tmp, MEDIC_SESSION=f"session={folder}\nduration=300ms"))
    assert session.wait_for_state(folder, session.ENDED).end_reason == session.END_DURATION
    p.assert_works()


def test_a_child_that_inherits_the_session_runs_without_a_profiler(patient, home, tmp):
    folder = tmp / "mine"
    folder.mkdir(mode=0o700)
    env = startup_env(home, tmp, MEDIC_SESSION=f"session={folder}\nduration=0")
    first = patient("induced", env=env)
    session.wait_for_state(folder, session.RUNNING)
    second = patient("induced", env=env)
    second.assert_works()
    assert second.quit() == 0
    assert session.status(folder).pid == first.pid
    assert session.status(folder).state == session.RUNNING


@pytest.mark.parametrize("spoil, sentence", [
    (lambda f: f.chmod(0o755), "mode"),
    (lambda f: os.chown(f, 65534, 65534), "belongs to"),
    (lambda f: (f / "capture.mdc").touch(), "in use"),
])
def test_a_session_folder_that_is_not_private_is_refused(patient, home, tmp, spoil, sentence):
    folder = tmp / "theirs"
    folder.mkdir(mode=0o700)
    spoil(folder)
    p = patient("healthy", env={"TMPDIR": tmp})
    assert attach(p, home, tmp, f"session={folder}").code == 1
    status = session.status(folder)
    if status:
        assert sentence in status.text
    p.assert_works()


def test_a_plugin_that_others_can_write_is_refused(patient, home, tmp):
    (home / "plugins" / "fixture_good.so").chmod(0o666)
    p = patient("healthy", env={"TMPDIR": tmp})
    assert attach(p, home, tmp, "").code == 1
    assert "chmod" in session.status(only_session(tmp, p.pid)).text
    p.assert_works()
