"""Shows the parts of a database that was checked: a line for each, then each problem with what to do."""

from collections.abc import Sequence

from rich.text import Text

from bayplan.cli.output import Column, count, show, table, words
from bayplan.server.database_check import CheckedPart


def show_parts(parts: Sequence[CheckedPart]) -> None:
    """Prints a table of the parts, and below it what is wrong."""
    rows = [
        (
            part.name,
            part.checked,
            Text(count(len(part.problems), "problem"), style="bold red")
            if part.problems
            else Text("ok", style="green"),
        )
        for part in parts
    ]
    lines: list[Text] = []
    for part in parts:
        lines += [Text(f"{part.name}: {words(problem)}.") for problem in part.problems]
        if part.problems:
            lines.append(Text(f"  To do: {part.remedy}."))
    show(table((Column("part"), Column("checked"), Column("result")), rows), *lines)
