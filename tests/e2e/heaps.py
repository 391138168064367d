"""Photographs of patients whose heaps are known, for the tests of what the core captures and of what the reports say."""

import functools
import json

import harness
import heap_capture
import visit
from heap_capture import plain

SURVIVORS, STRINGS = "gc_survivors", "dup_strings"
GC = {"workstation": {}, "server": {"DOTNET_gcServer": 1}}


def routes_of(runtime, gc):
    """The kinds of photographs that are possible."""
    return [*(["copy"] if gc == "workstation" else []), "collect", *(["enumerate"] if runtime != "net8.0" else [])]


EVERY = [(runtime, gc, route) for runtime in harness.RUNTIMES for gc in GC for route in routes_of(runtime, gc)]
IDS = ["-".join(one) for one in EVERY]


class Heap(visit.Visit):
    """A visit that took photographs."""

    @functools.cached_property
    def photos(self):
        return heap_capture.photos(self.folder)

    @property
    def photo(self):
        one, = self.photos
        return one


def photograph(patient, folder, *more, profiler=SURVIVORS, route="auto", check=visit.OK, timeout=120):
    settings = [] if profiler == STRINGS else ["--set", f"route={route}"]
    args = ["attach", patient.pid, "-P", profiler, "-o", folder, *settings, *more]
    return Heap(folder, harness.run_medic(args, check=check, timeout=timeout))


def truth(patient):
    """What the patient says that its heap must show. Ask afterwards: answering allocates."""
    told = json.loads(patient.ask("truth", timeout=30))
    assert told["wrong"] == [], told["wrong"]
    told["types"] = {plain(name): (t["count"], t["bytes"]) for name, t in told["types"].items()}
    return told


def outsider(patient):
    """What ClrMD reads in the patient's memory, which stands still meanwhile: {"all", "live", "roots", "strings"}; types have
    [count, bytes, references]."""
    command = ["dotnet", harness.TARGETS / "heapreader" / "HeapReader.dll", patient.pid]
    done = harness.Command(command).wait(120)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    for part in ("all", "live"):
        types = {}
        for name, t in told[part]["types"].items():
            row = types.setdefault(plain(name), [0, 0, 0])
            for i, key in enumerate(("count", "bytes", "references")):
                row[i] += t[key]
        told[part]["types"] = types
    return told
