"""How long `medic ps` and `medic profilers` take with 50 .NET processes and 50 plugins."""

import contextlib
import os
import subprocess
import time

import harness
from measure import Spread
from table import Budget

COUNT, BUDGET_MS = 50, 100


def timed(args, env, rounds):
    """Milliseconds from the start of the process to its end, and the text of the last run."""
    times = []
    for _ in range(rounds):
        begin = time.monotonic()
        done = subprocess.run([harness.MEDIC, *args], env={**harness.clean_env(), **env}, capture_output=True, check=True)
        times.append((time.monotonic() - begin) * 1000)
    return times, done.stdout.decode()


def make_plugins(folder):
    """Good ones with names and GUIDs of their own, from the fixture of the ABI tests."""
    for number in range(1, COUNT + 1):
        subprocess.run(["cc", "-std=gnu11", "-shared", "-fPIC", "-fvisibility=hidden", "-O1", f"-I{harness.REPO}/sdk/include",
                        f"-DFIXTURE_ID={number}", f'-DFIXTURE_NAME="many_{number}"', "-Wl,-z,now,-z,nodelete",
                        harness.REPO / "tests" / "abi" / "fixture.c", "-o", folder / f"many_{number}.so"], check=True)
        os.chmod(folder / f"many_{number}.so", 0o755)


def run(options):
    result = options.result(["command", "listed", "time, ms", "p95", "budget"])
    rounds = options.rounds(50, 5)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(harness.temp_dir(prefix="mb-"))
        make_plugins(folder)
        for number in options.counted(COUNT, "processes"):
            stack.enter_context(harness.Patient("idle", "net10.0"))
        time.sleep(2)  # they settle
        for args, env, word in ((["ps"], {}, "Patient idle"), (["profilers"], {"MEDIC_PLUGINS": str(folder)}, "many_")):
            times, text = timed(args, env, rounds)
            spread = Spread.of(times)
            listed = sum(line.startswith(word) if args == ["profilers"] else word in line for line in text.splitlines())
            if listed != COUNT:
                raise AssertionError(f"medic {args[0]} shows {listed} of {COUNT}")
            result.add(f"medic {args[0]}", listed, spread, spread.percentile(95),
                       Budget(f"{BUDGET_MS} ms", spread.median, BUDGET_MS))
    result.note(f"{rounds} runs each, from the start of medic to its end. Held against the median.")
    return result
