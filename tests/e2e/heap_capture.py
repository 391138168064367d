"""Photographs of the heap in a capture, as medic/heap_format.h describes them, read independently of Medic: slowly, every
object by itself, for heaps of some ten thousand objects. Fails on whatever the format does not allow."""

import bisect
import collections
import re
import struct
from dataclasses import dataclass, field

import session

HEAP, CLASS, OBJECTS, ELEMENTS, ROOTS, DEPENDENTS, RANGES, STATICS, VALUE, FIELDS, DONE = range(13, 24)
COPY, COLLECT, ENUMERATE = 1, 2, 3
ROUTES = {"copy": COPY, "collect": COLLECT, "enumerate": ENUMERATE}
HASHES, VALUES, DEAD = 1, 2, 4
ARRAY, STRING, COLLECTIBLE, ODD = 1, 2, 4, 8
STACK, FINALIZER, HANDLE, GUESSED = 1, 2, 3, 7
PINNED, WEAK, INTERIOR = 1, 2, 4
INLINE_SLOTS, CHUNK_MAX = 65536, 1 << 20
STATIC_FIELD = 0xFFFFFFFF
GENERATIONS = {0: "0", 1: "1", 2: "2", 3: "large", 4: "pinned", 5: "frozen", 6: "unknown"}

Root = collections.namedtuple("Root", "object id kind flags")
Dependent = collections.namedtuple("Dependent", "key value handle")
Static = collections.namedtuple("Static", "slot object class_id token os_id")
Field = collections.namedtuple("Field", "offset token name")
Fields = collections.namedtuple("Fields", "fields parent element")
Value = collections.namedtuple("Value", "length text")
_DONE = struct.Struct("<II7QII")  # medic_heap_done_record


@dataclass
class Class:
    id: int
    flags: int
    base_size: int
    component_size: int
    slots: tuple
    element_slots: tuple


@dataclass
class Object:
    cls: Class
    count: int
    size: int
    hash: int = 0
    references: list = field(default_factory=list)  # (offset from the object's begin, or None for an extra one; address)


@dataclass
class Done:
    objects: int
    bytes: int
    pause_ns: int
    predicted_pause_ns: int
    copy_ns: int
    copy_cpu_ns: int
    copy_memory_bytes: int
    attempts: int
    text: str

    @classmethod
    def of(cls, data):
        _, length, *numbers, attempts, _ = _DONE.unpack_from(data)
        return cls(*numbers, attempts, data[_DONE.size:_DONE.size + length].decode())


class _Bytes:
    def __init__(self, data, at):
        self.data, self.at = data, at

    def number(self):
        value, shift = 0, 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def signed(self):
        value = self.number()
        return -(value + 1) // 2 if value & 1 else value // 2

    def u64(self):
        self.at += 8
        return struct.unpack_from("<Q", self.data, self.at - 8)[0]

    def reference(self, of):
        """The address, or 0."""
        value = self.number()
        if not value:
            return 0
        value -= 1
        return of + 8 * (-(value + 1) // 2 if value & 1 else value // 2)

    @property
    def ended(self):
        return self.at >= len(self.data)


class Photo:
    def __init__(self, number, route, contents, attempt, time_ns):
        self.number, self.route, self.contents, self.attempt, self.time_ns = number, route, contents, attempt, time_ns
        self.classes, self.objects = {}, {}
        self.roots, self.dependents, self.ranges, self.statics, self.values, self.fields = [], [], [], [], {}, {}
        self.done, self.names = None, {}
        self._waiting = {}  # arrays whose elements come in records of their own

    # reading

    def take(self, kind, data):
        assert self.done is None, f"a record of type {kind} behind the end of the photograph"
        {CLASS: self._class, OBJECTS: self._objects, ELEMENTS: self._elements, ROOTS: self._roots,
         DEPENDENTS: self._dependents, RANGES: self._ranges, STATICS: self._statics, VALUE: self._value,
         FIELDS: self._fields, DONE: self._end}[kind](data)

    def _class(self, data):
        _, index, id_, flags, base, component, slots, element_slots, _ = struct.unpack_from("<IIQ6I", data)
        assert index == len(self.classes) + 1, "class numbers have gaps"
        offsets = struct.unpack_from(f"<{slots + element_slots}I", data, 40)
        own, element = offsets[:slots], offsets[slots:]
        assert list(own) == sorted(set(own)) and list(element) == sorted(set(element)), "offsets are not ascending"
        assert all(8 <= at < base for at in own) and all(at < component for at in element), offsets
        assert id_ not in {c.id for c in self.classes.values()}, "a class twice"
        self.classes[index] = Class(id_, flags, base, component, own, element)

    def _objects(self, data):
        assert len(data) <= CHUNK_MAX, len(data)
        _, count, end = struct.unpack_from("<IIQ", data)
        reader = _Bytes(data, 16)
        for _ in range(count):
            cls = self.classes[reader.number()]
            address = end + 8 * reader.signed()
            one = Object(cls, reader.number() if cls.component_size else 0, 0)
            one.size = cls.base_size + one.count * cls.component_size + 7 & ~7
            assert address % 8 == 0 and address not in self.objects, hex(address)
            if cls.flags & STRING and self.contents & HASHES:
                one.hash = reader.u64()
                assert one.hash, "a string without a hash"
            self._slots(reader, address, one)
            self.objects[address] = one
            end = address + one.size
        assert reader.ended, "bytes behind the last object"

    def _slots(self, reader, address, one):
        cls, add = one.cls, one.references
        for at in cls.slots:
            add.append((at, reader.reference(address)))
        references = one.count * len(cls.element_slots)
        if references > INLINE_SLOTS:
            self._waiting[address] = 0
        else:
            for element in range(one.count if cls.element_slots else 0):
                begin = cls.base_size - 8 + element * cls.component_size
                add.extend((begin + at, reader.reference(address)) for at in cls.element_slots)
        if cls.flags & (COLLECTIBLE | ODD):
            for _ in range(reader.number()):
                add.append((None, reader.reference(address)))

    def _elements(self, data):
        assert len(data) <= CHUNK_MAX, len(data)
        _, _, address, first, count = struct.unpack_from("<IIQQQ", data)
        one, reader = self.objects[address], _Bytes(data, 32)
        assert self._waiting[address] == first, "runs of elements are not in order"
        slots = one.cls.element_slots
        for number in range(first, first + count):
            at = one.cls.base_size - 8 + number // len(slots) * one.cls.component_size + slots[number % len(slots)]
            one.references.append((at, reader.reference(address)))
        assert reader.ended
        self._waiting[address] = first + count

    @staticmethod
    def _list(data, layout):
        _, count = struct.unpack_from("<II", data)
        assert len(data) == 8 + count * layout.size, (len(data), count)
        return [layout.unpack_from(data, 8 + i * layout.size) for i in range(count)]

    def _roots(self, data):
        self.roots += [Root(*r) for r in self._list(data, struct.Struct("<QQII"))]

    def _dependents(self, data):
        self.dependents += [Dependent(*d) for d in self._list(data, struct.Struct("<QQQ"))]

    def _ranges(self, data):
        self.ranges += [(begin, end, generation) for begin, end, generation, _ in
                        self._list(data, struct.Struct("<QQII"))]

    def _statics(self, data):
        self.statics += [Static(*s) for s in self._list(data, struct.Struct("<QQQII"))]

    def _value(self, data):
        _, length, hash_, units, _ = struct.unpack_from("<IIQII", data)
        assert len(data) == 24 + 2 * units and units <= length, (len(data), units, length)
        assert (hash_, length) not in self.values, "a value twice"
        self.values[hash_, length] = Value(length, data[24:].decode("utf-16-le", "surrogatepass"))

    def _fields(self, data):
        _, count, id_, parent, element = struct.unpack_from("<IIQQQ", data)
        at, found = 32, []
        for _ in range(count):
            offset, token, length = struct.unpack_from("<3I", data, at)
            found.append(Field(offset, token, data[at + 12:at + 12 + length].decode()))
            at += 12 + (length + 3) // 4 * 4
        assert at == len(data), (at, len(data))
        self.fields[id_] = Fields(found, parent, element)

    def _end(self, data):
        self.done = Done.of(data)
        for address, seen in self._waiting.items():
            one = self.objects[address]
            assert seen == one.count * len(one.cls.element_slots), f"elements of the array at {address:x} are missing"
        assert self.done.objects == len(self.objects), (self.done, len(self.objects))
        assert self.done.bytes == self.bytes, (self.done, self.bytes)

    # what it shows

    @property
    def bytes(self):
        return sum(o.size for o in self.objects.values())

    @property
    def references(self):
        """Those that are not null."""
        return sum(1 for o in self.objects.values() for _, to in o.references if to)

    def name(self, cls):
        return plain(self.names.get(cls.id, f"class {cls.id:x}"))

    def types(self):
        """{name: [count, bytes, references]}"""
        found = collections.defaultdict(lambda: [0, 0, 0])
        for one in self.objects.values():
            row = found[self.name(one.cls)]
            row[0] += 1
            row[1] += one.size
            row[2] += sum(1 for _, to in one.references if to)
        return dict(found)

    def dangling(self):
        """References to what is no object."""
        return [(self.name(o.cls), at, hex(to)) for o in self.objects.values() for at, to in o.references
                if to and to not in self.objects]

    def static_label(self, static):
        name, = [f.name for f in self.fields[static.class_id].fields if f.token == static.token]
        if match := re.fullmatch(r"<(.+)>k__BackingField", name):
            name = match[1]
        return f"{'thread ' if static.os_id else ''}static {plain(self.names[static.class_id])}.{name}"

    def generation(self, address):
        for begin, end, generation in self.ranges:
            if begin <= address < end:
                return GENERATIONS[generation]
        return "unknown"

    def containing(self, address):
        """The object that an interior pointer points into, or None."""
        self._sorted = getattr(self, "_sorted", None) or sorted(self.objects)
        at = bisect.bisect_right(self._sorted, address) - 1
        if at < 0:
            return None
        begin = self._sorted[at]
        return begin if address < begin + self.objects[begin].size else None

    def strong_roots(self):
        """Addresses of objects that roots hold."""
        found = {s.object for s in self.statics if s.object}
        for root in self.roots:
            if not root.flags & WEAK:
                found.add(self.containing(root.object) if root.flags & INTERIOR else root.object)
        for d in self.dependents:
            if d.key not in self.objects:
                found.add(d.value)
        return {a for a in found if a in self.objects}

    def successors(self):
        """{address: [addresses]}, dependent handles among them."""
        edges = {a: [to for _, to in o.references if to in self.objects] for a, o in self.objects.items()}
        for d in self.dependents:
            if d.key in edges and d.value in edges:
                edges[d.key].append(d.value)
        return edges


class Retained:
    """What would be free without an object: dominators by the simplest algorithm there is."""

    def __init__(self, photo):
        edges = photo.successors()
        edges[0] = sorted(photo.strong_roots())
        order = self._postorder(edges)
        number = {node: i for i, node in enumerate(order)}
        before = collections.defaultdict(list)
        for node in order:
            for to in edges[node]:
                before[to].append(node)
        idom = {0: 0}
        changed = True
        while changed:
            changed = False
            for node in reversed(order[:-1]):
                new = None
                for p in before[node]:
                    if p in idom:
                        new = p if new is None else self._meet(idom, number, p, new)
                if idom.get(node) != new:
                    idom[node] = new
                    changed = True
        self.idom = idom
        self.bytes = {node: photo.objects[node].size if node else 0 for node in order}
        for node in order[:-1]:
            self.bytes[idom[node]] += self.bytes[node]

    @staticmethod
    def _postorder(edges):
        order, seen, stack = [], {0}, [(0, iter(edges[0]))]
        while stack:
            node, rest = stack[-1]
            for to in rest:
                if to not in seen:
                    seen.add(to)
                    stack.append((to, iter(edges[to])))
                    break
            else:
                order.append(node)
                stack.pop()
        return order

    @staticmethod
    def _meet(idom, number, a, b):
        while a != b:
            while number[a] < number[b]:
                a = idom[a]
            while number[b] < number[a]:
                b = idom[b]
        return a


_KEYWORDS = {"System.Boolean": "bool", "System.Byte": "byte", "System.SByte": "sbyte", "System.Char": "char",
             "System.Int16": "short", "System.UInt16": "ushort", "System.Int32": "int", "System.UInt32": "uint",
             "System.Int64": "long", "System.UInt64": "ulong", "System.Single": "float", "System.Double": "double",
             "System.Decimal": "decimal", "System.Object": "object", "System.String": "string",
             "System.IntPtr": "nint", "System.UIntPtr": "nuint", "System.Void": "void"}


def plain(name):
    """A type's name in one spelling, whoever wrote it."""
    name = re.sub(r"`\d+", "", name.replace("+", "."))
    name = re.sub(r"<>c(__DisplayClass\d+_\d+)?(?=$|[^\w])", "(closure)", name)
    name = re.sub(r"<(\w+)>d__\d+", r"\1 (async)", name)
    return re.sub(r"[\w.]+", lambda m: _KEYWORDS.get(m[0], m[0]), name).replace(", ", ",")


def photos(folder):
    """The complete photographs of a session, oldest first."""
    found, names = {}, {}
    for kind, data in session.capture(folder).records:
        if kind == session.NAME:
            what, _, id_, _, _, length = struct.unpack_from("<IIQQII", data)
            if what == 1:
                names[id_] = data[32:32 + length].decode()
        elif kind == HEAP:
            number, route, contents, attempt, time_ns = struct.unpack_from("<4IQ", data)
            found[number] = Photo(number, route, contents, attempt, time_ns)
        elif CLASS <= kind <= DONE:
            found[struct.unpack_from("<I", data)[0]].take(kind, data)
    whole = [photo for photo in found.values() if photo.done]
    for photo in whole:
        photo.names = names
    return whole
