"""What registries send, as types: digests, manifests, indexes and configurations, checked once and trusted after that.

Both families are read, OCI's and Docker's schema 2, which differ in names only. Unknown members are ignored, as
the specification requires; every other member must be as it says, or absent where engines do without it.
Source: github.com/opencontainers/image-spec (descriptor, manifest, image-index, config).
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

from pydantic import Field, StringConstraints, ValidationError

from bayplan.registry.errors import DigestMismatch, ManifestInvalid
from bayplan.registry.json_document import MAX_INT64, WITHOUT_NULLS, JsonObject, Texts, fold, parse_document

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
CONFIGS = frozenset({"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"})
LEGACY_CONFIGS = frozenset({"application/octet-stream", "application/json", "text/html", ""})
"""What registries make of the media type of an image's configuration, and Docker takes (distribution/distribution#1621)."""
ACCEPT = ", ".join((OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, "*/*"))
"""What to accept when asking for a manifest, as containerd does.

Registries answer 404 for a kind that is not named, and an image of another kind would seem to be missing.
"""

_ARTIFACT_MANIFEST = "application/vnd.oci.artifact.manifest.v1+json"  # of a draft of OCI 1.1
_IMAGE_KINDS = ("application/vnd.oci.image.", "application/vnd.docker.")
_ALGORITHMS = {"sha256": 64, "sha512": 128}
_PATH_LENGTH = 100
DIGEST = r"^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"

Digest = Annotated[str, StringConstraints(pattern=DIGEST)]
Size = Annotated[int, Field(ge=0, le=MAX_INT64)]


class Platform(JsonObject):
    """The platform of an entry of an index; empty where the entry does not name it."""

    os: str = ""
    architecture: str = ""
    variant: str = ""


class Descriptor(JsonObject):
    """Names a piece of content: its kind, its digest, its size in bytes."""

    media_type: str = Field(default="", alias="mediaType")
    digest: Digest
    size: Size = 0
    artifact_type: str = Field(default="", alias="artifactType")
    platform: Platform | None = None
    annotations: Texts | None = None

    @property
    def is_attestation(self) -> bool:
        """Whether it describes another entry (provenance, SBOM) and is no image."""
        is_declared = (self.annotations or {}).get("vnd.docker.reference.type") == "attestation-manifest"
        has_no_platform = self.platform is not None and "unknown" in (self.platform.os, self.platform.architecture)
        return is_declared or has_no_platform

    @property
    def may_be_image(self) -> bool:
        """Whether it may name an image, or an index of images; attestations, artifacts and foreign kinds do not."""
        is_known = self.media_type in MANIFESTS | INDEXES | {""}
        is_artifact = self.artifact_type not in CONFIGS | {""}
        return is_known and not is_artifact and not self.is_attestation


class Index(JsonObject):
    """Several manifests under one name, usually one for each platform."""

    manifests: Annotated[tuple[Any, ...], WITHOUT_NULLS] = ()

    @property
    def images(self) -> tuple[Descriptor, ...]:
        """The entries that may be images or indexes of images; entries that cannot be read are none."""
        return tuple(entry for entry in self._entries() if entry.may_be_image)

    @property
    def attestations(self) -> tuple[Descriptor, ...]:
        """The entries that describe others, as BuildKit writes them."""
        return tuple(entry for entry in self._entries() if entry.is_attestation and entry.media_type in MANIFESTS)

    @property
    def referrers(self) -> tuple[Descriptor, ...]:
        """The manifests in a list of referrers."""
        return tuple(entry for entry in self._entries() if entry.media_type in MANIFESTS | {""})

    def _entries(self) -> Iterator[Descriptor]:
        return (entry for entry in map(_descriptor, self.manifests) if entry is not None)


class LayerDescriptor(JsonObject):
    """A layer: a scan alone downloads it."""

    media_type: str = Field(default="", alias="mediaType")
    digest: str
    size: Size = 0
    annotations: Any = None

    @property
    def may_be_files(self) -> bool:
        """Whether it may hold files of an image, by the media types that Docker takes for those."""
        kind = self.media_type.lower()
        return kind in LEGACY_CONFIGS or kind.startswith(_IMAGE_KINDS)


class Manifest(JsonObject):
    """One image: its configuration and its layers."""

    artifact_type: str = Field(default="", alias="artifactType")
    config: Descriptor
    layers: Annotated[tuple[LayerDescriptor, ...], WITHOUT_NULLS] = ()
    annotations: Texts | None = None

    @property
    def is_artifact(self) -> bool:
        """Whether it is a signature, an attestation or the like; those of cosign and BuildKit have the configuration of an image."""
        has_files = not self.layers or any(layer.may_be_files for layer in self.layers)
        return self.artifact_type not in CONFIGS | {""} or not has_files

    @property
    def size_bytes(self) -> int:
        """The download in bytes for a worker that has none of it: configuration and layers, each once, compressed."""
        layers = {layer.digest: layer.size for layer in self.layers}
        return sum(({self.config.digest: self.config.size} | layers).values())


class ImageSettings(JsonObject):
    """The part of a configuration that says how a container starts."""

    env: Annotated[tuple[str, ...], WITHOUT_NULLS] = Field(default=(), alias="Env")
    labels: Texts = Field(default={}, alias="Labels")
    entry_point: Any = Field(default=None, alias="Entrypoint")
    command: Any = Field(default=None, alias="Cmd")
    """Lists of texts, or a text in old images; what is neither says nothing."""


class Config(JsonObject):
    """The configuration of an image; engines pull one that does not name its platform."""

    os: str = ""
    architecture: str = ""
    variant: str = ""
    created: Any = None
    """A time stamp; anything else is no time."""
    config: ImageSettings = ImageSettings()
    history: Any = None
    """The steps of the build; what is no list of them says nothing."""

    @property
    def steps(self) -> list[tuple[str, str]]:
        """What created each layer, and the builder's comment; steps that cannot be read are empty."""
        entries = self.history if isinstance(self.history, list) else []
        parts = (fold(entry, ("created_by", "comment")) if isinstance(entry, dict) else {} for entry in entries)
        return [(_text(part.get("created_by")), _text(part.get("comment"))) for part in parts]

    @property
    def start(self) -> tuple[str, ...]:
        """The words that a container starts with."""
        listed = (
            value if isinstance(value, list) else [value] for value in (self.config.entry_point, self.config.command)
        )
        return tuple(word for words in listed for word in words if isinstance(word, str))

    @property
    def env(self) -> dict[str, str]:
        """Its environment; of several entries with one name the last counts, as at the start of a container."""
        entries = (entry.partition("=") for entry in self.config.env)
        return {name: value for name, separator, value in entries if separator}

    @property
    def labels(self) -> dict[str, str]:
        """Its labels, with those that it inherits from its base images."""
        return self.config.labels


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def verify(body: bytes, digest: str, what: str) -> None:
    """Raises DigestMismatch where `body` does not have that digest."""
    algorithm, _, expected = digest.partition(":")
    if hashlib.new(algorithm, body).hexdigest() != expected:
        raise DigestMismatch(
            f"{what} does not match its digest ({digest[:19]}…): the registry or a proxy changed it. Push the image "
            "again, or ask the registry's operators."
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
    document = fold(
        parse_document(body, what),
        ("mediaType", "schemaVersion", "artifactType", "manifests", "config", "layers", "annotations"),
    )
    media_type = document.get("mediaType") or content_type.partition(";")[0].strip().lower()
    if document.get("schemaVersion") == 1:
        raise ManifestInvalid(
            f"{what} has Docker's schema 1, which is no longer in use. Build and push the image again."
        )
    if media_type == _ARTIFACT_MANIFEST:
        raise ManifestInvalid(f"{what} is an artifact (a signature, an SBOM or the like), not an image. Check the tag.")
    is_list, is_single = "manifests" in document, "config" in document or "layers" in document
    if is_list and is_single:
        raise ManifestInvalid(f"{what} is an index and a manifest at once, which is not allowed. Push the image again.")
    if not isinstance(media_type, str):
        raise _wrong_media_type(what)
    is_list = is_list or (media_type in INDEXES and not is_single)
    if media_type not in INDEXES | MANIFESTS:  # application/json, from a plain file server
        media_type = OCI_INDEX if is_list else OCI_MANIFEST
    if media_type not in (INDEXES if is_list else MANIFESTS):
        raise _wrong_media_type(what)
    if is_list:
        return media_type, _read(Index, document, what)
    manifest = _read(Manifest, document, what)
    if manifest.size_bytes > MAX_INT64:
        raise ManifestInvalid(f"The sizes in {_lower(what)} add up to more than 2^63 bytes. Push the image again.")
    return media_type, manifest


def parse_config(body: bytes, what: str) -> Config:
    """The configuration of an image; raises ManifestInvalid."""
    return _read(Config, parse_document(body, what), what)


Read = TypeVar("Read", bound=JsonObject)


def _descriptor(entry: Any) -> Descriptor | None:
    try:
        return Descriptor.model_validate(entry)
    except ValidationError:
        return None


def _wrong_media_type(what: str) -> ManifestInvalid:
    return ManifestInvalid(
        f"{what} has a wrong media type: it says manifest and is an index, or the other way round. "
        "Push the image again."
    )


def _lower(what: str) -> str:
    return what[0].lower() + what[1:]


def _read(kind: type[Read], document: dict[str, Any], what: str) -> Read:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ascii(".".join(str(part) for part in first["loc"])[:_PATH_LENGTH])[1:-1]  # the sender chooses the keys
        wrong = _WRONG.get(first["type"], "has a value that is not allowed")
        raise ManifestInvalid(
            f"{what} breaks the OCI specification: '{where}' {wrong}. Push the image again."
        ) from None


_WRONG = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_pattern_mismatch": "must be a digest, such as sha256: and 64 hexadecimal digits",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be 0 or more",
    "less_than_equal": "must be less than 2^63",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
}
"""What is wrong with a field, by Pydantic's name of the error."""
