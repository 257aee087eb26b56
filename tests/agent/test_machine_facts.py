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


@pytest.mark.parametrize(
    "content",
    [
        b'\xef\xbb\xbf{"runtimes": {"nvidia": {"path": "/usr/bin/nvidia-container-runtime"}}}',
        b'{"runtimes": {"nvidia": {"path": "/usr/bin\\u0000/nvidia-container-runtime"}}, "cdi-spec-dirs": ["/a\\ud800"]}',
        b'{"runtimes": {"nvidia": {"path": "/usr/\\ud800/nvidia-container-runtime"}}}',
        b'{"runtimes": [1], "default-runtime": {}, "default-shm-size": [1], "cdi-spec-dirs": {"a": 1}}',
        b'{"kind": "nvidia.com/gpu", "x": [{"path": "/dev/\\u0000"}, {"path": "/\\ud800"}, {"hostPath": 5, "path": []}]}',
        b'{"a":' * 100_000,
        b"x = " + b"[" * 5_000,
        b"nvidia-container-runtime = 1\n",
        b"[plugins.x.runtimes.nvidia.options]\nBinaryName = '/usr/local/nvidia/toolkit/nvidia-container-runtime.cdi'\n",
        b"kind: nvidia.com/gpu\ndevices:\n- hostPath: /a\0b\n  path: /dev/\xff\n",
        b"gfx_target_version 99999999999999999999\nsimd_count 99999999999999999999\ndrm_render_minor 99999999999999999999\n",
        "gfx_target_version \u0661\nsimd_count \u00b2\n# R\u0663\u0666 (release), REVISION: 4.\u00b2".encode(),
    ],
)
def test_files_of_odd_contents_are_no_traceback(tmp_path: Path, content: bytes) -> None:
    """A byte order mark, names that no file can have, values of other types, tables and lists that are nested or without an end."""
    root_with(tmp_path, dict.fromkeys(READ, content))
    facts, faults = machine_facts.read(tmp_path, GPUS, {})
    assert kfd.gpus(tmp_path) == ()
    for name, fact in facts.items():
        assert (fact.value is None) is (fact.reason is not None), (name, fact)
        assert (fact.reason or "").isprintable()
    assert all(fault.isprintable() for fault in faults)


def test_a_whole_machine(tmp_path: Path) -> None:
    program(tmp_path, "usr/bin/nvidia-ctk", "NVIDIA Container Toolkit CLI version 1.18.1\n")
    files = {
        "proc/sys/kernel/osrelease": "6.8.0-45-generic\n",
        "proc/version": "Linux version 6.8.0-45-generic\n",
        "proc/sys/kernel/hostname": "GPU07\n",
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
        "hostname": "gpu07",
    }
    assert faults == ()


def test_a_machine_without_gpu_starts_no_program(tmp_path: Path) -> None:
    program(tmp_path, "usr/bin/nvidia-ctk", "")
    facts, _ = machine_facts.read(tmp_path, Gpus(), {})
    assert {facts[name].reason for name in OF_NVIDIA} == {"the machine has no NVIDIA GPU"}
