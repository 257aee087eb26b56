"""What came of looks at images in their registries: how each stands, and its history.

The pure part is `bayplan.domain.check_state`; this is what reads and writes for it, many looks in one transaction.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Database, Transaction
from bayplan.domain.check_state import CheckResult, CheckState, state_after, state_when_accepted
from bayplan.server.checks.queue import ENROL, CheckClaim, new_row, slices
from bayplan.server.credentials import outcomes

_CHECKS, _CHANGES, _IMAGES = tables.checks, tables.check_changes, tables.images
Row = dict[str, Any]

HISTORY = 50
"""Changes that are kept of each image."""
_STATES_BY_LOG_IN = {"ok": "taken", "moved": "taken", "denied": "refused"}


@dataclass(frozen=True, slots=True)
class CompletedCheck:
    """What a look at a claimed image found, and what was there otherwise than before."""

    claim: CheckClaim
    look: CheckResult
    changes: list[dict[str, Any]] | None = None


Due = Callable[[CompletedCheck, CheckState], str | None]
"""When to look again at what was seen, as it stands now; None for when somebody asks."""
_Compared = tuple[CompletedCheck, Any, CheckState, CheckState]


async def keep(
    db: Database, seen: Sequence[CompletedCheck], due: Due
) -> list[tuple[CompletedCheck, CheckState, CheckState]]:
    """Stores what was seen; gives what is news, with how the image stood before. Only news move the catalogue's version."""
    async with db.write(moves=False) as tx:
        await _note_log_ins(tx, seen)
        same, news = await _compared(tx, seen, skip_locked=True)
        await _write(tx, same, due)
    if not news:
        return []
    async with db.write() as tx:
        # Looked at again: between the two somebody may have written.
        same, found = await _compared(tx, [one for one, *_ in news], skip_locked=False)
        await _write(tx, [*same, *found], due)
        await _remember(tx, found)
    return [(one, before, now) for one, _, before, now in found]


async def _compared(
    tx: Transaction, seen: Sequence[CompletedCheck], *, skip_locked: bool
) -> tuple[list[_Compared], list[_Compared]]:
    """What was seen with its row, how it stood and how it stands: what is as before, and what is news.

    Left out is what counts no more: of an image that is gone or lies elsewhere now, or that was looked at since.
    """
    same: list[_Compared] = []
    news: list[_Compared] = []
    by_image = {one.claim.image: one for one in seen}
    for some in slices(sorted(by_image)):
        statement = _STOOD.where(_CHECKS.c.image.in_(some)).with_for_update(of=_CHECKS, skip_locked=skip_locked)
        for row in await tx.fetch(statement):
            one = by_image[row.image]
            is_the_same = (row.url, row.its_registry) == (one.claim.url, one.claim.registry)
            if not is_the_same or (row.checked is not None and row.checked >= one.look.at):
                continue
            before = CheckState(row.digest, row.state, row.since, row.found, row.code, row.detail)
            now = state_after(before, one.look)
            (news if now.differs_from(before) else same).append((one, row, before, now))
        await asyncio.sleep(0)
    return same, news


async def _write(tx: Transaction, compared: Sequence[_Compared], due: Due) -> None:
    for some in slices(compared):
        await tx.execute(_KEEP, [_kept(one, row, now, due) for one, row, _, now in some])
        await asyncio.sleep(0)


def _kept(one: CompletedCheck, row: Any, now: CheckState, due: Due) -> Row:
    # Who asked when the look had begun gets one of their own.
    again = row.asked is not None and row.asked > one.look.at
    return {
        "pk": row.image,
        "new_digest": now.digest,
        "new_state": now.state,
        "new_since": now.since,
        "new_checked": one.look.at,
        "new_found": now.found,
        "new_code": now.code,
        "new_detail": now.detail,
        "new_due": row.due if again else due(one, now),
        "new_asked": row.asked if again else None,
    }


async def _remember(tx: Transaction, found: Sequence[_Compared]) -> None:
    """Adds to the histories, and cuts them."""
    for some in slices(found):
        rows = [_change(one.claim.image, one.look.at, now, one.changes) for one, _, _, now in some]
        await tx.execute(sa.insert(_CHANGES), rows)
        had = [{"pk": one.claim.image} for one, _, before, _ in some if before.state is not None]
        if had:
            await tx.execute(_CUT, had)
        await asyncio.sleep(0)


def _change(pk: int, at: str, now: CheckState, changes: list[dict[str, Any]] | None) -> Row:
    return {
        "image": pk,
        "at": at,
        "state": now.state,
        "digest": now.digest,
        "found": now.found,
        "code": now.code,
        "detail": now.detail,
        "changes": changes,
    }


async def _note_log_ins(tx: Transaction, seen: Iterable[CompletedCheck]) -> None:
    noted: dict[str, set[outcomes.CredentialKey]] = {"taken": set(), "refused": set()}
    at = ""
    for one in seen:
        state = state_after(CheckState(), one.look).state
        if one.claim.username is not None and state in _STATES_BY_LOG_IN:
            host = new_row(one.claim.image, one.claim.url, one.claim.registry, None, None)["registry"]
            noted[_STATES_BY_LOG_IN[state]].add((host, one.claim.username))
            at = max(at, one.look.at)
    await outcomes.note(tx, at, **noted)


async def accept_digest(tx: Transaction, pk: int, url: str, registry: str, digest: str, at: str) -> None:
    """Makes the digest of an inspection that staff store the one that the catalogue stands by."""
    await tx.execute(ENROL, [new_row(pk, url, registry, None, None)])
    (row,) = await tx.fetch(_STOOD.where(_CHECKS.c.image == pk).with_for_update(of=_CHECKS))
    before = CheckState(row.digest, row.state, row.since, row.found, row.code, row.detail)
    now = state_when_accepted(before, digest, at)
    values = {"digest": digest, "state": now.state, "since": now.since, "checked": at}
    await tx.execute(
        sa.update(_CHECKS).where(_CHECKS.c.image == pk).values(**values, found=None, code=None, detail=None)
    )
    if now.differs_from(before):
        await tx.execute(sa.insert(_CHANGES), [_change(pk, at, now, None)])
        await tx.execute(_CUT, [{"pk": pk}])


_STOOD = (
    sa.select(_CHECKS, _IMAGES.c.url, _IMAGES.c.registry.label("its_registry"))
    .join(_IMAGES, _IMAGES.c.pk == _CHECKS.c.image)
    .order_by(_CHECKS.c.image)
)
_FIELDS = ("digest", "state", "since", "checked", "found", "code", "detail", "due", "asked")
_KEEP = (
    sa.update(_CHECKS)
    .where(_CHECKS.c.image == sa.bindparam("pk"))
    .values({name: sa.bindparam(f"new_{name}") for name in _FIELDS})
)
_NEWEST = (
    sa.select(_CHANGES.c.pk)
    .where(_CHANGES.c.image == sa.bindparam("pk"))
    .order_by(_CHANGES.c.pk.desc())
    .limit(1)
    .offset(HISTORY)
)
_CUT = sa.delete(_CHANGES).where(
    _CHANGES.c.image == sa.bindparam("pk"), _CHANGES.c.pk <= _NEWEST.correlate(None).scalar_subquery()
)
