"""A catalogue and a fleet as changes leave them: in memory alone."""

import asyncio
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa

from bayplan.db.database import fetch_all
from bayplan.db.natural_keys import resolve
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.image_facts import image_with_facts
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.overrides import DRIVER_ALONE, overridden, takes_driver
from bayplan.domain.compatibility.what_if import Fleet
from bayplan.errors import Invalid
from bayplan.schemas.match import WorkerFacts
from bayplan.schemas.what_if import AddedNodes
from bayplan.server.context import Context
from bayplan.server.matching.queries import CatalogueSnapshot

MOST_NEW_NODES = 10_000
IMAGES = RESOURCE_TYPES["docker"]


class ChangedFleet:
    """The nodes as the changes so far leave them, and the images that they add and retire.

    Every change raises `Invalid` below the place `at`.
    """

    def __init__(self, context: Context, catalogue: CatalogueSnapshot, nodes: dict[int, Node]) -> None:
        self._context, self._catalogue = context, catalogue
        self._nodes = nodes
        self._added: dict[int, CatalogueImage] = {}
        self._retired: set[int] = set()
        self._new_nodes = 0

    def fleet(self) -> Fleet:
        """Gives the images and the nodes after the changes so far."""
        index = self._catalogue.index.with_changes(self._added.values(), self._retired)
        return Fleet(index, list(self._nodes.items()))

    async def set_facts(self, worker: WorkerFacts, chosen: Collection[int] | None, at: str) -> None:
        """Replaces facts of these nodes; of all, a driver alone is one for GPUs that take it, as for `fit`."""
        facts = await self._context.judge.changes(worker, self._catalogue, at)
        await asyncio.to_thread(self._replace_facts, facts, chosen)

    def _replace_facts(self, facts: Mapping[str, Any], chosen: Collection[int] | None) -> None:
        changed: dict[Node, Node] = {}
        for pk, node in self._nodes.items():
            if chosen is not None and pk not in chosen:
                continue
            if node not in changed:
                stays = chosen is None and facts.keys() == DRIVER_ALONE and not self._takes_driver(node)
                changed[node] = node if stays else overridden(node, facts)
            self._nodes[pk] = changed[node]

    def _takes_driver(self, node: Node) -> bool:
        return takes_driver(NodeCapabilities(node, self._catalogue.tables))

    async def add_nodes(self, added: AddedNodes, at: str) -> None:
        """Adds nodes, with keys below 0."""
        node = await self._context.judge.described(added.worker, self._catalogue, f"{at}.worker")
        first = self._new_nodes + 1
        self._new_nodes += added.count
        if self._new_nodes > MOST_NEW_NODES:
            detail = f"All changes together can add {MOST_NEW_NODES:,} nodes at most."
            raise Invalid.at(f"{at}.count", "too_many_nodes", detail)
        self._nodes |= dict.fromkeys(range(-first, -self._new_nodes - 1, -1), node)

    def remove_nodes(self, pks: Collection[int]) -> None:
        """Removes these nodes."""
        for pk in pks:
            self._nodes.pop(pk, None)

    def retire(self, pks: Collection[int]) -> None:
        """Retires these images."""
        self._retired |= set(pks)

    async def add_image(self, values: Mapping[str, Any], at: str) -> None:
        """Adds the image of a create body, of which any field may be missing, with a key below 0."""
        key = -1 - len(self._added)
        self._added[key] = await new_image(self._context, key, values, at)


async def new_image(context: Context, key: int, values: Mapping[str, Any], at: str) -> CatalogueImage:
    """Gives the image of a create body, of which any field may be missing; raises `Invalid` below the place `at`."""
    framework = await _row(context, "framework", values, at)
    cuda = await _row(context, "cuda_version", values, at)
    generation = await _row(context, "min_hardware_generation", values, at)
    plain = Image(
        cpu=values.get("cpu", False),
        cuda=None if cuda is None else cuda.full_version,
        min_generation=None if generation is None else generation.generation,
        framework=None if framework is None else framework.name,
        framework_version=None if framework is None else framework.version,
    )
    facts = {name: value for name, value in (values.get("facts") or {}).items() if value is not None}
    image = image_with_facts(plain, facts) if facts else plain
    return CatalogueImage(
        key,
        values.get("version", ""),
        image,
        tuple(values.get("tasks", ())),
        str(values.get("domain", "")),
        name=values.get("name", "new image"),
    )


async def _row(context: Context, name: str, values: Mapping[str, Any], at: str) -> Any:
    """The row that a reference of a body names; None where it names none."""
    value = values.get(name)
    if value is None:
        return None
    field = IMAGES.field(name)
    assert field is not None
    assert field.target is not None
    pk, problem = await resolve(partial(fetch_all, context.db), field, value)
    if problem is not None:
        raise Invalid.at(f"{at}.{problem.field}", problem.code, problem.detail)
    target = RESOURCE_TYPES[field.target]
    rows = await fetch_all(context.db, sa.select(target.table).where(target.column("pk") == pk))
    return rows[0]
