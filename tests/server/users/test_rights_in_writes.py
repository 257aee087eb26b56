"""Rights that end while a write waits: it is refused within its transaction, on both databases."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx2
import pytest

from bayplan.clock import now
from bayplan.db.principal import Principal
from bayplan.errors import BayplanError, Forbidden, Unauthenticated
from bayplan.schemas.docker import ImageCreate
from bayplan.schemas.workers import JoinTokenCreate
from bayplan.server.app import open_context
from bayplan.server.context import Context
from bayplan.server.crud import queries as crud_queries
from bayplan.server.fleet import queries as fleet_queries
from bayplan.server.images import queries as image_queries
from bayplan.server.prefetch import inventory
from bayplan.server.resources import RESOURCES
from tests import catalogue
from tests.conftest import Service
from tests.joining import join, joined

IMAGES = next(resource for resource in RESOURCES if resource.name == "docker")
Write = Callable[[Context, Principal, int], Awaitable[object]]


async def create(context: Context, principal: Principal, _image: int) -> object:
    """A write of a group."""
    values = ImageCreate.model_validate(catalogue.image()).model_dump()
    return await crud_queries.create(context, crud_queries.Sender(principal, None), IMAGES, values, ())


async def change_facts(context: Context, principal: Principal, image: int) -> object:
    """A write of its own transaction."""
    await image_queries.change_facts(context, principal, image, {"gpu_archs": ["sm_80"]}, if_match=None)
    return None


async def make_join_token(context: Context, principal: Principal, _image: int) -> object:
    """A write that moves no version."""
    return await fleet_queries.create_join_token(context, principal, JoinTokenCreate(expires_in=60, uses=1))


async def outcome(write: Awaitable[object]) -> type[BayplanError] | None:
    """The class of the error that a write raises."""
    try:
        await write
    except BayplanError as error:
        return type(error)
    return None


def raised(service: Service, token: str, writes: Mapping[str, Write], ends: Callable[[], Any], image: int) -> Any:
    """What each write raises by a principal who was let in before the rights ended; the second time, one let in after."""

    async def work() -> dict[str, type[BayplanError] | None]:
        context = open_context(service.settings)
        try:
            principal = (await context.authenticator.authenticate(token)).principal
            await asyncio.to_thread(ends)
            return {name: await outcome(write(context, principal, image)) for name, write in writes.items()}
        finally:
            await context.db.close()

    return asyncio.run(work())


WRITES: Mapping[str, Write] = {"create": create, "facts": change_facts, "join token": make_join_token}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"is_active": False}, Unauthenticated),
        ({"password": "another long password"}, Unauthenticated),
        ({"is_staff": False}, Forbidden),
        ({"first_name": "New"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_a_users_write_goes_by_the_rights_of_its_commit(
    service: Service, change: dict[str, object], error: type[BayplanError] | None
) -> None:
    body, image = catalogue.user(is_staff=True), service.make("docker")
    user = service.staff.post("/v1/users/create", json=body).json()["pk"]
    credentials = {"username": body["username"], "password": body["password"]}
    token = service.anonymous.post("/v1/auth/obtain", json=credentials).json()["access"]

    def ends() -> None:
        if change:
            service.staff.patch(f"/v1/users/{user}", json=change).raise_for_status()

    assert raised(service, token, WRITES, ends, image["pk"]) == dict.fromkeys(WRITES, error)


@pytest.mark.parametrize("way", ["revoked", "joined again"])
def test_a_workers_write_goes_by_its_credential_at_its_commit(service: Service, way: str) -> None:
    image = service.make("docker")["pk"]

    async def report(context: Context, principal: Principal, image: int) -> object:
        return await inventory.replace(context.db, principal, [{"image": image, "state": "held"}], now())

    with joined(service, 1) as worker:
        token = worker.client.headers["Authorization"].removeprefix("Bearer ")

        def ends() -> None:
            if way == "joined again":
                assert join(service, worker.body).status_code == 201
            else:
                service.staff.delete(f"/v1/nodes/workers/{worker.answer['worker']}").raise_for_status()

        assert raised(service, token, {"inventory": report}, ends, image) == {"inventory": Unauthenticated}


def staff_client(service: Service) -> tuple[int, httpx2.Client]:
    """A new staff user, and a client that is logged in as them."""
    body = catalogue.user(is_staff=True)
    pk = service.staff.post("/v1/users/create", json=body).json()["pk"]
    credentials = {"username": body["username"], "password": body["password"]}
    token = service.anonymous.post("/v1/auth/obtain", json=credentials).json()["access"]
    return pk, service.client(token)


def at_once(*requests: Callable[[], httpx2.Response]) -> list[int]:
    """The statuses of requests that are sent at once, in order."""
    with ThreadPoolExecutor(len(requests)) as threads:
        return sorted(response.status_code for response in threads.map(lambda request: request(), requests))


def test_of_two_staff_who_deactivate_each_other_at_once_one_stays(service: Service) -> None:
    for method, body in (("DELETE", None), ("PATCH", {"is_active": False}), ("PATCH", {"is_staff": False})) * 3:
        (first, as_first), (second, as_second) = staff_client(service), staff_client(service)
        statuses = at_once(
            partial(as_first.request, method, f"/v1/users/{second}", json=body),
            partial(as_second.request, method, f"/v1/users/{first}", json=body),
        )
        assert statuses[0] < 300, statuses
        assert statuses[1] in (401, 403), statuses
        users = [service.staff.get(f"/v1/users/{pk}").json() for pk in (first, second)]
        assert sorted(user["is_active"] and user["is_staff"] for user in users) == [False, True]


def test_the_last_staff_user_stays_though_all_go_at_once(service: Service) -> None:
    users = [staff_client(service) for _ in range(3)]
    admin = next(user["pk"] for user in service.staff.post("/v1/users/list").json() if user["username"] == "admin")
    users.append((admin, service.staff))
    assert at_once(*(partial(client.delete, f"/v1/users/{pk}") for pk, client in users)) == [204, 204, 204, 409]
    last = [client for _, client in users if client.post("/v1/users/list").status_code == 200]
    assert len(last) == 1
