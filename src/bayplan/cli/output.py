"""The output of all commands: tables that fit a terminal and stay plain in a pipe, colours by grade, JSON, YAML, names.

rich decides about colour. In a pipe nothing is wrapped or cut, so that other programs can read every row as one line,
unless COLUMNS asks for a width. No word is ever broken: names, versions and references can be copied from any terminal.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from bayplan.cli.options import OutputFormat, UsageError
from bayplan.domain import units
from bayplan.domain.units import count as count
from bayplan.exports.value_words import moment as moment
from bayplan.exports.value_words import words as words

GRADE_STYLES = {
    "native": "bold green",
    "minor": "green",
    "forward": "cyan",
    "cpu": "blue",
    "jit": "magenta",
    "unknown": "yellow",
    "no": "bold red",
    "caveat": "yellow",
}
MUTED = "bright_black"

_PIPE_WIDTH = 100_000
_GAP = 2
_LEAST_WIDTH = 8  # of what wraps, however narrow the terminal is
_WORD = re.compile(r"\s*\S+\s*")

Name = Callable[[Any], str | list[str]]
"""What names an object of an answer, for `-o name`; a list of names where the whole answer is one object with a list in it."""

_is_wide: ContextVar[bool] = ContextVar("_is_wide", default=False)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. On a narrow terminal, columns that give way are wrapped, and those with the highest `spare`
    are left out. Columns that are `wide` are shown by `-o wide` alone, which leaves out and wraps nothing."""

    title: str
    right: bool = False
    gives_way: bool = False
    spare: int = 0
    wide: bool = False


def render(
    answer: object, output_format: OutputFormat, *, view: Callable[[Any], object] | str, name: Name | None = None
) -> None:
    """Prints an answer of the API in the format that was asked for.

    For people: what `view` draws of it, or the sentence that `view` is. For programs: the answer as JSON or YAML, or the
    name of each of its objects. `--quiet` prints the names of a list, and of anything else nothing.
    Raises `UsageError` for the names of what has none.
    """
    match output_format:
        case OutputFormat.JSON:
            show_json(answer)
        case OutputFormat.YAML:
            from bayplan.cli.document.write import data_as_yaml

            sys.stdout.write(data_as_yaml(answer))
        case OutputFormat.NAME | OutputFormat.QUIET:
            _show_names(answer, output_format, name)
        case _ if isinstance(view, str):
            sys.stdout.writelines(f"{words(line)}\n" for line in view.split("\n"))
        case _:
            token = _is_wide.set(output_format is OutputFormat.WIDE)
            view(answer)
            _is_wide.reset(token)


def render_each(
    answers: Sequence[Any],
    output_format: OutputFormat,
    *,
    view: Callable[[Any], object],
    name: Callable[[Any], str] | None = None,
) -> None:
    """Prints one object, or several below each other; for programs the object itself, or a list of several."""

    def show_all(answers: Sequence[Any]) -> None:
        for number, answer in enumerate(answers):
            if number:
                show(Text())
            view(answer)

    if len(answers) == 1:
        return render(answers[0], output_format, view=view, name=name)
    return render(list(answers), output_format, view=show_all, name=name)


def _show_names(answer: object, output_format: OutputFormat, name: Name | None) -> None:
    is_list = isinstance(answer, (list, tuple))
    if name is None:
        if output_format is OutputFormat.QUIET and not is_list:
            return
        option = "--quiet" if output_format is OutputFormat.QUIET else "-o name"
        raise UsageError(f"{option} prints names, and these have none; choose table, wide, json or yaml.")
    names = [name(item) for item in answer] if isinstance(answer, (list, tuple)) else name(answer)
    if isinstance(names, str):
        names = [] if output_format is OutputFormat.QUIET else [names]
    sys.stdout.write("".join(f"{words(text)}\n" for text in names))


def console(*, stderr: bool = False) -> Console:
    """The terminal, or the pipe; without colours, bold and anything that moves under NO_COLOR or TERM=dumb."""
    is_plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    return Console(
        stderr=stderr,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
        force_terminal=False if is_plain else None,
        color_system=None if is_plain else "auto",
    )


def terminal_width() -> int:
    """The width for tables and sentences: that of the terminal or of COLUMNS; of a pipe, or for `-o wide`, no bound."""
    is_bounded = sys.stdout.isatty() or "COLUMNS" in os.environ
    return max(console().width, 1) if is_bounded and not _is_wide.get() else _PIPE_WIDTH


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that are laid out already: longer ones are left to the terminal, so that a copy has no line end in a name."""

    lines: Sequence[Text]


def show(*parts: Text | Lines) -> None:
    """Prints the parts, one below the other; sentences are wrapped between words."""
    terminal, width = console(), terminal_width()
    for part in parts:
        for line in part.lines if isinstance(part, Lines) else _wrapped(part, width):
            terminal.print(line)


def _wrapped(text: Text, width: int) -> list[Text]:
    """The lines of a text, wrapped between words alone: a word that is longer than the width stays whole."""
    lines: list[Text] = []
    for line in text.split("\n", allow_blank=True):
        breaks, filled = [], 0
        for word in _WORD.finditer(line.plain):
            if filled and filled + cell_len(word.group().rstrip()) > width:
                breaks.append(word.start())
                filled = 0
            filled += cell_len(word.group())
        lines += line.divide(breaks)
    for line in lines:
        line.rstrip()
    return lines or [Text()]


def show_json(answer: object) -> None:
    """Prints the API's answer, indented."""
    sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> Lines:
    """A table with a title line, of as many columns as there is room for; a cell is a `Text`, or a value for `words`.

    Where the columns that have to be there do not fit beside each other without breaking a word, each row is a block of
    lines, one for each field.
    """
    cells = [[cell if isinstance(cell, Text) else Text(words(cell)) for cell in row] for row in rows]
    natural = [_longest([Text(column.title), *(row[at] for row in cells)]) for at, column in enumerate(columns)]
    least = [
        max(_longest_word([column.title, *(row[at].plain for row in cells)]), min(natural[at], _LEAST_WIDTH))
        if column.gives_way
        else natural[at]
        for at, column in enumerate(columns)
    ]
    room = terminal_width()
    kept = _with_room(columns, natural, least, room)
    if sum(least[at] + _GAP for at in kept) - _GAP > room:
        return _blocks(columns, cells)
    widths = _fitted({at: natural[at] for at in kept}, {at: least[at] for at in kept}, room)
    titles = [Text(column.title.upper(), style=MUTED) for column in columns]
    lines = [line for row in (titles, *cells) for line in _row(columns, row, widths)]
    return Lines(lines)


def _longest(texts: Iterable[Text]) -> int:
    return max((line.cell_len for text in texts for line in text.split("\n", allow_blank=True)), default=0)


def _longest_word(texts: Iterable[str]) -> int:
    return max((cell_len(word) for text in texts for word in text.split()), default=0)


def _with_room(columns: Sequence[Column], natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """The columns that fit beside each other, the least spare first. One that gives way counts with half of the room at most."""
    if _is_wide.get():
        return list(range(len(columns)))
    widths = [
        _GAP + (max(least[at], min(natural[at], room // 2)) if column.gives_way else natural[at])
        for at, column in enumerate(columns)
    ]
    kept: list[int] = []
    usual = [at for at, column in enumerate(columns) if not column.wide]
    for at in sorted(usual, key=lambda column: columns[column].spare):
        if not columns[at].spare or sum(widths[column] for column in (*kept, at)) - _GAP <= room:
            kept.append(at)
    return sorted(kept)


def _fitted(natural: Mapping[int, int], least: Mapping[int, int], room: int) -> dict[int, int]:
    """The widths of columns that fit into the room together: the widest gives way first."""
    widths = dict(natural)
    excess = sum(widths.values()) + _GAP * (len(widths) - 1) - room
    while excess > 0 and (giving := [at for at in widths if widths[at] > least[at]]):
        widest = max(giving, key=widths.__getitem__)
        others = [widths[at] for at in giving if widths[at] < widths[widest]]
        step = min(excess, widths[widest] - max([least[widest], *others]))
        widths[widest] -= max(step, 1)
        excess -= max(step, 1)
    return widths


def _row(columns: Sequence[Column], cells: Sequence[Text], widths: Mapping[int, int]) -> Iterator[Text]:
    """The lines of a row, as many as its longest cell has."""
    wrapped = {at: _wrapped(cells[at], width) for at, width in widths.items()}
    for number in range(max(map(len, wrapped.values()), default=0)):
        line = Text()
        for at, width in widths.items():
            cell = wrapped[at][number] if number < len(wrapped[at]) else Text()
            padding = " " * max(0, width - cell.cell_len)
            line.append_text(Text.assemble(padding, cell) if columns[at].right else Text.assemble(cell, padding))
            line.append(" " * _GAP)
        line.rstrip()
        yield line


def _blocks(columns: Sequence[Column], rows: Iterable[Sequence[Text]]) -> Lines:
    """Each row as the fields of an object, with an empty line between rows."""
    lines: list[Text] = []
    for row in rows:
        pairs = [(column.title, cell) for column, cell in zip(columns, row, strict=True) if not column.wide]
        lines += [*([Text()] if lines else []), *fields(pairs).lines]
    return Lines(lines)


def fields(pairs: Iterable[tuple[str, object]], *, right: bool = False) -> Lines:
    """The fields of an object below each other, without those that have no value; `right` puts numbers flush right.

    A value with a word that does not fit beside its name stands below it.
    """
    rows = [
        (name, value if isinstance(value, Text) else Text(words(value)))
        for name, value in pairs
        if value is not None and value != []
    ]
    width = max((cell_len(name) for name, _ in rows), default=0)
    room = terminal_width()
    lines: list[Text] = []
    for name, value in rows:
        title = Text(f"{name:>{width}}" if right else f"{name:<{width}}", style=MUTED)
        beside = room - width - _GAP
        if _longest_word([value.plain]) > beside:
            lines += [title, *indented(value).lines]
            continue
        first, *rest = _wrapped(value, beside)
        lines.append(Text.assemble(title, " " * _GAP, first))
        lines += [Text.assemble(" " * (width + _GAP), line) for line in rest]
    return Lines(lines)


def indented(text: Text) -> Lines:
    """A text with two spaces before each of its lines."""
    return Lines([Text.assemble(" " * _GAP, line) for line in _wrapped(text, terminal_width() - _GAP)])


def grade(name: str) -> Text:
    """A grade in its colour."""
    return Text(name, style=GRADE_STYLES.get(name, ""))


def memory(size_bytes: int | None) -> str:
    """The size of a memory, "-" where there is none."""
    return "-" if size_bytes is None else units.memory(size_bytes)


def size(size_bytes: int | None) -> str:
    """The size of an image or a disk, "-" where there is none."""
    return "-" if size_bytes is None else units.size(size_bytes)


def ago(timestamp: str | None) -> str:
    """How long ago a timestamp of the API was: "3 minutes ago"."""
    if timestamp is None:
        return "never"
    return units.ago((datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds())


def count_of(shown: int, existing: int | None, noun: str, *, more: str = "a higher --limit shows more") -> str:
    """The number of objects in a list, and of those that there are where it was cut: "1 of 62 images; ..."."""
    if existing is None or shown >= existing:
        return count(shown, noun)
    return f"{shown:,} of {count(existing, noun)}; {more}"


def entry_count(shown: int, *, has_more: bool) -> str:
    """The number of entries of a log, and whether `--limit` left older ones out."""
    entries = count(shown, "entry", "entries")
    return f"{entries}; a higher --limit shows older ones" if has_more else entries


@contextmanager
def working(activity: str) -> Iterator[None]:
    """Shows a spinner on a terminal while the block runs."""
    terminal = console(stderr=True)
    if terminal.is_terminal:
        with terminal.status(f"{activity} ..."):
            yield
    else:
        yield
