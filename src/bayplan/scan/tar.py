"""The members of a tar that comes as a stream, as Go's `archive/tar` reads them, with which engines do.

The library's `tarfile` was left out: its stream mode keeps every member, takes PAX headers of any size, and needs seeking for sparse
files. Nothing is written anywhere; names are made relative, and those that leave the tree are refused with a note.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from bayplan.scan.errors import ScanFailed

_BLOCK = 512
_MOST_EXTENDED_BYTES = 1 << 20  # of a PAX header, and of a long name
_MOST_NAME = 4_096
_MOST_MEMBERS = 5_000_000
_MOST_FILE_BYTES = 1 << 42

MemberKind = Literal["file", "folder", "symlink", "hardlink", "other"]
_KINDS: Mapping[bytes, MemberKind] = {
    b"0": "file", b"\0": "file", b"7": "file", b"1": "hardlink", b"2": "symlink", b"5": "folder",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """A member: its name without a slash at either end, its kind, its size (0 but for files), and where a link leads."""

    name: str
    kind: MemberKind
    size_bytes: int
    link: str


class Blocks:
    """Reads so many bytes from chunks of any size."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""
        self._at = 0
        self.read_bytes = 0

    def pieces(self, size: int) -> Iterator[bytes]:
        """Gives the next so many bytes, in pieces as they come; raises `ScanFailed` where they end before."""
        left = size
        while left:
            if self._at >= len(self._rest):
                self._rest, self._at = next(self._chunks, b""), 0
                if not self._rest:
                    # An empty chunk does not end a stream.
                    self._rest = next((chunk for chunk in self._chunks if chunk), b"")
                if not self._rest:
                    raise ScanFailed("A layer is not complete: its tar ends in the middle of a file.")
            begin, end = self._at, min(len(self._rest), self._at + left)
            self._at = end
            self.read_bytes += end - begin
            left -= end - begin
            yield self._rest if end - begin == len(self._rest) else self._rest[begin:end]

    def take(self, size: int) -> bytes:
        """Gives so many bytes as one."""
        return b"".join(self.pieces(size))

    def skip(self, size: int) -> None:
        """Reads past so many bytes."""
        left = size
        ready = len(self._rest) - self._at
        if left <= ready:
            self._at += left
            self.read_bytes += left
            return
        for _ in self.pieces(left):
            pass

    def is_at_end(self) -> bool:
        """Whether no byte follows."""
        while self._at >= len(self._rest):
            chunk = next(self._chunks, None)
            if chunk is None:
                return True
            self._rest, self._at = chunk, 0
        return False


class TarReader:
    """Gives the members one by one; `contents` of each before the next. `notes`: a sentence for each kind of thing left out."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._blocks = Blocks(chunks)
        self._left = 0  # of the member's contents with their padding
        self._size = 0
        self.notes: list[str] = []

    @property
    def read_bytes(self) -> int:
        """How much of the tar was read."""
        return self._blocks.read_bytes

    def contents(self) -> Iterator[bytes]:
        """Gives the contents of the member that was given last, in pieces of any size."""
        size, self._size = self._size, 0
        for piece in self._blocks.pieces(size):
            self._left -= len(piece)
            yield piece

    def members(self) -> Iterator[Member]:
        """Gives each member that has a place in the tree; raises `ScanFailed` where the tar is none, or is damaged."""
        extended: dict[str, str] = {}
        count = 0
        while True:
            if self._left:
                self._blocks.skip(self._left)
                self._left = 0
            if self._blocks.is_at_end():
                self.note("a layer's tar has no end mark: the layer may not be complete")
                return
            header = self._blocks.take(_BLOCK)
            if not any(header):
                return  # Go ends at the second of them; what follows the first is padding
            count += 1
            if count > _MOST_MEMBERS:
                raise ScanFailed(f"A layer has more than {_MOST_MEMBERS:,} files.")
            _check(header)
            kind, size = header[156:157], _number(header[124:136])
            if kind in b"xgLK" and kind:
                self._extend(kind, size, extended)
                continue
            if "size" in extended:
                size = _decimal(extended["size"])
            is_sparse = kind == b"S" or any(name.startswith("GNU.sparse.") for name in extended)
            if kind == b"S":
                self._skip_sparse_map(header)
            member_kind: MemberKind = "other" if is_sparse else _KINDS.get(kind, "other")
            name = extended.get("GNU.sparse.name") or extended.get("path") or _name(header)
            link = extended.get("linkpath") or _text(header[157:257])
            if member_kind == "file" and name.endswith("/"):
                member_kind = "folder"  # of before POSIX
            has_contents = kind not in (b"1", b"2", b"3", b"4", b"5", b"6")
            size = size if has_contents else 0
            if not 0 <= size <= _MOST_FILE_BYTES:
                raise ScanFailed("A layer is damaged: its tar has a file of an impossible size.")
            extended = {}
            self._left = size + -size % _BLOCK
            self._size = size if member_kind == "file" else 0
            path = inside(name)
            if path is None:
                self.note("the scan left out files whose names are too long or lead out of the image")
            elif path:
                if is_sparse:
                    self.note("the scan did not read sparse files")
                yield Member(path, member_kind, self._size, link)

    def note(self, sentence: str) -> None:
        """Adds a sentence, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def _extend(self, kind: bytes, size: int, extended: dict[str, str]) -> None:
        """Reads a header that says more of the next member: PAX, or a long name of GNU's."""
        if not 0 <= size <= _MOST_EXTENDED_BYTES:
            raise ScanFailed("A layer is damaged: its tar has a header of an impossible size.")
        data = self._blocks.take(size + -size % _BLOCK)[:size]
        if kind == b"L":
            extended["path"] = _text(data)
        elif kind == b"K":
            extended["linkpath"] = _text(data)
        elif kind == b"x":
            extended.update(_pax(data))

    def _skip_sparse_map(self, header: bytes) -> None:
        is_continued = header[482] != 0
        while is_continued:
            is_continued = self._blocks.take(_BLOCK)[504] != 0


def inside(name: str) -> str | None:
    """The path of a name within the tree, "" for the tree itself; None for one that leaves it, or is too long."""
    if len(name) > _MOST_NAME or "\0" in name:
        return None
    steps = [step for step in name.split("/") if step not in ("", ".")]
    return None if ".." in steps else "/".join(steps)


def _check(header: bytes) -> None:
    stated = _number(header[148:156])
    blank = header[:148] + b" " * 8 + header[156:]
    total = sum(blank)
    if stated != total and stated != total - 256 * sum(
        byte > 127 for byte in blank
    ):  # old programs summed signed bytes
        raise ScanFailed("A layer is not a tar, or is damaged: the checksum of a header is wrong.")


def _number(field: bytes) -> int:
    """A number in octal, or in GNU's binary form; -1 for none."""
    if field and field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        return -1 if field[0] & 0x40 else value
    text = field.strip(b" \0")
    try:
        return int(text, 8) if text else 0
    except ValueError:
        return -1


def _decimal(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else -1


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _name(header: bytes) -> str:
    name = _text(header[:100])
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _pax(data: bytes) -> Iterator[tuple[str, str]]:
    """The records of a PAX header, "LENGTH NAME=VALUE"; raises `ScanFailed` where they do not add up."""
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 12)
        length = _decimal(data[at:space].decode("ascii", "replace")) if space > at else -1
        record = data[space + 1 : at + length]
        if length <= space - at + 1 or at + length > len(data) or not record.endswith(b"\n") or b"=" not in record:
            raise ScanFailed("A layer is damaged: its tar has a header that is not valid.")
        name, _, value = record[:-1].partition(b"=")
        yield name.decode("utf-8", "replace"), value.decode("utf-8", "surrogateescape")
        at += length
