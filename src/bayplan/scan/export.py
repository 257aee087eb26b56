"""The files of an image from an engine's export of it: Docker's archive (old and new), Podman's, and an OCI layout in a tar.

The archive comes as a stream, its documents in any order among the layers, so each layer is read as it passes, and the documents say at
the end which of them are the image's, and in which order. A layer whose findings are kept is passed over where its name is its digest.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bayplan.scan.errors import ScanFailed
from bayplan.scan.image import ImageFiles, LayerStore, merge
from bayplan.scan.layer import LayerFindings, read_layer
from bayplan.scan.tar import Member, TarReader
from bayplan.scan.unpack import LIMITS, UnpackLimits

_DIGEST_IN_NAME = re.compile(r"(?:blobs/sha256/([0-9a-f]{64})|([0-9a-f]{64})\.tar)", re.ASCII)
_MOST_DOCUMENT_BYTES = 1 << 20
_MOST_DOCUMENTS = 1_000
_MOST_DOCUMENT_BYTES_IN_ALL = 4 << 20  # some twenty times as much in memory, should they be made for that
_MOST_LAYERS = 1_000
_MOST_LAYER_BYTES = 64 << 20  # of the findings of all layers: which of them are the image's is known at the end
_MAGIC_AT, _MAGIC = 257, b"ustar"
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


@dataclass(frozen=True, slots=True)
class ExportedImage:
    """The files of an exported image, the variables and the architecture of its configuration, and its layers' unpacked digests."""

    files: ImageFiles
    environment: Mapping[str, str]
    architecture: str | None
    diff_ids: Sequence[str]


@dataclass(slots=True)
class _Archive:
    """What has passed of an archive."""

    store: LayerStore | None
    limits: UnpackLimits
    documents: dict[str, Any] = field(default_factory=dict)
    layers: dict[str, LayerFindings] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    document_bytes: int = 0
    layer_bytes: int = 0

    def read(self, tar: TarReader) -> None:
        """Reads each member."""
        for member in tar.members():
            if member.kind in ("symlink", "hardlink") and len(self.links) < _MOST_LAYERS:
                folder = member.name.rpartition("/")[0] if member.kind == "symlink" else ""
                self.links[member.name] = _joined(folder, member.link)
            elif member.kind == "file":
                self._read_file(tar, member)

    def layer(self, name: str) -> LayerFindings:
        """Gives the layer of that name; raises `ScanFailed` where it did not pass."""
        findings = self.layers.get(name) or self.layers.get(self.links.get(name, ""))
        if findings is None:
            raise ScanFailed("The engine's archive of the image lacks a layer. Pull the image again.")
        return findings

    def document(self, name: str) -> Mapping[str, Any] | None:
        """Gives the document of that name, None where there is none."""
        document = self.documents.get(name)
        return document if isinstance(document, dict) else None

    def _read_file(self, tar: TarReader, member: Member) -> None:
        match = _DIGEST_IN_NAME.fullmatch(member.name)
        digest = f"sha256:{match[1] or match[2]}" if match else None
        kept = self.store.get(digest) if self.store is not None and digest is not None else None
        if kept is not None:
            self._add(member.name, kept)
            return
        pieces = tar.contents()
        head = b""
        for piece in pieces:
            head += piece
            if len(head) >= _MAGIC_AT + len(_MAGIC):
                break
        if head.startswith(_COMPRESSED) or head[_MAGIC_AT:].startswith(_MAGIC):
            findings = read_layer(_joined_pieces(head, pieces), self.limits)
            self._add(member.name, findings)
            if self.store is not None and digest is not None:
                self.store.put(digest, findings)
        elif member.size_bytes and not head.strip(b"\0"):
            self._add(member.name, LayerFindings())  # an empty tar
        elif head[:1] in b"{[" and head and member.size_bytes <= _MOST_DOCUMENT_BYTES:
            self._read_document(member.name, b"".join(_joined_pieces(head, pieces)))

    def _add(self, name: str, findings: LayerFindings) -> None:
        self.layers[name] = findings
        if len(self.layers) > _MOST_LAYERS:
            raise ScanFailed(f"The image has more than {_MOST_LAYERS:,} layers.")
        self.layer_bytes += findings.memory_bytes
        if self.layer_bytes > _MOST_LAYER_BYTES:
            raise ScanFailed("The image has too many files with facts for one scan.")

    def _read_document(self, name: str, data: bytes) -> None:
        self.document_bytes += len(data)
        if len(self.documents) >= _MOST_DOCUMENTS or self.document_bytes > _MOST_DOCUMENT_BYTES_IN_ALL:
            raise ScanFailed("The engine's archive of the image has too many documents.")
        try:
            self.documents[name] = json.loads(data)
        except (ValueError, RecursionError):
            return


def scan_export(
    chunks: Iterable[bytes], store: LayerStore | None = None, limits: UnpackLimits = LIMITS
) -> ExportedImage:
    """Reads an archive with one image; raises `ScanFailed` where it is damaged, or has none. What passed before is kept in the store."""
    archive = _Archive(store, limits)
    archive.read(TarReader(chunks))
    config_name, names = _image_of(archive)
    config = archive.document(config_name) or {}
    layers = [archive.layer(name) for name in names]
    diff_ids = _diff_ids(config)
    if store is not None and len(diff_ids) == len(layers):
        for digest, findings in zip(diff_ids, layers, strict=True):
            store.put(digest, findings)
    return ExportedImage(merge(layers), _environment(config), _text(config.get("architecture")), diff_ids)


def stored_layers(diff_ids: Sequence[str], store: LayerStore) -> ImageFiles | None:
    """Gives the files of an image with these layers where the findings of all of them are kept: nothing is exported then."""
    layers = [findings for digest in diff_ids if (findings := store.get(digest)) is not None]
    return merge(layers) if diff_ids and len(layers) == len(diff_ids) else None


def _joined_pieces(head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from pieces


def _image_of(archive: _Archive) -> tuple[str, Sequence[str]]:
    """The names of the configuration, and of the layers, the lowest first."""
    manifests = archive.documents.get("manifest.json")
    if isinstance(manifests, list) and manifests and isinstance(manifests[0], dict):
        names = manifests[0].get("Layers") or ()
        config = manifests[0].get("Config")
        if isinstance(config, str) and isinstance(names, list) and all(isinstance(name, str) for name in names):
            return config, names
    manifest = _oci_manifest(archive, archive.document("index.json"), 0)
    if manifest is None:
        raise ScanFailed("The engine's archive has no manifest of an image. Pull the image again.")
    names = [_blob(layer) for layer in manifest.get("layers") or () if isinstance(layer, dict)]
    return _blob(manifest.get("config")), names


def _oci_manifest(archive: _Archive, index: Mapping[str, Any] | None, depth: int) -> Mapping[str, Any] | None:
    """The first manifest of an index whose configuration is in the archive: of other platforms it may name what is not there."""
    for entry in (index or {}).get("manifests") or ():
        document = archive.document(_blob(entry))
        if document is None:
            continue
        if "manifests" in document and depth < 3:
            found = _oci_manifest(archive, document, depth + 1)
            if found is not None:
                return found
        elif _diff_ids(archive.document(_blob(document.get("config"))) or {}):
            return document
    return None


def _blob(descriptor: object) -> str:
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    return f"blobs/{digest.replace(':', '/', 1)}" if isinstance(digest, str) else ""


def _joined(folder: str, link: str) -> str:
    steps = folder.split("/") if folder else []
    for step in link.split("/"):
        if step == "..":
            steps = steps[:-1]
        elif step not in ("", "."):
            steps.append(step)
    return "/".join(steps)


def _diff_ids(config: Mapping[str, Any]) -> list[str]:
    rootfs = config.get("rootfs")
    listed = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    return [digest for digest in listed if isinstance(digest, str)] if isinstance(listed, list) else []


def _environment(config: Mapping[str, Any]) -> Mapping[str, str]:
    own = config.get("config")
    listed = own.get("Env") if isinstance(own, dict) else None
    pairs = (text.partition("=") for text in listed if isinstance(text, str)) if isinstance(listed, list) else ()
    return {name: value for name, _, value in pairs}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
