"""`bayplan worker run` keeps what rules name on a machine whose engine is Podman, for real."""

import signal
from collections.abc import Callable

import httpx2
import pytest

from bayplan.agent.engine import connect
from tests.agent.box import Box, until
from tests.agent.engine.between import between, in_front
from tests.agent.engine.conftest import PREFETCH_SECONDS, Body, Enter
from tests.agent.engine.images import Pushed, push
from tests.agent.engine.test_prefetch import own, withdraw
from tests.programs import FETCH_TIMEOUT_SECONDS
from tests.registry.running import OCI_MANIFEST, Kind, Registry

pytestmark = pytest.mark.timeout(FETCH_TIMEOUT_SECONDS + 120)
ReadInventory = Callable[[], dict[int, Body]]


def here(podman: str) -> set[str]:
    """The references that it has."""
    with connect(podman) as engine:
        return {str(reference) for image in engine.images() for reference in image.references}


def test_it_keeps_what_rules_name_until_they_name_it_no_more(
    registries: dict[Kind, Registry],
    podman: str,
    machine: Box,
    enter: Enter,
    name: str,
    rule: Body,
    read_inventory: ReadInventory,
    staff: httpx2.Client,
) -> None:
    first, second = (push(registries["bearer"], f"team/{name}-{letter}", more_bytes=[300_000]) for letter in "ab")
    entered = [enter(image, name=f"{name}-{letter}") for image, letter in zip((first, second), "ab", strict=True)]
    with machine.running(prefetch_seconds=PREFETCH_SECONDS, engine=podman) as worker:
        until(lambda: {entry["state"] for entry in read_inventory().values()} == {"held"}, lambda: worker.output)
        assert {first.pinned, second.pinned} <= here(podman)
        assert sorted(own(machine)) == [first.pinned, second.pinned]
        assert {entry["digest"] for entry in read_inventory().values()} == {first.digest, second.digest}
        with connect(podman) as engine:
            container = engine.api.create_container(first.pinned)["Id"]
        withdraw(staff, rule)
        until(lambda: second.pinned not in here(podman), lambda: worker.output)
        until(lambda: "uses it" in (read_inventory()[entered[0]["pk"]]["detail"] or ""), lambda: str(read_inventory()))
        assert first.pinned in here(podman)
        with connect(podman) as engine:
            engine.api.remove_container(container)
        until(lambda: first.pinned not in here(podman), lambda: worker.output)
        until(lambda: own(machine) == [], lambda: str(own(machine)))


def test_the_same_image_in_two_places(
    podman: str, registry: Registry, machine: Box, enter: Enter, name: str, rule: Body, staff: httpx2.Client
) -> None:
    """Podman has it once, by two names: each goes by itself."""
    pushed = push(registry, f"team/{name}-a")
    document = _manifest(pushed).json()
    for part in (document["config"], *document["layers"]):
        blob = registry.pushing.get(f"/v2/{pushed.repository}/blobs/{part['digest']}")
        registry.blob(f"team/{name}-b", blob.content)
    assert registry.manifest(f"team/{name}-b", "1", document)["digest"] == pushed.digest
    other = Pushed(registry, f"team/{name}-b", "1", pushed.digest, pushed.layers)
    images = [enter(image, name=f"{name}-{letter}") for image, letter in zip((pushed, other), "ab", strict=True)]
    with machine.running(prefetch_seconds=PREFETCH_SECONDS, engine=podman) as worker:
        until(lambda: {pushed.pinned, other.pinned} <= here(podman), lambda: worker.output)
        until(lambda: sorted(own(machine)) == [pushed.pinned, other.pinned], lambda: worker.output)
        staff.delete(f"/v1/docker/{images[0]['pk']}").raise_for_status()
        until(lambda: own(machine) == [other.pinned], lambda: worker.output)
        assert other.pinned in here(podman)
        withdraw(staff, rule)
        until(lambda: not {pushed.pinned, other.pinned} & here(podman), lambda: worker.output)


def test_an_index_is_kept_by_its_own_digest(
    podman: str, registry: Registry, machine: Box, enter: Enter, name: str, rule: Body, staff: httpx2.Client
) -> None:
    pushed = push(registry, f"team/{name}")
    descriptor = {"mediaType": OCI_MANIFEST, "digest": pushed.digest, "size": len(_manifest(pushed).content)}
    index = registry.index(
        pushed.repository, "both", [descriptor | {"platform": {"os": "linux", "architecture": "amd64"}}]
    )
    both = Pushed(registry, pushed.repository, "both", index["digest"], pushed.layers)
    enter(both)
    with machine.running(prefetch_seconds=PREFETCH_SECONDS, engine=podman) as worker:
        until(lambda: both.pinned in here(podman), lambda: worker.output)
        until(lambda: own(machine) == [both.pinned], lambda: str(own(machine)))
        withdraw(staff, rule)
        until(lambda: not {both.pinned, pushed.pinned} & here(podman), lambda: worker.output)


def _manifest(pushed: Pushed) -> httpx2.Response:
    path = f"/v2/{pushed.repository}/manifests/{pushed.digest}"
    return pushed.registry.pushing.get(path, headers={"Accept": OCI_MANIFEST})


def test_what_is_too_much_is_left_out(
    podman: str, registry: Registry, machine: Box, enter: Enter, name: str, rule: Body, read_inventory: ReadInventory
) -> None:
    large, small = (push(registry, f"team/{name}-{size}", more_bytes=[size]) for size in (9_000_000, 300_000))
    pks = [enter(large, name=f"{name}-a")["pk"], enter(small, name=f"{name}-b")["pk"]]

    def states() -> list[object]:
        inventory = read_inventory()
        return [inventory.get(pk, {}).get("state") for pk in pks]

    with machine.running(prefetch_seconds=PREFETCH_SECONDS, engine=podman, budget_bytes=6_000_000) as worker:
        until(lambda: states() == ["no_room", "held"], lambda: f"{states()} {worker.output}")
        assert large.pinned not in here(podman)


def test_a_stop_in_the_middle_of_a_pull_leaves_no_trace(
    podman: str, registry: Registry, machine: Box, enter: Enter, name: str, rule: Body
) -> None:
    pushed = push(registry, f"team/{name}", more_bytes=[2_000_000])
    with between(registry) as server:
        pinned = f"{server.host}/{pushed.repository}@{pushed.digest}"
        enter(pushed, inspect=False, **in_front(pushed, server) | {"url": pinned})
        before = here(podman)
        server.held_back = pushed.layers[-1]
        with machine.running(prefetch_seconds=PREFETCH_SECONDS, engine=podman) as worker:
            assert server.half_is_sent.wait(60), worker.output
            worker.process.send_signal(signal.SIGTERM)
            assert worker.process.wait(30) == 0
        server.held_back = None
        server.end.set()
        assert here(podman) == before
        with machine.running(prefetch_seconds=PREFETCH_SECONDS, engine=podman) as worker:
            until(lambda: pinned in here(podman), lambda: worker.output)
            until(lambda: own(machine) == [pinned], lambda: str(own(machine)))


def test_a_tag_of_which_no_digest_is_known(
    podman: str,
    image: tuple[Pushed, Body],
    machine: Box,
    enter: Enter,
    name: str,
    rule: Body,
    read_inventory: ReadInventory,
) -> None:
    """Podman cannot ask a registry without pulling."""
    pushed, _ = image
    entered = enter(pushed, inspect=False, name=f"{name}-b")
    with machine.running(prefetch_seconds=PREFETCH_SECONDS, engine=podman) as worker:
        until(lambda: read_inventory().get(entered["pk"], {}).get("state") == "failed", lambda: worker.output)
        assert f"`bayplan images inspect {name}-b:1 --store`" in read_inventory()[entered["pk"]]["detail"]
