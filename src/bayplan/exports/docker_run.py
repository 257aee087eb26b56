"""The command that runs an image with a node's GPU by docker, ready for a shell.

Source: Docker, `docker run --gpus` and `--shm-size`; NVIDIA Container Toolkit, "Specialized Configurations" (NVIDIA_VISIBLE_DEVICES
with the nvidia runtime, which Jetson boards and the cdi modes need); ROCm, "Running ROCm Docker containers" and "GPU isolation
techniques" (/dev/kfd, /dev/dri, ROCR_VISIBLE_DEVICES).
"""

import shlex
from collections.abc import Mapping
from typing import Any

from bayplan.domain.reference import Reference

RUNS = ("native", "minor", "forward", "cpu")
"""The grades of images that run."""
MIG_UUID = "MIG-UUID"
"""Stands for the slice's UUID, which the catalogue does not have."""

_UNITS = (("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10))
_MODES_OF_RUNTIME = frozenset(("csv", "cdi", "jit-cdi"))


def docker_run(
    reference: Reference,
    grade: str,
    node: Mapping[str, Any],
    *,
    index: int | None = None,
    shared_memory_bytes: int | None = None,
) -> str:
    """Gives the command for an image that runs with that grade on a node with these facts.

    `index` is the GPU's on its machine, None for all GPUs; `shared_memory_bytes` is what the image needs.
    """
    words = ["docker", "run", "--rm", "-it"]
    if grade != "cpu":
        words += _gpu(node, index)
    if shared_memory_bytes is not None:
        words += ["--shm-size", _size(shared_memory_bytes)]
    return shlex.join([*words, reference.familiar])


def _gpu(node: Mapping[str, Any], index: int | None) -> list[str]:
    if node.get("accelerator") == "rocm" or node.get("target"):
        chosen = [] if index is None else ["-e", f"ROCR_VISIBLE_DEVICES={index}"]
        return ["--device", "/dev/kfd", "--device", "/dev/dri", "--group-add", "video", *chosen]
    device = "all" if index is None else str(index)
    if node.get("mig_profile"):
        device = MIG_UUID
    if node.get("l4t_version") or node.get("runtime_mode") in _MODES_OF_RUNTIME:
        return ["--runtime", "nvidia", "-e", f"NVIDIA_VISIBLE_DEVICES={device}"]
    return ["--gpus", device if device == "all" else f"device={device}"]


def _size(size_bytes: int) -> str:
    """The size in the largest unit of docker that it is a multiple of."""
    for unit, factor in _UNITS:
        if size_bytes and size_bytes % factor == 0:
            return f"{size_bytes // factor}{unit}"
    return str(size_bytes)
