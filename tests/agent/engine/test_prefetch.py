"""`bayplan worker run` keeps what rules name on a machine, for real: a real server, real registries, a real engine."""

import json
import os
import signal
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import catalogue
from tests.agent.box import Box, until
from tests.agent.documents import A6000
from tests.agent.engine.between import between, in_front
from tests.agent.engine.conftest import PREFETCH_SECONDS, Body, Enter, Runs
from tests.agent.engine.images import Pushed, push
from tests.agent.engine.running import Dockerd
from tests.process import Server, running_server
from tests.programs import FETCH_TIMEOUT_SECONDS
from tests.registry.running import Kind, Registry

pytestmark = pytest.mark.timeout(FETCH_TIMEOUT_SECONDS + 120)
PROMISED_MEMORY_KB = 60 * 1024


def own(box: Box) -> list[str]:
    """What the machine remembers to have pulled because of rules."""
    path = box.state.with_name("worker-images.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return [entry["reference"] for entry in json.loads(path.read_text())["own"]]


def memory_kb(pid: int, which: str) -> int:
    """The memory that a process has (VmRSS), or the most that it has had (VmHWM)."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(which))
    return int(line.split()[1])


def here(engine: Dockerd) -> set[str]:
    """The references that the engine has."""
    return engine.everything()[0]


def withdraw(staff: httpx.Client, rule: Body) -> None:
    """Takes the rule away."""
    assert staff.delete(f"/v1/prefetch/{rule['pk']}").status_code == 204


@pytest.mark.parametrize("kind", ["open", "basic"])
def test_it_pulls_what_rules_name_and_removes_what_they_name_no_more(
    kind: Kind,
    registries: dict[Kind, Registry],
    engine: Dockerd,
    machine: Box,
    enter: Enter,
    name: str,
    rule: Body,
    runs: Runs,
    read_inventory: Callable[[], dict[int, Body]],
    staff: httpx.Client,
) -> None:
    pushed = [push(registries[kind], f"team/{name}-{letter}", more_bytes=[300_000]) for letter in "ab"]
    entered = [enter(image, name=f"{name}-{letter}") for image, letter in zip(pushed, "ab", strict=True)]
    with runs() as worker:
        until(lambda: {image.pinned for image in pushed} <= here(engine), lambda: worker.output)
        until(
            lambda: {entry["state"] for entry in read_inventory().values()} == {"held"}, lambda: str(read_inventory())
        )
        inventory = read_inventory()
        for image, row in zip(pushed, entered, strict=True):
            assert inventory[row["pk"]]["digest"] == image.digest
            assert inventory[row["pk"]]["size_bytes"] > 300_000
            assert inventory[row["pk"]]["wanted"] is True
        assert sorted(own(machine)) == [image.pinned for image in pushed]
        assert worker.output.index(pushed[0].pinned) < worker.output.index(pushed[1].pinned)
        assert memory_kb(worker.process.pid, "VmHWM") < PROMISED_MEMORY_KB
        if pushed[0].registry.login is not None:
            for text in (worker.output, machine.state.with_name("worker-images.json").read_text(), engine.log):
                assert pushed[0].registry.login.password not in text
        # One is withdrawn, then all are.
        staff.delete(f"/v1/docker/{entered[0]['pk']}").raise_for_status()
        until(lambda: pushed[0].pinned not in here(engine), lambda: worker.output)
        assert pushed[1].pinned in here(engine)
        withdraw(staff, rule)
        until(lambda: pushed[1].pinned not in here(engine), lambda: worker.output)
        until(lambda: not read_inventory(), lambda: str(read_inventory()))
        until(lambda: own(machine) == [], lambda: str(own(machine)))


def test_what_somebody_else_pulled_stays(
    engine: Dockerd,
    machine: Box,
    image: tuple[Pushed, Body],
    rule: Body,
    runs: Runs,
    read_inventory: Callable[[], dict[int, Body]],
    staff: httpx.Client,
) -> None:
    pushed, entered = image
    with engine.api() as api:
        api.pull(f"{pushed.registry.host}/{pushed.repository}", tag=pushed.digest)
    with runs() as worker:
        until(lambda: read_inventory().get(entered["pk"], {}).get("state") == "held", lambda: worker.output)
        withdraw(staff, rule)
        until(lambda: not read_inventory(), lambda: str(read_inventory()))
        assert "Removed" not in worker.output
    assert pushed.pinned in here(engine)


@pytest.mark.parametrize("runs_still", [False])
def test_what_a_container_uses_stays_until_it_is_gone(
    runs_still: bool,
    engine: Dockerd,
    machine: Box,
    image: tuple[Pushed, Body],
    rule: Body,
    runs: Runs,
    read_inventory: Callable[[], dict[int, Body]],
    staff: httpx.Client,
) -> None:
    pushed, entered = image
    with runs() as worker:
        until(lambda: pushed.pinned in here(engine), lambda: worker.output)
        with engine.api() as api:
            container = api.create_container(pushed.pinned)["Id"]
        until(lambda: read_inventory()[entered["pk"]]["state"] == "held", lambda: str(read_inventory()))
        withdraw(staff, rule)
        until(lambda: "uses it" in (read_inventory()[entered["pk"]]["detail"] or ""), lambda: str(read_inventory()))
        assert read_inventory()[entered["pk"]]["wanted"] is False
        assert pushed.pinned in here(engine)
        with engine.api() as api:
            api.remove_container(container)
        until(lambda: pushed.pinned not in here(engine), lambda: worker.output)
        until(lambda: not read_inventory(), lambda: str(read_inventory()))


def test_what_is_missing_in_its_registry_is_kept_where_it_is_in_the_inventory(
    engine: Dockerd,
    machine: Box,
    image: tuple[Pushed, Body],
    rule: Body,
    runs: Runs,
    staff: httpx.Client,
) -> None:
    pushed, entered = image
    with runs() as worker:
        until(lambda: pushed.pinned in here(engine), lambda: worker.output)
        pushed.forget()
        checked = staff.post(f"/v1/docker/{entered['pk']}/checks")
        assert checked.json()["state"] == "missing", checked.text
        time.sleep(4 * PREFETCH_SECONDS)
        assert pushed.pinned in here(engine)
        withdraw(staff, rule)
        until(lambda: pushed.pinned not in here(engine), lambda: worker.output)


@pytest.mark.parametrize("inspected", [True, False])
def test_a_budget_leaves_out_what_is_too_large_and_goes_on(
    inspected: bool,
    engine: Dockerd,
    registry: Registry,
    machine: Box,
    enter: Enter,
    name: str,
    rule: Body,
    runs: Runs,
    read_inventory: Callable[[], dict[int, Body]],
    staff: httpx.Client,
) -> None:
    sizes = {"a": 300_000, "b": 9_000_000, "c": 300_000}
    pushed = {letter: push(registry, f"team/{name}-{letter}", more_bytes=[size]) for letter, size in sizes.items()}
    pks = {
        letter: enter(
            image, name=f"{name}-{letter}", inspect=inspected, **({} if inspected else {"url": image.pinned})
        )["pk"]
        for letter, image in pushed.items()
    }

    def states() -> dict[str, Any]:
        inventory = read_inventory()
        return {letter: inventory[pk]["state"] for letter, pk in pks.items() if pk in inventory}

    with runs(budget_bytes=8_000_000) as worker:
        until(lambda: states() == {"a": "held", "b": "no_room", "c": "held"}, lambda: f"{states()} {worker.output}")
        assert "--disk-budget" in read_inventory()[pks["b"]]["detail"]
        assert pushed["b"].pinned not in here(engine)
        kept = sorted([pushed["a"].pinned, pushed["c"].pinned])
        until(lambda: sorted(own(machine)) == kept, lambda: str(own(machine)))
        # It is not pulled again and again only to be removed.
        asked = sum(pushed["b"].repository in line for line in registry.requests)
        time.sleep(4 * PREFETCH_SECONDS)
        assert sum(pushed["b"].repository in line for line in registry.requests) == asked
        assert worker.output.count("is not here") == 1
    # With more room it is pulled; with less, the last of the desired images goes first.
    with runs(budget_bytes=40_000_000) as worker:
        until(lambda: set(states().values()) == {"held"}, lambda: f"{states()} {worker.output}")
    options = ("--prefetch-every", "1s", "--engine", engine.address)
    with machine.running_command(*options, "--disk-budget", "2MB") as worker:
        until(lambda: states() == {"a": "held", "b": "no_room", "c": "no_room"}, lambda: f"{states()} {worker.output}")
        until(
            lambda: here(engine) & {image.pinned for image in pushed.values()} == {pushed["a"].pinned},
            lambda: worker.output,
        )


def test_some_of_the_disk_stays_free(
    engine: Dockerd,
    machine: Box,
    image: tuple[Pushed, Body],
    rule: Body,
    read_inventory: Callable[[], dict[int, Body]],
) -> None:
    pushed, entered = image
    options = ("--prefetch-every", "1s", "--engine", engine.address)
    with machine.running_command(*options, "--keep-free", "99%") as worker:
        until(lambda: read_inventory()[entered["pk"]]["state"] == "no_room", lambda: worker.output)
        assert "--keep-free" in read_inventory()[entered["pk"]]["detail"]
        assert pushed.pinned not in here(engine)


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
    staff: httpx.Client,
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
    staff: httpx.Client,
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


def test_it_can_be_switched_off(
    engine: Dockerd, machine: Box, image: tuple[Pushed, Body], rule: Body, server: Server, staff: httpx.Client
) -> None:
    pushed, _ = image
    asked = server.log.count("/v1/prefetch/wanted")
    options = ("--prefetch-every", "1s", "--engine", engine.address, "--no-prefetch")
    with machine.running_command(*options) as worker:
        for _ in range(2):  # heartbeats: a first question would come before the second

            def last_seen() -> str:
                return str(staff.get(f"/v1/nodes/{machine.kept.nodes[0]}").json()["last_seen"] or "")

            last = last_seen()
            until(lambda last=last: last_seen() > last, lambda: worker.output)  # type: ignore[misc]  # bound at once
    assert server.log.count("/v1/prefetch/wanted") == asked
    assert pushed.pinned not in here(engine)


def test_refused_credentials_are_reported_and_new_ones_tried_at_once(
    engine: Dockerd,
    registries: dict[Kind, Registry],
    machine: Box,
    enter: Enter,
    name: str,
    rule: Body,
    runs: Runs,
    read_inventory: Callable[[], dict[int, Body]],
    staff: httpx.Client,
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
        worker.until_printed("No server answers")
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
