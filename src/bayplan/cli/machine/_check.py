"""The answer to a check: the worker and the image from where they are, and the verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from bayplan.cli.machine import _image_source, _verdicts, _workers
from bayplan.cli.machine._image_source import Inspected
from bayplan.cli.machine._verdicts import Judged
from bayplan.cli.machine._workers import Workers
from bayplan.cli.node_facts import NODE_FACTS
from bayplan.domain.compatibility.inspected_image import Entered
from bayplan.errors import BayplanError, Invalid, NotFound
from bayplan.registry.errors import RegistryError

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.schemas.docker import ExpandedImageAnswer

_CATALOGUE_SECONDS = 5.0
"""How long the catalogue is waited for where nobody asked for it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: an image, and a worker. Without `text`, `node` and `described` it is this machine; `changes` are facts of it."""

    image: str
    text: str | None = None
    node: str | None = None
    described: bool = False
    changes: dict[str, Any] = field(default_factory=dict)
    cuda: str | None = None
    cpu: bool | None = None
    offline: bool = False
    catalogue: bool = True
    server: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An image and its verdicts, best first: `image` where the catalogue has it, else `inspected`, what was read of it.

    `is_this_machine`: nothing named the worker, so that it is this machine.
    """

    judged: list[Judged]
    workers: Workers
    inspected: Inspected | None = None
    image: Any = None
    is_this_machine: bool = False


def answer(request: Request) -> Answer:
    """Gives the verdicts; raises `Invalid`, `NotFound`, `RegistryError`, and with a node or a server that is named what a client raises."""
    if request.node is not None or request.text is not None or request.described:
        workers = _other_worker(request)
        return _answer(request, lambda: workers)
    from bayplan.agent import here
    from bayplan.agent.probe_process import RunningProbe
    from bayplan.clock import now

    changes = _verdicts.checked(request.changes)
    with RunningProbe(without_gpu=False) as probing:  # it probes while the image is asked for

        def this_machine() -> Workers:
            return _workers.with_changes(_workers.of_machine(here.read(probing, now())), changes)

        return replace(_answer(request, cache(this_machine)), is_this_machine=True)


def _answer(request: Request, workers: Callable[[], Workers]) -> Answer:
    by_server = _by_server(request, workers)
    if by_server is not None:
        return by_server
    try:
        inspected = _image_source.inspect_image(request.image, offline=request.offline)
    except (RegistryError, NotFound) as error:
        if meant := _what_is_meant(request):
            raise type(error)(f"{error.detail} {meant}") from None
        raise
    entered = Entered(request.cuda, request.cpu)
    return Answer(_verdicts.judge_here(inspected, workers(), entered), workers(), inspected)


def _by_server(request: Request, workers: Callable[[], Workers]) -> Answer | None:
    """The answer of the server where somebody is logged in and its catalogue has the image; None where not.

    A server that nobody named and that does not answer leaves the image to its registry.
    """
    from bayplan.cli import connection
    from bayplan.registry.layout import is_local

    says_more = request.cuda is not None or request.cpu is not None
    if not request.catalogue or says_more or is_local(request.image) or not connection.is_logged_in(request.server):
        return None
    try:
        with connection.connect(request.server, timeout_seconds=_CATALOGUE_SECONDS) as client:
            image = _in_catalogue(client, request.image)
            return (
                None
                if image is None
                else Answer(_verdicts.judge_at_server(client, image, workers()), workers(), image=image)
            )
    except Invalid:
        raise
    except BayplanError as error:
        if request.server is not None or request.node is not None:
            raise
        _image_source.note(f"{error.detail} The image's registry is asked instead.")
        return None


def _what_is_meant(request: Request) -> str:
    """What may be meant by the name of an image that its registry does not give: a folder, or an image of the catalogue."""
    from bayplan.cli import connection
    from bayplan.client.image_lookup import near_name
    from bayplan.registry.layout import in_folder, is_local

    if is_local(request.image):
        return ""
    if in_folder(request.image):
        return f"The image in this folder is `./{request.image}`."
    if not request.catalogue or not connection.is_logged_in(request.server):
        return ""
    try:
        with connection.connect(request.server, timeout_seconds=_CATALOGUE_SECONDS) as client:
            near = near_name(client.images, request.image)
    except BayplanError:  # it was said, or the token may only judge
        return ""
    return f"Of the catalogue, {near}" if near else ""


def _in_catalogue(client: Client, text: str) -> ExpandedImageAnswer | None:
    """The image with that name or reference; None for none."""
    return client.images.named(text) if client.images.all_named(text) else None


def _other_worker(request: Request) -> Workers:
    changes = _verdicts.checked(request.changes)
    if request.text is not None:
        return _workers.with_changes(_workers.of_text(request.text), changes)
    if request.node is None:
        return _workers.described(changes)
    from bayplan.cli import connection

    with connection.connect(request.server) as client:
        node = client.nodes.named(request.node)
    facts = {name: value for name, value in node.items() if name in NODE_FACTS and value is not None}
    generation = node["hardware_generation"]
    if generation is not None:
        facts["hardware_generation"] = generation["generation"]
    kind = _workers.GpuKind(facts, name=f"{node['ip']}#{node['index']}")
    return _workers.with_changes(Workers((kind,)), changes)
