"""Reads the files of an image in its registry, layer by layer, each in a process of its own."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from bayplan.domain.reference import Reference
from bayplan.registry.errors import ManifestInvalid
from bayplan.server.registries import Registries

if TYPE_CHECKING:
    from bayplan.scan.image import MemoryStore
    from bayplan.scan.layer import LayerFindings

_NAME = "bayplan.server.scans.reader_process"
_PIECE_BYTES = 256 * 1024
_MOST_PACKAGES, _MOST_NOTES, _MOST_NOTE_LETTERS = 2_000, 100, 1_000
_MOST_FINDINGS_BYTES = 64 * 1024 * 1024

Progress = Callable[[int, int], None]
"""Is told the compressed bytes of the layers that are read, and those that there are."""


async def read_image(
    registries: Registries,
    reference: Reference,
    username: str | None,
    password: str | None,
    store: "MemoryStore",
    progress: Progress,
) -> dict[str, Any]:
    """Gives the report of a scan of the image for one platform, a `ScanReport`; raises `RegistryError` and `ScanFailed`."""
    from bayplan.registry.content import Manifest
    from bayplan.scan.facts import image_facts, image_packages
    from bayplan.scan.image import merge
    from bayplan.scan.layer import FORMAT

    access = await registries.layers(username, password)
    document = await access.client.manifest(reference, access.credentials)
    if not isinstance(document.content, Manifest):
        raise ManifestInvalid(
            f"'{reference.repository}' has an index under that digest, not an image: inspect it again."
        )
    manifest = document.content
    config = await access.client.config(reference, manifest.config, access.credentials)
    total, done = sum(layer.size for layer in manifest.layers), 0
    findings: list[LayerFindings] = []
    progress(done, total)
    for layer in manifest.layers:
        kept = store.get(layer.digest)
        if kept is None:
            before = done

            def count(size_bytes: int, before: int = before) -> None:
                progress(before + size_bytes, total)

            async with aclosing(access.parts(reference, layer)) as parts:
                kept = await _read_layer(parts, count)
            store.put(layer.digest, kept)
        findings.append(kept)
        done += layer.size
        progress(done, total)

    def report() -> dict[str, Any]:
        files = merge(findings)
        return {
            "reader": FORMAT,
            "facts": image_facts(files, config.env),
            "packages": image_packages(files)[:_MOST_PACKAGES],
            "notes": [_printable(note) for note in files.notes][:_MOST_NOTES],
            "bytes_read": files.bytes_read,
        }

    return await asyncio.to_thread(report)


async def _read_layer(parts: AsyncIterator[bytes], count: Callable[[int], None]) -> "LayerFindings":
    """Gives the findings of a layer; raises `ScanFailed`."""
    from bayplan.scan.errors import ScanFailed
    from bayplan.scan.layer import LayerFindings

    reader = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", _NAME),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_PIECE_BYTES,
    )
    assert reader.stdin is not None
    assert reader.stdout is not None
    printed = asyncio.create_task(_read_all(reader.stdout))
    try:
        size_bytes = 0
        async for part in parts:
            for start in range(0, len(part), _PIECE_BYTES):
                with suppress(ConnectionError):  # it has ended, and says why
                    reader.stdin.write(part[start : start + _PIECE_BYTES])
                    await reader.stdin.drain()
            size_bytes += len(part)
            count(size_bytes)
        reader.stdin.close()
        text = await printed
        await reader.wait()
    finally:
        printed.cancel()
        if reader.returncode is None:
            reader.kill()
            await reader.wait()
    result = await asyncio.to_thread(_parsed, text)
    if "findings" not in result:
        raise ScanFailed(str(result.get("error") or "A layer could not be read: its reader ended without a result."))
    findings = LayerFindings.from_document(result["findings"])
    assert findings is not None, "it is of the same program"
    return findings


async def _read_all(stream: asyncio.StreamReader) -> bytes:
    pieces, size_bytes = [], 0
    while piece := await stream.read(_PIECE_BYTES):
        size_bytes += len(piece)
        if size_bytes > _MOST_FINDINGS_BYTES:
            return b""
        pieces.append(piece)
    return b"".join(pieces)


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(text)
    except ValueError:
        return {}
    return result


def _printable(note: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in note)[
        :_MOST_NOTE_LETTERS
    ]
