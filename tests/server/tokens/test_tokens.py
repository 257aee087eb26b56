"""Tokens for programs: shown once, stored as hashes, ended at once, and never a way to more than their owner has."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from bayplan.clock import timestamp, utc_now
from bayplan.db import tables
from bayplan.db.database import fetch_all
from bayplan.db.engines import open_database
from bayplan.errors import Unauthenticated
from bayplan.schemas.tokens import SCOPES
from bayplan.server.app import open_context
from bayplan.server.auth.api_tokens import is_well_formed, new_token
from bayplan.server.auth.password_queue import REFUSALS_AT_ONCE
from bayplan.server.auth.token_uses import TokenUses
from bayplan.server.tokens.store import MOST_LIVE
from tests import catalogue
from tests.answers import refused
from tests.conftest import USER, Service
from tests.server.users.test_rights_in_writes import WRITES, raised
from tests.server.users.test_users import pk_of
from tests.tokens import made, program


def stored(service: Service) -> list[dict[str, Any]]:
    """The rows of the tokens."""

    async def read() -> list[dict[str, Any]]:
        db = open_database(service.settings.database_url)
        try:
            return [dict(row._mapping) for row in await fetch_all(db, sa.select(tables.api_tokens))]
        finally:
            await db.close()

    return service.loop.run(read())


def status(client: httpx2.Client) -> int:
    """The status of the answer to a list of images."""
    return client.post("/v1/docker/list").status_code


def test_a_token_is_shown_once_and_stored_as_a_hash(service: Service) -> None:
    new = made(service.user, "ci", "match")
    assert new.keys() == {"pk", "name", "token", "scopes", "expires"}
    assert new["token"].startswith("bpt_")
    assert is_well_formed(new["token"])
    (listed,) = service.user.post("/v1/tokens/list").json()
    assert listed.items() >= {"pk": new["pk"], "name": "ci", "owner": USER[0], "scopes": ["match"]}.items()
    assert (listed["revoked"], listed["last_used"]) == (None, None)
    history = service.staff.get("/v1/history?resource=tokens").json()
    assert [(entry["user"], entry["action"], entry["pk"]) for entry in history] == [(USER[0], "create", new["pk"])]
    assert history[0]["changes"]["secret"] == {"before": None, "after": "(set)"}
    (row,) = stored(service)
    for text in (repr(row), repr(history), repr(listed)):
        assert new["token"] not in text
        assert new["token"][4:] not in text
    assert row["token_hash"] not in repr(history) + repr(listed)


def test_what_a_token_can_be(shared: Service) -> None:
    for body, field in (
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["root"]}, "scopes.0"),
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"name": "x", "scopes": ["read"], "expires_in": 0}, "expires_in"),
        ({"name": "x", "scopes": ["read"], "expires_in": 366 * 86400}, "expires_in"),
    ):
        refused(shared.user.post("/v1/tokens/create", json=body), 422, field=field)
    moments = [made(shared.user, "a")["expires"], made(shared.user, "b", expires_in=365 * 86400)["expires"]]
    for moment, days in zip(moments, (90, 365), strict=True):
        assert moment[:10] == (utc_now() + timedelta(days=days)).date().isoformat()
    refused(shared.user.post("/v1/tokens/create", json={"name": "a", "scopes": ["read"]}), 409, code="duplicate")
    assert made(shared.staff, "a")["name"] == "a", "a name is its owner's"


def test_a_revoked_token_is_out_at_once_and_its_name_is_free(service: Service) -> None:
    new = made(service.user)
    with service.client(new["token"]) as client:
        assert status(client) == 200
        assert service.user.delete(f"/v1/tokens/{new['pk']}").status_code == 204
        assert "revoked" in refused(client.post("/v1/docker/list"), 401)["detail"]
    refused(service.user.delete(f"/v1/tokens/{new['pk']}"), 404)
    assert service.user.post("/v1/tokens/list").json() == []
    (ended,) = service.user.post("/v1/tokens/list", json={"include_inactive": True}).json()
    assert ended["revoked"] is not None
    made(service.user)
    entry = service.staff.get("/v1/history?resource=tokens").json()[1]
    assert (entry["action"], entry["changes"]["name"]["before"]) == ("revoke", "ci")


def test_others_tokens_are_seen_and_revoked_by_staff_alone(service: Service) -> None:
    mine, theirs = made(service.staff), made(service.user)
    refused(service.user.delete(f"/v1/tokens/{mine['pk']}"), 404)
    refused(service.user.delete("/v1/tokens/999999"), 404)
    refused(service.user.post("/v1/tokens/list?everyone=true"), 403)
    assert [token["pk"] for token in service.staff.post("/v1/tokens/list").json()] == [mine["pk"]]
    every = service.staff.post("/v1/tokens/list?everyone=true").json()
    assert [(token["pk"], token["owner"]) for token in every] == [(mine["pk"], "admin"), (theirs["pk"], USER[0])]
    assert service.staff.delete(f"/v1/tokens/{theirs['pk']}").status_code == 204


@pytest.mark.parametrize(
    "change", [{"is_active": False}, {"password": "another long password"}], ids=["deactivated", "password"]
)
def test_what_ends_the_sessions_of_a_user_ends_their_tokens_for_good(service: Service, change: dict[str, Any]) -> None:
    pk = pk_of(service, USER[0])
    with program(service, service.user) as client:
        assert status(client) == 200
        service.staff.patch(f"/v1/users/{pk}", json=change).raise_for_status()
        refused(client.post("/v1/docker/list"), 401)
        service.staff.patch(f"/v1/users/{pk}", json={"is_active": True}).raise_for_status()
        refused(client.post("/v1/docker/list"), 401)
    assert "revoke" in [entry["action"] for entry in service.staff.get("/v1/history?resource=tokens").json()]


def test_a_token_has_no_more_rights_than_its_owner_has_now(service: Service) -> None:
    pk = pk_of(service, USER[0])
    service.staff.patch(f"/v1/users/{pk}", json={"is_staff": True}).raise_for_status()
    with program(service, service.user, "gitops", "apply", "workers") as client:
        assert client.post("/v1/frameworks/create", json=catalogue.framework()).status_code == 201
        assert client.post("/v1/nodes/join-tokens", json={}).status_code == 201
        service.staff.patch(f"/v1/users/{pk}", json={"is_staff": False}).raise_for_status()
        refused(client.post("/v1/frameworks/create", json=catalogue.framework()), 403)
        refused(client.post("/v1/nodes/join-tokens", json={}), 403)
        assert status(client) == 200


def test_a_write_goes_by_the_token_at_its_commit(shared: Service) -> None:
    image = shared.make("docker")["pk"]
    for scopes, error in (((), None), (("again",), Unauthenticated)):
        new = made(shared.staff, f"writer {scopes}", "apply", "workers")

        def ends(pk: int = new["pk"], *, revokes: bool = error is not None) -> None:
            if revokes:
                shared.staff.delete(f"/v1/tokens/{pk}").raise_for_status()

        assert raised(shared, new["token"], WRITES, ends, image) == dict.fromkeys(WRITES, error)


def test_no_token_is_given_a_registrys_credentials(shared: Service) -> None:
    image = shared.make("docker", registry_username="robot", registry_password="s3cret pass")
    path = f"/v1/docker/{image['pk']}"
    with program(shared, shared.staff, "all scopes", *SCOPES) as client:
        answers = [
            client.get(path),
            client.post("/v1/docker/list"),
            client.get(f"{path}?expand=framework"),
            client.patch(path, json={"tasks": ["train"]}),
            client.get(f"{path}/nodes"),
            client.post("/v1/docker/match", json={"worker": {"cpu_mem": 1}, "explain": True}),
            client.get("/v1/catalogue/export"),
            client.post("/v1/catalogue/apply", json={"images": []}),
            client.patch(path, json={"registry_username": "robot", "registry_password": "s3cret next"}),
        ]
        for answer in answers:
            assert answer.is_success, answer.text
            assert "robot" not in answer.text
            assert "s3cret" not in answer.text
        refused(client.get(f"{path}/docker-config"), 403)
        refused(client.get("/v1/catalogue/export?secrets=true"), 403)
        by_name = {"expressions": [{"type": "exact", "field": "registry_username", "value": "robot"}]}
        refused(client.post("/v1/docker/list", json=by_name), 422, code="unknown_field")
        assert shared.staff.get(path).json()["registry_password"] == "s3cret next"
    assert not [entry for entry in shared.staff.get("/v1/audit").json() if "all scopes" in entry["name"]]


def test_no_token_sends_stored_credentials_to_another_registry(shared: Service) -> None:
    image = shared.make("docker", registry_username="robot", registry_password="s3cret pass")
    path, elsewhere = f"/v1/docker/{image['pk']}", {"url": "evil.example.org/a:1", "registry": "evil.example.org"}
    document = {"images": [{**catalogue.image(), "name": image["name"], "version": image["version"], **elsewhere}]}
    for name in ("registry_username", "registry_password"):
        document["images"][0].pop(name, None)
    with program(shared, shared.staff, "gitops", "apply") as client:
        code = "credentials_of_another_registry"
        refused(client.patch(path, json=elsewhere), 422, code=code)
        refused(client.post("/v1/catalogue/apply", json=document), 422, code=code)
        with_others = {**elsewhere, "registry_username": "me", "registry_password": "mine"}
        assert client.patch(path, json=with_others).status_code == 200
    assert shared.staff.patch(path, json={"url": "third.example.org/a:1", "registry": "third.example.org"}).is_success


def test_the_last_use_is_shown_and_moves_no_version(shared: Service) -> None:
    new = made(shared.user, "used")
    version = shared.anonymous.get("/readyz").json()["catalogue_version"]
    with shared.client(new["token"]) as client:
        assert status(client) == 200
    deadline = time.monotonic() + 20
    while shared.user.post("/v1/tokens/list").json()[-1]["last_used"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert shared.anonymous.get("/readyz").json()["catalogue_version"] == version


def test_the_last_use_is_written_once_a_minute_by_any_process(shared: Service) -> None:
    token, start = made(shared.user, "by processes")["pk"], utc_now()
    moments = [start + timedelta(seconds=second) for second in (0, 1, 59, 61, 62, 122)]

    async def written() -> list[str]:
        db = open_database(shared.settings.database_url)
        of_token = sa.select(tables.api_tokens.c.last_used).where(tables.api_tokens.c.pk == token)
        first, second, last_uses = TokenUses(db), TokenUses(db), []
        try:
            for moment in moments:
                for uses in (first, second):
                    uses.note(token, moment.timestamp())
                    await asyncio.sleep(0)
                    await uses.close()
                last_uses.append((await fetch_all(db, of_token))[0][0])
        finally:
            await db.close()
        return last_uses

    at = [timestamp(moments[index]) for index in (0, 3, 5)]
    assert asyncio.run(written()) == [at[0], at[0], at[0], at[1], at[1], at[2]]


def test_an_expired_token_is_out_and_its_name_is_free(service: Service) -> None:
    new = made(service.user)

    async def expire() -> None:
        db = open_database(service.settings.database_url)
        async with db.write(moves=False) as tx:
            await tx.execute(sa.update(tables.api_tokens).values(expires=timestamp(utc_now() - timedelta(seconds=1))))
        await db.close()

    asyncio.run(expire())
    with service.client(new["token"]) as client:
        assert "expired" in refused(client.post("/v1/docker/list"), 401)["detail"]
    assert service.user.post("/v1/tokens/list").json() == []
    made(service.user)


def test_a_kept_token_ends_with_its_time(shared: Service) -> None:
    new = made(shared.user, "short", expires_in=1)
    with shared.client(new["token"]) as client:
        assert status(client) == 200
        deadline = time.monotonic() + 10
        while status(client) == 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        refused(client.post("/v1/docker/list"), 401)


def test_of_one_user_a_bounded_number_of_tokens_is_good(service: Service) -> None:
    async def fill() -> None:
        db = open_database(service.settings.database_url)
        values = {"owner": pk_of(service, USER[0]), "scopes": ["read"], "created": "2026", "expires": "2999"}
        rows = [{**values, "name": f"t{n}", "token_hash": str(n)} for n in range(MOST_LIVE)]
        async with db.write(moves=False) as tx:
            for row in rows:
                await tx.execute(sa.insert(tables.api_tokens), row)
        await db.close()

    asyncio.run(fill())
    refused(service.user.post("/v1/tokens/create", json={"name": "x", "scopes": ["read"]}), 409, "too_many_tokens")


@pytest.mark.parametrize(
    "token",
    ["bpt_", "bpt_0", f"bpt_{'a' * 49}", "BPT_x", f"{'bpt_'}{'é' * 49}", "bpt_' OR 1=1 --", f"bpt_{'a' * 100_000}"],
    ids=["prefix", "short", "no checksum", "case", "letters", "sql", "long"],
)
def test_what_is_no_token_is_no_token(shared: Service, token: str) -> None:
    headers = [(b"Authorization", b"Bearer " + token.encode())]
    answer = shared.anonymous.post("/v1/docker/list", headers=headers)
    assert "bpt_" not in refused(answer, 401)["detail"]
    assert not is_well_formed(token)


def test_guesses_are_slow_and_keep_no_good_token_out(shared: Service) -> None:
    good = made(shared.user, "good")["token"]

    async def work() -> tuple[float, float]:
        context = open_context(shared.settings)
        try:
            begun = time.monotonic()
            guesses = [
                asyncio.create_task(context.authenticator.authenticate(new_token()))
                for _ in range(REFUSALS_AT_ONCE + 10)
            ]
            await asyncio.wait(guesses, return_when=asyncio.FIRST_COMPLETED)
            await context.authenticator.authenticate(good)
            good_seconds = time.monotonic() - begun
            outcomes = await asyncio.gather(*guesses, return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {Unauthenticated}
            return good_seconds, time.monotonic() - begun
        finally:
            await context.authenticator.close()
            await context.db.close()

    good_seconds, all_seconds = asyncio.run(work())
    assert all_seconds >= 1.0
    assert good_seconds < all_seconds


def test_a_token_of_a_program_is_no_refresh_and_no_join_token(shared: Service) -> None:
    token = made(shared.staff, "everything", *SCOPES)["token"]
    refused(shared.anonymous.post("/v1/auth/refresh", json={"refresh": token}), 401)
    assert shared.anonymous.post("/v1/auth/verify", json={"token": token}).status_code == 200
    with shared.client(token) as client:
        refused(client.post("/v1/nodes/join", json=catalogue.machine(1)), 403)
