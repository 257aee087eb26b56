"""The lifecycle of an image, the images that are out of date, and what it would strand to retire images."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import sqlalchemy as sa

from bayplan.db import lifecycles, tables
from bayplan.db.database import fetch_all
from bayplan.db.principal import Principal
from bayplan.domain.compatibility.what_if import Fleet, NodesChange, what_if
from bayplan.domain.outdated import OutdatedCode, OutdatedReason
from bayplan.errors import Invalid, Problem
from bayplan.server.context import Context
from bayplan.server.crud.queries import Written
from bayplan.server.lifecycles.outdated import AgedImage, with_inventory
from bayplan.server.matching.queries import load_nodes, today
from bayplan.server.prefetch import queries as prefetch

_LIFECYCLES, _INVENTORIES = tables.lifecycles.c, tables.holdings.c
Name = tuple[str, str]
"""The name and the version of an image."""


async def load(context: Context, pk: int) -> Written:
    """Gives the lifecycle of an image, and its tag; raises `NotFound`."""
    lifecycle, revision = await lifecycles.load(context.db, pk)
    return Written(lifecycle.values(), str(revision))


async def change(
    context: Context, principal: Principal, pk: int, values: dict[str, Any], *, if_match: str | None
) -> None:
    """Changes the lifecycle of an image; raises `NotFound`, `Invalid`, `Conflict` or `PreconditionFailed`."""
    async with context.db.write(by=principal) as tx:
        await lifecycles.change(tx, pk, values, if_match=if_match)


async def require_successor(context: Context, key: int | str) -> None:
    """Raises `Invalid` where there is no image with that key, or that name and version."""
    await lifecycles.successor_named(partial(fetch_all, context.db), key)


@dataclass(frozen=True, slots=True)
class OutdatedList:
    """Images that are out of date, by name and version, each with all its reasons; and how many there are of each reason."""

    version: int
    images: Sequence[tuple[AgedImage, Sequence[OutdatedReason]]]
    counts: Mapping[OutdatedCode, int]
    names: Mapping[int, Name]
    """Of every image that is not deleted."""
    nodes: int
    has_inventories: bool


async def outdated(context: Context, version: int, codes: Collection[OutdatedCode] = ()) -> OutdatedList:
    """Gives the images that have one of these reasons, without any all that have a reason, as of `version` or later."""
    aged = await context.outdated.at(version)
    inventories = await context.outdated.inventories()

    def work() -> OutdatedList:
        counts = Counter[OutdatedCode]()
        images = []
        for image in aged.images:
            reasons = with_inventory(image, inventories)
            own = [reason.code for reason in reasons]
            counts.update(own)
            if own and (not codes or not frozenset(codes).isdisjoint(own)):
                images.append((image, reasons))
        of_each = {code: counts[code] for code in OutdatedCode}
        return OutdatedList(aged.version, images, of_each, aged.names, aged.nodes, inventories is not None)

    return await asyncio.to_thread(work)


def first_day(reasons: Sequence[OutdatedReason]) -> date | None:
    """Gives the first day since which one of these reasons holds, None where that is not known of any."""
    return min((reason.since for reason in reasons if reason.since is not None), default=None)


@dataclass(frozen=True, slots=True)
class Retirement:
    """What it would strand to delete images."""

    version: int
    images: Mapping[int, Name]
    nodes: Sequence[NodesChange]
    """Nodes that lose their last image for a task."""
    rules: Sequence[tuple[str, Sequence[int], int]]
    """The prefetch rules that choose some of the images: which, and how many others."""
    inventories: Mapping[int, int]
    """The number of workers that have an image."""
    successors: Sequence[tuple[int, int]]
    """Deprecated images with their successor, which is one of the images."""
    names: Mapping[int, Name]


async def retirement(context: Context, pks: Collection[int], version: int) -> Retirement:
    """Gives what it would strand to delete these images; raises `Invalid` for one that there is not."""
    catalogue = await context.judge.at(version)
    names = {pk: name for _, _, pk, _, name in catalogue.index.order.entries}
    problems = [
        Problem(f"images.{place}", "unknown_reference", f"No docker image with pk {pk} that is not deleted.")
        for place, pk in enumerate(pks)
        if pk not in names
    ]
    if problems:
        raise Invalid(" ".join(problem.detail for problem in problems), code="unknown_reference", problems=problems)
    retired = frozenset(pks)
    nodes = await load_nodes(context.db)

    def work() -> Sequence[NodesChange]:
        before = Fleet(catalogue.index, nodes)
        return what_if(before, Fleet(catalogue.index.with_changes((), retired), nodes), today()).nodes_lost

    try:
        lost = await asyncio.to_thread(work)
    except Invalid as error:
        detail = (
            "The catalogue and the fleet are too large to say which nodes lose their last image for a task. "
            "You can delete the images without that (`bayplan images rm`)."
        )
        raise Invalid.at("images", error.code, detail) from None
    rules = await prefetch.rules_with(context.planner, retired, version)
    count = sa.func.count()
    held = sa.select(_INVENTORIES.image, count).where(
        _INVENTORIES.image.in_(retired), _INVENTORIES.state.in_(("held", "removing"))
    )
    workers = {row[0]: int(row[1]) for row in await fetch_all(context.db, held.group_by(_INVENTORIES.image))}
    successors = [
        (pk, successor)
        for pk, successor in sorted(catalogue.successors.items())
        if successor in retired and pk not in retired and pk in names
    ]
    chosen = {pk: names[pk] for pk in dict.fromkeys(pks)}
    return Retirement(catalogue.version, chosen, lost, rules, dict(sorted(workers.items())), successors, names)
