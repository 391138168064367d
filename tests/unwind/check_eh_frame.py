"""What core/unwind reads from .eh_frame is what readelf reads: every row of each library named on the command line.

    check_eh_frame.py <eh_dump> <library or folder with libraries>...
"""

import pathlib
import re
import subprocess
import sys

LOOKED_AT = ("libc.so.6", "libcrypto.so.3", "libcoreclr.so", "libclrjit.so", "libSystem.Native.so", "ld-linux-x86-64.so.2")
ROW = re.compile(r"^[0-9a-f]{16} ")


def rows(library):
    """(address, {column: value}) as readelf interprets them, one address once."""
    out = subprocess.run(["readelf", "--debug-dump=frames-interp", library], capture_output=True, text=True).stdout
    section, columns, in_fde, seen = "", [], False, {}
    for line in out.splitlines():
        if line.startswith("Contents of the"):
            section = line
        elif " FDE " in line or " CIE " in line:
            in_fde = " FDE " in line and ".eh_frame" in section
            end = int(line.rsplit("..", 1)[1], 16) if in_fde else 0
        elif line.lstrip().startswith("LOC "):
            columns = line.split()[1:]
        elif in_fde and ROW.match(line):
            words = line.split()
            address = int(words[0], 16)
            if address < end:
                seen[address] = dict(zip(columns, (w for w in words[1:] if w[0] != "(")))
    return seen


def agrees(column, theirs, ours):
    if column == "CFA":
        return theirs == ours["cfa"] or (theirs.startswith("exp") and ours["cfa"] == "exp")
    if column not in ours:
        return True  # vector registers
    mine = ours[column]
    if theirs in ("u", "s"):
        return mine in ("u", "s")
    return theirs == mine or mine == {"exp": "exp", "vexp": "vexp"}.get(theirs)


def check(dump, library):
    wanted = rows(library)
    answer = subprocess.run([dump, library], input="\n".join(f"{a:x}" for a in wanted), capture_output=True, text=True,
                            check=True).stdout
    wrong = 0
    for line in answer.splitlines():
        address, *pairs = line.split()
        ours = dict(p.split("=", 1) for p in pairs if "=" in p)
        theirs = wanted[int(address, 16)]
        if not ours or not all(agrees(c, v, ours) for c, v in theirs.items()):
            wrong += 1
            if wrong <= 10:
                print(f"{library}: {address}: readelf {theirs}, core/unwind {ours or 'nothing'}")
    print(f"{library}: {len(wanted)} rows, {wrong} differ")
    return wrong if wanted else 1


def main():
    dump, *places = sys.argv[1:]
    libraries = []
    for place in map(pathlib.Path, places):
        if place.is_dir():
            libraries += [place / name for name in LOOKED_AT if (place / name).exists()]
        elif place.exists():
            libraries.append(place)
    if not libraries:
        sys.exit("no library to look at")
    sys.exit(1 if sum([check(dump, str(library)) for library in libraries]) else 0)


if __name__ == "__main__":
    main()
