"""What reads one file of an image: gets its bytes as they come, and gives a finding, a document of plain values, or None.

A probe keeps a bounded part of the file. `is_done` says that it needs no more of it.
"""

import json
import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from bayplan.scan.elf import SectionTable
from bayplan.scan.fatbin import FatbinReader
from bayplan.scan.offload import OffloadReader

Finding = Mapping[str, Any]

_HEAD_BYTES = 1 << 18
_ELF = b"\x7fELF"
_NOTE = ".note.cuda.fwd_compatibility"
_RELEASE = re.compile(rb"Cuda compilation tools, release (\d{1,3}\.\d{1,3}), V(\d{1,3}(?:\.\d{1,5}){1,3})")
_RELEASE_TEXT = b"Cuda compilation tools, release "
_CUDA = re.compile(r"\d{1,3}\.\d{1,3}", re.ASCII)
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~:_-]{0,99}", re.ASCII)


class Probe(Protocol):
    """Reads one file."""

    @property
    def is_done(self) -> bool:
        """Whether the rest of the file changes nothing."""

    def feed(self, chunk: bytes) -> None:
        """Reads the next bytes."""

    def close(self) -> Finding | None:
        """Gives what the file says, None for nothing."""


class TextProbe:
    """The beginning of a file, at most so many bytes; `read` makes a finding of its text."""

    def __init__(self, most_bytes: int = 1 << 16) -> None:
        self._most_bytes = most_bytes
        self._data = bytearray()

    @property
    def is_done(self) -> bool:
        """Whether enough was read."""
        return len(self._data) >= self._most_bytes

    def feed(self, chunk: bytes) -> None:
        """Keeps what there is room for."""
        self._data += chunk[: self._most_bytes - len(self._data)]

    def close(self) -> Finding | None:
        """Gives the finding of the text."""
        return self.read(self._data.decode("utf-8", "replace"))

    def read(self, text: str) -> Finding | None:
        """Gives the text itself."""
        return {"text": text}


class MetadataProbe(TextProbe):
    """Name and version of a Python package: METADATA of a wheel, PKG-INFO of an egg."""

    _HEADER = re.compile(r"^(Name|Version):[ \t]*(.*?)[ \t\r]*$", re.MULTILINE | re.IGNORECASE)
    _END = re.compile(r"^\r?$", re.MULTILINE)

    def read(self, text: str) -> Finding | None:
        """Gives both, where both are there: of each the first, as in a header of a mail."""
        end = self._END.search(text)
        headers = {
            match[1].lower(): match[2]
            for match in reversed([*self._HEADER.finditer(text, 0, end.start() if end else len(text))])
        }
        name, version = headers.get("name"), headers.get("version")
        if not name or not version or not _VERSION.fullmatch(version.strip()):
            return None
        return {"package": name.strip()[:200], "version": version.strip()}


class AssignmentsProbe(TextProbe):
    """The texts that a Python file assigns or lists: `cuda = '12.4'`, `("cuda_version", "12.5.1")`."""

    _ASSIGNED = re.compile(r"""^(\w+)(?:\s*:[^=\n]{1,60})?\s*=\s*['"]([^'"\n]{0,200})['"]""", re.MULTILINE)
    _LISTED = re.compile(r"""(?:\(\s*['"](\w{1,60})['"]\s*,|['"](\w{1,60})['"]\s*:)\s*['"]([^'"\n]{0,200})['"]""")

    def read(self, text: str) -> Finding | None:
        """Gives the values by name."""
        values = {match[1] or match[2]: match[3] for match in self._LISTED.finditer(text)}
        values |= {match[1]: match[2] for match in self._ASSIGNED.finditer(text)}
        return {"values": dict(list(values.items())[:50])} if values else None


class VersionsProbe(TextProbe):
    """The versions of `version.json` of a CUDA toolkit, and of `version.txt` of older ones."""

    _TEXT = re.compile(r"CUDA Version (\d{1,3}(?:\.\d{1,5}){1,2})")

    def read(self, text: str) -> Finding | None:
        """Gives the versions by component."""
        if match := self._TEXT.search(text[:1_000]):
            return {"versions": {"cuda": match[1]}}
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(document, dict):
            return None
        versions = {
            name: part["version"]
            for name, part in list(document.items())[:100]
            if isinstance(part, dict) and isinstance(part.get("version"), str) and _VERSION.fullmatch(part["version"])
        }
        return {"versions": versions} if versions else None


class DpkgProbe:
    """The installed packages of `/var/lib/dpkg/status` that the pattern names; the file is read line by line."""

    def __init__(self, names: re.Pattern[str]) -> None:
        self._names = names
        self._rest = b""
        self._packages: dict[str, str] = {}
        self._name = self._state = ""

    is_done = False

    def feed(self, chunk: bytes) -> None:
        """Reads the next lines."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._rest = self._rest[-4_096:]
        for line in lines:
            self._read_line(line)

    def close(self) -> Finding | None:
        """Gives the versions by package."""
        self._read_line(self._rest)
        return {"dpkg": self._packages} if self._packages else None

    def _read_line(self, line: bytes) -> None:
        name, colon, value = line[:1_000].partition(b": ")
        if not colon:
            return
        if name == b"Package":
            self._name, self._state = value.decode("ascii", "replace").strip(), ""
        elif name == b"Status":
            self._state = value.decode("ascii", "replace")
        elif name == b"Version" and self._names.fullmatch(self._name) and len(self._packages) < 2_000:
            version = value.decode("ascii", "replace").strip()
            # Packages of distroless images have no state; what was removed and left its configuration is not installed.
            if _VERSION.fullmatch(version) and ("installed" in self._state.split() or not self._state):
                self._packages[self._name] = version


class ElfProbe:
    """The GPU code of a library or program; with `is_compiler` the CUDA release of a compiler, with `is_driver` a driver's note.

    With `is_named` the file tells by its name, and has a finding without GPU code too.
    """

    def __init__(
        self, size_bytes: int, *, is_compiler: bool = False, is_driver: bool = False, is_named: bool = False
    ) -> None:
        self._is_elf: bool | None = None
        self._start = b""
        self._nvidia, self._amd = FatbinReader(size_bytes), OffloadReader()
        self._is_compiler, self._is_driver, self._is_named = is_compiler, is_driver, is_named
        self._release: Finding = {}
        self._tail = b""
        self._head = bytearray()
        self._sections = SectionTable()

    @property
    def is_done(self) -> bool:
        """Whether it is no ELF file."""
        return self._is_elf is False

    def feed(self, chunk: bytes) -> None:
        """Reads the next bytes."""
        if self._is_elf is None:
            chunk, self._start = self._start + chunk, b""
            if len(chunk) < len(_ELF):
                self._start = chunk
                return
            self._is_elf = chunk.startswith(_ELF)
        if not self._is_elf:
            return
        self._nvidia.feed(chunk)
        self._amd.feed(chunk)
        if self._is_driver:
            self._sections.feed(chunk)
            self._head += chunk[: _HEAD_BYTES - len(self._head)]
        if self._is_compiler and not self._release:
            self._find_release(chunk)

    def close(self) -> Finding | None:
        """Gives what there is; None where it has nothing to do with GPUs."""
        if not self._is_elf:
            return None
        contents, amd = self._nvidia.close(), self._amd.close()
        finding: dict[str, Any] = dict(self._release)
        if contents.targets:
            finding["targets"], finding["containers"] = dict(contents.targets), contents.containers
        if contents.malformed:
            finding["malformed"] = contents.malformed
        if amd:
            finding["gfx"] = amd
        if self._is_driver:
            finding |= {"driver": True, **self._note()}
        return finding if finding or self._is_named else None

    def _find_release(self, chunk: bytes) -> None:
        data = self._tail + chunk
        self._tail = data[-200:]
        at = data.find(_RELEASE_TEXT)
        # The program has the text as a pattern for printf too.
        while at >= 0 and not self._release:
            if match := _RELEASE.match(data, at):
                self._release = {"release": match[1].decode(), "version": match[2].decode()}
            at = data.find(_RELEASE_TEXT, at + 1)

    def _note(self) -> Mapping[str, Any]:
        """What a compat library says of the drivers that it works on.

        Source: NVIDIA/nvidia-container-toolkit `cmd/nvidia-cdi-hook/cudacompat/cuda-elf-header.go`.
        """
        for section in self._sections.sections():
            if section.name == _NOTE:
                data = bytes(self._head[section.offset : section.offset + section.size_bytes])
                return dict(_fields_of_note(data, section.alignment)) if len(data) == section.size_bytes else {}
        return {}


def _fields_of_note(data: bytes, alignment: int) -> Iterator[tuple[str, Any]]:
    if len(data) < 12 or alignment not in (1, 4, 8):
        return
    name_bytes, text_bytes, _ = struct.unpack_from("<III", data)
    begin = 12 + (name_bytes + alignment - 1) // alignment * alignment
    if data[12 : 12 + name_bytes].rstrip(b"\0") != b"NVIDIA Corporation":
        return
    try:
        document = json.loads(data[begin : begin + text_bytes].strip(b"\0"))
    except (ValueError, RecursionError):
        return
    if not isinstance(document, dict):
        return
    cuda, drivers = document.get("CUDA Version"), document.get("Driver")
    if isinstance(cuda, str) and _CUDA.fullmatch(cuda):
        yield "note_cuda", cuda
    if isinstance(drivers, list) and all(isinstance(branch, int) and 0 < branch < 10_000 for branch in drivers):
        yield "note_drivers", drivers[:100]
