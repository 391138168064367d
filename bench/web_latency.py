"""Requests to a Kestrel service, one after the other: p50, p99 and their number, bare and with each plugin of events."""

import re
import socket
import time
from dataclasses import dataclass

import peer
from measure import Spread, interleave, ratio
from subject import Subject

RUNTIMES = ("net10.0",)
PATHS = ("/json", "/json", "/json", "/alloc?kb=100", "/throw?depth=10")
PROFILERS = ("runtime_pauses", "exceptions", "allocations", "contention")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Client:
    """One connection that is kept, and as little Python as possible between two requests."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in PATHS]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _answer(self):
        data = b""
        while not self._is_whole(data):
            more = self._socket.recv(65536)
            if not more:
                raise AssertionError(f"the service closed the connection after {data[:200]!r}")
            data += more
        if not data.startswith(b"HTTP/1.1 200"):
            raise AssertionError(f"the service answered {data[:200]!r}")

    @staticmethod
    def _is_whole(data):
        head, gap, body = data.partition(b"\r\n\r\n")
        if not gap:
            return False
        length = _LENGTH.search(head)
        return len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n")

    def latencies(self, seconds):
        """In µs."""
        found, now = [], time.perf_counter_ns()
        end = now + int(seconds * 1e9)
        while now < end:
            self._socket.sendall(self._requests[len(found) % len(self._requests)])
            self._answer()
            then, now = now, time.perf_counter_ns()
            found.append((now - then) / 1000)
        return found


@dataclass
class Load:
    p50: float
    p99: float
    rate: float


def load(subject, seconds):
    with Client(subject.patient.port) as client:
        client.latencies(0.3)
        spread = Spread.of(client.latencies(seconds))
    return Load(spread.median, spread.percentile(99), len(spread.values) / seconds)


def medic_load(subject, seconds, profiler):
    medic = subject.start(profiler=profiler)
    status = subject.wait_running(medic)
    measured = load(subject, seconds)
    subject.finish(medic, status, stop=True)
    return measured


def peer_load(subject, seconds):
    with peer.tracing(subject):
        return load(subject, seconds)


def variants(subject, seconds, with_peer):
    steps = {"bare": lambda: load(subject, seconds)}
    for name in PROFILERS:
        steps[name] = lambda name=name: medic_load(subject, seconds, name)
    if with_peer:
        steps["dotnet-trace"] = lambda: peer_load(subject, seconds)
    return steps


def run(options):
    result = options.result(["runtime", "variant", "p50, µs", "to bare", "p99, µs", "to bare", "requests/s",
                             "to bare"])
    rounds, seconds = options.rounds(8, 2), options.rounds(3.0, 1.0)
    version = options.peer(result)
    for runtime in options.runtimes(RUNTIMES):
        with Subject("web", runtime, options) as subject:
            load(subject, options.rounds(5, 3))  # until its code is compiled for good
            loads = interleave(variants(subject, seconds, version), rounds, options.progress(runtime))
        for name, measured in loads.items():
            cells = [runtime, name]
            for figure in ("p50", "p99", "rate"):
                bare, values = ([getattr(one, figure) for one in loads[which]] for which in ("bare", name))
                cells += [Spread.of(values), None if name == "bare" else ratio(bare, values)]
            result.add(*cells)
    paths = ", ".join(PATHS)
    result.note(f"""{rounds} rounds of {seconds:g} s, interleaved, in one process. One connection, closed loop, a client
        in Python on the same machine: its share of a request is in every figure. Requests in turn: {paths} (allocates
        100 kB; throws through 10 calls and catches).""")
    return result
