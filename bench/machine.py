"""Where a bench ran: numbers without this say nothing. And whether the machine was quiet enough for them."""

import os
import pathlib
import platform
import subprocess
import time

import harness

BUSY_SHARE = 0.15  # of all cores, used by others: more than this spoils a median
BUSY_LOAD = 0.5    # runnable tasks per core over the last minute


def _cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model", "CPU part")):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gb():
    kb = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    return round(kb / (1 << 20), 1)


def _system():
    names = platform.freedesktop_os_release() if hasattr(platform, "freedesktop_os_release") else {}
    return names.get("PRETTY_NAME", platform.system())


def _medic():
    version = (harness.REPO / "VERSION").read_text().strip()
    git = ["git", "--no-optional-locks", "-C", harness.REPO]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    if commit.returncode:
        return version
    changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True).stdout
    return f"{version} ({commit.stdout.strip()}{', changed' if changed else ''})"


def _jiffies():
    """(all, idle, stolen) of all cores."""
    fields = [int(x) for x in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(fields), fields[3] + fields[4], fields[7]


def busy_share(seconds=1.0):
    """What is used of all cores while nothing of ours runs, 0 to 1, and what the host took away."""
    before = _jiffies()
    time.sleep(seconds)
    total, idle, stolen = (b - a for a, b in zip(before, _jiffies()))
    return (1 - idle / total, stolen / total) if total else (0.0, 0.0)


def cores():
    return len(os.sched_getaffinity(0))


def describe():
    """A dict: all that the numbers depend on, taken before the bench starts."""
    used, stolen = busy_share()
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpu": _cpu_model(),
        "cores": cores(),
        "memory_gb": _memory_gb(),
        "kernel": platform.release(),
        "system": _system(),
        "medic": _medic(),
        "load": round(os.getloadavg()[0], 2),
        "busy": round(used, 3),
        "stolen": round(stolen, 3),
        "runtimes": {},  # what the patients say: filled while the bench runs
    }


def warning(machine):
    """A sentence when the machine is too busy to trust what is measured now, else None."""
    if machine["busy"] > BUSY_SHARE:
        return (f"the machine is busy: others use {machine['busy']:.0%} of its {machine['cores']} cores. "
                "Compare ratios and minima, not medians, or come back later")
    if machine["load"] > BUSY_LOAD * machine["cores"]:
        return (f"the machine was busy a moment ago: load {machine['load']:.2f} on {machine['cores']} cores. "
                "Others may come back while the bench runs")
    return None
