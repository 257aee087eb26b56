"""The image inventories of workers compared with their desired images, for people: by node, by image, and by worker."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bayplan.db.database import Database
from bayplan.db.principal import Principal
from bayplan.domain.compatibility.match import verdicts_for_nodes
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT
from bayplan.errors import NotFound
from bayplan.server.context import Context
from bayplan.server.matching.queries import today
from bayplan.server.prefetch import inventory
from bayplan.server.prefetch.fleet_plan import PlannedWorker
from bayplan.server.prefetch.planner import Fleet, PrefetchPlan, PrefetchPlanner
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


async def of_image(db: Database, planner: PrefetchPlanner, principal: Principal, version: int, pk: int) -> Object:
    """Gives the workers' nodes that have an image or for which it is desired, by address; raises `NotFound`."""
    plan = await planner.plan(version)
    if pk not in plan.catalogue.images and pk not in await inventory.names(db, [pk]):
        raise NotFound(f"No docker image with pk {pk}.")
    reported = await inventory.of_image(db, pk, sees_credentials=principal.sees_credentials)
    is_in_rules = any(pk in rule.images for rule in plan.rules.rules)
    if not reported and not is_in_rules:  # as are most images: the fleet need not be read
        return {"image": pk, "nodes": []}
    workers = await inventory.workers(db)
    fleet = await planner.fleet(plan) if is_in_rules else {}
    return {"image": pk, "nodes": await asyncio.to_thread(_nodes_with, plan, pk, fleet, workers, reported)}


def _nodes_with(
    plan: PrefetchPlan, image: int, fleet: Fleet, workers: list[Object], reported: Mapping[int, Object]
) -> list[Object]:
    places = {place for place, rule in enumerate(plan.rules.rules) if image in rule.images}
    named = [(pk, node) for pk, (node, applying) in fleet.items() if places.intersection(applying)]
    judged = plan.catalogue.images.get(image)
    verdicts = () if judged is None else verdicts_for_nodes(judged, named, plan.catalogue.tables, today())
    desired_at = {pk for pk, verdict in verdicts if verdict.grade in MATCHED_BY_DEFAULT}
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
