"""The image inventories of workers compared with their desired images, for people: by node, by image, and by worker."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bayplan.db.database import Database, fetch_all
from bayplan.db.principal import Principal
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.compatibility.match import verdicts_for_nodes
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT
from bayplan.errors import NotFound
from bayplan.server.context import Context
from bayplan.server.matching.queries import today
from bayplan.server.prefetch import inventory
from bayplan.server.prefetch.fleet_plan import PlannedWorker
from bayplan.server.prefetch.inventory import in_parts
from bayplan.server.prefetch.planner import Fleet, PrefetchPlan, PrefetchPlanner
from bayplan.server.prefetch.progress import FleetProgress, Reported, fleet_progress

IMAGES = RESOURCE_TYPES["docker"]
Object = dict[str, Any]
_NO_SIZE = inventory.InventorySize(0, None)
_NOT_REPORTED = {"state": None, "digest": None, "size_bytes": None, "detail": None, "at": None}


async def of_node(db: Database, planner: PrefetchPlanner, principal: Principal, version: int, pk: int) -> Object:
    """Gives the inventory of a node's worker and the node's desired images; raises `NotFound`."""
    reported = await inventory.of_node(db, pk, sees_credentials=principal.sees_credentials)
    plan = await planner.plan(version)
    fleet = await planner.fleet(plan, node=pk)
    desired = [planned.image for planned in await plan.desired(tuple(fleet.values()))]
    names = await _names(db, [*desired, *reported])
    order = [*desired, *sorted(reported.keys() - set(desired))]
    is_desired = set(desired)
    images = [
        {"image": image, **names[image], **reported.get(image, _NOT_REPORTED), "wanted": image in is_desired}
        for image in order
        if image in names
    ]
    return {"node": pk, "images": images}


async def of_image(db: Database, planner: PrefetchPlanner, principal: Principal, version: int, pk: int) -> Object:
    """Gives the workers' nodes that have an image or for which it is desired, by address; raises `NotFound`."""
    plan = await planner.plan(version)
    if pk not in plan.catalogue.images and pk not in await _names(db, [pk]):
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
    size = sizes.get(worker.pk, _NO_SIZE)
    return {
        "worker": worker.name,
        "ip": worker.ip,
        "nodes": [node for node, _ in worker.nodes],
        "wanted": desired.bit_count(),
        "held": (desired & reported.held).bit_count(),
        "pulling": reported.counts.get("p", 0),
        "failed": reported.counts.get("f", 0),
        "no_room": reported.counts.get("n", 0),
        "unwanted": reported.total - (desired & reported.every).bit_count(),
        "held_bytes": size.held_bytes,
        "changed": size.changed,
    }


async def _names(db: Database, images: list[int]) -> dict[int, Object]:
    names: dict[int, Object] = {}
    columns = [IMAGES.column(column) for column in ("pk", "name", "version")]
    for pks in in_parts(sorted(set(images))):
        statement = IMAGES.table.select().with_only_columns(*columns).where(IMAGES.column("pk").in_(pks))
        rows = await fetch_all(db, statement)
        names |= {row.pk: {"name": row.name, "version": row.version} for row in rows}
    return names


async def rules_with(
    planner: PrefetchPlanner, images: Collection[int], version: int
) -> list[tuple[str, Sequence[int], int]]:
    """Gives the rules that choose some of these images: the name of each, which, and how many other images it chooses."""
    plan = await planner.plan(version)
    chosen = [(rule.name, [pk for pk in rule.images if pk in images], len(rule.images)) for rule in plan.rules.rules]
    return [(name, some, number - len(some)) for name, some, number in chosen if some]
