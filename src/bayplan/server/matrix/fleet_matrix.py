"""A matrix with the catalogue that it is of, and as people see it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from bayplan.domain.compatibility.matrix import Cell, Matrix
from bayplan.domain.compatibility.tables import Tables
from bayplan.exports.matrix_picture import MatrixPicture, PictureCell, PicturedImage, drawn
from bayplan.server.matching.queries import CatalogueSnapshot, facts_shown


@dataclass(frozen=True)
class FleetMatrix:
    """A matrix, and the catalogue that it is of."""

    catalogue: CatalogueSnapshot
    matrix: Matrix

    @property
    def version(self) -> int:
        """The version of the catalogue."""
        return self.catalogue.version

    @property
    def tables(self) -> Tables:
        """The tables by which it was judged."""
        return self.catalogue.tables

    @cached_property
    def picture(self) -> MatrixPicture:
        """The matrix as people see it; takes some tenths of a second where it is large."""
        cells: dict[int, PictureCell] = {}  # by the cell's identity: equal cells are one object

        def pictured(cell: Cell) -> PictureCell:
            if (existing := cells.get(id(cell))) is None:
                existing = cells[id(cell)] = PictureCell(cell.grade, tuple(dict.fromkeys(cell.codes)))
            return existing

        kinds, groups = self.matrix.kinds, self.matrix.groups
        return drawn(
            self.version,
            [(kind.identifier, facts_shown(kind.node, self.tables), len(kind.nodes)) for kind in kinds],
            [(group.identifier, group.images) for group in groups],
            [list(map(pictured, row)) for row in zip(*self.matrix.columns, strict=True)] or [[] for _ in groups],
            pictured_images(self.catalogue, (pk for group in groups for pk in group.images)),
        )


def pictured_images(catalogue: CatalogueSnapshot, pks: Iterable[int]) -> dict[int, PicturedImage]:
    """Gives what a picture shows of these images of the catalogue, by pk."""
    order = catalogue.index.order
    shown = {}
    for pk in pks:
        place = order.place(pk)
        assert place is not None
        name, version = order.entries[place][4]
        image = catalogue.images[pk]
        framework = "-" if image.framework is None else f"{image.framework} {image.framework_version}"
        shown[pk] = PicturedImage(f"{name}:{version}", framework, image.cuda)
    return shown
