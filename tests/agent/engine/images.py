"""Images that an engine can really pull and run: layers that are archives, with one small program in them."""

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.registry.running import CONFIG_OF, OCI_MANIFEST, Registry, configuration, digest_of

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class Pushed:
    """An image in a registry."""

    registry: Registry
    repository: str
    tag: str
    digest: str
    layers: tuple[str, ...]

    @property
    def url(self) -> str:
        """Its reference by tag."""
        return f"{self.registry.host}/{self.repository}:{self.tag}"

    @property
    def pinned(self) -> str:
        """Its reference by digest."""
        return f"{self.registry.host}/{self.repository}@{self.digest}"

    def forget(self) -> None:
        """Removes its manifest from the registry."""
        path = f"/v2/{self.repository}/manifests/{self.digest}"
        assert self.registry.pushing.delete(path).status_code == 202


@cache
def the_program() -> bytes:
    """The program, compiled so that it needs nothing else; the calling test is skipped where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "program"
        source = Path(__file__).with_name("program.c")
        subprocess.run([compiler, "-static", "-O1", "-o", made, source], check=True)
        return made.read_bytes()


def archive(name: str, content: bytes) -> bytes:
    """A layer: one file, which may be run."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), 0o755
        tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def push(
    registry: Registry,
    repository: str,
    tag: str = "1",
    *,
    more_bytes: Sequence[int | bytes] = (),
    entrypoint: Sequence[str] = ("/program",),
    **config: Any,
) -> Pushed:
    """Pushes an image of the program, and one more layer of so many random bytes, or of these, for each of `more_bytes`."""
    layers = [archive("program", the_program())]
    ballast = [content if isinstance(content, bytes) else os.urandom(content) for content in more_bytes]
    layers += [archive(f"ballast-{number}", content) for number, content in enumerate(ballast)]
    packed = [gzip.compress(layer, 1, mtime=0) for layer in layers]
    return push_layers(registry, repository, packed, tag, entrypoint=entrypoint, **config)


def push_layers(
    registry: Registry,
    repository: str,
    packed: Sequence[bytes],
    tag: str = "1",
    *,
    entrypoint: Sequence[str] = (),
    **config: Any,
) -> Pushed:
    """Pushes an image of these layers in gzip."""
    diff_ids = [digest_of(gzip.decompress(layer)) for layer in packed]
    described = configuration(rootfs={"type": "layers", "diff_ids": diff_ids}, **config)
    described["config"]["Entrypoint"] = list(entrypoint)
    described["comment"] = os.urandom(8).hex()  # no two are the same image
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": CONFIG_OF[OCI_MANIFEST], **registry.blob(repository, json.dumps(described).encode())},
        "layers": [{"mediaType": LAYER, **registry.blob(repository, layer)} for layer in packed],
    }
    pushed = registry.manifest(repository, tag, document)
    return Pushed(registry, repository, tag, pushed["digest"], tuple(map(digest_of, packed)))
