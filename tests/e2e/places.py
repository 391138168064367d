"""Prefixes that put a patient or medic elsewhere: private mounts, PID namespaces, a side-car. They need root; what they
mount ends with the processes in it."""

import pathlib

import harness


def private_tmp(options="mode=1777"):
    """A prefix: /tmp is a file system of its own, empty."""
    return ["unshare", "-m", "sh", "-ec", harness.over_tmp(f"mount -t tmpfs -o {options} tmpfs /tmp") + '; exec "$@"', "sh"]


def own_pids(folder=None, hide=None):
    """A prefix: a PID namespace with its own /proc, in which the program is process 1; /tmp is the folder, if given; the
    folder `hide` is empty."""
    bind = harness.over_tmp(f'mount --bind "{folder}" /tmp') + "; " if folder else ""
    cover = f'mount -t tmpfs tmpfs "{hide}"; ' if hide else ""
    return ["unshare", "-mpf", "--kill-child", "--mount-proc", "sh", "-ec", f'{bind}{cover}exec "$@"', "sh"]


def outer_pid(p):
    """The host's pid of a patient behind own_pids()."""
    children = pathlib.Path(f"/proc/{p.process.pid}/task/{p.process.pid}/children").read_text().split()
    assert len(children) == 1
    return int(children[0])


def from_side_car(shared, *args, hide=None):
    """medic in its own mount and PID namespace, where /tmp is shared with the target and /proc does not show it. `hide`: a
    folder that it does not see either."""
    return harness.Command([*own_pids(shared, hide), harness.MEDIC, *args]).wait()
