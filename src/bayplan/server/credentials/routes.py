"""The log-ins of registries in one place: all of them without their passwords, another password, and a file for docker.

A new password is tried before it replaces the old one. The registry is asked before the transaction begins: it may take
its time, and nobody is to wait for it.
"""

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.clock import now
from bayplan.domain.reference import registry_host
from bayplan.errors import Forbidden
from bayplan.exports.docker_config import docker_config, pull_secret
from bayplan.registry.errors import RegistryDenied, RegistryError, RegistryTimeout
from bayplan.schemas.credentials import RegistryCredentialsAnswer, Rotation, RotationAnswer
from bayplan.server.context import Context
from bayplan.server.credentials import outcomes
from bayplan.server.credentials import store as credential_store
from bayplan.server.http.openapi import PK, action, reference
from bayplan.server.http.parsing import one_of, pk_of, query
from bayplan.server.http.responses import UNCACHED, Json

# A registry may hold thousands of repositories that one log-in pulls from: so many are asked for, and for so long.
_MOST_REPOSITORIES = 100
_CHECK_SECONDS = 60.0
_FORMATS = ("docker", "kubernetes")


def credentials_router(context: Context) -> APIRouter:
    """Gives those routes."""
    router = APIRouter(prefix="/v1", tags=["log-ins of registries"])

    async def overview(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        query(request)
        return Json(await credential_store.overview(context.db, context.keyring), headers=UNCACHED)

    async def rotate(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        query(request)
        asked = await context.read(request, principal, Rotation)
        old = (registry_host(asked.registry), asked.registry_username)
        new = (old[0], asked.new_username or asked.registry_username)
        places, repositories = await credential_store.repositories(context.db, old, _MOST_REPOSITORIES)
        verified, detail = False, "The registry was not asked whether it takes the log-in."
        if asked.check:
            taken = await try_out(places, new[1], asked.registry_password)
            verified, detail = taken > 0, _detail(old[0], taken, len(places), repositories)
        async with context.db.write(by=principal.name) as tx:
            images = await credential_store.replace(tx, old, new[1], asked.registry_password, context.keyring)
            await outcomes.note(tx, now(), taken=[new] if verified else [])
        return Json({"images": len(images), "verified": verified, "detail": detail}, headers=UNCACHED)

    async def try_out(places: Sequence[credential_store.RepositoryImage], username: str, password: str) -> int:
        """For how many of the places the registry wants a log-in and takes this one; raises `RegistryError` otherwise."""
        registry = places[0].reference.registry
        await context.audit.asked(registry, "rotate", [place.image for place in places])
        try:
            async with asyncio.timeout(_CHECK_SECONDS), asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(context.registries.takes(place.reference, username, password)) for place in places
                ]
        except TimeoutError:
            raise _unchanged(RegistryTimeout(f"'{registry}' took longer than {_CHECK_SECONDS:g} s.")) from None
        except ExceptionGroup as failures:
            first = failures.exceptions[0]
            raise _unchanged(first) if isinstance(first, RegistryError) else first from None
        return sum(task.result() for task in tasks)

    async def config(request: Request) -> Response:
        principal = await context.principal(request, workers=True)
        if not principal.sees_credentials:
            raise Forbidden("Only staff and workers are given log-ins: ask one of them, or log in as one.")
        given = one_of(query(request, "format"), "format", _FORMATS)
        pk, disclosure = pk_of(request), context.disclosure()
        made = docker_config(*await credential_store.of_image(context.db, pk, disclosure))
        answer = Json(
            pull_secret(f"bayplan-image-{pk}", made) if given == "kubernetes" else made,
            headers=UNCACHED,
        )
        return await context.audit.sent(request, principal, "docker_config", disclosure, answer)

    for path, method, handler, words in (
        (
            "/credentials",
            "GET",
            overview,
            action(
                "List the log-ins of registries",
                text="Gives every log-in that images have, by registry and user name, with how many images have it and when "
                "it was last good for something; never a password. Staff only.",
                name="credentials",
                answer={"type": "array", "items": reference(RegistryCredentialsAnswer)},
            ),
        ),
        (
            "/credentials/rotate",
            "POST",
            rotate,
            action(
                "Give a log-in another password",
                text="Gives all images of a log-in another password, and another user name if there is a `new_username`, all "
                "at once. Unless `check` is false, the registry is asked first whether it takes it. Staff only.",
                name="rotate_credentials",
                body=Rotation,
                example={
                    "registry": "registry.example.org:5000",
                    "registry_username": "robot",
                    "registry_password": "the new password",
                },
                answer=reference(RotationAnswer),
                errors=[404, 502, 504],
            ),
        ),
        (
            "/docker/{pk:pk}/docker-config",
            "GET",
            config,
            action(
                "Give an image's log-in as a file for docker",
                text="Gives a `config.json` that docker, podman and skopeo read, or, with `format=kubernetes`, a Secret for "
                "`imagePullSecrets`. Staff and workers only.",
                name="docker_config",
                answer={"type": "object"},
                errors=[404],
                parameters=[
                    PK,
                    {
                        "name": "format",
                        "in": "query",
                        "schema": {"type": "string", "enum": list(_FORMATS), "default": _FORMATS[0]},
                        "description": "What is to read it.",
                    },
                ],
            ),
        ),
    ):
        router.add_api_route(path, handler, methods=[method], **words)
    return router


def _detail(registry: str, taken: int, asked: int, repositories: int) -> str:
    if not taken:
        return f"'{registry}' shows these images to everybody: it never asked for the log-in, so nothing is known of the password."
    among = f"{asked:,} of {repositories:,} repositories" if asked < repositories else f"{repositories:,} repositories"
    if taken < asked:
        return (
            f"'{registry}' took the log-in for {taken:,} of the {among} asked about, and shows the others to everybody."
        )
    return f"'{registry}' took the log-in for {among.replace('1 repositories', '1 repository')}."


def _unchanged(error: RegistryError) -> RegistryError:
    """The same error, saying that nothing was changed; and where the registry did not say no, how to do without it."""
    if isinstance(error, RegistryDenied):
        return RegistryDenied(f"{error.detail} Nothing was changed.")
    return type(error)(
        f"{error.detail} Nothing was changed: with 'check' false the log-in is replaced without asking the registry."
    )
