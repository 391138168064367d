"""Shares of cpu_hotpaths against what the program measured itself, by the CPU clocks of its threads."""

import profiles
from measure import Spread
from subject import Subject
from table import Budget

RUNTIMES = ("net8.0", "net9.0", "net10.0")
PROFILER = "cpu_hotpaths"
POINTS = 2.0


class Differences:
    """Of some recordings, in points."""

    def __init__(self):
        self.largest, self.outside, self.leaf, self.rootless = [], [], [], []

    def add(self, profile, truth):
        seen = {part: profile.through(method) for part, method in truth.method.items()}
        all_seen, all_true = sum(seen.values()), sum(truth.ns.values())
        self.largest.append(max(abs(seen[part] / all_seen - ns / all_true) * 100 for part, ns in truth.ns.items()))
        self.outside.append((all_seen / profile.total - all_true / truth.process_ns) * 100)
        self.leaf.append(profile.ending("Bakery.Flour.Grain") / max(1, profile.through("Bakery.Flour.Sift")) * 100)
        self.rootless.append(100 - profile.state.unwound / max(1, profile.state.samples) * 100)


def measure(options, runtime, server, rounds, cpu_s):
    found = Differences()
    with Subject("shares", runtime, options, server=server, profiler=PROFILER) as subject:
        for number in options.counted(rounds, f"{runtime}{' server' if server else ''}"):
            found.add(*profiles.record_truth(subject.patient, subject.tmp / f"recording-{number}", cpu_s))
    return found


def run(options):
    result = options.result(["runtime", "GC", "largest difference, points", "outside of the parts, points",
                             "tiny leaf, % of its loop", "root not reached, %", "budget"])
    rounds, cpu_s = options.rounds(8, 2), options.rounds(15.0, 4.0)
    for runtime in options.runtimes(RUNTIMES):
        for server in (False, True):
            found = measure(options, runtime, server, rounds, cpu_s)
            largest = Spread.of(found.largest)
            result.add(runtime, "server" if server else "workstation", largest, Spread.of(found.outside),
                       Spread.of(found.leaf), Spread.of(found.rootless),
                       Budget(f"{POINTS:g} points", largest.median, POINTS))
    result.note(f"""{rounds} recordings of {cpu_s:g} s of CPU time of the patient shares: eleven parts (loops, tiny leaves, libcrypto,
        zlib, generics, iterator, lambda, local function, dynamic method, async) on two threads and the pool. The largest
        difference of any of the eleven shares; what is outside of the parts; samples that end in the tiny leaf.""")
    return result
