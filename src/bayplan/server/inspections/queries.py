"""Inspections: made, stored, and compared with the catalogue."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson

from bayplan.clock import now
from bayplan.db.principal import Principal
from bayplan.domain.facts import architecture
from bayplan.domain.reference import Reference
from bayplan.errors import Forbidden, Invalid
from bayplan.registry.errors import CredentialsRefused, RegistryError
from bayplan.schemas.inspection import InspectionRequest
from bayplan.server.context import Context
from bayplan.server.credentials import queries as credential_queries
from bayplan.server.http.responses import fingerprint
from bayplan.server.images import queries as image_queries
from bayplan.server.inspections import store as inspection_store

if TYPE_CHECKING:
    from bayplan.registry import inspect as registry

__all__ = ["RegistryError", "inspect", "inspect_and_store", "load"]

Object = dict[str, Any]


async def inspect(context: Context, principal: Principal, request: InspectionRequest) -> Object:
    """Inspects any image, and stores nothing; raises `Invalid` or `RegistryError`.

    Of a user who is not staff it raises `Forbidden` for credentials, and `TooManyAttempts` over the budget.
    """
    username, password = request.registry_username, request.registry_password
    of_user = principal.worker is None and not principal.is_staff
    if of_user and not (username is None and password is None):
        raise Forbidden(
            "Only staff and workers may inspect with credentials: leave out 'registry_username' and 'registry_password'."
        )
    if (username is None) != (password is None):
        missing = "registry_password" if password is None else "registry_username"
        raise Invalid.at(
            missing, "incomplete_login", "Send both 'registry_username' and 'registry_password', or neither."
        )
    reference = Reference.parse(request.url)
    if of_user:
        context.inspection_budget.spend(principal.user or 0)
    if password is not None:
        await context.audit.sent_to_registry(reference.registry, "inspect", [])
    inspection = await context.registries.inspect(reference, username, password)
    return _content(inspection) | {"contradictions": []}


async def inspect_and_store(context: Context, principal: Principal, pk: int, *, if_match: str | None) -> None:
    """Inspects an image with its own credentials and stores the inspection; raises `RegistryError`, and what `keep` raises."""
    location = await inspection_store.registry_location(context.db, pk, context.keyring)
    # The registry is asked before the transaction begins, so that no other write waits for the registry.
    if location.password is not None:
        await context.audit.sent_to_registry(location.reference.registry, "inspect", [pk])
    try:
        inspection = await context.registries.inspect(location.reference, location.username, location.password)
    except CredentialsRefused:
        async with context.db.write(moves=False) as tx:
            await credential_queries.note_outcomes(tx, now(), refused=location.credential_keys)
        raise
    async with context.db.write(by=principal) as tx:
        await inspection_store.keep(tx, pk, _content(inspection), location, if_match=if_match)
        await credential_queries.note_outcomes(tx, now(), accepted=location.credential_keys)


async def load(context: Context, pk: int) -> tuple[bytes, str]:
    """Gives the stored inspection of an image with its contradictions as JSON, and the tag; raises `NotFound`."""
    # `If-Match` compares the image's revision. Read first: if the inspection is newer, a change with this tag is only refused.
    revision = await image_queries.revision(context.db, pk)
    stored = await inspection_store.load(context.db, pk)
    # The contradictions change with the catalogue, whatever the revision is.
    content = orjson.dumps(stored.inspection | {"contradictions": list(_contradictions(stored))})
    return content, f"{revision}-{fingerprint(content)}"


def _content(inspection: "registry.ImageInspection") -> Object:
    return {
        "reference": str(inspection.reference),
        "digest": inspection.digest,
        "media_type": inspection.media_type,
        "checked": now(),
        "platforms": [_platform(asdict(platform)) for platform in inspection.platforms],
    }


def _platform(platform: Object) -> Object:
    """A platform on the wire; `attached` is there where something is attached."""
    return platform if platform["attached"] else {name: platform[name] for name in platform if name != "attached"}


def _contradictions(stored: inspection_store.StoredInspection) -> Iterable[Object]:
    """Gives the catalogue's fields, then the facts that staff entered, that differ from the image."""
    from bayplan.registry.contradictions import contradictions
    from bayplan.registry.evidence import ObservedFact
    from bayplan.registry.interpret import PlatformFacts

    platforms = stored.inspection["platforms"]
    parsed = [
        PlatformFacts(**platform | {"facts": {name: ObservedFact(**fact) for name, fact in platform["facts"].items()}})
        for platform in platforms
    ]
    yield from map(asdict, contradictions(stored.catalogue, parsed))

    def observed(name: str) -> list[tuple[Any, str]]:
        facts = (platform["facts"].get(name) for platform in platforms)
        return [(fact["value"], fact["source"]) for fact in facts if fact]

    if stored.catalogue["cuda_version"] is None:  # the catalogue claims that there is no CUDA in the image
        yield from _contradiction("cuda_version", {"cuda_version": None}, observed("cuda_version"))
    architectures = sorted({architecture(platform) or "" for platform in platforms})
    entered = dict(stored.entered)
    if "architectures" in entered:
        entered["architectures"] = sorted(set(entered["architectures"]))
    yield from _contradiction("architectures", entered, [(architectures, "manifest")] if all(architectures) else [])
    for name in sorted(set(entered) - {"architectures"}):
        yield from _contradiction(name, entered, observed(name))


def _contradiction(name: str, entered: Mapping[str, Any], observed: list[tuple[Any, str]]) -> Iterable[Object]:
    """Gives the contradiction between an entry and the platforms of an image, unless a platform agrees."""
    if name in entered and observed and entered[name] not in [value for value, _ in observed]:
        yield {"field": name, "catalogue": entered[name], "registry": observed[0][0], "source": observed[0][1]}
