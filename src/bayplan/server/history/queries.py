"""The history of the catalogue as objects."""

from collections.abc import Sequence

from bayplan.db.database import Database
from bayplan.schemas.history import HistoryEntry
from bayplan.server.history import store
from bayplan.server.history.store import Cursor, HistoryFilter

__all__ = ["HistoryFilter", "entries"]


async def entries(
    db: Database, wanted: HistoryFilter, *, limit: int, after: Cursor | None = None
) -> tuple[Sequence[HistoryEntry], Cursor | None]:
    """Gives a page of entries, newest first, and the cursor of the next page; None where there is none."""
    rows = await store.read(db, wanted, limit + 1, after)
    page = rows[:limit]
    cursor = (page[-1].version, page[-1].position) if len(rows) > limit else None
    return [
        {
            "version": row.version,
            "time": row.time,
            "user": row.author,
            "resource": row.resource,
            "pk": row.object,
            "action": row.action,
            "changes": {name: {"before": pair[0], "after": pair[1]} for name, pair in row.fields.items()},
        }
        for row in page
    ], cursor
