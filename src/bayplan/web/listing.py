"""What a page shows of a long list: its columns, what it can be narrowed by, and the addresses of its other places."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request

ROWS = 100
"""The rows of a page."""
_PLACES = ("offset", "after")


@dataclass(frozen=True, slots=True)
class TableColumn:
    """The head of a column."""

    label: str
    is_number: bool = False
    path: str = ""
    """The address at which the list is sorted by the column; empty where it is not."""
    direction: str = ""
    """`ascending` or `descending` where the list is sorted by it now."""


@dataclass(frozen=True, slots=True)
class FacetOption:
    """A value that a list can be narrowed to, and the address at which it is, or where it is chosen no longer is."""

    label: str
    path: str
    count: int | None = None
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Facet:
    """A field that a list can be narrowed by."""

    label: str
    options: Sequence[FacetOption]
    is_open: bool = False

    @property
    def is_chosen(self) -> bool:
        """Whether the list is narrowed by it now."""
        return any(option.is_chosen for option in self.options)


@dataclass(frozen=True, slots=True)
class Pager:
    """The place of a page in its list."""

    total: int
    offset: int
    shown: int
    previous_path: str = ""
    next_path: str = ""

    @property
    def first(self) -> int:
        """The number of the first row, from 1."""
        return min(self.offset + 1, self.total)

    @property
    def last(self) -> int:
        """The number of the last row."""
        return self.offset + self.shown


def address_with(request: Request, **changes: object) -> str:
    """Gives the page's own address with other parameters; None removes one. The list begins at its beginning again."""
    kept = [pair for pair in request.query_params.multi_items() if pair[0] not in (*changes, *_PLACES)]
    query = urlencode([*kept, *((name, str(value)) for name, value in changes.items() if value not in (None, ""))])
    return f"{request.url.path}?{query}" if query else request.url.path


def pager(request: Request, total: int, offset: int, shown: int, rows: int = ROWS, name: str = "offset") -> Pager:
    """Gives the place of a page that shows so many rows from `offset` on, the parameter of that `name`."""
    previous = address_with(request, **{name: max(0, offset - rows) or None}) if offset else ""
    following = address_with(request, **{name: offset + rows}) if offset + shown < total else ""
    return Pager(total, offset, shown, previous, following)


def sorted_column(request: Request, label: str, name: str, sorted_by: str, *, is_number: bool = False) -> TableColumn:
    """Gives the head of a column that a list is sorted by where `sort` is its name, downwards where `-` is before it."""
    direction = {name: "ascending", f"-{name}": "descending"}.get(sorted_by, "")
    following = f"-{name}" if direction == "ascending" else name
    return TableColumn(label, is_number, address_with(request, sort=following), direction)
