"""Photographs of the heap without a report: another attach client asks, and the capture stays in the target's folder, so that
no analysis disturbs what is measured."""

import os
import shutil

import harness
import heap_capture
import session

GUID = "5b0e7c94-1d3a-4f86-a2c7-e46f90b8d315"  # gc_survivors
PLUGIN = harness.PLUGINS / "gc_survivors.so"


def routes(gc, runtime="net10.0"):
    return [*(["copy"] if gc == "workstation" else []), "collect", *(["enumerate"] if runtime != "net8.0" else [])]


def start(subject, route):
    """Returns when the runtime has accepted it."""
    data = f"plugin={PLUGIN}\nparam.route={route}\nparam.max_pause=60s"
    done = harness.run_attacher(subject.pid, GUID, data=data, env={"TMPDIR": subject.tmp})
    assert done.code == 0, f"the attach was refused: {done.err}"


def finish(subject, timeout=120):
    """Waits for the end of the session; (its folder, medic_heap_done_record)."""
    folder = subject.tmp / f"medic-{os.getuid()}"
    one, = [f for f in folder.glob("*/") if (s := session.status(f)) and s.pid == subject.pid]
    status = session.wait_for_state(one, session.ENDED, session.FAILED, timeout=timeout)
    assert status.state == session.ENDED, f"the session failed: {status.text}"
    return one, heap_capture.Done.of(session.capture(one).of(heap_capture.DONE)[0])


def take(subject, route):
    """medic_heap_done_record; the capture is gone."""
    start(subject, route)
    folder, done = finish(subject)
    shutil.rmtree(folder)
    return done
