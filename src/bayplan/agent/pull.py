"""From a question to an image on this machine: the best match of its own node, pulled by the digest that the catalogue stands by.

What runs is then exactly what was judged: a tag that was moved meanwhile pulls nothing else. Where the catalogue knows no digest
yet, the registry is asked for the one that the tag has now, and that is said.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bayplan.agent.credential import AgentState
from bayplan.agent.engine import Engine, LocalImage
from bayplan.agent.engine_errors import EngineFailed
from bayplan.agent.membership import NODES_GONE
from bayplan.agent.progress import Progress
from bayplan.client import Client
from bayplan.domain.reference import Reference, located
from bayplan.errors import BayplanError, Invalid, NotFound, Problem
from bayplan.registry.auth import RegistryCredentials

if TYPE_CHECKING:
    from bayplan.schemas.docker import ImageAnswer
    from bayplan.schemas.inspection import InspectionAnswer
    from bayplan.schemas.match import GradedImage, MatchAnswer

NEXT_BEST_AT_MOST = 20
# Of these the next image would die as well: they are the machine's, not the image's.
OF_THE_MACHINE = frozenset(("engine_not_running", "engine_forbidden", "engine_unreachable", "engine_sdk_missing"))


@dataclass(frozen=True, slots=True)
class PullNode:
    """One node of this machine: its key, its name, and its GPU's index, None where it has none."""

    pk: int
    name: str
    gpu: int | None


@dataclass(frozen=True, slots=True)
class PullRequest:
    """What is asked for: as `bayplan match` takes it, and whether another match will do where the best cannot be had."""

    task: str | None = None
    domain: str | None = None
    framework: str | None = None
    grades: Sequence[str] | None = None
    next_best: bool = False


@dataclass(frozen=True, slots=True)
class ImageStatus:
    """What an image is to be: its digest, how much there is to download (None where that is not known), who says so."""

    digest: str
    size_bytes: int | None
    from_catalogue: bool
    moved_to: str | None = None  # what its tag points to now, where the catalogue knows that it moved


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image that is on this machine now, and why it is this one."""

    reference: Reference
    judged: GradedImage
    slot: PullNode
    held: LocalImage
    standing: ImageStatus
    was_there: bool
    passed_over: list[tuple[GradedImage, BayplanError]] = field(default_factory=list)

    @property
    def gpu(self) -> int | None:
        """The GPU to run it with. None for what runs without: a start condition would be held against the GPU all the same."""
        return None if self.judged["grade"] == "cpu" else self.slot.gpu


@dataclass(frozen=True, slots=True)
class PullObserver:
    """Who is told how it goes: sentences, and how far a pull of so many bytes is."""

    say: Callable[[str], None]
    begins: Callable[[Reference, int | None], None]
    goes_on: Callable[[Progress], None]
    ends: Callable[[], None]


class NothingRunsHere(BayplanError):
    """No image matches; the problems say what stands in the way, as the match's summary does."""

    code = "nothing_matches"


def pull_node_of(known: AgentState, gpu: int | None) -> PullNode:
    """Gives the node of the GPU with that index, else of the lowest one; raises `Invalid` where there is no such GPU."""
    indexes: list[int] = sorted(one["index"] for one in known.reported.get("gpus", ()))
    ip = known.reported.get("ip")
    if not known.nodes:
        raise Invalid("This machine has no node at its server: run `bayplan worker join` again.")
    if not indexes and gpu is None:
        return PullNode(known.nodes[0], f"{ip}#0", None)
    wanted = indexes[0] if gpu is None else gpu
    if wanted not in indexes or indexes.index(wanted) >= len(known.nodes):
        has = f"it has {', '.join(map(str, indexes))}" if indexes else "it joined as one without GPU"
        raise Invalid.at("gpu", "no_such_gpu", f"This machine has no GPU {wanted} at its server: {has}.")
    return PullNode(known.nodes[indexes.index(wanted)], f"{ip}#{wanted}", wanted)


def pull(
    client: Client, engine: Engine, known: AgentState, slot: PullNode, wanted: PullRequest, watch: PullObserver
) -> Pulled:
    """Gets the best match, or with `next_best` the best that can be had. Raises `NothingRunsHere`, and what kept it away."""
    try:
        answer = client.match(
            node=slot.pk,
            task=wanted.task,
            domain=wanted.domain,
            framework=wanted.framework,
            grades=wanted.grades,
            limit=NEXT_BEST_AT_MOST if wanted.next_best else 1,
        )
    except Invalid as error:
        if not any(problem.field == "node" for problem in error.problems):
            raise
        raise Invalid(NODES_GONE, code=error.code) from None
    if not answer["matches"]:
        raise nothing_runs_here(answer, slot)
    architecture = str(known.reported.get("architecture"))
    passed_over: list[tuple[GradedImage, BayplanError]] = []
    for judged in answer["matches"]:
        try:
            reference, standing, held, was_there = _get(client, engine, judged["image"], architecture, watch)
        except BayplanError as error:
            if not wanted.next_best or error.code in OF_THE_MACHINE:
                raise
            passed_over.append((judged, error))
            watch.say(f"{_named(judged['image'])} cannot be had. {error.detail}")
            continue
        return Pulled(reference, judged, slot, held, standing, was_there, passed_over)
    raise EngineFailed(
        f"None of the {len(passed_over)} images that run on {slot.name} can be had; see above what is wrong with each.",
        code=passed_over[-1][1].code,
    )


def nothing_runs_here(answer: MatchAnswer, slot: PullNode) -> NothingRunsHere:
    """Gives the error for a match without an image: what stands in the way, the most frequent first."""
    problems = [
        Problem(
            line["code"],
            line["code"],
            " ".join(filter(None, (_images(line["images"]), line["remedy"]))),
        )
        for line in answer["summary"]
    ]
    what = "a machine without GPU" if slot.gpu is None else f"GPU {slot.gpu} of this machine"
    return NothingRunsHere(
        f"No image runs on {slot.name}, {what}, of {_images(answer['considered'])} What stands in the way:"
        if answer["considered"]
        else f"There is no image for that, on {slot.name} or anywhere.",
        problems=problems,
    )


def _get(
    client: Client, engine: Engine, image: ImageAnswer, architecture: str, watch: PullObserver
) -> tuple[Reference, ImageStatus, LocalImage, bool]:
    """Makes sure that one image is here: what it is called by digest, what was known, and whether it was here before."""
    tagged, login = located(image["url"], image["registry"]), credentials_of(image)
    standing = stands_by(client, engine, image, tagged, login, architecture)
    if tagged.digest is not None and tagged.digest != standing.digest:
        raise EngineFailed(
            f"{_named(image)} is refused: its url names {tagged.digest}, and the catalogue stands by {standing.digest}. Staff decide "
            f"which it is: `bayplan images inspect {_typed(image)} --store` takes what the url names.",
            code="digest_mismatch",
        )
    reference = replace(tagged, tag=None, digest=standing.digest)
    if not standing.from_catalogue:
        watch.say(
            f"The catalogue has no digest of {_named(image)} yet: taking {standing.digest}, which is in its registry now. "
            f"`bayplan images inspect {_typed(image)} --store` enters it."
        )
    if standing.moved_to is not None:
        watch.say(
            f"The tag of {_named(image)} points to {standing.moved_to} now. Taking {standing.digest}, which the catalogue stands by."
        )
    held = engine.held(reference)
    if held is not None:
        return reference, standing, held, True
    free_bytes = engine.free_bytes()
    _must_fit(engine, reference, standing.size_bytes, free_bytes)

    def goes_on(progress: Progress) -> None:
        watch.goes_on(progress)
        if free_bytes is not None and progress.total_bytes > free_bytes:
            raise _disk_full(engine, reference, progress.total_bytes, free_bytes)

    watch.begins(reference, standing.size_bytes)
    try:
        held = engine.pull(reference, login, goes_on)
    except EngineFailed as error:
        if error.code != "image_gone":
            raise
        raise _gone(client, engine, image, tagged, standing) from None
    finally:
        watch.ends()
    return reference, standing, held, False


def credentials_of(image: ImageAnswer) -> RegistryCredentials | None:
    """Gives the log-in that the catalogue has for an image, None where it has none."""
    username, password = image["registry_username"], image["registry_password"]
    return RegistryCredentials(username, password) if username is not None and password is not None else None


def stands_by(
    client: Client,
    engine: Engine,
    image: ImageAnswer,
    tagged: Reference,
    login: RegistryCredentials | None,
    architecture: str,
) -> ImageStatus:
    """Gives what the image is to be: as the catalogue stands by it, else as its url says, else as its registry has it now."""
    known = client.images.checks(image["pk"])
    digest = known["digest"] or tagged.digest
    if digest is None:
        return _asked_now(client, engine, tagged, login, architecture)
    try:
        inspection = client.images.inspection(image["pk"])
    except NotFound:
        size_bytes = None
    else:
        size_bytes = size_for(inspection, architecture) if inspection["digest"] == digest else None
    moved_to = known["found"] if known["state"] == "moved" else None
    return ImageStatus(digest, size_bytes, from_catalogue=True, moved_to=moved_to)


def _asked_now(
    client: Client, engine: Engine, tagged: Reference, login: RegistryCredentials | None, architecture: str
) -> ImageStatus:
    """What the registry has under the tag: the server asks it, or, where that may not or cannot, the engine."""
    try:
        found = _inspected(client, tagged, login)
    except BayplanError as error:
        digest = engine.digest_now(tagged, login)
        if digest is None:
            raise EngineFailed(
                f"Which digest {tagged} has cannot be found out, and the catalogue has none. The server said: {error.detail}",
                code=error.code,
            ) from None
        return ImageStatus(digest, None, from_catalogue=False)
    return ImageStatus(found["digest"], size_for(found, architecture), from_catalogue=False)


def size_for(found: Any, architecture: str) -> int | None:
    """Gives how much there is to download for an architecture ("amd64"), as an inspection says."""
    sizes = [
        one["size_bytes"] for one in found["platforms"] if (one["os"], one["architecture"]) == ("linux", architecture)
    ]
    return sizes[0] if sizes else None


def _must_fit(engine: Engine, reference: Reference, size_bytes: int | None, free_bytes: int | None) -> None:
    """Raises where there is less room than the image takes packed, however much of it is here already: better before the download."""
    if size_bytes is None or free_bytes is None or free_bytes >= size_bytes:
        return
    # Which of its layers are here is only known when it is pulled; but no layer is larger packed than unpacked.
    if free_bytes + sum(one.size_bytes for one in engine.images()) < size_bytes:
        raise _disk_full(engine, reference, size_bytes, free_bytes)


def _disk_full(engine: Engine, reference: Reference, size_bytes: int, free_bytes: int) -> EngineFailed:
    return EngineFailed(
        f"{reference} is {gigabytes(size_bytes)} to download alone, and {engine.data_root}, where {engine.name} keeps images, has "
        f"{gigabytes(free_bytes)} left. Make room there (`docker system df` shows what takes it, `docker image prune -a` removes "
        "images that no container uses), then pull again.",
        code="disk_full",
    )


def _gone(client: Client, engine: Engine, image: ImageAnswer, tagged: Reference, standing: ImageStatus) -> EngineFailed:
    """The error for an image whose digest the registry has no more: what its tag points to now, and what staff do."""
    name = _typed(image)
    beginning = (
        f"{_named(image)} is refused: its registry has no {standing.digest}, which the catalogue stands by, any more."
    )
    if tagged.digest is not None:
        advice = f"Its url names that digest: staff give it another one with `bayplan images edit {name} --url URL`."
    else:
        tag = tagged.tag or "latest"
        login = credentials_of(image)
        now = engine.digest_now(tagged, login) or _told_by_server(client, tagged, login)
        advice = (
            f"Its tag {tag} is not there either: staff push it again, or take the image out with `bayplan images rm {name}`."
            if now is None
            else f"Its tag {tag} points to {now} now: where that is meant, staff run `bayplan images inspect {name} --store`."
        )
    return EngineFailed(f"{beginning} {advice}", code="image_gone")


def _told_by_server(client: Client, tagged: Reference, login: RegistryCredentials | None) -> str | None:
    """The digest that a tag has now; None where the server cannot tell. Podman has no way to find out by itself."""
    try:
        return _inspected(client, tagged, login)["digest"]
    except BayplanError:
        return None


def _inspected(client: Client, tagged: Reference, login: RegistryCredentials | None) -> InspectionAnswer:
    if login is None:
        return client.images.inspect(str(tagged))
    return client.images.inspect(str(tagged), username=login.username, password=login.password)


def _images(number: int) -> str:
    return "1 image." if number == 1 else f"{number} images."


def gigabytes(size_bytes: int) -> str:
    """Gives a size in GB, MB or kB, of 1000, as disks and registries count."""
    for unit_bytes, unit in ((1e9, "GB"), (1e6, "MB")):
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.1f} {unit}"
    return f"{size_bytes / 1e3:.0f} kB"


def _named(image: ImageAnswer) -> str:
    return f"{image['name']}:{image['version']}"


def _typed(image: ImageAnswer) -> str:
    """The image as it is typed in a command."""
    return shlex.quote(_named(image))
