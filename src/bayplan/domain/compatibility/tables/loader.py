"""Reads the CSV tables; errors name the file and the line.

The tables may be replaced by newer files without a release of bayplan, so they are checked like any input: a typing
mistake is an error at the start, not a wrong verdict later.
"""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from bayplan.errors import CannotStart, Invalid

SHIPPED = Path(__file__).parent

T = TypeVar("T")
Row = dict[str, str]


def check_folder(folder: Path | None) -> None:
    """Raises CannotStart where the folder does not exist, or has a table that replaces none of the shipped ones."""
    if folder is None:
        return
    if not folder.is_dir():
        raise CannotStart(f"BAYPLAN_TABLES must name a folder, and {folder} is not one.")
    shipped = {path.name for path in SHIPPED.glob("*.csv")}
    for path in sorted(folder.glob("*.csv")):
        if path.name not in shipped:
            raise CannotStart(f"{path} has the name of no table. Tables are {', '.join(sorted(shipped))}.")


def table_path(name: str, folder: Path | None) -> Path:
    """The path of a table: the file in `folder` if it exists, else the shipped file."""
    if folder is not None and (folder / name).is_file():
        return folder / name
    return SHIPPED / name


def read_rows(name: str, folder: Path | None = None) -> list[Row]:
    """The rows of a table, as text by column; raises CannotStart, naming file and line, for an invalid table."""
    return [row for _, row in numbered_rows(table_path(name, folder))]


def numbered_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Each row with the number of the line on which it ends."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            try:
                header = next(reader, [])
                if not header or len(set(header)) < len(header):
                    raise CannotStart(f"{path}:1: the first line must name the columns, each once.")
                for cells in reader:
                    if not cells:
                        continue
                    if len(cells) != len(header):
                        raise _at(
                            path,
                            reader.line_num,
                            f"the line must have {len(header)} values, one for each column, and has {len(cells)}.",
                        )
                    yield reader.line_num, dict(zip(header, (cell.strip() for cell in cells), strict=True))
            except csv.Error as error:
                raise _at(path, reader.line_num, f"the line is not CSV: {error}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStart(f"{path} cannot be read: {error}.") from error


def parsed(
    path: Path, columns: tuple[str, ...], parse: Callable[[Row], T], key: Callable[[T], object]
) -> tuple[T, ...]:
    """The parsed rows; each has a source and a `key` of its own."""
    lines_by_key: dict[object, int] = {}
    result: list[T] = []
    for line, row in numbered_rows(path):
        missing = [column for column in columns if column not in row]
        if missing:
            raise CannotStart(f"{path}:1: the column {missing[0]} is missing.")
        if not row["source"]:
            raise _at(path, line, "the row has no source. Name its document in the column source.")
        try:
            item = parse(row)
        except (Invalid, ValueError) as error:
            raise _at(path, line, str(error)) from error
        if key(item) in lines_by_key:
            raise _at(path, line, f"the row repeats line {lines_by_key[key(item)]}. Remove one of them.")
        lines_by_key[key(item)] = line
        result.append(item)
    if not result:
        raise CannotStart(f"{path}:1: the table has no rows.")
    return tuple(result)


def _at(path: Path, line: int, what: str) -> CannotStart:
    return CannotStart(f"{path}:{line}: {what}")


def whole(text: str) -> int:
    """The whole number in a cell; raises Invalid for anything else."""
    if not (text.isascii() and text.isdigit()):
        raise Invalid(f"{text!r} is not a whole number.")
    return int(text)


def yes(text: str) -> bool:
    """Whether a cell says yes; raises Invalid where it says neither yes nor no."""
    if text not in ("yes", "no"):
        raise Invalid(f"{text!r} must be yes or no.")
    return text == "yes"
