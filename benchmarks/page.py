"""The page that the benchmarks write, docs/performance.md: each measurement has a part of its own and leaves the others alone."""

import re
from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
Cells = Sequence[str]


def table(head: Cells, rows: Sequence[Cells], numbers: Sequence[int] | None = None) -> str:
    """A table in Markdown; the columns `numbers` are numbers, by default all but the first and the last two."""
    columns = range(1, len(head) - 2) if numbers is None else numbers
    rules = ["---:" if column in columns else "---" for column in range(len(head))]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in (head, rules, *rows))


def verdict(is_met: bool | None) -> str:
    """The word for whether a target is met; None where there is none."""
    return {True: "met", False: "missed", None: ""}[is_met]


def with_part(page: str, title: str, text: str) -> str:
    """The page with the part of that title replaced, or added at its end."""
    part = f"## {title}\n\n{text.strip()}\n"
    old = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    if old is None:
        return f"{page.rstrip()}\n\n{part}"
    after = page[old.end() :]
    return page[: old.start()] + part + (f"\n{after}" if after else "")


def rows_of(page: str, title: str) -> list[tuple[str, ...]]:
    """The rows of the table in the part of that title, without its head."""
    part = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    lines = [line for line in (part[0] if part else "").splitlines() if line.startswith("| ")]
    return [tuple(line.removeprefix("| ").removesuffix(" |").split(" | ")) for line in lines[2:]]


def with_earlier(rows: Sequence[Cells], earlier: Sequence[Cells], order: Sequence[str]) -> list[Cells]:
    """These rows and those earlier ones that are not among them, in the order of their first cells; others are left out."""
    by_name = {row[0]: row for row in (*earlier, *rows)}
    return [by_name[name] for name in order if name in by_name]


def write(title: str, text: str) -> None:
    """Writes that part of the page."""
    PAGE.write_text(with_part(PAGE.read_text(encoding="utf-8"), title, text), encoding="utf-8")
