"""Reads the files of an image in a process of its own: `python -m bayplan.server.scans.reader_process`.

A server answers others meanwhile, and whatever a layer does is done to this process, which keeps the image's findings. Frames come on
standard input: the bytes of a layer, and its end; the findings of a layer that was read before; at last the configuration's variables.
The end of a layer is answered with its findings, to keep; the last frame with the report. A frame with an error ends all.
"""

import base64
import json
import os
import struct
import sys
import zlib
from collections.abc import Iterator
from enum import Enum
from typing import BinaryIO

from bayplan.scan.errors import ScanFailed
from bayplan.scan.image import Merged
from bayplan.scan.layer import FORMAT, LayerFindings, read_layer

NAME = "bayplan.server.scans.reader_process"
FRAME = struct.Struct(">cI")
"""Before each frame: its kind, and how many bytes follow."""
_LOWER_PRIORITY = 10
_MOST_PACKAGES, _MOST_NOTES, _MOST_NOTE_LETTERS = 2_000, 100, 1_000


class FrameKind(Enum):
    """What a frame has."""

    BYTES = b"b"
    END = b"e"
    FINDINGS = b"f"
    ENVIRONMENT = b"v"
    REPORT = b"r"
    ERROR = b"x"


def frame(kind: FrameKind, content: bytes = b"") -> bytes:
    """Gives a frame."""
    return FRAME.pack(kind.value, len(content)) + content


def packed(findings: LayerFindings) -> bytes:
    """Gives the findings of a layer as a text of ASCII letters; piece by piece, as the whole is large before it is packed."""
    packer = zlib.compressobj(1)
    pieces = [packer.compress(text.encode()) for text in json.JSONEncoder().iterencode(findings.to_document())]
    return base64.b64encode(b"".join(pieces) + packer.flush())


def unpacked(text: bytes) -> LayerFindings:
    """Gives the findings that `packed` made a text of; raises `ScanFailed` where they are of another release."""
    findings = LayerFindings.from_document(json.loads(zlib.decompress(base64.b64decode(text))))
    if findings is None:
        raise ScanFailed("The stored findings of a layer are of another release.")
    return findings


def _frames(stream: BinaryIO) -> Iterator[tuple[FrameKind, bytes]]:
    while len(head := stream.read(FRAME.size)) == FRAME.size:
        kind, size_bytes = FRAME.unpack(head)
        content = stream.read(size_bytes)
        if len(content) < size_bytes:
            return
        yield FrameKind(kind), content


def _layer(first: bytes, frames: Iterator[tuple[FrameKind, bytes]]) -> Iterator[bytes]:
    yield first
    for kind, content in frames:
        if kind is FrameKind.END:
            return
        yield content
    sys.exit(1)  # the server is gone


def _report(merged: Merged, environment: dict[str, str]) -> dict[str, object]:
    from bayplan.scan.facts import image_facts, image_packages  # at the end: they take memory

    files = merged.image()
    return {
        "reader": FORMAT,
        "facts": image_facts(files, environment),
        "packages": image_packages(files)[:_MOST_PACKAGES],
        "notes": [_printable(note) for note in files.notes][:_MOST_NOTES],
        "bytes_read": files.bytes_read,
    }


def _printable(note: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in note)[
        :_MOST_NOTE_LETTERS
    ]


def _answers(frames: Iterator[tuple[FrameKind, bytes]]) -> Iterator[bytes]:
    merged = Merged()
    for kind, content in frames:
        if kind is FrameKind.ENVIRONMENT:
            yield frame(FrameKind.REPORT, json.dumps(_report(merged, json.loads(content))).encode())
        elif kind is FrameKind.FINDINGS:
            merged.add(unpacked(content))
        else:
            findings = read_layer(() if kind is FrameKind.END else _layer(content, frames))
            yield frame(FrameKind.FINDINGS, packed(findings))
            merged.add(findings)


def main() -> None:
    """Reads frames and answers, until there are no more."""
    os.nice(_LOWER_PRIORITY)
    try:
        for answer in _answers(_frames(sys.stdin.buffer)):
            sys.stdout.buffer.write(answer)
            sys.stdout.buffer.flush()
    except ScanFailed as error:
        sys.stdout.buffer.write(frame(FrameKind.ERROR, error.detail.encode()))


if __name__ == "__main__":
    main()
