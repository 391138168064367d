#!/usr/bin/env python3
"""Check that docs/errors.md lists every sentence that Medic can say in an error, and no other.

usage: check_errors.py ROOT          (the top of the repository)
       check_errors.py ROOT --list   (what the sources say, one sentence a line)

A sentence is the format of a failing call (FORMAT_AT, and every macro that hands its arguments on to one), or the text in
a table row that also holds a MEDIC_E_... code. A conversion such as %s or %.60s is a placeholder; the page may call it
what it likes: "<pid>". A format that is not written where it is used cannot be checked, so it is refused. Each run first
shows with small sources that the check can fail. Exit status 0 when page and sources agree.
"""
import os
import re
import sys

PAGE = os.path.join('docs', 'errors.md')
FOLDERS = ('cli', 'tool', 'core', 'common', 'plugins')
# Where the format stands among the arguments, counted from 0.
FORMAT_AT = {'medic_fail': 2, 'heap_sink_fail': 2, 'cli_fail': 1, 'session_fail': 1, 'doctor_problem': 4, 'doctor_add': 4,
             'snprintf': 2}
# Only such calls: a doctor also says what is fine, and most of what is printed into memory is no reason.
ONLY = {'doctor_add': lambda parts: any('DOCTOR_WARNING' in part for part in parts),
        'snprintf': lambda parts: parts[0][-1:] == ['text'] and parts[0][-2:-1] in (['.'], ['->'])}
# Formats that a function or macro hands on, and sentences that were made elsewhere.
HANDED_ON = re.compile(r'(const char \* )?(format|sentence|why (->|\.) text)$|__VA_ARGS__')

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|[A-Za-z_]\w*|\\\n|\s+|->|.', re.S)
STRING_MACRO = re.compile(r'^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+("(?:\\.|[^"\\\n])*")', re.M)
WRAPPER = re.compile(r'^[ \t]*#[ \t]*define[ \t]+(\w+)\(([^)]*)\.\.\.\)((?:\\\n|[^\n])*)', re.M)
CONVERSION = re.compile(r'%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+)?)?(?:hh|h|ll|l|z|j|t|L)?[diouxXeEfFgGaAcspm]')
ESCAPES = {'n': '\n', 't': '\t', 'r': '\r'}


def tokens(source):
    """[(token, line)] without blanks and comments."""
    found, line = [], 1
    for match in TOKEN.finditer(source):
        text = match.group()
        if not (text.isspace() or text == '\\\n' or text.startswith(('//', '/*'))):
            found.append((text, line))
        line += text.count('\n')
    return found


def arguments(words, at):
    """The arguments of the call whose bracket opens at words[at], each a list of tokens."""
    depth, parts = 0, [[]]
    for word, _ in words[at:]:
        if word in ('(', '[', '{'):
            depth += 1
            if depth == 1:
                continue
        elif word in (')', ']', '}'):
            depth -= 1
            if depth == 0:
                return parts
        elif word == ',' and depth == 1:
            parts.append([])
            continue
        parts[-1].append(word)
    return parts


def unquoted(word):
    return re.sub(r'\\(x[0-9a-fA-F]{2}|.)', lambda m: ESCAPES.get(m.group(1), m.group(1)), word[1:-1])


def literal(words, macros):
    """The text of adjacent strings and of macros that are strings, or None for anything else."""
    text = ''
    for word in words:
        if word.startswith('"'):
            text += unquoted(word)
        elif word in macros:
            text += unquoted(macros[word])
        elif re.fullmatch(r'PRI[diouxX]\w+', word):
            text += 'd'
        elif re.fullmatch(r'[A-Z][A-Z0-9_]+', word) and len(words) > 1:
            text += '%s'  # given by the build: MEDIC_VERSION
        else:
            return None
    return text if words else None


def choices(words):
    """The formats of `condition ? a : b`."""
    if '?' not in words:
        return [words]
    rest, parts = words[words.index('?') + 1:], [[]]
    for word in rest:
        if word in (':', '?'):
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def plain(sentence):
    """For comparing: every placeholder is <>, neighbours are one."""
    return re.sub(r'(?:<>)+', '<>', re.sub(r'<[^<>]*>', '<>', re.sub(r'\s+', ' ', sentence))).strip()


def of_format(text):
    return plain(CONVERSION.sub('<>', text.replace('%%', '\0')).replace('\0', '%'))


def says_something(sentence):
    return re.search(r'[A-Za-z]', sentence.replace('0x<>', '')) is not None


def calls(words, functions):
    """(line, name, arguments) of each call of one of the functions."""
    for at, (word, line) in enumerate(words[:-1]):
        if word in functions and words[at + 1][0] == '(':
            yield line, word, arguments(words, at + 1)


def table_rows(words, macros):
    """(line, text) of each {..., MEDIC_E_..., "text"}."""
    opened = None
    for at, (word, line) in enumerate(words):
        if word == '{':
            opened = at
        elif word == '}' and opened is not None:
            row = arguments(words, opened)
            if len(row) > 1 and any(re.fullmatch(r'MEDIC_E_\w+', ' '.join(cell)) for cell in row):
                text = literal(row[-1], macros)
                if text:
                    yield words[opened][1], text
            opened = None


class Sources:
    """What {path: text} says: `said` is {sentence: [where]}, `faults` what cannot be read."""

    def __init__(self, files, headers=()):
        self.said, self.faults, self.macros, self.functions = {}, [], {}, dict(FORMAT_AT)
        for text in [*files.values(), *headers]:
            for name, value in STRING_MACRO.findall(text):
                self.macros[name] = value if self.macros.get(name, value) == value else '"%s"'  # one of several
        wrappers = {path: self._wrappers(text) for path, text in files.items()}
        for path in files:
            if path.endswith('.h'):
                self.functions.update(wrappers[path])
        for path, text in files.items():
            self._read(path, tokens(text), {**self.functions, **wrappers[path]})

    def _wrappers(self, text):
        """{macro: where its format stands} of the macros that hand on to a failing call; one of a .c belongs to its file."""
        return {name: len([p for p in before.split(',') if p.strip()]) for name, before, body in WRAPPER.findall(text)
                if '__VA_ARGS__' in body and any(f + '(' in body for f in FORMAT_AT)}

    def _add(self, path, line, text):
        sentence = of_format(text)
        if says_something(sentence):
            self.said.setdefault(sentence, []).append('%s:%d' % (path, line))

    def _read(self, path, words, functions):
        for line, name, parts in calls(words, functions):
            if name in ONLY and not ONLY[name](parts):
                continue
            self._format(path, line, name, parts, functions[name])
        for line, text in table_rows(words, self.macros):
            self._add(path, line, text)

    def _format(self, path, line, name, parts, at):
        if '. . .' in ' '.join(sum(parts, [])) or any('...' in part for part in parts):
            return  # a declaration or a definition
        if any(part == ['__VA_ARGS__'] for part in parts):
            return
        if len(parts) <= at:
            self.faults.append('%s:%d: %s without a format' % (path, line, name))
            return
        formats = choices(parts[at])
        if not says_something(of_format(literal(formats[0], self.macros) or 'a')):  # "%s": what it hands on
            formats = [words for part in parts[at:] for words in choices(part) if words and words[0].startswith('"')]
        for words in formats:
            text = literal(words, self.macros)
            if text is not None:
                self._add(path, line, text)
            elif not HANDED_ON.match(' '.join(words)):
                self.faults.append('%s:%d: the format of %s is not written there, so nobody can check that %s lists it'
                                   % (path, line, name, PAGE))


def read_files(root, *folders):
    files = {}
    for folder in folders:
        for at, below, names in os.walk(os.path.join(root, folder)):
            below.sort()
            for name in sorted(names):
                if name.endswith(('.c', '.h')):
                    path = os.path.join(at, name)
                    with open(path, encoding='utf-8') as f:
                        files[os.path.relpath(path, root)] = f.read()
    return files


def read_sources(root):
    return Sources(read_files(root, *FOLDERS), read_files(root, os.path.join('sdk', 'include')).values())


def rows(page):
    """(line, section, [cell]) of each row of the page's tables that begins with a sentence."""
    section = ''
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith('#'):
            section = line.lstrip('#').strip()
        elif line.startswith('| `'):
            cells = [c.strip().replace('\\|', '|') for c in re.split(r'(?<!\\)\|', line.strip().strip('|'))]
            yield number, section, cells


def sentence_of(cell):
    """Without the backticks around it."""
    fence = re.match(r'`+', cell).group()
    return cell[len(fence):-len(fence)].strip()


def listed(page):
    """{sentence: (line, as it is written, section, [further cells])}"""
    found = {}
    for number, section, cells in rows(page):
        written = sentence_of(cells[0])
        found.setdefault(plain(written), (number, written, section, cells[1:]))
    return found


def compare(sources, page):
    """What is wrong, as sentences."""
    on_page, seen = listed(page), {}
    yield from sources.faults
    for sentence, where in sorted(sources.said.items(), key=lambda item: item[1]):
        if sentence not in on_page:
            yield '%s: %s does not list "%s"' % (where[0], PAGE, sentence)
    for number, _, cells in rows(page):
        written = sentence_of(cells[0])
        if plain(written) not in sources.said:
            yield '%s:%d: no source says "%s"' % (PAGE, number, written)
        elif plain(written) in seen:
            yield '%s:%d: the same as in line %d: "%s"' % (PAGE, number, seen[plain(written)], written)
        elif len(cells) != 3 or not cells[1]:
            yield '%s:%d: a row is sentence | exit code | cause and cure' % (PAGE, number)
        seen.setdefault(plain(written), number)


SAMPLE = r'''
#define NAME "capture.mdc"
#define refuse(t, number, ...) ((void)medic_fail(&(t)->why, (number), __VA_ARGS__))
int cli_fail(int code, const char *format, ...);
/* medic_fail(why, 1, "a comment"); */
int f(void) { return cli_fail(f(1, 2), "no %s in \"%.60s\": " /* why */ "add one, 100%%", a[1, 2], g(b, c)); }
int g(void) { return medic_fail(why, CODE, bad ? "no " NAME " in %s" : "%s is cut", path); }
int i(void) { return cli_fail(1, "%s", bad ? "it is bad" : why.text); }
int h(void) { refuse(t, CODE, "it runs as uid %u", uid); return medic_fail(why, CODE, "%s", other.text); }
static const struct row rows[] = {{1, MEDIC_E_BUSY, "it is %d " "busy"}, {2, 0, "no error"}};
void d(void) { doctor_add(d, "x", DOCTOR_OK, NULL, "all is well"); doctor_add(d, "x", DOCTOR_WARNING, NULL, "few %d", 1); }
'''
SAMPLE_PAGE = r'''
# Sample
| Sentence | Exit | Cause and cure |
|---|---|---|
| `no <thing> in "<text>": add one, 100%` | 3 | |
| `no capture.mdc in <path>` | 1 | none was written |
| `<path> is cut` | 1 | a\|b |
| ``it runs as uid <uid>`` | 4 | |
| `it is <n> busy` | 2 | |
| `it is bad` | 1 | |
| `few <n>` | 0 | |
'''


def self_test():
    def found(source, page):
        return list(compare(Sources({'a.c': source}), page))

    cut = SAMPLE_PAGE.replace('| `few <n>` | 0 | |\n', '')
    assert found(SAMPLE, SAMPLE_PAGE) == [], found(SAMPLE, SAMPLE_PAGE)
    assert found(SAMPLE, cut) == ['a.c:11: docs/errors.md does not list "few <>"'], found(SAMPLE, cut)
    for faulty, word in ((SAMPLE_PAGE + '| `gone` | 1 | |\n', 'no source says "gone"'),
                         (SAMPLE_PAGE + '| `few <m>` | 1 | |\n', 'the same as in line 11'),
                         (SAMPLE_PAGE.replace('| 0 | |', '| 0 |'), 'a row is sentence')):
        assert len(found(SAMPLE, faulty)) == 1 and word in found(SAMPLE, faulty)[0], found(SAMPLE, faulty)
    for source, word in (('int x = cli_fail(1, "new %s", a);', 'does not list "new <>"'),
                         ('int x = cli_fail(1, table[i], a);', 'is not written there'),
                         ('int x = medic_fail(why, 1);', 'without a format')):
        assert len(found(SAMPLE + source, SAMPLE_PAGE)) == 1 and word in found(SAMPLE + source, SAMPLE_PAGE)[0], \
            found(SAMPLE + source, SAMPLE_PAGE)
    parts = {'a.h': SAMPLE.splitlines()[2], 'b.c': 'void f(void) { refuse(t, CODE, "elsewhere"); }'}
    assert 'elsewhere' in Sources(parts).said, Sources(parts).said


def main():
    if len(sys.argv) not in (2, 3) or not os.path.isdir(sys.argv[1]):
        sys.exit(__doc__)
    self_test()
    sources = read_sources(sys.argv[1])
    if sys.argv[2:] == ['--list']:
        print('\n'.join(sorted(sources.said)))
        return 0
    with open(os.path.join(sys.argv[1], PAGE), encoding='utf-8') as f:
        wrong = list(compare(sources, f.read()))
    print('\n'.join(wrong), end='\n' if wrong else '')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
