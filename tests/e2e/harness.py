"""What the end-to-end tests stand on: patients, the medic command, and snapshots of a process from /proc.

Only the standard library, so that a bench or a script can use it too. Everything that waits has a deadline, and only
processes that were started here are ever ended, by their pid.
"""

import contextlib
import json
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MEDIC_BUILD", REPO / "build")).resolve()
TARGETS = BUILD / "targets"
MEDIC = BUILD / "bin" / "medic"
LIBMEDIC = BUILD / "lib" / "libmedic.so"
PLUGINS = BUILD / "lib" / "plugins"

RUNTIMES = ("net8.0", "net9.0", "net10.0")
MODES = ("healthy", "idle", "induced", "induced-nonblocking", "churn", "bigheap", "slowsuspend", "pausemix", "web",
         "crash", "fork", "cpu", "frames", "shares", "blocked", "starved", "threadchurn", "nullrefs", "forkexec",
         "jit", "throws", "mix", "makings", "turns", "waits")
SIGNALS_LIBRARY = BUILD / "tests" / "targets" / "libmedic_signals.so"  # for the mode signals

# Settings of the caller's shell that would change what a patient or medic does.
_STRANGERS = ("DOTNET_", "COMPlus_", "CORECLR_", "COR_", "MEDIC_", "ASPNETCORE_")


class HarnessError(AssertionError):
    """A patient or medic did not do what every test relies on."""


def clean_env(extra=None):
    """The caller's environment without settings of the runtime or of Medic, plus extra (None removes a variable)."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(_STRANGERS)}
    env["DOTNET_NOLOGO"] = "1"
    for key, value in (extra or {}).items():
        if value is None:
            env.pop(key, None)
        else:
            env[key] = str(value)
    return env


def wait_until(condition, timeout, what="the condition", interval=0.01):
    """Polls until condition() is true and returns its value; fails with a sentence when the time is over."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise HarnessError(f"{what} did not come true within {timeout} s")
        time.sleep(interval)


@contextlib.contextmanager
def temp_dir(prefix="medic-test-", parent=None):
    """A folder that is gone afterwards, whatever rights a test took away in it."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield path
    finally:
        for folder, _, _ in os.walk(path):
            with contextlib.suppress(OSError):
                os.chmod(folder, 0o700)
        shutil.rmtree(path, ignore_errors=True)


# --- the patient ------------------------------------------------------------------------------------------------------

class _Lines:
    """The lines of a pipe, read by a thread so that every wait can have a deadline and no pipe ever fills."""

    def __init__(self, pipe):
        self._pipe = pipe
        self._lines = []
        self._ended = False
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._pipe:
            with self._news:
                self._lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()
        self._pipe.close()

    def next(self, timeout):
        """The next line, or None when the pipe ended or the time is over."""
        with self._news:
            self._news.wait_for(lambda: self._lines or self._ended, timeout)
            return self._lines.pop(0) if self._lines else None

    def rest(self, timeout=2):
        """All lines that were not asked for, once the pipe has ended."""
        with self._news:
            self._news.wait_for(lambda: self._ended, timeout)
            return list(self._lines)


class Patient:
    """A running tests/targets/Patient. Use it as a context manager: leaving it ends the process, however it got there.

        with Patient("induced", "net8.0", env={"DOTNET_gcServer": 1}, gap=True) as patient:
            before = patient.stats()
    """

    def __init__(self, mode, runtime="net10.0", env=None, gap=False, args=(), timeout=30, cwd=None, prefix=(),
                 user=None):
        self.mode, self.runtime, self.port = mode, runtime, None
        program = TARGETS / runtime / "Patient"
        if not program.exists():
            raise HarnessError(f"{program} is missing: publish it by tests/targets/publish.sh")
        command = [*map(str, prefix), str(program), mode, *map(str, args), *(["--gap"] if gap else [])]
        self._env, self._litter = clean_env(env), []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, bufsize=1, env=self._env, cwd=cwd, user=user)
        self._out, self._err = _Lines(self.process.stdout), _Lines(self.process.stderr)
        try:
            self._wait_ready(timeout)
        except BaseException:
            self.close()
            raise

    start = classmethod(lambda cls, *args, **kwargs: cls(*args, **kwargs))

    def _wait_ready(self, timeout):
        line = self._out.next(timeout)
        words = (line or "").split()
        if len(words) < 2 or words[0] != "ready":
            try:
                end = f"ended with {self.process.wait(1)}"
            except subprocess.TimeoutExpired:
                end = f"still runs after {timeout} s"
            raise HarnessError(f"{self} never was ready: said {line!r}, {end}; its stderr: {self.stderr()}")
        self.pid = int(words[1])  # as the patient sees it: another one than process.pid behind a prefix
        self._litter = _ipc_files(self.pid, self._env) if self.pid == self.process.pid else []
        self.port = int(words[2]) if len(words) > 2 else None

    def __repr__(self):
        return f"Patient({self.mode}, {self.runtime}, pid {self.process.pid})"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # life

    def is_alive(self):
        return self.process.poll() is None

    def assert_alive(self):
        if not self.is_alive():
            raise HarnessError(f"{self} ended with {self.process.returncode}; its stderr: {self.stderr()}")

    def quit(self, timeout=10):
        """Asks it to end and returns the exit code (0 for a patient that is well)."""
        with contextlib.suppress(OSError):
            self.process.stdin.write("quit\n")
            self.process.stdin.close()
        return self.wait(timeout)

    def wait(self, timeout=10):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise HarnessError(f"{self} did not end within {timeout} s") from None

    def kill(self):
        """SIGKILL, and waits for the end."""
        self.process.kill()
        return self.process.wait(10)

    def signal(self, number):
        """SIGSTOP, SIGCONT, ..."""
        self.process.send_signal(number)

    def close(self):
        """Ends it: never fails, never touches another process. A killed runtime leaves its socket: that goes too."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for path in self._litter:
            with contextlib.suppress(OSError):
                path.unlink()
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def stderr(self):
        """What it wrote to stderr; complete once it has ended."""
        return "\n".join(self._err.rest(2 if not self.is_alive() else 0))

    # talk

    def tell(self, line):
        """A line to its stdin: a command of the mode such as `abort`."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line, timeout=10):
        """Tells it a line and returns the line it answers."""
        try:
            self.tell(line)
        except OSError as e:
            raise HarnessError(f"{self} does not listen any more ({e}): {self.stderr()}") from None
        answer = self._out.next(timeout)
        if answer is None:
            raise HarnessError(f"{self} did not answer {line!r} within {timeout} s")
        return answer

    def stats(self, timeout=10):
        """Its own account, a dict: totalPauseMs gen0 gen1 gen2 induced threads work gapMs server version.
        gen0 counts every collection and gen1 those of gen1 and gen2, as GC.CollectionCount does."""
        return json.loads(self.ask("stats", timeout))

    def work(self):
        return self.stats()["work"]

    def assert_works(self, timeout=5):
        """Fails unless the work goes on."""
        before = self.work()
        wait_until(lambda: self.work() > before, timeout, f"progress of {self}")


def _ipc_files(pid, env):
    """The diagnostics socket and the debugger's pipes of a runtime."""
    folder = pathlib.Path(env.get("TMPDIR", "/tmp"))
    return [*folder.glob(f"dotnet-diagnostic-{pid}-*-socket"), *folder.glob(f"clr-debug-pipe-{pid}-*")]


# --- private mounts ---------------------------------------------------------------------------------------------------

def over_tmp(mount):
    """Shell commands for a private mount namespace: `mount` puts something over /tmp, and a build that lies below /tmp stays
    where it was."""
    if not BUILD.is_relative_to("/tmp"):
        return mount
    return f'mount --bind "{BUILD}" /mnt; {mount}; mkdir -p "{BUILD}"; mount --bind /mnt "{BUILD}"; umount /mnt'


# --- the command ------------------------------------------------------------------------------------------------------

@dataclass
class Done:
    """A command that has ended. `code` is negative for a signal; `timed_out` says that it was ended by the harness."""
    args: list
    code: int
    out: str
    err: str
    elapsed: float
    timed_out: bool = False


class Command:
    """A command that runs: for tests that interrupt it. With tty=True stdin, stdout and stderr are one terminal, whose
    text is `out`; `columns` is its width."""

    def __init__(self, args, env=None, cwd=None, tty=False, columns=100, user=None):
        self.args = [str(a) for a in args]
        launcher = ["setsid", "--ctty"] if tty else []  # makes the terminal the controlling one, then execs: same pid
        self._started = time.monotonic()
        self._chunks = {}
        master, slave = pty.openpty() if tty else (None, None)
        if tty:
            _set_width(slave, columns)
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), slave) if tty else {
            "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        try:
            self.process = subprocess.Popen([*launcher, *self.args], env=clean_env(env), cwd=cwd, user=user, **streams)
        finally:
            if tty:
                os.close(slave)
        pipes = {"out": master} if tty else {"out": self.process.stdout.fileno(), "err": self.process.stderr.fileno()}
        self._readers = [threading.Thread(target=self._read, args=item, daemon=True) for item in pipes.items()]
        for reader in self._readers:
            reader.start()
        self._master = master

    @property
    def pid(self):
        return self.process.pid

    def _read(self, name, fd):
        chunks = self._chunks.setdefault(name, [])
        with contextlib.suppress(OSError):  # a terminal answers EIO when its other side is closed
            while chunk := os.read(fd, 65536):
                chunks.append(chunk)

    def _text(self, name):
        return b"".join(self._chunks.get(name, [])).decode("utf-8", "replace")

    def out_so_far(self):
        return self._text("out")

    def err_so_far(self):
        return self._text("err")

    def signal(self, number=signal.SIGINT):
        self.process.send_signal(number)

    def type(self, text):
        """Keys on the terminal, `\\x03` for Ctrl-C; only with tty=True."""
        os.write(self._master, text.encode())

    def wait(self, timeout=30):
        """The Done; when the time is over the command is killed first."""
        timed_out = False
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            self.process.kill()
            self.process.wait()
        elapsed = time.monotonic() - self._started
        for reader in self._readers:
            reader.join(2)
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        if self._master is not None:
            os.close(self._master)
            self._master = None
        return Done(self.args, self.process.returncode, self._text("out"), self._text("err"), elapsed, timed_out)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        if self._master is not None or (self.process.stdout and not self.process.stdout.closed):
            self.wait()


def _set_width(fd, columns):
    import fcntl
    import struct
    import termios
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))


def start_medic(args, **kwargs):
    """medic, running: see Command."""
    return Command([MEDIC, *args], **kwargs)


def run_medic(args, timeout=30, check=None, **kwargs):
    """Runs medic to its end; with check=N fails unless it ends with that code. Keywords: as Command."""
    done = start_medic(args, **kwargs).wait(timeout)
    if done.timed_out:
        raise HarnessError(f"medic {' '.join(done.args[1:])} did not end within {timeout} s: {done.out}{done.err}")
    if check is not None and done.code != check:
        raise HarnessError(f"medic {' '.join(done.args[1:])} ended with {done.code}, not {check}: {done.out}{done.err}")
    return done


def run_attacher(pid, guid, library=LIBMEDIC, data=None, timeout=30, env=None):
    """Microsoft.Diagnostics.NETCore.Client attaches; data is the client data (text), None for none at all."""
    command = ["dotnet", TARGETS / "attacher" / "Attacher.dll", pid, guid, library, *([] if data is None else [data])]
    return Command(command, env=env).wait(timeout)


def assert_undisturbed(signals, prof):
    """What the patient's mode signals counts. Its own SIGPROF is a signal to the process: the kernel wakes one thread for it and
    lets another take it now and then, and the first one's wait ends with EINTR (bare: 1 in 4,000 signals)."""
    assert signals["profForeign"] == signals["alternateWrong"] == signals["errnoChanged"] == 0, signals
    assert signals["interrupted"] <= (max(2, 0.01 * signals["waits"]) if prof else 0), signals


# --- snapshots --------------------------------------------------------------------------------------------------------

def threads(pid):
    """{tid: name}"""
    names = {}
    for entry in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread may end while we look
            names[int(entry.name)] = (entry / "comm").read_text().strip()
    return names


def fds(pid):
    """{number: what it is open on}"""
    links = {}
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            links[int(entry.name)] = os.readlink(entry)
    return links


@dataclass(frozen=True)
class Mapping:
    start: int
    end: int
    rights: str
    path: str

    @property
    def size(self):
        return self.end - self.start


def maps(pid):
    """The list of Mapping."""
    result = []
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, rights, _, _, _, *path = line.split(None, 5)
        start, end = (int(x, 16) for x in span.split("-"))
        result.append(Mapping(start, end, rights, path[0] if path else ""))
    return result


def mapped_files(pid):
    """The set of files that are mapped: `any("medic" in f for f in mapped_files(pid))`."""
    return {m.path for m in maps(pid) if m.path.startswith("/")}


def signal_handlers(pid):
    """{"SigBlk", "SigIgn", "SigCgt"} as the kernel shows them for the main thread."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)
            if key in ("SigBlk", "SigIgn", "SigCgt")}


def memory(pid):
    """{"rss", "private_dirty", "private", "pss"} in bytes, from smaps_rollup."""
    kb = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, value = line.split()[:2]
        kb[key.rstrip(":")] = int(value) * 1024
    return {"rss": kb["Rss"], "pss": kb["Pss"], "private_dirty": kb["Private_Dirty"],
            "private": kb["Private_Dirty"] + kb["Private_Clean"]}


def cpu_seconds(pid):
    """User and system time of the process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Snapshot:
    """What a process holds at a moment."""
    threads: dict
    fds: dict
    maps: list
    files: set
    memory: dict

    @classmethod
    def of(cls, pid):
        return cls(threads(pid), fds(pid), maps(pid), mapped_files(pid), memory(pid))


@dataclass
class Difference:
    """What came and went between two snapshots; threads, fds and maps count the growth, which may be negative."""
    new_threads: dict
    gone_threads: dict
    new_fds: dict
    gone_fds: dict
    new_files: set
    threads: int
    fds: int
    maps: int
    memory: dict = field(default_factory=dict)


def difference(before, after):
    """after minus before."""
    return Difference(
        new_threads={t: n for t, n in after.threads.items() if t not in before.threads},
        gone_threads={t: n for t, n in before.threads.items() if t not in after.threads},
        new_fds={n: p for n, p in after.fds.items() if before.fds.get(n) != p},
        gone_fds={n: p for n, p in before.fds.items() if after.fds.get(n) != p},
        new_files=after.files - before.files,
        threads=len(after.threads) - len(before.threads),
        fds=len(after.fds) - len(before.fds),
        maps=len(after.maps) - len(before.maps),
        memory={k: after.memory[k] - before.memory[k] for k in before.memory})


def diagnostics_sockets(pid, folder="/tmp"):
    """The diagnostics sockets that the runtime of a process made."""
    return list(pathlib.Path(folder).glob(f"dotnet-diagnostic-{pid}-*-socket"))
