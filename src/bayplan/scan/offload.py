"""The AMD GPUs that a library has code for: the targets of its clang offload bundles, compressed or not. Reads a stream.

Source: LLVM, Clang Offload Bundler (format of the bundle, and of the compressed one, versions 1 to 3). HIP puts them into the section
`.hip_fatbin`; a target is written `hipv4-amdgcn-amd-amdhsa--gfx942:sramecc+:xnack-`.
"""

import re
import struct
import zlib

BUNDLE = b"__CLANG_OFFLOAD_BUNDLE__"
COMPRESSED = b"CCOB"
_HEADER_BYTES = {1: 20, 2: 24, 3: 32}
_TARGET = re.compile(
    rb"amdgcn-amd-amdhsa-[a-z]*-(gfx[0-9a-f]{3,5}(?:-generic)?|gfx[0-9]{1,2}(?:-[0-9])?-generic)((?::sramecc[+-])?(?::xnack[+-])?)"
)
_READ_BYTES = 1 << 17  # of a bundle, in which the list of its targets ends
_MOST_ENTRIES = 1_000
_MOST_TARGETS = 500
_LONGEST_TARGET = 500
_MOST_FALSE = 10_000  # bundles without a target: beyond that a file has none, or was made to keep its readers busy
_MOST_BUNDLE_BYTES = 1 << 33


class OffloadReader:
    """Reads one file as its chunks come, and gives its targets ("gfx90a:xnack+") with the number of bundles that have each."""

    def __init__(self) -> None:
        self.targets: dict[str, int] = {}
        self._pending = b""  # the bytes that were not read yet begin at `_at`
        self._at = 0
        self._skip = 0
        self._false = 0
        # Where each begins next: so that neither is searched again for each of the other.
        self._places = dict.fromkeys((BUNDLE, COMPRESSED), 0)

    def feed(self, chunk: bytes) -> None:
        """Reads the next bytes."""
        if self._false > _MOST_FALSE:
            return
        self._pending = self._pending[self._at :] + chunk if self._at < len(self._pending) else chunk
        self._at = 0
        self._places = dict.fromkeys(self._places, 0)
        while self._step(is_end=False):
            pass

    def close(self) -> dict[str, int]:
        """Gives the targets that the file has."""
        while self._step(is_end=True):
            pass
        return self.targets

    def _step(self, *, is_end: bool) -> bool:
        """Reads past what is skipped, or a bundle, or what comes before one. False where more bytes are needed."""
        unread = len(self._pending) - self._at
        if self._skip:
            step = min(self._skip, unread)
            self._at, self._skip = self._at + step, self._skip - step
            return not self._skip
        for magic, place in self._places.items():
            if place <= self._at:
                at = self._pending.find(magic, self._at)
                self._places[magic] = at if at >= 0 else len(self._pending)
        next_place = min(self._places.values())
        if next_place == len(self._pending):
            self._at = max(self._at, len(self._pending) - len(BUNDLE) + 1)
            return False
        self._at = next_place
        data = self._pending[self._at : self._at + _READ_BYTES]
        if len(data) < _READ_BYTES and not is_end and not _is_whole(data):
            return False
        end, targets = _read(data)
        self._skip = max(end, len(COMPRESSED))
        self._false += not targets
        if self._false > _MOST_FALSE:
            self._pending, self._at = b"", 0
            return False
        for target in targets:
            if len(self.targets) >= _MOST_TARGETS and target not in self.targets:
                continue
            self.targets[target] = self.targets.get(target, 0) + 1
        return True


def _is_whole(data: bytes) -> bool:
    """Whether an uncompressed bundle has all of its list, as far as its bytes are there."""
    return data.startswith(BUNDLE) and _read(data)[0] > 0


def _read(data: bytes) -> tuple[int, set[str]]:
    """How far a bundle goes (0 where that cannot be read), and its targets."""
    if not data.startswith(COMPRESSED):
        return _list(data)
    version = int.from_bytes(data[4:6], "little")
    size = {2: data[8:12], 3: data[8:16]}.get(version, b"")
    return int.from_bytes(size, "little"), _list(_uncompressed(data))[1]


def _list(data: bytes) -> tuple[int, set[str]]:
    """The same of an uncompressed bundle."""
    targets: set[str] = set()
    if not data.startswith(BUNDLE) or len(data) < 32:
        return 0, targets
    (number,) = struct.unpack_from("<Q", data, 24)
    at, end = 32, 0
    for _ in range(min(number, _MOST_ENTRIES)):
        if at + 24 > len(data):
            return 0, targets
        offset, size, length = struct.unpack_from("<QQQ", data, at)
        name = data[at + 24 : at + 24 + length]
        if length > _LONGEST_TARGET or len(name) < length:
            return 0, targets
        at += 24 + length
        end = max(end, at, offset + size)
        if match := _TARGET.search(name):
            targets.add((match[1] + match[2]).decode())
    return (end if end < _MOST_BUNDLE_BYTES else 0), targets


def _uncompressed(data: bytes) -> bytes:
    """The beginning of a compressed bundle, b"" where it is none."""
    version, method = struct.unpack_from("<HH", data, 4) if len(data) >= 8 else (0, 0)
    body = data[_HEADER_BYTES.get(version, len(data)) :]
    if not body:
        return b""
    if method == 0:
        try:
            return zlib.decompressobj().decompress(body, _READ_BYTES)
        except zlib.error:
            return b""
    import zstandard  # only where a library has such bundles

    try:
        return bytes(zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(body).read(_READ_BYTES))
    except zstandard.ZstdError:
        return b""
