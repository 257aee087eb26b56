"""Answers to questions about what runs where: the catalogue as the judge sees it, kept for as long as nothing changes."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import orjson

from bayplan.db import crud
from bayplan.db.as_of import AsOf, emptied_by_writes
from bayplan.db.compiled import pks_parameter
from bayplan.db.database import Database, Rows, fetch_all
from bayplan.db.disclosure import Disclosure
from bayplan.db.natural_keys import resolve
from bayplan.db.principal import Principal
from bayplan.db.projection import projection
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.compatibility.fit import kinds_of_fit
from bayplan.domain.compatibility.match import EVERY, MatchResult, match, sibling_of, verdicts_for_nodes
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_facts import changes_from, node_from
from bayplan.domain.compatibility.overrides import overridden
from bayplan.domain.compatibility.question import MatchQuery
from bayplan.domain.compatibility.tables import Tables, load
from bayplan.domain.compatibility.verdict import ORDER, Grade, Verdict
from bayplan.domain.node_names import NodeName
from bayplan.errors import Invalid, NotFound
from bayplan.schemas.match import FitRequest, MatchRequest, WorkerFacts
from bayplan.server.http.responses import Parts
from bayplan.server.matching.answers import (
    PART_VERDICTS,
    Graded,
    GradedList,
    facts_shown,
    in_turn,
    json_object,
    reason_answer,
)
from bayplan.server.matching.fleet_summary import FleetSummary
from bayplan.server.matching.load import CatalogueSnapshot, load_snapshot, update_snapshot
from bayplan.server.matching.load_nodes import load_names, load_nodes
from bayplan.server.matching.matched import MatchedImage, MatchedImages, matched_images
from bayplan.server.snapshot import ImageSnapshots

__all__ = [
    "CatalogueSnapshot",
    "FleetSummary",
    "Judge",
    "MatchedImage",
    "MatchedImages",
    "best_first",
    "facts_shown",
    "in_turn",
    "load_nodes",
    "reason_answer",
    "today",
]

IMAGES, NODES = RESOURCE_TYPES["docker"], RESOURCE_TYPES["nodes"]

# A sibling on a kind of node takes as long as so many verdicts.
_SIBLING_VERDICTS = 20


class Judge:
    """The judge over one database."""

    def __init__(self, db: Database, images: ImageSnapshots, tables: Path | None) -> None:
        """Takes the database, the images as ready JSON, and the folder whose tables go before those that bayplan ships."""
        self._db, self._images, self._tables = db, images, tables
        self._generations: AsOf[dict[int | str, str]] = emptied_by_writes(db)
        self._latest: AsOf[CatalogueSnapshot] = AsOf(self._update)

    @cached_property
    def _shipped(self) -> Tables:
        return load(self._tables)

    async def snapshot(self) -> CatalogueSnapshot:
        """Gives the catalogue as it is now."""
        return await self.at(await self._db.version())

    async def at(self, version: int) -> CatalogueSnapshot:
        """Gives the catalogue as of `version` or a later one."""
        return await self._latest.at(version)

    async def _update(self, last: CatalogueSnapshot | None, _version: int) -> tuple[CatalogueSnapshot, int]:
        latest = None if last is None else await update_snapshot(self._db, last)
        latest = latest or await load_snapshot(self._db, self._shipped)
        return latest, latest.version

    async def answer(
        self, principal: Principal, request: MatchRequest, version: int, disclosure: Disclosure
    ) -> bytes | Parts:
        """Gives the answer to a question, as JSON; raises `Invalid`."""
        catalogue, node, result = await self._result(principal, request, version)
        summary = [{"code": line.code, "images": line.images, "remedy": line.remedy} for line in result.summary]
        members: dict[str, bytes | GradedList] = {
            "worker": orjson.dumps({"node": request.node, **facts_shown(node, catalogue.tables)}),
            "considered": orjson.dumps(result.considered),
            "matches": await self._graded_images(principal, result.matches, version, disclosure),
            "summary": orjson.dumps(summary),
        }
        if request.explain:
            members["rejected"] = await self._graded_images(principal, result.rejected, version, disclosure)
        return json_object(members)

    async def matched(
        self, principal: Principal, request: MatchRequest, version: int, rejected: slice = EVERY
    ) -> MatchedImages:
        """Gives the answer to a question as objects, without registry credentials.

        With `explain` the images that do not run are there, those of this part of their list. Raises `Invalid`.
        """
        catalogue, node, result = await self._result(principal, request, version, rejected)
        snapshot = await self._images.at(catalogue.version)

        def load(pk: int) -> dict[str, Any] | None:
            image = snapshot.get(pk)
            return None if image is None or pk not in catalogue.images else orjson.loads(image.json)

        return matched_images(facts_shown(node, catalogue.tables), result, catalogue.images, load)

    async def _result(
        self, principal: Principal, request: MatchRequest, version: int, rejected: slice = EVERY
    ) -> tuple[CatalogueSnapshot, Node, MatchResult]:
        catalogue = await self.at(version)
        node = await self._node(request, catalogue)
        eligible = None
        if request.filter is not None:
            pks = await crud.pks(self._db, IMAGES, principal, request.filter, "filter.")
            eligible = catalogue.index.images_of(pks)
        query = MatchQuery(
            node,
            task=request.task,
            domain=request.domain,
            framework=request.framework,
            **({} if request.grades is None else {"grades": frozenset(Grade(grade) for grade in request.grades)}),
        )
        size = len(catalogue.index) if request.explain or request.limit is None else request.limit
        result = await in_turn(
            lambda: match(
                query,
                catalogue.index,
                today(),
                eligible,
                limit=request.limit,
                limit_per_framework=request.limit_per_framework,
                explain=request.explain,
                rejected=rejected,
            ),
            size,
        )
        return catalogue, node, result

    async def _graded_images(
        self, principal: Principal, verdicts: Sequence[tuple[int, Verdict]], version: int, disclosure: Disclosure
    ) -> GradedList:
        """Gives images with their verdicts, in parts between which others get their turn."""
        graded = GradedList("image")
        for at in range(0, len(verdicts), PART_VERDICTS):
            some = verdicts[at : at + PART_VERDICTS]
            graded.add(await self._images.shown(principal, [pk for pk, _ in some], version, disclosure), some)
            await asyncio.sleep(0)
        return graded

    async def image_on_nodes(
        self, principal: Principal, pk: int, version: int, disclosure: Disclosure
    ) -> bytes | Parts:
        """Gives one image's verdicts over all nodes, best first, as JSON; raises `NotFound`."""
        catalogue = await self.at(version)
        nodes = await load_nodes(self._db)
        image = (await self._images.shown(principal, [pk], version, disclosure)).get(pk)
        if image is None or pk not in catalogue.images:
            raise NotFound(f"No docker image with pk {pk}.")
        sibling = sibling_of(pk, catalogue.index, today())
        verdicts = await in_turn(
            lambda: best_first(
                verdicts_for_nodes(catalogue.images[pk], nodes, catalogue.tables, today(), sibling=sibling)
            ),
            len(nodes) * _SIBLING_VERDICTS,
        )
        graded = GradedList("node")
        for at in range(0, len(verdicts), PART_VERDICTS):
            some = verdicts[at : at + PART_VERDICTS]
            graded.add(await self._shown_nodes(principal, [pk for pk, _ in some], disclosure), some)
            await asyncio.sleep(0)
        return json_object({"image": image, "nodes": graded})

    async def fit(
        self, principal: Principal, pk: int, request: FitRequest, version: int, disclosure: Disclosure
    ) -> bytes:
        """Gives one image's verdicts over nodes by kind, best first, as JSON; raises `NotFound` and `Invalid`."""
        catalogue = await self.at(version)
        image = (await self._images.shown(principal, [pk], version, disclosure)).get(pk)
        if image is None or pk not in catalogue.images:
            raise NotFound(f"No docker image with pk {pk}.")
        changes = await self.changes(request.worker, catalogue)
        nodes, names = await load_nodes(self._db), await load_names(self._db)
        if request.nodes is not None:
            chosen = frozenset(request.nodes)
            if unknown := sorted(chosen - names.keys()):
                detail = f"No node with pk {unknown[0]}: /v1/nodes/list lists all nodes."
                raise Invalid.at("nodes", "unknown_reference", detail)
            nodes = [(pk, node) for pk, node in nodes if pk in chosen]
        kinds = await in_turn(
            lambda: kinds_of_fit(
                catalogue.images[pk], nodes, changes, catalogue.tables, today(), of_fleet=request.nodes is None
            ),
            len(nodes),
        )
        kind_answers = [
            {
                "grade": kind.verdict.grade,
                "reasons": [reason_answer(reason) for reason in kind.verdict.reasons],
                "worker": facts_shown(kind.node, catalogue.tables),
                "nodes": [_named(names[pk]) for pk in kind.nodes if pk in names],
            }
            for kind in kinds
        ]
        considered, shown = orjson.dumps(len(nodes)), orjson.dumps(kind_answers)
        return b'{"image":%b,"considered":%b,"kinds":%b}' % (image, considered, shown)

    async def node_for_images(
        self, principal: Principal, pk: int, version: int, disclosure: Disclosure
    ) -> bytes | Parts:
        """Gives one node's verdicts over all images that are not deleted, best first, as JSON; raises `NotFound`."""
        catalogue = await self.at(version)
        nodes = await load_nodes(self._db, pk)
        if not nodes:
            raise NotFound(f"No node with pk {pk}.")
        query = MatchQuery(nodes[0][1], grades=frozenset(ORDER))
        size = len(catalogue.index)
        result = await in_turn(lambda: match(query, catalogue.index, today()), size)
        node = (await self._shown_nodes(principal, [pk], disclosure)).get(pk)
        if node is None:
            raise NotFound(f"No node with pk {pk}.")
        graded = await self._graded_images(principal, result.matches, version, disclosure)
        return json_object({"node": node, "images": graded})

    async def _shown_nodes(self, principal: Principal, pks: Sequence[int], disclosure: Disclosure) -> dict[int, bytes]:
        """Gives nodes as JSON, as the principal sees them."""
        chosen = projection(NODES.name, principal)

        def objects(rows: Rows) -> dict[int, bytes]:
            return {node["pk"]: orjson.dumps(node) for node in chosen.objects(rows, disclosure)}

        return await self._db.fetch(chosen.by_pks, objects, pks_parameter(pks))

    async def _node(self, request: MatchRequest, catalogue: CatalogueSnapshot) -> Node:
        if request.node is None:
            if request.worker is None:
                raise Invalid.at(
                    "worker", "node_or_worker", "Send 'node', the pk of a node, or 'worker', the facts of one."
                )
            return await self.described(request.worker, catalogue)
        nodes = await load_nodes(self._db, request.node)
        if not nodes:
            raise Invalid.at(
                "node", "unknown_reference", f"No node with pk {request.node}: /v1/nodes/list lists all nodes."
            )
        return overridden(nodes[0][1], await self.changes(request.worker, catalogue))

    async def changes(
        self, facts: WorkerFacts | None, catalogue: CatalogueSnapshot, at: str = "worker"
    ) -> dict[str, Any]:
        """Gives the facts that replace those of nodes; raises `Invalid` below the place `at`."""
        if facts is None:
            return {}
        values = facts.model_dump(exclude_unset=True)
        key = values.get("hardware_generation")
        name = None if key is None else await self._generation(key, catalogue.version, at)
        return changes_from(values, name)

    async def described(self, facts: WorkerFacts, catalogue: CatalogueSnapshot, at: str = "worker") -> Node:
        """Gives the node with these facts; raises `Invalid` below the place `at`."""
        name = None
        if facts.hardware_generation is not None:
            name = await self._generation(facts.hardware_generation, catalogue.version, at)
        elif facts.compute_capability is not None:
            name = catalogue.tables.generation_of(facts.compute_capability)
        return node_from(facts.model_dump(), name)

    async def _generation(self, key: int | str, version: int, at: str) -> str:
        """Gives the name of the generation with that pk or name; raises `Invalid`."""
        kept = await self._generations.at(version)
        name: str | None = kept.get(key)
        if name is None:
            field = NODES.field("hardware_generation")
            assert field is not None
            pk, problem = await resolve(partial(fetch_all, self._db), field, key)
            if problem is not None:
                raise Invalid.at(f"{at}.{problem.field}", problem.code, problem.detail)
            hardware = RESOURCE_TYPES["hardware"]
            name = await self._db.fetch(
                hardware.table.select().where(hardware.column("pk") == pk), lambda rows: str(rows[0].generation)
            )
            kept[key] = name
        return name


def _named(node: NodeName) -> dict[str, Any]:
    return {"pk": node.pk, "ip": node.ip, "index": node.index, "hostname": node.hostname}


def today() -> date:
    """Gives the day, in UTC."""
    return datetime.now(UTC).date()


def best_first(verdicts: Graded) -> list[tuple[int, Verdict]]:
    """Gives the verdicts by grade, then by key."""
    return sorted(verdicts, key=lambda pair: (ORDER[pair[1].grade], pair[0]))
