"""The matrix of all images and all nodes, which several pages show: kept for its version of the catalogue and its day."""

import asyncio
import datetime
from collections.abc import Sequence
from typing import Protocol

from bayplan.db.as_of import AsOf
from bayplan.domain.compatibility.groups import KindOfNodes
from bayplan.domain.compatibility.matrix import matrix_of_kinds
from bayplan.server.matching.queries import Judge, today
from bayplan.server.matrix.fleet_matrix import FleetMatrix


class GroupedNodes(Protocol):
    """All nodes by kind."""

    @property
    def kinds(self) -> Sequence[KindOfNodes]:
        """The kinds, in the order of the matrix."""
        ...


class KindsOfVersions(Protocol):
    """The nodes by kind, as of each version."""

    async def at(self, version: int) -> GroupedNodes:
        """Gives the kinds as of `version` or a later one."""
        ...


class WholeMatrix:
    """The matrix over one database; who asks while it is worked out waits for that."""

    def __init__(self, judge: Judge, kinds: KindsOfVersions) -> None:
        self._judge, self._kinds = judge, kinds
        self._kept: AsOf[FleetMatrix] = AsOf(self._update)
        self._day: datetime.date | None = None

    async def at(self, version: int) -> FleetMatrix:
        """Gives the matrix as of `version` or later; raises `Invalid` where it would have too many verdicts."""
        if self._day != today():  # images reach their end of life
            self._day = today()
            self._kept.forget()
        return await self._kept.at(version)

    async def _update(self, last: FleetMatrix | None, _version: int) -> tuple[FleetMatrix, int]:
        catalogue = await self._judge.snapshot()
        index, fleet = catalogue.index, await self._kinds.at(catalogue.version)
        judged = last.matrix if last is not None and last.tables is catalogue.tables else None
        work = await asyncio.to_thread(matrix_of_kinds, index, index.every, fleet.kinds, today(), judged)
        return FleetMatrix(catalogue, work), catalogue.version
