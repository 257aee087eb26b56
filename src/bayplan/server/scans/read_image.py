"""Reads the files of an image in its registry, layer by layer; a layer that was read before is not read again."""

from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from bayplan.db.database import Database
from bayplan.domain.reference import Reference
from bayplan.registry.errors import ImageNotFound, ManifestInvalid
from bayplan.scan.errors import ScanFailed
from bayplan.server.registries import Registries
from bayplan.server.scans import layers
from bayplan.server.scans.reader import image_reader

_MOST_LAYERS = 1_000
_NOT_DISTRIBUTED = ("foreign", "nondistributable")

Progress = Callable[[int, int], None]
"""Is told the compressed bytes of the layers that are read, and those that there are."""


async def read_image(
    db: Database,
    registries: Registries,
    reference: Reference,
    username: str | None,
    password: str | None,
    now: Callable[[], str],
    progress: Progress,
) -> dict[str, Any]:
    """Gives the report of a scan of the image for one platform, a `ScanReport`; raises `RegistryError` and `ScanFailed`."""
    from bayplan.registry.content import Manifest
    from bayplan.scan.layer import FORMAT

    access = await registries.layers(username, password)
    document = await access.client.manifest(reference, access.credentials)
    if not isinstance(document.content, Manifest):
        raise ManifestInvalid(
            f"'{reference.repository}' has an index with that digest, not an image: inspect the image again."
        )
    manifest = document.content
    if len(manifest.layers) > _MOST_LAYERS:
        raise ScanFailed(f"The image has more than {_MOST_LAYERS:,} layers.")
    config = await access.client.config(reference, manifest.config, access.credentials)
    total, done = sum(layer.size for layer in manifest.layers), 0
    absent: list[str] = []
    progress(done, total)
    async with image_reader() as reader:
        for layer in manifest.layers:
            if "encrypted" in layer.media_type:
                raise ScanFailed(
                    f"A layer of the image is encrypted ({layer.media_type[:100]}): its files cannot be read."
                )
            kept = await layers.load(db, layer.digest, FORMAT, now())
            if kept is not None:
                await reader.add(kept)
            else:

                def count(size_bytes: int, before: int = done) -> None:
                    progress(before + size_bytes, total)

                try:
                    async with aclosing(access.parts(reference, layer)) as parts:
                        findings = await reader.read(parts, count)
                except ImageNotFound:
                    if not any(word in layer.media_type for word in _NOT_DISTRIBUTED):
                        raise
                    absent.append(layer.digest)
                else:
                    await layers.keep(db, layer.digest, FORMAT, findings, now())
            done += layer.size
            progress(done, total)
        report = await reader.report(config.env)
    if absent:
        report["notes"].append(
            f"the registry does not have a layer that may not be distributed: {', '.join(absent)[:900]}"
        )
    return report
