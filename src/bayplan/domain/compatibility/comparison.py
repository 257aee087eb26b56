"""Two matrices side by side: which images and nodes stay what they are, come, go, or become others, and what changes of each.

A line is images that are of one group before and of one group after, or nodes that are of one kind before and after. Those
that change come first.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from bayplan.domain.compatibility.matrix import Cell, Matrix
from bayplan.domain.compatibility.what_if import WhatIf


@dataclass(frozen=True, slots=True)
class Line:
    """Images or nodes, by key, with the places of their group or kind in the matrix before and after; None where it has none."""

    before: int | None
    after: int | None
    members: Sequence[int]
    is_same: bool
    """Whether the group or the kind is the same one before and after."""


@dataclass(frozen=True)
class MatrixComparison:
    """The lines of images and of nodes, otherwise in the order of the matrices: first those that come, go or change most."""

    old: Matrix
    new: Matrix
    rows: Sequence[Line]
    columns: Sequence[Line]
    changed_rows: int
    """How many of the rows change."""
    changed_columns: int

    def cells(self, row: Line, column: Line) -> tuple[Cell | None, Cell | None]:
        """The cell before and the cell after, None where either the images or the nodes are not there."""
        return _cell(self.old, row.before, column.before), _cell(self.new, row.after, column.after)

    def nodes(self, row: Line) -> tuple[int, int]:
        """On how many nodes these images run, before and after."""
        return _running(self.old, row.before, self._sizes[0]), _running(self.new, row.after, self._sizes[1])

    def images(self, column: Line) -> tuple[int, int]:
        """How many images run on these nodes, before and after."""
        return _served(self.old, column.before), _served(self.new, column.after)

    @cached_property
    def _sizes(self) -> tuple[Sequence[int], Sequence[int]]:
        old, new = ([len(kind.nodes) for kind in each.kinds] for each in (self.old, self.new))
        return old, new


def compared(answer: WhatIf) -> MatrixComparison:
    """The lines of what changes lead to."""
    old, new = answer.matrix_before, answer.matrix_after
    groups = [[(group.identifier, group.images) for group in each.groups] for each in (old, new)]
    kinds = [[(kind.identifier, kind.nodes) for kind in each.kinds] for each in (old, new)]
    rows, columns = _lines(*groups), _lines(*kinds)
    images = {pk for change in (*answer.images_gained, *answer.images_lost) for pk in change.images}
    nodes = {pk for change in (*answer.nodes_gained, *answer.nodes_lost) for pk in change.nodes}
    regraded_rows, regraded_columns = _regraded(old, new, columns)

    def row_rank(row: Line) -> int:
        if not row.is_same or not images.isdisjoint(row.members):
            return 0
        return 1 if (row.before, row.after) in regraded_rows else 2

    def column_rank(column: Line) -> int:
        if column.before is None or column.after is None or not nodes.isdisjoint(column.members):
            return 0
        if (column.before, column.after) in regraded_columns:
            return 0
        return 2 if column.is_same else 1

    return MatrixComparison(
        old,
        new,
        sorted(rows, key=row_rank),
        sorted(columns, key=column_rank),
        sum(row_rank(row) < 2 for row in rows),
        sum(column_rank(column) < 2 for column in columns),
    )


def _lines(old: Sequence[tuple[str, Sequence[int]]], new: Sequence[tuple[str, Sequence[int]]]) -> list[Line]:
    places = {pk: place for place, (_, members) in enumerate(old) for pk in members}
    alike: dict[tuple[int | None, int | None], list[int]] = {}
    for place, (_, members) in enumerate(new):
        for pk in members:
            alike.setdefault((places.pop(pk, None), place), []).append(pk)
    for pk, place in places.items():
        alike.setdefault((place, None), []).append(pk)
    lines = [
        Line(before, after, pks, before is not None and after is not None and old[before][0] == new[after][0])
        for (before, after), pks in alike.items()
    ]
    last = len(old) + len(new)

    def order(line: Line) -> tuple[int, int]:
        before = last if line.before is None else line.before
        return before, last if line.after is None else line.after

    return sorted(lines, key=order)


def _regraded(
    old: Matrix, new: Matrix, columns: Sequence[Line]
) -> tuple[Collection[tuple[int, int]], Collection[tuple[int | None, int | None]]]:
    """The groups with another grade on nodes that are there before and after, and the kinds of these nodes, by both places."""
    places = {group.identifier: place for place, group in enumerate(old.groups)}
    both = [(places[group.identifier], place) for place, group in enumerate(new.groups) if group.identifier in places]
    groups: set[tuple[int, int]] = set()
    kinds: set[tuple[int | None, int | None]] = set()
    for column in columns:
        if column.is_same or column.before is None or column.after is None:
            continue
        before, after = old.columns[column.before], new.columns[column.after]
        regraded = [pair for pair in both if before[pair[0]].grade != after[pair[1]].grade]
        groups.update(regraded)
        if regraded:
            kinds.add((column.before, column.after))
    return groups, kinds


def _cell(table: Matrix, group: int | None, kind: int | None) -> Cell | None:
    return None if group is None or kind is None else table.columns[kind][group]


def _running(table: Matrix, group: int | None, sizes: Sequence[int]) -> int:
    if group is None:
        return 0
    return sum(size for size, column in zip(sizes, table.columns, strict=True) if column[group].runs)


def _served(table: Matrix, kind: int | None) -> int:
    if kind is None:
        return 0
    cells = zip(table.groups, table.columns[kind], strict=True)
    return sum(len(group.images) for group, cell in cells if cell.runs)
