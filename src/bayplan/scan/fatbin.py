"""The GPU code in a shared object: which capabilities its fat binaries have machine code and PTX for. Reads a stream, headers alone.

NVIDIA documents no format. What is read here was measured with the programs `ptxas`, `fatbinary` (CUDA 12.9 and 13.5) and `cuobjdump`:

* container: magic, version 1, size of this header (16), size of the entries that follow
* entry: kind (1 PTX, 2 machine code), size of the entry's header, size of its payload, then at byte 28 the capability (90 for 9.0),
  at byte 40 the flags: 0x100000 code for this capability alone (sm_90a), 0x200000 for its family (sm_100f), 0x2000 and 0x8000 LZ4 and zstd
* kind 0x100 (`fatbinary --concat`): several entries compressed as one; their headers, of the same form, follow its own

Payloads are skipped, so whether they are compressed makes no difference. Code that was not linked yet (`nvcc -rdc`, in the section
`__nv_relfatbin`) runs nowhere and is not counted, where the section headers can be read.
"""

import re
import struct
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bayplan.scan.elf import SectionTable

MAGIC = struct.pack("<I", 0xBA55ED50)
PTX, CODE = "compute_", "sm_"
_HEADER = struct.Struct("<IHHQ")
_ENTRY = struct.Struct("<HHIQ")
_ENTRY_BYTES = 64
_MOST_HEADER_BYTES = 4 << 20  # of a concatenated entry, whose header has those of all its parts
_KINDS: Mapping[int, str] = {1: PTX, 2: CODE, 16: CODE}  # cuobjdump lists kind 16 as machine code too
_CONCATENATED = 0x100
_SUFFIXES = ((0x100000, "a"), (0x200000, "f"))
_EXTENDED = 0x40  # at byte 20: more of the header follows, its length at byte 68
_MOST_CONTAINERS = 1_000_000
_MOST_CONTENTS = 60_000
_MOST_TARGETS = 200_000  # of all contents together
_UNLINKED = "__nv_relfatbin"
_TARGET = re.compile(r"(sm|compute)_(\d{1,2})(\d)([af]?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class FatbinContents:
    """How many containers have code for a target ("sm_90a") and PTX ("compute_90"); how many containers could not be read."""

    targets: Mapping[str, int] = field(default_factory=dict)
    containers: int = 0
    malformed: int = 0

    @property
    def kernels(self) -> tuple[str, ...]:
        """The targets as a list of kernels: "8.0", "9.0a", "12.0+PTX", and "compute_90" for PTX without machine code."""
        return kernel_list(self.targets)


def kernel_list(targets: Iterable[str]) -> tuple[str, ...]:
    """Gives targets ("sm_90", "compute_90") in the form of `kernel_architectures`: "9.0+PTX"; sorted by capability."""
    split = sorted(
        (int(match[2]), int(match[3]), match[4], match[1]) for text in targets if (match := _TARGET.fullmatch(text))
    )
    code = {(major, minor, suffix) for major, minor, suffix, kind in split if kind == "sm"}
    ptx = {(major, minor, suffix) for major, minor, suffix, kind in split if kind == "compute"}
    return tuple(
        f"{major}.{minor}{suffix}{'+PTX' if (major, minor, suffix) in ptx else ''}"
        if (major, minor, suffix) in code
        else f"compute_{major}{minor}{suffix}"
        for major, minor, suffix in sorted(code | ptx)
    )


def read_fatbins(chunks: Iterable[bytes], size_bytes: int | None = None) -> FatbinContents:
    """Reads a file of so many bytes (None: unknown) that comes in chunks of any size."""
    reader = FatbinReader(size_bytes)
    for chunk in chunks:
        reader.feed(chunk)
    return reader.close()


class FatbinReader:
    """Reads one file as its chunks come. `feed` each, then `close`; memory does not grow with the file."""

    def __init__(self, size_bytes: int | None = None) -> None:
        self._size_bytes = size_bytes
        self._sections = SectionTable()
        self._pending = b""  # the bytes that were not read yet begin at `_at`, which is `_position` in the file
        self._at = self._position = 0
        self._skip_to = 0
        self._begin = 0  # of the container that is being read
        self._end = 0  # of the same; 0 between containers
        self._targets: set[str] = set()
        self._malformed = 0
        self._offsets, self._contents = array("Q"), array("H")
        self._keys: dict[frozenset[str], int] = {}
        self._kept_targets = 0

    def feed(self, chunk: bytes) -> None:
        """Reads the next bytes."""
        self._sections.feed(chunk)
        self._pending = self._pending[self._at :] + chunk if self._at < len(self._pending) else chunk
        self._at = 0
        while self._step():
            pass

    def close(self) -> FatbinContents:
        """Gives what the file has; a container that the file breaks off is malformed."""
        if self._end:
            is_whole = self._skip_to <= self._position and self._position >= self._end
            self._finish() if is_whole else self._give_up()
        unlinked = self._sections.ranges(_UNLINKED)
        containers, counts = 0, Counter[int]()
        for offset, key in zip(self._offsets, self._contents, strict=True):
            if not any(begin <= offset < end for begin, end in unlinked):
                containers += 1
                counts[key] += 1
        targets = Counter[str]()
        for contents, key in self._keys.items():
            for target in contents:
                targets[target] += counts[key]
        return FatbinContents({name: n for name, n in sorted(targets.items()) if n}, containers, self._malformed)

    def _step(self) -> bool:
        """Reads what is next: skips, or reads an entry, or searches the next container. False where more bytes are needed."""
        if self._skip_to > self._position:
            self._drop(min(self._skip_to - self._position, self._unread_bytes))
            return self._skip_to == self._position
        if self._end:
            return self._read_entry()
        return self._search()

    @property
    def _unread_bytes(self) -> int:
        return len(self._pending) - self._at

    def _drop(self, number: int) -> None:
        self._at += number
        self._position += number

    def _search(self) -> bool:
        found_at = self._pending.find(MAGIC, self._at)
        if found_at < 0:
            self._drop(max(0, self._unread_bytes - len(MAGIC) + 1))
            return False
        self._drop(found_at - self._at)
        if self._unread_bytes < _HEADER.size:
            return False
        _, version, header_bytes, size_bytes = _HEADER.unpack_from(self._pending, self._at)
        begin, end = self._position, self._position + header_bytes + size_bytes
        if version != 1 or header_bytes != _HEADER.size or (self._size_bytes is not None and end > self._size_bytes):
            self._drop(len(MAGIC))
            return True
        self._begin, self._end = begin, end
        self._targets = set()
        self._drop(header_bytes)
        return True

    def _read_entry(self) -> bool:
        if self._position >= self._end:
            self._finish()
            return True
        left = self._end - self._position
        if self._unread_bytes < min(_ENTRY_BYTES, left):
            return False
        if left < _ENTRY_BYTES:
            return self._give_up()
        kind, _, header_bytes, payload_bytes = _ENTRY.unpack_from(self._pending, self._at)
        most = _MOST_HEADER_BYTES if kind == _CONCATENATED else 65_536
        if not _ENTRY_BYTES <= header_bytes <= most or header_bytes + payload_bytes > left:
            return self._give_up()
        if kind == _CONCATENATED:
            if self._unread_bytes < header_bytes:
                return False
            self._targets.update(_concatenated(self._pending[self._at : self._at + header_bytes]))
        else:
            self._targets.update(_target(self._pending, self._at))
        self._skip_to = self._position + header_bytes + payload_bytes
        return True

    def _finish(self) -> None:
        key = self._keys.get(contents := frozenset(self._targets))
        if key is None and len(self._keys) < _MOST_CONTENTS and self._kept_targets < _MOST_TARGETS:
            key = self._keys[contents] = len(self._keys)
            self._kept_targets += len(contents)
        if key is None or len(self._offsets) >= _MOST_CONTAINERS:
            self._malformed += 1
        else:
            self._offsets.append(self._begin)
            self._contents.append(key)
        self._end = 0

    def _give_up(self) -> bool:
        """Leaves a container whose headers contradict each other, with all that it claimed to have."""
        self._malformed += 1
        self._end = 0
        return True


def _target(header: bytes, offset: int) -> Iterable[str]:
    """The target of the entry whose header begins there: nothing for other kinds, and for a capability that cannot be."""
    (kind,) = struct.unpack_from("<H", header, offset)
    capability, flags = struct.unpack_from("<I8xQ", header, offset + 28)
    if kind in _KINDS and 10 <= capability < 1_000:
        suffix = next((letter for flag, letter in _SUFFIXES if flags & flag), "")
        yield sys.intern(f"{_KINDS[kind]}{capability}{suffix}")


def _concatenated(header: bytes) -> Iterable[str]:
    """The targets of the entries that one was made of; ends where a header breaks off."""
    if len(header) < _ENTRY_BYTES + 8:
        return
    (parts,) = struct.unpack_from("<I", header, _ENTRY_BYTES)
    offset = _ENTRY_BYTES + 8
    for _ in range(parts):
        if offset + _ENTRY_BYTES > len(header):
            return
        yield from _target(header, offset)
        (extended,) = struct.unpack_from("<I", header, offset + 20)
        size = _ENTRY_BYTES
        if extended == _EXTENDED and offset + 72 <= len(header):
            (length,) = struct.unpack_from("<I", header, offset + 68)
            size = (72 + length + 8) & ~7
        offset += size
