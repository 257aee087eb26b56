"""Writes the output in README.md, docs/check.md and docs/tour.md anew (`make tour`): all of it real.

The images are made here, byte by byte, so that they have the same digests on every machine; one is a program for x86-64 that greets.
"""

import contextlib
import json
import platform
import struct
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.agent.engine.images import archive
from tests.agent.engine.running import running_engine
from tests.registry.running import CONFIG_OF, OCI_MANIFEST, Registry, configuration, digest_of, running_registry
from tests.tour import ROOT, toured_on_a_fresh_server

TOURED = (ROOT / "README.md", ROOT / "docs" / "check.md", ROOT / "docs" / "tour.md")
"""The pages whose commands are run, each on a fresh server of its own."""
REGISTRY_SHOWN_AS = "reg.example.org"
LAYER = "application/vnd.oci.image.layer.v1.tar"
GREETING = b"Hello from the container. Your detector would start here.\n"


# As the Dockerfile of pytorch/pytorch leaves it.
TRAINING = configuration(
    {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility", "PYTORCH_VERSION": "2.9.1"},
    history=[
        {"created_by": f"RUN |2 PYTORCH_VERSION=2.9.1 CUDA_VERSION=13.0.0 /bin/sh -c {command} # buildkit"}
        for command in ("apt-get update", "rm -rf /var/lib/apt/lists/*")
    ],
)


@contextlib.contextmanager
def surroundings(page: str) -> Iterator[tuple[dict[str, str], dict[str, str], dict[str, str]]]:
    """What a page needs around its server, as names, variables and settings: a registry with the images, and an engine."""
    names, variables = {}, {}
    with contextlib.ExitStack() as stack:
        if REGISTRY_SHOWN_AS in page:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            registry = stack.enter_context(running_registry("open", folder / "registry"))
            assert len(registry.host) == len(REGISTRY_SHOWN_AS)
            names[registry.host] = REGISTRY_SHOWN_AS
            registry.image("ml/train", "1.0", TRAINING)
            _push(registry, "vision/detector", "1.4-cpu")
        if "bayplan worker pull" in page:
            if platform.machine() != "x86_64":
                pytest.skip("the image of the tour is for x86-64")
            variables["DOCKER_HOST"] = stack.enter_context(running_engine()).address
        yield names, variables, {"registry_allow_private": "127.0.0.0/8"}


def toured_page(page: str) -> str:
    """The page with what its commands print now."""
    with surroundings(page) as (names, variables, settings):
        return toured_on_a_fresh_server(page, names=names, variables=variables, starts_anew=True, **settings)


def _push(registry: Registry, repository: str, tag: str) -> None:
    layer = archive("detect", _program(GREETING))
    config = configuration(
        {"PYTORCH_VERSION": "2.6.0"},
        {"org.opencontainers.image.licenses": "BSD-3-Clause"},
        rootfs={"type": "layers", "diff_ids": [digest_of(layer)]},
    )
    config["config"]["Entrypoint"] = ["/detect"]
    document: Mapping[str, object] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": CONFIG_OF[OCI_MANIFEST], **registry.blob(repository, json.dumps(config).encode())},
        "layers": [{"mediaType": LAYER, **registry.blob(repository, layer)}],
    }
    registry.manifest(repository, tag, document)


def _program(text: bytes) -> bytes:
    """A whole program for Linux on x86-64: it writes the text and ends with 0."""
    base, headers = 0x400000, 64 + 56
    code = b"".join(
        (
            b"\xb8" + struct.pack("<I", 1),  # mov eax, 1: write
            b"\xbf" + struct.pack("<I", 1),  # mov edi, 1: the standard output
            b"\x48\x8d\x35" + struct.pack("<I", 16),  # lea rsi, [rip + 16]: behind what follows
            b"\xba" + struct.pack("<I", len(text)),  # mov edx, its length
            b"\x0f\x05",  # syscall
            b"\xb8" + struct.pack("<I", 60),  # mov eax, 60: exit
            b"\x31\xff",  # xor edi, edi
            b"\x0f\x05",  # syscall
        )
    )
    size = headers + len(code) + len(text)
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = identity + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, base + headers, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return header + segment + code + text


def main() -> None:
    """Writes the pages anew, and says of each whether it was as it should be."""
    for path in TOURED:
        before = path.read_text(encoding="utf-8")
        after = toured_page(before)
        path.write_text(after, encoding="utf-8")
        name = path.relative_to(ROOT)
        print(f"{name} was as it should be." if before == after else f"{name} has changed: read it, then commit it.")


if __name__ == "__main__":
    main()
