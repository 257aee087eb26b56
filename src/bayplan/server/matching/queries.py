"""Answers to questions about what runs where: the catalogue as the judge sees it, kept for as long as nothing changes."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import orjson

from bayplan.db import crud
from bayplan.db.database import Database, Rows, fetch_all
from bayplan.db.disclosure import Disclosure
from bayplan.db.natural_keys import resolve
from bayplan.db.principal import Principal
from bayplan.db.projection import projection
from bayplan.db.resource_types import RESOURCE_TYPES, ResourceType
from bayplan.domain.compatibility.match import match, verdicts_for_nodes
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.question import MatchQuery
from bayplan.domain.compatibility.tables import Tables, load
from bayplan.domain.compatibility.verdict import ORDER, Grade, Verdict
from bayplan.errors import Invalid, NotFound
from bayplan.schemas.match import MatchRequest, WorkerFacts
from bayplan.server.as_of import AsOf
from bayplan.server.matching.load import CatalogueSnapshot, load_nodes, load_snapshot, update_snapshot
from bayplan.server.matching.node_facts import facts_of, node_from

__all__ = ["CatalogueSnapshot", "Judge", "best_first", "graded", "load_nodes", "today"]

Graded = Iterable[tuple[int, Verdict]]
# Objects that are fetched by their pks in one statement; for more, all are fetched.
_BY_PK = 500


class Judge:
    """The judge over one database."""

    def __init__(self, db: Database, tables: Path | None) -> None:
        """Takes the database, and the folder whose tables go before those that bayplan ships."""
        self._db, self._tables = db, tables
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

    async def answer(self, principal: Principal, request: MatchRequest, disclosure: Disclosure) -> bytes:
        """Gives the answer to a question, as JSON; raises `Invalid`."""
        known = await self.snapshot()
        worker = await self._worker(request, known)
        eligible = None
        if request.filter is not None:
            pks = await crud.pks(self._db, RESOURCE_TYPES["docker"], principal, request.filter, "filter.")
            eligible = known.index.images_of(pks)
        question = MatchQuery(
            worker,
            task=request.task,
            domain=request.domain,
            framework=request.framework,
            **({} if request.grades is None else {"grades": frozenset(Grade(grade) for grade in request.grades)}),
        )
        found = match(question, known.index, today(), eligible, limit=request.limit, explain=request.explain)
        shown = [pk for pk, _ in (*found.matches, *found.rejected)]
        images = await self._objects(principal, RESOURCE_TYPES["docker"], shown, disclosure)
        body = {
            "worker": {"node": request.node, **_facts_of(worker, known)},
            "considered": found.considered,
            "matches": graded(images, "image", found.matches),
            "summary": [{"code": line.code, "images": line.images, "remedy": line.remedy} for line in found.summary],
        }
        if request.explain:
            body["rejected"] = graded(images, "image", found.rejected)
        return await _rendered(body, len(shown))

    async def image_on_nodes(self, principal: Principal, pk: int, disclosure: Disclosure) -> bytes:
        """Gives one image's verdicts over all nodes, best first, as JSON; raises `NotFound`."""
        known = await self.snapshot()
        fleet = await load_nodes(self._db)
        image = (await self._objects(principal, RESOURCE_TYPES["docker"], [pk], disclosure)).get(pk)
        if image is None or pk not in known.images:
            raise NotFound(f"No docker image with pk {pk}.")
        verdicts = best_first(verdicts_for_nodes(known.images[pk], fleet, known.tables, today()))
        nodes = await self._objects(principal, RESOURCE_TYPES["nodes"], [key for key, _ in verdicts], disclosure)
        return await _rendered({"image": image, "nodes": graded(nodes, "node", verdicts)}, len(verdicts))

    async def node_for_images(self, principal: Principal, pk: int, disclosure: Disclosure) -> bytes:
        """Gives one node's verdicts over all images that are not deleted, best first, as JSON; raises `NotFound`."""
        known = await self.snapshot()
        slots = await load_nodes(self._db, pk)
        if not slots:
            raise NotFound(f"No node with pk {pk}.")
        found = match(MatchQuery(slots[0][1], grades=frozenset(ORDER)), known.index, today())
        node = (await self._objects(principal, RESOURCE_TYPES["nodes"], [pk], disclosure))[pk]
        shown = [key for key, _ in found.matches]
        images = await self._objects(principal, RESOURCE_TYPES["docker"], shown, disclosure)
        return await _rendered({"node": node, "images": graded(images, "image", found.matches)}, len(found.matches))

    async def _objects(
        self, principal: Principal, resource_type: ResourceType, pks: Sequence[int], disclosure: Disclosure
    ) -> dict[int, Any]:
        chosen = projection(resource_type.name, principal)
        statement = chosen.statement
        wanted = frozenset(pks)
        if len(wanted) <= _BY_PK:
            statement = statement.where(resource_type.column("pk").in_(pks))

        def objects(rows: Rows) -> dict[int, Any]:
            # The pk comes first. Only what is shown is decrypted: the audit trail says what was.
            return {item["pk"]: item for item in chosen.objects([row for row in rows if row[0] in wanted], disclosure)}

        return await self._db.fetch(statement, objects)

    async def _worker(self, request: MatchRequest, known: CatalogueSnapshot) -> Node:
        if (request.node is None) == (request.worker is None):
            raise Invalid.at(
                "worker", "node_or_worker", "Give either 'node', the pk of a node, or 'worker', its facts."
            )
        if request.worker is not None:
            return await self._described(request.worker, known)
        found = await load_nodes(self._db, request.node)
        if not found:
            raise Invalid.at(
                "node", "unknown_reference", f"No node with pk {request.node}; /v1/nodes/list shows them all."
            )
        return found[0][1]

    async def _described(self, facts: WorkerFacts, known: CatalogueSnapshot) -> Node:
        generation = facts.hardware_generation
        name = None
        if generation is not None:
            field = RESOURCE_TYPES["nodes"].field("hardware_generation")
            assert field is not None
            pk, problem = await resolve(partial(fetch_all, self._db), field, generation)
            if problem is not None:
                raise Invalid.at(f"worker.{problem.field}", problem.code, problem.detail)
            name = await self._db.fetch(
                RESOURCE_TYPES["hardware"].table.select().where(RESOURCE_TYPES["hardware"].column("pk") == pk),
                lambda rows: str(rows[0].generation),
            )
        elif facts.compute_capability is not None:
            name = known.tables.generation_of(facts.compute_capability)
        return node_from(facts.model_dump(), name)


def today() -> date:
    """Gives the day, in UTC."""
    return datetime.now(UTC).date()


def best_first(verdicts: Graded) -> list[tuple[int, Verdict]]:
    """Gives the verdicts by grade, then by key."""
    return sorted(verdicts, key=lambda pair: (ORDER[pair[1].grade], pair[0]))


def graded(objects: dict[int, Any], name: str, verdicts: Graded) -> list[dict[str, Any]]:
    """Gives each object with its grade and reasons; equal verdicts are rendered once. What is gone meanwhile is left out."""
    ready: dict[int, orjson.Fragment] = {}
    entries = []
    for pk, verdict in verdicts:
        reasons = ready.get(id(verdict))
        if reasons is None:
            reasons = ready[id(verdict)] = orjson.Fragment(orjson.dumps(verdict.reasons))
        if pk in objects:
            entries.append({name: objects[pk], "grade": verdict.grade, "reasons": reasons})
    return entries


def _facts_of(worker: Node, known: CatalogueSnapshot) -> dict[str, Any]:
    generation = worker.hardware_generation
    if generation is None and worker.compute_capability is not None:
        generation = known.tables.generation_of(worker.compute_capability)
    return facts_of(worker) | {"hardware_generation": generation}


async def _rendered(body: dict[str, Any], size: int) -> bytes:
    render: Callable[[dict[str, Any]], bytes] = orjson.dumps
    return render(body) if size <= _BY_PK else await asyncio.to_thread(render, body)
