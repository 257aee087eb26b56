"""Nothing is lost and nothing is half done: `kill -9`, eight clients at once, and races for one object; on both databases."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import catalogue
from tests.postgres import Postgres
from tests.process import Server

Start = Callable[..., AbstractContextManager[Server]]
CLIENTS = 8


@pytest.fixture(scope="module")
def settings(kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The settings of a server that is started more than once over the same data."""
    chosen = {"home": str(tmp_path_factory.mktemp("durability") / "home")}
    if kind == "sqlite":
        return chosen
    cluster: Postgres = request.getfixturevalue("postgres")
    return chosen | {"database": cluster.create("durability")}


@pytest.fixture(scope="module")
def running(start_server: Start, settings: dict[str, str]) -> Iterator[Server]:
    """A server that the tests of this module share."""
    with start_server(**settings) as server:
        server.stock()
        yield server


def named(client: httpx2.Client, beginning: str) -> list[dict[str, Any]]:
    """The images whose names contain that text."""
    body = {"expressions": [{"type": "contains", "field": "name", "sub_string": beginning}]}
    images: list[dict[str, Any]] = client.post("/v1/docker/list", json=body).json()
    return images


def at_once(server: Server, work: Callable[[httpx2.Client, int], list[int]], token: str) -> Counter[int]:
    """The statuses that eight clients get who do `work` at the same time."""

    def attempt(number: int) -> list[int]:
        with httpx2.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            return work(client, number)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return Counter(status for statuses in pool.map(attempt, range(CLIENTS)) for status in statuses)


def test_what_was_answered_survives_kill_9_the_next_moment(
    kind: str, start_server: Start, database_url: str, tmp_path: Path
) -> None:
    settings = {"home": str(tmp_path / "home")} | ({"database": database_url} if kind == "postgresql" else {})
    written: dict[str, dict[str, object]] = {}
    for turn in range(2):
        with start_server(**settings) as server, server.client() as client:
            for path, answered in written.items():
                assert client.get(path).json() == answered
            if turn == 0:
                server.stock()
            for _ in range(3):
                body = catalogue.image(registry_username="robot", registry_password="s3cret")
                made = client.post("/v1/docker/create", json=body)
                assert made.status_code == 201
                written[f"/v1/docker/{made.json()['pk']}"] = made.json()
            last = client.patch(next(iter(written)), json={"tasks": [f"turn-{turn}"]})
            server.kill()
            assert last.status_code == 200
            written[next(iter(written))] = last.json()
    with start_server(**settings) as server, server.client() as client:
        assert client.post("/v1/docker/list").json() == list(written.values())


def test_of_writes_that_share_a_transaction_every_answered_one_survives_kill_9(
    kind: str, start_server: Start, database_url: str, tmp_path: Path
) -> None:
    settings = {"home": str(tmp_path / "home")} | ({"database": database_url} if kind == "postgresql" else {})
    answered: list[dict[str, Any]] = []
    with start_server(**settings) as server, server.client() as client:
        server.stock()
        token = client.headers["authorization"].removeprefix("Bearer ")

        def work(each: httpx2.Client, _number: int) -> list[int]:
            for _ in range(1_000):
                try:
                    made = each.post("/v1/docker/create", json=catalogue.image())
                except httpx2.TransportError:
                    break
                assert made.status_code == 201
                answered.append(made.json())
                if len(answered) == 60:
                    server.kill()
            return []

        at_once(server, work, token)
    assert len(answered) >= 60
    with start_server(**settings) as server, server.client() as client:
        stored = {image["pk"]: image for image in client.post("/v1/docker/list").json()}
        assert [image for image in answered if stored.get(image["pk"]) != image] == []
        entries = client.get("/v1/history?resource=docker&limit=1000").json()
        assert {entry["pk"] for entry in entries} == stored.keys()
        assert len({entry["version"] for entry in entries}) == len(entries)


def test_who_got_a_password_is_in_the_audit_log_after_kill_9_the_next_moment(
    kind: str, start_server: Start, database_url: str, tmp_path: Path
) -> None:
    settings = {"home": str(tmp_path / "home")} | ({"database": database_url} if kind == "postgresql" else {})
    times: list[int] = []  # of the entries that there must be, newest first
    for turn in range(3):
        with start_server(**settings) as server, server.client() as client:
            if not times:
                server.stock()
                body = catalogue.image(registry_username="robot", registry_password="s3cret")
                client.post("/v1/docker/create", json=body).raise_for_status()
                times = [1]
            entries = client.get("/v1/audit").json()
            assert [entry["times"] for entry in entries] == times, entries
            for _ in range(turn + 1):
                answer = client.post("/v1/docker/list")
            server.kill()
            assert answer.json()[0]["registry_password"] == "s3cret"
            times = [turn + 1, *times]


def test_an_apply_that_kill_9_ends_is_stored_whole_or_not_at_all(
    kind: str, start_server: Start, database_url: str, tmp_path: Path
) -> None:
    settings = {"home": str(tmp_path / "home")} | ({"database": database_url} if kind == "postgresql" else {})
    document = {"images": [catalogue.image(name="applied", version=str(number)) for number in range(1_000)]}

    def apply(server: Server, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        try:
            return httpx2.post(
                f"{server.url}/v1/catalogue/apply", json=document, headers=headers, timeout=60
            ).status_code
        except httpx2.TransportError:
            return 0

    with start_server(**settings) as server, ThreadPoolExecutor(1) as pool:
        server.stock()
        token, before = server.token(), server.cpu_seconds
        applying = pool.submit(apply, server, token)
        while server.cpu_seconds < before + 0.15 and not applying.done():
            time.sleep(0.002)
        server.kill()
        answered = applying.result()
    with start_server(**settings) as server, server.client() as client:
        stored = len(named(client, "applied"))
        assert stored == 1_000 if answered == 200 else stored in (0, 1_000)
        assert apply(server, server.token()) == 200
        assert len(named(client, "applied")) == 1_000


def test_of_eight_applies_of_one_plan_one_is_done_and_the_others_are_told_so(running: Server) -> None:
    with running.client() as client:
        plan = {"params": {"dry_run": "true"}, "json": {"images": [catalogue.image(name="raced")]}}
        version = client.post("/v1/catalogue/apply", **plan).json()["version"]  # type: ignore[arg-type]  # two of its arguments

    def work(client: httpx2.Client, number: int) -> list[int]:
        document = {"images": [catalogue.image(name="raced", version=f"{number}-{at}") for at in range(20)]}
        answer = client.post("/v1/catalogue/apply", json=document, headers={"If-Match": f'"{version}"'})
        return [answer.status_code]

    assert at_once(running, work, running.token()) == {200: 1, 412: CLIENTS - 1}
    with running.client() as client:
        stored = [image["version"] for image in named(client, "raced")]
    assert len(stored) == 20
    assert len({version.partition("-")[0] for version in stored}) == 1


def test_eight_clients_that_write_different_things_all_succeed(running: Server) -> None:
    def work(client: httpx2.Client, number: int) -> list[int]:
        statuses = []
        for turn in range(12):
            made = client.post("/v1/docker/create", json=catalogue.image(name=f"client-{number}", version=str(turn)))
            path = f"/v1/docker/{made.json()['pk']}"
            statuses += [
                made.status_code,
                client.patch(path, json={"cpu": True}).status_code,
                client.put(path, json=catalogue.image(name=f"client-{number}", version=f"{turn}.1")).status_code,
                client.post("/v1/docker/list?limit=5").status_code,
            ]
        return statuses

    statuses = at_once(running, work, running.token())
    assert statuses == {201: CLIENTS * 12, 200: CLIENTS * 36}
    with running.client() as client:
        images = named(client, "client-")
    assert len({image["pk"] for image in images}) == len(images) == CLIENTS * 12
    assert all(image["version"].endswith(".1") and image["cpu"] is False for image in images)


def test_of_eight_clients_that_want_one_name_one_gets_it_and_the_others_a_conflict(running: Server) -> None:
    names = 10

    def work(client: httpx2.Client, _number: int) -> list[int]:
        return [
            client.post("/v1/docker/create", json=catalogue.image(name=f"wanted-{turn}", version="1")).status_code
            for turn in range(names)
        ]

    assert at_once(running, work, running.token()) == {201: names, 409: names * (CLIENTS - 1)}
    with running.client() as client:
        assert len(named(client, "wanted-")) == names


def test_if_match_prevents_lost_updates(running: Server) -> None:
    rounds = 6
    with running.client() as client:
        path = f"/v1/docker/{client.post('/v1/docker/create', json=catalogue.image(tasks=['start'])).json()['pk']}"

    def work(client: httpx2.Client, number: int) -> list[int]:
        statuses = []
        for turn in range(rounds):
            while True:
                seen = client.get(path)
                tasks = [*seen.json()["tasks"], f"c{number}-{turn}"]
                method, body = ("PATCH", {"tasks": tasks})
                if number % 2:
                    method = "PUT"
                    body = {name: seen.json()[name] for name in catalogue.WRITABLE} | {"tasks": tasks}
                answer = client.request(method, path, json=body, headers={"If-Match": seen.headers["etag"]})
                statuses.append(answer.status_code)
                if answer.status_code != 412:
                    break
        return statuses

    statuses = at_once(running, work, running.token())
    assert set(statuses) <= {200, 412}
    assert statuses[200] == CLIENTS * rounds
    with running.client() as client:
        assert len(client.get(path).json()["tasks"]) == 1 + CLIENTS * rounds


def test_what_is_deleted_while_others_refer_to_it_is_kept_or_gone_never_both(running: Server) -> None:
    with running.client() as client:
        frameworks = [client.post("/v1/frameworks/create", json=catalogue.framework()).json()["pk"] for _ in range(10)]

    def work(client: httpx2.Client, number: int) -> list[int]:
        if number % 2:
            return [client.delete(f"/v1/frameworks/{pk}").status_code for pk in frameworks]
        return [client.post("/v1/docker/create", json=catalogue.image(framework=pk)).status_code for pk in frameworks]

    assert set(at_once(running, work, running.token())) <= {201, 204, 404, 409, 422}
    with running.client() as client:
        for image in client.post("/v1/docker/list").json():
            assert client.get(f"/v1/frameworks/{image['framework']}").status_code == 200


def test_of_eight_who_hard_delete_one_image_one_does(running: Server) -> None:
    with running.client() as client:
        pk = client.post("/v1/docker/create", json=catalogue.image()).json()["pk"]

    def work(client: httpx2.Client, _number: int) -> list[int]:
        return [client.delete(f"/v1/docker/{pk}/hard").status_code]

    assert at_once(running, work, running.token()) == {200: 1, 404: CLIENTS - 1}


def test_two_servers_share_one_postgresql(
    kind: str, start_server: Start, settings: dict[str, str], running: Server
) -> None:
    if kind == "sqlite":
        pytest.skip("an embedded database has one server")
    with start_server(**settings) as second, running.client() as here:
        token = running.token()
        made = here.post("/v1/docker/create", json=catalogue.image()).json()
        with httpx2.Client(base_url=second.url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as there:
            worker = {"driver_version": "580.65.06", "compute_capability": "8.6"}
            only_it = {"expressions": [{"type": "exact", "field": "pk", "value": made["pk"]}]}
            question = {"worker": worker, "filter": only_it}
            assert there.get(f"/v1/docker/{made['pk']}").json() == made
            assert there.post("/v1/docker/match", json=question).json()["considered"] == 1
            here.delete(f"/v1/docker/{made['pk']}")
            assert there.post("/v1/docker/match", json=question).json()["considered"] == 0
