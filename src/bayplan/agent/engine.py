"""The container engine of this machine: Docker, or Podman, which speaks the same API. Through Docker's own SDK.

The SDK is imported when an engine is connected to: it takes memory and time that `bayplan worker run` and `bayplan --help`
do without. Credentials go to the engine in a header of the one request that they are for, and nowhere else.
No exception of the SDK leaves `translating_errors`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from bayplan.agent import docker_config, engine_address, engine_errors
from bayplan.agent.docker_config import Auth, DockerConfig
from bayplan.agent.docker_logins import DockerLogins
from bayplan.agent.engine_address import EngineAddress
from bayplan.agent.engine_errors import EngineFailed
from bayplan.agent.local_image import ImageConfiguration, LocalImage
from bayplan.agent.progress import Progress

if TYPE_CHECKING:
    from bayplan.agent.engine_client import EngineClient
    from bayplan.domain.reference import Reference
    from bayplan.registry.auth import RegistryCredentials

_RUN_BY_USER = Path("/run/user") / str(os.getuid())
LONGEST_BEGIN_SECONDS, TIMES_TO_UNPACK = 30.0, 5
EXPORT_SILENCE_SECONDS = 1_800.0  # engines write an image's archive to their disk before they send its first byte
SOCKETS = (
    Path("/var/run/docker.sock"),
    _RUN_BY_USER / "docker.sock",
    Path("/run/podman/podman.sock"),
    _RUN_BY_USER / "podman" / "podman.sock",
)
"""Where engines listen: Docker, Docker without root, Podman, Podman without root. The first that answers is taken."""


@dataclass(frozen=True, slots=True)
class SilenceLimits:
    """How long an engine may say nothing during a pull: before it says anything, while it downloads, and while it only unpacks."""

    begin_seconds: float
    download_seconds: float
    unpack_seconds: float

    @classmethod
    def of(cls, stall_seconds: float) -> Self:
        """Gives the limits for so many seconds of a download. Unpacking may take longer; a manifest comes sooner."""
        return cls(min(LONGEST_BEGIN_SECONDS, stall_seconds), stall_seconds, TIMES_TO_UNPACK * stall_seconds)


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers. Close it when done, or use it in a `with` block."""

    api: EngineClient
    logins: DockerLogins
    address: str
    name: str  # "Docker" or "Podman"
    version: str
    data_root: Path | None  # the folder of its images; None where that is on another machine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self.api.close()

    @property
    def is_podman(self) -> bool:
        """Whether it is Podman, which silently ignores parts of the API."""
        return self.name == "Podman"

    @property
    def place(self) -> str:
        """The key of the engine among those of this machine; a restart does not change it."""
        return f"{self.name} {self.data_root or self.address}"

    def find(self, reference: Reference) -> LocalImage | None:
        """Gives the image of exactly that registry, repository and digest, None where the engine does not have it."""
        image = self._inspect(_pinned(reference))
        # Podman also answers with the same content of another repository.
        return image if image is not None and image.has(reference) else None

    def find_tag(self, tag: str) -> LocalImage | None:
        """Gives the image that has that tag."""
        return self._inspect(tag)

    def _inspect(self, name: str) -> LocalImage | None:
        from docker.errors import ImageNotFound, NotFound

        with self._translating_errors():
            try:
                return LocalImage.of(self.api.inspect_image(name))
            except (ImageNotFound, NotFound):
                return None

    def configuration(self, image: LocalImage) -> ImageConfiguration:
        """Gives the layers, variables and architecture of an image."""
        with self._translating_errors():
            return ImageConfiguration.of(self.api.inspect_image(image.id))

    def export(self, image: LocalImage) -> Generator[bytes, None, None]:
        """Gives the archive of an image, its layers and documents; raises `EngineFailed`."""
        with self._translating_errors():
            yield from self.api.export(image.id, EXPORT_SILENCE_SECONDS)

    def images(self) -> list[LocalImage]:
        """Gives all images of the engine."""
        with self._translating_errors():
            return [LocalImage.of(answer) for answer in self.api.images()]

    def in_use(self) -> frozenset[str]:
        """Gives the keys of the images that containers are made from, those that are stopped included."""
        with self._translating_errors():
            return frozenset(container["ImageID"] for container in self.api.containers(all=True))

    def containers_with_label(self, label: str) -> list[Mapping[str, Any]]:
        """Gives the containers that have a label, whatever its value, those that are stopped included."""
        with self._translating_errors():
            return list(self.api.containers(all=True, filters={"label": label}))

    def remove_container(self, key: str) -> None:
        """Kills and removes a container."""
        with self._translating_errors():
            self.api.remove_container(key, force=True, v=True)

    def pull(
        self,
        reference: Reference,
        credentials: RegistryCredentials | None,
        on_progress: Callable[[Progress], None] | None = None,
        limits: SilenceLimits | None = None,
    ) -> LocalImage:
        """Pulls the image with that digest, whole or not at all, and gives it; raises `EngineFailed`.

        Without `limits` a registry that accepts and says nothing is waited for until it hangs up. Without credentials, those of this
        user's `docker login` are sent, if any, as `docker pull` does.
        """
        progress = Progress()
        # An engine pulls for as long as its answer is read.
        with closing(self._pull_lines(reference, credentials, progress, limits)) as lines:
            for line in lines:
                if "error" in line:
                    raise self._about_pull(str(line["error"]), reference, credentials)
                if on_progress is not None:
                    on_progress(progress)
        pulled = self._inspect(_pinned(reference))
        if pulled is not None and on_progress is not None:
            progress.end()
            on_progress(progress)
        if pulled is None or not pulled.has(reference):
            digests = ", ".join(sorted({own.digest or "-" for own in pulled.references})) if pulled else "nothing"
            raise EngineFailed(
                f"{self.name} pulled something else than {reference}: it reports {digests}. Nothing of it is used. "
                "Pull again; if that happens again, check the engine's log.",
                code="digest_mismatch",
            )
        return pulled

    def _pull_lines(
        self,
        reference: Reference,
        credentials: RegistryCredentials | None,
        progress: Progress,
        limits: SilenceLimits | None,
    ) -> Generator[Mapping[str, Any], None, None]:
        """Gives the engine's lines, each added to `progress`; raises `EngineFailed` where one takes too long."""
        silence_seconds = None if limits is None else limits.begin_seconds
        with self._translating_errors(lambda text: self._about_pull(text, reference, credentials)):
            try:
                auth = self._auth(reference, credentials)
                response = self.api.begin_pull(
                    f"{reference.registry}/{reference.repository}", str(reference.digest), auth, silence_seconds
                )
                with closing(response):
                    for line in self.api.lines(response):
                        if not isinstance(line, Mapping):
                            continue
                        progress.take(line)
                        if limits is not None:
                            seconds = limits.unpack_seconds if progress.is_downloaded else limits.download_seconds
                            silence_seconds = self.api.limit_silence(response, seconds)
                        yield line
            except self.api.SILENCE:
                raise engine_errors.silent_registry(reference, silence_seconds or 0, self.name) from None

    def _about_pull(self, text: str, reference: Reference, credentials: RegistryCredentials | None) -> EngineFailed:
        failure = engine_errors.about_pull(text, self.name, reference, credentials)
        if failure.code != "login_refused" or credentials is not None:
            return failure
        problem = self.logins.problem(reference.registry)
        return failure if problem is None else EngineFailed(f"{failure.detail} {problem}", code=failure.code)

    def _auth(self, reference: Reference, credentials: RegistryCredentials | None) -> Auth | None:
        if credentials is None:
            return self.logins.auth(reference.registry)
        return {"username": credentials.username, "password": credentials.password}

    def digest_now(self, reference: Reference, credentials: RegistryCredentials | None) -> str | None:
        """Gives the digest that the tag of a reference has in its registry now, as far as the engine can find out."""
        try:
            with self._translating_errors():
                answer = self.api.distribution(str(reference), self._auth(reference, credentials))
                digest = answer.get("Descriptor", {}).get("digest")
        except EngineFailed:
            return None
        return str(digest) if digest else None

    def remove(self, reference: Reference) -> None:
        """Removes the image with that digest; raises `EngineFailed` where a container uses it."""
        self._remove(_pinned(reference))

    def tag(self, image: LocalImage, tag: str) -> None:
        """Gives an image a tag, which another image loses."""
        repository, _, version = tag.rpartition(":")
        with self._translating_errors():
            self.api.tag(image.id, repository, version)

    def untag(self, tag: str) -> None:
        """Removes a tag, and its image where that has no other name."""
        self._remove(tag)

    def _remove(self, name: str) -> None:
        from docker.errors import ImageNotFound, NotFound

        with self._translating_errors(self._about_removal):
            try:
                self.api.remove_image(name)
            except (ImageNotFound, NotFound):
                return

    def free_bytes(self) -> int | None:
        """Gives the free bytes of the disk with its images, None where that is on another machine."""
        if self.data_root is None:
            return None
        try:
            disk = os.statvfs(self.data_root)
        except OSError:
            return None
        return disk.f_bavail * disk.f_frsize

    def _translating_errors(self, about: Callable[[str], EngineFailed] | None = None) -> AbstractContextManager[None]:
        from bayplan.agent.engine_client import translating_errors

        return translating_errors(self.address, about or self._refused)

    def _about_removal(self, text: str) -> EngineFailed:
        return engine_errors.about_removal(text, self.name)

    def _refused(self, text: str) -> EngineFailed:
        return EngineFailed(f"{self.name} refuses: {engine_errors.printable(text)}.")


def connect(
    address: str | None = None, warn: Callable[[str], None] = lambda _: None, sockets: Sequence[Path] = SOCKETS
) -> Engine:
    """Gives the engine at `address` ("unix:///run/podman/podman.sock"), else where docker's variables and contexts say, else the
    first of `sockets` that answers.

    `warn` gets a sentence for what cannot be read of docker's configuration. Raises `EngineFailed` where no engine answers.
    """
    config = docker_config.load()
    logins = DockerLogins(config, warn)
    named = engine_address.find(address, config)
    if named is not None:
        return _connect(named, config, logins)
    failures = []
    for socket in sockets:
        if _is_there(socket):
            try:
                return _connect(EngineAddress(f"unix://{socket}", socket=socket), config, logins)
            except EngineFailed as error:
                failures.append(error)
    raise failures[0] if failures else engine_errors.no_engine(sockets)


def _is_there(socket: Path) -> bool:
    try:
        return socket.exists()
    except PermissionError:  # in a folder of another user's: /run/podman is root's alone, with or without an engine
        return False


def _connect(address: EngineAddress, config: DockerConfig, logins: DockerLogins) -> Engine:
    try:
        from bayplan.agent.engine_client import EngineClient, translating_errors
    except ModuleNotFoundError:
        raise EngineFailed(
            "The Python package docker is not installed, which speaks to the engine: install bayplan[worker].",
            code="engine_sdk_missing",
        ) from None

    def no_engine(text: str) -> EngineFailed:
        return engine_errors.no_engine_answers(text, address.text)

    with translating_errors(address.text, no_engine):
        api = EngineClient(address, config)
        version, info = api.version(), api.info()
        components = {str(part.get("Name")): str(part.get("Version")) for part in version.get("Components") or ()}
        is_podman = "Podman Engine" in components
        root = Path(info["DockerRootDir"]) if address.socket is not None and info.get("DockerRootDir") else None
        release = components["Podman Engine"] if is_podman else str(version.get("Version"))
    return Engine(api, logins, address.text, "Podman" if is_podman else "Docker", release, root)


def _pinned(reference: Reference) -> str:
    """The reference without a tag, by which engines have an image that was pulled by digest."""
    return f"{reference.registry}/{reference.repository}@{reference.digest}"
