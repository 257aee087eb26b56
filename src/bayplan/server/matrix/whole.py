"""The matrix of all images and all nodes, which several pages show: kept for its version of the catalogue and its day."""

import asyncio
import datetime

from bayplan.db.as_of import AsOf
from bayplan.db.database import Database
from bayplan.domain.compatibility.matrix import matrix
from bayplan.server.matching.queries import Judge, load_nodes, today
from bayplan.server.matrix.fleet_matrix import FleetMatrix


class WholeMatrix:
    """The matrix over one database; who asks while it is worked out waits for that."""

    def __init__(self, db: Database, judge: Judge) -> None:
        self._db, self._judge = db, judge
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
        index = catalogue.index
        nodes = await load_nodes(self._db)
        judged = last.matrix if last is not None and last.tables is catalogue.tables else None
        work = await asyncio.to_thread(matrix, index, index.every, nodes, today(), judged)
        return FleetMatrix(catalogue, work), catalogue.version
