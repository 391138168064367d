"""The completions of bash, zsh and fish, in the shells themselves, and `medic complete` that answers them."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import textwrap
import time

import pytest

import harness
import visit

FOLDER = harness.REPO / "packaging" / "completions"
BASH = r"""
source {script}
COMP_LINE={line}; COMP_POINT=${{#COMP_LINE}}
# As readline does: words end at blanks and at the characters of COMP_WORDBREAKS, which are words of their own.
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_medic medic 2> {folder}/errors
printf '%s\n' "${{COMPREPLY[@]}}"
cat {folder}/errors >&2
"""


def words_of(line):
    """The words of a line as bash splits them for a completion."""
    return [part for word in line.split(" ") for part in (re.findall(r"=|[^=]+", word) or [""])] + \
        ([""] if line.endswith("=") else [])


class Shell:
    """A shell with the completion, and a medic in its PATH; `offers(line)` is what a Tab behind it shows."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.env = harness.clean_env({"PATH": f"{harness.MEDIC.parent}:{os.environ['PATH']}", "HOME": folder,
                                      "XDG_STATE_HOME": folder / "state", "TERM": "xterm", "LC_ALL": "C.UTF-8"})

    def offers(self, line):
        return getattr(self, f"_{self.name}")(line)

    def _run(self, command, *args):
        done = subprocess.run([*command, *map(str, args)], env=self.env, cwd=self.folder, capture_output=True, text=True,
                              timeout=30, check=False)
        assert not done.stderr.strip(), done.stderr
        return done.stdout

    def _bash(self, line):
        script = BASH.format(script=FOLDER / "medic.bash", line=shlex.quote(line), folder=self.folder,
                             words=" ".join(shlex.quote(word) for word in words_of(line)))
        return set(self._run(["bash", "--norc", "-c", script]).split("\n")) - {""}

    def _fish(self, line):
        said = self._run(["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]"], FOLDER / "medic.fish", line)
        return {one.split("\t")[0] for one in said.splitlines()}

    def _zsh(self, line):
        """In a terminal: zsh completes nowhere else. compadd is made to tell the words that it is given and takes."""
        (self.folder / ".zshrc").write_text(textwrap.dedent(f"""
            fpath=({FOLDER} $fpath)
            autoload -Uz compinit && compinit -u -D
            PS1='READY%% '
            compadd() {{
                local -a taken
                builtin compadd -O taken "$@"
                print -rl -- $taken >> {self.folder}/taken
                builtin compadd "$@"
            }}
            bindkey '^I' complete-word
            """))
        (self.folder / "taken").write_text("")
        with harness.Command(["zsh", "-i"], env={**self.env, "ZDOTDIR": self.folder}, cwd=self.folder, tty=True) as zsh:
            harness.wait_until(lambda: "READY" in zsh.out_so_far(), 20, "a prompt of zsh")
            zsh.type(f"{line}\t")
            time.sleep(0.3)
            zsh.type("\x05 #DONE")  # echoed once the completion has ended
            harness.wait_until(lambda: "DONE" in zsh.out_so_far(), 20, "an end of the completion")
            zsh.process.kill()
        return set((self.folder / "taken").read_text().splitlines()) - {""}


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request):
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    with harness.temp_dir() as folder:
        yield Shell(request.param, folder)


def complete(*args, env=None):
    """{word: description}"""
    done = harness.run_medic(["complete", *args], check=0, env=env)
    assert not done.err
    return dict(line.split("\t", 1) for line in done.out.splitlines() if not line.startswith(":"))


def line(*words, env=None):
    return harness.run_medic(["complete", "line", *words], check=0, env=env).out.splitlines()


# --- in the shells ----------------------------------------------------------------------------------------------------

def test_commands(shell):
    assert {"ps", "profilers", "attach", "launch", "report", "help"} <= shell.offers("medic ")
    assert shell.offers("medic att") in ({"attach"}, {"attach "})
    assert "complete" not in shell.offers("medic ")


def test_options(shell):
    assert {"--profiler", "--duration", "--set", "--output", "--format", "--top", "--help"} <= \
        shell.offers("medic attach --")
    assert shell.offers("medic ps --f") == {"--format"}


def test_profilers(shell):
    assert visit.PROFILER in shell.offers("medic attach -P ")
    assert shell.offers("medic attach --profiler runt") == {visit.PROFILER}
    assert visit.PROFILER in shell.offers("medic profilers ")


def test_formats(shell):
    assert {"text", "json"} <= shell.offers("medic report -f ")
    assert shell.offers("medic ps -f ") == {"text", "json"}


def test_format_behind_an_equals_sign(shell):
    assert {word.split("=")[-1] for word in shell.offers("medic ps --format=")} == {"text", "json"}
    assert {word.split("=")[-1] for word in shell.offers("medic ps --format=js")} == {"json"}


def test_settings_of_the_chosen_profiler(shell):
    keys = {word.rstrip("=") for word in shell.offers(f"medic attach 1 -P {visit.PROFILER} --set ")}
    assert keys == {word.rstrip("=") for word in complete("parameters", visit.PROFILER)} and keys


def test_processes_by_pid_and_name(shell, patient):
    p = patient("idle")
    offers = shell.offers("medic attach ")
    assert str(p.pid) in offers
    assert str(p.pid) in shell.offers(f"medic attach -p {str(p.pid)[:2]}")
    assert str(p.pid) not in shell.offers("medic attach -n ")
    assert str(p.pid) in shell.offers("medic doctor ")
    p.assert_alive()


def test_sessions(shell, patient):
    p = patient("induced")
    harness.run_medic(["attach", p.pid, "-P", visit.PROFILER, "-d", "300ms"], check=0, env={"XDG_STATE_HOME": shell.env["XDG_STATE_HOME"]})
    session, = (pathlib.Path(shell.env["XDG_STATE_HOME"]) / "medic" / "sessions").glob("*-*-*")
    assert shell.offers("medic report ") == {session.name}
    assert shell.offers(f"medic report {session.name[:4]}") == {session.name}
    assert shell.offers("medic rm ") == {session.name}
    assert not shell.offers("medic stop ")  # it has ended
    p.quit()


def test_what_is_there_already_is_not_offered_again(patient, out_dir):
    env, p = {"XDG_STATE_HOME": out_dir}, patient("induced")
    for _ in range(2):
        harness.run_medic(["attach", p.pid, "-P", visit.PROFILER, "-d", "50ms"], check=0, env=env)
    first, second = sorted(complete("sessions", env=env))
    assert set(complete("line", "rm", first, "", env=env)) == {second}
    assert set(complete("line", "rm", first[:8], "", env=env)) == {second}
    assert not complete("line", "rm", first, second, "", env=env)
    assert not complete("line", "report", first, "", env=env)
    for given in ([str(p.pid)], ["-p", str(p.pid)], ["-n", "Patient"], [str(p.pid), "-P", visit.PROFILER]):
        assert not complete("line", "attach", *given, ""), given
    assert not complete("line", "doctor", str(p.pid), "")
    assert visit.PROFILER in complete("line", "attach", str(p.pid), "-P", "")


def test_folders_and_files(shell):
    (shell.folder / "results").mkdir()
    (shell.folder / "plugin.so").touch()
    assert {word.rstrip("/") for word in shell.offers("medic attach -o res")} == {"results"}
    assert any(word.endswith("plugin.so") for word in shell.offers("medic attach -P ./pl"))


def test_the_program_behind_launch(shell):
    (shell.folder / "unmistakable.dll").touch()
    assert any("unmistakable.dll" in word for word in shell.offers(f"medic launch -P {visit.PROFILER} -- ls unmis"))
    assert not shell.offers(f"medic launch -P {visit.PROFILER} -- ls --no-such-option-o") & {"--output"}


def test_nothing_where_nothing_is_known(shell):
    for text in ("medic nonsense x", "medic attach -d "):
        assert not {word for word in shell.offers(text) if word.startswith("medic") or word in ("text", "json")}


# --- the answers ------------------------------------------------------------------------------------------------------

def test_bash_at_a_real_prompt():
    """Readline, a terminal and a Tab: the script fits what bash really hands over."""
    default, = complete("parameters", visit.PROFILER, "threshold=")
    with harness.temp_dir() as folder:
        env = {"PATH": f"{harness.MEDIC.parent}:{os.environ['PATH']}", "HOME": folder, "PS1": "READY ", "TERM": "xterm"}
        with harness.Command(["bash", "--norc", "--noprofile", "-i"], env=env, cwd=folder, tty=True) as bash:
            harness.wait_until(lambda: "READY" in bash.out_so_far(), 10, "a prompt of bash")
            bash.type(f"source {shlex.quote(str(FOLDER / 'medic.bash'))}\n")
            for keys, shows in (("medic prof\t", "medic profilers "), ("--form\t", "--format "), ("js\t", "json "),
                                (f"\x15medic attach 1 -P {visit.PROFILER[:6]}\t", f"-P {visit.PROFILER} "),
                                ("--set thr\t", "threshold="), ("\t", f"{default} "),
                                ("\x15medic ps --format=t\t", "--format=text ")):
                bash.type(keys)
                harness.wait_until(lambda: shows in bash.out_so_far(), 10, f"{shows!r} behind {keys!r}: {bash.out_so_far()}")
            bash.type("\x15exit\n")
            assert bash.wait(10).code == 0


def test_words_have_descriptions():
    for what in ("commands", "profilers", "formats"):
        words = complete(what)
        assert words and all(words.values()), (what, words)
    assert all(complete("options", "attach").values())


def test_every_option_of_every_command_is_offered_and_helped():
    for command in complete("commands"):
        if command == "help":
            continue
        text = harness.run_medic(["help", command], check=0).out
        options = complete("options", command)
        assert set(re.findall(r"^ {2}(?:-\w,| {3}) (--[a-z-]+)", text, re.M)) == set(options), command


def test_values_of_a_parameter():
    keys = complete("parameters", visit.PROFILER)
    for key in keys:
        values = complete("parameters", visit.PROFILER, key)
        assert all(word.startswith(key) for word in values)
    assert set(complete("parameters", visit.PROFILER, "stacks=")) == {"stacks=true", "stacks=false"}
    said = line("attach", f"-P{visit.PROFILER}", "--set", "threshold=")
    assert any(re.match(r"threshold=\S+\tthe default", one) for one in said), said
    assert line("attach", f"--profiler={visit.PROFILER}", "--set=threshold=1")[0].startswith("--set=threshold=")


def test_unknown_words_offer_nothing_and_say_nothing():
    for words in (("nonsense", ""), ("attach", "--nonsense=", ""), ("attach", "-P", "nonsense", "--set", ""), ("help", "x", "")):
        done = harness.run_medic(["complete", "line", *words], check=0)
        assert not done.err, words


def test_the_program_of_launch_begins_behind_the_options():
    assert line("launch", "-P", "x", "") == [":command 4"]
    assert line("launch", "-P", "x", "--", "do") == [":command 5"]
    assert line("launch", "-P", "x", "dotnet", "-P", "") == [":command 4"]


def test_a_hanging_process_does_not_hold_up_a_completion(patient):
    p = patient("idle")
    p.signal(19)
    try:
        done = harness.run_medic(["complete", "processes"], check=0)
        assert str(p.pid) in done.out
    finally:
        p.signal(18)


def test_wrong_use_is_refused():
    assert "knows no" in harness.run_medic(["complete", "nonsense"], check=visit.ARGUMENTS).err
