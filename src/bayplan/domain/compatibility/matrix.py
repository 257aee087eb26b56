"""The matrix of a fleet: the verdict on every group of images on every kind of nodes.

One image of each group is judged, by an index that has these images alone: its sets are short, and the verdicts that
matches keep stay kept.
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bayplan.domain.compatibility.bits import Bits, places
from bayplan.domain.compatibility.groups import ImageGroup, KindOfNodes, groups_of, kinds_of
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_verdicts import NodeVerdicts
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, Grade, ReasonCode
from bayplan.errors import Invalid

MOST_VERDICTS = 1_000_000
"""The most verdicts of a matrix: as many take some three seconds."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The grade of a group on a kind, and the code of each reason, the worst first."""

    grade: Grade
    codes: tuple[ReasonCode, ...]

    @property
    def runs(self) -> bool:
        """Whether the grade is one that is matched by default."""
        return self.grade in MATCHED_BY_DEFAULT


@dataclass(frozen=True, eq=False)
class Matrix:
    """Kinds and groups in their order; `columns` has for each kind the cells of all groups."""

    kinds: Sequence[KindOfNodes]
    groups: Sequence[ImageGroup]
    columns: Sequence[Sequence[Cell]]

    @cached_property
    def verdicts(self) -> Mapping[tuple[str, str], Cell]:
        """The cells by the identifiers of group and kind."""
        return {
            (group.identifier, kind.identifier): cell
            for kind, column in zip(self.kinds, self.columns, strict=True)
            for group, cell in zip(self.groups, column, strict=True)
        }


def matrix(
    index: CatalogueIndex,
    images: Bits,
    nodes: Iterable[tuple[int, Node]],
    today: datetime.date,
    judged: Matrix | None = None,
) -> Matrix:
    """The matrix of these images and these nodes, as `matrix_of_kinds` gives it."""
    return matrix_of_kinds(index, images, kinds_of(nodes, index.tables, index.rules), today, judged)


def matrix_of_kinds(
    index: CatalogueIndex,
    images: Bits,
    kinds: Sequence[KindOfNodes],
    today: datetime.date,
    judged: Matrix | None = None,
) -> Matrix:
    """The matrix of these images and these kinds of nodes, in their order.

    Cells that `judged` has, a matrix by the same tables and rules on the same day, are taken from it. Raises Invalid at `filter`
    where it would have more than `MOST_VERDICTS`.
    """
    groups = groups_of(index, images)
    if len(groups) * len(kinds) > MOST_VERDICTS:
        detail = (
            f"{len(groups):,} groups of images by {len(kinds):,} kinds of nodes are too many verdicts for one answer "
            f"(at most {MOST_VERDICTS:,}): let 'filter' choose fewer images, or 'nodes' fewer nodes."
        )
        raise Invalid.at("filter", "too_many_verdicts", detail)
    cells: dict[tuple[Grade, tuple[ReasonCode, ...]], Cell] = {}
    every = _OfGroups(index, groups, today, cells)
    if judged is None:
        return Matrix(kinds, groups, [every.column(kind) for kind in kinds])
    places_of = {group.identifier: place for place, group in enumerate(judged.groups)}
    columns_of = {kind.identifier: column for kind, column in zip(judged.kinds, judged.columns, strict=True)}
    old = [places_of.get(group.identifier) for group in groups]
    new = _OfGroups(index, [group for group, place in zip(groups, old, strict=True) if place is None], today, cells)
    is_same = old == list(range(len(judged.groups)))
    columns = []
    for kind in kinds:
        column = columns_of.get(kind.identifier)
        if column is None:
            column = every.column(kind)
        elif not is_same:
            others = iter(new.column(kind))
            column = [next(others) if place is None else column[place] for place in old]
        columns.append(column)
    return Matrix(kinds, groups, columns)


@dataclass(frozen=True)
class _OfGroups:
    """The cells of some groups, one image of each."""

    index: CatalogueIndex
    groups: Sequence[ImageGroup]
    today: datetime.date
    cells: dict[tuple[Grade, tuple[ReasonCode, ...]], Cell]

    @cached_property
    def _images(self) -> CatalogueIndex:
        return self.index.only(group.place for group in self.groups)

    def column(self, kind: KindOfNodes) -> Sequence[Cell]:
        """The cells of the groups on a kind, in their order."""
        if not self.groups:
            return []
        return _column(self._images.verdicts(kind.node, self.today), self._images.every, self.cells)


def _column(
    verdicts: NodeVerdicts, every: Bits, cells: dict[tuple[Grade, tuple[ReasonCode, ...]], Cell]
) -> Sequence[Cell]:
    """The cells of all images of a small index on one kind of nodes, in its order; equal cells are one object."""
    parts: dict[tuple[ReasonCode, ...], Bits] = {(): every} if every else {}
    for reason, images in verdicts.reasons():
        split: dict[tuple[ReasonCode, ...], Bits] = {}
        for codes, members in parts.items():
            for after, some in (((*codes, reason.code), members & images), (codes, members & ~images)):
                if some:
                    split[after] = split.get(after, 0) | some
        parts = split
    column: dict[int, Cell] = {}
    for grade, images in verdicts.grades.items():
        for codes, members in parts.items():
            if graded := images & members:
                cell = cells.get((grade, codes))
                if cell is None:
                    cell = cells[grade, codes] = Cell(grade, codes)
                column |= dict.fromkeys(places(graded), cell)
    return [column[place] for place in range(len(column))]
