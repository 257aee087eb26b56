"""The command that runs an image: its GPU flags by the node, shared memory by the image, quoted for a shell."""

import shlex
from typing import Any

import pytest

from bayplan.domain.reference import Reference
from bayplan.exports.docker_run import docker_run

PYTORCH = Reference.parse("pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime")
NVIDIA = {"gpu_name": "NVIDIA L4", "driver_version": "535.183.01"}


@pytest.mark.parametrize(
    ("grade", "node", "index", "flags"),
    [
        ("native", NVIDIA, 3, "--gpus device=3"),
        ("minor", NVIDIA, None, "--gpus all"),
        ("cpu", NVIDIA, 0, ""),
        ("cpu", {}, None, ""),
        ("native", NVIDIA | {"mig_profile": "1g.10gb"}, 0, "--gpus device=MIG-UUID"),
        ("native", NVIDIA | {"runtime_mode": "legacy"}, 0, "--gpus device=0"),
        ("native", NVIDIA | {"runtime_mode": "cdi"}, 1, "--runtime nvidia -e NVIDIA_VISIBLE_DEVICES=1"),
        ("native", {"gpu_name": "Orin", "l4t_version": "36.4.3"}, 0, "--runtime nvidia -e NVIDIA_VISIBLE_DEVICES=0"),
        (
            "native",
            {"target": "gfx942", "accelerator": "rocm"},
            2,
            "--device /dev/kfd --device /dev/dri --group-add video -e ROCR_VISIBLE_DEVICES=2",
        ),
    ],
)
def test_the_flags_for_the_gpu(grade: str, node: dict[str, Any], index: int | None, flags: str) -> None:
    command = docker_run(PYTORCH, grade, node, index=index)
    assert command == " ".join(filter(None, ("docker run --rm -it", flags, PYTORCH.familiar)))
    assert shlex.split(command)[-1] == "pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime"


@pytest.mark.parametrize(("size_bytes", "size"), [(8 << 30, "8g"), (512 << 20, "512m"), (1_000_000, "1000000")])
def test_the_shared_memory_that_the_image_needs(size_bytes: int, size: str) -> None:
    assert f"--shm-size {size} " in docker_run(PYTORCH, "native", NVIDIA, shared_memory_bytes=size_bytes)
