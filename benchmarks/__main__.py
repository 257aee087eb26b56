"""`python -m benchmarks` (`make bench`): measures bayplan beside a bare server and prints the table, in Markdown."""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import grades, index, matches, matrices, pages, place, processes, reads, workers, writes
from benchmarks import whole as whole_catalogue
from benchmarks.page import PAGE, rows_of, with_earlier, write
from benchmarks.rows import FULL, QUICK, Group, Size, is_named, markdown

GROUPS: Sequence[Group[Any]] = (
    Group((*reads.ROWS, *matches.ROWS, *writes.ROWS, whole_catalogue.MEMORY), place.on_sqlite),
    Group(grades.ROWS, grades.fleet),
    Group(index.ROWS, index.catalogue),
    Group(matrices.ROWS, matrices.fleet),
    Group(pages.ROWS, pages.site),
    Group(index.LARGE_ROWS, index.large_catalogue, is_large=True),
    Group((*reads.POSTGRESQL_ROWS, *matches.POSTGRESQL_ROWS), place.on_postgresql),
    Group(processes.ROWS, processes.home),
    Group(workers.ROWS, workers.agent),
    Group(
        (*whole_catalogue.LARGE_ROWS, *matches.LARGE_ROWS, whole_catalogue.LARGE_MEMORY),
        place.on_sqlite_large,
        is_large=True,
    ),
)

PART = "The table"
INTRODUCTION = """\
Measured by `make bench ARGS="--large --write"`, which wrote this part: one server process over SQLite, with {images:,} images of
400 distinct requirements unless a row says otherwise, on {machine}.

"""


def chosen_rows(names: Sequence[str], *, is_large: bool) -> list[tuple[Group[Any], list[Any]]]:
    """The rows that the names choose, by group; the large ones where they are asked for, or named whole."""
    choice = [
        (
            group,
            [
                row
                for row in group.rows
                if (not names or is_named(row.key, names)) and (is_large or not group.is_large or row.key in names)
            ],
        )
        for group in GROUPS
    ]
    return [(group, rows) for group, rows in choice if rows]


def measure(choice: Sequence[tuple[Group[Any], list[Any]]], size: Size) -> Iterator[tuple[str, ...]]:
    """The cells of each row, as they are measured."""
    for group, rows in choice:
        with tempfile.TemporaryDirectory(prefix="bayplan-bench-") as folder:
            for row, outcome in group.measure(rows, size, Path(folder)):
                print(f"measured: {row.work}: {outcome.measured}", file=sys.stderr, flush=True)
                yield row.cells(outcome)


def main() -> int:
    """Measures and prints; the exit code is 2 where no row has one of the names."""
    keys = ", ".join(row.key for group in GROUPS for row in group.rows)
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__, epilog=f"Rows: {keys}.")
    parser.add_argument("--only", default="", metavar="ROW,...", help="these rows alone, by name or its beginning")
    parser.add_argument("--large", action="store_true", help="also the rows of 100,000 images, which take minutes")
    parser.add_argument("--quick", action="store_true", help="small catalogues and short turns, to see that it works")
    parser.add_argument("--write", action="store_true", help="also write these rows into docs/performance.md")
    arguments = parser.parse_args()
    names = [name for name in arguments.only.split(",") if name]
    choice = chosen_rows(names, is_large=arguments.large)
    if unknown := [name for name in names if not any(is_named(row.key, [name]) for _, rows in choice for row in rows)]:
        print(f"No row is named {', '.join(unknown)}. There are: {keys}.", file=sys.stderr)
        return 2
    size = QUICK if arguments.quick else FULL
    if arguments.quick:
        print("measuring small catalogues in a hurry: whether a target is met means nothing here", file=sys.stderr)
    cells = list(measure(choice, size))
    print(markdown(cells), end="")
    if arguments.write:
        order = [row.work for group in GROUPS for row in group.rows]
        every = with_earlier(cells, rows_of(PAGE.read_text(encoding="utf-8"), PART), order)
        machine = f"{os.cpu_count()} cores with Python {platform.python_version()}"
        write(PART, INTRODUCTION.format(images=size.images, machine=machine) + markdown(every))
    return 0


if __name__ == "__main__":
    sys.exit(main())
