"""Parts of images that are made by code: fat binaries, ELF files with sections."""

import struct
from collections.abc import Sequence
from pathlib import Path

FATBINS = Path(__file__).parent / "fatbins"
"""Fat binaries that NVIDIA's programs made, see the script there."""


def entry(kind: int, capability: int, payload: bytes = b"code", flags: int = 0x11) -> bytes:
    """One entry of a container, with a header of 64 bytes."""
    padded = payload + bytes(-len(payload) % 8)
    header = struct.pack("<HHIQ", kind, 0x101, 64, len(padded)) + struct.pack("<IIHHI", 0, 0, 8, 1, capability)
    return header + bytes(8) + struct.pack("<Q", flags) + bytes(16) + padded


def container(*entries: bytes) -> bytes:
    """A container of entries."""
    body = b"".join(entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


def elf(sections: Sequence[tuple[str, bytes]]) -> bytes:
    """An ELF file for amd64 with these sections, whose table is at the end."""
    names, rows, body = b"\0", [bytes(64)], b""
    for name, contents in (*sections, (".shstrtab", b"")):
        data = contents
        if name == ".shstrtab":
            data = names + name.encode() + b"\0"
        body += bytes(-len(body) % 8)
        kind = 7 if name.startswith(".note") else 1
        rows.append(struct.pack("<IIQQQQIIQQ", len(names), kind, 2, 0, 64 + len(body), len(data), 0, 0, 4, 0))
        names += name.encode() + b"\0"
        body += data
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, 64 + len(body), 0, 64, 56, 0, 64, len(rows), len(rows) - 1)
    return head + body + b"".join(rows)
