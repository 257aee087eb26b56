"""How machines join: tokens that staff make, joining and reporting with one call, and taking a worker's rights away."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.clock import now, timestamp
from bayplan.db import crud
from bayplan.db.database import Transaction
from bayplan.db.projection import projection
from bayplan.errors import Forbidden, Unauthenticated
from bayplan.schemas.common import NoFields
from bayplan.schemas.workers import (
    JoinAnswer,
    JoinRequest,
    JoinTokenAnswer,
    JoinTokenCreate,
    NewJoinToken,
    WorkerAnswer,
)
from bayplan.server.context import Context, bearer
from bayplan.server.fleet import join_tokens
from bayplan.server.fleet import store as fleet_store
from bayplan.server.http.openapi import IF_NONE_MATCH, PK, action, reference
from bayplan.server.http.parsing import flag, pk_of, query, read
from bayplan.server.http.responses import Json, fingerprinted

# So that nobody takes one for an access token, and none begins with a dash on a command line.
_PREFIX = "join_"
_UNCACHED = {"Cache-Control": "no-store"}
_WORKER = {"name": "worker", "in": "path", "required": True, "schema": {"type": "string"}, "description": "Its name."}
_NODES = {
    "name": "nodes",
    "in": "query",
    "schema": {"type": "boolean", "default": False},
    "description": "Remove its nodes as well.",
}
_EXAMPLE = {
    "ip": "192.0.2.17",
    "architecture": "amd64",
    "cpu_mem": 270_582_939_648,
    "driver_version": "535.104.05",
    "gpus": [
        {
            "index": 0,
            "compute_capability": "8.6",
            "gpu_name": "NVIDIA RTX A6000",
            "gpu_brand": "NvidiaRTX",
            "gpu_mem": 51_527_024_640,
        }
    ],
}


def _origin(request: Request, machine: JoinRequest) -> fleet_store.RequestOrigin:
    return fleet_store.RequestOrigin(machine.ip, request.client.host if request.client else "")


def workers_router(context: Context) -> APIRouter:
    """Gives those routes."""
    router = APIRouter(prefix="/v1/nodes", tags=["workers"])

    async def make_token(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        query(request)
        asked = await context.read(request, principal, JoinTokenCreate)
        token = _PREFIX + secrets.token_urlsafe(32)
        moment = datetime.now(UTC)
        expires = timestamp(moment + timedelta(seconds=asked.expires_in))
        assert principal.user is not None
        pk = await join_tokens.add(
            context.db,
            fleet_store.hashed(token),
            creator=principal.user,
            created=timestamp(moment),
            expires=expires,
            uses=asked.uses,
        )
        return Json({"pk": pk, "token": token, "expires": expires}, 201, headers=_UNCACHED)

    async def everything(request: Request) -> None:
        principal = await context.principal(request)
        principal.require_staff()
        query(request)
        await context.no_fields(request, principal)

    async def list_tokens(request: Request) -> Response:
        await everything(request)
        return fingerprinted(request, await join_tokens.list_tokens(context.db))

    async def delete_token(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        query(request)
        await join_tokens.remove(context.db, pk_of(request))
        return Response(status_code=204)

    async def join(request: Request) -> Response:
        query(request)
        token = bearer(request)
        if not token.startswith(_PREFIX):
            try:
                return await report(request)
            except Unauthenticated as error:
                raise Unauthenticated(
                    "This is no join token, nor a token of a worker that is good: staff make a join token at "
                    "/v1/nodes/join-tokens.",
                    code=error.code,
                ) from None
        token_hash = fleet_store.hashed(token)
        await join_tokens.check(context.db, token_hash, now())
        machine = await read(request, JoinRequest, context.settings.max_body_bytes)
        secret = secrets.token_urlsafe(32)
        async with context.db.write() as tx:
            moment = now()
            await join_tokens.spend(tx, token_hash, moment)
            joined = await fleet_store.join(
                tx, _origin(request, machine), machine.slots(), fleet_store.hashed(secret), moment, context.keyring
            )
            tx.author = joined.name
            return Json(await shown(tx, joined, secret), 201, headers=_UNCACHED)

    async def report(request: Request) -> Response:
        principal = await context.principal(request, workers=True)
        machine = await context.read(request, principal, JoinRequest)
        if principal.worker is None:
            raise Forbidden("Joining takes a join token as the bearer: staff make one at /v1/nodes/join-tokens.")
        async with context.db.write(by=principal.name) as tx:
            origin = _origin(request, machine)
            joined = await fleet_store.report(tx, principal.worker, origin, machine.slots(), now(), context.keyring)
            return Json(await shown(tx, joined, None), headers=_UNCACHED)

    async def shown(tx: Transaction, joined: fleet_store.JoinedWorker, secret: str | None) -> dict[str, Any]:
        chosen = projection("nodes", True, False)
        nodes = [(await crud.load_in(tx, chosen, pk, context.disclosure()))[0] for pk in joined.nodes]
        return {"worker": joined.name, "secret": secret, "nodes": nodes}

    async def list_workers(request: Request) -> Response:
        await everything(request)
        return fingerprinted(request, await fleet_store.list_workers(context.db))

    async def revoke(request: Request) -> Response:
        principal = await context.principal(request, workers=True)
        if principal.worker is None:
            principal.require_staff()
        with_nodes = flag(query(request, "nodes"), "nodes")
        async with context.db.write(by=principal.name) as tx:
            await fleet_store.revoke(tx, request.path_params["worker"], with_nodes=with_nodes, only=principal.worker)
        return Response(status_code=204)

    def listed(model: Any) -> dict[str, Any]:
        return {"type": "array", "items": reference(model)}

    joining = action(
        "Join as a worker, or report what has changed",
        text="With a join token: takes a machine in and gives it a credential of its own (201). The same machine again gets its "
        "old nodes, updated, and a new secret; another one that claims the address of a living worker is refused. "
        "With a worker's access token: makes its nodes what it reports (200).",
        name="join",
        status=201,
        body=JoinRequest,
        example=_EXAMPLE,
        answer=reference(JoinAnswer),
        errors=[409],
    )
    responses = joining["openapi_extra"]["responses"]
    responses["200"] = {**responses["201"], "description": "The worker's nodes are what it reported."}
    for path, method, handler, words in (
        (
            "/join-tokens",
            "POST",
            make_token,
            action(
                "Make a join token",
                text="Gives a token with which machines can join, for a time and a number of uses; shown once. Staff only.",
                name="make_join_token",
                status=201,
                body=JoinTokenCreate,
                example={"expires_in": 3600, "uses": 100},
                answer=reference(NewJoinToken),
            ),
        ),
        (
            "/join-tokens/list",
            "POST",
            list_tokens,
            action(
                "List the join tokens",
                text="Gives all join tokens that have not expired long ago, without the tokens themselves. Staff only.",
                name="list_join_tokens",
                body=NoFields,
                body_required=False,
                example={},
                answer=listed(JoinTokenAnswer),
                parameters=[IF_NONE_MATCH],
                conditional=True,
            ),
        ),
        (
            "/join-tokens/{pk:pk}",
            "DELETE",
            delete_token,
            action(
                "Take a join token back",
                text="Ends a join token; who has joined with it stays. Staff only.",
                name="delete_join_token",
                status=204,
                errors=[404],
                parameters=[PK],
            ),
        ),
        ("/join", "POST", join, joining),
        (
            "/workers/list",
            "POST",
            list_workers,
            action(
                "List the workers",
                text="Gives every machine that has joined, by address, with the pks of its nodes. Staff only.",
                name="list_workers",
                body=NoFields,
                body_required=False,
                example={},
                answer=listed(WorkerAnswer),
                parameters=[IF_NONE_MATCH],
                conditional=True,
            ),
        ),
        (
            "/workers/{worker}",
            "DELETE",
            revoke,
            action(
                "Revoke a worker",
                text="Ends a worker's secret and all of its tokens at once; its nodes stay unless `nodes` is true. For staff, and "
                "for the worker itself when it leaves.",
                name="revoke_worker",
                status=204,
                errors=[404],
                parameters=[_WORKER, _NODES],
            ),
        ),
    ):
        router.add_api_route(path, handler, methods=[method], **words)
    return router
