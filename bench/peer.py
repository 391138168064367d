"""The peer: dotnet-trace, the runtime's own public tracing tool, and what it is told to collect."""

import contextlib
import re
import shutil
import signal
import subprocess

import harness

TOOLS = harness.BUILD / "tools"
_PROGRAM = TOOLS / "dotnet-trace"
_RUNTIME = "Microsoft-Windows-DotNETRuntime"
COLLECTIONS = ("--profile", "gc-collect")
SAMPLED = ("--profile", "dotnet-sampled-thread-time")
ALLOCATIONS = ("--profile", "gc-verbose")
EXCEPTIONS = ("--providers", f"{_RUNTIME}:0x8000:2")
CONTENTION = ("--providers", f"{_RUNTIME}:0x4000:4")


def _install():
    if not shutil.which("dotnet"):
        return
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(["dotnet", "tool", "install", "dotnet-trace", "--tool-path", str(TOOLS)],
                       env=harness.clean_env({"DOTNET_CLI_TELEMETRY_OPTOUT": 1}), capture_output=True, timeout=120)


def _env(subject=None):
    return {"DOTNET_ROLL_FORWARD": "Major", **(subject.env if subject else {})}


def find():
    """Its version, installing it into build/tools when it is missing; None when it is not available (offline)."""
    if not _PROGRAM.exists():
        _install()
    if not _PROGRAM.exists():
        return None
    done = harness.Command([_PROGRAM, "--version"], env=_env()).wait(30)
    return done.out.split("+")[0].strip() if done.code == 0 else None


@contextlib.contextmanager
def tracing(subject, what=COLLECTIONS):
    """Traces the subject until the block is left."""
    output = subject.tmp / "peer.nettrace"
    trace = harness.Command([_PROGRAM, "collect", *what, "-p", subject.pid, "-o", output],
                            env=_env(subject), tty=True)
    try:
        harness.wait_until(lambda: re.search(r"Recording trace", trace.out_so_far()), 30, "the peer's trace")
        yield
    finally:
        trace.signal(signal.SIGINT)
        done = trace.wait(60)
        output.unlink(missing_ok=True)
        if done.timed_out:
            raise harness.HarnessError(f"dotnet-trace did not end: {done.out}")
