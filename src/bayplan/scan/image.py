"""The files of an image, from its layers: those above hide those below. A layer whose findings are kept is not read again."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bayplan.scan.errors import ScanFailed
from bayplan.scan.layer import LayerFindings, read_layer
from bayplan.scan.probes import Finding
from bayplan.scan.unpack import LIMITS, UnpackLimits

_MOST_LINKS_ON_A_WAY = 40


@dataclass(frozen=True, slots=True)
class LayerSource:
    """A layer: the digest of its bytes, by which its findings are kept (None: they are not), and how they are had."""

    digest: str | None
    chunks: Callable[[], Iterable[bytes]]


class LayerStore(Protocol):
    """Keeps the findings of layers, whose bytes have been checked to have the digest."""

    def get(self, digest: str) -> LayerFindings | None:
        """Gives the findings of a layer that was read before."""

    def put(self, digest: str, findings: LayerFindings) -> None:
        """Keeps them."""


@dataclass(slots=True)
class MemoryStore:
    """Keeps them in memory: as many as `most`, the oldest go first."""

    most: int = 100
    kept: dict[str, LayerFindings] = field(default_factory=dict)

    def get(self, digest: str) -> LayerFindings | None:
        """Gives the findings of a layer that was read before."""
        return self.kept.get(digest)

    def put(self, digest: str, findings: LayerFindings) -> None:
        """Keeps them."""
        self.kept[digest] = findings
        while len(self.kept) > self.most:
            del self.kept[next(iter(self.kept))]


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """What an image's files tell, by path; where its links lead; what could not be read; and how many bytes its layers have."""

    files: Mapping[str, Finding] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    bytes_read: int = 0

    def of_kind(self, *kinds: str) -> Iterator[tuple[str, Finding]]:
        """Gives path and finding of each file of these kinds, sorted by path."""
        return ((path, finding) for path, finding in sorted(self.files.items()) if finding["kind"] in kinds)

    def resolve(self, path: str) -> str:
        """The path that a path leads to, through the links that the scan keeps; a circle ends where it began."""
        steps, done = path.strip("/").split("/"), list[str]()
        for _ in range(_MOST_LINKS_ON_A_WAY):
            while steps:
                step = steps.pop(0)
                if step == "..":
                    done = done[:-1]
                elif step not in ("", "."):
                    done.append(step)
                target = self.links.get("/".join(done))
                if target is not None:
                    steps = target.split("/") + steps
                    done = [] if target.startswith("/") else done[:-1]
                    break
            else:
                return "/".join(done)
        return path.strip("/")


def scan_layers(
    layers: Iterable[LayerSource], store: LayerStore | None = None, limits: UnpackLimits = LIMITS
) -> ImageFiles:
    """Reads the layers, the lowest first. Raises `ScanFailed` where one is damaged, or lacks its digest; those before it are kept."""
    findings = []
    for layer in layers:
        kept = store.get(layer.digest) if store is not None and layer.digest is not None else None
        if kept is None:
            kept = read_layer(_checked(layer), limits)
            if store is not None and layer.digest is not None:
                store.put(layer.digest, kept)
        findings.append(kept)
    return merge(findings)


def _checked(layer: LayerSource) -> Iterator[bytes]:
    """The bytes of a layer; its digest is checked at their end."""
    digest = hashlib.sha256()
    for chunk in layer.chunks():
        digest.update(chunk)
        yield chunk
    if layer.digest not in (None, f"sha256:{digest.hexdigest()}"):
        raise ScanFailed(f"A layer does not have its digest {layer.digest}: it was damaged on its way, or is another.")


def merge(layers: Sequence[LayerFindings]) -> ImageFiles:
    """Gives the files of an image with these layers, the lowest first."""
    files: dict[str, Finding] = {}
    links: dict[str, str] = {}
    for layer in layers:
        files = {path: finding for path, finding in files.items() if not layer.hides(path)} | layer.files
        links = {path: target for path, target in links.items() if not layer.hides(path)} | layer.links
    notes = list(dict.fromkeys(note for layer in layers for note in layer.notes))
    return ImageFiles(files, links, notes, sum(layer.bytes_read for layer in layers))
