"""Check states in answers: of an image with its history, the counts of all images, the list of failing images."""

from dataclasses import dataclass, replace
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement
from bayplan.db.crud import Page
from bayplan.db.cursor import Cursor, Term, behind, order_name, parameters
from bayplan.db.database import Database, Rows, fetch_all
from bayplan.db.resource_types import Kind
from bayplan.domain.check_state import STATES
from bayplan.errors import NotFound
from bayplan.server.checks.store import HISTORY, accept_digest

__all__ = ["UNCHECKED", "RegistryChecks", "accept_digest", "by_registry", "counts", "failing_images", "load"]

_CHECKS, _CHANGES, _IMAGES = tables.checks, tables.check_changes, tables.images
Object = dict[str, Any]

_SHOWN = ("state", "since", "checked", "due", "digest", "found", "code", "detail")
_CHANGE = ("at", "state", "digest", "found", "code", "detail", "changes")
UNCHECKED = "unchecked"
_SINCE, _ORDER = Term(_CHECKS.c.since, Kind.TIME, ascending=True, nulls_first=False), order_name("checks")
_MAX_WAITING_REGISTRIES = 5
# The detail by code for those who are not staff: that for staff names a registry user, or the path of a key.
_DETAIL_FOR_USERS = {
    "registry_denied": "The registry refuses the image's credentials, or asks for some. Staff see the details.",
    "unknown_key": "The server cannot read the image's credentials. Staff see the details.",
}


async def load(db: Database, pk: int, *, sees_credentials: bool) -> Object:
    """Gives the check state of an image, its history newest first; raises `NotFound`."""
    statement = (
        sa.select(_IMAGES.c.deletion_time, *(_CHECKS.c[name] for name in _SHOWN))
        .select_from(_IMAGES.outerjoin(_CHECKS, _CHECKS.c.image == _IMAGES.c.pk))
        .where(_IMAGES.c.pk == pk)
    )
    rows = await fetch_all(db, statement)
    if not rows:
        raise NotFound(f"No docker image with pk {pk}.")
    shown = {name: rows[0]._mapping[name] for name in _SHOWN}
    if rows[0].deletion_time is not None:  # deleted images are not checked
        shown["due"] = None
    newest = (
        sa.select(*(_CHANGES.c[name] for name in _CHANGE))
        .where(_CHANGES.c.image == pk)
        .order_by(_CHANGES.c.pk.desc())
        .limit(HISTORY)
    )
    history = [dict(zip(_CHANGE, row, strict=True)) for row in await fetch_all(db, newest)]
    for entry in [shown, *history]:
        _hide_detail(entry, sees_credentials)
    return {"image": pk, **shown, "history": history}


def _hide_detail(entry: Object, sees_credentials: bool) -> None:
    if not sees_credentials:
        entry["detail"] = _DETAIL_FOR_USERS.get(entry["code"], entry["detail"])


async def counts(db: Database, since: str | None) -> Object:
    """Gives the numbers of images in each state, checked `since` then, and waiting for a requested check, and the registries waited for."""
    rows = await db.fetch(_COUNTED, lambda rows: rows, {"since": since or "~"})
    states = dict.fromkeys((*STATES, UNCHECKED), 0)
    total = {"checked": 0, "waiting": 0, "images": 0}
    for state, images, checked, waiting in rows:
        states[state or UNCHECKED] = images
        total["images"] += images
        total["checked"] += checked or 0
        total["waiting"] += waiting or 0
    waiting_in = await db.fetch(_WAITING_REGISTRIES, lambda rows: [row[0] for row in rows]) if total["waiting"] else []
    return {"states": states, **total, "waiting_in": waiting_in}


@dataclass(frozen=True, slots=True)
class RegistryChecks:
    """When an image of a registry was checked last, and when one is due next."""

    checked: str | None
    due: str | None


async def by_registry(db: Database) -> dict[str, RegistryChecks]:
    """Gives the times of the checks of images that are not deleted, by the host of their registry."""
    return await db.fetch(_BY_REGISTRY, lambda rows: {host: RegistryChecks(*times) for host, *times in rows})


async def failing_images(
    db: Database, limit: int | None, offset: int, after: Cursor | None = None, *, sees_credentials: bool
) -> Page:
    """Gives the failing images, those that fail for the longest time first; raises `Invalid` for the cursor of another list."""
    joined = _IMAGES.join(_CHECKS, _CHECKS.c.image == _IMAGES.c.pk)
    conditions = (_IMAGES.c.deletion_time.is_(None), _CHECKS.c.state != "ok")
    statement = (
        sa.select(_IMAGES.c.pk, _IMAGES.c.name, _IMAGES.c.version, *(_CHECKS.c[name] for name in _SHOWN))
        .select_from(joined)
        .where(*conditions)
        .order_by(_SINCE.directed, _IMAGES.c.pk)
        .limit(None if limit is None else limit + 1)
        .offset(offset or None)
    )
    values = None
    if after is not None:
        statement = statement.where(behind([_SINCE], after.nulls, _IMAGES.c.pk))
        values = parameters(after, [_SINCE.kind], _ORDER)

    names = ("image", "name", "version", *_SHOWN)

    def made(rows: Rows) -> Page:
        following = None
        if limit is not None and len(rows) > limit:
            rows = rows[:limit]
            following = str(Cursor(_ORDER, (rows[-1][names.index("since")],), rows[-1][0]))
        entries = [dict(zip(names, row, strict=True)) for row in rows]
        for entry in entries:
            _hide_detail(entry, sees_credentials)
        return Page(orjson.dumps(entries), None, following)

    page = await db.fetch(statement, made, values)
    if limit is None and not offset and after is None:
        return page
    count = sa.select(sa.func.count()).select_from(joined).where(*conditions)
    return replace(page, total=await db.fetch(count, lambda rows: int(rows[0][0])))


_WAITS = sa.and_(_CHECKS.c.asked.is_not(None), _CHECKS.c.due.is_not(None))
_WAITING_REGISTRIES = (
    sa.select(_CHECKS.c.registry)
    .join(_IMAGES, _IMAGES.c.pk == _CHECKS.c.image)
    .where(_WAITS, _IMAGES.c.deletion_time.is_(None))
    .group_by(_CHECKS.c.registry)
    .order_by(sa.func.count().desc(), _CHECKS.c.registry)
    .limit(_MAX_WAITING_REGISTRIES)
)
_BY_REGISTRY = CompiledStatement(
    sa.select(_CHECKS.c.registry, sa.func.max(_CHECKS.c.checked), sa.func.min(_CHECKS.c.due))
    .join(_IMAGES, _IMAGES.c.pk == _CHECKS.c.image)
    .where(_IMAGES.c.deletion_time.is_(None))
    .group_by(_CHECKS.c.registry)
)
_COUNTED = CompiledStatement(
    sa.select(
        _CHECKS.c.state,
        sa.func.count(),
        sa.func.sum(sa.case((_CHECKS.c.checked >= sa.bindparam("since", type_=sa.Text), 1), else_=0)),
        sa.func.sum(sa.case((_WAITS, 1), else_=0)),
    )
    .select_from(_IMAGES.outerjoin(_CHECKS, _CHECKS.c.image == _IMAGES.c.pk))
    .where(_IMAGES.c.deletion_time.is_(None))
    .group_by(_CHECKS.c.state)
)
