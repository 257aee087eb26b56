"""All facts of a machine at once, and files that are none: nothing waits, and nothing is a traceback."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bayplan.agent import kfd, machine_facts
from bayplan.agent.hardware import GpuHardware, Gpus
from bayplan.agent.machine_fact import NAMES, OF_NVIDIA
from tests.agent.roots import program, root_with

GPUS = Gpus("580.95.05", (GpuHardware(0, "NVIDIA H100 80GB HBM3"),), cuda_version="13.0")
READ = (
    "proc/sys/kernel/osrelease",
    "proc/version",
    "proc/device-tree/compatible",
    "etc/nv_tegra_release",
    "etc/docker/daemon.json",
    "etc/containerd/config.toml",
    "etc/containerd/conf.d/a.toml",
    "etc/nvidia-container-runtime/config.toml",
    "etc/cdi/nvidia.yaml",
    "var/run/cdi/nvidia.json",
    "var/lib/dpkg/status",
    "etc/containers/containers.conf",
    "sys/module/amdgpu/version",
    f"{kfd._NODES}/1/properties",
    f"{kfd._NODES}/1/mem_banks/0/properties",
    "sys/class/drm/renderD128/device/product_name",
    "usr/share/libdrm/amdgpu.ids",
)


def _as_folder(path: Path) -> None:
    path.mkdir()


def _as_pipe(path: Path) -> None:
    os.mkfifo(path)


def _as_loop(path: Path) -> None:
    path.symlink_to(path.name)


def _as_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _as_noise(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def _as_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**33)


def _as_secret(path: Path) -> None:
    path.write_text("x")
    path.chmod(0)


@pytest.mark.parametrize("make", [_as_folder, _as_pipe, _as_loop, _as_endless, _as_noise, _as_huge, _as_secret])
def test_files_that_are_none_hold_up_nothing(tmp_path: Path, make: Callable[[Path], None]) -> None:
    root_with(tmp_path, {"usr/bin/dockerd": ""})
    for name in READ:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        make(tmp_path / name)
    begin = time.monotonic()
    facts, faults = machine_facts.read(tmp_path, GPUS, {})
    assert kfd.gpus(tmp_path) == ()
    assert time.monotonic() - begin < 2
    assert list(facts) == list(NAMES)
    for name, fact in facts.items():
        assert (fact.value is None) is (fact.reason is not None), (name, fact)
        assert (fact.reason or "").isprintable()
    assert faults == ()


def test_a_whole_machine(tmp_path: Path) -> None:
    program(tmp_path, "usr/bin/nvidia-ctk", "NVIDIA Container Toolkit CLI version 1.18.1\n")
    files = {
        "proc/sys/kernel/osrelease": "6.8.0-45-generic\n",
        "proc/version": "Linux version 6.8.0-45-generic\n",
        "etc/docker/daemon.json": '{"default-shm-size": "8G"}',
        "var/run/cdi/nvidia.yaml": "kind: nvidia.com/gpu\n# --host-driver-version=570.86.15\n",
    }
    facts, faults = machine_facts.read(root_with(tmp_path, files | {"usr/bin/dockerd": ""}), GPUS, {})
    assert {name: fact.value for name, fact in facts.items()} == {
        "driver_cuda_version": "13.0",
        "toolkit_version": "1.18.1",
        "runtime_mode": "auto",
        "cdi_driver_version": "570.86.15",
        "l4t_version": None,
        "wsl": False,
        "kernel_version": "6.8.0-45-generic",
        "shared_memory_bytes": 8 * 1024**3,
    }
    assert faults == ()


def test_a_machine_without_gpu_starts_no_program(tmp_path: Path) -> None:
    program(tmp_path, "usr/bin/nvidia-ctk", "")
    facts, _ = machine_facts.read(tmp_path, Gpus(), {})
    assert {facts[name].reason for name in OF_NVIDIA} == {"the machine has no NVIDIA GPU"}
