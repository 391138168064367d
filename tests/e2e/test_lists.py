"""`medic ps`, `medic profilers`, `medic --version`, `medic help`: what can be attached to, with what, and how."""

import json
import os
import pathlib
import re
import shutil
import signal

import pytest

import harness
import visit

FIXTURES = harness.BUILD / "tests" / "abi" / "plugins"


def ps(*args):
    return harness.run_medic(["ps", *args], check=0)


def ps_row(pid):
    """The process in `medic ps -f json`, or None."""
    return next((row for row in json.loads(ps("-f", "json").out) if row["pid"] == pid), None)


def ps_line(pid):
    return next(line for line in ps().out.splitlines() if str(pid) in line.split())


# --- ps ---------------------------------------------------------------------------------------------------------------

def test_ps_shows_a_program(patient, runtime):
    p = patient("cpu", runtime)
    row = ps_row(p.pid)
    assert row["name"] == "Patient" and row["inner_pid"] == p.pid and row["command_line"].endswith("Patient cpu"), row
    assert row["runtime"].startswith(runtime[3:] + ".") and row["attachable"] is True and row["reason"] is None, row
    assert row["uid"] == os.geteuid() and row["user"], row
    assert 0 < row["uptime_s"] < 60 and row["cpu_percent"] > 1, row
    rss = harness.memory(p.pid)["rss"]
    assert 0.5 * rss < row["memory_bytes"] < 2 * rss, (row, rss)
    line = ps_line(p.pid)
    for word in (row["runtime"], row["user"], "yes", "Patient cpu"):
        assert word in line, f"{word!r} is missing in {line!r}"


def test_ps_says_why_not(patient):
    p = patient("idle", env={"DOTNET_EnableDiagnostics": 0})
    row = ps_row(p.pid)
    assert row["attachable"] is False and "DOTNET_EnableDiagnostics" in row["reason"] and "restart" in row["reason"], row
    listed = ps().out
    assert " no " in ps_line(p.pid) and "cannot attach: " in listed and "DOTNET_EnableDiagnostics" in listed, listed


def test_ps_is_not_held_up_by_a_stopped_program(patient):
    stopped, well = patient("idle"), patient("idle")
    stopped.signal(signal.SIGSTOP)
    try:
        done = ps("-f", "json")
    finally:
        stopped.signal(signal.SIGCONT)
    rows = {row["pid"]: row for row in json.loads(done.out)}
    assert rows[well.pid]["attachable"] is True
    assert rows[stopped.pid]["attachable"] is False and "stopped" in rows[stopped.pid]["reason"], rows[stopped.pid]
    assert done.elapsed < 10


def test_ps_forgets_what_has_ended(patient):
    p = patient("idle")
    assert ps_row(p.pid)
    p.kill()  # leaves its socket behind
    assert harness.diagnostics_sockets(p.pid) and ps_row(p.pid) is None


def test_ps_does_not_list_other_programs():
    with harness.Command(["sleep", "60"]) as sleeper:
        assert ps_row(sleeper.pid) is None


@pytest.mark.parametrize("columns", [60, 80])
def test_lists_fit_the_terminal(patient, columns):
    p = patient("cpu")
    for command in (["ps"], ["profilers"], ["doctor", p.pid]):
        env = {} if command[0] == "ps" else {"MEDIC_PLUGINS": FIXTURES}
        done = harness.run_medic(command, tty=True, columns=columns, env=env)
        lines = [re.sub(r"\x1b\[[0-9;]*m", "", line.rstrip()) for line in done.out.splitlines()]
        wide = [line for line in lines if len(line) > columns and len(max(line.split(), key=len)) < columns - 30]
        assert lines and not wide, "\n".join(wide)


def test_lists_fit_where_the_width_is_told_by_the_environment(patient):
    """As `watch` does."""
    patient("cpu", args=["1", "x" * 100])
    done = harness.run_medic(["ps"], env={"COLUMNS": 80}, check=0)
    assert all(len(line) <= 80 for line in done.out.splitlines()), done.out


# --- profilers --------------------------------------------------------------------------------------------------------

def profilers(*args, **env):
    return harness.run_medic(["profilers", *args], check=0, env=env)


def test_profilers_shows_symptom_parameters_guid_and_file():
    text = profilers().out
    for word in ("runtime_pauses", visit.GUID, "p95/p99 latency", "threshold", "50ms", "100us to 1m", "stacks", "worst",
                 str(harness.PLUGINS / "runtime_pauses.so")):
        assert word in text, f"{word!r} is missing in {text}"
    row, = (row for row in json.loads(profilers("-f", "json").out) if row["name"] == visit.PROFILER)
    assert row["usable"] is True and row["guid"] == visit.GUID and row["observation"] and row["summary"], row
    assert {p["key"]: p["default"] for p in row["parameters"]} == {"threshold": "50ms", "stacks": "true", "worst": "10"}


@pytest.mark.parametrize("which", [visit.PROFILER, visit.GUID, harness.PLUGINS / "runtime_pauses.so"],
                         ids=["name", "guid", "file"])
def test_profilers_shows_one(which):
    rows = json.loads(profilers(which, "-f", "json").out)
    assert [row["name"] for row in rows] == [visit.PROFILER]


def test_a_file_dropped_into_the_folder_is_listed_and_a_broken_one_hides_no_other(out_dir):
    shutil.copy(FIXTURES / "fixture_good.so", out_dir)
    shutil.copy(FIXTURES / "fixture_entry_crashes.so", out_dir)
    shutil.copy(FIXTURES / "fixture_wrong_major.so", out_dir)
    (out_dir / "cut.so").write_bytes((FIXTURES / "fixture_good.so").read_bytes()[:5000])
    (out_dir / "text.so").write_text("no library")
    rows = json.loads(profilers("-f", "json", MEDIC_PLUGINS=out_dir).out)
    of = {pathlib.Path(row["file"]).name: row for row in rows}
    assert of["fixture_good.so"]["usable"] is True and of["runtime_pauses.so"]["usable"] is True, of
    for broken, word in (("fixture_entry_crashes.so", "crashed"), ("fixture_wrong_major.so", "ABI 7"),
                         ("cut.so", "cut.so"), ("text.so", "text.so")):
        assert of[broken]["usable"] is False and word in of[broken]["reason"], of[broken]
    text = profilers(MEDIC_PLUGINS=out_dir).out
    assert text.count("cannot be used") == 4 and "crashed" in text, text


# --- about itself -----------------------------------------------------------------------------------------------------

def test_version_is_that_of_the_file():
    assert harness.run_medic(["--version"], check=0).out == f"medic {(harness.REPO / 'VERSION').read_text().strip()}\n"


@pytest.mark.parametrize("command", ["ps", "profilers", "attach", "report"])
def test_every_command_explains_itself(command):
    text = harness.run_medic(["help", command], check=0).out
    assert f"Usage: medic {command}" in text and "Examples:" in text and "--help" in text, text
    assert harness.run_medic([command, "--help"], check=0).out == text
    assert f"  {command} " in harness.run_medic(["help"], check=0).out
