"""The sentences of docs/errors.md, and whether somebody said one."""

import re
import sys

import harness

sys.path.insert(0, str(harness.REPO / "tests" / "layout"))
import check_errors  # noqa: E402

PAGE = (harness.REPO / check_errors.PAGE).read_text()
LISTED = check_errors.listed(PAGE)


def entry(begin):
    """(sentence, exit code) of the one row that begins so, placeholders as <>."""
    found = [s for s in LISTED if s == begin] or [s for s in LISTED if s.startswith(begin)]
    assert len(found) == 1, f"{len(found)} sentences of {check_errors.PAGE} begin with {begin!r}: {found}"
    return found[0], int(LISTED[found[0]][3][0])


def says(text, begin):
    """Whether the sentence stands in the text, whatever its placeholders are."""
    return re.search(".*?".join(map(re.escape, entry(begin)[0].split("<>"))), text, re.S) is not None


def assert_said(done, begin, code=None):
    assert says(done.err + done.out, begin), f"{done.args} did not say {begin!r}: {done.err!r} {done.out!r}"
    assert done.code == (entry(begin)[1] if code is None else code), (done.code, done.err)
    assert not done.err or all(line.startswith(("medic: ", "  ")) for line in done.err.splitlines()), done.err


def expect(begin, *args, code=None, **kwargs):
    assert_said(harness.run_medic(args, **kwargs), begin, code)
