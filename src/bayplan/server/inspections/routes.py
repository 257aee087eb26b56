"""What registries say of images: asked for, stored, and held against what the catalogue says."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.clock import now
from bayplan.domain.facts import architecture
from bayplan.domain.reference import Reference
from bayplan.errors import Forbidden, Invalid
from bayplan.registry.errors import RegistryDenied
from bayplan.schemas.common import NoFields
from bayplan.schemas.inspection import InspectionAnswer, InspectionRequest
from bayplan.server.context import Context
from bayplan.server.credentials import outcomes
from bayplan.server.http.openapi import IF_MATCH, IF_NONE_MATCH, PK, action, reference
from bayplan.server.http.parsing import pk_of, query
from bayplan.server.http.responses import Json, fingerprint, tagged
from bayplan.server.images import facts_store
from bayplan.server.inspections import store as inspection_store

if TYPE_CHECKING:
    from bayplan.registry import inspect as registry

Object = dict[str, Any]


def inspection_router(context: Context) -> APIRouter:
    """Gives those routes."""
    router = APIRouter(prefix="/v1/docker", tags=["docker images"])

    async def inspect(request: Request) -> Response:
        principal = await context.principal(request, workers=True)
        if not principal.sees_credentials:
            raise Forbidden("Only staff and workers may ask registries: ask one of them, or log in as one.")
        query(request)
        asked = await context.read(request, principal, InspectionRequest)
        username, password = asked.registry_username, asked.registry_password
        if (username is None) != (password is None):
            missing = "registry_password" if password is None else "registry_username"
            raise Invalid.at(
                missing, "incomplete_login", "Give both 'registry_username' and 'registry_password', or neither."
            )
        at = Reference.parse(asked.url)
        if password is not None:
            await context.audit.asked(at.registry, "inspect", [])
        found = await context.registries.inspect(at, username, password)
        return Json(_told(found) | {"contradictions": []})

    async def stored(request: Request) -> Response:
        await context.principal(request, workers=True)  # who pulls an image must know its digest
        query(request)
        return await answer(request)

    async def store(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        query(request)
        await context.no_fields(request, principal)
        pk = pk_of(request)
        at = await inspection_store.registry_location(context.db, pk, context.keyring)
        # The registry is asked before the transaction begins: it may take its time, and nobody is to wait for it.
        if at.password is not None:
            await context.audit.asked(at.reference.registry, "inspect", [pk])
        try:
            found = await context.registries.inspect(at.reference, at.username, at.password)
        except RegistryDenied:
            async with context.db.write(moves=False) as tx:
                await outcomes.note(tx, now(), refused=at.log_ins)
            raise
        async with context.db.write(by=principal.name) as tx:
            await inspection_store.keep(tx, pk, _told(found), at, if_match=request.headers.get("if-match"))
            await outcomes.note(tx, now(), taken=at.log_ins)
        return await answer(request)

    async def answer(request: Request) -> Response:
        # `If-Match` goes by the image's revision. Read before what it stands for: were that newer, it would only be refused.
        revision = await facts_store.revision(context.db, pk_of(request))
        kept = await inspection_store.load(context.db, pk_of(request))
        # The contradictions change with the catalogue, whatever the revision is.
        content = orjson.dumps(kept.inspection | {"contradictions": list(_contradictions(kept))})
        return tagged(request, content, f"{revision}-{fingerprint(content)}")

    asking = [404, 409, 412, 422, 502, 504]
    for path, method, handler, words in (
        (
            "/inspect",
            "POST",
            inspect,
            action(
                "What a registry says of an image",
                text="Reads the manifest and the configuration of an image in its registry, and gives what they tell; "
                "nothing is stored. Staff and workers only. docs/registries.md says what is read, and from where.",
                name="inspect",
                body=InspectionRequest,
                example={"url": "nvidia/cuda:12.4.1-base-ubuntu22.04"},
                answer=reference(InspectionAnswer),
                errors=[404, 502, 504],
            ),
        ),
        (
            "/{pk:pk}/inspection",
            "GET",
            stored,
            action(
                "What the registry of an image said",
                text="Gives the stored inspection of an image, with what the catalogue has otherwise.",
                name="load_inspection",
                answer=reference(InspectionAnswer),
                errors=[404],
                parameters=[PK, IF_NONE_MATCH],
                conditional=True,
            ),
        ),
        (
            "/{pk:pk}/inspection",
            "POST",
            store,
            action(
                "Inspect an image and store what its registry says",
                text="Reads the image in its registry with its own log-in, and stores what it says of itself, as facts "
                "with the origin `registry` too. Fields and staff's entries stay as they are. Staff only.",
                name="store_inspection",
                body=NoFields,
                body_required=False,
                answer=reference(InspectionAnswer),
                errors=asking,
                parameters=[PK, IF_MATCH],
            ),
        ),
    ):
        router.add_api_route(path, handler, methods=[method], **words)
    return router


def _told(found: "registry.ImageInspection") -> Object:
    return {
        "reference": str(found.reference),
        "digest": found.digest,
        "media_type": found.media_type,
        "checked": now(),
        "platforms": [asdict(platform) for platform in found.platforms],
    }


def _contradictions(kept: inspection_store.StoredInspection) -> Iterable[Object]:
    """Where the catalogue's fields, then the facts that staff entered, say something else than the image."""
    from bayplan.registry.interpret import ObservedFact, PlatformFacts, contradictions

    platforms = kept.inspection["platforms"]
    read_again = [
        PlatformFacts(**platform | {"facts": {name: ObservedFact(**fact) for name, fact in platform["facts"].items()}})
        for platform in platforms
    ]
    yield from map(asdict, contradictions(kept.catalogue, read_again))

    def told(name: str) -> list[tuple[Any, str]]:
        return [(fact["value"], fact["source"]) for one in platforms if (fact := one["facts"].get(name))]

    if kept.catalogue["cuda_version"] is None:  # which says that there is no CUDA in it
        yield from _otherwise("cuda_version", {"cuda_version": None}, told("cuda_version"))
    built = sorted({architecture(platform) for platform in platforms})
    entered = dict(kept.entered)
    if "architectures" in entered:
        entered["architectures"] = sorted(set(entered["architectures"]))
    yield from _otherwise("architectures", entered, [(built, "manifest")])
    for name in sorted(set(entered) - {"architectures"}):
        yield from _otherwise(name, entered, told(name))


def _otherwise(name: str, entered: Mapping[str, Any], told: list[tuple[Any, str]]) -> Iterable[Object]:
    """The contradiction between an entry and the platforms of an image, unless one of them agrees."""
    if name in entered and told and entered[name] not in [value for value, _ in told]:
        yield {"field": name, "catalogue": entered[name], "registry": told[0][0], "source": told[0][1]}
