"""What-if as an object: the changes are made to the judge's index and to a list of nodes, both in memory alone."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa

from bayplan.db import crud
from bayplan.db.database import fetch_all
from bayplan.db.natural_keys import resolve
from bayplan.db.principal import Principal
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.image_facts import image_with_facts
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.overrides import DRIVER_ALONE, overridden, takes_driver
from bayplan.domain.compatibility.what_if import Fleet, WhatIf, what_if
from bayplan.errors import Invalid
from bayplan.schemas.filters import Filter
from bayplan.schemas.what_if import WhatIfChange, WhatIfRequest
from bayplan.server.context import Context
from bayplan.server.matching.queries import CatalogueSnapshot, load_nodes, today

MOST_NEW_NODES = 10_000
IMAGES, NODES = RESOURCE_TYPES["docker"], RESOURCE_TYPES["nodes"]


async def ask(
    context: Context, principal: Principal, request: WhatIfRequest, version: int
) -> tuple[int, Fleet, Fleet, WhatIf]:
    """Gives the version, the fleet before and after the changes, and what differs; raises `Invalid` below `changes.N`."""
    catalogue = await context.judge.at(version)
    before = Fleet(catalogue.index, await load_nodes(context.db))
    changing = _Changing(context, principal, catalogue, dict(before.nodes))
    for number, change in enumerate(request.changes):
        await changing.make(change, f"changes.{number}")

    def work() -> tuple[Fleet, WhatIf]:
        index = catalogue.index.with_changes(changing.added.values(), changing.retired)
        after = Fleet(index, list(changing.nodes.items()))
        return after, what_if(before, after, today())

    after, answer = await asyncio.to_thread(work)
    return catalogue.version, before, after, answer


class _Changing:
    """The nodes as the changes so far leave them, and the images that they add and retire."""

    def __init__(
        self, context: Context, principal: Principal, catalogue: CatalogueSnapshot, nodes: dict[int, Node]
    ) -> None:
        self._context, self._principal, self._catalogue = context, principal, catalogue
        self.nodes = nodes
        self.added: dict[int, CatalogueImage] = {}
        self.retired: set[int] = set()
        self._new_nodes = 0

    async def make(self, change: WhatIfChange, at: str) -> None:
        """Makes one change."""
        if change.set is not None:
            await self._set(change, at)
        elif change.add is not None:
            node = await self._context.judge.described(change.add.worker, self._catalogue, f"{at}.add.worker")
            first = self._new_nodes + 1
            self._new_nodes += change.add.count
            if self._new_nodes > MOST_NEW_NODES:
                detail = f"All changes together can add {MOST_NEW_NODES:,} nodes at most."
                raise Invalid.at(f"{at}.add.count", "too_many_nodes", detail)
            self.nodes |= dict.fromkeys(range(-first, -self._new_nodes - 1, -1), node)
        elif change.remove_nodes is not None:
            for pk in await self._pks(NODES, change.remove_nodes, f"{at}.remove_nodes."):
                self.nodes.pop(pk, None)
        elif change.retire is not None:
            self.retired |= await self._pks(IMAGES, change.retire, f"{at}.retire.")
        else:
            key = -1 - len(self.added)
            self.added[key] = await self._image(key, change.add_image.model_dump(exclude_unset=True), f"{at}.add_image")  # type: ignore[attr-defined]  # the one that is left

    async def _set(self, change: WhatIfChange, at: str) -> None:
        facts = await self._context.judge.changes(change.set, self._catalogue, f"{at}.set")
        chosen = None if change.nodes is None else await self._pks(NODES, change.nodes, f"{at}.nodes.")
        await asyncio.to_thread(self._replace_facts, facts, chosen)

    def _replace_facts(self, facts: Mapping[str, Any], chosen: frozenset[int] | None) -> None:
        """Replaces facts of these nodes; of all, a driver alone is one for GPUs that take it, as for `fit`."""
        changed: dict[Node, Node] = {}
        for pk, node in self.nodes.items():
            if chosen is not None and pk not in chosen:
                continue
            if node not in changed:
                stays = chosen is None and facts.keys() == DRIVER_ALONE and not self._takes_driver(node)
                changed[node] = node if stays else overridden(node, facts)
            self.nodes[pk] = changed[node]

    def _takes_driver(self, node: Node) -> bool:
        return takes_driver(NodeCapabilities(node, self._catalogue.tables))

    async def _pks(self, resource_type: Any, specification: Filter, at: str) -> frozenset[int]:
        return await crud.pks(self._context.db, resource_type, self._principal, specification, at)

    async def _image(self, key: int, values: Mapping[str, Any], at: str) -> CatalogueImage:
        """The image of a create body, of which any field may be missing."""
        framework = await self._row("framework", values, at)
        cuda = await self._row("cuda_version", values, at)
        generation = await self._row("min_hardware_generation", values, at)
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

    async def _row(self, name: str, values: Mapping[str, Any], at: str) -> Any:
        """The row that a reference of a body names; None where it names none."""
        value = values.get(name)
        if value is None:
            return None
        field = IMAGES.field(name)
        assert field is not None
        assert field.target is not None
        pk, problem = await resolve(partial(fetch_all, self._context.db), field, value)
        if problem is not None:
            raise Invalid.at(f"{at}.{problem.field}", problem.code, problem.detail)
        target = RESOURCE_TYPES[field.target]
        rows = await fetch_all(self._context.db, sa.select(target.table).where(target.column("pk") == pk))
        return rows[0]
