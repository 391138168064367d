#!/usr/bin/env python3
"""Compare the vtable structs of C headers with the tables in clr/.

usage: check_layout.py [--all] [--cc "cc -E -P -Idir"] header.h...

The function pointers of every struct <Interface>Vtbl must have the names, order, return types and parameters (type and
name, `This` first) of methods.tsv, inherited slots first.
--all   every interface of interfaces.tsv must be in one of the headers
--cc    run this preprocessor first (for headers that build vtables from macros)
Exit status: 0 agree, 1 mismatch, 2 nothing to compare or bad input.
"""
import argparse
import re
import shlex
import subprocess
import sys

import tables

STRUCT = re.compile(r'\bstruct\s+(\w+)Vtbl\s*\{([^}]*)\}')
MEMBER = re.compile(r'([^;()]*?)\(\s*\*\s*(\w+)\s*\)\s*\(([^)]*)\)\s*;')


def spell(text):
    """One spelling for a type or parameter: 'void  * *p' and 'void **p' are the same."""
    return ' '.join(re.findall(r'\w+|\*|\[\w*\]', text))


def expected():
    """interface -> its slots as (return type, name, parameters), spelled alike."""
    return {name: [(spell(m.returns), m.name, tuple(spell(' '.join(p)) for p in [(name + ' *', 'This')] + m.params))
                   for m in methods]
            for name, methods in tables.vtables().items()}


def found(text):
    """The same, read from the text of a header."""
    text = re.sub(r'/\*.*?\*/|//[^\n]*', ' ', text, flags=re.S)
    text = re.sub(r'^[ \t]*#[^\n]*', '', text.replace('\\\n', ' '), flags=re.M)
    return {s.group(1): [(spell(m.group(1)), m.group(2), tuple(spell(p) for p in m.group(3).split(',')))
                         for m in MEMBER.finditer(s.group(2))]
            for s in STRUCT.finditer(text)}


def read(header, preprocessor):
    if not preprocessor:
        with open(header, encoding='utf-8-sig') as f:
            return f.read()
    run = subprocess.run(shlex.split(preprocessor) + [header], capture_output=True, text=True)
    if run.returncode:
        print(run.stderr, file=sys.stderr)
        sys.exit(2)
    return run.stdout


def first_difference(name, want, have):
    """Prints the first slot that differs; returns whether one does."""
    end = (('(end)', '(end)', ()),)
    for slot in range(max(len(want), len(have))):
        a, b = (want[slot:] + list(end))[0], (have[slot:] + list(end))[0]
        if a != b:
            print('%s slot %d: want %s %s(%s), header has %s %s(%s)' %
                  (name, slot, a[0], a[1], ', '.join(a[2]), b[0], b[1], ', '.join(b[2])))
            return True
    return False


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--all', action='store_true')
    ap.add_argument('--cc')
    ap.add_argument('headers', nargs='+')
    opt = ap.parse_args()
    want, have = expected(), {}
    for header in opt.headers:
        have.update(found(read(header, opt.cc)))
    both = [n for n in want if n in have]
    absent = [n for n in want if n not in have]
    bad = sum(first_difference(n, want[n], have[n]) for n in both)
    print('%d vtables compared, %d wrong, %d not in the headers' % (len(both), bad, len(absent)))
    if opt.all and absent:
        print('absent: ' + ' '.join(absent))
        bad += 1
    return 2 if not both else 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
