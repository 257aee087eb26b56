"""The results of checks in the database: the state of each image, and its history.

The pure part is `bayplan.domain.check_state`; this module reads and writes its states, many results in a transaction.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.change_entry import ChangeEntry
from bayplan.db.database import Database, Transaction, fetch_all
from bayplan.db.versioned import keep_version
from bayplan.domain.check_state import CheckResult, CheckState, state_after, state_when_accepted
from bayplan.server.checks.queue import ENROL, CheckClaim, new_row, slices
from bayplan.server.credentials import queries as credential_queries

_CHECKS, _CHANGES, _IMAGES = tables.checks, tables.check_changes, tables.images
Row = dict[str, Any]
LONGEST_CHECK = timedelta(hours=1)
"""No result of a check waits for longer to be stored, unless the database is away."""

HISTORY = 50
"""The most changes that are kept of an image."""
# The fields of a check's state in the change log; errors of registries are in the check's own history.
_LOGGED = ("state", "digest", "found", "code")


@dataclass(frozen=True, slots=True)
class CompletedCheck:
    """The check of a claimed image, and how an image that moved differs from the stored inspection."""

    claim: CheckClaim
    result: CheckResult
    changes: list[dict[str, Any]] | None = None


Due = Callable[[CompletedCheck, CheckState], str | None]
"""The next check of an image in that state; None for on request only."""


@dataclass(frozen=True, slots=True)
class _Compared:
    """A check with the image's row, its state before, and its state now."""

    completed: CompletedCheck
    row: Any
    before: CheckState
    state: CheckState


async def write(
    db: Database, completed: Sequence[CompletedCheck], due: Due
) -> list[tuple[CompletedCheck, CheckState, CheckState]]:
    """Stores results; gives those that changed a state, with the state before and now.

    Only changes of state move the catalogue's version.
    """
    async with db.write(moves=False) as tx:
        await _note_credentials(tx, completed)
        same, changed = await _compare(tx, completed, skip_locked=True)
        await _write(tx, same, due)
    if not changed:
        return []
    async with db.write() as tx:
        # Compared again: there may have been writes between the two transactions.
        same, changed = await _compare(tx, [entry.completed for entry in changed], skip_locked=False)
        await _write(tx, [*same, *changed], due)
        await _add_to_histories(tx, changed)
        tx.entries += [_entry(entry) for entry in changed]
        if not changed:
            await keep_version(tx)
    return [(entry.completed, entry.before, entry.state) for entry in changed]


def _entry(entry: _Compared) -> ChangeEntry:
    pairs = {name: (getattr(entry.before, name), getattr(entry.state, name)) for name in _LOGGED}
    fields = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    return ChangeEntry("docker", entry.completed.claim.image, "check", fields)


async def _compare(
    tx: Transaction, completed: Sequence[CompletedCheck], *, skip_locked: bool
) -> tuple[list[_Compared], list[_Compared]]:
    """Compares results with the stored states; gives those that change nothing, and those that change a state.

    Outdated results are left out: the image is gone, has another reference, or was checked since.
    """
    same: list[_Compared] = []
    changed: list[_Compared] = []
    by_image = {check.claim.image: check for check in completed}
    for part in slices(sorted(by_image)):
        statement = _STORED.where(_CHECKS.c.image.in_(part)).with_for_update(of=_CHECKS, skip_locked=skip_locked)
        for row in await tx.fetch(statement):
            check = by_image[row.image]
            is_same_reference = (row.url, row.image_registry) == (check.claim.url, check.claim.registry)
            if not is_same_reference or row.checked == check.result.at or _is_later(row.checked, check.result.at):
                continue
            before = _state_of(row)
            state = state_after(before, check.result)
            (changed if state.differs_from(before) else same).append(_Compared(check, row, before, state))
        await asyncio.sleep(0)
    return same, changed


def _state_of(row: Any) -> CheckState:
    return CheckState(row.digest, row.state, row.since, row.found, row.code, row.detail)


def _is_later(stored: str | None, at: str) -> bool:
    """Whether a stored time is after that of a check. One that is far ahead was stored when a clock was, and says nothing."""
    if stored is None or stored <= at:
        return False
    return datetime.fromisoformat(stored) - datetime.fromisoformat(at) < LONGEST_CHECK


async def _write(tx: Transaction, compared: Sequence[_Compared], due: Due) -> None:
    for part in slices(compared):
        await tx.execute(_UPDATE, [_new_values(entry, due) for entry in part])
        await asyncio.sleep(0)


def _new_values(entry: _Compared, due: Due) -> Row:
    row, state, result = entry.row, entry.state, entry.completed.result
    # A request after the check had begun gets a check of its own.
    is_requested = _is_later(row.asked, result.at)
    return {
        "pk": row.image,
        "new_digest": state.digest,
        "new_state": state.state,
        "new_since": state.since,
        "new_checked": result.at,
        "new_found": state.found,
        "new_code": state.code,
        "new_detail": state.detail,
        "new_due": row.due if is_requested else due(entry.completed, state),
        "new_asked": row.asked if is_requested else None,
    }


async def _add_to_histories(tx: Transaction, changed: Sequence[_Compared]) -> None:
    """Adds the changes to the histories, and cuts these to `HISTORY`."""
    for part in slices(changed):
        rows = [
            _change(entry.row.image, entry.completed.result.at, entry.state, entry.completed.changes) for entry in part
        ]
        await tx.execute(sa.insert(_CHANGES), rows)
        with_history = [{"pk": entry.row.image} for entry in part if entry.before.state is not None]
        if with_history:
            await tx.execute(_CUT, with_history)
        await asyncio.sleep(0)


def _change(pk: int, at: str, state: CheckState, changes: list[dict[str, Any]] | None) -> Row:
    return {
        "image": pk,
        "at": at,
        "state": state.state,
        "digest": state.digest,
        "found": state.found,
        "code": state.code,
        "detail": state.detail,
        "changes": changes,
    }


async def _note_credentials(tx: Transaction, completed: Iterable[CompletedCheck]) -> None:
    """Records which credentials registries accepted or refused."""
    outcomes: dict[str, set[credential_queries.CredentialKey]] = {"accepted": set(), "refused": set()}
    at = ""
    for check in completed:
        is_accepted, is_refused = check.result.digest is not None, check.result.refused_credentials
        if check.claim.username is not None and (is_accepted or is_refused):
            host = new_row(check.claim.image, check.claim.url, check.claim.registry, None, None)["registry"]
            outcomes["refused" if is_refused else "accepted"].add((host, check.claim.username))
            at = max(at, check.result.at)
    await credential_queries.note_outcomes(tx, at, **outcomes)


async def inspected_platforms(db: Database, pk: int, digest: str | None) -> list[dict[str, Any]] | None:
    """Gives the platforms of the stored inspection of an image, where it is of that digest."""
    table = tables.inspections
    rows = await fetch_all(db, sa.select(table.c.platforms).where(table.c.image == pk, table.c.digest == digest))
    return rows[0].platforms if rows else None


async def accept_digest(tx: Transaction, pk: int, url: str, registry: str, digest: str, at: str) -> None:
    """Makes the catalogue stand by the digest of an inspection that staff store."""
    await tx.execute(ENROL, [new_row(pk, url, registry, None, None)])
    (row,) = await tx.fetch(_STORED.where(_CHECKS.c.image == pk).with_for_update(of=_CHECKS))
    before = _state_of(row)
    state = state_when_accepted(before, digest, at)
    values = {"digest": digest, "state": state.state, "since": state.since, "checked": at}
    await tx.execute(
        sa.update(_CHECKS).where(_CHECKS.c.image == pk).values(**values, found=None, code=None, detail=None)
    )
    if state.differs_from(before):
        await tx.execute(sa.insert(_CHANGES), [_change(pk, at, state, None)])
        await tx.execute(_CUT, [{"pk": pk}])


_STORED = (
    sa.select(_CHECKS, _IMAGES.c.url, _IMAGES.c.registry.label("image_registry"))
    .join(_IMAGES, _IMAGES.c.pk == _CHECKS.c.image)
    .order_by(_CHECKS.c.image)
)
_FIELDS = ("digest", "state", "since", "checked", "found", "code", "detail", "due", "asked")
_UPDATE = (
    sa.update(_CHECKS)
    .where(_CHECKS.c.image == sa.bindparam("pk"))
    .values({name: sa.bindparam(f"new_{name}") for name in _FIELDS})
)
_NEWEST_CUT = (
    sa.select(_CHANGES.c.pk)
    .where(_CHANGES.c.image == sa.bindparam("pk"))
    .order_by(_CHANGES.c.pk.desc())
    .limit(1)
    .offset(HISTORY)
)
_CUT = sa.delete(_CHANGES).where(
    _CHANGES.c.image == sa.bindparam("pk"), _CHANGES.c.pk <= _NEWEST_CUT.correlate(None).scalar_subquery()
)
