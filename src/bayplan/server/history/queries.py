"""The history of the catalogue as objects."""

from collections.abc import Sequence

from pydantic_core import PydanticCustomError

from bayplan.db.change_entry import API_TOKENS, SCANS, SECRETS, WORKERS
from bayplan.db.database import Database
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.schemas.history import HistoryEntry
from bayplan.server.history import store
from bayplan.server.history.names import key_named, names
from bayplan.server.history.store import Cursor, HistoryFilter

__all__ = ["LOGGED", "Cursor", "HistoryFilter", "entries", "key_named", "names", "read_cursor"]

LOGGED = (*RESOURCE_TYPES, WORKERS, SECRETS, SCANS, API_TOKENS)
"""What entries are of."""


def read_cursor(text: str) -> Cursor:
    """Gives the cursor in an address; raises `PydanticCustomError` where it is none."""
    version, _, position = text.partition("-")
    for part, most in ((version, 18), (position, 9)):
        if not (part.isascii() and part.isdigit() and len(part) <= most):
            raise PydanticCustomError("wrong_type", "must be the value from the link to the next page")
    return int(version), int(position)


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
