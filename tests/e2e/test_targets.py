"""The patients themselves: every mode starts on every runtime, obeys the protocol and has its illness."""

import json
import re
import signal
import time
import urllib.request

import pytest

import harness
from harness import Patient, wait_until

WORKING = [m for m in harness.MODES if m not in ("idle", "web", "blocked", "starved", "throws", "mix", "waits")]
COLLECTING = ("induced", "induced-nonblocking", "churn", "pausemix", "slowsuspend", "crash", "fork")


def grows(patient, key, timeout=10):
    before = patient.stats()[key]
    wait_until(lambda: patient.stats()[key] > before, timeout, f"growth of {key} in {patient}")


@pytest.mark.parametrize("mode", harness.MODES)
def test_mode_starts_tells_and_quits(mode, runtime):
    with Patient(mode, runtime) as p:
        assert p.pid == p.process.pid
        assert (p.port is not None) == (mode == "web")
        stats = p.stats()
        assert set(stats) == {"totalPauseMs", "gen0", "gen1", "gen2", "induced", "threads", "work", "gapMs", "server",
                              "version"}
        assert stats["version"].startswith(runtime[3:] + ".")
        assert stats["server"] is False and stats["gapMs"] == 0
        if mode in WORKING:
            p.assert_works()
        if mode in COLLECTING:
            grows(p, "gen0")
        assert p.quit() == 0, p.stderr()


def test_end_of_input_ends_it(runtime):
    with Patient("idle", runtime) as p:
        p.process.stdin.close()
        assert p.wait() == 0


def test_induced_counts_every_collection(runtime):
    with Patient("induced", runtime) as p:
        stats = p.stats()
        assert stats["induced"] - 1 <= stats["gen2"] <= stats["induced"] + 1
        assert stats["totalPauseMs"] > 0


def test_server_gc_by_environment(runtime):
    with Patient("induced", runtime, env={"DOTNET_gcServer": 1}) as p:
        assert p.stats()["server"] is True


def test_bigheap_collects_in_the_background_unless_told_not_to():
    def collections(env):
        with Patient("bigheap", env=env) as p:
            before = p.stats()
            wait_until(lambda: p.stats()["gen2"] >= before["gen2"] + 2, 15, "natural gen2 collections")
            after = p.stats()
            in_background = ".NET BGC" in harness.threads(p.pid).values()
            pause = (after["totalPauseMs"] - before["totalPauseMs"]) / (after["gen2"] - before["gen2"])
            return in_background, pause

    assert collections({})[0]
    in_background, pause = collections({"DOTNET_gcConcurrent": 0})
    assert not in_background and pause > 10


def test_slowsuspend_pauses_long_for_cheap_collections(runtime):
    with Patient("slowsuspend", runtime) as p:
        before = p.stats()
        wait_until(lambda: p.stats()["gen0"] >= before["gen0"] + 20, 10, "collections")
        after = p.stats()
        assert after["gen1"] == before["gen1"]
        assert (after["totalPauseMs"] - before["totalPauseMs"]) / (after["gen0"] - before["gen0"]) > 4


def test_gap_meter_sees_pauses():
    with Patient("slowsuspend", gap=True, args=["native", 50]) as p:
        wait_until(lambda: p.stats()["gapMs"] > 20, 10, "a gap of 20 ms")


def test_shares_account_for_the_cpu_time(runtime):
    with Patient("shares", runtime) as p:
        before = json.loads(p.ask("shares"))
        after = before

        def spent():
            nonlocal after
            after = json.loads(p.ask("shares"))
            return {b["name"]: b["ns"] - a["ns"] for a, b in zip(before["parts"], after["parts"])}

        wait_until(lambda: all(spent().values()), 60, "CPU time for every part")
        time.sleep(1)
        parts = spent()
        assert len(parts) == 11, parts
        assert sum(parts.values()) > 0.8 * (after["processNs"] - before["processNs"])


@pytest.mark.parametrize("count", [50, 1000])
def test_blocked_threads_wait_where_they_say(runtime, count):
    with Patient("blocked", runtime, args=[count]) as p:
        told = json.loads(p.ask("blocked"))
        names = [re.sub(r" \d+$", "", name) for name in harness.threads(p.pid).values()]
        pool = [told.pop(name)["threads"] for name in ("refund", "idle")]
        assert {name: names.count(name) for name in told} == {name: w["threads"] for name, w in told.items()}
        assert names.count(".NET TP Worker") >= sum(pool)
        holders = told.pop("cashier")["threads"] + told.pop("guard", {"threads": 0})["threads"]
        assert sum(w["threads"] for w in told.values()) == count and holders == (1 if runtime == "net8.0" else 2)
        assert told["gate"]["threads"] == count // 2


def test_blocked_threads_beside_another_mode():
    with Patient("cpu", args=["--blocked", 50]) as p:
        assert sum(name.startswith("gate ") for name in harness.threads(p.pid).values()) == 25
        p.assert_works()


def test_starved_pool_does_not_move(runtime):
    with Patient("starved", runtime) as p:
        before = json.loads(p.ask("starved"))
        assert before["threads"] == 24 and before["queued"] > 24
        time.sleep(0.5)
        assert json.loads(p.ask("starved")) == before


def test_children_are_counted_and_well(runtime):
    with Patient("forkexec", runtime) as p:
        wait_until(lambda: json.loads(p.ask("children"))["children"] > 20, 10, "children")
        told = json.loads(p.ask("children"))
        assert (told["wrong"], told["tainted"]) == (0, 0), told


def test_signals_disturb_nobody(runtime):
    with Patient("signals", runtime, args=[harness.SIGNALS_LIBRARY, "prof"]) as p:
        wait_until(lambda: json.loads(p.ask("signals"))["prof"] > 20, 10, "signals")
        told = json.loads(p.ask("signals"))
        assert told["handler"] == "own" and min(told["waits"], told["alternate"], told["grinds"]) > 0, told
        harness.assert_undisturbed(told, prof=True)


def test_web_answers():
    with Patient("web") as p:
        def get(path):
            with urllib.request.urlopen(f"http://127.0.0.1:{p.port}{path}", timeout=5) as answer:
                return json.load(answer)

        assert get("/json")["message"] == "Hello"
        assert get("/alloc?kb=50")["bytes"] == 50_000


def test_crash_ends_as_told():
    with Patient("crash") as p:
        p.tell("exit 7")
        assert p.wait() == 7
    with Patient("crash", env={"DOTNET_DbgEnableMiniDump": 0}) as p:
        p.tell("abort")
        assert p.wait() == -signal.SIGABRT
        assert "told to abort" in p.stderr()


def test_snapshots_show_what_changes():
    with Patient("idle") as p:
        before = harness.Snapshot.of(p.pid)
        assert any(f.endswith("libcoreclr.so") for f in before.files)
        assert len(before.threads) == p.stats()["threads"]
        assert before.memory["rss"] > before.memory["private_dirty"] > 1 << 20
        same = harness.difference(before, before)
        assert (same.threads, same.fds, same.maps, same.new_files) == (0, 0, 0, set())
        assert harness.diagnostics_sockets(p.pid)


def test_harness_says_what_went_wrong():
    with pytest.raises(harness.HarnessError, match="ended with 2; its stderr: usage: Patient"):
        Patient("no-such-mode")
    with Patient("crash") as p:
        p.kill()
        assert not p.is_alive()
        with pytest.raises(harness.HarnessError):
            p.stats()


def test_command_ends_and_reports():
    done = harness.Command(["sh", "-c", "echo out; echo err >&2; exit 3"]).wait()
    assert (done.code, done.out, done.err, done.timed_out) == (3, "out\n", "err\n", False)
    done = harness.Command(["sh", "-c", "test -t 1 && stty size"], tty=True, columns=77).wait()
    assert done.out.split() == ["50", "77"]
    with harness.Command(["sleep", "60"], tty=True) as sleeper:
        time.sleep(0.2)
        sleeper.type("\x03")
        assert sleeper.wait(5).code in (-signal.SIGINT, 130)
    assert harness.Command(["sleep", "60"]).wait(timeout=0.2).timed_out


def test_attacher_prints_the_reason():
    if not (harness.TARGETS / "attacher").exists():
        pytest.skip("attacher is not published")
    with Patient("idle") as p:
        done = harness.run_attacher(p.pid, "11111111-2222-3333-4444-555555555555", "/no/such/library.so")
        assert done.code == 1 and "8007007e" in done.err.lower()
        assert p.is_alive()
