"""GPUs without memory of their own, the device tree of Tegras, and the signs of a GPU, on systems in a folder.

The texts are made up after public listings of such machines.
"""

from pathlib import Path

import pytest

from bayplan.agent import integrated, signs
from bayplan.agent.hardware import GpuHardware, Gpus

SYSTEM_BYTES = 128 * 1024**3
XAVIER = b"nvidia,p2972-0000\0nvidia,tegra194\0"


def has(root: Path, path: str, content: bytes = b"") -> None:
    """Makes a file of the system."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)


@pytest.mark.parametrize(
    ("compatible", "gpu", "capability"),
    [
        (b"nvidia,p3450-0000\0nvidia,tegra210\0", "NVIDIA Tegra X1", "5.3"),
        (b"nvidia,quill\0nvidia,p2597-0000+p3310-1000\0nvidia,tegra186\0", "NVIDIA Tegra X2", "6.2"),
        (XAVIER, "Xavier", "7.2"),
        (b"nvidia,p3737-0000+p3701-0005\0nvidia,p3701-0005\0nvidia,tegra234\0nvidia,tegra23x\0", "Orin (nvgpu)", "8.7"),
        (b"nvidia,p3971-0080+p3834-0008\0nvidia,tegra264\0", "NVIDIA Thor", "11.0"),
    ],
)
def test_a_tegra_is_found_by_its_device_tree(tmp_path: Path, compatible: bytes, gpu: str, capability: str) -> None:
    has(tmp_path, "proc/device-tree/compatible", compatible)
    has(
        tmp_path,
        "etc/nv_tegra_release",
        b"# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, EABI: aarch64\n",
    )
    gpus = integrated.gpus(tmp_path)
    assert gpus == Gpus("35.4.1", (GpuHardware(0, gpu, compute_capability=capability),))
    assert integrated.with_system_memory(gpus, SYSTEM_BYTES).gpus[0].memory_bytes == SYSTEM_BYTES


def test_the_driver_in_the_kernel_counts_before_the_release(tmp_path: Path) -> None:
    has(tmp_path, "sys/firmware/devicetree/base/compatible", XAVIER)
    has(tmp_path, "etc/nv_tegra_release", b"# R35 (release), REVISION: 4.1, GCID: 33958178\n")
    line = b"NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  35.3.1  Release Build  (buildbrain@mobile)\n"
    has(tmp_path, "proc/driver/nvidia/version", line)
    gpus = integrated.gpus(tmp_path)
    assert gpus is not None
    assert gpus.driver_version == "35.3.1"


@pytest.mark.parametrize(
    "compatible", [b"", b"raspberrypi,4-model-b\0brcm,bcm2711\0", b"nvidia,tegra20\0", b"\xff\xfe\0\0nvidia,tegra\0"]
)
def test_other_boards_are_no_tegras(tmp_path: Path, compatible: bytes) -> None:
    has(tmp_path, "proc/device-tree/compatible", compatible)
    assert integrated.gpus(tmp_path) is None
    assert signs.of_gpu(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "capability", "memory", "expected"),
    [
        ("NVIDIA GB10", "12.1", None, SYSTEM_BYTES),
        ("NVIDIA-GB10", None, None, SYSTEM_BYTES),
        ("Orin (nvgpu)", None, None, SYSTEM_BYTES),
        ("NVIDIA Thor", None, 2**36, 2**36),
        (None, "12.1", None, SYSTEM_BYTES),
        ("NVIDIA GeForce RTX 3090", "8.6", None, None),
        ("NVIDIA GB100", "10.0", None, None),
        ("NVIDIA GH200 480GB", "9.0", None, None),
        (None, None, None, None),
    ],
)
def test_a_gpu_without_memory_of_its_own_has_the_systems(
    name: str | None, capability: str | None, memory: int | None, expected: int | None
) -> None:
    gpus = Gpus("580.95.05", (GpuHardware(0, name, None, memory, capability),))
    assert integrated.with_system_memory(gpus, SYSTEM_BYTES).gpus[0].memory_bytes == expected


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("dev/nvidia0", b""),
        ("dev/nvidiactl", b""),
        ("dev/nvhost-gpu", b""),
        ("dev/nvgpu", b""),
        ("proc/driver/nvidia/version", b""),
        ("proc/device-tree/compatible", b"nvidia,tegra999\0"),
        ("dev/dxg", b""),
    ],
)
def test_a_sign_of_a_gpu(tmp_path: Path, path: str, content: bytes) -> None:
    assert signs.of_gpu(tmp_path) is None
    has(tmp_path, path, content)
    assert signs.of_gpu(tmp_path) is not None


def test_a_display_device_of_nvidia_on_the_bus_is_a_sign(tmp_path: Path) -> None:
    for name, vendor, kind in (
        ("0", b"0x8086", b"0x030000"),
        ("1", b"0x10de", b"0x040300"),
        ("2", b"0x10de", b"0x030200"),
    ):
        assert signs.of_gpu(tmp_path) is None
        has(tmp_path, f"sys/bus/pci/devices/{name}/vendor", vendor + b"\n")
        has(tmp_path, f"sys/bus/pci/devices/{name}/class", kind + b"\n")
    assert signs.of_gpu(tmp_path) == "on the PCI bus"


def test_a_gpu_of_another_make_in_windows_is_no_sign(tmp_path: Path) -> None:
    has(tmp_path, "dev/dxg")
    has(tmp_path, "usr/lib/wsl/lib/libdxcore.so")
    has(tmp_path, "usr/lib/wsl/drivers/iigd_dch.inf_amd64_2951c510c4c5f33f/libigdrcl.so")
    assert signs.of_gpu(tmp_path) is None
    has(tmp_path, "usr/lib/wsl/drivers/nvltwi.inf_amd64_08cf6d985207979a/libcuda_loader.so")
    assert signs.of_gpu(tmp_path) == "given by Windows, /dev/dxg"
