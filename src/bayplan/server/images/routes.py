"""What only images have: reinstating, removing for good, facts, and the question what runs where."""

from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.db import crud, deletion
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.compatibility.image import FACT_NAMES
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.errors import Forbidden, NotFound
from bayplan.schemas.docker import ImageAnswer
from bayplan.schemas.facts import FactsAnswer, FactsPatch
from bayplan.schemas.match import ImageOnNodes, MatchAnswer, MatchRequest
from bayplan.server.context import Context
from bayplan.server.http.crud import expanded, expansion
from bayplan.server.http.openapi import EXPAND_IMAGE, IF_MATCH, IF_NONE_MATCH, PK, action, reference
from bayplan.server.http.parsing import pk_of, query
from bayplan.server.http.responses import Json, fingerprint, fingerprinted, tagged
from bayplan.server.images import facts_store
from bayplan.server.matching.queries import Judge

IMAGES = RESOURCE_TYPES["docker"]


def docker_router(context: Context, judge: Judge) -> APIRouter:
    """Gives those routes."""
    router = APIRouter(prefix="/v1/docker", tags=["docker images"])

    async def reinstate(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        expand, disclosure = expansion(IMAGES, query(request, "expand")), context.disclosure()
        async with context.db.write(by=principal.name) as tx:
            await deletion.reinstate(tx, pk_of(request), if_match=request.headers.get("if-match"))
            image, tag = await crud.load_in(tx, principal.select("docker", expand), pk_of(request), disclosure)
            await context.audit.sent_with(tx, request, principal, "reinstate", disclosure)
        return tagged(request, image, expanded(tag, expand, tx.version))

    async def hard(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        chosen = principal.select("docker", expansion(IMAGES, query(request, "expand")))
        disclosure = context.disclosure()
        async with context.db.write(by=principal.name) as tx:
            image, _ = await crud.load_in(tx, chosen, pk_of(request), disclosure)
            await context.audit.sent_with(tx, request, principal, "hard", disclosure)
            await deletion.erase(tx, pk_of(request), if_match=request.headers.get("if-match"))
        return Json(image)

    async def load_facts(request: Request) -> Response:
        await context.principal(request)
        query(request)
        return await answer_facts(request)

    async def patch_facts(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        query(request)
        body = await context.read(request, principal, FactsPatch)
        values = body.model_dump(exclude_unset=True)
        async with context.db.write(by=principal.name) as tx:
            await facts_store.enter(tx, pk_of(request), values, if_match=request.headers.get("if-match"))
        return await answer_facts(request)

    async def answer_facts(request: Request) -> Response:
        pk = pk_of(request)
        # Read before the facts: were they newer than their tag, they would only be sent once more.
        revision = await facts_store.revision(context.db, pk)
        known = await judge.snapshot()
        image = known.images.get(pk)
        if image is None:
            raise NotFound(f"No docker image with pk {pk}.")
        entries: dict[str, Any] = {name: {"value": None, "origin": None} for name in FACT_NAMES}
        build = ImageRequirements(image, known.tables).build(None)
        if build is not None:
            entries["kernel_architectures"] = {"value": build.texts, "origin": "table"}
        for name, (value, origin) in known.facts.get(pk, {}).items():
            entries[name] = {"value": value, "origin": origin}
        # A fact of the tables goes by what the image refers to, which changes without the image's revision.
        return tagged(request, entries, f"{revision}-{fingerprint(orjson.dumps(entries))}")

    async def match(request: Request) -> Response:
        principal = await context.principal(request, workers=True)
        query(request)
        asked = await context.read(request, principal, MatchRequest)
        if principal.worker is not None and asked.node is None:
            raise Forbidden("A worker may match for its own nodes only: give 'node', the pk of one.")
        if asked.node is not None:
            await context.require_own_node(principal, asked.node)
        disclosure = context.disclosure()
        answer = Json(await judge.answer(principal, asked, disclosure))
        return await context.audit.sent(request, principal, "match", disclosure, answer)

    async def nodes(request: Request) -> Response:
        principal = await context.principal(request)
        query(request)
        disclosure = context.disclosure()
        answer = fingerprinted(request, await judge.image_on_nodes(principal, pk_of(request), disclosure))
        return await context.audit.sent(request, principal, "nodes", disclosure, answer)

    example = {
        "worker": {
            "driver_version": "535.104.05",
            "compute_capability": "8.6",
            "gpu_name": "NVIDIA RTX A6000",
            "gpu_brand": "NvidiaRTX",
            "architecture": "amd64",
        },
        "task": "train",
        "limit": 10,
        "explain": True,
    }
    for path, method, handler, words in (
        (
            "/match",
            "POST",
            match,
            action(
                "Which images run on a worker",
                text="Gives the images that run on a node or a described worker, best first; with `explain`, of every "
                "other image exactly why not and what would change that. The rules are in docs/rules.md.",
                name="match",
                body=MatchRequest,
                example=example,
                answer=reference(MatchAnswer),
            ),
        ),
        (
            "/{pk:pk}/nodes",
            "GET",
            nodes,
            action(
                "On which nodes an image runs",
                name="image_on_nodes",
                answer=reference(ImageOnNodes),
                errors=[404],
                parameters=[PK, IF_NONE_MATCH],
                conditional=True,
            ),
        ),
        (
            "/{pk:pk}/facts",
            "GET",
            load_facts,
            action(
                "What is known of an image",
                text="Gives every fact that the rules need and docker.md has no field for, with who says so.",
                name="load_facts",
                answer=reference(FactsAnswer),
                errors=[404],
                parameters=[PK, IF_NONE_MATCH],
                conditional=True,
            ),
        ),
        (
            "/{pk:pk}/facts",
            "PATCH",
            patch_facts,
            action(
                "Enter facts about an image",
                text="Enters what staff know of an image; null takes an entry back. Staff only.",
                name="patch_facts",
                body=FactsPatch,
                example={"kernel_architectures": ["8.0", "8.6", "9.0"], "compiles_at_runtime": False},
                answer=reference(FactsAnswer),
                errors=[404, 409, 412],
                parameters=[PK, IF_MATCH],
            ),
        ),
        (
            "/{pk:pk}/reinstate",
            "DELETE",
            reinstate,
            action(
                "Bring a deleted docker image back",
                text="Reinstates an image that was deleted softly; staff only. 409 if its name and version were taken.",
                name="reinstate_docker",
                answer=reference(ImageAnswer),
                errors=[404, 409, 412],
                parameters=[PK, EXPAND_IMAGE, IF_MATCH],
            ),
        ),
        (
            "/{pk:pk}/hard",
            "DELETE",
            hard,
            action(
                "Remove a docker image for good",
                text="Removes an image, deleted or not, with all that is known of it. It answers with it for the last time. Staff only.",
                name="hard_delete_docker",
                answer=reference(ImageAnswer),
                errors=[404, 412],
                parameters=[PK, EXPAND_IMAGE, IF_MATCH],
            ),
        ),
    ):
        router.add_api_route(path, handler, methods=[method], **words)
    return router
