"""cpu_hotpaths against programs that know where their CPU time goes, and against programs that a signal could hurt."""

import collections
import json
import os
import pathlib
import re
import subprocess
import time
from dataclasses import dataclass

import pytest

import harness
import profiles
import visit
from places import from_side_car, own_pids
from profiles import Truth, WebLoad, record, record_cpu, record_truth, same_place
from sentences import assert_said

POINTS = 0.02  # a share may differ so much from what the program measured itself
CONFIGURATIONS = {"net8.0": ("net8.0", {}), "net9.0": ("net9.0", {}), "net10.0": ("net10.0", {}),
                  "net10.0-server": ("net10.0", {"DOTNET_gcServer": 1})}
CYCLES = 15

# Where a stack begins: libc starts every thread; the program's own file the first one.
ROOTS = ("libc.so.6", "Patient")

# The method that shows a mark's line, where it is not the part's own.
MARKED = {"tiny": "Bakery.Flour.Sift", "tiny-leaf": "Bakery.Flour.Grain", "hash": "Bakery.Seal.Stamp", "zip": "Bakery.Box.Pack",
          "generic": "Bakery.Shelf<int>.Arrange", "iterator": "Bakery.Menu.Dishes (iterator)",
          "lambda": "Bakery.Till.Sum (lambda)", "local": "Bakery.Till.Count.Add (local function)",
          "dynamic": "Bakery.Mixer.Mix", "async": "Bakery.Order.Whisk (async)"}


@dataclass
class Recorded:
    runtime: str
    profile: profiles.Profile
    truth: Truth
    threads: dict  # {tid: name} of the patient


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def shares(request):
    """Eleven seconds of CPU time of the patient that knows its shares, once for all tests of this file that look at them."""
    runtime, env = CONFIGURATIONS[request.param]
    with harness.temp_dir() as folder, harness.Patient("shares", runtime, env=env) as p:
        # At the tick of most kernels: twice the samples of the default, because chance must not be what is tested.
        profile, truth = record_truth(p, folder / "s", 11, "--set", "interval=4ms")
        threads = harness.threads(p.pid)
        assert profile.report and profile.capture  # read while the folder is there
        yield Recorded(runtime, profile, truth, threads)


# --- what it says is true ---------------------------------------------------------------------------------------------

def test_shares_are_those_the_program_measured(shares):
    profile, truth = shares.profile, shares.truth
    seen = {part: profile.through(method) for part, method in truth.method.items()}
    all_seen, all_true = sum(seen.values()), sum(truth.ns.values())
    off = {part: seen[part] / all_seen - ns / all_true for part, ns in truth.ns.items()}
    assert all(abs(points) <= POINTS for points in off.values()), {k: f"{v * 100:+.1f}" for k, v in off.items()}


def test_weights_sum_up_to_the_cpu_time_that_the_kernel_counts(shares):
    profile = shares.profile
    used = {row["who"]: row["cpu"] for row in profile.rows("usage")}
    weights = sum(s.weight_ns for s in profile.samples)
    assert 0.95 <= weights / sum(used.values()) <= 1.05, (weights, used)
    assert 0.7 < shares.truth.process_ns / used["the program"] < 1.02, "the program looked within the recording"


def test_small_hot_leaf_is_seen(shares):
    leaf, caller = "Bakery.Flour.Grain", "Bakery.Flour.Sift"
    profile = shares.profile
    assert profile.ending(leaf) > 0.2 * profile.through(caller), (profile.ending(leaf), profile.through(caller))
    assert profile.ending(leaf) + profile.ending(caller) > 0.95 * profile.through(caller)
    row, = (r for r in profile.rows("methods") if r["method"] == leaf)
    assert row["self"] == row["total"] == profile.ending(leaf), row


# .NET 8 uses the system's zlib.
@pytest.mark.parametrize("method, libraries", [("Bakery.Seal.Stamp", ("libcrypto",)),
                                               ("Bakery.Box.Pack", ("libSystem.IO.Compression.Native", "libz.so"))],
                         ids=["libcrypto", "zlib"])
def test_native_work_is_below_the_method_that_asked_for_it(shares, method, libraries):
    below = [s for s in shares.profile.stacks if s.passes(method)]
    native = sum(s.weight for s in below if s.leaf.module.startswith(libraries))
    assert native > 0.8 * sum(s.weight for s in below), {(s.leaf.module, s.leaf.function): s.weight for s in below}


def test_sleepers_are_not_shown(shares):
    names = {tid for tid, name in shares.threads.items() if name.startswith("sleeper")}
    assert len(names) == 10
    assert shares.profile.through("Bakery.Guest.Sleep") == 0
    assert not names & {s.os_id for s in shares.profile.samples}


def test_threads_have_their_names(shares):
    rows = {row["tid"]: row["name"] for row in shares.profile.rows("threads")}
    bakers = {tid: name for tid, name in shares.threads.items() if name.startswith("baker")}
    assert len(bakers) == 2 and bakers.items() <= rows.items(), rows


# --- stacks are whole -------------------------------------------------------------------------------------------------

def test_every_sample_reaches_the_root_of_its_thread(shares):
    profile = shares.profile
    state = profile.state
    assert state.engine == profiles.TIMERS
    assert (state.lost, state.broken, state.truncated, state.threads_missed) == (0, 0, 0, 0), state
    with_stack = [s for s in profile.samples if s.stack]
    assert state.samples >= state.unwound >= len(with_stack) > 300, state
    assert not [s for s in with_stack if s.flags]
    # Time without a stack: the rest of a thread that ended before its next sample.
    assert sum(s.weight_ns for s in profile.samples if not s.stack) < 0.005 * sum(s.weight_ns for s in profile.samples)
    roots = {profile.raw_stacks[s.stack][0] for s in with_stack}
    assert {os.path.basename(root) for root in roots} <= set(ROOTS), roots
    # The runtime's stubs are nobody's code.
    strange = sum(s.weight_ns for s in with_stack if "?" in profile.raw_stacks[s.stack])
    assert strange < 0.02 * sum(s.weight_ns for s in with_stack), strange


def test_callers_are_on_the_stack_of_a_leaf_without_a_frame(shares):
    """The sampler's classic mistake: a leaf that keeps no frame pointer hides who called it."""
    for s in shares.profile.stacks:
        if s.leaf.function == "Bakery.Flour.Grain":
            assert s.functions[-3:-1] != [] and s.functions[-2] == "Bakery.Flour.Sift", s.functions
            assert "Bakery.Baker.Work" in s.functions, s.functions


# --- names and lines --------------------------------------------------------------------------------------------------

def test_every_construct_has_the_name_a_person_wrote(shares):
    wanted = set(shares.truth.method.values()) | {leaf for leaf in shares.truth.leaf.values() if leaf}
    assert wanted - {"Bakery.Dough.Rise"} <= shares.profile.functions(), wanted - shares.profile.functions()


def assert_lines(profile):
    wrong = {}
    for mark, method in MARKED.items():
        lines = profile.lines(method)
        if not any(same_place(file, line, mark) for file, line in lines):
            wrong[mark] = (profiles.marks()[mark], lines)
    assert not wrong, wrong
    for file, line in profile.lines("Bakery.Oven.Bake"):
        _, middle = profiles.marks()["loop"]
        assert file and abs(line - middle) <= 8, (file, line)


def test_lines_are_those_of_the_source(shares):
    assert_lines(shares.profile)


def test_symbols_inside_of_the_assembly(patient, out_dir):
    assert not (harness.TARGETS / "net10.0-embedded" / "Patient.pdb").exists()
    p = patient("shares", "net10.0-embedded")
    assert_lines(record_cpu(p, out_dir / "s", 4))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: private mounts and PID namespaces")
@pytest.mark.parametrize("target", ["net8.0", "net10.0", "net10.0-embedded"])
def test_lines_when_only_tmp_is_shared(patient, out_dir, target):
    """The side-car sees neither the program nor its symbols."""
    shared = out_dir / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    p = patient("shares", target, prefix=own_pids(shared))
    socket, = harness.diagnostics_sockets(1, shared)
    args = visit.attach_args(f"/tmp/{socket.name}", "/tmp/out", "3s", profiles.CPU)
    done = from_side_car(shared, *args, hide=harness.TARGETS)
    assert done.code == 0, done.err
    assert_lines(profiles.Profile(shared / "out", done))
    p.assert_works()


@pytest.mark.parametrize("part", ["deep5000", "deep20000"])
def test_deep_recursion_shows_the_work_at_the_bottom(patient, runtime, out_dir, part):
    """Deeper than what is copied: said so, joined with what is known of the thread, and the leaf right in any case."""
    p = patient("shares", runtime, args=[part])
    profile = record_cpu(p, out_dir / "s", 1.5)
    state = profile.state
    assert (state.lost, state.broken) == (0, 0), state
    rise, = (row for row in profile.rows("methods") if row["method"] == "Bakery.Dough.Rise")
    assert rise["self"] > 0.9 * profile.total, rise
    assert profile.through("Bakery.Dough.Fold") > 0.9 * profile.total
    # Less what the thread did on its way down, while its stack could still be copied whole.
    deep = sum(s.weight_ns for s in profile.samples if s.flags & (profiles.TRUNCATED | profiles.JOINED))
    assert deep > 0.8 * profile.total, f"{deep} of {profile.total} ns are said to be too deep"
    for s in profile.stacks:
        for f in s.frames:
            if f.function == "Bakery.Dough.Rise":
                assert same_place(f.file, f.line, "deep"), f
    p.assert_works()


# --- the other engine -------------------------------------------------------------------------------------------------

DENY_TIMER_CREATE = """
import ctypes, struct, sys, os
code = b"".join(struct.pack("<HBBI", *op) for op in (
    (0x20, 0, 0, 0),           # load the number of the call
    (0x15, 0, 1, 222),         # timer_create?
    (0x06, 0, 0, 0x00050001),  # EPERM
    (0x06, 0, 0, 0x7FFF0000))) # allow
program = ctypes.create_string_buffer(code, len(code))
filter = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(program))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, filter, 0, 0):
    sys.exit(f"no seccomp here: {os.strerror(ctypes.get_errno())}")
os.execv(sys.argv[1], sys.argv[1:])
"""
# Fewer than the program has threads, and as the limit counts for all programs of the user, more than those have now.
FEW_SIGNALS = """
import os, re, resource, sys
used = int(re.search(r"SigQ:\\s*(\\d+)/", open("/proc/self/status").read()).group(1))
resource.setrlimit(resource.RLIMIT_SIGPENDING, (used + 8, used + 8))
os.execv(sys.argv[1], sys.argv[1:])
"""
WITHOUT_TIMERS = {"RLIMIT_SIGPENDING": ["/usr/bin/python3", "-c", FEW_SIGNALS],
                  "seccomp": ["/usr/bin/python3", "-c", DENY_TIMER_CREATE]}
NO_SIGNALS = ["prlimit", "--sigpending=0"]


@pytest.mark.parametrize("why", WITHOUT_TIMERS)
def test_without_timers_it_suspends_and_says_that_this_is_biased(patient, runtime, out_dir, why):
    p = patient("shares", runtime, args=["loop,tiny,hash"], prefix=WITHOUT_TIMERS[why])
    profile = record_cpu(p, out_dir / "s", 1.5)
    assert profile.state.engine == profiles.SUSPENSION, profile.state
    assert "biased" in profile.done.out, profile.done.out
    assert profile.report["cost"]["total_pause_ns"] > 0
    assert profile.through("Bakery.Baker.Work") > 0.5 * profile.total
    assert profile.through("Bakery.Guest.Sleep") < POINTS * profile.total, "sleepers wake twice a second, and sleep again"
    p.assert_works()


def test_timers_that_cannot_be_had_are_refused_when_asked_for(patient, out_dir):
    p = patient("cpu", prefix=NO_SIGNALS)
    args = visit.attach_args(p, out_dir / "s", "1s", profiles.CPU, ["--set", "engine=timers"])
    done = harness.run_medic(args)
    assert done.code not in (0, 139), done
    assert "limit of pending signals" in done.err and "engine=suspension" in done.err, done.err
    p.assert_works()


@pytest.mark.parametrize("profiler", [profiles.CPU, profiles.MERGED])
def test_without_pending_signals_nothing_is_suspended(patient, out_dir, profiler):
    """The runtime stops a thread in a loop by a signal: without one a suspension would not end while the loop runs."""
    p = patient("cpu", prefix=NO_SIGNALS)
    done = harness.run_medic(visit.attach_args(p, out_dir / "s", "1s", profiler, []))
    assert_said(done, "the program's user may have no more signals pending")
    p.assert_works()


def test_timers_leave_pending_signals_to_the_program(patient, out_dir):
    """The runtime's collections need them, to stop the threads."""
    p = patient("cpu", args=["4"], prefix=["/usr/bin/python3", "-c", FEW_SIGNALS])
    args = visit.attach_args(p, out_dir / "s", "2s", profiles.CPU, ["--set", "engine=timers"])
    with harness.start_medic(args) as medic:
        room = []
        while medic.process.poll() is None:
            used, limit = re.search(r"SigQ:\s*(\d+)/(\d+)", pathlib.Path(f"/proc/{p.pid}/status").read_text()).groups()
            room.append(int(limit) - int(used))
            time.sleep(0.02)
        assert medic.wait().code == 0
    with_timers = collections.Counter(left for left in room if left < max(room)).most_common(1)
    assert with_timers and with_timers[0][0] >= max(room) // 2, room  # a signal that waits for a moment takes one, too
    p.assert_works()


GO_NOTE = """
.section .note.go.buildid, "a", @note
.align 4
.long 4, 4, 4
.ascii "Go\\0\\0id\\0\\0"
"""


def test_with_a_go_library_no_thread_gets_a_signal(patient, out_dir):
    """A goroutine's stack has less room than the kernel's frame of a signal: what lies below would be overwritten."""
    source, library = out_dir / "go.S", out_dir / "libgo.so"
    source.write_text(GO_NOTE)
    subprocess.run(["gcc", "-shared", "-nostdlib", "-o", library, source], check=True)
    p = patient("shares", args=["loop,tiny,hash"], env={"LD_PRELOAD": str(library)})
    args = visit.attach_args(p, out_dir / "t", "1s", profiles.CPU, ["--set", "engine=timers"])
    assert_said(harness.run_medic(args), "the program has loaded <>, whose Go code")
    profile = record_cpu(p, out_dir / "s", 1)
    assert profile.state.engine == profiles.SUSPENSION and "biased" in profile.done.out
    p.assert_works()


def test_suspension_can_be_asked_for(patient, out_dir):
    p = patient("shares", args=["loop,tiny,hash"])
    profile = record(p, out_dir / "s", "1s", "--set", "engine=suspension")
    assert profile.state.engine == profiles.SUSPENSION and "biased" in profile.done.out
    p.assert_works()


# --- the program is not disturbed -------------------------------------------------------------------------------------

def told(p, command):
    return json.loads(p.ask(command))


@pytest.mark.parametrize("prof", [True, False], ids=["with SIGPROF", "without"])
def test_signals_of_the_program_go_on_as_before(patient, runtime, out_dir, prof):
    """Its own SIGPROF handler gets its own signals and no others, waits are not interrupted, alternate stacks are used."""
    p = patient("signals", runtime, args=[harness.SIGNALS_LIBRARY, *(["prof"] if prof else [])])

    def stretch(body):
        before = told(p, "signals")
        body()
        after = told(p, "signals")
        grown = {key: after[key] - before[key] for key in before if key != "handler"}
        harness.assert_undisturbed(grown, prof)
        assert min(grown["waits"], grown["alternate"], grown["grinds"]) > 0, grown
        return grown

    def rest():
        harness.wait_until(lambda: told(p, "signals")["cpuNs"] > rest.cpu + 2e9, 20, "two seconds of CPU time")

    rest.cpu = told(p, "signals")["cpuNs"]
    handler = told(p, "signals")["handler"]
    assert handler == ("own" if prof else "default")
    alone = stretch(rest)
    profile = []
    during = stretch(lambda: profile.append(record_cpu(p, out_dir / "s", 2.5)))
    rest.cpu = told(p, "signals")["cpuNs"]
    after = stretch(rest)
    assert told(p, "signals")["handler"] == handler
    if prof:  # signals for each second of CPU time: the kernel counts that in ticks, which differs by chance
        rates = [one["prof"] / one["cpuNs"] * 1e9 for one in (alone, during, after)]
        assert min(rates[0], rates[2]) * 0.7 < rates[1] < max(rates[0], rates[2]) * 1.4, rates
    native = sum(s.weight for s in profile[0].stacks if s.leaf.module == harness.SIGNALS_LIBRARY.name)
    assert native > 0, "native threads, which the runtime does not know, are sampled too"
    assert p.quit() == 0, p.stderr()


def test_handler_that_comes_and_goes_during_the_session(patient, out_dir):
    """A library sets SIGPROF while the timers run: whatever is recorded, the program lives and keeps its handler."""
    p = patient("signals", args=[harness.SIGNALS_LIBRARY])
    with visit.start_attach(p, out_dir / "s", duration="3s", profiler=profiles.CPU) as medic:
        harness.wait_until(lambda: any(name.startswith("medic") for name in harness.threads(p.pid).values()), 10,
                           "the session")
        p.assert_works()
        assert p.ask("install") == "0"
        p.assert_works()
        done = medic.wait()
    assert done.code == 0, done.err
    p.assert_works()
    assert told(p, "signals")["handler"] == "own"
    before = told(p, "signals")["prof"]
    harness.wait_until(lambda: told(p, "signals")["prof"] > before, 10, "signals of its own")
    assert p.quit() == 0, p.stderr()


@pytest.mark.parametrize("microseconds, tolerance", [(20_000, 0.15), (5000, 0.3), (50, None)])
def test_threads_that_come_and_go(patient, runtime, out_dir, microseconds, tolerance):
    """A thread that ends before the next tick after its sample was due is not seen: the shorter they live, the more of them."""
    p = patient("threadchurn", runtime, args=[microseconds])
    profile, truth = record_truth(p, out_dir / "s", 3)
    state = profile.state
    assert (state.lost, state.broken) == (0, 0), state
    assert state.threads > 100, state
    if tolerance:
        seen = profile.through("Pond.Mayfly.Live") / profile.total
        assert abs(seen - truth.ns["mayfly"] / truth.process_ns) < tolerance, (seen, truth)
    p.assert_works()
    assert p.quit() == 0, p.stderr()


def test_null_references_by_the_thousand(patient, runtime, out_dir):
    """Each is a SIGSEGV that the runtime handles: no sample may fall into it and spoil it."""
    p = patient("nullrefs", runtime)
    before = p.work()
    profile = record_cpu(p, out_dir / "s", 2.5)
    assert p.work() - before > 3000
    assert profile.through("Pond.Clumsy.Fall") > 0.8 * profile.total
    assert profile.state.lost == 0, profile.state
    assert p.quit() == 0, p.stderr()


def test_children_are_well(patient, runtime, out_dir):
    """Fork and exec in the middle of a session: right exit codes, and SIGPROF neither blocked nor ignored in a child."""
    p = patient("forkexec", runtime)
    for n in range(3):
        record(p, out_dir / f"s{n}", "700ms")
    p.assert_works()
    children = told(p, "children")
    assert children["children"] > 50 and (children["wrong"], children["tainted"]) == (0, 0), children
    assert p.quit() == 0, p.stderr()


def test_code_that_vanishes(patient, runtime, out_dir):
    """Dynamic methods and collectible assemblies come, run and go under the sampler."""
    p = patient("jit", runtime)
    profile = record_cpu(p, out_dir / "s", 3)
    state = profile.state
    assert state.lost == 0 and state.samples > 100, state
    assert state.unwound > 0.98 * state.samples, state
    names = profile.functions()
    assert any(name.startswith("Made") and name.endswith("(dynamic)") for name in names), sorted(names)[:50]
    for n in range(4):  # an assembly may be gone before it can be asked for its names, and none may be met
        if "Made.Robot.Work" in names:
            break
        names = record_cpu(p, out_dir / f"again{n}", 3).functions()
    assert "Made.Robot.Work" in names
    p.assert_works()
    assert p.quit() == 0, p.stderr()


@pytest.mark.parametrize("threads", [8])
def test_many_threads(patient, out_dir, threads):
    p = patient("shares", args=["loop,tiny,hash,zip", threads])
    profile, truth = record_truth(p, out_dir / "s", 5)
    bakers = {row["name"] for row in profile.rows("threads") if (row["name"] or "").startswith("baker")}
    assert len(bakers) == threads
    total, all_true = sum(profile.through(m) for m in truth.method.values()), sum(truth.ns.values())
    for part, method in truth.method.items():
        assert abs(profile.through(method) / total - truth.ns[part] / all_true) < 2 * POINTS, part


def test_the_same_shares_beside_a_thousand_blocked_threads(patient, out_dir):
    p = patient("shares", args=["loop,tiny,hash,zip", "--blocked", 1000])
    profile, truth = record_truth(p, out_dir / "s", 5)
    state = profile.state
    assert (state.lost, state.broken, state.threads_missed) == (0, 0, 0), state
    total, all_true = sum(profile.through(m) for m in truth.method.values()), sum(truth.ns.values())
    for part, method in truth.method.items():
        assert abs(profile.through(method) / total - truth.ns[part] / all_true) < 2 * POINTS, part
    assert profile.through("Billing.Gate.Enter") == 0


def test_attach_and_detach_under_full_load(patient, runtime, out_dir):
    """Both profilers in turns. A hundred times by `./dev soak`."""
    p = patient("web", runtime)
    cycles = CYCLES if runtime == "net10.0" else CYCLES // 3
    with WebLoad(p.port):
        for n in range(cycles):
            for profiler in profiles.PLUGINS:
                visit.attach(p, out_dir / f"{profiler}{n}", duration="100ms", profiler=profiler)
                p.assert_alive()
    assert p.quit() == 0, p.stderr()
