"""The container engine of this machine: Docker, or Podman, which speaks the same API. Through Docker's own SDK.

The SDK is imported when an engine is connected to: it takes memory and time that `bayplan worker run` and `bayplan --help`
do without. Credentials go to the engine in a header of the one request that they are for, and nowhere else.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from bayplan.agent import engine_errors
from bayplan.agent.engine_errors import EngineFailed
from bayplan.agent.progress import Progress
from bayplan.domain.reference import Reference
from bayplan.errors import Invalid
from bayplan.registry.auth import RegistryCredentials

if TYPE_CHECKING:
    from docker import APIClient

ANSWER_TIMEOUT_SECONDS = 60
_RUN_BY_USER = Path("/run/user") / str(os.getuid())
SOCKETS = (
    Path("/var/run/docker.sock"),
    _RUN_BY_USER / "docker.sock",
    Path("/run/podman/podman.sock"),
    _RUN_BY_USER / "podman" / "podman.sock",
)
"""Where engines listen: Docker, Docker without root, Podman, Podman without root. The first that answers is taken."""


@dataclass(frozen=True, slots=True)
class LocalImage:
    """An image that the engine has: the engine's key, the references it was pulled by, its size on the disk, and its tags."""

    id: str
    references: tuple[Reference, ...]
    size_bytes: int
    tags: tuple[str, ...] = ()

    def has(self, reference: Reference) -> bool:
        """Whether this is the image of that registry, repository and digest."""
        key = (reference.registry, reference.repository, reference.digest)
        return any((own.registry, own.repository, own.digest) == key for own in self.references)


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers. Close it when done, or use it in a `with` block."""

    api: "APIClient"
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
        image = self._inspect(reference)
        # Podman also answers with the same content of another repository.
        return image if image is not None and image.has(reference) else None

    def _inspect(self, reference: Reference) -> LocalImage | None:
        from docker.errors import ImageNotFound, NotFound

        with self._translating_errors():
            try:
                return _local_image(self.api.inspect_image(_pinned(reference)))
            except (ImageNotFound, NotFound):
                return None

    def images(self) -> list[LocalImage]:
        """Gives all images of the engine."""
        with self._translating_errors():
            return [_local_image(answer) for answer in self.api.images()]

    def in_use(self) -> frozenset[str]:
        """Gives the keys of the images that containers are made from, those that are stopped included."""
        with self._translating_errors():
            return frozenset(container["ImageID"] for container in self.api.containers(all=True))

    def pull(
        self,
        reference: Reference,
        credentials: RegistryCredentials | None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> LocalImage:
        """Pulls the image with that digest, whole or not at all, and gives it; raises `EngineFailed`.

        Without credentials, those of this user's `docker login` are sent, if any, as `docker pull` does.
        """
        progress = Progress()
        with self._translating_errors(reference, credentials):
            lines = self.api.pull(
                f"{reference.registry}/{reference.repository}",
                tag=reference.digest,
                stream=True,
                decode=True,
                auth_config=_auth(credentials),
            )
            with closing(lines):  # an engine pulls for as long as its answer is read
                for line in lines:
                    if "error" in line:
                        raise engine_errors.about_pull(str(line["error"]), self.name, reference, credentials)
                    progress.take(line)
                    if on_progress is not None:
                        on_progress(progress)
        pulled = self._inspect(reference)
        if pulled is not None and on_progress is not None:
            progress.end()
            on_progress(progress)
        if pulled is None or not pulled.has(reference):
            digests = ", ".join(sorted({own.digest or "-" for own in pulled.references})) if pulled else "nothing"
            raise EngineFailed(
                f"{self.name} pulled something else than {reference}: it says that it has {digests}. Nothing of it is used; "
                "pull again, and look at the engine's log if it stays so.",
                code="digest_mismatch",
            )
        return pulled

    def digest_now(self, reference: Reference, credentials: RegistryCredentials | None) -> str | None:
        """Gives the digest that the tag of a reference has in its registry now, as far as the engine can find out."""
        from docker.errors import DockerException
        from requests import RequestException

        try:
            answer = self.api.inspect_distribution(str(reference), auth_config=_auth(credentials))
        except (DockerException, RequestException):
            return None
        digest = answer.get("Descriptor", {}).get("digest")
        return str(digest) if digest else None

    def remove(self, reference: Reference) -> None:
        """Removes the image with that digest; raises `EngineFailed` where a container uses it."""
        from docker.errors import ImageNotFound, NotFound

        with self._translating_errors():
            try:
                self.api.remove_image(_pinned(reference))
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

    @contextmanager
    def _translating_errors(
        self, reference: Reference | None = None, credentials: RegistryCredentials | None = None
    ) -> Iterator[None]:
        """Raises errors of the engine and its SDK as `EngineFailed`, with a sentence that says what to do."""
        from docker.errors import APIError, DockerException
        from requests import RequestException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except APIError as error:
            text = str(error.explanation or error)
            raise (
                engine_errors.about_pull(text, self.name, reference, credentials)
                if reference is not None
                else EngineFailed(f"{self.name} refuses: {engine_errors.printable(text)}.")
            ) from None
        except (DockerException, RequestException, HTTPError, OSError) as error:
            raise engine_errors.about_connection(error, self.address) from None


def connect(address: str | None = None) -> Engine:
    """Gives the engine at `address` ("unix:///run/podman/podman.sock"), else at DOCKER_HOST, else the first of `SOCKETS` that answers.

    Raises `EngineFailed` where none does.
    """
    try:
        from docker.utils import kwargs_from_env
    except ModuleNotFoundError:
        raise EngineFailed(
            "The package docker is not installed, through which the engine is spoken to: install bayplan[worker].",
            code="engine_sdk_missing",
        ) from None
    options = {"base_url": address} if address is not None else _from_environment(kwargs_from_env)
    if options:
        return _connect(**options)
    failures = []
    for socket in SOCKETS:
        if socket.exists():
            try:
                return _connect(f"unix://{socket}")
            except EngineFailed as error:
                failures.append(error)
    raise failures[0] if failures else engine_errors.no_engine(SOCKETS)


def _from_environment(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    from docker.errors import DockerException

    try:
        options = read()
    except DockerException as error:
        raise EngineFailed(f"DOCKER_CERT_PATH: {error}", code="engine_unreachable") from None
    return options if "base_url" in options else {}


def _connect(base_url: str, **options: Any) -> Engine:
    from docker import APIClient
    from docker.errors import DockerException
    from requests import RequestException

    try:
        api = APIClient(base_url=base_url, version="auto", timeout=ANSWER_TIMEOUT_SECONDS, **options)
        version, info = api.version(), api.info()
    except (DockerException, RequestException, OSError) as error:
        raise engine_errors.about_connection(error, base_url) from None
    components = {str(part.get("Name")): str(part.get("Version")) for part in version.get("Components") or ()}
    is_podman = "Podman Engine" in components
    root = Path(info["DockerRootDir"]) if base_url.startswith("unix:") and info.get("DockerRootDir") else None
    return Engine(
        api,
        base_url,
        "Podman" if is_podman else "Docker",
        components["Podman Engine"] if is_podman else str(version.get("Version")),
        root,
    )


def _auth(credentials: RegistryCredentials | None) -> dict[str, str] | None:
    return None if credentials is None else {"username": credentials.username, "password": credentials.password}


def _pinned(reference: Reference) -> str:
    """The reference without a tag, by which engines have an image that was pulled by digest."""
    return f"{reference.registry}/{reference.repository}@{reference.digest}"


def _local_image(answer: Mapping[str, Any]) -> LocalImage:
    references = []
    for text in answer.get("RepoDigests") or ():
        try:
            references.append(Reference.parse(text))
        except Invalid:  # "<none>@<none>": an image that was loaded, not pulled
            continue
    # Podman lists digests among the tags.
    tags = tuple(tag for tag in answer.get("RepoTags") or () if "@" not in tag and tag != "<none>:<none>")
    return LocalImage(str(answer["Id"]), tuple(references), int(answer.get("Size") or 0), tags)
