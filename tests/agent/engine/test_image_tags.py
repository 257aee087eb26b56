"""Images that are pulled by digest have a tag, for real: `docker image prune` leaves them, and what somebody tags stays theirs."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bayplan.agent import owned_images
from bayplan.agent.desired import DesiredImage
from bayplan.agent.disk_budget import DiskLimits
from bayplan.agent.engine import Engine, connect
from bayplan.agent.reconcile import Reconciler
from tests.agent.box import Box
from tests.agent.engine.conftest import Body
from tests.agent.engine.images import Pushed, archive, push
from tests.agent.engine.running import Dockerd
from tests.agent.engine.test_prefetch_ownership import desired, reconciler_of
from tests.agent.engine.test_pull import pull
from tests.programs import FETCH_TIMEOUT_SECONDS
from tests.registry.running import Registry

pytestmark = pytest.mark.timeout(FETCH_TIMEOUT_SECONDS + 120)


@pytest.fixture(params=["docker", "podman"])
def container_engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A connection to a real Docker, and to a real Podman."""
    fixture = request.getfixturevalue("engine" if request.param == "docker" else "podman")
    with connect(getattr(fixture, "address", fixture)) as connected:
        yield connected


@pytest.fixture
def messages() -> list[str]:
    """The lines of the log."""
    return []


@pytest.fixture
def reconcile(container_engine: Engine, tmp_path: Path, messages: list[str]) -> Callable[..., dict[int, str]]:
    """Does a pass for these desired images, and gives the state of each."""
    reconciler: Reconciler = reconciler_of(tmp_path, messages.append, DiskLimits(free_share=0.0))

    def once(*images: DesiredImage) -> dict[int, str]:
        return {key: entry["state"] for key, entry in reconciler.reconcile(container_engine, images, ()).items()}

    return once


def wanted(pushed: Pushed, tag: str, image: int = 1) -> DesiredImage:
    """A desired image with a tag."""
    return replace(desired(pushed, image), tag=f"bayplan/{tag}")


def tags(engine: Engine, pushed: Pushed) -> list[str] | None:
    """The tags of an image, None where the engine does not have it."""
    image = next(
        (image for image in engine.images() if any(own.digest == pushed.digest for own in image.references)), None
    )
    return None if image is None else sorted(image.tags)


def prune(engine: Engine) -> None:
    """What `docker image prune -f` does."""
    engine.api.prune_images()


def recorded(folder: Path, engine: Engine) -> dict[str, str]:
    """The tags that the agent has set."""
    tags = owned_images.read(folder / "images.json", "http://127.0.0.1:1", engine.place).tags
    return {tag: image.reference for tag, image in tags.items()}


def test_a_prefetched_image_outlives_a_prune(
    container_engine: Engine, registry: Registry, name: str, reconcile: Callable[..., dict[int, str]], tmp_path: Path
) -> None:
    pushed, bare = push(registry, f"team/{name}"), push(registry, f"team/{name}-bare")
    assert reconcile(wanted(pushed, f"{name}:1"), desired(bare, 2)) == {1: "held", 2: "held"}
    prune(container_engine)
    assert tags(container_engine, pushed) == [f"bayplan/{name}:1"]
    if not container_engine.is_podman:  # Podman counts an image's digest as a name
        assert tags(container_engine, bare) is None, "so a tag is needed"
    assert recorded(tmp_path, container_engine) == {f"bayplan/{name}:1": pushed.pinned}
    # Its version is renamed, and then it is desired no more.
    assert reconcile(wanted(pushed, f"{name}:2")) == {1: "held"}
    assert tags(container_engine, pushed) == [f"bayplan/{name}:2"]
    assert reconcile() == {}
    assert tags(container_engine, pushed) is None
    assert recorded(tmp_path, container_engine) == {}


def test_what_is_gone_is_pulled_and_tagged_again(
    container_engine: Engine, registry: Registry, name: str, reconcile: Callable[..., dict[int, str]]
) -> None:
    pushed = push(registry, f"team/{name}")
    image = wanted(pushed, f"{name}:1")
    reconcile(image)
    container_engine.api.remove_image(f"bayplan/{name}:1")
    reconcile(image)
    assert tags(container_engine, pushed) == [f"bayplan/{name}:1"]
    container_engine.api.remove_image(pushed.pinned, force=True)
    reconcile(image)
    assert tags(container_engine, pushed) == [f"bayplan/{name}:1"]
    reconcile()
    assert tags(container_engine, pushed) is None


def test_a_tag_of_somebody_else_stays(
    container_engine: Engine,
    registry: Registry,
    name: str,
    reconcile: Callable[..., dict[int, str]],
    messages: list[str],
) -> None:
    pushed = push(registry, f"team/{name}")
    image = wanted(pushed, f"{name}:1")
    reconcile(image)
    container_engine.api.tag(pushed.pinned, f"mine-{name}", "x")
    assert reconcile(image) == {1: "held"}
    assert f"{pushed.pinned} has the tag mine-{name}:x of somebody else" in messages[-1]
    assert tags(container_engine, pushed) == [f"bayplan/{name}:1", f"mine-{name}:x"], "it is desired still"
    assert reconcile() == {}
    assert tags(container_engine, pushed) == [f"mine-{name}:x"]
    assert reconcile(image) == {1: "held"}
    assert tags(container_engine, pushed) == [f"mine-{name}:x"], "theirs gets no tag"


def test_a_tag_moves_with_the_version(
    container_engine: Engine, registry: Registry, name: str, reconcile: Callable[..., dict[int, str]]
) -> None:
    old, new = push(registry, f"team/{name}", "1"), push(registry, f"team/{name}", "2")
    reconcile(wanted(old, f"{name}:1"))
    container = container_engine.api.create_container(old.pinned)["Id"]
    assert reconcile(wanted(new, f"{name}:1")) == {1: "held"}
    assert tags(container_engine, new) == [f"bayplan/{name}:1"]
    container_engine.api.remove_container(container)
    reconcile(wanted(new, f"{name}:1"))
    assert tags(container_engine, old) is None
    assert tags(container_engine, new) == [f"bayplan/{name}:1"]


def test_two_images_of_the_catalogue_with_one_digest(
    container_engine: Engine, registry: Registry, name: str, reconcile: Callable[..., dict[int, str]]
) -> None:
    pushed = push(registry, f"team/{name}")
    one, two = wanted(pushed, f"{name}-one:1"), wanted(pushed, f"{name}-two:1", 2)
    assert reconcile(one, two) == {1: "held", 2: "held"}
    assert reconcile(one, two) == {1: "held", 2: "held"}
    assert tags(container_engine, pushed) == [f"bayplan/{name}-one:1", f"bayplan/{name}-two:1"]
    assert reconcile(two) == {2: "held"}
    assert tags(container_engine, pushed) == [f"bayplan/{name}-two:1"]
    reconcile()
    assert tags(container_engine, pushed) is None


def test_somebodys_own_tag_of_that_name_is_not_moved(
    container_engine: Engine, registry: Registry, name: str, reconcile: Callable[..., dict[int, str]]
) -> None:
    theirs, ours = push(registry, f"else/{name}"), push(registry, f"team/{name}")
    container_engine.api.pull(f"{registry.host}/{theirs.repository}", tag=theirs.digest)
    container_engine.api.tag(theirs.pinned, f"bayplan/{name}", "1")
    for _ in range(2):
        reconcile(wanted(ours, f"{name}:1"))
        assert tags(container_engine, theirs) == [f"bayplan/{name}:1"]
        assert tags(container_engine, ours) == [f"bayplan/{name}:1-{ours.digest[7:19]}"]
    reconcile()
    assert tags(container_engine, theirs) == [f"bayplan/{name}:1"]
    assert tags(container_engine, ours) is None


@pytest.mark.parametrize("is_pulled", [True, False])
def test_a_tag_that_somebody_has_moved_is_theirs(
    container_engine: Engine,
    registry: Registry,
    name: str,
    reconcile: Callable[..., dict[int, str]],
    is_pulled: bool,
) -> None:
    ours, theirs = push(registry, f"team/{name}"), push(registry, f"else/{name}")
    reconcile(wanted(ours, f"{name}:1"))
    if is_pulled:
        container_engine.api.pull(f"{registry.host}/{theirs.repository}", tag=theirs.digest)
        container_engine.api.tag(theirs.pinned, f"bayplan/{name}", "1")
    else:
        imported = container_engine.api.import_image_from_data(archive("a", name.encode()), repository=name, tag="1")
        container_engine.api.tag(json.loads(imported.splitlines()[-1])["status"], f"bayplan/{name}", "1")
    moved = container_engine.find_tag(f"bayplan/{name}:1")
    for _ in range(2):
        assert reconcile(wanted(ours, f"{name}:1")) == {1: "held"}
        assert tags(container_engine, ours) == [f"bayplan/{name}:1-{ours.digest[7:19]}"]
    reconcile()
    assert tags(container_engine, ours) is None
    assert container_engine.find_tag(f"bayplan/{name}:1") == moved


def test_an_image_that_has_only_its_tag_left_is_removed(
    container_engine: Engine, registry: Registry, name: str, reconcile: Callable[..., dict[int, str]]
) -> None:
    pushed = push(registry, f"team/{name}")
    reconcile(wanted(pushed, f"{name}:1"))
    container_engine.api.remove_image(pushed.pinned)
    assert container_engine.find_tag(f"bayplan/{name}:1") is not None
    reconcile()
    assert container_engine.find_tag(f"bayplan/{name}:1") is None


def test_the_command_tags_what_it_pulls(engine: Dockerd, machine: Box, image: tuple[Pushed, Body], name: str) -> None:
    pushed, entered = image
    for _ in range(2):
        pull(machine, engine, name)
        with connect(engine.address) as connected:
            prune(connected)
            assert tags(connected, pushed) == [f"bayplan/{entered['name']}:{entered['version']}"]
            connected.api.remove_image(f"bayplan/{entered['name']}:{entered['version']}")
