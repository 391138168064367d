"""Reading a photograph of the heap and finding its dominators, outside the target: time and memory, on made-up heaps."""

import subprocess

import harness
from measure import Spread
from table import Budget

RUNTIMES = ()
PROGRAM = harness.BUILD / "bench" / "heap_synthetic"
BUDGET_S, BUDGET_MB = 20, 1500


def measure(capture, rounds, options, label):
    """{key: Spread} of what the program says, over the rounds."""
    runs = []
    for _ in options.counted(rounds, label):
        done = subprocess.run([PROGRAM, "read", capture], capture_output=True, text=True, check=True, timeout=300)
        runs.append({key: float(value) for key, value in (line.split("=") for line in done.stdout.split())})
    return {key: Spread.of(run[key] for run in runs) for key in runs[0]}


def run(options):
    result = options.result(["objects, million", "shape", "capture, MB", "references, million", "read, s", "CPU of it, s",
                             "dominators, s", "CPU of them, s",
                             "memory after reading, MB", "peak, MB",
                             "budget"])
    rounds = options.rounds(5, 1)
    with harness.temp_dir(prefix="mb-") as folder:
        for millions, shape in ((1, "orders"), (5, "orders"), (10, "orders"), (10, "list"), (20, "orders")):
            capture = folder / "capture.mdc"
            subprocess.run([PROGRAM, "write", capture, str(millions * 1_000_000), *(["list"] if shape == "list" else [])],
                           check=True, timeout=300)
            got = measure(capture, rounds, options, f"{millions} million, {shape}")
            seconds = got["load_s"].median + got["dominators_s"].median
            over = seconds / BUDGET_S, got["dominators_peak_mb"].median / BUDGET_MB
            result.add(millions, shape, capture.stat().st_size / 1e6, got["references"].median / 1e6, got["load_s"],
                       got["load_cpu_s"], got["dominators_s"], got["dominators_cpu_s"], got["load_peak_mb"], got["dominators_peak_mb"],
                       Budget(f"{BUDGET_S} s, {BUDGET_MB} MB", max(over), 1) if millions == 10 else None)
    result.note("""`orders`: customers with lists of orders, 1.8 references an object, one in five to another end of the heap.
        `list`: one doubly linked list, the deepest graph there is. Memory is that of the process, at its highest until then.
        The budget is for the whole report; `heap_report` measures that.""")
    return result
