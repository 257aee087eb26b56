"""What registries send, as types: digests, manifests, indexes and configurations, checked once and trusted after that.

Both families are read, OCI's and Docker's schema 2, which differ in names only. Unknown members are ignored, as
the specification requires; every other member must be as it says.
Source: github.com/opencontainers/image-spec (descriptor, manifest, image-index, config).
"""

import hashlib
import json
import re
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bayplan.registry.errors import DigestMismatch, ManifestInvalid

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
CONFIGS = frozenset({"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"})
ACCEPT = ", ".join((OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST))
"""What to accept when asking for a manifest: a registry answers 404 for a kind that is not named."""

_ALGORITHMS = {"sha256": 64, "sha512": 128}
_PATH_LENGTH = 100
DIGEST = r"^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"

Digest = Annotated[str, StringConstraints(pattern=DIGEST)]
Texts = dict[str, str]


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Platform(_Content):
    """The platform of an entry of an index."""

    os: str
    architecture: str
    variant: str | None = None


class Descriptor(_Content):
    """Names a piece of content: its kind, its digest, its size in bytes."""

    media_type: str = Field(alias="mediaType")
    digest: Digest
    size: int = Field(ge=0)
    platform: Platform | None = None
    annotations: Texts | None = None

    @property
    def is_attestation(self) -> bool:
        """Whether it describes another entry (provenance, SBOM) and is no image."""
        is_declared = (self.annotations or {}).get("vnd.docker.reference.type") == "attestation-manifest"
        has_no_platform = self.platform is not None and "unknown" in (self.platform.os, self.platform.architecture)
        return is_declared or has_no_platform


class Index(_Content):
    """Several manifests under one name, usually one for each platform."""

    media_type: str | None = Field(default=None, alias="mediaType")
    manifests: tuple[Descriptor, ...] = Field(strict=False)


class Manifest(_Content):
    """One image: its configuration and its layers."""

    media_type: str | None = Field(default=None, alias="mediaType")
    config: Descriptor
    layers: tuple[Descriptor, ...] = Field(strict=False)
    annotations: Texts | None = None

    @property
    def size_bytes(self) -> int:
        """The download in bytes for a worker that has none of it: configuration and layers, each once, compressed."""
        return sum({part.digest: part.size for part in (self.config, *self.layers)}.values())


class ImageSettings(_Content):
    """The part of a configuration that says how a container starts."""

    env: tuple[str, ...] | None = Field(default=None, alias="Env", strict=False)
    labels: Texts | None = Field(default=None, alias="Labels")


class Config(_Content):
    """The configuration of an image."""

    os: str = Field(min_length=1)
    architecture: str = Field(min_length=1)
    variant: str | None = None
    created: str | None = None
    config: ImageSettings | None = None

    @property
    def env(self) -> Texts:
        """Its environment; of several entries with one name the last counts, as at the start of a container."""
        entries = (self.config and self.config.env) or ()
        return {name: value for name, separator, value in (entry.partition("=") for entry in entries) if separator}

    @property
    def labels(self) -> Texts:
        """Its labels, with those that it inherits from its base images."""
        return (self.config and self.config.labels) or {}


def verify(body: bytes, digest: str, what: str) -> None:
    """Raises DigestMismatch where `body` does not have that digest."""
    algorithm, _, expected = digest.partition(":")
    if hashlib.new(algorithm, body).hexdigest() != expected:
        raise DigestMismatch(
            f"{what} is not what its digest says ({digest[:19]}…): the registry, or something before it, changed it. "
            "Push the image again, or ask the registry's operators."
        )


def is_digest(text: str) -> bool:
    """Whether it is a digest of a kind that can be verified."""
    algorithm, _, value = text.partition(":")
    return len(value) == _ALGORITHMS.get(algorithm) and re.fullmatch(DIGEST, text) is not None


def sha256(body: bytes) -> str:
    """The digest of `body`."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def parse_manifest(body: bytes, content_type: str, what: str) -> tuple[str, Index | Manifest]:
    """Media type and content of a manifest or an index, `what` is its name in errors.

    Raises ManifestInvalid, also for a document that is both at once (CVE-2021-41190).
    """
    document = _json(body, what)
    media_type = document.get("mediaType") or content_type.partition(";")[0].strip().lower()
    if document.get("schemaVersion") == 1:
        raise ManifestInvalid(f"{what} is of Docker's schema 1, which is no longer in use: build and push it again.")
    listed, single = "manifests" in document, "config" in document or "layers" in document
    if listed and single:
        raise ManifestInvalid(f"{what} is an index and a manifest at once, which is not allowed: push it again.")
    expected = INDEXES if listed else MANIFESTS
    if not isinstance(media_type, str) or (media_type in INDEXES | MANIFESTS and media_type not in expected):
        raise ManifestInvalid(f"{what} says that it is what it is not (its media type is wrong): push it again.")
    if media_type not in expected:  # application/json, from a plain file server
        media_type = OCI_INDEX if listed else OCI_MANIFEST
    return media_type, _read(Index, document, what) if listed else _read(Manifest, document, what)


def parse_config(body: bytes, what: str) -> Config:
    """The configuration of an image; raises ManifestInvalid."""
    return _read(Config, _json(body, what), what)


Read = TypeVar("Read", bound=_Content)


def _read(kind: type[Read], document: dict[str, object], what: str) -> Read:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ascii(".".join(str(part) for part in first["loc"])[:_PATH_LENGTH])[1:-1]  # the sender chooses the keys
        raise ManifestInvalid(
            f"{what} is not as the OCI specification has it ({where}: {first['msg']}): push the image again."
        ) from None


def _json(body: bytes, what: str) -> dict[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise ManifestInvalid(f"{what} is not JSON, or not all of it: push the image again.") from None
    if not isinstance(document, dict):
        raise ManifestInvalid(f"{what} is not a JSON object: push the image again.")
    return document
