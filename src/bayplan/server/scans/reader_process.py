"""Reads one layer of an image in a process of its own: the layer comes on standard input, its findings go out as JSON.

`python -m bayplan.server.scans.reader_process`. A server answers others meanwhile, and whatever a layer does is done to this process.
"""

import json
import os
import sys
from collections.abc import Iterator

from bayplan.scan.errors import ScanFailed
from bayplan.scan.layer import read_layer

NAME = "bayplan.server.scans.reader_process"
_CHUNK_BYTES = 1 << 20
_LOWER_PRIORITY = 10


def _chunks() -> Iterator[bytes]:
    while chunk := sys.stdin.buffer.read(_CHUNK_BYTES):
        yield chunk


def main() -> None:
    """Prints `{"findings": ...}`, or `{"error": SENTENCE}`."""
    os.nice(_LOWER_PRIORITY)
    try:
        result: dict[str, object] = {"findings": read_layer(_chunks()).to_document()}
    except ScanFailed as error:
        result = {"error": error.detail}
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
