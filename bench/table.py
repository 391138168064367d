"""The result of a bench: a table for people, JSON for programs, a section in RESULTS.md for the record."""

import json
import pathlib
from dataclasses import dataclass, field

from measure import Ratio, Spread

RESULTS = pathlib.Path(__file__).resolve().parent / "RESULTS.md"


@dataclass
class Budget:
    """A limit and what stands against it. `value` is the figure that is judged."""
    text: str
    value: float
    limit: float

    @property
    def kept(self):
        return self.value <= self.limit


@dataclass
class Result:
    """columns: titles with their unit; rows: as many cells each: text, numbers, Spread, Ratio, Budget or None."""
    name: str
    title: str
    columns: list
    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    machine: dict = field(default_factory=dict)

    def add(self, *cells):
        assert len(cells) == len(self.columns)
        self.rows.append(list(cells))

    def note(self, text):
        """A sentence or more under the table; how it is broken into lines does not matter."""
        self.notes.append(" ".join(text.split()))


# --- text -------------------------------------------------------------------------------------------------------------

def figure(value):
    """Three digits that count: 0.0123, 1.23, 12.3, 123, 1234."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 100:
        return f"{value:.0f}"
    digits = 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.1 else 4
    return f"{value:.{digits}f}"


def cell_text(cell):
    if cell is None:
        return "-"
    if isinstance(cell, Spread):
        if cell.low == cell.high:
            return figure(cell.median)
        return f"{figure(cell.median)} ({figure(cell.low)} to {figure(cell.high)})"
    if isinstance(cell, Ratio):
        return f"{cell.median:.4f} ({cell.low:.4f} to {cell.high:.4f})"
    if isinstance(cell, Budget):
        return f"{cell.text}: {'kept' if cell.kept else 'MISSED'}"
    if isinstance(cell, float):
        return figure(cell)
    return str(cell)


def table_text(result):
    """The table with its columns aligned; columns of text to the left, of numbers to the right."""
    lines = [result.columns, *[[cell_text(c) for c in row] for row in result.rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(result.columns))]
    left = [all(isinstance(row[i], (str, Budget)) for row in result.rows) for i in range(len(result.columns))]

    def padded(line):
        return "  ".join(c.ljust(w) if l else c.rjust(w) for c, w, l in zip(line, widths, left)).rstrip()

    return "\n".join([padded(lines[0]), "  ".join("-" * w for w in widths), *map(padded, lines[1:])])


def machine_text(machine):
    runtimes = ", ".join(f".NET {version}" for _, version in sorted(machine["runtimes"].items()))
    return (f"{machine['date']}; Medic {machine['medic']}; {runtimes or 'no runtime'}\n"
            f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB; {machine['system']}, "
            f"Linux {machine['kernel']}; load {machine['load']} before the bench, {machine['busy']:.0%} used by others")


def text(result):
    notes = "".join(f"\n- {note}" for note in result.notes)
    return f"{result.title}\n{machine_text(result.machine)}\n\n{table_text(result)}\n{notes}\n"


# --- JSON -------------------------------------------------------------------------------------------------------------

def _cell_data(cell):
    if isinstance(cell, Spread):
        return {"median": cell.median, "min": cell.low, "max": cell.high, "values": list(cell.values)}
    if isinstance(cell, Ratio):
        return {"median": cell.median, "low": cell.low, "high": cell.high, "values": list(cell.values)}
    if isinstance(cell, Budget):
        return {"budget": cell.text, "value": cell.value, "limit": cell.limit, "kept": cell.kept}
    return cell


def data(result):
    return {"bench": result.name, "title": result.title, "machine": result.machine, "columns": result.columns,
            "rows": [[_cell_data(c) for c in row] for row in result.rows], "notes": result.notes}


def write_json(results, path):
    pathlib.Path(path).write_text(json.dumps([data(r) for r in results], indent=1) + "\n")


# --- RESULTS.md -------------------------------------------------------------------------------------------------------

_HEAD = "# Results\n\nWritten by `bench/run NAME --record`; `README.md` says how to read it.\n"


def _sections(page):
    """[(name, text)] of a page; the head has the name None."""
    parts, name, lines = [], None, []
    for line in page.splitlines(keepends=True):
        if line.startswith("## "):
            parts.append((name, "".join(lines)))
            name, lines = line[3:].strip(), []
        lines.append(line)
    return [*parts, (name, "".join(lines))]


def record(result, order, path=RESULTS):
    """Puts the result in the place of the bench's section; sections stand in the order of the benches."""
    page = path.read_text() if path.exists() else _HEAD
    sections = dict(_sections(page))
    notes = "".join(f"- {note}\n" for note in result.notes)
    sections[result.name] = (f"## {result.name}\n\n{result.title}\n\n```\n{machine_text(result.machine)}\n\n"
                             f"{table_text(result)}\n```\n\n{notes}").rstrip("\n") + "\n"
    names = [n for n in order if n in sections] + [n for n in sections if n not in order and n is not None]
    path.write_text("\n".join(sections[n].rstrip("\n") + "\n" for n in [None, *names]))
