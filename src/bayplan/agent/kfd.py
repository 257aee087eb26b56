"""The GPUs of AMD that compute, by the topology of the kernel's driver (KFD) in sysfs; nothing of ROCm need be installed.

`/sys/class/kfd/kfd/topology/nodes/N/properties` (Linux, `drivers/gpu/drm/amd/amdkfd/kfd_topology.c`) has for each GPU, and for each
partition of one, `gfx_target_version` (90402 is gfx942: major, minor and stepping with two digits each, the last two as hexadecimal
digits), `simd_count`, `drm_render_minor` and `capability`; its memory is in `mem_banks`. A GPU that this process may not use is not
readable there.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bayplan.agent import amdsmi_names, files, values
from bayplan.agent.hardware import GpuHardware

_NODES = "sys/class/kfd/kfd/topology/nodes"
_VERSION = "sys/module/amdgpu/version"
_IDS = ("usr/share/libdrm/amdgpu.ids", "opt/amdgpu/share/libdrm/amdgpu.ids")
_PROPERTY = re.compile(r"^(\w{1,40}) (\d{1,20})$", re.MULTILINE)
_RENDER = range(128, 256)  # the minors of device files for rendering
_LEAST_SIMDS = 8
"""Of four compute units. A GPU with fewer is that for the display of a desktop processor (Ryzen 7000: 4), which ROCm does not support."""
_OF_THE_GPU = (1, 2)  # of hsakmttypes.h: HSA_HEAPTYPE_FRAME_BUFFER_PUBLIC and _PRIVATE
_SRAM_ECC = 1 << 26  # of kfd_topology.h: HSA_CAP_SRAM_EDCSUPPORTED
_WITH_SRAM_ECC = ("gfx906", "gfx908", "gfx90a", "gfx942", "gfx950")
"""LLVM, User Guide for AMDGPU Backend, processors: those whose code may depend on `sramecc`. `xnack` is chosen by each process."""
_MOST_GPUS = 256
FIRST_BESIDE_NVIDIA = 5000
"""The index of the first AMD GPU on a machine that has NVIDIA GPUs too."""


def gpus(root: Path, first: int = 0) -> tuple[GpuHardware, ...]:
    """Gives the GPUs in the order of the topology, which is that of HIP, with indices from `first` on."""
    driver = driver_version(root)
    numbers = sorted(int(name) for name in files.names(root / _NODES) if name.isdecimal() and name.isascii())
    nodes = {number: _gpu(root, root / _NODES / str(number), driver) for number in numbers}
    hardware = {number: gpu for number, gpu in nodes.items() if gpu is not None}
    by_amdsmi = amdsmi_names.names() if any(gpu.name is None for gpu in hardware.values()) else {}
    return tuple(
        replace(gpu, index=first + place, name=gpu.name or by_amdsmi.get(number) or _kernel_name(root, number))
        for place, (number, gpu) in enumerate(list(hardware.items())[:_MOST_GPUS])
    )


def _kernel_name(root: Path, number: int) -> str | None:
    """Gives the kernel's name of a GPU, which is that of its kind ("aldebaran"), or none at all ("ip discovery")."""
    name = values.value(files.text_or_nothing(root / _NODES / str(number) / "name"))
    return None if name == "ip discovery" else name


def driver_version(root: Path) -> str | None:
    """Gives the version of the amdgpu driver ("6.12.12"); one that came with the kernel has none."""
    return values.driver_version(files.text_or_nothing(root / _VERSION).strip())


def _gpu(root: Path, node: Path, driver: str | None) -> GpuHardware | None:
    properties = _properties(node / "properties")
    target = _target(properties)
    if target is None or properties.get("simd_count", 0) < _LEAST_SIMDS:
        return None
    minor = properties.get("drm_render_minor", 0)
    device = f"renderD{minor}" if minor in _RENDER else None
    return GpuHardware(
        0,
        name=_name(root, device, properties),
        memory_bytes=_memory_bytes(root, node, device),
        accelerator="rocm",
        target=target,
        driver_version=driver,
        device=device,
    )


def _properties(path: Path) -> dict[str, int]:
    return {name: int(number) for name, number in _PROPERTY.findall(files.text_or_nothing(path))}


def _target(properties: Mapping[str, int]) -> str | None:
    """Gives the target of a GPU ("gfx942:sramecc+"), None for a node of processors alone."""
    version = properties.get("gfx_target_version", 0)
    major, minor, stepping = version // 10_000, version // 100 % 100, version % 100
    if not 8 <= major <= 99 or minor > 15 or stepping > 15:
        return None
    target = f"gfx{major}{minor:x}{stepping:x}"
    if target not in _WITH_SRAM_ECC or "capability" not in properties:
        return target
    return f"{target}:sramecc{'+' if properties['capability'] & _SRAM_ECC else '-'}"


def _memory_bytes(root: Path, node: Path, device: str | None) -> int | None:
    banks = [_properties(node / "mem_banks" / name / "properties") for name in files.names(node / "mem_banks")]
    size_bytes = sum(bank.get("size_in_bytes", 0) for bank in banks if bank.get("heap_type") in _OF_THE_GPU)
    if not size_bytes and device is not None:
        total = files.text_or_nothing(_device(root, device) / "mem_info_vram_total").strip()
        size_bytes = int(total) if total.isdecimal() and len(total) < 20 else 0
    return values.memory_bytes(size_bytes)


def _device(root: Path, device: str) -> Path:
    return root / "sys/class/drm" / device / "device"


def _name(root: Path, device: str | None, properties: Mapping[str, int]) -> str | None:
    """Gives the name of the product: of the board's own memory, else of the list of libdrm."""
    if device is None:
        return None
    product = values.value(files.text_or_nothing(_device(root, device) / "product_name"))
    if product is not None:
        return product
    revision = files.text_or_nothing(_device(root, device) / "revision").strip()
    if not re.fullmatch(r"0x[0-9a-f]{1,2}", revision):
        return None
    entry = re.compile(
        rf"^{properties.get('device_id', 0):X},\s*{int(revision, 16):02X},\s*(.+)$", re.MULTILINE | re.IGNORECASE
    )
    match = next(filter(None, (entry.search(files.text_or_nothing(root / path)) for path in _IDS)), None)
    return None if match is None else values.value(match.group(1))
