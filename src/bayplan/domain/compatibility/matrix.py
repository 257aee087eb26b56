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
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, SEVERITY, Grade, ReasonCode
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


def matrix(index: CatalogueIndex, images: Bits, nodes: Iterable[tuple[int, Node]], today: datetime.date) -> Matrix:
    """The matrix of these images and these nodes.

    Raises Invalid at `filter` where it would have more than `MOST_VERDICTS`.
    """
    groups, kinds = groups_of(index, images), kinds_of(nodes, index.tables, index.rules)
    if len(groups) * len(kinds) > MOST_VERDICTS:
        detail = (
            f"{len(groups):,} groups of images by {len(kinds):,} kinds of nodes are too many verdicts for one answer "
            f"(at most {MOST_VERDICTS:,}): let 'filter' choose fewer images, or 'nodes' fewer nodes."
        )
        raise Invalid.at("filter", "too_many_verdicts", detail)
    some = index.only(group.place for group in groups)
    cells: dict[tuple[Grade, tuple[ReasonCode, ...]], Cell] = {}
    columns = [_column(some.verdicts(kind.node, today), some.every, cells) for kind in kinds]
    return Matrix(kinds, groups, columns)


def _column(
    verdicts: NodeVerdicts, every: Bits, cells: dict[tuple[Grade, tuple[ReasonCode, ...]], Cell]
) -> Sequence[Cell]:
    """The cells of all images of a small index on one kind of nodes, in its order; equal cells are one object."""
    blocks = [(reason, images) for reason, images, _ in verdicts.general]
    blocks += [(reason, images & verdicts.uses_gpu) for reason, images, _ in verdicts.gpu]
    blocks.sort(
        key=lambda block: SEVERITY[block[0].grade]
    )  # stable: otherwise in the order of the rules, as in a verdict
    parts: dict[tuple[ReasonCode, ...], Bits] = {(): every} if every else {}
    for reason, images in blocks:
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
