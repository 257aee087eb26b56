"""What one layer of an image has: findings by path, links that matter, what it removes, and which paths it has at all.

Findings of a layer stand for themselves, so they are kept by the layer's digest: images that share layers are read once.
"""

import base64
import hashlib
import re
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Self

from bayplan.scan.probes import Finding
from bayplan.scan.tar import Member, TarReader
from bayplan.scan.telling import is_telling_link, kind_of, may_tell
from bayplan.scan.unpack import LIMITS, UnpackLimits, unpacked

FORMAT = 2
"""Changes with what a scan reads: findings of another format are read anew."""

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_MOST_FINDINGS = 20_000
_MOST_FINDINGS_BYTES = 16 << 20  # in memory: some ten times what the largest images have in a layer
_BYTES_OF_ENTRY = 100  # that an entry takes in the table of all
_MOST_LINKS = 5_000
_MOST_PATHS = 300_000
_PATH_SETS = ("paths", "removed", "opaque")
_CONTROL = re.compile(r"[^ -~]")


class PathSet:
    """Paths, kept as numbers of 8 bytes: whether one is among them, and nothing else."""

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._numbers = array("Q", numbers)
        self._is_sorted = True

    def add(self, path: str) -> None:
        """Adds a path; beyond `_MOST_PATHS` they are too many to keep."""
        if len(self._numbers) < _MOST_PATHS:
            self._numbers.append(_number(path))
            self._is_sorted = False

    @property
    def is_full(self) -> bool:
        """Whether some may have been left out."""
        return len(self._numbers) >= _MOST_PATHS

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, path: str) -> bool:
        if not self._is_sorted:
            self._numbers = array("Q", sorted(self._numbers))
            self._is_sorted = True
        number = _number(path)
        at = bisect_left(self._numbers, number)
        return at < len(self._numbers) and self._numbers[at] == number

    def to_text(self) -> str:
        """Gives the numbers in base64."""
        return base64.b64encode(self._numbers.tobytes()).decode()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Reads what `to_text` gives."""
        paths = cls()
        paths._numbers.frombytes(base64.b64decode(text))
        paths._is_sorted = False
        return paths


def _number(path: str) -> int:
    return int.from_bytes(hashlib.blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "little")


@dataclass(slots=True)
class LayerFindings:
    """One layer. `files`: the finding of each file that tells; `links`: where links lead; `removed` and `opaque`: paths and folders."""

    files: dict[str, Finding] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    removed: PathSet = field(default_factory=PathSet)
    opaque: PathSet = field(default_factory=PathSet)
    paths: PathSet = field(default_factory=PathSet)
    notes: list[str] = field(default_factory=list)
    bytes_read: int = 0
    kept_bytes: int = 0

    @property
    def memory_bytes(self) -> int:
        """About how much memory it takes."""
        return self.kept_bytes + sum(8 * len(paths) for paths in (self.paths, self.removed, self.opaque))

    def add_file(self, path: str, finding: Finding) -> None:
        """Adds the finding of a file, or a note where they are too many."""
        if len(self.files) < _MOST_FINDINGS and self._has_room(path, finding):
            self.files[path] = finding
        else:
            self.note(
                f"a layer has more than {_MOST_FINDINGS:,} files with facts, or too long ones: the scan left out the others"
            )

    def add_link(self, path: str, target: str) -> None:
        """Adds where a link leads, or a note where they are too many."""
        if len(self.links) < _MOST_LINKS and self._has_room(path, target):
            self.links[path] = target
        else:
            self.note(f"a layer has more than {_MOST_LINKS:,} links: the scan left out the others")

    def _has_room(self, path: str, value: Finding | str) -> bool:
        size_bytes = kept_bytes((path, value))
        if self.kept_bytes + size_bytes > _MOST_FINDINGS_BYTES:
            return False
        self.kept_bytes += size_bytes
        return True

    def to_document(self) -> dict[str, Any]:
        """Gives it as a document of plain values, to keep."""
        return {
            "format": FORMAT,
            "files": self.files,
            "links": self.links,
            **{name: getattr(self, name).to_text() for name in _PATH_SETS},
            "notes": self.notes,
            "bytes_read": self.bytes_read,
            "kept_bytes": self.kept_bytes,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self | None:
        """Reads what `to_document` gives; None for another format."""
        if document.get("format") != FORMAT:
            return None
        values = {name: document[name] for name in ("files", "links", "notes", "bytes_read", "kept_bytes")}
        values |= {name: PathSet.from_text(document[name]) for name in _PATH_SETS}
        return cls(**values)

    def note(self, sentence: str) -> None:
        """Adds a sentence, once."""
        if sentence not in self.notes and len(self.notes) < 50:
            self.notes.append(sentence)

    def hides(self, path: str) -> bool:
        """Whether a file of a layer below is not seen any more: it is replaced or removed, or a folder that it is in."""
        if path in self.paths or f"{path}/" in self.paths or path in self.removed:
            return True
        steps = path.split("/")
        above = ["/".join(steps[:number]) for number in range(1, len(steps))]
        return any(folder in self.paths or folder in self.removed or folder in self.opaque for folder in above) or (
            "" in self.opaque
        )


def kept_bytes(entry: tuple[str, Finding | str]) -> int:
    """About how much memory the finding of a file takes, or where a link leads."""
    return _BYTES_OF_ENTRY + sum(map(_memory_bytes, entry))


def _memory_bytes(value: object) -> int:
    """Of a document of plain values: many short texts take some ten times what they are as JSON."""
    parts: Iterable[object] = ()
    if isinstance(value, Mapping):
        parts = chain(value.keys(), value.values())
    elif isinstance(value, list | tuple):
        parts = value
    return sys.getsizeof(value) + sum(map(_memory_bytes, parts))


def read_layer(chunks: Iterable[bytes], limits: UnpackLimits = LIMITS) -> LayerFindings:
    """Reads a layer that is a tar in gzip, zstd or nothing; raises `ScanFailed` where it is damaged."""
    findings = LayerFindings()
    counted = _Counter(findings, unpacked(chunks, limits))
    tar = TarReader(counted)
    for member in tar.members():
        _read_member(tar, member, findings)
    for note in tar.notes:
        findings.note(note)
    if any(paths.is_full for paths in (findings.paths, findings.removed, findings.opaque)):
        findings.note(f"a layer replaces more than {_MOST_PATHS:,} files: the scan may read older copies of the others")
    for _ in counted:  # to the end: whoever reads it checks its digest
        pass
    return findings


class _Counter:
    """The chunks of a layer, counted."""

    def __init__(self, findings: LayerFindings, chunks: Iterator[bytes]) -> None:
        self._findings, self._chunks = findings, chunks

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        self._findings.bytes_read += len(chunk)
        return chunk


def _read_member(tar: TarReader, member: Member, findings: LayerFindings) -> None:
    folder, _, name = member.name.rpartition("/")
    if name == _OPAQUE:
        findings.opaque.add(folder)
        return
    if name.startswith(_WHITEOUT):
        if not name.startswith(".wh..wh."):  # of aufs' own
            findings.removed.add(f"{folder}/{name[len(_WHITEOUT) :]}".lstrip("/"))
        return
    # A member that comes twice replaces the first, as it does where the layer is unpacked.
    findings.files.pop(member.name, None)
    findings.links.pop(member.name, None)
    if member.kind == "folder":
        findings.paths.add(f"{member.name}/")
    elif member.kind != "file" or may_tell(member.name):  # what may hide a file of a layer below, or a folder
        findings.paths.add(member.name)
    if member.kind == "symlink":
        if is_telling_link(member.name):
            findings.add_link(member.name, member.link[:1_000])
    elif member.kind == "hardlink":
        original = findings.files.get(member.link.lstrip("/").removeprefix("./"))
        if original is not None and _CONTROL.search(member.name) is None:
            findings.add_file(member.name, original)
    elif member.kind == "file":
        _read_file(tar, member, findings)


def _read_file(tar: TarReader, member: Member, findings: LayerFindings) -> None:
    kind = kind_of(member.name, member.size_bytes)
    if kind is None:
        return
    probe = kind.probe(member.size_bytes)
    if not probe.is_done:
        for piece in tar.contents():
            probe.feed(piece)
            if probe.is_done:
                break
    finding = probe.close()
    if finding is not None and _CONTROL.search(member.name) is None:
        findings.add_file(member.name, {"kind": kind.name, "size": member.size_bytes, **finding})
