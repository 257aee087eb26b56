"""What prefetching takes for its own, and so may remove: nothing that somebody else has a claim to, and nothing is lost from sight."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx2
import pytest

from bayplan.agent.desired import DesiredImage
from bayplan.agent.disk_budget import DiskLimits
from bayplan.agent.engine import Engine, connect
from bayplan.agent.progress import Progress
from bayplan.agent.reconcile import ReconcileObserver, Reconciler
from bayplan.domain.reference import Reference
from bayplan.schemas.prefetch import InventoryEntry
from tests.agent.box import Box, until
from tests.agent.engine.between import between
from tests.agent.engine.conftest import Body, Runs
from tests.agent.engine.images import Pushed, push
from tests.agent.engine.running import Dockerd, running_engine
from tests.agent.engine.test_prefetch import here, own, withdraw
from tests.programs import FETCH_TIMEOUT_SECONDS
from tests.registry.running import Registry

pytestmark = pytest.mark.timeout(FETCH_TIMEOUT_SECONDS + 120)


def desired(pushed: Pushed, image: int = 1, size_bytes: int | None = None) -> DesiredImage:
    """A desired image."""
    return DesiredImage(image, f"image:{image}", Reference.parse(pushed.url), pushed.digest, size_bytes, None)


def reconciler_of(folder: Path, say: Callable[[str], None], limits: DiskLimits | None = None) -> Reconciler:
    """A reconciler over a folder; `say` gets the lines of its log."""
    watch = ReconcileObserver(lambda _: None, say, lambda: False)
    return Reconciler(folder / "images.json", "http://127.0.0.1:1", limits or DiskLimits(free_share=0.0), 60, watch)


def entered(folder: Path) -> list[str]:
    """What it remembers to have pulled."""
    return [entry["reference"] for entry in json.loads((folder / "images.json").read_text())["own"]]


def test_what_somebody_has_tagged_is_theirs(
    engine: Dockerd,
    machine: Box,
    image: tuple[Pushed, Body],
    rule: Body,
    runs: Runs,
    read_inventory: Callable[[], dict[int, Body]],
    staff: httpx2.Client,
    name: str,
) -> None:
    pushed, _ = image
    with runs() as worker:
        until(lambda: pushed.pinned in here(engine), lambda: worker.output)
        with engine.api() as api:
            api.tag(pushed.pinned, name, tag="mine")
        worker.until_printed(f"has the tag {name}:mine of somebody else")
        assert own(machine) == []
        withdraw(staff, rule)
        until(lambda: not read_inventory(), lambda: str(read_inventory()))
        assert "Removed" not in worker.output
    assert pushed.pinned in here(engine)


def test_what_somebody_pulls_during_a_pass_is_theirs(
    engine: Dockerd, registry: Registry, tmp_path: Path, name: str
) -> None:
    ours, theirs = push(registry, f"team/{name}-a"), push(registry, f"team/{name}-b")
    messages: list[str] = []

    def say(text: str) -> None:
        messages.append(text)
        if ours.pinned in text:
            with engine.api() as api:
                api.pull(f"{registry.host}/{theirs.repository}", tag=theirs.digest)

    with connect(engine.address) as container_engine:
        inventory = reconciler_of(tmp_path, say).reconcile(container_engine, [desired(ours), desired(theirs, 2)], ())
    assert [image["state"] for image in inventory.values()] == ["held", "held"], messages
    assert entered(tmp_path) == [ours.pinned]


def test_what_another_engine_pulled_is_not_forgotten(
    engine: Dockerd, registry: Registry, tmp_path: Path, name: str
) -> None:
    pushed = push(registry, f"team/{name}")
    reconciler = reconciler_of(tmp_path, lambda _: None)
    with running_engine(hook=None) as other, connect(other.address) as second, connect(engine.address) as first:
        reconciler.reconcile(first, [desired(pushed)], ())
        reconciler.reconcile(second, [], ())
        assert entered(tmp_path) == [pushed.pinned]
        reconciler.reconcile(second, [desired(pushed)], ())
        assert entered(tmp_path) == [pushed.pinned] * 2
        reconciler.reconcile(first, [], ())
        assert (pushed.pinned in here(engine), pushed.pinned in here(other)) == (False, True)
        reconciler.reconcile(second, [], ())
        assert pushed.pinned not in here(other)
        assert entered(tmp_path) == []


def test_a_pull_that_is_given_up_stays_entered_until_it_is_seen_to_be_gone(
    engine: Dockerd, registry: Registry, tmp_path: Path, name: str
) -> None:
    pushed = push(registry, f"team/{name}", more_bytes=[3_000_000])
    reconciler = reconciler_of(tmp_path, lambda _: None, DiskLimits(budget_bytes=1_000_000, free_share=0.0))
    with connect(engine.address) as container_engine:
        states: dict[int, InventoryEntry] = reconciler.reconcile(container_engine, [desired(pushed)], ())
        assert states[1]["state"] == "no_room"
        assert entered(tmp_path) == [pushed.pinned]
        reconciler.reconcile(container_engine, [desired(pushed)], ())
        assert entered(tmp_path) == []
        assert pushed.pinned not in here(engine)


def test_what_left_too_little_room_is_not_pulled_again_in_the_next_pass(
    registry: Registry, tmp_path: Path, name: str
) -> None:
    pushed = push(registry, f"team/{name}", more_bytes=[1000])
    messages: list[str] = []
    with running_engine(hook=None, disk_megabytes=24) as small, connect(small.address) as container_engine:
        reconciler = reconciler_of(tmp_path, messages.append, DiskLimits(free_bytes=8_000_000, free_share=0.0))
        filler, pulling = small.data_root / "filler", False

        def report_states(states: Mapping[int, InventoryEntry]) -> None:
            nonlocal pulling
            pulling = any(entry["state"] == "pulling" for entry in states.values())

        def is_stopped() -> bool:
            if pulling:
                filler.write_bytes(bytes(18_000_000))  # somebody else's, while it is pulled
            return False

        reconciler.observer = ReconcileObserver(report_states, messages.append, is_stopped)
        for _ in range(3):
            filler.unlink(missing_ok=True)
            assert reconciler.reconcile(container_engine, [desired(pushed)], ())[1]["state"] == "no_room", messages
            assert "must stay free" in messages[-1]
        requests = [line for line in registry.requests if pushed.repository in line and pushed.layers[-1] in line]
        assert len([line for line in requests if "GET" in line]) == 1, requests


def test_the_engine_stops_pulling_as_soon_as_nobody_listens(engine: Dockerd, registry: Registry, name: str) -> None:
    pushed = push(registry, f"team/{name}", more_bytes=[1000, 2_000_000])
    before = engine.everything()

    with between(registry) as server, connect(engine.address) as container_engine:
        server.held_back = pushed.layers[-1]
        reference = Reference.parse(f"{server.host}/{pushed.repository}@{pushed.digest}")

        def gives_up(_: Progress) -> None:
            if server.half_is_sent.is_set() and engine.everything()[2] != before[2]:
                raise KeyError

        with pytest.raises(KeyError) as error:
            _pull(container_engine, reference, gives_up)
        until(lambda: engine.everything() == before, lambda: f"{engine.everything()} is not {before}")
        assert error.tb, "which keeps all that was going on alive"


def _pull(container_engine: Engine, reference: Reference, on_progress: Callable[[Progress], None]) -> None:
    container_engine.pull(reference, None, on_progress)
