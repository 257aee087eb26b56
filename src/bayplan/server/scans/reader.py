"""The process that reads the files of an image, from its server's side: bytes go in, findings of layers and a report come out."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bayplan.scan.errors import ScanFailed
from bayplan.server.scans.reader_process import FRAME, NAME, FrameKind, frame

_PIECE_BYTES = 256 * 1024
_MOST_ANSWER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ImageReader:
    """Reads the layers of one image, the lowest first. Each call raises `ScanFailed`, and the reader is of no use after that."""

    _stdin: asyncio.StreamWriter
    _stdout: asyncio.StreamReader

    async def read(self, parts: AsyncIterator[bytes], count: Callable[[int], None]) -> bytes:
        """Reads a layer and gives its findings, to be kept; `count` gets how many bytes of it were read, now and then."""
        size_bytes = 0
        async for part in parts:
            for start in range(0, len(part), _PIECE_BYTES):
                await self._send(FrameKind.BYTES, part[start : start + _PIECE_BYTES])
            size_bytes += len(part)
            count(size_bytes)
        await self._send(FrameKind.END)
        return await self._answer(FrameKind.FINDINGS)

    async def add(self, findings: bytes) -> None:
        """Takes the findings of a layer that was read before."""
        await self._send(FrameKind.FINDINGS, findings)

    async def report(self, environment: Mapping[str, str]) -> dict[str, Any]:
        """Gives the report of the image with these variables, without its architecture: a `ScanReport`."""
        await self._send(FrameKind.ENVIRONMENT, json.dumps(dict(environment)).encode())
        text = await self._answer(FrameKind.REPORT)
        report: dict[str, Any] = await asyncio.to_thread(json.loads, text)
        return report

    async def _send(self, kind: FrameKind, content: bytes = b"") -> None:
        try:
            self._stdin.write(frame(kind, content))
            await self._stdin.drain()
        except ConnectionError:
            await self._answer(kind)  # it has ended, and says why

    async def _answer(self, expected: FrameKind) -> bytes:
        try:
            kind, size_bytes = FRAME.unpack(await self._stdout.readexactly(FRAME.size))
            content = await self._stdout.readexactly(size_bytes) if size_bytes <= _MOST_ANSWER_BYTES else b""
        except asyncio.IncompleteReadError:
            raise ScanFailed("A layer could not be read: the process that reads it ended without a result.") from None
        if kind == FrameKind.ERROR.value:
            raise ScanFailed(content.decode("utf-8", "replace"))
        if kind != expected.value:
            raise ScanFailed("A layer could not be read: the process that reads it ended early.")
        return content


@asynccontextmanager
async def image_reader() -> AsyncIterator[ImageReader]:
    """A reader for one image; its process ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", NAME),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_PIECE_BYTES,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield ImageReader(process.stdin, process.stdout)
    finally:
        if process.returncode is None:
            process.kill()
        process.stdin.close()
        await process.wait()
