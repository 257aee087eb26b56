"""The output of all commands: tables that fit a terminal and stay plain in a pipe, colours by grade, JSON, YAML, names.

rich decides about colour (a terminal, NO_COLOR). In a pipe nothing is wrapped or cut, so that other programs can read
every row as one line, unless COLUMNS asks for a width.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from bayplan.cli.options import OutputFormat, UsageError
from bayplan.domain import units

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


def _console() -> Console:
    console = Console(highlight=False, markup=False, emoji=False)
    if _is_wide.get() or (not console.is_terminal and "COLUMNS" not in os.environ):
        console.width = _PIPE_WIDTH
    return console


def show(*parts: RenderableType) -> None:
    """Prints the parts, one below the other; a terminal that is narrower than a table needs wraps its lines."""
    console = _console()
    needed = [_needed(part) for part in parts if isinstance(part, Table)]
    console.width = max(console.width, *needed, _LEAST_WIDTH)
    if console.is_terminal:
        for part in parts:
            console.print(part)
        return
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def _needed(drawn: Table) -> int:
    """The least width in which no cell of the table is cut."""
    return sum((column.min_width or 1) + _GAP for column in drawn.columns) - _GAP


def show_json(answer: object) -> None:
    """Prints the API's answer, indented."""
    sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> Table:
    """A table with a title line, of as many columns as there is room for; a cell is a `Text`, or a value for `words`."""
    cells = [[cell if isinstance(cell, Text) else Text(words(cell)) for cell in row] for row in rows]
    widths = [
        max([len(column.title), *(row[number].cell_len for row in cells)]) for number, column in enumerate(columns)
    ]
    kept = _with_room(columns, widths)
    drawn = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style=MUTED)
    for number in kept:
        column = columns[number]
        drawn.add_column(
            column.title.upper(),
            justify="right" if column.right else "left",
            no_wrap=not column.gives_way,
            overflow="fold",
            min_width=min(widths[number], _LEAST_WIDTH) if column.gives_way else widths[number],
        )
    for row in cells:
        drawn.add_row(*(row[number] for number in kept))
    return drawn


def _with_room(columns: Sequence[Column], widths: Sequence[int]) -> list[int]:
    """The columns that fit beside each other, the least spare first. One that gives way counts with half of the room at most."""
    if _is_wide.get():
        return list(range(len(columns)))
    room = _console().width
    widths = [
        _GAP + (min(width, room // 2) if column.gives_way else width)
        for column, width in zip(columns, widths, strict=True)
    ]
    kept: list[int] = []
    usual = [number for number, column in enumerate(columns) if not column.wide]
    for number in sorted(usual, key=lambda column: columns[column].spare):
        if not columns[number].spare or sum(widths[column] for column in (*kept, number)) - _GAP <= room:
            kept.append(number)
    return sorted(kept)


def fields(pairs: Iterable[tuple[str, object]]) -> Table:
    """The fields of an object below each other, without those that have no value."""
    drawn = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, show_header=False)
    rows = [(name, value) for name, value in pairs if value is not None and value != []]
    drawn.add_column(style=MUTED, no_wrap=True, min_width=max((len(name) for name, _ in rows), default=0))
    drawn.add_column(overflow="fold", min_width=_LEAST_WIDTH)
    for name, value in rows:
        drawn.add_row(name, value if isinstance(value, Text) else words(value))
    return drawn


def grade(name: str) -> Text:
    """A grade in its colour."""
    return Text(name, style=GRADE_STYLES.get(name, ""))


def words(value: object) -> str:
    """A value as text, without control characters, which could steer the terminal."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(words(item) for item in value)
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(value))


def memory(size_bytes: int | None) -> str:
    """The size of a memory, "-" where there is none."""
    return "-" if size_bytes is None else units.memory(size_bytes)


def size(size_bytes: int | None) -> str:
    """The size of an image or a disk, "-" where there is none."""
    return "-" if size_bytes is None else units.size(size_bytes)


def moment(timestamp: str | None) -> str:
    """A timestamp of the API to the minute: "2026-01-31 12:00 UTC"."""
    return "never" if timestamp is None else f"{timestamp[:10]} {timestamp[11:16]} UTC"


def ago(timestamp: str | None) -> str:
    """How long ago a timestamp of the API was: "3 minutes ago"."""
    if timestamp is None:
        return "never"
    return units.ago((datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds())


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 image", "2 images"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


@contextmanager
def working(activity: str) -> Iterator[None]:
    """Shows a spinner on a terminal while the block runs."""
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(f"{activity} ..."):
            yield
    else:
        yield
