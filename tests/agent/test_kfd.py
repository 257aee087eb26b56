"""The GPUs of AMD, by the topology of the kernel's driver.

`recorded_kfd.csv` has recordings of real machines: the folders below `testdata` of ROCm/k8s-device-plugin at ed764684, those of their
lines that are read. The rest is made from the documented form (Linux, `drivers/gpu/drm/amd/amdkfd/kfd_topology.c`).
"""

import csv
from itertools import groupby
from pathlib import Path

import pytest

from bayplan.agent import kfd
from tests.agent.roots import root_with

ROWS = list(csv.DictReader((Path(__file__).parent / "recorded_kfd.csv").read_text().splitlines()))
PROPERTIES = ("cpu_cores_count", "simd_count", "gfx_target_version", "device_id", "drm_render_minor", "capability")
NODES = "sys/class/kfd/kfd/topology/nodes"
MI300X = {
    f"{NODES}/1/properties": "simd_count 1216\ngfx_target_version 90402\ndevice_id 29857\ndrm_render_minor 128\n",
    f"{NODES}/1/name": "ip discovery\n",
}


def recorded(root: Path, rows: list[dict[str, str]]) -> None:
    """Writes the nodes of a recording."""
    for row in rows:
        lines = [f"{name} {row[name]}\n" for name in PROPERTIES if row[name]]
        bank = f"heap_type {row['heap_type']}\nsize_in_bytes {row['size_in_bytes']}\nflags 0\n"
        node = f"{NODES}/{row['node']}"
        root_with(root, {f"{node}/properties": "".join(lines), f"{node}/name": f"{row['name']}\n"})
        if row["heap_type"]:
            root_with(root, {f"{node}/mem_banks/0/properties": bank})


@pytest.mark.parametrize("source", [source for source, _ in groupby(ROWS, lambda row: row["source"])])
def test_the_gpus_of_a_recorded_topology(tmp_path: Path, source: str) -> None:
    rows = [row for row in ROWS if row["source"] == source]
    recorded(tmp_path, rows)
    expected = [row for row in rows if row["target"]]
    gpus = kfd.gpus(tmp_path)
    assert [gpu.index for gpu in gpus] == list(range(len(expected)))
    assert [(gpu.target, gpu.accelerator, gpu.compute_capability) for gpu in gpus] == [
        (row["target"], "rocm", None) for row in expected
    ]
    assert [gpu.device for gpu in gpus] == [f"renderD{row['drm_render_minor']}" for row in expected]
    assert [gpu.memory_bytes for gpu in gpus] == [int(row["size_in_bytes"] or 0) or None for row in expected]


@pytest.mark.parametrize(
    ("version", "target"),
    [
        (80003, "gfx803"), (90006, "gfx906"), (90008, "gfx908"), (90010, "gfx90a"), (90012, "gfx90c"), (90500, "gfx950"),
        (100302, "gfx1032"), (110000, "gfx1100"), (110501, "gfx1151"), (120001, "gfx1201"), (0, None), (99, None), (70000, None),
        (9999999999, None),
    ],
)  # fmt: skip
def test_a_target_is_made_of_its_version(tmp_path: Path, version: int, target: str | None) -> None:
    """As ROCm/ROCR-Runtime `libhsakmt/src/topology.c` and LLVM's processors have it."""
    root_with(tmp_path, {f"{NODES}/1/properties": f"simd_count 80\ngfx_target_version {version}\n"})
    assert [gpu.target for gpu in kfd.gpus(tmp_path)] == ([] if target is None else [target])


@pytest.mark.parametrize(("capability", "target"), [(1 << 26, "gfx90a:sramecc+"), (0, "gfx90a:sramecc-")])
def test_memory_without_ecc_is_another_target(tmp_path: Path, capability: int, target: str) -> None:
    lines = f"simd_count 416\ngfx_target_version 90010\ncapability {capability}\n"
    root_with(tmp_path, {f"{NODES}/1/properties": lines})
    assert [gpu.target for gpu in kfd.gpus(tmp_path)] == [target]


def test_the_display_of_a_desktop_processor_is_no_gpu_to_compute_on(tmp_path: Path) -> None:
    root_with(tmp_path, {f"{NODES}/1/properties": "simd_count 4\ngfx_target_version 100306\n"})
    assert kfd.gpus(tmp_path) == ()


def test_nodes_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for node, minor in ((2, 128), (10, 129), (9, 130)):
        lines = f"simd_count 80\ngfx_target_version 90402\ndrm_render_minor {minor}\n"
        root_with(tmp_path, {f"{NODES}/{node}/properties": lines})
    gpus = kfd.gpus(tmp_path, kfd.FIRST_BESIDE_NVIDIA)
    assert [(gpu.index, gpu.device) for gpu in gpus] == [
        (5000, "renderD128"),
        (5001, "renderD130"),
        (5002, "renderD129"),
    ]


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({}, None),
        ({f"{NODES}/1/name": "aldebaran\n"}, "aldebaran"),
        ({"sys/class/drm/renderD128/device/product_name": "AMD Instinct MI300X OAM\n"}, "AMD Instinct MI300X OAM"),
        (
            {
                "sys/class/drm/renderD128/device/revision": "0x00\n",
                "usr/share/libdrm/amdgpu.ids": "# List of AMDGPU IDs\n\n1.0.0\n74A1,\t00,\tAMD Instinct MI300X\n",
            },
            "AMD Instinct MI300X",
        ),
        ({"sys/class/drm/renderD128/device/product_name": b"\x1b[31m\xff\n"}, None),
    ],
)
def test_the_name_of_a_gpu(tmp_path: Path, files: dict[str, str | bytes], name: str | None) -> None:
    (gpu,) = kfd.gpus(root_with(tmp_path, MI300X | files))
    assert gpu.name == name


def test_the_version_of_the_driver_where_it_has_one(tmp_path: Path) -> None:
    """The texts of amdgpu-dkms of ROCm 6.4 and 7.0; a driver that came with the kernel has no such file."""
    root_with(tmp_path, MI300X)
    assert kfd.gpus(tmp_path)[0].driver_version is None
    for text, version in (("6.12.12\n", "6.12.12"), ("6.14.14\n", "6.14.14"), ("in-tree\n", None)):
        root_with(tmp_path, {"sys/module/amdgpu/version": text})
        assert kfd.gpus(tmp_path)[0].driver_version == version


def test_the_memory_of_a_gpu_whose_banks_cannot_be_read(tmp_path: Path) -> None:
    root_with(tmp_path, MI300X | {"sys/class/drm/renderD128/device/mem_info_vram_total": "206141652992\n"})
    assert kfd.gpus(tmp_path)[0].memory_bytes == 206141652992
    root_with(tmp_path, {"sys/class/drm/renderD128/device/mem_info_vram_total": "9" * 400})
    assert kfd.gpus(tmp_path)[0].memory_bytes is None


AMDSMI = """
def amdsmi_init(): pass
def amdsmi_shut_down(): pass
def amdsmi_get_processor_handles(): return ["a", "b"]
def amdsmi_get_gpu_kfd_info(handle): return {"kfd_id": 1, "node_id": {"a": 1, "b": 2}[handle], "current_partition_id": 0}
def amdsmi_get_gpu_asic_info(handle): return {"market_name": "AMD Instinct MI300X"}
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (AMDSMI, "AMD Instinct MI300X"),
        (AMDSMI.replace("AMD Instinct", "\\x1b[31m"), None),
        ("raise RuntimeError('no library')", None),
        ("import os; os.abort()", None),
        ("print('[]')", None),
    ],
)
def test_amds_own_library_names_what_the_system_does_not(
    tmp_path: Path, module: str, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module in the place of amdsmi, with its functions as ROCm/amdsmi documents them."""
    root_with(tmp_path, MI300X | {"modules/amdsmi.py": module})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(tmp_path / "modules")
    (gpu,) = kfd.gpus(tmp_path)
    assert gpu.name == name
