"""A visit of medic to a patient: the attach, what it said, what it left. For the tests of the command."""

import functools
import json
import os
import pathlib
import re
import shutil

import harness
import session

PROFILER = "runtime_pauses"
GUID = "7c1a5e0c-3f0b-4b8a-9b51-2f6d1c0e7a01"
NOBODY = 65534
STAGED = re.compile(r"^(libmedic|[a-z0-9_]+)-[0-9a-f]{32}\.so$")

# Exit codes, as `medic help` lists them.
OK, SESSION, REFUSED, ARGUMENTS, PLATFORM, UNKNOWN, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


class Visit:
    """A session folder that medic has finished."""

    def __init__(self, folder, done):
        self.folder, self.done = pathlib.Path(folder), done

    @functools.cached_property
    def report(self):
        return json.loads((self.folder / "report.json").read_text())

    @property
    def about(self):
        """session.json"""
        return json.loads((self.folder / "session.json").read_text())

    @property
    def capture(self):
        return session.capture(self.folder)

    @property
    def verdict(self):
        return self.report["verdict"]

    @property
    def severity(self):
        return self.report["severity"]

    @property
    def files(self):
        return {path.name for path in self.folder.iterdir()}

    def rows(self, section):
        """The rows of a section as dicts; none when the report does not have it."""
        for one in self.report["sections"]:
            if one["id"] == section:
                return [dict(zip((c["id"] for c in one["columns"]), row)) for row in one["rows"]]
        return []

    @property
    def collections(self):
        """Count and total (ns) of the pauses for collections."""
        row, = (r for r in self.rows("summary") if r["group"] == "collections")
        return row["count"], row["total"]


def attach_args(target, folder, duration="200ms", profiler=PROFILER, more=()):
    return ["attach", getattr(target, "pid", target), "-P", profiler, "-d", duration, "-o", folder, *more]


def attach(target, folder, *more, duration="200ms", profiler=PROFILER, check=OK, **kwargs):
    """medic attach to its end; target is a Patient, a pid or a name."""
    done = harness.run_medic(attach_args(target, folder, duration, profiler, more), check=check, **kwargs)
    return Visit(folder, done)


def start_attach(target, folder, *more, duration="10s", profiler=PROFILER, **kwargs):
    """medic attach, running."""
    return harness.start_medic(attach_args(target, folder, duration, profiler, more), **kwargs)


def refuse(args, code, *words, **kwargs):
    """medic refuses: this exit code, and on stderr one sentence that holds all the words. Returns the sentence."""
    done = harness.run_medic(args, **kwargs)
    assert_refused(done, code, *words)
    return done.err


def assert_refused(done, code, *words):
    told = f"medic {' '.join(map(str, done.args[1:]))} ended with {done.code} and said {done.err!r}"
    assert done.code == code, f"{told}: the exit code should be {code}"
    assert done.out == "", f"{told}, and on stdout {done.out!r}: a refusal has nothing for stdout"
    assert_sentence(done.err, *words)


def assert_sentence(text, *words):
    """One line, `medic: ...`, with cause and cure: the words are what a reader must find in it."""
    assert text.startswith("medic: ") and text.endswith("\n") and text.count("\n") == 1, f"not one sentence: {text!r}"
    for word in words:
        assert word in text, f"{word!r} is missing in {text!r}"


# --- what lies in the target's temporary folder -----------------------------------------------------------------------

def work_folders(tmp, uid=None):
    """The folders of sessions that run there, or were left behind."""
    places = [tmp / f"medic-{os.geteuid() if uid is None else uid}"]
    return [folder for place in places if place.is_dir() for folder in place.iterdir() if folder.is_dir()]


def assert_clean(tmp, *also):
    """In a temporary folder nothing of Medic's but staged libraries, which the next session uses again."""
    left = [path for place in tmp.glob("medic-*") for path in place.rglob("*") if not STAGED.match(path.name)]
    assert not left, f"left behind in {tmp}: {left}"
    for path in also:
        assert not path.exists(), f"left behind: {path}: {list(path.iterdir()) if path.is_dir() else 'a file'}"


def wait_running(tmp, timeout=15, uid=None, count=1):
    """The work folders once that many sessions record."""
    def running():
        folders = [f for f in work_folders(tmp, uid) if (session.status(f) or none).state == session.RUNNING]
        return folders if len(folders) >= count else None
    none = type("None_", (), {"state": 0})
    return harness.wait_until(running, timeout, f"{count} recording session in {tmp}")


def wait_attachable(target, parent, timeout=10):
    """Attaches again and again until it is accepted, which it must be within the time. The Visit."""
    attempts, refusals = [0], []

    def try_once():
        attempts[0] += 1
        folder = parent / f"again-{attempts[0]}"
        done = harness.run_medic(attach_args(target, folder, "50ms"))
        if done.code == OK:
            return Visit(folder, done)
        refusals.append(done.err)
        return None

    try:
        return harness.wait_until(try_once, timeout, "the next attach", interval=0.2)
    except harness.HarnessError as e:
        raise harness.HarnessError(f"{e}; medic said {refusals[-1] if refusals else 'nothing'!r}") from None


# --- a program with a name of its own ---------------------------------------------------------------------------------

def named_program(folder, name, runtime="net10.0"):
    """The patient's program under another name, for tests that attach by name while other patients run. Give it to
    Patient as prefix=named_program(...)."""
    source = harness.TARGETS / runtime
    for path in source.iterdir():
        if path.name == "Patient":
            shutil.copy(path, folder / name)
        elif not path.name.startswith("."):
            (folder / path.name).symlink_to(path)
    return ["sh", "-c", 'shift; exec "$0" "$@"', folder / name]
