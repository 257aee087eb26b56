"""Images are not simply gone: deleted softly, so that old jobs can say what they ran in, then reinstated or erased."""

import sqlalchemy as sa

from bayplan.db import crud, lifecycles, tables
from bayplan.db.change_entry import Action, object_change
from bayplan.db.database import Transaction
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.errors import Conflict

IMAGES = RESOURCE_TYPES["docker"]


async def delete_softly(tx: Transaction, pk: int, now: str, *, if_match: str | None = None) -> None:
    """Marks an image as deleted, which is then nobody's successor; raises `NotFound`, `Conflict` or `PreconditionFailed`."""
    row = await crud.current_row(tx, IMAGES, pk, if_match)
    crud.check_not_deleted(IMAGES, row)
    await _mark(tx, row, now, "delete")
    await lifecycles.clear_successor(tx, pk)


async def reinstate(tx: Transaction, pk: int, *, if_match: str | None = None) -> None:
    """Brings a deleted image back; raises `Conflict` where it is not deleted, or another image has its name and version."""
    row = await crud.current_row(tx, IMAGES, pk, if_match)
    if row["deletion_time"] is None:
        raise Conflict(f"The docker image with pk {pk} is not deleted.", code="not_deleted")
    await crud.check_unique(tx, IMAGES, row, pk)
    await _mark(tx, row, None, "reinstate")


async def erase(tx: Transaction, pk: int, *, if_match: str | None = None) -> None:
    """Removes an image for good, with its facts, lifecycle, inspection and checks; it is then nobody's successor."""
    await lifecycles.clear_successor(tx, pk)
    await crud.remove(tx, IMAGES, pk, if_match=if_match, action="erase")


async def is_kept(tx: Transaction, target: str, pk: int) -> bool:
    """Whether of images only deleted ones refer to a row of `target`: it stays for as long as they may be reinstated."""
    for field in IMAGES.fields:
        if field.target == target:
            uses = (
                sa.select(tables.images.c.deletion_time.is_not(None)).where(IMAGES.column(field.name) == pk).distinct()
            )
            return [bool(is_deleted) for (is_deleted,) in await tx.fetch(uses)] == [True]
    return False


async def _mark(tx: Transaction, row: crud.Row, deleted: str | None, action: Action) -> None:
    pk = row["pk"]
    await tx.execute(
        sa.update(tables.images).where(tables.images.c.pk == pk).values(deletion_time=deleted, revision=tx.version)
    )
    tx.entries.append(object_change(IMAGES, pk, action, row, {**row, "deletion_time": deleted}))
