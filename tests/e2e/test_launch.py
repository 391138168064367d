"""`medic launch`: a program under a profiler from its first instruction, which must not notice."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.request

import pytest

import harness
import session
import visit

SCRIPT = "trap 'echo got %s' %s; echo ready; while :; do sleep 0.05; done"
PROJECT = """<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>Exe</OutputType><Nullable>enable</Nullable>
<TargetFramework>net10.0</TargetFramework><ImplicitUsings>enable</ImplicitUsings></PropertyGroup></Project>
"""
PROGRAM = r"""
using System.Diagnostics;
using System.Runtime.InteropServices;
switch (args.FirstOrDefault())
{
    case "exit": return int.Parse(args[1]);
    case "bytes":
        using (var stdout = Console.OpenStandardOutput())
            for (var i = 0; i < 4096; i++) stdout.Write([(byte)i, (byte)(i >> 8), 0, 255, 10, 13]);
        return 0;
    case "copy":
        using (Stream from = Console.OpenStandardInput(), to = Console.OpenStandardOutput()) from.CopyTo(to);
        return 0;
    case "wait":
        var over = new ManualResetEventSlim();
        void End(PosixSignalContext context) { context.Cancel = true; over.Set(); }
        using (PosixSignalRegistration.Create(PosixSignal.SIGTERM, End))
        using (PosixSignalRegistration.Create(PosixSignal.SIGINT, End))
        {
            Console.WriteLine("ready");
            over.Wait();
        }
        Console.WriteLine("bye");
        return 7;
    case "family":
        for (var i = 0; i < 2; i++)
            using (var child = Process.Start(Environment.ProcessPath!, ["exit", "0"])) child.WaitForExit();
        return 0;
    default: Console.WriteLine("hello"); return 0;
}
"""


@pytest.fixture(scope="module")
def project():
    """The folder of a small console project, built."""
    with harness.temp_dir() as folder:
        (folder / "Small.csproj").write_text(PROJECT)
        (folder / "Program.cs").write_text(PROGRAM)
        done = harness.Command(["dotnet", "build", "-v", "q", folder], env=DOTNET).wait(120)
        assert done.code == 0, done.out + done.err
        yield folder


# No build servers that outlive the test.
DOTNET = {"DOTNET_CLI_TELEMETRY_OPTOUT": 1, "DOTNET_NOLOGO": 1, "DOTNET_SKIP_FIRST_TIME_EXPERIENCE": 1,
          "MSBUILDDISABLENODEREUSE": 1, "UseSharedCompilation": "false", "DOTNET_CLI_USE_MSBUILD_SERVER": 0}


@pytest.fixture
def small(project):
    return project / "bin" / "Debug" / "net10.0" / "Small"


@pytest.fixture
def tmp():
    """TMPDIR of medic and program, so that what is left behind is seen."""
    with harness.temp_dir(prefix="ml-") as path:
        yield path


def launch_args(folder, *command, more=()):
    return ["launch", "-P", visit.PROFILER, "-o", folder, *more, "--", *command]


def launch(folder, *command, more=(), **kwargs):
    return harness.run_medic(launch_args(folder, *command, more=more), timeout=90, **kwargs)


def start_patient(patient, mode, folder, *more, runtime="net10.0", **kwargs):
    """A patient under medic launch: p.process is medic, p.pid the program's."""
    return patient(mode, runtime, prefix=[harness.MEDIC, *launch_args(folder, more=more)], **kwargs)


def sessions(folder):
    return [visit.Visit(one, None) for one in sorted(folder.iterdir())]


# --- the recording ----------------------------------------------------------------------------------------------------

def test_every_collection_since_the_first_instruction_is_in_the_report(patient, runtime, tmp):
    p = start_patient(patient, "web", tmp / "s", runtime=runtime, env={"TMPDIR": tmp, "DOTNET_GCgen0size": "0x400000"})
    for _ in range(5):
        urllib.request.urlopen(f"http://127.0.0.1:{p.port}/alloc?kb=30000", timeout=20).read()
    before = p.stats()
    assert p.quit() == 0, p.stderr()
    seen = visit.Visit(tmp / "s", None)
    assert seen.capture.text["start"] == "startup"
    assert seen.capture.end_reason == session.END_TARGET_EXIT
    assert seen.collections[0] == before["gen0"] > 0
    assert seen.about["state"] == "complete" and seen.about["target"]["pid"] == p.pid
    assert seen.about["target"]["name"] == "Patient"
    assert seen.files == {"capture.mdc", "report.json", "session.json"}
    assert "runtime_pauses" in p.stderr()
    visit.assert_clean(tmp)


def test_framework_dependent_program_by_the_host(small, tmp):
    done = launch(tmp / "s", "dotnet", f"{small}.dll", "exit", 3, check=3, env={"TMPDIR": tmp})
    seen = visit.Visit(tmp / "s", done)
    assert seen.about["target"]["name"] == "Small"
    assert seen.capture.text["start"] == "startup" and done.out == ""
    visit.assert_clean(tmp)


def test_duration_limits_the_recording_and_not_the_program(patient, tmp):
    p = start_patient(patient, "induced", tmp / "s", "-d", "300ms", env={"TMPDIR": tmp})
    harness.wait_until((tmp / "s" / "report.json").exists, 15, "the report")
    seen = visit.Visit(tmp / "s", None)
    assert seen.capture.end_reason == session.END_DURATION
    harness.wait_until(lambda: not visit.work_folders(tmp), 10, "an end of the work folder")
    p.assert_works()
    assert harness.run_medic(["report", tmp / "s"], check=0).out
    assert p.quit() == 0
    assert "runtime_pauses" in p.stderr()


# --- the program does not notice --------------------------------------------------------------------------------------

@pytest.mark.parametrize("code", [0, 3, 255])
def test_exit_code_of_the_program(small, tmp, code):
    assert launch(tmp / "s", small, "exit", code).code == code
    assert visit.Visit(tmp / "s", None).severity == "healthy"


def test_exit_code_of_a_killed_program(patient, tmp):
    p = start_patient(patient, "induced", tmp / "s", env={"TMPDIR": tmp})
    harness.wait_until(lambda: visit.wait_running(tmp)[0] and session.status(visit.wait_running(tmp)[0]).records > 3, 15)
    os.kill(p.pid, signal.SIGKILL)
    assert p.wait() == 137
    assert "this is what was seen until then" in p.stderr() and "runtime_pauses" in p.stderr()
    assert visit.Visit(tmp / "s", None).about["state"] == "incomplete"
    visit.assert_clean(tmp)


def test_a_program_that_dies_at_once_has_run_for_some_time(tmp):
    """Not for 0 µs: what it was like until then is in the capture, however short."""
    program = harness.TARGETS / "net10.0" / "Patient"
    with harness.start_medic(launch_args(tmp / "s", program, "idle"), env={"TMPDIR": tmp}) as medic:
        work, = visit.wait_running(tmp)
        time.sleep(0.03)
        os.kill(session.status(work).pid, signal.SIGKILL)
        done = medic.wait()
    assert done.code == 137 and " 0 µs" not in done.err and " 0 ns" not in done.err, done
    assert visit.Visit(tmp / "s", done).report["session"]["duration_ns"] > 0


def run_plain(command, stdin=b"", launcher=(), **kwargs):
    return subprocess.run([*map(str, launcher), *map(str, command)], input=stdin, capture_output=True,
                          env=harness.clean_env(), timeout=60, check=False, **kwargs)


@pytest.mark.parametrize("command, stdin", [(["bytes"], b""), (["copy"], bytes(range(256)) * 500)],
                         ids=["written", "copied from stdin"])
def test_output_is_byte_identical(small, tmp, command, stdin):
    bare = run_plain([small, *command], stdin)
    under = run_plain([small, *command], stdin, [harness.MEDIC, *launch_args(tmp / "s")])
    assert (under.returncode, under.stdout) == (bare.returncode, bare.stdout)
    assert bare.stdout and b"runtime_pauses" in under.stderr


@pytest.mark.parametrize("command", ["umask", "grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status", "ls /proc/self/fd",
                                     "ps -o pgid= -p $$ | grep -c $(ps -o pgid= -p $PPID)"])
def test_nothing_of_medic_is_inherited(tmp, command):
    """Umask, signals, open files as without medic; and the same process group."""
    bare = run_plain(["sh", "-c", command])
    under = run_plain(["sh", "-c", command], launcher=[harness.MEDIC, *launch_args(tmp / "s")])
    assert under.stdout == bare.stdout and bare.stdout


def test_ignored_signals_stay_ignored(tmp):
    command = ["sh", "-c", "grep SigIgn /proc/self/status"]
    ignore = ["sh", "-c", 'trap "" HUP INT USR1 PIPE CHLD; exec "$0" "$@"']
    bare = run_plain(command, launcher=ignore)
    assert run_plain(command, launcher=[*ignore, harness.MEDIC, *launch_args(tmp / "s")]).stdout == bare.stdout


def test_reader_of_the_output_sees_its_end_before_the_program_ends(tmp):
    with harness.start_medic(launch_args(tmp / "s", "sh", "-c", "echo last; exec >&-; exec sleep 30")) as medic:
        harness.wait_until(lambda: not medic._readers[0].is_alive(), 10, "the end of stdout")
        assert medic.out_so_far() == "last\n" and medic.process.poll() is None
        medic.signal(signal.SIGTERM)
        assert medic.wait().code == 143


def test_a_reader_of_the_report_that_is_gone_changes_no_exit_code(small, tmp):
    command = [harness.MEDIC, *launch_args(tmp / "s", small, "exit", 3)]
    done = run_plain(["bash", "-c", '"$@" 2>&1 | true; exit ${PIPESTATUS[0]}', "-", *command])
    assert done.returncode == 3


# --- signals ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "WINCH", "CONT"])
def test_signal_to_medic_reaches_the_program_once(tmp, name):
    with harness.start_medic(launch_args(tmp / "s", "bash", "-c", SCRIPT % (name, name))) as medic:
        harness.wait_until(lambda: "ready" in medic.out_so_far(), 10, "the script")
        medic.signal(getattr(signal, f"SIG{name}"))
        harness.wait_until(lambda: "got" in medic.out_so_far(), 10, "the signal")
        assert medic.process.poll() is None
        medic.signal(signal.SIGUSR1 if name == "TERM" else signal.SIGTERM)
        done = medic.wait()
    assert done.out == f"ready\ngot {name}\n" and done.code == 128 + (10 if name == "TERM" else 15)


def test_program_that_ends_itself_when_terminated_has_a_complete_report(small, tmp):
    with harness.start_medic(launch_args(tmp / "s", small, "wait"), env={"TMPDIR": tmp}) as medic:
        harness.wait_until(lambda: "ready" in medic.out_so_far(), 30, "the program")
        medic.signal(signal.SIGTERM)
        done = medic.wait()
    assert (done.code, done.out) == (7, "ready\nbye\n")
    assert visit.Visit(tmp / "s", done).capture.end_reason == session.END_TARGET_EXIT
    assert visit.Visit(tmp / "s", done).about["state"] == "complete"
    visit.assert_clean(tmp)


def test_program_that_dies_of_the_signal_is_reported_until_then(patient, tmp):
    """What .NET 10 does without a handler: the runtime is not told of its end."""
    p = start_patient(patient, "induced", tmp / "s", env={"TMPDIR": tmp})
    p.process.send_signal(signal.SIGTERM)
    assert p.wait() == 143
    assert "this is what was seen until then" in p.stderr() and "runtime_pauses" in p.stderr()
    assert visit.Visit(tmp / "s", None).capture.plugin_records
    visit.assert_clean(tmp)


def test_killed_medic_leaves_the_program_alone(patient, tmp):
    p = start_patient(patient, "induced", tmp / "s", env={"TMPDIR": tmp})
    visit.wait_running(tmp)
    p.process.kill()
    p.process.wait()
    try:
        assert "induced" in pathlib.Path(f"/proc/{p.pid}/cmdline").read_text()
        done = harness.run_medic(["report", tmp / "s"], check=0)
        assert "runtime_pauses" in done.out and visit.Visit(tmp / "s", done).about["state"] == "incomplete"
        assert pathlib.Path(f"/proc/{p.pid}").exists()
    finally:
        os.kill(p.pid, signal.SIGKILL)


def on_terminal(tmp, *command):
    return harness.start_medic(launch_args(tmp / "s", *command), tty=True, env={"TMPDIR": tmp})


def test_ctrl_c_ends_the_program_and_medic_reports(small, tmp):
    with on_terminal(tmp, small, "wait") as medic:
        harness.wait_until(lambda: "ready" in medic.out_so_far(), 30, "the program")
        medic.type("\x03")
        done = medic.wait()
    assert done.code == 7
    assert "runtime_pauses" in done.out and f"session: {tmp / 's'}" in done.out
    assert visit.Visit(tmp / "s", done).about["state"] == "complete"
    visit.assert_clean(tmp)


def test_ctrl_c_kills_a_program_without_a_handler_and_medic_reports(tmp):
    with on_terminal(tmp, harness.TARGETS / "net10.0" / "Patient", "induced") as medic:
        harness.wait_until(lambda: "ready" in medic.out_so_far(), 30, "the patient")
        medic.type("\x03")
        done = medic.wait()
    assert done.code == 130 and "runtime_pauses" in done.out
    visit.assert_clean(tmp)


@pytest.mark.parametrize("key, name", [("\x03", "INT"), ("\x1c", "QUIT")])
def test_key_of_the_terminal_reaches_the_program_once(tmp, key, name):
    with on_terminal(tmp, "bash", "-c", SCRIPT % (name, name)) as medic:
        harness.wait_until(lambda: "ready" in medic.out_so_far(), 10, "the script")
        medic.type(key)
        harness.wait_until(lambda: "got" in medic.out_so_far(), 10, "the signal")
        medic.signal(signal.SIGTERM)
        done = medic.wait()
    assert done.out.count("got") == 1 and done.code == 143


def test_it_is_said_only_of_a_program_that_it_runs_on(small, tmp):
    """The recording is over before the command when that goes on after the program, as `dotnet run` does."""
    with on_terminal(tmp, "sh", "-c", f"{small}; sleep 2") as medic:
        done = medic.wait()
    assert done.code == 0 and "hello" in done.out and "runtime_pauses" in done.out
    assert "runs on" not in done.out, done.out


def test_program_is_stopped_and_continued_by_the_shell(small, tmp):
    """Ctrl-Z gives the terminal back to the shell, fg to the program."""
    command = " ".join(map(str, [harness.MEDIC, *launch_args(tmp / "s", harness.TARGETS / "net10.0" / "Patient", "idle")]))
    with harness.Command(["bash", "--norc", "-i"], tty=True, env={"TMPDIR": tmp, "PS1": "$ "}) as shell:
        shell.type(f"{command}\n")
        harness.wait_until(lambda: "ready " in shell.out_so_far(), 30, "the patient")
        shell.type("\x1a")
        harness.wait_until(lambda: "Stopped" in shell.out_so_far(), 10, "the shell's word")
        shell.type("fg\n")
        shell.type("stats\n")
        harness.wait_until(lambda: "totalPauseMs" in shell.out_so_far(), 10, "the patient's answer")
        shell.type("quit\n")
        harness.wait_until(lambda: "session: " in shell.out_so_far(), 15, "the report")
        shell.type("exit $?\n")
        assert shell.wait().code == 0
    assert visit.Visit(tmp / "s", None).about["state"] == "complete"


def test_terminal_shows_nothing_of_medic_before_the_program_ends(tmp):
    with on_terminal(tmp, harness.TARGETS / "net10.0" / "Patient", "idle") as medic:
        harness.wait_until(lambda: "ready" in medic.out_so_far(), 30, "the patient")
        visit.wait_running(tmp)
        medic.type("stats\n")
        harness.wait_until(lambda: medic.out_so_far().endswith("}\r\n"), 10, "the answer")
        said = re.sub(r"\x1b(\[[?0-9]*[a-z]|=)", "", medic.out_so_far())  # .NET sets up its terminal
        # The terminal may echo the line, and .NET's console once more what it finds typed when it takes over.
        assert re.fullmatch(r"ready \d+\r\n(stats\r\n){1,2}\{.*\}\r\n", said), medic.out_so_far()
        medic.type("quit\n")
        assert medic.wait().code == 0


# --- which process ----------------------------------------------------------------------------------------------------

def test_only_the_parent_is_profiled(small, tmp):
    launch(tmp / "s", small, "family", check=0, env={"TMPDIR": tmp})
    seen = visit.Visit(tmp / "s", None)
    assert seen.about["target"]["command_line"].endswith("family")
    visit.assert_clean(tmp)


def test_children_have_a_session_each(small, tmp):
    done = launch(tmp / "all", small, "family", more=["--children"], check=0, env={"TMPDIR": tmp})
    seen = sessions(tmp / "all")
    endings = sorted(one.about["target"]["command_line"].removeprefix(str(small)) for one in seen)
    assert endings == [" exit 0", " exit 0", " family"]
    for one in seen:
        assert one.about["state"] == "complete" and one.capture.text["start"] == "startup"
        assert str(one.about["target"]["pid"]) == one.folder.name
        assert f"(pid {one.folder.name})" in done.err
    visit.assert_clean(tmp)


def test_duration_counts_for_each_child(small, patient, tmp):
    p = start_patient(patient, "induced", tmp / "all", "--children", "-d", "200ms", env={"TMPDIR": tmp})
    harness.wait_until(lambda: list((tmp / "all").glob("*/report.json")), 15, "the report")
    assert sessions(tmp / "all")[0].capture.end_reason == session.END_DURATION
    assert p.quit() == 0
    visit.assert_clean(tmp)


@pytest.mark.parametrize("more", [(), ("--children",)])
def test_children_that_are_no_net_programs_are_left_alone(patient, tmp, more):
    p = start_patient(patient, "fork", tmp / "s", *more, env={"TMPDIR": tmp})
    p.assert_works()
    assert p.quit() == 0
    assert len(list((tmp / "s").rglob("report.json"))) == 1
    visit.assert_clean(tmp)


def test_child_that_outlives_the_program_is_left_and_reported(tmp):
    program = harness.TARGETS / "net10.0" / "Patient"
    script = (f"mkfifo {tmp}/in; {program} induced <> {tmp}/in > {tmp}/out 2>&1 & "
              f"until grep -q ready {tmp}/out 2> /dev/null; do sleep 0.1; done; exit 4")
    done = launch(tmp / "s", "bash", "-c", script, env={"TMPDIR": tmp})
    assert done.code == 4, done
    pid = int((tmp / "out").read_text().split()[1])
    try:
        assert visit.Visit(tmp / "s", done).capture.end_reason == session.END_REQUEST
        assert not [f for f in harness.fds(pid).values() if "capture.mdc" in f]
    finally:
        os.kill(pid, signal.SIGKILL)
    visit.assert_clean(tmp)


@pytest.mark.parametrize("more", [(), ("--children",)])
def test_dotnet_run_profiles_the_program_and_not_the_sdk(project, tmp, more):
    """With a build: the command line, MSBuild and the compiler are .NET programs, too."""
    (project / "Program.cs").write_text(PROGRAM + f"// {more}\n")
    done = launch(tmp / "s", "dotnet", "run", "--project", project, "--", "exit", 3, more=more, check=3,
                  env={"TMPDIR": tmp, **DOTNET})
    seen = sessions(tmp / "s") if more else [visit.Visit(tmp / "s", done)]
    assert [one.about["target"]["name"] for one in seen] == ["Small"]
    assert seen[0].about["target"]["command_line"].endswith("Small exit 3")
    assert not visit.work_folders(tmp)


def test_commands_of_the_sdk_are_not_profiled_and_medic_says_so(tmp):
    done = launch(tmp / "s", "dotnet", "--list-sdks", check=0)
    assert done.out
    visit.assert_sentence(done.err, "nothing was profiled", "SDK")
    assert not (tmp / "s").exists()


# --- refusals ---------------------------------------------------------------------------------------------------------

def test_a_program_that_is_not_net_runs_and_medic_says_so(tmp):
    done = launch(tmp / "s", "sh", "-c", "echo out; exit 5", env={"TMPDIR": tmp})
    assert (done.code, done.out) == (5, "out\n")
    visit.assert_sentence(done.err, "nothing was profiled", "no .NET program")
    visit.assert_clean(tmp, tmp / "s")


@pytest.mark.parametrize("command, code, words", [
    (["nosuchcommand"], 127, ["nosuchcommand", "no such command", "PATH"]),
    (["./nosuchcommand"], 127, ["nosuchcommand", "no such command"]),
    (["/etc/passwd"], 126, ["/etc/passwd", "may not be executed", "chmod"]),
    (["/tmp"], 126, ["/tmp", "folder"]),
])
def test_commands_that_cannot_be_run(tmp, command, code, words):
    visit.refuse(launch_args(tmp / "s", *command), code, *words, env={"TMPDIR": tmp})
    visit.assert_clean(tmp, tmp / "s")


def test_a_script_without_its_interpreter(tmp):
    script = tmp / "script"
    script.write_text("#!/nosuch/interpreter\n")
    script.chmod(0o755)
    visit.refuse(launch_args(tmp / "s", script), 126, "interpreter")


@pytest.mark.parametrize("args, words", [
    (["-P", visit.PROFILER], ["which program", "--"]),
    (["-P", visit.PROFILER, "--"], ["which program"]),
    (["--", "true"], ["which profiler", "-P"]),
    (["-P", "nosuch", "--", "true"], ["nosuch"]),
    (["-P", visit.PROFILER, "-d", "soon", "--", "true"], ["-d soon"]),
    (["-P", visit.PROFILER, "--set", "colour=blue", "--", "true"], ["colour"]),
    (["-P", visit.PROFILER, "--child", "--chidlren", "--", "true"], ["chidlren", "--children"]),
])
def test_wrong_arguments(args, words):
    visit.refuse(["launch", *args], visit.ARGUMENTS, *words)


def test_options_behind_the_command_are_the_programs(tmp):
    done = harness.run_medic(["launch", "-P", visit.PROFILER, "-o", tmp / "s", "echo", "-P", "--help", "-d"], check=0)
    assert done.out == "-P --help -d\n"


@pytest.mark.parametrize("env, code, words", [
    ({"CORECLR_ENABLE_PROFILING": 1, "CORECLR_PROFILER": "{846F5F1C-F9AE-4B07-969E-05C26BC060D8}",
      "CORECLR_PROFILER_PATH": "/opt/other.so"}, visit.SESSION, ["another profiler", "/opt/other.so", "unset"]),
    ({"DOTNET_EnableDiagnostics": 0}, visit.PLATFORM, ["DOTNET_EnableDiagnostics", "unset"]),
    ({"DOTNET_EnableDiagnostics_Profiler": 0}, visit.PLATFORM, ["DOTNET_EnableDiagnostics_Profiler", "unset"]),
])
def test_environments_in_which_no_profiler_can_be_loaded(tmp, env, code, words):
    visit.refuse(launch_args(tmp / "s", "echo", "ran"), code, *words, env={"TMPDIR": tmp, **env})
    visit.assert_clean(tmp, tmp / "s")


def test_variables_of_a_profiler_that_is_switched_off_do_not_win(small, tmp):
    env = {"CORECLR_ENABLE_PROFILING": 0, "CORECLR_PROFILER_PATH_64": "/opt/other.so"}
    launch(tmp / "s", small, "exit", 0, check=0, env=env)
    assert visit.Visit(tmp / "s", None).severity == "healthy"


@pytest.mark.parametrize("more", [(), ("--children",)])
def test_a_folder_that_is_not_empty_is_refused(tmp, more):
    (tmp / "file").touch()
    visit.refuse(launch_args(tmp, "echo", "ran", more=more), visit.SESSION, "not empty", "-o")


def test_json_goes_where_the_report_goes(small, tmp):
    done = launch(tmp / "s", small, more=["-f", "json"], check=0)
    assert done.out == "hello\n"
    assert json.loads(done.err)["session"]["id"] == visit.Visit(tmp / "s", done).about["id"]


def test_help_says_what_the_exit_codes_are():
    done = harness.run_medic(["launch", "--help"], check=0)
    for word in ("--children", "Exit code", "127", "128 + N", "Examples", "stderr"):
        assert word in done.out
