"""wrk, the load generator: a closed loop over several connections, from one thread."""

import re
import shutil
import subprocess
from dataclasses import dataclass

CONNECTIONS = 16
_UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6}


@dataclass(frozen=True)
class Load:
    rate: float  # requests a second
    p50: float   # µs
    p99: float
    slowest: float = 0.0


def available():
    return shutil.which("wrk") is not None


def _latency(text, percent):
    value, unit = re.search(rf"^ *{percent}% +([\d.]+)(us|ms|s|m)$", text, re.MULTILINE).groups()
    return float(value) * _UNITS[unit]


def _slowest(text):
    """The third figure of the line `Latency  123.45us  67.89us  1.23ms  98.76%`."""
    value, unit = re.search(r"^ *Latency +\S+ +\S+ +([\d.]+)(us|ms|s|m) ", text, re.MULTILINE).groups()
    return float(value) * _UNITS[unit]


def run(port, seconds, path="/json"):
    """Asks for so long; fails when a request did. wrk takes whole seconds."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--latency",
               f"http://127.0.0.1:{port}{path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    text = done.stdout
    assert done.returncode == 0, f"wrk ended with {done.returncode}: {done.stderr}{text}"
    failed = re.search(r"Non-2xx or 3xx responses: .*|Socket errors: .*", text)
    assert not failed, f"requests failed: {failed[0]}"
    return Load(float(re.search(r"Requests/sec: +([\d.]+)", text)[1]), _latency(text, 50), _latency(text, 99),
                _slowest(text))
