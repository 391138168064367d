"""The tables of clr/, read into what the generators and checks of this folder share.

A parameter is a pair (type, name), a method a Method; types keep the spelling of the tables.
"""
import collections
import csv
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))

Method = collections.namedtuple('Method', 'interface slot name returns params')


def rows(name):
    """The rows of clr/<name>.tsv as dictionaries, in file order."""
    with open(os.path.join(HERE, 'clr', name + '.tsv'), newline='', encoding='utf-8') as f:
        return list(csv.DictReader(f, delimiter='\t', quoting=csv.QUOTE_NONE))


def params(text):
    """'const WCHAR* name; ULONG n' -> [('const WCHAR*', 'name'), ('ULONG', 'n')]; 'void' -> []."""
    if text == 'void':
        return []
    return [re.fullmatch(r'(.*\S)\s+(\w+)', p.strip()).groups() for p in text.split(';')]


def interfaces():
    """name -> row of interfaces.tsv, bases before what derives from them."""
    return {r['interface']: r for r in rows('interfaces')}


def vtables():
    """name -> all methods of the interface in slot order, inherited ones first."""
    own = collections.defaultdict(list)
    for r in rows('methods'):
        own[r['interface']].append(
            Method(r['interface'], int(r['slot']), r['method'], r['returns'], params(r['params'])))
    full = {}
    for name, r in interfaces().items():
        full[name] = full.get(r['base'], []) + own[name]
        if [m.slot for m in full[name]] != list(range(int(r['total_slots']))):
            raise SystemExit('methods.tsv: the slots of %s have a gap or differ from total_slots' % name)
    return full


def groups(table, key):
    """key value -> its rows, in order of first appearance."""
    out = collections.OrderedDict()
    for r in rows(table):
        out.setdefault(r[key], []).append(r)
    return out


def enums():
    """(enum, rows) for each real enum; an anonymous one per source file has the name None."""
    out = collections.OrderedDict()
    for r in rows('enums'):
        if ' ' in r['enum'] or r['enum'] == 'define':
            continue
        anonymous = r['enum'] == '(anonymous)'
        out.setdefault(r['source'] if anonymous else r['enum'], (None if anonymous else r['enum'], []))[1].append(r)
    return list(out.values())


def defines(section):
    """The rows of enums.tsv that are preprocessor constants: 'define', 'nil tokens (define)', 'token macro mask'."""
    return [r for r in rows('enums') if r['enum'] == section]


def structs():
    """name -> fields of each struct or union (the scalar typedefs listed for completeness are left out)."""
    return {n: fields for n, fields in groups('structs', 'struct').items() if fields[0]['field'] != '(scalar typedef)'}


def is_union(fields):
    """True if every field is a member of one union."""
    return all(f['note'] == 'union member' for f in fields)
