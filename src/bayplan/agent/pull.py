"""Pulls the best match for a node of this machine, or an image by its name, by the digest that the catalogue has.

The image that runs is exactly the image that was judged, also where its tag was moved meanwhile. Where the catalogue has no digest
yet, the digest that the tag has now in the registry is taken, and logged.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bayplan.agent import image_tags
from bayplan.agent.credential import AgentState
from bayplan.agent.devices import Device, device_of
from bayplan.agent.engine import Engine
from bayplan.agent.engine_errors import OF_THE_MACHINE, EngineFailed
from bayplan.agent.image_status import ImageStatus, credentials_of, digest_by_server, image_status
from bayplan.agent.local_image import LocalImage
from bayplan.agent.membership import NODES_GONE
from bayplan.agent.no_match import DEFAULT_GRADES, does_not_run_here, nothing_runs_here
from bayplan.agent.progress import Progress
from bayplan.client import Client, exact
from bayplan.domain import units
from bayplan.domain.compatibility.verdict import ORDER
from bayplan.domain.image_tag import image_tag
from bayplan.domain.reference import Reference, located
from bayplan.errors import BayplanError, Invalid, NotFound

if TYPE_CHECKING:
    from bayplan.schemas.docker import ImageAnswer
    from bayplan.schemas.match import GradedImage, MatchAnswer

NEXT_BEST_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class PullNode:
    """A node of this machine: its key, its name, its index and its device; None for a node without GPU."""

    pk: int
    name: str
    gpu: int | None
    device: Device | None = None


@dataclass(frozen=True, slots=True)
class PullRequest:
    """The query of a match, as `bayplan match` takes it, and whether the next match is pulled where the best cannot be."""

    task: str | None = None
    domain: str | None = None
    framework: str | None = None
    grades: Sequence[str] | None = None
    next_best: bool = False


@dataclass(frozen=True, slots=True)
class Pulled:
    """A pulled image, and the verdict by which it was chosen."""

    reference: Reference
    judged: GradedImage
    node: PullNode
    local: LocalImage
    status: ImageStatus
    was_there: bool
    passed_over: list[tuple[GradedImage, BayplanError]] = field(default_factory=list)

    @property
    def gpu(self) -> int | None:
        """The GPU to run it with; None for an image that runs without, as its start conditions would be applied to the GPU."""
        return None if self.judged["grade"] == "cpu" else self.node.gpu

    @property
    def device(self) -> Device | None:
        """The GPU or slice to run it with, as the engine takes it."""
        return None if self.gpu is None else self.node.device


@dataclass(frozen=True, slots=True)
class PullObserver:
    """Gets lines for the log, and the progress of a pull."""

    log: Callable[[str], None]
    on_begin: Callable[[Reference, int | None], None]
    on_progress: Callable[[Progress], None]
    on_end: Callable[[], None]


def pull_node_of(state: AgentState, gpu: int | None) -> PullNode:
    """Gives the node of the GPU with that index, else of the lowest one; raises `Invalid` where there is no such GPU."""
    indexes: list[int] = sorted(reported["index"] for reported in state.reported.get("gpus", ()))
    ip = state.reported.get("ip")
    if not state.nodes:
        raise Invalid("This machine has no node at its server: run `bayplan worker join` again.")
    if not indexes and gpu is None:
        return PullNode(state.nodes[0], f"{ip}#0", None)
    index = indexes[0] if gpu is None else gpu
    if index not in indexes or indexes.index(index) >= len(state.nodes):
        has = f"it has {', '.join(map(str, indexes))}" if indexes else "it joined as one without GPU"
        raise Invalid.at("gpu", "no_such_gpu", f"This machine has no GPU {index} at its server: {has}.")
    return PullNode(state.nodes[indexes.index(index)], f"{ip}#{index}", index, device_of(state.devices, index))


def pull(
    client: Client, engine: Engine, state: AgentState, node: PullNode, request: PullRequest, observer: PullObserver
) -> Pulled:
    """Pulls the best match, or with `next_best` the best that can be pulled. Raises `NothingRunsHere`, and the pull's errors."""
    answer = _match(
        client,
        node,
        task=request.task,
        domain=request.domain,
        framework=request.framework,
        grades=request.grades,
        limit=NEXT_BEST_AT_MOST if request.next_best else 1,
    )
    if not answer["matches"]:
        raise nothing_runs_here(answer, node.name, node.gpu)
    passed_over: list[tuple[GradedImage, BayplanError]] = []
    for judged in answer["matches"]:
        try:
            pulled = pull_judged(client, engine, state, node, judged, observer)
            return replace(pulled, passed_over=passed_over)
        except BayplanError as error:
            if error.code in OF_THE_MACHINE:
                raise
            if not request.next_best:
                raise _with_advice(error) from None
            passed_over.append((judged, error))
            observer.log(f"{_name(judged['image'])} cannot be pulled. {error.detail}")
    raise EngineFailed(
        f"No image that runs on {node.name} can be pulled; the lines above say why.",
        code=passed_over[-1][1].code,
    )


def judge_named(client: Client, node: PullNode, image: int, grades: Sequence[str] | None) -> GradedImage:
    """Gives the verdict on the image with that key, whose grade on the node is one of `grades`. Raises `DoesNotRunHere`."""
    every = [str(grade) for grade in ORDER]
    answer = _match(client, node, expressions=[exact("pk", image)], grades=every, explain=True)
    judged = [*answer["matches"], *answer.get("rejected", [])]
    if not judged:
        raise NotFound(f"The image {image} was retired: `bayplan images reinstate {image}` brings it back.")
    if judged[0]["grade"] not in (grades or DEFAULT_GRADES):
        raise does_not_run_here(judged[0], node.name, node.gpu, grades)
    return judged[0]


def pull_judged(
    client: Client, engine: Engine, state: AgentState, node: PullNode, judged: GradedImage, observer: PullObserver
) -> Pulled:
    """Pulls an image that was judged on the node. Raises the pull's errors."""
    architecture = str(state.reported.get("architecture"))
    reference, status, local, was_there = _get(client, engine, judged["image"], architecture, observer)
    _keep_tagged(engine, judged["image"], local, reference, observer)
    return Pulled(reference, judged, node, local, status, was_there)


def _match(client: Client, node: PullNode, **query: Any) -> MatchAnswer:
    try:
        return client.match(node=node.pk, **query)
    except Invalid as error:
        if not any(problem.field == "node" for problem in error.problems):
            raise
        raise Invalid(NODES_GONE, code=error.code) from None


def _with_advice(error: BayplanError) -> BayplanError:
    """The error for the best match that cannot be pulled, with what pulls another; only of what is wrong with that image."""
    if not isinstance(error, EngineFailed):
        return error
    advice = "`--next-best` takes the next image that runs here, if there is one."
    return EngineFailed(f"{error.detail} {advice}", code=error.code, problems=error.problems)


def shared_memory_of(client: Client, pulled: Pulled) -> int | None:
    """Gives the least bytes of /dev/shm that a pulled image needs, None where the catalogue has none."""
    size_bytes: int | None = client.images.facts(pulled.judged["image"]["pk"])["min_shared_memory_bytes"]["value"]
    return size_bytes


def _get(
    client: Client, engine: Engine, image: ImageAnswer, architecture: str, observer: PullObserver
) -> tuple[Reference, ImageStatus, LocalImage, bool]:
    """Pulls an image unless it is here; gives its reference by digest, its status, and whether it was here before."""
    tagged, credentials = located(image["url"], image["registry"]), credentials_of(image)
    status = image_status(client, engine, image, tagged, credentials, architecture)
    if tagged.digest is not None and tagged.digest != status.digest:
        raise EngineFailed(
            f"{_name(image)} is refused: its url names {tagged.digest}, and the catalogue expects {status.digest}. Staff decide "
            f"which it is: `bayplan images inspect {_typed(image)} --store` takes what the url names.",
            code="digest_mismatch",
        )
    reference = replace(tagged, tag=None, digest=status.digest)
    if not status.from_catalogue:
        observer.log(
            f"The catalogue has no digest of {_name(image)} yet: taking {status.digest}, which is in its registry now. "
            f"`bayplan images inspect {_typed(image)} --store` enters it."
        )
    if status.moved_to is not None:
        observer.log(
            f"The tag of {_name(image)} points to {status.moved_to} now. Taking {status.digest}, which the catalogue expects."
        )
    local = engine.find(reference)
    if local is not None:
        return reference, status, local, True
    free_bytes = engine.free_bytes()
    _require_space(engine, reference, status.size_bytes, free_bytes)

    def on_progress(progress: Progress) -> None:
        observer.on_progress(progress)
        if free_bytes is not None and progress.total_bytes > free_bytes:
            raise _disk_full(engine, reference, progress.total_bytes, free_bytes)

    observer.on_begin(reference, status.size_bytes)
    try:
        local = engine.pull(reference, credentials, on_progress)
    except EngineFailed as error:
        if error.code != "image_gone":
            raise
        raise _gone(client, engine, image, tagged, status) from None
    finally:
        observer.on_end()
    return reference, status, local, False


def _keep_tagged(
    engine: Engine, image: ImageAnswer, local: LocalImage, reference: Reference, observer: PullObserver
) -> None:
    """Tags an image that has no tag, so that `docker image prune` does not remove it; an engine that refuses is logged."""
    try:
        image_tags.keep(engine, local, reference, image_tag(image["name"], image["version"]))
    except EngineFailed as error:
        observer.log(f"{_name(image)} has no tag, so `docker image prune` removes it: {error.detail}")


def _require_space(engine: Engine, reference: Reference, size_bytes: int | None, free_bytes: int | None) -> None:
    """Raises `disk_full` before a download that cannot fit, however many of the image's layers are here already."""
    if size_bytes is None or free_bytes is None or free_bytes >= size_bytes:
        return
    # Only the pull shows which layers are here; but the layers here are no larger packed than the images unpacked.
    if free_bytes + sum(image.size_bytes for image in engine.images()) < size_bytes:
        raise _disk_full(engine, reference, size_bytes, free_bytes)


def _disk_full(engine: Engine, reference: Reference, size_bytes: int, free_bytes: int) -> EngineFailed:
    return EngineFailed(
        f"{reference} is a download of {units.size(size_bytes)}, and {engine.data_root}, where {engine.name} keeps images, has "
        f"{units.size(free_bytes)} free. Make room (`docker system df` shows what takes it, `docker image prune -a` removes "
        "images that no container uses), then pull again.",
        code="disk_full",
    )


def _gone(client: Client, engine: Engine, image: ImageAnswer, tagged: Reference, status: ImageStatus) -> EngineFailed:
    """The error for an image whose digest is gone from its registry: the digest of its tag now, and the remedy."""
    typed = _typed(image)
    beginning = (
        f"{_name(image)} is refused: its registry does not have {status.digest} any more, which the catalogue expects."
    )
    if tagged.digest is not None:
        advice = f"Its url names that digest: staff enter another one with `bayplan images edit {typed} --url URL`."
    else:
        tag = tagged.tag or "latest"
        credentials = credentials_of(image)
        current = engine.digest_now(tagged, credentials) or digest_by_server(client, tagged, credentials)
        advice = (
            f"Its tag {tag} is not there either: staff push it again, or retire the image with `bayplan images rm {typed}`."
            if current is None
            else f"Its tag {tag} points to {current} now: if that is intended, staff run `bayplan images inspect {typed} --store`."
        )
    return EngineFailed(f"{beginning} {advice}", code="image_gone")


def _name(image: ImageAnswer) -> str:
    return f"{image['name']}:{image['version']}"


def _typed(image: ImageAnswer) -> str:
    """The image's name, quoted for a shell."""
    return shlex.quote(_name(image))
