"""medic.stacks for plugins of others: snapshot, here() and addresses(), read back through medic.frames and stack_tree."""

import json

import harness

FIXTURE = harness.BUILD / "tests" / "abi" / "plugins" / "stacks_fixture.so"


def functions(section):
    return {frame["function"] for frame in section["frames"]}


def test_a_plugin_takes_stacks_of_all_threads_of_its_own_and_of_addresses(runtime, out_dir):
    with harness.Patient("names", runtime) as p:
        harness.run_medic(["attach", p.pid, "-P", FIXTURE, "-d", "2s", "-o", out_dir / "s"], check=0)
        p.assert_alive()
    report = json.loads((out_dir / "s" / "report.json").read_text())
    sections = {section["id"]: section for section in report["sections"]}
    assert sections["threads"]["rows"]
    for id_ in ("throws", "events"):
        assert {"Zoo.Thrower.Throw<int>", "Zoo.Cage<Zoo.Point>..ctor"} <= functions(sections[id_]), id_
