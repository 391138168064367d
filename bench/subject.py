"""What is measured: a patient with a temporary folder of its own, and `medic attach` on it with the times of its steps.

All times are CLOCK_MONOTONIC in ns, which the core, Python and the whole machine share."""

import contextlib
import json
import os
import pathlib
import signal
import struct
import time
from dataclasses import dataclass

import harness
import session

PROFILER = "runtime_pauses"
_PAUSE = struct.Struct("<5Q8IQ")  # rp_pause in plugins/runtime_pauses/records.h
_PAUSE_TYPE = 256
_GC = struct.Struct("<Q8I")  # rp_gc
_GC_TYPE, _GC_START, _GC_END, _BACKGROUND = 260, 1, 2, 1
_FOR_COLLECTIONS = (1, 7)  # COR_PRF_SUSPEND_FOR_GC, COR_PRF_SUSPEND_FOR_GC_PREP


@dataclass(frozen=True)
class Pause:
    asked_ns: int    # the runtime's own clock begins
    begin_ns: int    # it asks its threads to stop
    counted_ns: int  # the collection is over, which is where the runtime's own clock ends
    restart_ns: int  # it lets them go
    end_ns: int      # all may run
    reason: int
    collections: int

    @property
    def length_ns(self):
        return self.end_ns - self.begin_ns

    @property
    def is_collection(self):
        return self.reason in _FOR_COLLECTIONS or self.collections > 0


def pauses(capture):
    """The pauses of a capture, oldest first."""
    events = [_GC.unpack_from(p) for kind, p in capture.plugin_records if kind == _GC_TYPE]
    starts = {number: at for at, what, number, *_ in events if what == _GC_START}
    background = [at for at, what, _, _, _, type, *_ in events if what == _GC_START and type == _BACKGROUND]
    ends = [(starts.get(number, 0), at) for at, what, number, *_ in events if what == _GC_END]
    found = []
    for kind, payload in capture.plugin_records:
        if kind == _PAUSE_TYPE:
            f = _PAUSE.unpack_from(payload)
            inside = [end for start, end in ends if f[1] <= start and f[2] < end <= f[3]]
            clear = len(inside) == 1 and f[8] <= 1 and not any(f[1] <= at <= f[4] for at in background)
            found.append(Pause(f[13], f[1], inside[0] if clear else f[3], f[3], f[4], f[5], f[8] + f[9]))
    return sorted(found, key=lambda p: p.begin_ns)


class TimedMedic(harness.Command):
    """medic, running, and when each piece of its output arrived."""

    def __init__(self, args, env):
        self.arrived = []  # (CLOCK_MONOTONIC, bytes of stdout so far)
        self.spawned_ns = time.monotonic_ns()
        super().__init__([harness.MEDIC, *args], env=env)

    def _read(self, name, fd):
        chunks, size = self._chunks.setdefault(name, []), 0
        with contextlib.suppress(OSError):
            while chunk := os.read(fd, 65536):
                chunks.append(chunk)
                size += len(chunk)
                if name == "out":
                    self.arrived.append((time.monotonic_ns(), size))

    def when_said(self, text):
        """When the first bytes that hold this text had arrived, or None."""
        out = b"".join(self._chunks.get("out", []))
        at = out.find(text.encode())
        if at < 0:
            return None
        return next(when for when, size in self.arrived if size >= at + len(text.encode()))


@dataclass
class Session:
    """A session that is over."""
    spawned_ns: int
    exited_ns: int
    verdict_ns: int       # the verdict was on stdout
    status: session.Status  # the last one that was seen while it ran
    capture: session.Capture
    report: dict
    folder: pathlib.Path

    @property
    def end_ns(self):
        """When the capture was complete."""
        return struct.unpack_from("<Q", self.capture.of(session.END)[-1])[0]


class Subject:
    """A patient to be measured. The patient's temporary folder and all sessions are gone afterwards.

        with Subject("churn", "net8.0") as subject:
            done = subject.attach("1s")
    """

    def __init__(self, mode, runtime, options, server=False, gap=False, args=(), profiler=PROFILER):
        self._stack, self._profiler = contextlib.ExitStack(), profiler
        try:
            self.tmp = self._stack.enter_context(harness.temp_dir(prefix="mb-"))
            env = {"TMPDIR": self.tmp, **({"DOTNET_gcServer": 1} if server else {})}
            self.patient = self._stack.enter_context(harness.Patient(mode, runtime, env=env, gap=gap, args=args))
        except BaseException:
            self._stack.close()
            raise
        self.pid, self._sessions = self.patient.pid, 0
        options.machine["runtimes"][runtime] = self.patient.stats()["version"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    @property
    def env(self):
        """For a client that looks for the patient: where its socket is, and nothing left in the user's home."""
        return {"TMPDIR": self.tmp, "XDG_STATE_HOME": self.tmp}

    def cpu_ns(self):
        """CPU time of the whole process, to the nanosecond: its CPU clock, see clock_getcpuclockid(3)."""
        return time.clock_gettime_ns((~self.patient.process.pid << 3) | 2)

    def medic_threads_ns(self):
        """CPU time of the threads that Medic has in the patient, as the kernel counts it."""
        total = 0
        for tid, name in harness.threads(self.pid).items():
            if name.startswith("medic"):
                with contextlib.suppress(OSError):
                    total += int(pathlib.Path(f"/proc/{self.pid}/task/{tid}/schedstat").read_text().split()[0])
        return total

    def status(self):
        """What the core writes about the session that runs, or None."""
        for folder in (self.tmp / f"medic-{os.getuid()}").glob("*/"):
            now = session.status(folder)
            if now and now.pid == self.pid:
                return now
        return None

    # sessions

    def start(self, duration="120s", profiler=None, settings=None):
        """`medic attach`, just started, with the subject's profiler if no other one is given; end it by finish()."""
        self._sessions += 1
        self._place = self.tmp / f"session-{self._sessions}"
        chosen = [word for pair in (settings or {}).items() for word in ("--set", "=".join(pair))]
        return TimedMedic(["attach", self.pid, "-P", profiler or self._profiler, "-d", duration, "-o", self._place, *chosen],
                          self.env)

    def wait_running(self, medic, timeout=15):
        """Waits until it records; the status."""
        def running():
            now = self.status()
            if medic.process.poll() is not None:
                raise harness.HarnessError(f"medic ended early: {medic.wait(1).err}")
            return now if now and now.state == session.RUNNING else None
        return harness.wait_until(running, timeout, "the session")

    def finish(self, medic, status, stop=False, timeout=60):
        """Ends it by Ctrl-C when stop is set, waits for its end, and reads what it left."""
        if stop:
            medic.signal(signal.SIGINT)
        medic.process.wait(timeout)
        exited_ns = time.monotonic_ns()
        done = medic.wait(timeout)
        if done.code != 0:
            raise harness.HarnessError(f"medic attach ended with {done.code}: {done.err}{done.out[:500]}")
        report = json.loads((self._place / "report.json").read_text())
        verdict = " ".join(report["verdict"].split()[:4])  # the terminal text may break the line later
        return Session(medic.spawned_ns, exited_ns, medic.when_said(verdict), status, session.capture(self._place),
                       report, self._place)

    def attach(self, duration_s, watch=True):
        """A whole session. The status file, which is gone with it, is read late in the session: a poll at its beginning
        would take CPU from what is measured."""
        medic = self.start(f"{duration_s}s")
        seen = None
        if watch:
            time.sleep(duration_s * 0.6)
            while medic.process.poll() is None and not (seen and seen.begin_ns and seen.first_record_ns):
                seen = self.status() or seen
                time.sleep(0.01)
        return self.finish(medic, seen)
