"""What `bayplan worker run` does where a pull stops or fails: a real server, real registries, a real engine."""

import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from bayplan.agent.engine import SOCKETS
from tests import catalogue
from tests.agent.box import Box, until
from tests.agent.documents import A6000
from tests.agent.engine.between import between, in_front
from tests.agent.engine.conftest import PREFETCH_SECONDS, Body, Enter, Runs
from tests.agent.engine.images import Pushed, push
from tests.agent.engine.running import Dockerd
from tests.agent.engine.test_prefetch import here, own, withdraw
from tests.process import Server, running_server
from tests.programs import FETCH_TIMEOUT_SECONDS
from tests.registry.running import Kind, Registry

pytestmark = pytest.mark.timeout(FETCH_TIMEOUT_SECONDS + 120)


def test_a_stop_in_the_middle_of_a_pull_leaves_no_trace(
    engine: Dockerd,
    registry: Registry,
    machine: Box,
    enter: Enter,
    name: str,
    rule: Body,
    runs: Runs,
    read_inventory: Callable[[], dict[int, Body]],
) -> None:
    pushed = push(registry, f"team/{name}", more_bytes=[2_000_000, 100_000])
    before = engine.everything()
    with between(registry) as server:
        entered = enter(
            pushed,
            inspect=False,
            **in_front(pushed, server) | {"url": f"{server.host}/{pushed.repository}@{pushed.digest}"},
        )
        pinned = f"{server.host}/{pushed.repository}@{pushed.digest}"
        server.held_back = pushed.layers[1]
        with runs() as worker:
            assert server.half_is_sent.wait(60), worker.output
            until(lambda: read_inventory()[entered["pk"]]["state"] == "pulling", lambda: str(read_inventory()))
            worker.process.send_signal(signal.SIGTERM)
            assert worker.process.wait(30) == 0
            assert worker.output.count("\n") == 1, worker.output
        until(lambda: engine.everything() == before, lambda: f"{engine.everything()} is not {before}")
        assert {path.name for path in machine.state.parent.iterdir()} == {"worker.json", "worker-images.json"}
        server.held_back = None
        with runs() as worker:
            until(lambda: pinned in here(engine), lambda: worker.output)
            until(lambda: own(machine) == [pinned], lambda: str(own(machine)))


def test_a_pull_that_turns_out_to_be_too_much_is_given_up_and_leaves_no_trace(
    engine: Dockerd,
    registry: Registry,
    machine: Box,
    enter: Enter,
    name: str,
    rule: Body,
    runs: Runs,
    read_inventory: Callable[[], dict[int, Body]],
) -> None:
    pushed = push(registry, f"team/{name}", more_bytes=[4_000_000])
    before = engine.everything()
    with between(registry) as server:
        pinned = f"{server.host}/{pushed.repository}@{pushed.digest}"
        entered = enter(pushed, inspect=False, **in_front(pushed, server) | {"url": pinned})
        server.held_back = pushed.layers[1]
        with runs(budget_bytes=3_000_000) as worker:
            until(lambda: read_inventory()[entered["pk"]]["state"] == "no_room", lambda: worker.output)
            until(lambda: engine.everything() == before, lambda: f"{engine.everything()} is not {before}")
            until(lambda: own(machine) == [], lambda: str(own(machine)))
            assert worker.process.poll() is None


def test_heartbeats_go_on_while_something_is_pulled(
    engine: Dockerd,
    registry: Registry,
    machine: Box,
    enter: Enter,
    name: str,
    rule: Body,
    runs: Runs,
    staff: httpx2.Client,
) -> None:
    pushed = push(registry, f"team/{name}", more_bytes=[2_000_000])

    def last_seen() -> str:
        return str(staff.get(f"/v1/nodes/{machine.kept.nodes[0]}").json()["last_seen"])

    with between(registry) as server:
        enter(
            pushed,
            inspect=False,
            **in_front(pushed, server) | {"url": f"{server.host}/{pushed.repository}@{pushed.digest}"},
        )
        server.held_back = pushed.layers[1]
        with runs() as worker:
            assert server.half_is_sent.wait(60), worker.output
            for _ in range(3):
                last = last_seen()
                until(lambda last=last: last_seen() > last, lambda: "seen")  # type: ignore[misc]  # bound at once
            server.end.set()


def test_a_missing_engine_is_logged_once_and_heartbeats_go_on(
    machine: Box,
    image: tuple[Pushed, Body],
    rule: Body,
    read_inventory: Callable[[], dict[int, Body]],
    staff: httpx2.Client,
) -> None:
    _, entered = image
    with machine.running(prefetch_seconds=PREFETCH_SECONDS, engine=f"unix://{machine.folder}/nothing") as worker:
        until(lambda: read_inventory()[entered["pk"]]["state"] == "failed", lambda: str(read_inventory()))
        for _ in range(5):  # heartbeats, and as many tries to prefetch

            def last_seen() -> str:
                return str(staff.get(f"/v1/nodes/{machine.kept.nodes[0]}").json()["last_seen"])

            last = last_seen()
            until(lambda last=last: last_seen() > last, lambda: worker.output)  # type: ignore[misc]  # bound at once
        assert worker.output.count("no image is prefetched") == 1
        assert worker.process.poll() is None


def test_refused_credentials_are_reported_and_new_ones_tried_at_once(
    engine: Dockerd,
    registries: dict[Kind, Registry],
    machine: Box,
    enter: Enter,
    name: str,
    rule: Body,
    runs: Runs,
    read_inventory: Callable[[], dict[int, Body]],
    staff: httpx2.Client,
) -> None:
    pushed = push(registries["basic"], f"team/{name}")
    entered = enter(pushed)
    path = f"/v1/docker/{entered['pk']}"
    staff.patch(path, json={"registry_password": "of last year"}).raise_for_status()
    with runs() as worker:
        until(lambda: read_inventory()[entered["pk"]]["state"] == "failed", lambda: worker.output)
        assert "does not let" in read_inventory()[entered["pk"]]["detail"]
        assert pushed.registry.login is not None
        staff.patch(path, json={"registry_password": pushed.registry.login.password}).raise_for_status()
        until(lambda: pushed.pinned in here(engine), lambda: worker.output)


def test_a_registry_that_is_down_is_asked_once_for_all_of_its_images(
    engine: Dockerd,
    registry: Registry,
    machine: Box,
    enter: Enter,
    name: str,
    rule: Body,
    runs: Runs,
    read_inventory: Callable[[], dict[int, Body]],
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        for letter in "abc":
            digest = f"sha256:{'0' * 63}{letter}"
            enter_at = {"url": f"{host}/team/{name}@{digest}", "registry": f"http://{host}"}
            enter(push(registry, f"team/{name}"), inspect=False, name=f"{name}-{letter}", **enter_at)
        there = push(registry, f"team/{name}-z")
        enter(there, name=f"{name}-z")
        with runs() as worker:
            until(lambda: there.pinned in here(engine), lambda: worker.output)
            until(
                lambda: [entry["state"] for entry in read_inventory().values()].count("failed") == 3,
                lambda: str(read_inventory()),
            )
            assert worker.output.count("is not here") == 1
            assert host in worker.output


def test_it_outlives_its_server(tmp_path: Path, engine: Dockerd, registry: Registry, name: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    pushed = [push(registry, f"team/{name}-{letter}") for letter in "ab"]
    box = Box(tmp_path)
    box.has("535.104.05", A6000)

    def enter(server: Server, image: Pushed) -> None:
        with server.client() as staff:
            body = catalogue.image(
                url=image.pinned, registry=f"http://{registry.host}", cuda_version="12.2.2", cpu=True
            )
            staff.post("/v1/docker/create", json=body).raise_for_status()

    with running_server(tmp_path / "home", "--port", port) as server:
        server.stock()
        with server.client() as staff:
            staff.post("/v1/prefetch/create", json={"name": "all", "images": {}}).raise_for_status()
            token = staff.post("/v1/nodes/join-tokens", json={}).json()["token"]
        box.run("join", server.url, "--token", token)
        enter(server, pushed[0])
    with box.running(prefetch_seconds=PREFETCH_SECONDS, engine=engine.address) as worker:
        worker.until_printed("Nothing answers")
        with running_server(tmp_path / "home", "--port", port) as server:
            until(lambda: pushed[0].pinned in here(engine), lambda: worker.output)
        with engine.api() as api:
            api.remove_image(pushed[0].pinned)
        # What it knows, it does without the server.
        until(lambda: pushed[0].pinned in here(engine), lambda: worker.output)
        with running_server(tmp_path / "home", "--port", port) as server:
            enter(server, pushed[1])
            until(lambda: pushed[1].pinned in here(engine), lambda: worker.output)
    assert os.environ.get("DOCKER_HOST") is None


@pytest.mark.skipif(any(place.exists() for place in SOCKETS), reason="this machine has an engine")
def test_the_status_of_a_machine_without_an_engine_on_which_images_are_desired(
    machine: Box, image: tuple[Pushed, Body], rule: Body, staff: httpx2.Client
) -> None:
    status = json.loads(machine.run("status", "--json", code=5).out)
    assert status["failing"] == ["engine"]
    assert "No container engine runs on this machine" in status["troubles"][0]
    withdraw(staff, rule)
    assert json.loads(machine.run("status", "--json").out)["engine"] is None
