"""Images in a folder or an archive in the place of a registry: an OCI layout, and the archives of `docker save` and `podman save`.

Source: opencontainers/image-spec, image-layout.md; moby, image/tarexport (manifest.json); containerd, images/annotations.go.
"""

import asyncio
import hashlib
import json
import os
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from bayplan.domain.reference import Reference
from bayplan.errors import Invalid
from bayplan.registry.auth import RegistryCredentials
from bayplan.registry.client import RegistryClient
from bayplan.registry.connection import RegistryResponse
from bayplan.registry.content import DOCKER_MANIFEST, OCI_INDEX, is_digest, sha256
from bayplan.registry.errors import ImageNotFound, ManifestInvalid, ManifestTooLarge
from bayplan.registry.json_document import parse_document
from bayplan.registry.remembered import Remembered

KINDS = ("oci:", "oci-archive:", "docker-archive:")
"""How skopeo and podman name what is no registry."""
_PATHS = ("./", "../", "/", "~/")
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.zst")
_TAG, _FULL_NAME = "org.opencontainers.image.ref.name", "io.containerd.image.name"
_MOST_INDEX_BYTES = 4 * 1024 * 1024
_NAMED_AT_MOST = 8
_NOT_A_NAME = re.compile(r"[^a-z0-9]+")

Read = Callable[[str, int], bytes]
"""Gives a file's bytes by its path; raises `KeyError` where there is none, `ManifestTooLarge` for more than so many bytes."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image in a folder or an archive: what reads it, the name that it has there, and where it has manifests its digest.

    The reference has the digest by which the client reads it.
    """

    client: "LocalClient"
    reference: Reference
    digest: str | None
    path: Path


def is_local(text: str) -> bool:
    """Whether a text names a folder or an archive, and no image of a registry."""
    is_file = text.endswith(_ARCHIVES) and Path(text).is_file()
    return text.startswith((*KINDS, *_PATHS)) or text in (".", "..", "~") or is_file


def in_folder(text: str) -> bool:
    """Whether a layout or an archive in the current folder has that name, with or without a tag."""
    path, _ = _path_and_tag(text)
    return bool(text) and (path.is_file() or any((path / name).is_file() for name in ("oci-layout", "manifest.json")))


def local_image(text: str) -> StoredImage:
    """The image that `oci:./folder:tag`, `./folder` or `docker-archive:image.tar` names; raises `Invalid` and `RegistryError`."""
    path, tag = _path_and_tag(text)
    try:
        read = _folder(path) if path.is_dir() else _archive(path)
    except FileNotFoundError:
        raise Invalid(
            f"{path} does not exist. Name the folder of an OCI layout, or an archive that docker or podman saved."
        ) from None
    except (tarfile.TarError, EOFError):
        raise Invalid(
            f"{path} is not an archive of an image as `docker save` writes it. If it is compressed, decompress it first."
        ) from None
    documents = _Documents(path, read, tag)
    digest = documents.reference.digest
    own = None if documents.is_made(digest) else digest
    return StoredImage(LocalClient(documents.blob), documents.reference, own, path)


class LocalClient(RegistryClient):
    """A client whose registry is a folder or an archive: it reads by digest, and nothing is attached."""

    def __init__(self, blob: Callable[[str, int], bytes]) -> None:
        """`blob` gives the bytes with a digest; raises `KeyError` for none."""
        self._blob = blob
        self.without_referrers: Remembered[bool] = Remembered(3600.0, 1)
        self.reading = asyncio.Semaphore(1)

    async def __aexit__(self, *error: object) -> None:
        """Has nothing to close."""

    async def get(
        self,
        reference: Reference,
        credentials: RegistryCredentials | None,  # noqa: ARG002  # a registry takes it
        target: str,
        accept: str,  # noqa: ARG002  # a registry takes it
        limit: int,
        **_options: Any,
    ) -> RegistryResponse:
        """Gives the file with a digest; raises ImageNotFound for every other."""
        digest = target.rpartition("/")[2]
        try:
            body = self._blob(digest, limit)
        except (KeyError, OSError):
            raise ImageNotFound(
                f"'{reference.repository}' lacks {digest[:19]}: it is not complete. Save the image again."
            ) from None
        return RegistryResponse(200, httpx2.Headers(), body)


class _Documents:
    """The documents at the top of a layout or an archive, and the one that is asked for."""

    def __init__(self, path: Path, read: Read, tag: str | None) -> None:
        self._path, self._read, self._made = path, read, dict[str, bytes]()
        index = self._top("index.json")
        if index is not None:
            digest, name = self._of_layout(index, tag)
        elif (manifest := self._top("manifest.json")) is not None:
            digest, name = self._of_archive(manifest, tag)
        else:
            raise Invalid(
                f"{path} has neither index.json nor manifest.json. Name an OCI layout, or what `docker save` writes."
            )
        self.reference = _reference(path, name, digest)

    def is_made(self, digest: str | None) -> bool:
        """Whether the document with that digest is none of the files, but made of them."""
        return digest in self._made

    def blob(self, digest: str, limit: int) -> bytes:
        """The bytes with a digest; raises `KeyError` for none."""
        if digest in self._made:
            return self._made[digest]
        if not is_digest(digest):
            raise KeyError(digest)
        return self._read(f"blobs/{digest.replace(':', '/')}", limit)

    def _top(self, name: str) -> bytes | None:
        try:
            return self._read(name, _MOST_INDEX_BYTES)
        except (KeyError, OSError):
            return None

    def _of_layout(self, body: bytes, tag: str | None) -> tuple[str, str | None]:
        """The digest of the image with that tag, and its name; without a tag the only one, or all of them as one index."""
        document = parse_document(body, f"{self._path}/index.json")
        entries = [entry for entry in _objects(document.get("manifests")) if isinstance(entry.get("digest"), str)]
        named = {name: entry for entry in entries for name in _names(entry)}
        if tag is not None:
            for name, entry in named.items():
                if tag in (name, name.rpartition(":")[2]) or entry["digest"] == tag:
                    return entry["digest"], name
            raise Invalid(f"{self._path} has no image with the tag {tag!r}{_listed(named)}.")
        if len({entry["digest"] for entry in entries}) == 1:
            return entries[0]["digest"], next(iter(named), None)
        if len({entry["digest"] for entry in named.values()}) > 1:
            raise Invalid(f"{self._path} has several images. Name one, as in {self._path}:TAG{_listed(named)}.")
        if not entries:
            raise ManifestInvalid(f"The index of {self._path} names no image. Save the image again.")
        digest = self._make({"mediaType": OCI_INDEX, **document})
        return digest, next(iter(named), None)

    def _of_archive(self, body: bytes, tag: str | None) -> tuple[str, str | None]:
        """The same of an archive of older releases of docker, which has configurations and no manifests."""
        images = _objects(_json(body))
        named = {name: image for image in images for name in _texts(image.get("RepoTags"))}
        image = images[0] if len(images) == 1 else None
        name = next(iter(named), None)
        if tag is not None:
            name = next((name for name in named if tag in (name, name.rpartition(":")[2])), None)
            if name is None:
                raise Invalid(f"{self._path} has no image with the tag {tag!r}{_listed(named)}.")
            image = named[name]
        if image is None:
            raise Invalid(f"{self._path} has several images. Name one, as in {self._path}:TAG{_listed(named)}.")
        try:
            config = self._read(str(image.get("Config")), _MOST_INDEX_BYTES)
        except KeyError:
            raise ManifestInvalid(f"{self._path} lacks the configuration of its image. Save the image again.") from None
        digest = sha256(config)
        self._made[digest] = config
        kind = "application/vnd.docker.container.image.v1+json"
        descriptor = {"mediaType": kind, "digest": digest, "size": len(config)}
        return self._make({"mediaType": DOCKER_MANIFEST, "schemaVersion": 2, "config": descriptor, "layers": []}), name

    def _make(self, document: Mapping[str, Any]) -> str:
        body = json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self._made[digest] = body
        return digest


def _path_and_tag(text: str) -> tuple[Path, str | None]:
    kind = next((kind for kind in KINDS if text.startswith(kind)), "")
    rest = os.path.expanduser(text.removeprefix(kind))  # noqa: PTH111  # the rest may have a tag, and is no path yet
    if Path(rest).exists():
        return Path(rest), None
    head, colon, tag = rest.partition(":") if ":" in rest else (rest, "", "")
    return Path(head), tag if colon else None


def _folder(path: Path) -> Read:
    def read(name: str, limit: int) -> bytes:
        with (path / name).open("rb") as file:
            return _limited(file.read(limit + 1), limit, path)

    return read


def _archive(path: Path) -> Read:
    """Reads members where they are: nothing else of the archive is read but the members' heads."""
    archive = tarfile.open(path, "r:*")  # noqa: SIM115  # for as long as the process lives
    members = {member.name.removeprefix("./"): member for member in archive.getmembers()}

    def read(name: str, limit: int) -> bytes:
        file = archive.extractfile(members[name])
        if file is None:
            raise KeyError(name)
        return _limited(file.read(limit + 1), limit, path)

    return read


def _limited(body: bytes, limit: int, path: Path) -> bytes:
    if len(body) > limit:
        raise ManifestTooLarge(f"A document in {path} has more than {limit} bytes, which is more than bayplan reads.")
    return body


def _reference(path: Path, name: str | None, digest: str) -> Reference:
    """The image's own name where the layout has it, else one that is made of the folder's."""
    text = name if name is not None and "/" in name else f"{_local_name(path)}:{name}" if name else _local_name(path)
    try:
        named = Reference.parse(text)
    except Invalid:
        named = Reference.parse(_local_name(path))
    return Reference(named.registry, named.repository, named.tag, digest, names_registry=True)


def _local_name(path: Path) -> str:
    folder = _NOT_A_NAME.sub("-", path.resolve().name.lower()).strip("-")
    return f"localhost/{folder or 'image'}"


def _names(entry: Mapping[str, Any]) -> list[str]:
    annotations = entry.get("annotations")
    texts = annotations if isinstance(annotations, dict) else {}
    return [texts[key] for key in (_FULL_NAME, _TAG) if isinstance(texts.get(key), str) and texts[key]]


def _listed(named: Mapping[str, object]) -> str:
    names = [ascii(name)[1:-1] for name in list(named)[:_NAMED_AT_MOST]]
    return f". Its tags are {', '.join(names)}" if names else ""


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
