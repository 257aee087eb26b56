"""What keeps an image away from a machine, for real: each is a sentence that says what to do, and nothing half done stays."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.agent.box import Box, until
from tests.agent.engine.between import between, in_front
from tests.agent.engine.conftest import Body, Enter
from tests.agent.engine.images import Pushed, push
from tests.agent.engine.running import Dockerd, running_engine
from tests.agent.engine.test_pull import pull
from tests.process import PROGRAM
from tests.programs import FETCH_TIMEOUT_SECONDS
from tests.registry.running import KINDS, Kind, Registry, running_registry

pytestmark = pytest.mark.timeout(FETCH_TIMEOUT_SECONDS + 120)
DISK_MEGABYTES = 24


@pytest.fixture(scope="module")
def small() -> Iterator[Dockerd]:
    """An engine with a small disk."""
    with running_engine(hook=None, disk_megabytes=DISK_MEGABYTES) as engine:
        yield engine


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_credentials_that_were_changed(
    kind: Kind,
    registries: dict[Kind, Registry],
    engine: Dockerd,
    machine: Box,
    enter: Enter,
    name: str,
    staff: httpx2.Client,
) -> None:
    pushed = push(registries[kind], f"team/{name}")
    entered = enter(pushed)
    before = engine.everything()
    body = {"registry_username": "casey", "registry_password": "the old one"}
    staff.patch(f"/v1/docker/{entered['pk']}", json=body).raise_for_status()
    ended = pull(machine, engine, name, code=1)
    assert f"does not let casey pull team/{name}" in ended.err
    assert "bayplan credentials rotate" in ended.err
    assert "the old one" not in ended.err + ended.out
    staff.patch(f"/v1/docker/{entered['pk']}", json=dict.fromkeys(body)).raise_for_status()
    assert "The catalogue has no credentials for it" in pull(machine, engine, name, code=1).err
    assert engine.everything() == before


def test_a_node_that_staff_removed(engine: Dockerd, machine: Box, name: str, staff: httpx2.Client) -> None:
    staff.delete(f"/v1/nodes/{machine.kept.nodes[0]}").raise_for_status()
    assert "`bayplan worker run` enters them again" in pull(machine, engine, name, code=1).err


def test_a_registry_that_is_down(engine: Dockerd, machine: Box, enter: Enter, name: str, tmp_path: Path) -> None:
    with running_registry("open", tmp_path / "registry") as registry:
        pushed = push(registry, f"team/{name}")
        enter(pushed)
    ended = pull(machine, engine, name, code=1)
    assert f"{registry.host} does not answer as a registry does" in ended.err
    assert "connection refused" in ended.err
    assert "--next-best" in ended.err


def test_a_registry_that_nobody_knows(
    engine: Dockerd, machine: Box, enter: Enter, name: str, registry: Registry
) -> None:
    pushed = push(registry, f"team/{name}")
    place = {"url": f"registry.invalid/team/{name}@{pushed.digest}", "registry": "https://registry.invalid"}
    enter(pushed, inspect=False, **place)
    assert "This machine does not find the host registry.invalid" in pull(machine, engine, name, code=1).err


def test_a_digest_of_which_nobody_knows(
    engine: Dockerd, machine: Box, enter: Enter, name: str, registry: Registry
) -> None:
    enter(push(registry, f"team/{name}"), inspect=False, url=f"{registry.host}/team/{name}:there-is-none")
    ended = pull(machine, engine, name, code=1)
    assert f"The catalogue has no digest of {registry.host}/team/{name}:there-is-none, and" in ended.err


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        ((429, "TOOMANYREQUESTS"), "refuses more requests from this machine"),
        ((403, "DENIED"), "does not let anybody without credentials pull"),
        ((503, "UNAVAILABLE"), "does not answer as a registry does"),
    ],
)
def test_what_a_registry_refuses_with(
    engine: Dockerd, machine: Box, enter: Enter, name: str, registry: Registry, refusal: tuple[int, str], message: str
) -> None:
    pushed = push(registry, f"team/{name}")
    with between(registry) as server:
        enter(pushed, **in_front(pushed, server))
        server.refusal = refusal
        ended = pull(machine, engine, name, code=1)
    assert message in ended.err


def test_credentials_of_the_machine_that_cannot_be_read(
    engine: Dockerd, machine: Box, image: tuple[Pushed, Body], name: str
) -> None:
    (machine.folder / ".docker").mkdir()
    (machine.folder / ".docker" / "config.json").write_text('{"credsStore": "nowhere"}')
    ended = pull(machine, engine, name)
    assert ended.out == f"{image[0].pinned}\n"
    assert ended.err.count("The credentials that `docker login` saved on this machine cannot be read") == 1
    assert "docker-credential-nowhere is not installed" in ended.err
    assert str(machine.folder / ".docker" / "config.json") in ended.err


def test_refused_credentials_of_the_machine_say_why_there_were_none(
    engine: Dockerd, registries: dict[Kind, Registry], machine: Box, enter: Enter, name: str
) -> None:
    entered = push(registries["basic"], f"team/{name}")
    enter(entered, inspect=False, url=entered.pinned, registry_username=None, registry_password=None)
    (machine.folder / ".docker").mkdir()
    (machine.folder / ".docker" / "config.json").write_text(
        json.dumps({"auths": {entered.registry.host: "a text", "other.example.org": {"auth": "!"}}})
    )
    ended = pull(machine, engine, name, code=1)
    assert f"does not let anybody without credentials pull team/{name}" in ended.err
    assert ended.err.count(f"the entry of {entered.registry.host} in {machine.folder}") == 2


def test_what_is_not_what_its_digest_says(
    engine: Dockerd, machine: Box, enter: Enter, name: str, registry: Registry
) -> None:
    pushed, other = push(registry, f"team/{name}"), push(registry, f"team/{name}", "other")
    before = engine.everything()
    with between(registry) as server:
        enter(pushed, **in_front(pushed, server))
        server.sent_instead = {pushed.digest: other.digest}
        ended = pull(machine, engine, name, code=1)
    assert f"does not have the digest of {server.host}/team/{name}@{pushed.digest}" in ended.err
    assert engine.everything() == before


def test_another_architecture(engine: Dockerd, machine: Box, enter: Enter, name: str, registry: Registry) -> None:
    arm = push(registry, f"team/{name}", architecture="arm64")
    manifest = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": arm.digest, "size": 0}
    manifest["size"] = len(
        registry.pushing.get(f"/v2/{arm.repository}/manifests/{arm.digest}", headers={"Accept": "*/*"}).content
    )
    index = registry.index(arm.repository, "both", [manifest | {"platform": {"os": "linux", "architecture": "arm64"}}])
    # Not inspected, or the judge would not have it run here.
    enter(arm, inspect=False, url=f"{registry.host}/{arm.repository}@{index['digest']}")
    ended = pull(machine, engine, name, code=1)
    assert "has no image for this machine's architecture" in ended.err


def test_less_room_than_the_image_takes_packed(
    small: Dockerd, machine: Box, enter: Enter, name: str, registry: Registry
) -> None:
    pushed = push(registry, f"team/{name}", more_bytes=[DISK_MEGABYTES * 1_100_000])
    enter(pushed)
    asked = len(registry.requests)
    ended = pull(machine, small, name, code=1)
    assert f"{pushed.pinned} is a download of 2" in ended.err
    assert f"{small.data_root}, where Docker keeps images, has" in ended.err
    assert len(registry.requests) == asked, "nothing was downloaded"


def test_layers_that_are_here_already_need_no_room(machine: Box, enter: Enter, name: str, registry: Registry) -> None:
    shared = os.urandom(9_000_000)
    base = push(registry, f"team/{name}", more_bytes=[shared])
    more = push(registry, f"team/{name}", "2", more_bytes=[shared, 1000])
    enter(base)
    with running_engine(hook=None, disk_megabytes=DISK_MEGABYTES) as engine:
        assert pull(machine, engine, name).out == f"{base.pinned}\n"
        enter(more, version="2")
        room = os.statvfs(engine.data_root)
        (engine.data_root / "filler").write_bytes(bytes(room.f_bavail * room.f_frsize - 6_000_000))
        assert pull(machine, engine, name).out == f"{more.pinned}\n"


def test_a_pull_that_would_fill_the_disk_is_given_up(
    small: Dockerd, machine: Box, enter: Enter, name: str, registry: Registry
) -> None:
    """Of an image whose size nobody knew: as soon as it is known, and not when the disk is full."""
    pushed = push(registry, f"team/{name}", more_bytes=[DISK_MEGABYTES * 1_500_000])
    before = small.everything()
    with between(registry) as server:
        url = f"{server.host}/{pushed.repository}@{pushed.digest}"
        enter(pushed, inspect=False, **in_front(pushed, server) | {"url": url})
        server.held_back = pushed.layers[-1]
        ended = pull(machine, small, name, code=1)
    assert f"{url} is a download of 36." in ended.err
    until(lambda: small.everything() == before, lambda: f"{small.everything()} is {before}")
    until(lambda: used_megabytes(small) < 2, lambda: f"{used_megabytes(small)} MB")


def test_no_room_left_while_it_unpacks(
    small: Dockerd, machine: Box, enter: Enter, name: str, registry: Registry
) -> None:
    # 16 MB of download, and then 16 MB of files beside it.
    pushed = push(registry, f"team/{name}", more_bytes=[1000, 16_000_000])
    enter(pushed)
    before = small.everything()
    ended = pull(machine, small, name, code=1)
    assert f"The disk of Docker has no room for {pushed.pinned}" in ended.err
    assert "docker image prune -a" in ended.err
    until(lambda: small.everything() == before, lambda: f"{small.everything()} is {before}")
    until(lambda: used_megabytes(small) < 2, lambda: f"{used_megabytes(small)} MB")


def used_megabytes(engine: Dockerd) -> float:
    """How much of the engine's own disk is taken."""
    room = os.statvfs(engine.data_root)
    return (room.f_blocks - room.f_bfree) * room.f_frsize / 1e6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_pull_leaves_nothing(
    engine: Dockerd, machine: Box, enter: Enter, name: str, registry: Registry, number: signal.Signals
) -> None:
    pushed = push(registry, f"team/{name}", more_bytes=[1000, 3_000_000])
    with between(registry) as server:
        enter(pushed, **in_front(pushed, server))
        before = engine.everything()
        server.held_back = pushed.layers[-1]
        with machine.pulling("--engine", engine.address, "--task", name) as process:
            assert server.half_is_sent.wait(30)
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
        assert out == ""
        assert "Traceback" not in err
        assert process.returncode == 128 + number
        assert "Interrupted; nothing of it is kept." in err
        until(lambda: engine.everything() == before, lambda: f"{engine.everything()} is {before}")
        server.held_back = None
        assert pull(machine, engine, name).out.strip().endswith(pushed.digest), "and it can be had afterwards"


def test_an_engine_that_goes_away_in_the_middle(machine: Box, enter: Enter, name: str, registry: Registry) -> None:
    pushed = push(registry, f"team/{name}", more_bytes=[3_000_000])
    with between(registry) as server, running_engine() as doomed:
        enter(pushed, **in_front(pushed, server))
        server.held_back = pushed.layers[-1]
        with machine.pulling("--engine", doomed.address, "--task", name) as process:
            assert server.half_is_sent.wait(30)
            doomed.process.kill()
            out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert out == ""
    assert "container engine" in err
    assert "Traceback" not in err


def test_no_engine(machine: Box, image: tuple[Pushed, Body], name: str, tmp_path: Path) -> None:
    nowhere = f"unix://{tmp_path}/engine.sock"
    ended = machine.run("pull", "--engine", nowhere, "--task", name, code=1)
    assert f"No container engine answers at {tmp_path}/engine.sock. Start it (`systemctl start docker`" in ended.err
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "engine.sock"))  # as after an engine that was killed
    assert "No container engine answers at" in machine.run("pull", "--engine", nowhere, code=1).err
    assert "is no container engine" in machine.run("pull", "--engine", "what", code=1).err


def test_an_engine_that_this_user_may_not_speak_to(engine: Dockerd, machine: Box, name: str) -> None:
    """As somebody who is not the engine's: root without the right to pass over who owns a file."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv (util-linux) is not installed")
    place = engine.folder / "socket"
    before = place.stat()
    os.chown(place, 65534, 65534)
    try:
        done = subprocess.run(
            [
                setpriv,
                "--bounding-set=-dac_override,-dac_read_search",
                PROGRAM,
                "worker",
                "pull",
                "--engine",
                engine.address,
            ],
            env=machine.environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        os.chown(place, before.st_uid, before.st_gid)
    assert done.returncode == 1
    assert f"This user may not use the container engine at {place}." in done.stderr, done.stderr
    assert "group `docker`" in done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_two_at_once_do_not_harm_one_another(
    kind: Kind, registries: dict[Kind, Registry], engine: Dockerd, machine: Box, enter: Enter, name: str
) -> None:
    pushed = push(registries[kind], f"team/{name}", more_bytes=[2_000_000])
    enter(pushed)
    options = ("--engine", engine.address, "--task", name)
    with machine.pulling(*options) as first, machine.pulling(*options) as second:
        ended = [pull_process.communicate(timeout=60) for pull_process in (first, second)]
    assert [out for out, _ in ended] == [f"{pushed.pinned}\n"] * 2
