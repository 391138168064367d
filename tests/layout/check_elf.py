#!/usr/bin/env python3
"""Check that a shared library is fit to be loaded into somebody's process.

usage: check_elf.py core|plugin FILE

It exports its entry points and nothing else, needs glibc only and no younger one than .NET itself does, binds all its
symbols on load, is never unmapped, has no text relocations and no executable stack. Exit status 0 when it does.
READELF names another readelf.
"""
import os
import re
import subprocess
import sys

EXPORTS = {'core': {'DllGetClassObject', 'DllCanUnloadNow'}, 'plugin': {'medic_plugin_entry'}}
LIBRARIES = {'libc.so.6', 'libdl.so.2', 'libpthread.so.0', 'librt.so.1'}
GLIBC_FLOOR = (2, 23)


def readelf(option, path):
    run = subprocess.run([os.environ.get('READELF', 'readelf'), '-W', option, path], capture_output=True, text=True,
                         env=dict(os.environ, LC_ALL='C'))
    if run.returncode or 'Error:' in run.stderr:
        sys.exit('%s: not a readable ELF file: %s' % (path, run.stderr.strip()))
    return run.stdout


def exports(path):
    """Names of the defined dynamic symbols that others can bind to."""
    names = set()
    for line in readelf('--dyn-syms', path).splitlines():
        f = line.split()
        if len(f) >= 8 and f[0].rstrip(':').isdigit() and f[4] in ('GLOBAL', 'WEAK', 'UNIQUE') and f[6] != 'UND':
            names.add(f[7].split('@')[0])
    return names


def export_faults(path, kind):
    have, want = exports(path), EXPORTS[kind]
    for name in sorted(have - want):
        yield 'exports %s: hide it (static, or -fvisibility=hidden)' % name
    for name in sorted(want - have):
        yield 'does not export ' + name


def version_faults(path):
    # One line for each needed version: "0x0010:   Name: GLIBC_2.2.5  Flags: none  Version: 4".
    needs = readelf('--version-info', path).partition('Version needs section')[2]
    for name in sorted(set(re.findall(r'Name: (\S+)', needs))):
        number = re.fullmatch(r'GLIBC_(\d+)\.(\d+)(?:\.\d+)?', name)
        if not number or (int(number.group(1)), int(number.group(2))) > GLIBC_FLOOR:
            yield 'needs symbol version %s, allowed is GLIBC_%d.%d or older' % (name, *GLIBC_FLOOR)


def dynamic_faults(path):
    text = readelf('--dynamic', path)
    entries = re.findall(r'^\s*0x[0-9a-f]+\s+\((\w+)\)\s*(.*)$', text, flags=re.M)
    flags = ' '.join(value for tag, value in entries if tag in ('FLAGS', 'FLAGS_1')).replace('Flags:', '').split()
    tags = {tag for tag, _ in entries}
    for name in re.findall(r'Shared library: \[([^]]*)\]', text):
        if name not in LIBRARIES:
            yield 'needs %s: only glibc may be linked' % name
    if not {'BIND_NOW', 'NOW'} & (set(flags) | tags):
        yield 'binds lazily: link it with -z now'
    if 'NODELETE' not in flags:
        yield 'can be unmapped: link it with -z nodelete'
    if 'TEXTREL' in flags or 'TEXTREL' in tags:
        yield 'has text relocations: compile it with -fPIC'


def stack_faults(path):
    stack = re.search(r'^\s*GNU_STACK\s+(.*)$', readelf('--program-headers', path), flags=re.M)
    if not stack:
        yield 'does not say that its stack is not executable: link it with -z noexecstack'
    elif re.search(r'\bR?W?E\b', stack.group(1)):
        yield 'wants an executable stack: link it with -z noexecstack'


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in EXPORTS:
        sys.exit(__doc__)
    kind, path = sys.argv[1:]
    faults = [*export_faults(path, kind), *dynamic_faults(path), *version_faults(path), *stack_faults(path)]
    for fault in faults:
        print('%s: %s' % (path, fault))
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
