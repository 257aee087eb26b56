"""Prefetch rules for people: each with how far the machines are with it, its nodes and its images; and the machines themselves."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from bayplan.db import crud
from bayplan.db.principal import Principal
from bayplan.db.projection import projection
from bayplan.errors import Invalid
from bayplan.schemas.filters import Filter, Order
from bayplan.server.context import Context
from bayplan.server.prefetch import inventory
from bayplan.server.prefetch.fleet_plan import PlannedWorker
from bayplan.server.prefetch.inventory import InventorySize
from bayplan.server.prefetch.progress import (
    DesiredProgress,
    FleetProgress,
    fleet_progress,
    progress_of,
)

NO_SIZE = InventorySize(0, None)
MISSING, FAILED, NO_ROOM, PULLING = "missing", "failed", "no_room", "pulling"
ONLY = (MISSING, FAILED, NO_ROOM, PULLING)
"""Why a machine does not have all of its desired images."""
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ListedRule:
    """A rule, and how far the machines are with it."""

    rule: Object
    machines: int
    images: int
    progress: DesiredProgress
    is_left_out: bool = False
    """Whether its filters are no longer valid, so that it names nothing."""


@dataclass(frozen=True, slots=True)
class ListedRules:
    """A page of the rules, by their age, and how far all machines are with all rules."""

    rules: Sequence[ListedRule]
    total: int
    machines: int
    complete: int
    """The machines that have all of their desired images."""
    progress: DesiredProgress


async def rules(context: Context, principal: Principal, version: int, *, limit: int, offset: int) -> ListedRules:
    """Gives a page of the rules, as of `version` or later."""
    shown = projection("prefetch", principal, ("creator",))
    asked = crud.listing(shown, principal, Filter(), limit=limit, offset=offset)
    page = await crud.page(context.db, asked, context.disclosure())
    progress = await fleet_progress(context, version)
    loaded = orjson.loads(page.body)

    def work() -> ListedRules:
        workers = progress.of_workers
        total = sum(workers, DesiredProgress())
        complete = sum(not each.missing for each in workers)
        listed = [_listed(rule, progress) for rule in loaded]
        return ListedRules(listed, page.total or 0, len(workers), complete, total)

    return await asyncio.to_thread(work)


async def rule(context: Context, principal: Principal, pk: int) -> tuple[Object, str]:
    """Gives a rule with its creator, and its entity tag; raises `NotFound`."""
    loaded, tag = await crud.load(context.db, projection("prefetch", principal, ("creator",)), pk, context.disclosure())
    return orjson.loads(orjson.dumps(loaded)), tag


def _listed(shown: Object, progress: FleetProgress) -> ListedRule:
    place = progress.plan.place_of_rule(shown["name"])
    if place is None:
        return ListedRule(shown, 0, 0, DesiredProgress(), is_left_out=True)
    machines, of_rule = progress.of_rules[place]
    return ListedRule(shown, machines, len(progress.plan.rules[place].images), of_rule)


@dataclass(frozen=True, slots=True)
class NodeOfRule:
    """A node that a rule applies to: the worker that pulls images for it, None where there is none, and how far it is."""

    node: Object
    worker: PlannedWorker | None
    progress: DesiredProgress


@dataclass(frozen=True, slots=True)
class ImageOfRule:
    """An image that a rule names, and how far the machines are with it: it is desired where it runs."""

    pk: int
    name: str
    version: str
    progress: DesiredProgress


@dataclass(frozen=True, slots=True)
class ShownRule:
    """A rule with a page of its nodes, by address, and a page of its images, in its order."""

    listed: ListedRule
    nodes: Sequence[NodeOfRule]
    nodes_total: int
    images: Sequence[ImageOfRule]


async def shown_rule(
    context: Context, principal: Principal, version: int, pk: int, *, limit: int, nodes_from: int, images_from: int
) -> ShownRule:
    """Gives a rule as of `version` or later; raises `NotFound`."""
    existing, _ = await rule(context, principal, pk)
    progress = await fleet_progress(context, version)
    nodes, total = await _nodes(context, principal, existing, limit, nodes_from)
    plan, place = progress.plan, progress.plan.place_of_rule(existing["name"])
    shown = () if place is None else plan.rules[place].images[images_from : images_from + limit]
    names = await inventory.names(context.db, shown)

    def work() -> ShownRule:
        of_images = {} if place is None else progress.of_images(place, shown)
        images = [ImageOfRule(image, *names[image], of_images[image]) for image in shown if image in names]
        reports = {worker.pk: reported for worker, reported in progress.workers()}
        of_nodes = []
        for node in nodes:
            worker, kind = plan.worker_of.get(node["pk"]), plan.kind_of.get(node["pk"])
            desired = 0 if place is None or kind is None else plan.desired_by(place, ((kind, (place,)),))
            reported = reports[worker.pk] if worker is not None else progress.nothing
            of_nodes.append(NodeOfRule(node, worker, progress_of(desired, reported)))
        return ShownRule(_listed(existing, progress), of_nodes, total, images)

    return await asyncio.to_thread(work)


async def _nodes(
    context: Context, principal: Principal, existing: Object, limit: int, offset: int
) -> tuple[list[Object], int]:
    """A page of the nodes that a rule's filter lets through, and how many there are."""
    try:
        chosen = Filter.model_validate({"expressions": existing["nodes"]["expressions"], "order_by": _BY_ADDRESS})
        asked = crud.listing(projection("nodes", principal, ()), principal, chosen, limit=limit, offset=offset)
    except (Invalid, ValueError):  # a rule of another release of bayplan
        return [], 0
    page = await crud.page(context.db, asked, context.disclosure())
    return orjson.loads(page.body), page.total or 0


_BY_ADDRESS = [Order(field="ip").model_dump(), Order(field="index").model_dump()]


@dataclass(frozen=True, slots=True)
class Removal:
    """What the removal of a rule means: for how many images and nodes it is, and what no other rule names."""

    images: int
    nodes: int
    lost_images: int
    machines: int
    """Those that have some of them now."""


async def removal(context: Context, principal: Principal, version: int, existing: Object) -> Removal:
    """Gives what the removal of a rule means, as of `version` or later."""
    progress = await fleet_progress(context, version)
    _, nodes = await _nodes(context, principal, existing, 1, 0)
    place = progress.plan.place_of_rule(existing["name"])
    if place is None:
        return Removal(0, nodes, 0, 0)
    lost, machines = await asyncio.to_thread(progress.lost_without, place)
    return Removal(len(progress.plan.rules[place].images), nodes, lost, machines)


@dataclass(frozen=True, slots=True)
class ListedMachine:
    """A machine: how far it is, what its images take, and the images that it could not pull, with the reasons."""

    worker: PlannedWorker
    progress: DesiredProgress
    counts: Mapping[str, int]
    """The images that it reported as failed, without room, or being pulled; also those that are no longer desired."""
    size: InventorySize
    troubles: Sequence[Object]


@dataclass(frozen=True, slots=True)
class ListedMachines:
    """A page of the machines, by address."""

    machines: Sequence[ListedMachine]
    total: int
    every: int
    complete: int


async def machines(
    context: Context, principal: Principal, version: int, *, host: str, only: str, limit: int, offset: int
) -> ListedMachines:
    """Gives a page of the machines with a part of an address, and of those that lack images only, for one reason of `ONLY`."""
    progress = await fleet_progress(context, version)

    def chosen() -> list[tuple[PlannedWorker, DesiredProgress, Mapping[str, int]]]:
        return [
            (worker, of_worker, counts)
            for (worker, reported), of_worker in zip(progress.workers(), progress.of_workers, strict=True)
            for counts in (reported.by_state,)
            if host.casefold() in worker.ip.casefold()
            and (not only or (of_worker.missing if only == MISSING else counts[only]))
        ]

    found = await asyncio.to_thread(chosen)
    shown = found[offset : offset + limit]
    pks = [worker.pk for worker, _, _ in shown]
    sizes = await inventory.sizes(context.db, pks)
    troubles = await inventory.troubles(context.db, pks, sees_credentials=principal.sees_credentials)
    listed = [
        ListedMachine(worker, of_worker, counts, sizes.get(worker.pk, NO_SIZE), troubles.get(worker.pk, ()))
        for worker, of_worker, counts in shown
    ]
    complete = sum(not each.missing for each in progress.of_workers)
    return ListedMachines(listed, len(found), len(progress.of_workers), complete)
