"""What each machine is to hold, and what it says that it holds: the rules, the judge and the workers' word put together.

What depends on the catalogue alone is found once for each version of it, and what kinds of machines are to hold once for each kind:
thousands of workers ask every few minutes, and nearly all of them have the answer already.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import chain
from typing import Any

import orjson

from bayplan.db.database import Database
from bayplan.db.disclosure import Disclosure
from bayplan.db.principal import Principal
from bayplan.db.projection import projection
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.compatibility.node import Node
from bayplan.domain.prefetch import NodeGroup, PlannedImage, plan_images
from bayplan.errors import Malformed
from bayplan.server.auth import accounts
from bayplan.server.http.responses import fingerprint
from bayplan.server.matching.queries import CatalogueSnapshot, Judge, load_nodes, today
from bayplan.server.prefetch import store as prefetch_store
from bayplan.server.prefetch.inventory import in_parts
from bayplan.server.prefetch.pull_spec import PullSpec, pull_specs

_KINDS_KEPT = 64
_MOST_TAGS = 50_000
IMAGES = RESOURCE_TYPES["docker"]
Object = dict[str, Any]
Kind = tuple[Node, tuple[int, ...]]
"""What tells nodes apart: what the judge's rules look at, and which rules for prefetching apply."""
Fleet = Mapping[int, Kind]
"""Nodes by their pk, each with its kind."""


class PrefetchPlan:
    """What is to be held where, at one version of the catalogue and on one day."""

    def __init__(self, version: int, rules: prefetch_store.Rules, known: CatalogueSnapshot) -> None:
        self.version, self.day, self.rules, self.known = version, today(), rules, known
        self._pullable: dict[int, PullSpec] = {}
        self._turn = asyncio.Lock()
        self.for_kinds = lru_cache(maxsize=_KINDS_KEPT)(self._for_kinds)

    async def stowed(self, kinds: tuple[Kind, ...]) -> list[PlannedImage]:
        """Gives what a machine is to hold that has nodes of these kinds; found once for all who ask at the same time."""
        async with self._turn:
            return await asyncio.to_thread(self.for_kinds, kinds)

    def _for_kinds(self, kinds: tuple[Kind, ...]) -> list[PlannedImage]:
        """Gives what a machine is to hold that has nodes of these kinds; takes its time at the first of a kind."""
        catalogue, groups = self.known.index, []
        for node, places in kinds:
            groups.append(NodeGroup(places, catalogue.verdicts(node, self.day).grades_by_pk().get))
        return plan_images(self.rules.rules, groups)

    def missing(self, fleet: Fleet) -> list[int]:
        """Gives the images that rules name for the nodes and whose registry does not have them now."""
        places = {place for _, places in fleet.values() for place in places} if self.known.missing else set()
        named = set(chain.from_iterable(self.rules.rules[place].images for place in places))
        return sorted(named & self.known.missing)

    async def pullable(self, db: Database, images: Sequence[int]) -> Mapping[int, PullSpec]:
        """Gives what is known of these images for pulling them, at least."""
        unknown = [pk for pk in images if pk not in self._pullable]
        self._pullable |= await pull_specs(db, unknown)
        return self._pullable


class PrefetchPlanner:
    """The plan of one server process, made when the version has moved, once for all who wait."""

    def __init__(self, db: Database, judge: Judge) -> None:
        self._db, self._judge = db, judge
        self._latest: PrefetchPlan | None = None
        self._planning = asyncio.Lock()
        # What was answered last: by worker, or by a node that is no worker's.
        self._tags: dict[PullingMachine, tuple[int, date, str]] = {}

    async def plan(self, at_least: int) -> PrefetchPlan:
        """Gives the plan of that version of the catalogue, or of a newer one."""
        latest = self._latest
        if latest is None or latest.version < at_least or latest.day != today():
            async with self._planning:
                latest = self._latest
                if latest is None or latest.version < at_least or latest.day != today():
                    # Read before all else: were that newer, it would only be planned once more.
                    version = await self._db.version()
                    known = await self._judge.snapshot()
                    self._latest = latest = PrefetchPlan(version, await prefetch_store.take(self._db), known)
        return latest

    async def fleet(self, plan: PrefetchPlan, *, worker: int | None = None, node: int | None = None) -> Fleet:
        """Gives the nodes of a worker, one node, or the nodes of all workers, each with its kind."""
        db = self._db
        if worker is not None:
            applying = await plan.rules.of_worker(db, worker)
        elif node is not None:
            applying = await plan.rules.of_node(db, node)
        else:
            applying = await plan.rules.of_all_workers(db)
        found = await load_nodes(db, node, worker=worker)
        kind = plan.known.index.rules.kind
        return {pk: (kind(node), applying[pk]) for pk, node in found if pk in applying}

    async def machine_of(self, principal: Principal, node: int | None) -> "PullingMachine":
        """Gives the machine that is asked for: the worker's own, or that of the node that staff name; raises `Malformed`."""
        if principal.worker is not None:
            return PullingMachine(principal.worker, None)
        if node is None:
            raise Malformed("Say for which node by the header 'Node-Id' with its pk.", code="unknown_node")
        owner = await accounts.node(self._db, node)
        if owner is not None and owner.worker is not None:
            return PullingMachine(owner.worker, None)
        return PullingMachine(None, node)

    def latest_tag(self, machine: "PullingMachine", version: int) -> str | None:
        """Gives the tag of what the machine was answered last, where that is of this version and of today."""
        at, day, tag = self._tags.get(machine, (0, None, None))
        return tag if (at, day) == (version, today()) else None

    async def desired(self, machine: "PullingMachine", version: int) -> "DesiredImages":
        """Gives the images that a machine is to hold."""
        plan = await self.plan(version)
        fleet = await self.fleet(plan, worker=machine.worker, node=machine.node)
        kinds = tuple(dict.fromkeys(fleet.values()))
        images = await plan.stowed(kinds)
        specs = await plan.pullable(self._db, [item.image for item in images])
        entries = [_entry(item, specs[item.image], kinds, fleet) for item in images if item.image in specs]
        keep = plan.missing(fleet)
        revisions = [specs[entry["image"]].revision for entry in entries]
        tag = fingerprint(orjson.dumps([entries, revisions, keep]))
        if len(self._tags) >= _MOST_TAGS:
            self._tags.clear()
        self._tags[machine] = (plan.version, plan.day, tag)
        return DesiredImages(tag, entries, keep)

    async def shown(self, principal: Principal, desired: "DesiredImages", disclosure: Disclosure) -> Object:
        """Gives the answer: the entries with their images as the principal sees them."""
        objects = await self._images(principal, [entry["image"] for entry in desired.entries], disclosure)
        images = [entry | {"image": objects[entry["image"]]} for entry in desired.entries if entry["image"] in objects]
        return {"images": images, "keep": desired.keep}

    async def _images(self, principal: Principal, images: Sequence[int], disclosure: Disclosure) -> dict[int, Object]:
        chosen = projection(IMAGES.name, principal)
        found: dict[int, Object] = {}
        for pks in in_parts(images):
            statement = chosen.statement.where(IMAGES.column("pk").in_(pks))
            found |= await self._db.fetch(
                statement, lambda rows: {item["pk"]: item for item in chosen.objects(rows, disclosure)}
            )
        return found


@dataclass(frozen=True, slots=True)
class PullingMachine:
    """A worker, or a node that is no worker's."""

    worker: int | None
    node: int | None


@dataclass(frozen=True, slots=True)
class DesiredImages:
    """What a machine is to hold: the images by pk, those to keep beside them, and the tag of the answer."""

    tag: str
    entries: Sequence[Object]
    keep: Sequence[int]


def _entry(one: PlannedImage, known: PullSpec, kinds: Sequence[Kind], fleet: Fleet) -> Object:
    concerned = {kinds[number] for number in one.groups}
    nodes = [pk for pk, kind in fleet.items() if kind in concerned]
    architectures = {kind[0].architecture for kind in concerned}
    architecture = architectures.pop() if len(architectures) == 1 else None
    return {
        "image": one.image,
        "digest": known.digest,
        "size_bytes": known.size_bytes(architecture),
        "nodes": nodes,
        "rules": one.rules,
        "grade": one.grade,
    }
