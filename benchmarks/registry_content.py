"""The images that registries are measured with: nvidia/cuda as it is pushed, an index of two architectures, with tiny layers."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.registry.running import DOCKER_LIST, DOCKER_MANIFEST, LAYER, Registry, configuration

from benchmarks.content import CUDAS

REPOSITORY = "nvidia/cuda"
ARCHITECTURES = ("amd64", "arm64")


@dataclass(frozen=True)
class Pushed:
    """An image in a registry: its reference, and the paths of all documents that tell what it is."""

    reference: str
    documents: tuple[str, ...]


def push(registry: Registry, images: int) -> Iterator[Pushed]:
    """Pushes so many images, each with a configuration of its own."""
    layer = registry.blob(REPOSITORY, LAYER)
    for number in range(images):
        cuda = CUDAS[number % len(CUDAS)]
        release = ".".join(cuda.split(".")[:2])
        env = {
            "PATH": "/usr/local/nvidia/bin:/usr/local/cuda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "NVARCH": "x86_64",
            "NVIDIA_REQUIRE_CUDA": f"cuda>={release} brand=tesla,driver>=470,driver<471 brand=nvidia,driver>=470,driver<471",
            "NV_CUDA_COMPAT_PACKAGE": f"cuda-compat-{release.replace('.', '-')}",
            "CUDA_VERSION": cuda,
            "NCCL_VERSION": "2.21.5-1",
            "NVIDIA_VISIBLE_DEVICES": "all",
            "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
            "BUILD": str(number),
        }
        tag = f"{cuda}-{number}"
        entries = [
            registry.image_over(
                REPOSITORY,
                "",
                configuration(env, {"maintainer": "NVIDIA CORPORATION"}, architecture),
                layer,
                DOCKER_MANIFEST,
            )
            for architecture in ARCHITECTURES
        ]
        registry.index(REPOSITORY, tag, entries, DOCKER_LIST)
        yield Pushed(f"{registry.host}/{REPOSITORY}:{tag}", tuple(_documents(registry, tag, entries)))


def _documents(registry: Registry, tag: str, entries: list[dict[str, object]]) -> Iterator[str]:
    base = f"/v2/{REPOSITORY}"
    yield f"{base}/manifests/{tag}"
    for entry in entries:
        manifest = f"{base}/manifests/{entry['digest']}"
        yield manifest
        answer = registry.pushing.get(manifest, headers={"Accept": DOCKER_MANIFEST})
        yield f"{base}/blobs/{answer.raise_for_status().json()['config']['digest']}"
