"""Recordings of exceptions, allocations and contention, of programs that do a known number of each on command."""

import contextlib
import json
import os
import signal
import struct
from dataclasses import dataclass

import harness
import profiles
import session
import visit

EXCEPTIONS, ALLOCATIONS, CONTENTION = "exceptions", "allocations", "contention"
LONG = os.environ.get("MEDIC_SOAK") == "1"
CYCLES = 50 if LONG else 10
# Each runtime with the workstation GC and with the server's; CASES has the latter of one, which is enough every day.
ALL_CASES = [(runtime, env) for env in ({}, {"DOTNET_gcServer": 1}) for runtime in harness.RUNTIMES]
CASES = ALL_CASES if LONG else [*ALL_CASES[:3], ALL_CASES[-1]]


def name_of(case):
    runtime, env = case
    return f"{runtime}-{'server' if env else 'workstation'}"


@dataclass
class Seen:
    """A recording, and what the program says that it did meanwhile."""
    profile: profiles.Profile
    truth: dict
    runtime: str

    def rows(self, section):
        return self.profile.rows(section)

    @property
    def verdict(self):
        return self.profile.verdict


def recorded(folder):
    """The plugin's records so far, of a capture that is being written."""
    with contextlib.suppress(OSError, struct.error):
        data = (folder / "capture.mdc").read_bytes()
        at = struct.unpack_from("<I", data, 12)[0]
        while at + 16 <= len(data):
            size, kind = struct.unpack_from("<II", data, at)
            payload = data[at + 16:at + 16 + size]
            if len(payload) < size or not kind:
                return
            if kind >= 256:
                yield kind, payload
            at += 16 + (size + 7) // 8 * 8


@contextlib.contextmanager
def recording(target, folder, profiler, ready, *more, prime=None):
    """medic attach, running, once ready(records) says that events come."""
    with visit.start_attach(target, folder, *more, duration="300s", profiler=profiler) as medic:
        def is_ready():
            assert medic.process.poll() is None, medic.wait()
            if prime:
                target.ask(prime)
            running = [f for f in session.default_folders(target.pid, uid=os.geteuid())
                       if session.status(f).state == session.RUNNING]
            return running and ready(recorded(running[-1]))
        harness.wait_until(is_ready, 30, f"events of {target}", interval=0.1)
        yield medic


def record(target, folder, profiler, command, ready, *more, prime=None, timeout=60):
    """Attaches, has the program do what it knows, and ends."""
    with recording(target, folder, profiler, ready, *more, prime=prime) as medic:
        truth = json.loads(target.ask(command, timeout))
        medic.signal(signal.SIGINT)
        done = medic.wait(60)
    assert done.code == visit.OK and not done.timed_out, (done.code, done.err)
    return Seen(profiles.Profile(folder, done), truth, target.runtime)


def has_place(text, mark):
    """Whether a text tells the file and the line of a mark."""
    name, number = profiles.marks()[mark]
    return f"{name}:{number}" in (text or "")


def strangers(target):
    """Threads that are not the runtime's own, whose pool breathes."""
    return {(tid, name) for tid, name in harness.threads(target.pid).items() if not name.startswith(".NET")}


def come_and_go(target, out_dir, profiler):
    """Attach and detach, again and again, under the program's full load: it works on, and nothing stays."""
    def folders():
        return set(session.default_folders(target.pid, uid=os.geteuid()))
    before, old = strangers(target), folders()  # old: of another process that had this pid
    for n in range(CYCLES):
        done = harness.run_medic(visit.attach_args(target, out_dir / f"{profiler}{n}", "300ms", profiler), timeout=60)
        assert done.code == visit.OK, f"visit {n + 1} was refused: {done.err}"
        target.assert_alive()
    target.assert_works(timeout=20)
    harness.wait_until(lambda: not strangers(target) - before, 10, f"the end of {strangers(target) - before}")
    assert not folders() - old, "a session's folder stays"
    assert target.ask("traced") == "no", "an event session stays"
    assert target.quit(20) == 0, target.stderr()
