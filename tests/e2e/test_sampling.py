"""cpu_hotpaths' recording on real runtimes: does the time of the samples equal the time that was used, are stacks whole, is
the program left as it was. The captures are read independently of Medic."""

import json
import pathlib
import re
import resource
import shutil
import time

import harness
import pytest
import session
import stack_capture

GUID = "7c1a5e0c-3f0b-4b8a-9b51-2f6d1c0e7a02"
NET = pytest.mark.parametrize("runtime", harness.RUNTIMES)


def record(patient, store, duration="3s", settings=()):
    """A recording: (Stacks, report)."""
    sets = [word for text in settings for word in ("--set", text)]
    done = harness.run_medic(["attach", patient.pid, "-P", "cpu_hotpaths", "-d", duration, "--format", "json", *sets],
                             env={"MEDIC_HOME": store, "XDG_STATE_HOME": store}, timeout=60, check=0)
    newest = max(pathlib.Path(store).rglob("capture.mdc"), key=lambda path: path.stat().st_mtime)
    return stack_capture.Stacks(session.capture(newest.parent)), json.loads(done.out)


def caught(pid):
    """Which signals the program has a handler for, which it ignores, and which it blocks."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {key: re.search(rf"^{key}:\s*(\w+)", status, re.M).group(1) for key in ("SigCgt", "SigIgn", "SigBlk")}


@NET
def test_samples_stand_for_the_cpu_time_that_was_used(runtime):
    with harness.Patient("cpu", runtime) as patient, harness.temp_dir() as store:
        stacks, _ = record(patient, store, "4s")
        patient.assert_works()
    assert stacks.totals.engine == 1 and stacks.totals.lost == 0 and stacks.totals.threads_missed == 0
    # The last part of an interval has no sample yet: half of one, and a tick of the kernel, for each busy thread.
    assert abs(stacks.weight - stacks.process_ns) < stacks.process_ns * 0.03 + 2 * 8e6, \
        (stacks.weight, stacks.process_ns)


@NET
def test_stacks_reach_the_root_and_name_the_hot_leaf(runtime):
    with harness.Patient("cpu", runtime) as patient, harness.temp_dir() as store:
        stacks, _ = record(patient, store)
    totals = stacks.totals
    assert totals.samples > 10
    assert totals.unwound >= totals.samples * 0.98, totals
    hot = sum(s.weight_ns for s in stacks.samples if "Cpu.Unit" in (stacks.text(s.stack) or [""])[-1])
    assert hot > stacks.weight * 0.9
    for sample in stacks.samples:
        if "Cpu.Unit" in stacks.text(sample.stack)[-1] and not sample.flags:
            assert any("Cpu.Worker" in name for name in stacks.text(sample.stack))
            assert stacks.threads[sample.os_id][1].startswith("cpu ") and stacks.threads[sample.os_id][0]


@NET
def test_frames_carry_the_place_in_the_il(runtime):
    with harness.Patient("cpu", runtime) as patient, harness.temp_dir() as store:
        stacks, _ = record(patient, store, "2s")
    own = [f for f in stacks.frames.values() if f.kind == stack_capture.MANAGED and "Cpu." in f.name]
    assert own and all(f.il_offset < 0x100 for f in own), own


@NET
def test_native_threads_are_sampled_too(runtime):
    """A background collection runs on a thread that the runtime does not know as a managed one."""
    with harness.Patient("churn", runtime) as patient, harness.temp_dir() as store:
        stacks, _ = record(patient, store, "4s", ["interval=1ms"])
    assert stacks.totals.unwound >= stacks.totals.samples * 0.97, stacks.totals
    native = [s for s in stacks.samples if stacks.stacks.get(s.stack) and
              all(f.kind != stack_capture.MANAGED for f in stacks.stacks[s.stack][1])]
    assert native


def test_a_loaded_program_is_left_as_it_was_by_many_sessions():
    with harness.Patient("churn", "net10.0") as patient, harness.temp_dir() as store:
        before, fds = caught(patient.pid), None
        for _ in range(12):
            record(patient, store, "300ms", ["interval=1ms"])
            patient.assert_works()
            assert caught(patient.pid) == before
            fds = fds or len(harness.fds(patient.pid))
        assert len(harness.fds(patient.pid)) <= fds + 2
        assert "medic" not in "".join(harness.threads(patient.pid).values())


def test_the_program_handles_one_signal_more_while_it_is_sampled():
    with harness.Patient("cpu", "net10.0") as patient, harness.temp_dir() as store:
        before = int(caught(patient.pid)["SigCgt"], 16)
        with harness.start_medic(["attach", patient.pid, "-P", "cpu_hotpaths", "-d", "3s"],
                                 env={"MEDIC_HOME": store, "XDG_STATE_HOME": store}) as medic:
            more = harness.wait_until(lambda: int(caught(patient.pid)["SigCgt"], 16) & ~before, 10, "a handler")
            assert more.bit_count() == 1 and more.bit_length() > 34  # a real-time one, and not the runtime's
            assert medic.wait(20).code == 0
        assert int(caught(patient.pid)["SigCgt"], 16) == before


def test_a_program_that_ends_while_it_is_sampled_ends_well():
    with harness.Patient("churn", "net10.0") as patient, harness.temp_dir() as store:
        with harness.start_medic(["attach", patient.pid, "-P", "cpu_hotpaths", "-d", "30s"],
                                 env={"MEDIC_HOME": store, "XDG_STATE_HOME": store}) as medic:
            time.sleep(1.5)
            assert patient.quit() == 0
            medic.wait(20)


def test_the_time_of_an_idle_program_is_not_used_up():
    with harness.Patient("idle", "net10.0") as patient, harness.temp_dir() as store:
        stacks, report = record(patient, store, "3s")
    assert report["cost"]["cpu_ns"] < 60e6
    assert report["cost"]["longest_pause_ns"] == 0


def test_where_timers_cannot_be_had_the_reason_is_told():
    with harness.Patient("cpu", "net10.0") as patient, harness.temp_dir() as store:
        resource.prlimit(patient.pid, resource.RLIMIT_SIGPENDING, (0, 0))
        done = harness.run_medic(["attach", patient.pid, "-P", "cpu_hotpaths", "-d", "1s", "--set", "engine=timers"],
                                 env={"MEDIC_HOME": store, "XDG_STATE_HOME": store}, timeout=30)
        assert done.code and "refuses timers" in done.err, done
        patient.assert_works()


def test_symbols_are_copied_into_the_capture_for_who_asks():
    data = "duration=1500ms\nsymbols=embed\n"
    with harness.Patient("cpu", "net10.0") as patient:
        assert harness.run_attacher(patient.pid, GUID, data=data).code == 0
        folder = harness.wait_until(lambda: session.default_folders(patient.pid), 10, "a session")[-1]
        session.wait_for_state(folder, session.CAPTURED, session.ENDED)
        stacks = stack_capture.Stacks(session.capture(folder))
        session.wait_for_state(folder, session.ENDED)
        shutil.rmtree(folder)
        patient.assert_works()
    own = [module for module, path in stacks.modules.items() if path.endswith("/Patient.dll")]
    pdb = harness.TARGETS / "net10.0" / "Patient.pdb"
    assert stacks.symbols[own[0]] == (1, pdb.read_bytes())
