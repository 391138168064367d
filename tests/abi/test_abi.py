"""Plugins that are wrong in one way each are refused with a sentence, by the core and by the tool, and the target lives."""

import json
import shutil
import subprocess

import pytest

import harness
import session

PLUGINS = harness.BUILD / "tests" / "abi" / "plugins"
GUID = "f1c70000-0000-4000-8000-0000000000%02x"

# plugin, number of its GUID, what the core's sentence says, what the tool's says (None: the tool cannot know beforehand)
WRONG = [
    ("short", 3, "32", "32"),
    ("wrong_magic", 4, "magic", "magic"),
    ("wrong_major", 5, "7", "7"),
    ("missing_service", 6, "medic.telepathy/1", None),
    ("no_export", 7, "medic_plugin_entry", "medic_plugin_entry"),
    ("constructor", 9, "constructor", "constructor"),
    ("entry_null", 11, "medic_plugin_entry returned NULL", "medic_plugin_entry returned NULL"),
    ("bad_default", 12, "weight", "weight"),
    ("create_fails", 13, "never starts", None),
    ("start_fails", 14, "never records", None),
]


@pytest.fixture(scope="module")
def idle():
    with harness.temp_dir(prefix="mt-") as tmp:
        with harness.Patient("healthy", env={"TMPDIR": tmp}) as p:
            p.tmp = tmp
            yield p
            p.assert_works()


@pytest.fixture
def folder():
    with harness.temp_dir(prefix="mt-") as path:
        yield path


def plugin(folder, name, file=None):
    target = folder / (file or f"fixture_{name}.so")
    shutil.copy(PLUGINS / f"fixture_{name}.so", target)
    return target


def attach_directly(p, file, number):
    """Through the public .NET client, past every check of the tool. The status of the session it made."""
    seen = set(session.default_folders(p.pid, p.tmp))
    harness.run_attacher(p.pid, GUID % number, data=f"plugin={file}\nduration=100ms", env={"TMPDIR": p.tmp})
    new = harness.wait_until(lambda: set(session.default_folders(p.pid, p.tmp)) - seen, 5, "a session folder")
    return session.wait_for_state(new.pop(), session.FAILED, session.ENDED)


def attach_by_medic(p, file, out):
    return harness.run_medic(["attach", p.pid, "-P", file, "-d", "100ms", "-o", out], env={"TMPDIR": p.tmp})


@pytest.mark.parametrize("name, number, by_core, by_tool", WRONG, ids=[w[0] for w in WRONG])
def test_core_refuses(idle, folder, name, number, by_core, by_tool):
    status = attach_directly(idle, plugin(folder, name), number)
    assert status.result < 0 and by_core in status.text, status
    idle.assert_works()


@pytest.mark.parametrize("name, number, by_core, by_tool", WRONG, ids=[w[0] for w in WRONG])
def test_tool_refuses(idle, folder, name, number, by_core, by_tool):
    done = attach_by_medic(idle, plugin(folder, name), folder / "out")
    assert done.code != 0 and (by_tool or by_core) in done.err, done
    assert len(done.err.strip().splitlines()) == 1
    idle.assert_works()


@pytest.mark.parametrize("name, number", [("good", 1), ("newer", 2)])
def test_good_and_newer_plugins_run(idle, folder, name, number):
    assert attach_directly(idle, plugin(folder, name), number).state == session.ENDED
    done = attach_by_medic(idle, plugin(folder, name), folder / "out")
    assert done.code == 0 and "collections were seen" in done.out, done


def text_file(path):
    path.write_text("this is no plugin\n")


def truncated(path, keep=0.6):
    data = (PLUGINS / "fixture_good.so").read_bytes()
    path.write_bytes(data[:int(len(data) * keep)])


def empty(path):
    path.touch()


@pytest.mark.parametrize("make", [text_file, truncated, lambda p: truncated(p, 0.1), empty],
                         ids=["text", "truncated", "header_only", "empty"])
def test_files_that_are_no_plugin(idle, folder, make):
    file = folder / "broken.so"
    make(file)
    status = attach_directly(idle, file, 1)
    assert status.state == session.FAILED and "broken.so" in status.text, status
    done = attach_by_medic(idle, file, folder / "out")
    assert done.code != 0 and "broken.so" in done.err and len(done.err.strip().splitlines()) == 1, done
    idle.assert_works()


def test_two_plugins_with_one_guid_are_refused_by_the_core(idle, folder):
    core = shutil.copy(harness.LIBMEDIC, folder / "libmedic.so")
    (folder / "plugins").mkdir()
    plugin(folder / "plugins", "good")
    plugin(folder / "plugins", "twin")
    seen = set(session.default_folders(idle.pid, idle.tmp))
    harness.run_attacher(idle.pid, GUID % 1, core, "duration=100ms", env={"TMPDIR": idle.tmp})
    new = harness.wait_until(lambda: set(session.default_folders(idle.pid, idle.tmp)) - seen, 5, "a session folder")
    status = session.status(new.pop())
    assert status.state == session.FAILED and "fixture_good.so" in status.text and "fixture_twin.so" in status.text
    idle.assert_works()


def listed(folder):
    done = harness.run_medic(["profilers", "-f", "json"], env={"MEDIC_PLUGINS": folder}, check=0)
    return done, json.loads(done.out)


def test_broken_plugins_are_listed_with_their_reason_and_hide_no_other(folder):
    for name, _, _, by_tool in WRONG:
        plugin(folder, name)
    plugin(folder, "good")
    plugin(folder, "entry_crashes")
    text_file(folder / "text.so")
    truncated(folder / "truncated.so")
    done, profilers = listed(folder)
    assert "fixture_good" in done.out
    text = harness.run_medic(["profilers"], env={"MEDIC_PLUGINS": folder}, check=0).out
    for name in ["short", "wrong_magic", "wrong_major", "constructor", "entry_crashes"]:
        assert f"fixture_{name}" in text, text
    assert "text.so" in text and "truncated.so" in text
    assert "fixture_good" in text and "fixture_create_fails" in text


def test_twins_are_refused_by_the_tool_naming_both(folder):
    plugin(folder, "good")
    plugin(folder, "twin")
    text = harness.run_medic(["profilers"], env={"MEDIC_PLUGINS": folder}, check=0).out
    assert "fixture_good.so" in text and "fixture_twin.so" in text


@pytest.mark.parametrize("name, sentence", [("render_crashes", "crashed"), ("render_fails", "nothing to say")])
def test_a_report_half_that_fails_keeps_the_capture(idle, folder, name, sentence):
    out = folder / "out"
    done = attach_by_medic(idle, plugin(folder, name), out)
    assert done.code == 1 and sentence in done.err, done
    assert (out / "capture.mdc").stat().st_size > 0
    idle.assert_works()


def test_a_callback_that_does_not_return_in_time_is_left_alone(folder):
    with harness.temp_dir(prefix="mt-") as tmp, harness.Patient("induced", env={"TMPDIR": tmp}) as p:
        p.tmp = tmp
        status = attach_directly(p, plugin(folder, "slow"), 17)
        assert status.state == session.ENDED  # the callback came back later, and so could everything be freed
        p.assert_works()


def test_the_template_of_the_sdk_builds_alone_and_runs(folder):
    template = folder / "mine"
    shutil.copytree(harness.REPO / "sdk" / "template", template)
    subprocess.run(["cmake", "-S", template, "-B", template / "build", f"-DCMAKE_MODULE_PATH={harness.REPO / 'sdk' / 'cmake'}"],
                   check=True, capture_output=True)
    subprocess.run(["cmake", "--build", template / "build"], check=True, capture_output=True)
    with harness.Patient("names") as p:
        done = harness.run_medic(["attach", p.pid, "-P", "exception_count", "-d", "500ms", "-o", folder / "out"],
                                 env={"MEDIC_PLUGINS": template / "build"}, check=0)
        assert "exceptions were thrown, most often" in done.out, done.out
        p.assert_works()
