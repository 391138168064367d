"""The core inside a target that has troubles of its own: it ends, starts, or has no resources left. The target always
lives on, or ends as it would have ended by itself."""

import contextlib
import random
import resource
import signal
import time

import pytest

import harness
import session

NAMES = harness.BUILD / "tests" / "abi" / "plugins" / "names_fixture.so"
NAMES_GUID = "f1c70000-0000-4000-8000-000000000040"
GOOD = harness.BUILD / "tests" / "abi" / "plugins" / "fixture_good.so"
GOOD_GUID = "f1c70000-0000-4000-8000-000000000001"


@pytest.fixture
def tmp():
    with harness.temp_dir(prefix="mt-") as path:
        yield path


def attach(p, tmp, plugin="runtime_pauses", duration="100ms", timeout=30):
    return harness.run_medic(["attach", p.pid, "-P", plugin, "-d", duration, "-o", tmp / f"out{time.monotonic_ns()}"],
                             env={"TMPDIR": tmp}, timeout=timeout)


# --- endings ----------------------------------------------------------------------------------------------------------

ENDINGS = {"exit": lambda p: p.tell("exit 7"), "term": lambda p: p.signal(signal.SIGTERM),
           "abort": lambda p: p.tell("abort"), "main": lambda p: p.tell("quit")}


def codes_without_medic(runtime, tmp):
    codes = {}
    for how, end in ENDINGS.items():
        with harness.Patient("crash", runtime, env={"TMPDIR": tmp}) as p:
            end(p)
            codes[how] = p.wait()
    return codes


@pytest.mark.parametrize("plugin", ["runtime_pauses", NAMES], ids=["events", "names"])
def test_a_target_that_ends_at_any_moment_ends_as_without_medic(runtime, tmp, plugin):
    expected = codes_without_medic(runtime, tmp)
    dice = random.Random(5)
    for how in [*ENDINGS] * 2:
        duration, delay = dice.choice(["1ms", "20ms", "150ms"]), dice.uniform(0.0, 0.4)
        with harness.Patient("crash", runtime, env={"TMPDIR": tmp}) as p:
            args = ["attach", p.pid, "-P", plugin, "-d", duration, "-o", tmp / f"out{time.monotonic_ns()}"]
            with harness.start_medic(args, env={"TMPDIR": tmp}) as medic:
                time.sleep(delay)
                begin = time.monotonic()
                ENDINGS[how](p)
                assert p.wait() == expected[how], f"{how}, {duration}, after {delay:.3f} s: {p.stderr()}"
                assert how == "abort" or time.monotonic() - begin < 3
                assert not medic.wait().timed_out


# --- beginnings -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("duration", ["1ms", "200ms"])
def test_a_session_from_the_start_of_the_program_detaches_even_when_it_is_over_too_early(runtime, tmp, duration):
    env = {"TMPDIR": tmp, "CORECLR_ENABLE_PROFILING": "1", "CORECLR_PROFILER": "{%s}" % GOOD_GUID,
           "CORECLR_PROFILER_PATH": harness.LIBMEDIC, "MEDIC_SESSION": f"duration={duration}\nplugin={GOOD}"}
    with harness.Patient("healthy", runtime, env=env) as p:
        folder, = session.default_folders(p.pid, tmp)
        assert session.wait_for_state(folder, session.ENDED, session.FAILED, session.INERT).state == session.ENDED
        p.assert_works()
        assert attach(p, tmp).code == 0


def test_short_sessions_one_after_the_other(patient, runtime, tmp):
    p = patient("churn", runtime, env={"TMPDIR": tmp, "DOTNET_GCgen0size": "10000"})  # collections back to back
    for n in range(6):
        done = attach(p, tmp, duration=["1ms", "5ms", "20ms"][n % 3])
        assert done.code == 0, done
    p.assert_works()


# --- no resources -----------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def limit(p, what, value):
    before = resource.prlimit(p.pid, what)
    resource.prlimit(p.pid, what, (value, before[1]))
    yield
    resource.prlimit(p.pid, what, before)  # to tell how it is a patient needs some itself


def address_space(p):
    with open(f"/proc/{p.pid}/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmSize"))


@pytest.mark.parametrize("size", [0, 100, 600])
def test_a_file_size_limit_ends_the_session_and_not_the_target(patient, runtime, tmp, size):
    p = patient("induced", runtime, env={"TMPDIR": tmp})
    with limit(p, resource.RLIMIT_FSIZE, size):  # past it a write raises SIGXFSZ, which kills
        done = attach(p, tmp, NAMES, duration="150ms", timeout=20)
    assert done.code != 0 and done.err.strip()
    p.assert_works()


@pytest.mark.parametrize("more", [1, 2, 3, 4, 5, 6])
def test_without_descriptors_it_refuses_or_works(patient, tmp, more):
    p = patient("induced", env={"TMPDIR": tmp})
    with limit(p, resource.RLIMIT_NOFILE, max(harness.fds(p.pid)) + 1 + more):
        done = attach(p, tmp)
    assert done.code == 0 or len(done.err.strip().splitlines()) == 1, done
    p.assert_works()


@pytest.mark.parametrize("more", [0, 1 << 20, 8 << 20, 64 << 20])
def test_without_memory_it_refuses_or_works(patient, tmp, more):
    p = patient("cpu", args=["1"], env={"TMPDIR": tmp})
    with limit(p, resource.RLIMIT_AS, address_space(p) + more):
        done = attach(p, tmp)
    assert done.code == 0 or len(done.err.strip().splitlines()) == 1, done
    p.assert_works()


# --- forks ------------------------------------------------------------------------------------------------------------

def test_a_target_that_forks_all_the_time(patient, runtime, tmp):
    p = patient("fork", runtime, env={"TMPDIR": tmp})
    for plugin in ("runtime_pauses", NAMES) * 2:
        assert attach(p, tmp, plugin).code == 0
    p.assert_works()
