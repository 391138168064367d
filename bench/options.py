"""What a bench is told, and how it talks while it runs."""

import contextlib
import sys

import machine
import peer
from table import Result


class Options:
    """Given to run() of every bench."""

    def __init__(self, name, title, quick=False, runtime=None, large=False):
        self._name, self._title, self._quick, self._runtime = name, title, quick, runtime
        self.large = large  # the largest case too, where a bench has one that takes long
        self._line = False
        self.machine = machine.describe()
        warning = machine.warning(self.machine)
        self._warnings = [f"Attention: {warning}."] if warning else []
        if quick:
            self._warnings.append("Quick: too few rounds to quote.")

    def result(self, columns):
        """An empty result. Its machine is the one that was described before the bench began."""
        for text in self._warnings:
            self.say(text)
        return Result(self._name, self._title, columns, notes=list(self._warnings), machine=self.machine)

    def rounds(self, full, quick):
        return quick if self._quick else full

    def runtimes(self, default):
        return (self._runtime,) if self._runtime else default

    def peer(self, result, what=peer.COLLECTIONS):
        """The version of the peer or None; either way the result says so."""
        version = peer.find()
        result.notes.append(f"Peer: dotnet-trace {version} collect {' '.join(what)}." if version else
                            "Peer not available: dotnet-trace is not in build/tools and could not be installed there.")
        return version

    # progress, on stderr: stdout is for results

    def say(self, text):
        self.end_line()
        print(f"{self._name}: {text}", file=sys.stderr, flush=True)

    def progress(self, label):
        """A callable that shows a sentence in the place of the last one."""
        def show(text):
            if sys.stderr.isatty():
                print(f"\r\x1b[K{self._name}: {label}: {text}", end="", file=sys.stderr, flush=True)
                self._line = True
        return show

    def counted(self, count, label):
        """range(count), with progress."""
        show = self.progress(label)
        for number in range(count):
            show(f"{number + 1} of {count}")
            yield number

    def end_line(self):
        if self._line:
            with contextlib.suppress(OSError):
                print(file=sys.stderr)
            self._line = False
