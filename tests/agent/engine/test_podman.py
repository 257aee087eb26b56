"""`bayplan worker pull` through a real Podman: the same API, and what of it Podman leaves out."""

import json

import httpx2
import pytest

from bayplan.agent.engine import connect
from bayplan.agent.orphans import LABEL
from tests.agent.box import Box, until
from tests.agent.engine.conftest import Body, Enter
from tests.agent.engine.images import Pushed, push
from tests.programs import FETCH_TIMEOUT_SECONDS
from tests.registry.running import LOGIN, Kind, Registry

pytestmark = pytest.mark.timeout(FETCH_TIMEOUT_SECONDS + 120)


@pytest.mark.parametrize("kind", ["open", "basic", "bearer"])
def test_it_pulls_by_digest(
    kind: Kind,
    podman: str,
    registries: dict[Kind, Registry],
    machine: Box,
    enter: Enter,
    name: str,
    staff: httpx2.Client,
) -> None:
    pushed = push(registries[kind], f"team/{name}", more_bytes=[1_000_000])
    entered = enter(pushed)
    ended = machine.run("pull", "--engine", podman, "--task", name)
    assert ended.out == f"{pushed.pinned}\n"
    assert "layers are here" in ended.err
    assert json.loads(machine.run("pull", "--engine", podman, "--task", name, "--json").out)["pulled"] is False
    if pushed.registry.login is not None:
        other = push(registries[kind], f"team/{name}", "2")
        changes = {"url": other.url, "registry_password": "the old one"}
        staff.patch(f"/v1/docker/{entered['pk']}", json=changes | {"url": other.pinned}).raise_for_status()
        refused = machine.run("pull", "--engine", podman, "--task", name, code=1)
        assert f"does not let {LOGIN.username} pull team/{name}" in refused.err


def test_what_is_gone_is_refused(podman: str, machine: Box, image: tuple[Pushed, Body], name: str) -> None:
    pushed, _ = image
    pushed.forget()
    error = machine.run("pull", "--engine", podman, "--task", name, code=1).err
    assert f"its registry does not have {pushed.digest}" in error
    assert "Its tag 1 is not there either" in error


def test_the_server_reports_where_a_tag_has_moved(
    podman: str, machine: Box, image: tuple[Pushed, Body], name: str
) -> None:
    """Podman cannot ask a registry without pulling."""
    pushed, _ = image
    pushed.forget()
    other = push(pushed.registry, pushed.repository, pushed.tag)
    error = machine.run("pull", "--engine", podman, "--task", name, code=1).err
    assert f"Its tag 1 points to {other.digest} now" in error


def test_a_gpu_is_not_left_out_in_silence(podman: str, machine: Box, image: tuple[Pushed, Body], name: str) -> None:
    pushed, _ = image
    ended = machine.run(
        "pull", "--engine", podman, "--task", name, "--gpu", "1", "--run", "--", "train", "two words", code=1
    )
    assert f"podman run --rm --device nvidia.com/gpu=1 {pushed.pinned} train 'two words'" in ended.err
    assert ended.out == ""


def test_without_a_gpu_it_runs(
    podman: str, machine_without_gpu: Box, registry: Registry, enter: Enter, name: str
) -> None:
    enter(push(registry, f"team/{name}"), cpu=True, cuda_version=None, min_hardware_generation=None)
    ended = machine_without_gpu.run("pull", "--engine", podman, "--task", name, "--run", "--", "7", code=7)
    assert ended.out == "runs with gpu none\n"
    assert "and complains" in ended.err


def test_a_command_that_is_killed_leaves_no_container(
    podman: str, machine_without_gpu: Box, registry: Registry, enter: Enter, name: str
) -> None:
    enter(push(registry, f"team/{name}"), cpu=True, cuda_version=None, min_hardware_generation=None)
    options = ("--engine", podman, "--task", name, "--run", "--", "deaf")
    with machine_without_gpu.pulling(*options) as process, connect(podman) as engine:
        assert process.stdout is not None
        assert any(line == "waiting\n" for line in process.stdout)
        assert engine.containers_with_label(LABEL)
        process.kill()
        until(lambda: not engine.containers_with_label(LABEL), lambda: "the container is removed")
