"""Sections of an ELF file that comes as a stream: their names and places, and the contents of a few. Bounded memory.

The table of sections stands at the end of a file, after the names; its place stands at the beginning. So the bytes before it are
kept while the stream goes past them.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, least significant byte first: amd64 and arm64
_HEADER_BYTES = 64
_SECTION = struct.Struct("<IIQQQQIIQQ")
_NAMES_BYTES = 65_536  # how far before the table the names may begin
_MOST_SECTIONS = 4_096


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its name, and where its bytes are in the file."""

    name: str
    offset: int
    size_bytes: int
    alignment: int


class SectionTable:
    """Gets a file's bytes in order, and knows its sections at the end; none where it is no ELF file or its table lies elsewhere."""

    def __init__(self) -> None:
        self._head = b""
        self._position = 0
        self._keep_from: int | None = None
        self._keep_to = 0
        self._kept = bytearray()
        self._table = (0, 0, 0)  # its offset, the number of sections, and which of them has the names

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes."""
        if self._keep_from is None:
            if len(self._head) < _HEADER_BYTES:
                self._head += chunk[: _HEADER_BYTES - len(self._head)]
            if len(self._head) == _HEADER_BYTES:
                self._read_head()
        begin, end = self._position, self._position + len(chunk)
        if self._keep_from is not None and end > self._keep_from and begin < self._keep_to:
            self._kept += chunk[max(0, self._keep_from - begin) : self._keep_to - begin]
        self._position = end

    def sections(self) -> Iterator[Section]:
        """Gives the sections that the table has, in its order."""
        offset, number, names_index = self._table
        if self._keep_from is None or not number or len(self._kept) != self._keep_to - self._keep_from:
            return
        rows = list(_SECTION.iter_unpack(self._kept[offset - self._keep_from :]))
        names_begin = rows[names_index][4] - self._keep_from if names_index < number else -1
        if names_begin < 0:
            return
        for name, _, _, _, place, size, _, _, alignment, _ in rows:
            begin = names_begin + name
            end = self._kept.find(0, begin)
            if 0 <= begin < end <= begin + 256:
                yield Section(self._kept[begin:end].decode("ascii", "replace"), place, size, alignment)

    def ranges(self, name: str) -> list[tuple[int, int]]:
        """Gives where in the file the sections of that name begin and end."""
        return [
            (section.offset, section.offset + section.size_bytes) for section in self.sections() if section.name == name
        ]

    def _read_head(self) -> None:
        self._keep_from = self._keep_to = 0
        if not self._head.startswith(_MAGIC):
            return
        (offset,) = struct.unpack_from("<Q", self._head, 40)
        entry_bytes, number, names_index = struct.unpack_from("<HHH", self._head, 58)
        if entry_bytes == _SECTION.size and 0 < number <= _MOST_SECTIONS and offset >= _HEADER_BYTES:
            self._table = (offset, number, names_index)
            self._keep_from = max(_HEADER_BYTES, offset - _NAMES_BYTES)
            self._keep_to = offset + number * entry_bytes
