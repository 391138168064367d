"""What cpu_hotpaths and merged_stacks leave, read for the tests: stacks from report.json, samples and totals from the capture.

The report's own tables are looked at by name; shares, roots and lines are computed here from its section of stacks, so that a
table and what it is made of can be held against each other."""

import collections
import contextlib
import functools
import http.client
import json
import re
import signal
import struct
import threading
from dataclasses import dataclass

import harness
import session
import visit

CPU, MERGED = "cpu_hotpaths", "merged_stacks"
PLUGINS = (CPU, MERGED)
TIMERS, SUSPENSION = 1, 2                     # enum medic_sampling_engine
TRUNCATED, BROKEN, JOINED = 1, 2, 4           # enum medic_stack_flags
_SAMPLE, _TOTALS = 256, 258                   # plugins/cpu_hotpaths/cpu_hotpaths.h
_FRAME, _IMAGE = 10, 11                       # medic/capture_format.h
_SOURCES = harness.REPO / "tests" / "targets" / "Patient" / "Modes"

Frame = collections.namedtuple("Frame", "function module file line")
Sample = collections.namedtuple("Sample", "stack time_ns os_id flags weight_ns")


@dataclass(frozen=True)
class State:
    """medic_sampling_state at the end of a recording."""
    engine: int
    samples: int
    lost: int
    lost_ns: int
    unwound: int
    truncated: int
    broken: int
    threads: int
    threads_missed: int
    handler_ns: int


@dataclass(frozen=True)
class Stack:
    frames: tuple  # root first
    weight: int    # ns of CPU time, or threads
    count: int

    def passes(self, function):
        return any(f.function == function for f in self.frames)

    @property
    def functions(self):
        return [f.function for f in self.frames]

    @property
    def root(self):
        return self.frames[0]

    @property
    def leaf(self):
        return self.frames[-1]


class Profile(visit.Visit):
    """A visit of one of the two."""

    def section(self, name):
        for one in self.report["sections"]:
            if one["id"] == name:
                return one
        raise AssertionError(f"no section {name} but {[s['id'] for s in self.report['sections']]}")

    @functools.cached_property
    def stacks(self):
        section = self.section("stacks")
        frames = [Frame(f["function"], f["module"] or "", f["file"], f["line"]) for f in section["frames"]]
        columns = [c["id"] for c in section["columns"]]
        weight = columns.index("weight")
        count = columns.index("stacks")
        return [Stack(tuple(frames[i] for i in stack), row[weight], row[count])
                for row, stack in zip(section["rows"], section["stacks"])]

    @property
    def total(self):
        return sum(s.weight for s in self.stacks)

    def through(self, function):
        """Weight of the stacks that pass the function."""
        return sum(s.weight for s in self.stacks if s.passes(function))

    def ending(self, function):
        return sum(s.weight for s in self.stacks if s.leaf.function == function)

    def functions(self):
        return {f.function for s in self.stacks for f in s.frames}

    def lines(self, function):
        """{(file, line)} that the frames of the function show."""
        return {(f.file, f.line) for s in self.stacks for f in s.frames if f.function == function}

    # of the capture

    @functools.cached_property
    def raw_stacks(self):
        """{stack id: [file that the frame's code is of, or "managed", or "?"]}, root first, as the core recorded them."""
        images, frames, stacks = {}, {}, {}
        for kind, data in self.capture.records:
            if kind == _IMAGE:
                ident, length = struct.unpack_from("<Q", data)[0], struct.unpack_from("<I", data, 68)[0]
                images[ident] = data[72:72 + length].decode()
            elif kind == _FRAME:
                ident, what, _, _, image = struct.unpack_from("<IIQQQ", data)
                frames[ident] = {1: "managed", 2: images.get(image, "?")}.get(what, "?")
            elif kind == session.STACK:
                ident, count = struct.unpack_from("<QI", data)
                stacks[ident] = [frames[i] for i in struct.unpack_from(f"<{count}I", data, 16)]
        return stacks

    @functools.cached_property
    def samples(self):
        """Those of one thread with one stack, next to each other in time, are one."""
        return [Sample(*struct.unpack_from("<QQIIQ", payload)) for kind, payload in self.capture.plugin_records
                if kind == _SAMPLE]

    @functools.cached_property
    def state(self):
        payload, = [payload for kind, payload in self.capture.plugin_records if kind == _TOTALS]
        size, *fields = struct.unpack_from("<II9Q", payload)
        assert size >= 80, size
        return State(*fields)


def record(target, folder, duration, *more, profiler=CPU, **kwargs):
    """One recording, from attach to report."""
    done = harness.run_medic(visit.attach_args(target, folder, duration, profiler, more), check=visit.OK, timeout=60,
                             **kwargs)
    return Profile(folder, done)


def record_cpu(target, folder, cpu_s, *more, at_most=30, look=None):
    """A recording that ends when the patient has used so much CPU time: what a share is worth depends on that, and not on
    how long others kept the processors. With look: (Profile, look() when it began, look() when it ended)."""
    pid, looks = target.process.pid, []
    with visit.start_attach(target, folder, *more, duration="120s", profiler=CPU) as medic:
        if look:
            harness.wait_until(lambda: "medic" in " ".join(harness.threads(pid).values()), 15, "Medic's thread")
            looks.append(look())
        begin = harness.cpu_seconds(pid)
        with contextlib.suppress(harness.HarnessError):
            harness.wait_until(lambda: medic.process.poll() is not None or harness.cpu_seconds(pid) - begin >= cpu_s,
                               at_most, "CPU time", interval=0.05)
        if look:
            looks.append(look())
        medic.signal(signal.SIGINT)
        done = medic.wait(60)
    assert done.code == visit.OK, (done.code, done.err)
    return (Profile(folder, done), *looks) if look else Profile(folder, done)


def record_truth(patient, folder, cpu_s, *more):
    """(Profile, Truth) of a patient that accounts for its shares."""
    profile, before, after = record_cpu(patient, folder, cpu_s, *more, look=lambda: shares(patient))
    return profile, Truth.between(before, after, patient.runtime)


# --- the truth --------------------------------------------------------------------------------------------------------

@dataclass
class Truth:
    """What a patient says that it spent between two looks; `method` as this runtime can name it."""
    process_ns: int
    ns: dict      # {part: ns}
    method: dict  # {part: method}
    leaf: dict    # {part: method or ""}

    @classmethod
    def between(cls, before, after, runtime="net10.0"):
        ns = {a["name"]: a["ns"] - b["ns"] for b, a in zip(before["parts"], after["parts"])}
        parts = after["parts"]
        return cls(after["processNs"] - before["processNs"], ns,
                   {p["name"]: as_named_by(runtime, p["method"]) for p in parts}, {p["name"]: p["leaf"] for p in parts})


def as_named_by(runtime, method):
    """Before .NET 10 the runtime does not tell the class of code that instances of a generic type share."""
    return method if runtime.startswith("net10") else method.replace("<__Canon>.", ".")


def shares(patient):
    return json.loads(patient.ask("shares"))


@functools.cache
def marks():
    """{mark: (file name, line)} of the `// MARK name` comments in the patient's sources."""
    found = {}
    for path in _SOURCES.glob("*.cs"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if match := re.search(r"// MARK ([\w-]+)$", line):
                assert match[1] not in found, f"two lines are marked {match[1]}"
                found[match[1]] = (path.name, number)
    return found


def same_place(file, line, mark):
    """Whether a frame's file and line are those of a mark."""
    name, number = marks()[mark]
    return bool(file) and file.replace("\\", "/").endswith(f"/Modes/{name}") and line == number


# --- load -------------------------------------------------------------------------------------------------------------

class WebLoad:
    """Clients that ask a web patient without a pause, each over a connection that it keeps. Leaving it fails when a request
    did."""

    def __init__(self, port, clients=4, path="/json"):
        self._port, self._path = port, path
        self._stop = threading.Event()
        self.answers, self.failures = 0, []
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        for one in self._threads:
            one.join(30)
        if kind is None:
            assert not self.failures, f"{len(self.failures)} requests of {self.answers} failed: {self.failures[:3]}"
            assert self.answers > 0

    def _ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stop.is_set():
            try:
                connection.request("GET", self._path)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200 or not body:
                    self.failures.append(f"status {answer.status}")
            except (OSError, http.client.HTTPException) as e:
                self.failures.append(repr(e))
                return
            self.answers += 1
        connection.close()
