"""A session folder as medic/session.h and medic/capture_format.h describe it, read independently of Medic's own code."""

import pathlib
import struct
import zlib
from dataclasses import dataclass

import harness

STARTING, RUNNING, STOPPING, CAPTURED, DETACHING, ENDED, DORMANT, FAILED, INERT = range(1, 10)
END_NONE, END_DURATION, END_DONE, END_REQUEST, END_LEASE, END_BYTES, END_MEMORY, END_TARGET_EXIT, END_FAILED = range(9)
NAME, MODULE, THREAD, CLOCK, LOSS, COST, STACK, LOG, END = range(1, 10)

_STATUS = struct.Struct("<IIQIIiI7QiI7Q256sII")


@dataclass
class Status:
    state: int
    end_reason: int
    result: int
    pid: int
    started_ns: int
    now_ns: int
    duration_ns: int
    first_record_ns: int
    begin_ns: int
    records: int
    lost: int
    text: str
    longest_pause_ns: int
    total_pause_ns: int
    cpu_ns: int
    callback_cpu_ns: int
    callbacks: int
    bytes_written: int
    target_memory_bytes: int


def status(folder):
    """The status file, or None while there is none or it is being rewritten."""
    try:
        data = (pathlib.Path(folder) / "status").read_bytes()
    except FileNotFoundError:
        return None
    if len(data) != _STATUS.size or zlib.crc32(data[:-4]) != struct.unpack("<I", data[-4:])[0]:
        return None
    f = _STATUS.unpack(data)
    assert f[0] == 0x5453444D and f[1] == _STATUS.size
    return Status(*f[3:14], f[23].split(b"\0")[0].decode(), *f[16:23])


def wait_for_state(folder, *states, timeout=15):
    """The status once it shows one of these states."""
    def reached():
        now = status(folder)
        return now if now and now.state in states else None
    return harness.wait_until(reached, timeout, f"state {states} of {folder}")


def ask_to_stop(folder):
    body = struct.pack("<IIQI", 0x5152444D, 24, 1, 1)
    (pathlib.Path(folder) / "request").write_bytes(body + struct.pack("<I", zlib.crc32(body)))


def default_folders(pid, tmp="/tmp", uid=0):
    """The sessions that the core made by itself for this process, oldest first."""
    root = pathlib.Path(tmp) / f"medic-{uid}"
    found = [f for f in root.glob("*/") if (s := status(f)) and s.pid == pid] if root.exists() else []
    return sorted(found, key=lambda f: f.stat().st_mtime)


@dataclass
class Capture:
    text: dict
    guid: bytes
    runtime: tuple
    records: list  # (type, payload)

    def of(self, kind):
        return [payload for t, payload in self.records if t == kind]

    @property
    def end_reason(self):
        ends = self.of(END)
        return struct.unpack_from("<QII", ends[-1])[1] if ends else END_NONE

    @property
    def plugin_records(self):
        return [r for r in self.records if r[0] >= 256]


def capture(folder):
    """The capture, every checksum checked; fails on damage."""
    data = (pathlib.Path(folder) / "capture.mdc").read_bytes()
    assert data[:8] == b"MEDICCAP"
    version, header_size = struct.unpack_from("<II", data, 8)
    runtime = struct.unpack_from("<4H", data, 56)
    text_size, crc = struct.unpack_from("<II", data, 64)
    assert version == 1
    header = bytearray(data[:72 + text_size])
    header[68:72] = bytes(4)
    assert zlib.crc32(header) == crc
    lines = data[72:72 + text_size].decode().splitlines()
    result = Capture(dict(line.split("=", 1) for line in lines), data[16:32], runtime, [])
    at = header_size
    while at < len(data):
        size, kind, crc, reserved = struct.unpack_from("<4I", data, at)
        payload = data[at + 16:at + 16 + size]
        assert reserved == 0 and zlib.crc32(data[at:at + 8] + payload) == crc
        result.records.append((kind, payload))
        at += 16 + (size + 7) // 8 * 8
    assert at == len(data)
    return result
