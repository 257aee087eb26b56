"""The image inventories of workers compared with their desired images, for people: by node, by image, and by worker."""

import asyncio
from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any

from bayplan.db.database import Database
from bayplan.db.principal import Principal
from bayplan.domain.compatibility.bits import places
from bayplan.errors import NotFound
from bayplan.server.context import Context
from bayplan.server.prefetch import inventory
from bayplan.server.prefetch.fleet_plan import PlannedWorker
from bayplan.server.prefetch.planner import PrefetchPlan, PrefetchPlanner
from bayplan.server.prefetch.progress import DesiredProgress, FleetProgress, Reported, fleet_progress
from bayplan.server.prefetch.rule_progress import (
    NO_SIZE,
    ONLY,
    ListedMachine,
    ListedMachines,
    ListedRule,
    ListedRules,
    Removal,
    ShownRule,
    machines,
    removal,
    rule,
    rules,
    shown_rule,
)

__all__ = [
    "ONLY",
    "DesiredProgress",
    "ListedMachine",
    "ListedMachines",
    "ListedRule",
    "ListedRules",
    "Removal",
    "ShownRule",
    "by_worker",
    "machines",
    "of_image",
    "of_node",
    "removal",
    "rule",
    "rules",
    "rules_with",
    "shown_rule",
]

Object = dict[str, Any]
_NOT_REPORTED = {"state": None, "digest": None, "size_bytes": None, "detail": None, "at": None}


async def of_node(db: Database, planner: PrefetchPlanner, principal: Principal, version: int, pk: int) -> Object:
    """Gives the inventory of a node's worker and the node's desired images; raises `NotFound`."""
    reported = await inventory.of_node(db, pk, sees_credentials=principal.sees_credentials)
    plan = await planner.plan(version)
    fleet = await planner.fleet(plan, node=pk)
    desired = [planned.image for planned in await plan.desired(tuple(fleet.values()))]
    names = await inventory.names(db, [*desired, *reported])
    order = [*desired, *sorted(reported.keys() - set(desired))]
    is_desired = set(desired)
    images = [
        {
            "image": image,
            "name": names[image][0],
            "version": names[image][1],
            **reported.get(image, _NOT_REPORTED),
            "wanted": image in is_desired,
        }
        for image in order
        if image in names
    ]
    return {"node": pk, "images": images}


async def of_image(context: Context, principal: Principal, version: int, pk: int) -> Object:
    """Gives the workers' nodes that have an image or for which it is desired, by address; raises `NotFound`."""
    db, plan = context.db, await context.planner.plan(version)
    if pk not in plan.catalogue.images and pk not in await inventory.names(db, [pk]):
        raise NotFound(f"No docker image with pk {pk}.")
    reported = await inventory.of_image(db, pk, sees_credentials=principal.sees_credentials)
    rules = {place for place, rule in enumerate(plan.rules.rules) if pk in rule.images}
    if not reported and not rules:  # as are most images: the fleet need not be read
        return {"image": pk, "nodes": []}
    workers = await inventory.workers(db)
    desired_at = await _desired_at(context, plan, pk, rules) if rules and workers else frozenset()
    return {"image": pk, "nodes": await asyncio.to_thread(_nodes_with, workers, reported, desired_at)}


async def _desired_at(context: Context, plan: PrefetchPlan, image: int, rules: Set[int]) -> Set[int]:
    """The nodes of workers on which an image runs and to which one of these rules applies."""
    applying = await plan.rules.of_all_workers(context.db)
    fleet, running = await context.kinds.running_kinds([image], plan.version)

    def work() -> Set[int]:
        runs = {node for place in places(running[image]) for node in fleet.kinds[place].nodes}
        return {node for node in runs.intersection(applying) if not rules.isdisjoint(applying[node])}

    return await asyncio.to_thread(work)


def _nodes_with(workers: list[Object], reported: Mapping[int, Object], desired_at: Set[int]) -> list[Object]:
    return [
        {
            "node": node,
            "ip": worker["ip"],
            "index": index,
            "worker": worker["worker"],
            **reported.get(worker["pk"], _NOT_REPORTED),
            "wanted": node in desired_at,
        }
        for worker in workers
        for node, index in worker["nodes"]
        if worker["pk"] in reported or node in desired_at
    ]


async def by_worker(context: Context, version: int) -> list[Object]:
    """Gives each worker's numbers of desired images and of images in its inventory, by address."""
    progress = await fleet_progress(context, version)
    sizes = await inventory.sizes(context.db, [worker.pk for worker in progress.plan.workers])
    return await asyncio.to_thread(
        lambda: [_counted(progress, worker, reported, sizes) for worker, reported in progress.workers()]
    )


def _counted(
    progress: FleetProgress,
    worker: PlannedWorker,
    reported: Reported,
    sizes: Mapping[int, inventory.InventorySize],
) -> Object:
    desired = progress.plan.desired(worker.kinds)
    size = sizes.get(worker.pk, NO_SIZE)
    return {
        "worker": worker.name,
        "ip": worker.ip,
        "nodes": [node for node, _ in worker.nodes],
        "wanted": desired.bit_count(),
        "held": (desired & reported.held).bit_count(),
        **reported.by_state,
        "unwanted": reported.total - (desired & reported.every).bit_count(),
        "held_bytes": size.held_bytes,
        "changed": size.changed,
    }


async def rules_with(
    planner: PrefetchPlanner, images: Collection[int], version: int
) -> list[tuple[str, Sequence[int], int]]:
    """Gives the rules that choose some of these images: the name of each, which, and how many other images it chooses."""
    plan = await planner.plan(version)
    chosen = [(rule.name, [pk for pk in rule.images if pk in images], len(rule.images)) for rule in plan.rules.rules]
    return [(name, some, number - len(some)) for name, some, number in chosen if some]
