"""Photographs of the heap: how they are asked for, the copy of the process while it lives, and what must be as before."""

import contextlib
import functools
import os
import pathlib
import re
import struct

import faults
import harness
import visit

PROFILER = "gc_survivors"
COPY, COLLECT, ENUMERATE = "copy", "collect", "enumerate"
NUMBERS = {COPY: 1, COLLECT: 2, ENUMERATE: 3}
GCS = {"regions": {}, "segments": {"DOTNET_GCName": "libclrgc.so"}, "server": {"DOTNET_gcServer": 1}}
CODE_MEMORY = "/memfd:doublemapper"
RECORD_HEAP, RECORD_DONE = 13, 23


def routes(runtime, gc="regions"):
    """Those that there are."""
    return [route for route in NUMBERS if not (route == COPY and gc == "server")
            and not (route == ENUMERATE and runtime == "net8.0")]


def attach_args(p, folder, route, *more):
    return ["attach", p.pid, "-P", PROFILER, "--set", f"route={route}", *more, "-o", folder]


def try_to_take(p, folder, route, *more, timeout=60, check=None, **kwargs):
    """A photograph, or a refusal. The Visit."""
    return visit.Visit(folder, harness.run_medic(attach_args(p, folder, route, *more), timeout=timeout, check=check, **kwargs))


def take(p, folder, route, *more, **kwargs):
    """A photograph that comes to be. The Visit."""
    photo = try_to_take(p, folder, route, *more, check=visit.OK, **kwargs)
    assert done_of(photo)["objects"] > 0
    return photo


def start(p, folder, route, *more):
    return harness.start_medic(attach_args(p, folder, route, *more))


def route_of(photo):
    """The route of the photograph that is complete, and which attempt it was."""
    number = done_of(photo)["photo"]
    heads = [struct.unpack_from("<IIIIQ", data) for data in photo.capture.of(RECORD_HEAP)]
    head, = (h for h in heads if h[0] == number)
    return next(name for name, n in NUMBERS.items() if n == head[1]), head[3]


def done_of(photo):
    done, = photo.capture.of(RECORD_DONE)
    keys = ("photo", "length", "objects", "bytes", "pause_ns", "predicted_pause_ns", "copy_ns", "copy_cpu_ns",
            "copy_memory_bytes", "attempts")
    return dict(zip(keys, struct.unpack_from("<II7QI", done)))


# --- the copy ---------------------------------------------------------------------------------------------------------

def children(pid):
    """{pid: state} of the processes that a process has made, zombies too."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid:
            found[int(path.parent.name)] = state
    return found


def copies(pid):
    """The copies of a process, once they are harmless: nothing else volunteers for the OOM killer, and last of all they close
    what they have inherited."""
    return [child for child in children(pid)
            if _text(f"/proc/{child}/oom_score_adj") == "1000" and 0 < _count(f"/proc/{child}/fd") <= 3]


def _count(folder):
    try:
        return len(os.listdir(folder))
    except OSError:
        return 0


def _text(path):
    try:
        return pathlib.Path(path).read_text().strip()
    except OSError:
        return ""


def wait_copy(p, timeout=30):
    return harness.wait_until(lambda: copies(p.pid), timeout, f"a copy of {p}", interval=0.001)[0]


def is_gone(pid):
    return not pathlib.Path(f"/proc/{pid}").exists()


def anonymous(pid):
    """Bytes of private memory that is not of a file."""
    return int(re.search(r"^RssAnon:\s+(\d+)", _text(f"/proc/{pid}/status"), re.M)[1]) << 10


# --- as before --------------------------------------------------------------------------------------------------------

class Before:
    """What a quiet process holds; check() fails when anything of it is changed afterwards."""

    def __init__(self, p, tmp=None):
        self.p, self.tmp = p, tmp
        p.stats()  # it listens by now
        self.fds, self.threads = self._fds(), len(harness.threads(p.pid))
        self.signals = harness.signal_handlers(p.pid)
        self.works = p.mode != "heap"

    def _fds(self):
        return sorted(re.sub(r"\d{3,}", "N", target) for target in harness.fds(self.p.pid).values()
                      if not target.endswith(".dll"))  # the program uses another one

    def check(self):
        self.p.assert_alive()
        pid = self.p.pid
        harness.wait_until(lambda: not children(pid), 5, f"the end of all copies: {children(pid)}")
        harness.wait_until(lambda: not [n for n in harness.threads(pid).values() if n.startswith("medic")], 10,
                           f"the end of Medic's threads: {harness.threads(pid)}")
        with contextlib.suppress(harness.HarnessError):
            harness.wait_until(lambda: self._fds() == self.fds, 5)
        now = self._fds()
        assert now == self.fds, f"descriptors: before {self.fds}, now {now}"
        assert harness.signal_handlers(pid) == self.signals
        if self.tmp:
            visit.assert_clean(self.tmp)
        if self.works:
            self.p.assert_works()
        else:
            assert float(self.p.ask("collect")) > 0, "it collects no more"


# --- the runtime's code memory ----------------------------------------------------------------------------------------

def executable_pages(pid):
    """{offset: page} of the runtime's code memory, where it is mapped for execution: it lies in one file, mapped more than
    once, which a copy of the process shares unless it takes its own."""
    page_size = os.sysconf("SC_PAGE_SIZE")
    descriptor = next((fd for fd, target in harness.fds(pid).items() if target.startswith(CODE_MEMORY)), None)
    assert descriptor is not None, f"process {pid} has no {CODE_MEMORY}"
    pages = {}
    with open(f"/proc/{pid}/fd/{descriptor}", "rb") as file:
        for first, last in _executable_ranges(pid):
            at = first
            while at < last:
                try:
                    at = os.lseek(file.fileno(), at, os.SEEK_DATA)
                except OSError:
                    break
                end = min(last, os.lseek(file.fileno(), at, os.SEEK_HOLE))
                for offset in range(at, end, page_size):
                    pages[offset] = os.pread(file.fileno(), page_size, offset)
                at = max(end, at + 1)
    return pages


def _executable_ranges(pid):
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, rights, offset, _, _, *path = line.split(None, 5)
        if path and path[0].startswith(CODE_MEMORY) and "x" in rights:
            start, end = (int(x, 16) for x in span.split("-"))
            yield int(offset, 16), int(offset, 16) + end - start


def overwritten(before, after):
    """What was there and is not any more: {address in the file: (8 bytes before, 8 bytes after)}. New code is no change: the
    runtime appends what it compiles, to memory that is zero until then."""
    found = {}
    for offset, page in before.items():
        now = after.get(offset)
        if now in (page, None):
            continue
        for at in range(0, len(page), 8):
            old, new = page[at:at + 8], now[at:at + 8]
            if any(a != b and a for a, b in zip(old, new)):
                found[hex(offset + at)] = (old.hex(" "), new.hex(" "))
    return found


# --- surroundings -----------------------------------------------------------------------------------------------------

@functools.lru_cache(None)
def hammer():
    """A library to preload: see hammer.c."""
    return faults.build("hammer.c", "hammer.so", "-shared", "-fPIC", "-pthread")


@functools.lru_cache(None)
def forbid_fork():
    """A program to put in front of another: see forbid_fork.c."""
    return faults.build("forbid_fork.c", "forbid_fork")
