"""`bayplan worker run` keeps what rules name on a machine, for real: a real server, real registries, a real engine."""

import json
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.agent.box import Box, until
from tests.agent.engine.conftest import PREFETCH_SECONDS, Body, Enter, Runs
from tests.agent.engine.images import Pushed, push
from tests.agent.engine.running import Dockerd
from tests.forks import ANEW
from tests.process import Server
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


def withdraw(staff: httpx2.Client, rule: Body) -> None:
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
    staff: httpx2.Client,
) -> None:
    pushed = [push(registries[kind], f"team/{name}-{letter}", more_bytes=[300_000]) for letter in "ab"]
    entered = [enter(image, name=f"{name}-{letter}") for image, letter in zip(pushed, "ab", strict=True)]
    with runs(before=ANEW) as worker:
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
    staff: httpx2.Client,
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
    staff: httpx2.Client,
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
    staff: httpx2.Client,
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
    staff: httpx2.Client,
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


def test_it_can_be_switched_off(
    engine: Dockerd, machine: Box, image: tuple[Pushed, Body], rule: Body, server: Server, staff: httpx2.Client
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
