"""Faults of the system for medic and for programs: fault.c, built once and preloaded, and the file that steers it."""

import functools
import os
import struct
import subprocess

import harness

SOURCES = harness.REPO / "tests" / "e2e"
FOLDER = harness.BUILD / "tests" / "e2e"
SIZE = 4096


def build(source, name, *options):
    FOLDER.mkdir(parents=True, exist_ok=True)
    out, fresh = FOLDER / name, FOLDER / f".{name}.{os.getpid()}"
    if not out.exists() or out.stat().st_mtime < (SOURCES / source).stat().st_mtime:
        subprocess.run(["cc", "-O1", "-std=gnu11", "-Wall", "-Wextra", "-o", fresh, SOURCES / source, *options], check=True)
        fresh.rename(out)
    return out


@functools.lru_cache(None)
def library():
    return build("fault.c", "fault.so", "-shared", "-fPIC", "-fno-builtin", "-ldl")


@functools.lru_cache(None)
def fake_runtime():
    return build("fake_runtime.c", "fake_runtime", f"-I{harness.REPO / 'sdk' / 'include'}", "-ldl")


class Faults:
    """A file of rules: see fault.c. `env` is for the process that shall suffer."""

    def __init__(self, folder, *rules):
        self.path = folder / "fault-rules"
        self.env = {"LD_PRELOAD": library(), "FAULT_FILE": self.path}
        self._generation = 0
        self.path.write_bytes(bytes(SIZE))
        self.set(*rules)

    def set(self, *rules):
        """Each a tuple: function, action, and if need be module, match, skip, count, forked by name in a dict."""
        self._generation += 1
        lines = [str(self._generation)]
        for function, action, *more in rules:
            how = {"module": "-", "match": "-", "skip": 0, "count": 1 << 30, "forked": 0, **(more[0] if more else {})}
            lines.append(f"{function} {how['module']} {how['match']} {action} {how['skip']} {how['count']} {how['forked']}")
        text = ("\n".join(lines) + "\n").encode()
        with self.path.open("r+b") as file:  # one write: a process may be reading
            file.write(text + bytes(SIZE - len(text)))

    @property
    def struck(self):
        return struct.unpack("<q", self.path.read_bytes()[-8:])[0]
