"""What machines hold of what they are to hold, for people to look at: by node, by image, and machine by machine."""

import asyncio
from collections.abc import Mapping
from typing import Any

from bayplan.db.database import Database, fetch_all
from bayplan.db.principal import Principal
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.compatibility.match import verdicts_for_nodes
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT
from bayplan.errors import NotFound
from bayplan.server.matching.queries import today
from bayplan.server.prefetch import inventory
from bayplan.server.prefetch.inventory import in_parts
from bayplan.server.prefetch.planner import Fleet, PrefetchPlan, PrefetchPlanner

IMAGES = RESOURCE_TYPES["docker"]
Object = dict[str, Any]
Said = Mapping[int, tuple[str, int | None, str]]
_NOTHING = {"state": None, "digest": None, "size_bytes": None, "detail": None, "at": None}


async def of_node(db: Database, planner: PrefetchPlanner, principal: Principal, version: int, pk: int) -> Object:
    """Gives what the machine of a node holds and what the node is to have; raises `NotFound`."""
    said = await inventory.of_node(db, pk, sees_credentials=principal.sees_credentials)
    plan = await planner.plan(version)
    fleet = await planner.fleet(plan, node=pk)
    wanted = [one.image for one in await plan.stowed(tuple(fleet.values()))]
    names = await _names(db, [*wanted, *said])
    order = [*wanted, *sorted(said.keys() - set(wanted))]
    is_wanted = set(wanted)
    images = [
        {"image": image, **names[image], **said.get(image, _NOTHING), "wanted": image in is_wanted}
        for image in order
        if image in names
    ]
    return {"node": pk, "images": images}


async def of_image(db: Database, planner: PrefetchPlanner, principal: Principal, version: int, pk: int) -> Object:
    """Gives the workers' nodes that hold an image or are to hold it, by address; raises `NotFound`."""
    plan = await planner.plan(version)
    if pk not in plan.known.images and pk not in await _names(db, [pk]):
        raise NotFound(f"No docker image with pk {pk}.")
    said = await inventory.of_image(db, pk, sees_credentials=principal.sees_credentials)
    machines = await inventory.machines(db)
    fleet = await planner.fleet(plan)
    return {"image": pk, "nodes": await asyncio.to_thread(_nodes_with, plan, pk, fleet, machines, said)}


def _nodes_with(
    plan: PrefetchPlan, image: int, fleet: Fleet, machines: list[Object], said: Mapping[int, Object]
) -> list[Object]:
    places = {place for place, rule in enumerate(plan.rules.rules) if image in rule.images}
    named = [(pk, worker) for pk, (worker, applying) in fleet.items() if places.intersection(applying)]
    needs = plan.known.images.get(image)
    verdicts = () if needs is None else verdicts_for_nodes(needs, named, plan.known.tables, today())
    wanted = {pk for pk, verdict in verdicts if verdict.grade in MATCHED_BY_DEFAULT}
    return [
        {
            "node": node,
            "ip": machine["ip"],
            "index": index,
            "worker": machine["worker"],
            **said.get(machine["pk"], _NOTHING),
            "wanted": node in wanted,
        }
        for machine in machines
        for node, index in machine["nodes"]
        if machine["pk"] in said or node in wanted
    ]


async def by_machine(db: Database, planner: PrefetchPlanner, version: int) -> list[Object]:
    """Gives for each worker how many images it is to hold and holds, by address."""
    plan = await planner.plan(version)
    fleet = await planner.fleet(plan)
    machines, said = await inventory.machines(db), await inventory.states(db)
    return await asyncio.to_thread(
        lambda: [_counted(plan, fleet, machine, said.get(machine["pk"], {})) for machine in machines]
    )


def _counted(plan: PrefetchPlan, fleet: Fleet, machine: Object, said: Said) -> Object:
    nodes = [node for node, _ in machine["nodes"]]
    kinds = tuple(dict.fromkeys(fleet[node] for node in nodes if node in fleet))
    wanted = {one.image for one in plan.for_kinds(kinds)}
    states = [state for state, _, _ in said.values()]
    held = {image: size for image, (state, size, _) in said.items() if state == "held"}
    return {
        "worker": machine["worker"],
        "ip": machine["ip"],
        "nodes": nodes,
        "wanted": len(wanted),
        "held": len(wanted & held.keys()),
        "pulling": states.count("pulling"),
        "failed": states.count("failed"),
        "no_room": states.count("no_room"),
        "unwanted": len(said.keys() - wanted),
        "held_bytes": sum(size or 0 for size in held.values()),
        "changed": max((at for _, _, at in said.values()), default=None),
    }


async def _names(db: Database, images: list[int]) -> dict[int, Object]:
    found: dict[int, Object] = {}
    columns = [IMAGES.column(name) for name in ("pk", "name", "version")]
    for pks in in_parts(sorted(set(images))):
        statement = IMAGES.table.select().with_only_columns(*columns).where(IMAGES.column("pk").in_(pks))
        rows = await fetch_all(db, statement)
        found |= {row.pk: {"name": row.name, "version": row.version} for row in rows}
    return found
