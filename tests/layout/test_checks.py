#!/usr/bin/env python3
"""Tests of check_elf.py, check_includes.py, check_layout.py and make_headers.py --check: each accepts what is right and
names what is wrong. The compiler is $CC, else cc; READELF as in check_elf.py."""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
GOOD_LINK = ['-Wl,-z,now', '-Wl,-z,nodelete', '-Wl,-z,noexecstack']
PLUGIN = '__attribute__((visibility("default"))) int medic_plugin_entry(void) { return 0; }\n'
CORE = ''.join(PLUGIN.replace('medic_plugin_entry', name) for name in ('DllGetClassObject', 'DllCanUnloadNow'))


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'w', encoding='utf-8') as f:
            f.write(text)
        return full

    def check(self, script, *args):
        """(exit status, output) of one of the scripts beside this one."""
        run = subprocess.run([sys.executable, os.path.join(HERE, script), *args], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        return run.returncode, run.stdout


class Elf(Case):
    def library(self, source, *options):
        out = os.path.join(self.root, 'a.so')
        command = [os.environ.get('CC', 'cc'), '-shared', '-fPIC', '-fvisibility=hidden', '-fno-stack-protector',
                   self.write('a.c', source), '-o', out, *options]
        subprocess.run(command, check=True)
        return out

    def refused(self, what, source, *options, kind='plugin'):
        status, text = self.check('check_elf.py', kind, self.library(source, *options))
        self.assertEqual(status, 1, text)
        self.assertIn(what, text)

    def test_a_plugin_and_a_core_are_accepted(self):
        self.assertEqual(self.check('check_elf.py', 'plugin', self.library(PLUGIN, *GOOD_LINK)), (0, ''))
        self.assertEqual(self.check('check_elf.py', 'core', self.library(CORE, *GOOD_LINK)), (0, ''))

    def test_a_missing_entry_is_refused(self):
        self.refused('does not export DllGetClassObject', PLUGIN, *GOOD_LINK, kind='core')

    def test_a_second_export_is_refused(self):
        self.refused('exports leak', PLUGIN + PLUGIN.replace('medic_plugin_entry', 'leak'), *GOOD_LINK)

    def test_exported_data_is_refused(self):
        self.refused('exports leak', PLUGIN + '__attribute__((visibility("default"))) int leak;', *GOOD_LINK)

    def test_another_library_is_refused(self):
        self.refused('needs libm.so.6', PLUGIN, *GOOD_LINK, '-Wl,--no-as-needed', '-lm')

    def test_lazy_binding_is_refused(self):
        self.refused('-z now', PLUGIN, *GOOD_LINK, '-Wl,-z,lazy')

    def test_a_library_that_can_be_unmapped_is_refused(self):
        self.refused('-z nodelete', PLUGIN, '-Wl,-z,now')

    def test_an_executable_stack_is_refused(self):
        self.refused('executable stack', PLUGIN, '-Wl,-z,now', '-Wl,-z,nodelete', '-Wl,-z,execstack')

    def test_a_young_glibc_is_refused(self):
        # fcntl64 came with 2.28; the headers of an older glibc do not matter to this declaration.
        source = 'int fcntl64(int, int, ...); int (*keep)(int, int, ...) = fcntl64;\n' + PLUGIN
        self.refused('GLIBC_2.28', source, *GOOD_LINK)

    def test_something_else_than_a_library_is_refused(self):
        status, text = self.check('check_elf.py', 'plugin', self.write('a.so', 'text'))
        self.assertEqual(status, 1)
        self.assertIn('not a readable ELF file', text)


class Includes(Case):
    def verdict(self, path, line):
        for folder in ('core', 'plugins/one', 'plugins/two', 'tool', 'cli'):
            self.write(folder + '/own.h', '\n')
        self.write(path, line + '\n')
        return self.check('check_includes.py', self.root)

    def accepted(self, path, line):
        self.assertEqual(self.verdict(path, line), (0, ''))

    def refused(self, path, line):
        status, text = self.verdict(path, line)
        self.assertEqual(status, 1, text)
        self.assertIn(path + ':1', text)

    def test_a_plugin_includes_libc_the_sdk_and_its_own(self):
        for line in ('#include <stdio.h>', '#include <sys/mman.h>', '#include "own.h"',
                     '#include "medic/callbacks.h"', '#include <medic/callbacks.h>'):
            self.accepted('plugins/one/a.c', line)
        self.accepted('plugins/one/sub/a.c', '#include "../own.h"')

    def test_a_plugin_includes_nothing_else(self):
        for line in ('#include <sqlite3.h>', '#include "other.h"', '#include "../two/own.h"',
                     '# include "medic/../x.h"', '#include "../../core/own.h"', '#include MACRO'):
            self.refused('plugins/one/a.c', line)

    def test_nothing_in_the_target_includes_the_tool(self):
        for line in ('#include "../tool/own.h"', '#include "tool/own.h"', '#include <cli/own.h>'):
            self.refused('core/a.c', line)
        self.accepted('core/a.c', '#include "own.h"')
        self.accepted('core/a.c', '#include "services/tool.h"')


class Headers(Case):
    def setUp(self):
        super().setUp()
        self.check('make_headers.py', self.root)
        self.path = os.path.join(self.root, 'medic/clr/profiler.h')
        with open(self.path, encoding='utf-8') as f:
            self.text = f.read()

    def edit(self, old, new):
        self.assertIn(old, self.text)
        self.write('medic/clr/profiler.h', self.text.replace(old, new, 1))

    def test_fresh_headers_are_accepted(self):
        self.assertEqual(self.check('make_headers.py', '--check', self.root), (0, ''))
        self.assertEqual(self.check('check_layout.py', self.path)[0], 0)

    def test_an_edit_by_hand_is_seen(self):
        self.edit('typedef', 'typedef ')
        self.assertEqual(self.check('make_headers.py', '--check', self.root)[0], 1)

    def test_a_missing_vtable_is_seen_on_request(self):
        self.assertEqual(self.check('check_layout.py', '--all', self.path)[0], 1)

    def test_wrong_slots_types_and_names_are_seen(self):
        for old, new in (('HRESULT (*Shutdown)(ICorProfilerCallback *This);', ''), ('(*Shutdown)', '(*Shutdowm)'),
                         ('HRESULT (*Shutdown)', 'void (*Shutdown)'), ('BOOL fLock', 'DWORD fLock')):
            self.edit(old, new)
            status, text = self.check('check_layout.py', self.path)
            self.assertEqual(status, 1, text)


if __name__ == '__main__':
    unittest.main()
