"""A registry that says nothing, and what nobody has foreseen, keep one image away and no other: a real engine, real registries."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from bayplan.agent.desired import DesiredImage
from bayplan.agent.engine import connect
from bayplan.domain.reference import Reference
from tests.agent.engine.between import between
from tests.agent.engine.images import Pushed, push
from tests.agent.engine.running import Dockerd
from tests.agent.engine.test_prefetch_ownership import desired, reconciler_of
from tests.programs import FETCH_TIMEOUT_SECONDS
from tests.registry.running import LOGIN, Kind, Registry

pytestmark = pytest.mark.timeout(FETCH_TIMEOUT_SECONDS + 120)


def at(host: str, pushed: Pushed, image: int) -> DesiredImage:
    """A desired image in a registry of another address."""
    return replace(desired(pushed, image), reference=Reference.parse(f"{host}/{pushed.repository}"))


def test_a_registry_that_says_nothing_holds_up_no_other(
    engine: Dockerd, registry: Registry, tmp_path: Path, name: str
) -> None:
    pushed = push(registry, f"team/{name}", more_bytes=[2_000_000])
    last = push(registry, f"team/{name}-last")
    messages: list[str] = []
    reconciler = reconciler_of(tmp_path, messages.append)
    reconciler.stall_seconds = 1.0
    with (
        socket.socket() as mute,
        between(registry) as silent,
        between(registry) as stalling,
        connect(engine.address) as container_engine,
    ):
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        silent.is_silent, stalling.held_back = True, pushed.layers[-1]
        hosts = [f"127.0.0.1:{mute.getsockname()[1]}", silent.host, silent.host, stalling.host]
        images = [at(host, pushed, number) for number, host in enumerate(hosts, 1)]
        inventory = reconciler.reconcile(container_engine, [*images, desired(last, 9)], ())
        assert [inventory[key]["state"] for key in (1, 2, 3, 4, 9)] == ["failed"] * 4 + ["held"], messages
        for key, host in enumerate(hosts, 1):
            assert f"{host} accepts requests and does not answer" in (inventory[key]["detail"] or "")
        assert len(messages) == 4, "each registry is asked once"
        # When it speaks again, the image is pulled.
        stalling.held_back = None
        reconciler.registry_failures.clear()
        assert reconciler.reconcile(container_engine, [images[3]], ())[4]["state"] == "held", messages


def test_what_nobody_has_foreseen_is_an_error_of_one_image(
    engine: Dockerd, registry: Registry, tmp_path: Path, name: str
) -> None:
    odd, last = push(registry, f"team/{name}"), push(registry, f"team/{name}-last")
    messages: list[str] = []
    reconciler = reconciler_of(tmp_path, messages.append)
    wrong = desired(odd, 1, "large")  # type: ignore[arg-type]  # a wrong type stands for a fault of ours
    with connect(engine.address) as container_engine:
        inventory = reconciler.reconcile(container_engine, [wrong, desired(last, 2)], ())
        assert [inventory[key]["state"] for key in (1, 2)] == ["failed", "held"]
        assert "An error in bayplan itself (TypeError" in (inventory[1]["detail"] or "")
        # What is gone is noticed between two passes.
        assert not reconciler.is_image_gone(container_engine)
        container_engine.remove(Reference.parse(last.pinned))
        assert reconciler.is_image_gone(container_engine)


def test_what_docker_has_for_one_registry_keeps_no_other_image_away(
    engine: Dockerd,
    registry: Registry,
    registries: dict[Kind, Registry],
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed, last = push(registries["basic"], f"team/{name}"), push(registry, f"team/{name}-last")
    own = replace(desired(push(registries["basic"], f"team/{name}-own"), 3), credentials=LOGIN)
    helpers = {closed.registry.host: "hangs-or-is-not-there"}
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": helpers, "auths": {registry.host: "a text"}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    warnings: list[str] = []
    with connect(engine.address, warnings.append) as container_engine:
        images = [desired(closed, 1), desired(last, 2), own]
        inventory = reconciler_of(tmp_path, lambda _: None).reconcile(container_engine, images, ())
    assert [inventory[key]["state"] for key in (1, 2, 3)] == ["failed", "held", "held"]
    assert "docker-credential-hangs-or-is-not-there is not installed" in (inventory[1]["detail"] or "")
    assert [str(tmp_path / "config.json") in warning for warning in warnings] == [True, True]
