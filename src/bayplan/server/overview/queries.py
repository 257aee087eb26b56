"""What needs a person, and how much there is."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Database, fetch_all
from bayplan.db.principal import Principal
from bayplan.domain.outdated import SOON
from bayplan.server.checks import queries as checks
from bayplan.server.context import Context
from bayplan.server.credentials import queries as credentials
from bayplan.server.fleet import queries as fleet
from bayplan.server.matching.queries import FleetSummary, today

Object = dict[str, Any]
MOST_NAMED = 3
"""Objects that are named of each kind of trouble; the rest are counted."""
_MOST_ENDING = 10
_MOST_FAILING = 100


@dataclass(frozen=True, slots=True)
class EndingImage:
    """An image whose last day has come or will come soon."""

    pk: int
    name: str
    version: str
    last_day: date


@dataclass(frozen=True, slots=True)
class EndsOfLife:
    """How many images are past their end of life and how many will be soon, and the first ones."""

    past: int
    soon: int
    first: Sequence[EndingImage]


@dataclass(frozen=True, slots=True)
class Overview:
    """The state of the catalogue and the fleet."""

    images: int
    check_states: Mapping[str, int]
    failing: Sequence[Object]
    """The images that fail for the longest time, as `GET /v1/docker/checks` has them."""
    nodes: Mapping[str, int]
    """By their last heartbeat: `alive`, `silent`, `never`."""
    workers: Mapping[str, int]
    refused: Sequence[credentials.RefusedCredentials]
    """Credentials that a registry refused when it was asked last; for staff alone."""
    verdicts: FleetSummary | None
    """None where that takes too many verdicts."""
    ends: EndsOfLife


async def overview(context: Context, principal: Principal, version: int) -> Overview:
    """Gives the state as of `version` or later."""
    counts, failing, states, refused, verdicts, ends = await asyncio.gather(
        checks.counts(context.db, None),
        checks.failing_images(context.db, _MOST_FAILING, 0, sees_credentials=principal.sees_credentials),
        fleet.states(context),
        _refused(context.db, principal),
        context.kinds.summary(version),
        _ends(context, version),
    )
    return Overview(
        counts["images"],
        counts["states"],
        orjson.loads(failing.body),
        states["nodes"],
        states["workers"],
        refused,
        verdicts,
        ends,
    )


async def _refused(db: Database, principal: Principal) -> Sequence[credentials.RefusedCredentials]:
    return await credentials.refused(db) if principal.is_staff else ()


async def _ends(context: Context, version: int) -> EndsOfLife:
    catalogue = await context.judge.at(version)
    day = today()

    def work() -> list[tuple[date, int]]:
        return sorted(
            (image.end_of_life, pk)
            for pk, image in catalogue.images.items()
            if image.end_of_life is not None and not image.deleted and image.end_of_life <= day + SOON
        )

    ends = await asyncio.to_thread(work)
    past = sum(last_day < day for last_day, _ in ends)
    return EndsOfLife(past, len(ends) - past, await _named(context.db, ends[:_MOST_ENDING]))


async def _named(db: Database, ends: Sequence[tuple[date, int]]) -> Sequence[EndingImage]:
    if not ends:
        return ()
    columns = (tables.images.c.pk, tables.images.c.name, tables.images.c.version)
    rows = await fetch_all(db, sa.select(*columns).where(tables.images.c.pk.in_([pk for _, pk in ends])))
    names = {row.pk: (row.name, row.version) for row in rows}
    return [EndingImage(pk, *names[pk], last_day) for last_day, pk in ends if pk in names]
