"""The digest by which an image is pulled: the catalogue's, else the one that its tag has in the registry now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bayplan.agent.engine import Engine
from bayplan.agent.engine_errors import EngineFailed
from bayplan.client import Client
from bayplan.domain.reference import Reference
from bayplan.errors import BayplanError, NotFound
from bayplan.registry.auth import RegistryCredentials

if TYPE_CHECKING:
    from bayplan.schemas.docker import ImageAnswer
    from bayplan.schemas.inspection import InspectionAnswer


@dataclass(frozen=True, slots=True)
class ImageStatus:
    """The digest to pull, the size of the download (None where unknown), and whether both are from the catalogue."""

    digest: str
    size_bytes: int | None
    from_catalogue: bool
    moved_to: str | None = None  # the digest of its tag now, where a check has seen it move


def credentials_of(image: ImageAnswer) -> RegistryCredentials | None:
    """Gives an image's credentials, None where it has none; raises `EngineFailed` where the server cannot decrypt them."""
    username, password = image["registry_username"], image["registry_password"]
    if username is None:
        return None
    if password is None:
        problem = f"The server has no key for the registry password of {image['name']}:{image['version']}"
        raise EngineFailed(
            f"{problem}: ask staff to put the key back, or to enter the password again.", code="no_password"
        )
    return RegistryCredentials(username, password)


def image_status(
    client: Client,
    engine: Engine,
    image: ImageAnswer,
    tagged: Reference,
    credentials: RegistryCredentials | None,
    architecture: str,
) -> ImageStatus:
    """Gives the digest to pull: that which the catalogue stands by, else that in the url, else that of the tag in the registry now."""
    checks = client.images.checks(image["pk"])
    digest = checks["digest"] or tagged.digest
    if digest is None:
        return _status_in_registry(client, engine, tagged, credentials, architecture)
    try:
        inspection = client.images.inspection(image["pk"])
    except NotFound:
        size_bytes = None
    else:
        size_bytes = size_for(inspection, architecture) if inspection["digest"] == digest else None
    moved_to = checks["found"] if checks["state"] == "moved" else None
    return ImageStatus(digest, size_bytes, from_catalogue=True, moved_to=moved_to)


def _status_in_registry(
    client: Client, engine: Engine, tagged: Reference, credentials: RegistryCredentials | None, architecture: str
) -> ImageStatus:
    """Gives the digest of the tag in the registry, read by the server, or by the engine where the server cannot."""
    try:
        inspection = _inspect(client, tagged, credentials)
    except BayplanError as error:
        digest = engine.digest_now(tagged, credentials)
        if digest is None:
            raise EngineFailed(
                f"The catalogue has no digest of {tagged}, and the server could not ask its registry: {error.detail}",
                code=error.code,
            ) from None
        return ImageStatus(digest, None, from_catalogue=False)
    return ImageStatus(inspection["digest"], size_for(inspection, architecture), from_catalogue=False)


def size_for(inspection: Any, architecture: str) -> int | None:
    """Gives the download in bytes for an architecture ("amd64"), from an inspection."""
    sizes = [
        platform["size_bytes"]
        for platform in inspection["platforms"]
        if (platform["os"], platform["architecture"]) == ("linux", architecture)
    ]
    return sizes[0] if sizes else None


def digest_by_server(client: Client, tagged: Reference, credentials: RegistryCredentials | None) -> str | None:
    """Gives the digest that a tag has now, by the server, as Podman cannot read it; None where the server cannot either."""
    try:
        return _inspect(client, tagged, credentials)["digest"]
    except BayplanError:
        return None


def _inspect(client: Client, tagged: Reference, credentials: RegistryCredentials | None) -> InspectionAnswer:
    if credentials is None:
        return client.images.inspect(str(tagged))
    return client.images.inspect(str(tagged), username=credentials.username, password=credentials.password)
