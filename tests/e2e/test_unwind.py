"""core/unwind on real runtimes: a plugin that holds it (tests/unwind) walks copies of the stacks that the runtime walks too,
and copies that a timer's signal took of running threads, wherever it found them."""

import collections
import difflib
import http.client
import re
import shutil
import threading

import pytest

import harness
import session

GUID = "f1c70000-0000-4000-8000-000000000050"
BROKEN = 2

Walk = collections.namedtuple("Walk", "flags runtime ours")  # functions, leaf first
Sample = collections.namedtuple("Sample", "flags frames")  # of ours, as (kind, function or library, address)
Result = collections.namedtuple("Result", "walks samples memory")


def frames(text):
    return [tuple(word.split(":")) for word in text.split()]


def managed(text):
    return [name for kind, name, _ in frames(text) if kind == "m"]


def read(path):
    walks, samples, memory = [], [], None
    for line in path.read_text().splitlines():
        head, *parts = line.split("|")
        words = head.split()
        if words[0] == "walk":
            walks.append(Walk(int(words[1]), managed(parts[0]), managed(parts[1])))
        elif words[0] == "sample":
            samples.append(Sample(int(words[1]), frames(parts[0])))
        elif words[0] == "memory":
            memory = int(words[1])
    assert memory is not None
    return Result(walks, samples, memory)


def visit(patient, folder, rounds=0, milliseconds=0):
    out = folder / "walks.txt"
    plugin = shutil.copy(harness.BUILD / "tests" / "unwind" / "plugins" / "unwind_fixture.so", folder)
    data = (f"plugin={plugin}\nduration=50ms\nparam.rounds={rounds}\nparam.milliseconds={milliseconds}\n"
            f"param.out={out}")
    done = harness.run_attacher(patient.pid, GUID, data=data, env={"TMPDIR": folder})
    patient.assert_alive()
    assert done.code == 0, done.out + done.err
    new, = session.default_folders(patient.pid, folder)
    status = session.wait_for_state(new, session.FAILED, session.ENDED, timeout=60)
    assert status.state == session.ENDED, status
    return read(out)


@pytest.fixture
def visited():
    """Starts a patient and gives the Result of one visit."""
    def visit_one(mode, runtime, args=(), **kwargs):
        with harness.temp_dir(prefix="mt-") as folder:
            with harness.Patient(mode, runtime, args=args, env={"TMPDIR": folder}) as p:
                if p.port:
                    threading.Thread(target=load, args=(p,), daemon=True).start()
                result = visit(p, folder, **kwargs)
                p.assert_works()
                return result
    return visit_one


def load(patient):
    connection = http.client.HTTPConnection("127.0.0.1", patient.port)
    try:
        while patient.is_alive():
            connection.request("GET", "/json")
            connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass


def agreement(walks):
    """The share of the runtime's frames that we have too, in the same order."""
    total = same = 0
    for walk in walks:
        matcher = difflib.SequenceMatcher(None, walk.runtime, walk.ours, autojunk=False)
        total += len(walk.runtime)
        same += sum(block.size for block in matcher.get_matching_blocks())
    assert total > 50
    return same / total


def on_other_stack(sample):
    """A fault of managed code, under examination on the signal stack: all there is to copy is the handler."""
    last = sample.frames[-1]
    return sample.flags == BROKEN and all(kind == "n" for kind, *_ in sample.frames) and re.match(r"libc\.", last[1])


def assert_roots_reached(samples, least):
    lost = [s for s in samples if s.flags and not on_other_stack(s)]
    assert len(samples) >= least
    assert len(lost) <= 0.005 * len(samples), lost[:5]


@pytest.mark.parametrize("mode", ["frames", "names", "web"])
def test_walks_are_those_of_the_runtime(visited, runtime, mode):
    result = visited(mode, runtime, rounds=15)
    assert agreement(result.walks) >= 0.99
    assert sum(w.flags != 0 for w in result.walks) <= max(2, 0.005 * len(result.walks))
    assert result.memory < 6 << 20


def test_interrupted_threads_are_walked_to_their_roots(visited, runtime):
    assert_roots_reached(visited("frames", runtime, milliseconds=1600).samples, least=50)


def test_replaced_return_addresses_are_seen_through(visited):
    result = visited("frames", "net10.0", args=["hijack"], milliseconds=1000)
    assert_roots_reached(result.samples, least=20)
