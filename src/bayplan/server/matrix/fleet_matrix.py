"""A matrix with what it is as of."""

from dataclasses import dataclass

from bayplan.domain.compatibility.matrix import Matrix
from bayplan.domain.compatibility.tables import Tables


@dataclass(frozen=True, slots=True)
class FleetMatrix:
    """A matrix, the version of the catalogue that it is as of, and the tables by which it was judged."""

    version: int
    tables: Tables
    matrix: Matrix
