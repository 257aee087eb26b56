"""The desired images of each worker, by the prefetch rules and the judge.

Parts that depend on the catalogue alone are computed once for each version of it, and desired images once for each combination of
kinds of nodes: thousands of workers ask every few minutes, and nearly all of them have the answer already.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import chain
from typing import Any

import orjson

from bayplan.db.as_of import AsOf, emptied_by_writes
from bayplan.db.database import Database
from bayplan.db.disclosure import Disclosure
from bayplan.db.principal import Principal
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.compatibility.node import Node
from bayplan.domain.prefetch import NodeGroup, PlannedImage, plan_images
from bayplan.errors import Malformed
from bayplan.server.auth import accounts
from bayplan.server.http.responses import fingerprint
from bayplan.server.matching.queries import CatalogueSnapshot, Judge, load_nodes, today
from bayplan.server.prefetch import store as prefetch_store
from bayplan.server.prefetch.fleet_plan import FleetPlan
from bayplan.server.prefetch.pull_spec import PullSpec, pull_specs
from bayplan.server.snapshot import ImageSnapshots

_KINDS_KEPT = 64
IMAGES = RESOURCE_TYPES["docker"]
Object = dict[str, Any]
Kind = tuple[Node, tuple[int, ...]]
"""A kind of node: the facts that the judge's rules read, and the prefetch rules that apply."""
Fleet = Mapping[int, Kind]
"""Nodes by their pk, each with its kind."""


class PrefetchPlan:
    """The desired images everywhere, at one version of the catalogue and on one day."""

    def __init__(self, version: int, rules: prefetch_store.Rules, catalogue: CatalogueSnapshot) -> None:
        self.version, self.day, self.rules, self.catalogue = version, today(), rules, catalogue
        self.of_fleet: FleetPlan | None = None
        """The desired images of all workers, once somebody has asked for them."""
        self.fleet_turn = asyncio.Lock()
        self._pull_specs: dict[int, PullSpec] = {}
        self._turn = asyncio.Lock()
        self.for_kinds = lru_cache(maxsize=_KINDS_KEPT)(self._for_kinds)

    async def desired(self, kinds: tuple[Kind, ...]) -> list[PlannedImage]:
        """Gives the desired images of a worker that has nodes of these kinds; computed once for all who ask at the same time."""
        async with self._turn:
            return await asyncio.to_thread(self.for_kinds, kinds)

    def _for_kinds(self, kinds: tuple[Kind, ...]) -> list[PlannedImage]:
        """Computes the desired images; slow the first time for these kinds, whose verdicts the index then keeps."""
        index, groups = self.catalogue.index, []
        for node, places in kinds:
            groups.append(NodeGroup(places, index.verdicts(node, self.day).grades_by_pk().get))
        return plan_images(self.rules.rules, groups)

    def missing(self, fleet: Fleet) -> list[int]:
        """Gives the images that rules name for the nodes and whose registry does not have them now."""
        places = {place for _, places in fleet.values() for place in places} if self.catalogue.missing else set()
        named = set(chain.from_iterable(self.rules.rules[place].images for place in places))
        return sorted(named & self.catalogue.missing)

    async def pull_specs(self, db: Database, images: Sequence[int]) -> Mapping[int, PullSpec]:
        """Gives the pull specifications of these images, perhaps with others; images that are gone have none."""
        absent = [pk for pk in images if pk not in self._pull_specs]
        self._pull_specs |= await pull_specs(db, absent)
        return self._pull_specs


class PrefetchPlanner:
    """The plan of a server process, computed when the version has moved, once for all requests that wait."""

    def __init__(self, db: Database, images: ImageSnapshots, judge: Judge) -> None:
        self._db, self._images, self._judge = db, images, judge
        self._plans: AsOf[PrefetchPlan] = AsOf(self._plan)
        self.last_progress: object = None
        """How far the fleet was when somebody asked last: a `FleetProgress`."""
        # The day and the tag of the last answer.
        self._tags: AsOf[dict[Puller, tuple[date, str]]] = emptied_by_writes(db)

    async def plan(self, at_least: int) -> PrefetchPlan:
        """Gives the plan of that version of the catalogue, or of a newer one."""
        plan = await self._plans.at(at_least)
        if plan.day != today():
            self._plans.forget()
            plan = await self._plans.at(at_least)
        return plan

    async def _plan(self, _last: PrefetchPlan | None, _version: int) -> tuple[PrefetchPlan, int]:
        version = await self._db.version()
        catalogue = await self._judge.at(version)
        return PrefetchPlan(version, await prefetch_store.take(self._db), catalogue), version

    async def fleet(self, plan: PrefetchPlan, *, worker: int | None = None, node: int | None = None) -> Fleet:
        """Gives the nodes of a worker, or one node, each with its kind."""
        db = self._db
        if worker is not None:
            applying = await plan.rules.of_worker(db, worker)
        else:
            assert node is not None  # one of the two is named
            applying = await plan.rules.of_node(db, node)
        nodes = await load_nodes(db, node, worker=worker)
        kind = plan.catalogue.index.rules.kind
        return {pk: (kind(node), applying[pk]) for pk, node in nodes if pk in applying}

    async def puller_of(self, principal: Principal, node: int | None) -> "Puller":
        """Gives the subject of a request: the worker itself, or that of the node that staff name; raises `Malformed`."""
        if principal.worker is not None:
            return Puller(principal.worker, None)
        if node is None:
            raise Malformed("Send the pk of the node in the header 'Node-Id'.", code="unknown_node")
        owner = await accounts.node(self._db, node)
        if owner is not None and owner.worker is not None:
            return Puller(owner.worker, None)
        return Puller(None, node)

    async def latest_tag(self, puller: "Puller", version: int) -> str | None:
        """Gives the tag of the subject's last answer, if it is of this version and of today."""
        day, tag = (await self._tags.at(version)).get(puller, (None, None))
        return tag if day == today() else None

    async def desired(self, puller: "Puller", version: int) -> "DesiredImages":
        """Gives the desired images of a worker, or of a node without one."""
        plan = await self.plan(version)
        fleet = await self.fleet(plan, worker=puller.worker, node=puller.node)
        kinds = tuple(dict.fromkeys(fleet.values()))
        images = await plan.desired(kinds)
        specs = await plan.pull_specs(self._db, [item.image for item in images])
        entries = [_entry(item, specs[item.image], kinds, fleet) for item in images if item.image in specs]
        keep = plan.missing(fleet)
        revisions = [specs[entry["image"]].revision for entry in entries]
        tag = fingerprint(orjson.dumps([entries, revisions, keep]))
        tags = await self._tags.at(plan.version)
        if self._tags.version == plan.version:
            tags[puller] = (plan.day, tag)
        return DesiredImages(tag, entries, keep)

    async def shown(
        self, principal: Principal, desired: "DesiredImages", version: int, disclosure: Disclosure
    ) -> Object:
        """Gives the answer: the entries with their images as the principal sees them."""
        pks = [entry["image"] for entry in desired.entries]
        objects = await self._images.shown(principal, pks, version, disclosure)
        images = [
            entry | {"image": orjson.Fragment(objects[entry["image"]])}
            for entry in desired.entries
            if entry["image"] in objects
        ]
        return {"images": images, "keep": desired.keep}


@dataclass(frozen=True, slots=True)
class Puller:
    """A worker, or a node without a worker."""

    worker: int | None
    node: int | None


@dataclass(frozen=True, slots=True)
class DesiredImages:
    """The desired images of a worker, by pk; those that it keeps without pulling them; and the tag of the answer."""

    tag: str
    entries: Sequence[Object]
    keep: Sequence[int]


def _entry(planned: PlannedImage, spec: PullSpec, kinds: Sequence[Kind], fleet: Fleet) -> Object:
    node_kinds = {kinds[number] for number in planned.groups}
    nodes = [pk for pk, kind in fleet.items() if kind in node_kinds]
    architectures = {kind[0].architecture for kind in node_kinds}
    architecture = architectures.pop() if len(architectures) == 1 else None
    return {
        "image": planned.image,
        "digest": spec.digest,
        "size_bytes": spec.size_bytes(architecture),
        "nodes": nodes,
        "rules": planned.rules,
        "grade": planned.grade,
    }
