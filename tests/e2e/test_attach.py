"""`medic attach` with runtime_pauses on real programs: the diagnosis, its numbers, its files, and what it leaves."""

import json
import urllib.request

import pytest

import harness
import visit

# What each illness must be called. A mode's extras make it show within the short recording.
WITH_CONCURRENT_OFF = {"DOTNET_gcConcurrent": 0}
SMALL_GEN0 = {"DOTNET_GCgen0size": "0x400000"}  # 4 MB: more collections in a short recording

SEVERE = ("notice", "warning", "critical")
HEALTHY = ("healthy",)

DIAGNOSES = {
    # mode: environment, arguments, duration, severities, words in the verdict
    "induced": ({}, (), "250ms", SEVERE, ("forced collections (GC.Collect)", "Orders.Cache.Trim")),
    "healthy": ({}, (), "200ms", HEALTHY, ("if requests are slow, look at CPU use",)),
    "idle": ({}, (), "100ms", HEALTHY, ("never stopped the program",)),
    "bigheap": (WITH_CONCURRENT_OFF, ("--set", "threshold=10ms"), "800ms", SEVERE,
                ("full blocking collections (gen2)", "concurrent collection is off")),
    "churn": (SMALL_GEN0, ("--set", "threshold=2ms"), "800ms", SEVERE, ("collections",)),  # which: see below
    "slowsuspend": ({}, (), "300ms", SEVERE, ("slow to stop",)),
    "web": ({}, (), "100ms", HEALTHY, ("if requests are slow, look at CPU use",)),
}


@pytest.fixture(params=[False, True], ids=["workstation", "server"])
def gc(request):
    """The environment that chooses the garbage collector."""
    return {"DOTNET_gcServer": 1} if request.param else {}


@pytest.mark.parametrize("mode", DIAGNOSES)
def test_diagnosis(patient, runtime, gc, mode, out_dir):
    """On a busy machine the pauses of a healthy program are long at times: it may be asked three times."""
    env, args, duration, severities, words = DIAGNOSES[mode]
    p = patient(mode, runtime, env={**env, **gc})
    for attempt in range(3 if severities == HEALTHY else 1):
        seen = visit.attach(p, out_dir / f"s{attempt}", *args, duration=duration)
        if seen.severity in severities:
            break
    told = f"{mode} on {runtime} {gc}: [{seen.severity}] {seen.verdict}"
    assert seen.severity in severities, told
    for word in words:
        assert word in seen.verdict, f"{word!r} is missing: {told}"
    assert seen.report["lost"]["records"] == 0, told
    assert seen.done.err == "", f"a session that went well has nothing for stderr: {seen.done.err!r}"
    if mode != "idle" and mode != "web":
        p.assert_works()
    assert p.quit() == 0, p.stderr()


def in_phase(seen, phase):
    """What the collections' pauses spent in a phase (stop, stopped, restart), in ns."""
    mean = {r["cause"]: r[phase] for r in seen.rows("phases")}
    return sum(r["count"] * mean[r["cause"]] for r in seen.rows("causes") if "not a collection" not in r["cause"])


def test_slow_to_suspend_is_not_called_slow_to_collect(patient, out_dir):
    p = patient("slowsuspend")
    seen = visit.attach(p, out_dir / "s", duration="300ms")
    assert "young collections" not in seen.verdict and "reluctant" in seen.verdict, seen.verdict
    stopping, stopped = in_phase(seen, "stop"), in_phase(seen, "stopped")
    assert stopping > 3 * stopped, f"{stopping / 1e6} ms to stop, {stopped / 1e6} ms stopped"


def test_the_method_that_allocates_is_named(patient, runtime, out_dir):
    seen = visit.attach(patient("churn", runtime, env=SMALL_GEN0), out_dir / "s", duration="300ms")
    assert "young collections (gen0, gen1)" in seen.verdict, seen.verdict
    assert "allocates too fast" in seen.verdict and "Medic.Targets.Churn.Worker" in seen.verdict, seen.verdict


def test_a_program_that_stands_still_all_the_time_is_not_called_healthy(patient, out_dir):
    """The pauses are longer than the recording, and one is under way when it begins."""
    p = patient("slowsuspend", args=["native", 300])
    for attempt in range(3):
        seen = visit.attach(p, out_dir / f"s{attempt}", duration="150ms")
        assert seen.severity != "healthy", seen.verdict


# --- the numbers ------------------------------------------------------------------------------------------------------

ATTEMPTS = 4
ENOUGH, AT_LEAST = 20, 3  # collections; some collectors are lazy
MEGABYTES = 30  # of a request


def load(p):
    """Requests that allocate 3 GB, or up to 15 GB until there was a collection. Each request has ended when this returns,
    so no collection comes later."""
    before = p.stats()["gen0"]
    for sent in range(0, 15_000, MEGABYTES):
        seen = p.stats()["gen0"] - before
        if seen >= ENOUGH or (seen >= AT_LEAST and sent >= 3000):
            return
        with urllib.request.urlopen(f"http://127.0.0.1:{p.port}/alloc?kb={MEGABYTES}000", timeout=20) as answer:
            answer.read()
    assert p.stats()["gen0"] > before, f"{p} does not collect: there is nothing to compare"


def measure(p, tmp, folder):
    """A recording that holds all collections between two stats: the patient rests when it begins and when it ends."""
    before = p.stats()
    with visit.start_attach(p, folder, duration="0") as medic:
        visit.wait_running(tmp)
        load(p)
        between = p.stats()
        medic.signal()  # SIGINT: stop and report
        done = medic.wait()
    after = p.stats()
    assert done.code == 0, done.err
    assert between["gen0"] == after["gen0"], "a collection came after the load: the test's ground is not there"
    return before, after, visit.Visit(folder, done)


def test_sum_of_pauses_is_the_runtimes_own(patient, runtime, gc, out_dir):
    """Within 1 % plus 5 µs a pause of GC.GetTotalPauseDuration, and not one collection more or less.

    The web patient collects only while it is asked to allocate, and it is asked only while the session records: the
    two accounts are of the same pauses, so nothing has to be estimated.

    A pause is counted until the threads are let go; the runtime's clock stops shortly before. With the server GC there is
    one heap, because the threads of several wait for each other after the runtime's clock has stopped.

    Where another process gets the core between the runtime's clock and Medic's, at the begin or at the end of a pause,
    the sums differ by that time slice. This is no error and does not come every time: the test asks up to four times. A sum that is wrong never agrees;
    the counts must agree at once."""
    p = patient("web", runtime, env={"TMPDIR": out_dir, "DOTNET_GCHeapCount": 1, **SMALL_GEN0, **gc})
    attempts = []
    for attempt in range(ATTEMPTS):
        before, after, seen = measure(p, out_dir, out_dir / f"s{attempt}")
        count, whole_ns = seen.collections
        assert count == after["gen0"] - before["gen0"], (count, before, after)
        truth_ns = (after["totalPauseMs"] - before["totalPauseMs"]) * 1e6
        tolerance_ns = 0.01 * truth_ns + 5000 * count
        if abs(whole_ns - truth_ns) <= tolerance_ns:
            return
        attempts.append(f"{(whole_ns - truth_ns) / 1e3:+.0f} µs on {truth_ns / 1e6:.2f} ms in {count} pauses")
    pytest.fail("the sums never agree: " + "; ".join(attempts))


def test_every_forced_collection_is_counted_with_its_caller(patient, runtime, out_dir):
    """Of an unstoppable mode only bounds can be told: those before and after the window are in the stats too."""
    p = patient("induced", runtime)
    before = p.stats()
    seen = visit.attach(p, out_dir / "s", duration="300ms")
    after = p.stats()
    count, total_ns = seen.collections
    callers = seen.rows("callers")
    assert 2 <= count <= after["induced"] - before["induced"] + 1
    assert total_ns <= 1.01 * (after["totalPauseMs"] - before["totalPauseMs"]) * 1e6 + 5000 * count
    assert [r for r in callers if "Orders.Cache.Trim" in str(r.values())], callers
    assert "gen2 blocking: induced, compacting" in [r["cause"] for r in seen.rows("causes")], seen.rows("causes")


# --- the document -----------------------------------------------------------------------------------------------------

TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def assert_table(section):
    ids = [c["id"] for c in section["columns"]]
    assert len(set(ids)) == len(ids), f"columns of {section['id']} have the same id: {ids}"
    for column in section["columns"]:
        assert set(column) >= {"id", "title", "type", "unit", "key", "diff"}, column
    assert section["total_rows"] >= len(section["rows"])
    for row in section["rows"]:
        assert len(row) == len(ids), f"a row of {section['id']} has {len(row)} cells for {len(ids)} columns"


def test_document_is_complete(patient, runtime, out_dir):
    p = patient("induced", runtime)
    seen = visit.attach(p, out_dir / "s", "--set", "worst=3", duration="1s")
    report = seen.report
    assert set(report) == {"schema", "session", "profiler", "target", "verdict", "severity", "findings", "sections",
                           "cost", "lost"}
    assert report["schema"] == 1
    told = report["session"]
    assert told["end_reason"] == "duration" and told["complete"] is True and len(told["id"]) == 36
    assert told["duration_ns"] >= 1e9
    assert report["profiler"]["name"] == visit.PROFILER and report["profiler"]["guid"] == visit.GUID
    assert report["profiler"]["parameters"]["worst"] == "3"
    assert report["profiler"]["parameters"]["threshold"], "defaults are told as well"
    target = report["target"]
    assert (target["pid"], target["inner_pid"], target["name"]) == (p.pid, p.pid, "Patient")
    assert target["runtime"].startswith(runtime[3:] + ".") and "induced" in target["command_line"]
    assert target["os"] == "linux" and target["arch"] in ("x64", "arm64")
    assert set(report["cost"]) == {"longest_pause_ns", "total_pause_ns", "cpu_ns", "bytes_written",
                                   "target_memory_bytes"}
    assert 0 < report["cost"]["bytes_written"] <= (seen.folder / "capture.mdc").stat().st_size
    assert 0 < report["cost"]["target_memory_bytes"] < 16 << 20, "the budget of the design"
    assert report["lost"]["records"] == 0
    ids = [s["id"] for s in report["sections"]]
    assert len(set(ids)) == len(ids) and {"summary", "causes", "callers"} <= set(ids), ids
    for section in report["sections"]:
        assert_table(section)
    assert 1 <= len(report["findings"]) <= 5
    for finding in report["findings"]:
        assert finding["section"] is None or finding["section"] in ids, finding


def test_session_folder(patient, out_dir):
    p = patient("induced")
    seen = visit.attach(p, out_dir / "s")
    assert seen.files == {"report.json", "capture.mdc", "session.json"}
    assert seen.folder.stat().st_mode & 0o777 == 0o700
    assert all(f.stat().st_mode & 0o077 == 0 for f in seen.folder.iterdir()), "others may not read a session"
    about = seen.about
    assert about["id"] == seen.report["session"]["id"] and about["state"] == "complete", about
    capture = seen.capture  # every checksum is right
    assert capture.plugin_records and capture.text["plugin"] == visit.PROFILER, capture.text


def test_without_output_the_session_is_kept_in_the_home(patient, out_dir):
    p = patient("idle")
    args = ["attach", p.pid, "-P", visit.PROFILER, "-d", "50ms"]
    harness.run_medic(args, check=0, env={"HOME": out_dir, "XDG_STATE_HOME": None})
    kept = list((out_dir / ".local/state/medic/sessions").iterdir())
    assert len(kept) == 1 and (kept[0] / "report.json").exists()
    again = harness.run_medic(["report", kept[0].name], check=0, env={"HOME": out_dir, "XDG_STATE_HOME": None})
    assert "HEALTHY" in again.out and "Healthy" not in again.out, "said once"


# --- reading it again -------------------------------------------------------------------------------------------------

def test_report_shows_the_same_again(patient, out_dir):
    seen = visit.attach(patient("induced"), out_dir / "s")
    before = seen.folder.joinpath("report.json").read_bytes()
    again = harness.run_medic(["report", seen.folder], check=0)
    assert again.out == seen.done.out and "Orders.Cache.Trim" in again.out
    assert seen.folder.joinpath("report.json").read_bytes() == before
    seen.folder.joinpath("report.json").unlink()  # it is made from the capture
    assert harness.run_medic(["report", seen.folder], check=0).out == seen.done.out


def test_json_is_the_document_and_nothing_else(patient, out_dir):
    seen = visit.attach(patient("induced"), out_dir / "s", "-f", "json")
    assert json.loads(seen.done.out) == seen.report
    again = harness.run_medic(["report", seen.folder, "-f", "json"], check=0)
    assert json.loads(again.out) == seen.report


# --- naming the two ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("profiler", [
    visit.PROFILER,
    visit.GUID,
    "{%s}" % visit.GUID.upper(),
    harness.PLUGINS / "runtime_pauses.so",
], ids=["name", "guid", "braced-guid", "file"])
def test_profiler_by(patient, out_dir, profiler):
    seen = visit.attach(patient("induced"), out_dir / "s", profiler=profiler)
    assert seen.report["profiler"]["name"] == visit.PROFILER


def test_profiler_of_somebody_elses_folder(patient, out_dir):
    """A file outside the plugin folders works the same, and its report can be made again."""
    strange = harness.BUILD / "tests" / "abi" / "plugins" / "fixture_good.so"
    seen = visit.attach(patient("induced"), out_dir / "s", profiler=strange)
    assert seen.report["profiler"]["name"] == "fixture_good"
    assert harness.run_medic(["report", seen.folder], check=0).out == seen.done.out


def test_process_by_name(patient, out_dir):
    p = patient("idle", prefix=visit.named_program(out_dir, "Clinic"))
    for name in (["Clinic"], ["-n", "Clinic"], ["clinic"], ["-p", p.pid]):
        folder = out_dir / f"s{len(list(out_dir.iterdir()))}"
        harness.run_medic(["attach", *name, "-P", visit.PROFILER, "-d", "50ms", "-o", folder], check=0)
        assert visit.Visit(folder, None).report["target"]["pid"] == p.pid


# --- the patient afterwards -------------------------------------------------------------------------------------------

def test_nothing_is_left_in_the_target(patient, runtime, out_dir):
    """The second visit is compared: the first one maps the libraries, which stay (they are never unloaded), and makes
    threads and pools of the runtime's own."""
    tmp = out_dir / "tmp"
    tmp.mkdir()
    p = patient("induced", runtime, env={"TMPDIR": tmp})
    visit.attach(p, out_dir / "first")
    before = harness.Snapshot.of(p.pid)
    assert sum("libmedic-" in f for f in before.files) == 1, before.files
    visit.attach(p, out_dir / "second")
    visit.assert_clean(tmp)

    def back():
        now = harness.difference(before, harness.Snapshot.of(p.pid))
        return now.threads <= 0 and now.fds <= 0 and not now.new_files
    try:
        harness.wait_until(back, 10)
    except harness.HarnessError:
        pytest.fail(f"not as before: {harness.difference(before, harness.Snapshot.of(p.pid))}")
    assert not [t for t in harness.threads(p.pid).values() if "medic" in t]
    assert not [f for f in harness.fds(p.pid).values() if "medic" in f]
    p.assert_works()
