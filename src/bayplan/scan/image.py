"""The files of an image, from its layers: those above hide those below. A layer whose findings are kept is not read again."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bayplan.scan.errors import ScanFailed
from bayplan.scan.layer import LayerFindings, kept_bytes, read_layer
from bayplan.scan.probes import Finding
from bayplan.scan.unpack import LIMITS, UnpackLimits

_MOST_LINKS_ON_A_WAY = 40
_MOST_KEPT_BYTES = 32 << 20
"""Of the findings of all layers that are not hidden, in memory: some forty times what the largest images have."""


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
    merged = Merged()
    for layer in layers:
        kept = store.get(layer.digest) if store is not None and layer.digest is not None else None
        if kept is None:
            kept = read_layer(_checked(layer), limits)
            if store is not None and layer.digest is not None:
                store.put(layer.digest, kept)
        merged.add(kept)
    return merged.image()


def _checked(layer: LayerSource) -> Iterator[bytes]:
    """The bytes of a layer; its digest is checked at their end."""
    digest = hashlib.sha256()
    for chunk in layer.chunks():
        digest.update(chunk)
        yield chunk
    if layer.digest not in (None, f"sha256:{digest.hexdigest()}"):
        raise ScanFailed(f"A layer does not match its digest {layer.digest}: it is damaged, or is another layer.")


@dataclass(slots=True)
class Merged:
    """The files of an image as its layers come, the lowest first; of the layers themselves nothing is kept."""

    _files: dict[str, Finding] = field(default_factory=dict)
    _links: dict[str, str] = field(default_factory=dict)
    _notes: dict[str, None] = field(default_factory=dict)
    _bytes_read: int = 0
    _kept_bytes: int = 0

    def add(self, layer: LayerFindings) -> None:
        """Adds the next layer; raises `ScanFailed` where an image tells more than will be kept."""
        for old in (self._files, self._links):
            for path in [path for path in old if layer.hides(path)]:
                del old[path]
        self._files |= layer.files
        self._links |= layer.links
        self._notes |= dict.fromkeys(layer.notes)
        self._bytes_read += layer.bytes_read
        self._kept_bytes += layer.kept_bytes
        if self._kept_bytes > _MOST_KEPT_BYTES:  # with what later layers have hidden
            self._kept_bytes = sum(map(kept_bytes, self._files.items())) + sum(map(kept_bytes, self._links.items()))
        if self._kept_bytes > _MOST_KEPT_BYTES:
            raise ScanFailed("The image has too many files with facts for one scan.")

    def image(self) -> ImageFiles:
        """Gives the files of the image."""
        return ImageFiles(self._files, self._links, tuple(self._notes), self._bytes_read)


def merge(layers: Iterable[LayerFindings]) -> ImageFiles:
    """Gives the files of an image with these layers, the lowest first; raises `ScanFailed`."""
    merged = Merged()
    for layer in layers:
        merged.add(layer)
    return merged.image()
