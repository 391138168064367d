"""Stacks in a capture, as medic/capture_format.h and medic/service/stacks.h describe them, read independently of Medic."""

import struct
from dataclasses import dataclass

import session

STACK, FRAME, IMAGE, SYMBOLS = 7, 10, 11, 12
MANAGED, NATIVE, UNKNOWN = 1, 2, 3
TRUNCATED, BROKEN, JOINED, RUNTIME_WALK = 1, 2, 4, 8
CH_SAMPLE, CH_USAGE, CH_TOTALS = 256, 257, 258


@dataclass
class Frame:
    kind: int
    address: int
    function: int
    image: int
    il_offset: int
    name: str = ""


@dataclass
class Sample:
    stack: int
    time_ns: int
    os_id: int
    flags: int
    weight_ns: int


@dataclass
class Totals:
    engine: int
    samples: int
    lost: int
    lost_ns: int
    unwound: int
    truncated: int
    broken: int
    threads: int
    threads_missed: int
    handler_ns: int
    end_time_ns: int
    end_process_ns: int
    end_worker_ns: int


class Stacks:
    """Everything that is about stacks, with names; fails when a record comes before what it names."""

    def __init__(self, capture):
        self.frames, self.stacks, self.images, self.functions, self.modules = {}, {}, {}, {}, {}
        self.threads, self.samples, self.usage, self.totals, self.symbols = {}, [], [], None, {}
        for kind, data in capture.records:
            self._take(kind, data)

    def _take(self, kind, data):
        if kind == session.NAME:
            what, token, id_, module, flags, length = struct.unpack_from("<IIQQII", data)
            if what == 2:
                self.functions[id_] = (data[32:32 + length].decode(), module, token, flags)
        elif kind == session.MODULE:
            id_, = struct.unpack_from("<Q", data)
            length, = struct.unpack_from("<I", data, 32)
            self.modules[id_] = data[40:40 + length].decode()
        elif kind == session.THREAD:
            id_, os_id, length = struct.unpack_from("<QII", data)
            self.threads[os_id] = (id_, data[16:16 + length].decode())
        elif kind == IMAGE:
            id_, bias, begin, end = struct.unpack_from("<4Q", data)
            length, = struct.unpack_from("<I", data, 68)
            self.images[id_] = data[72:72 + length].decode()
        elif kind == FRAME:
            id_, what, address, function, image, il, _ = struct.unpack("<IIQQQII", data)
            assert id_ == len(self.frames) + 1, "frame ids have gaps"
            name = ""
            if what == MANAGED:
                assert function in self.functions
                assert image == 0 or image in self.modules
                name = self.functions[function][0]
            elif what == NATIVE:
                name = self.images[image]
            self.frames[id_] = Frame(what, address, function, image, il, name)
        elif kind == STACK:
            id_, count, flags = struct.unpack_from("<QII", data)
            ids = struct.unpack_from(f"<{count}I", data, 16)
            assert id_ not in self.stacks and all(i in self.frames for i in ids)
            self.stacks[id_] = (flags, [self.frames[i] for i in ids])
        elif kind == SYMBOLS:
            module, what, length = struct.unpack_from("<QII", data)
            assert length == len(data) - 16
            self.symbols[module] = (what, data[16:])
        elif kind == CH_SAMPLE:
            sample = Sample(*struct.unpack("<QQIIQ", data))
            assert sample.stack == 0 or sample.stack in self.stacks
            self.samples.append(sample)
        elif kind == CH_USAGE:
            self.usage.append(struct.unpack_from("<3QI", data))
        elif kind == CH_TOTALS:
            size, engine, *rest = struct.unpack("<II12Q", data)
            self.totals = Totals(engine, *rest)

    @property
    def weight(self):
        return sum(s.weight_ns for s in self.samples)

    @property
    def process_ns(self):
        """CPU time that the program used while it was recorded, without Medic's worker."""
        first, last = self.usage[0], self.usage[-1]
        return (last[1] - first[1]) - (last[2] - first[2])

    def text(self, stack):
        return [frame.name or hex(frame.address) for frame in self.stacks[stack][1]] if stack else []
