"""Which node a GPU and each slice of one is: the same one for as long as it is there."""

from dataclasses import replace

from bayplan.agent.devices import Device, as_json, device_of, node_devices
from bayplan.agent.hardware import GpuHardware, GpuSlice

GPU = GpuHardware(1, "NVIDIA A100-SXM4-40GB", "Nvidia", 42949672960, "8.0")


def part(number: int) -> GpuSlice:
    """A slice of the GPU instance of that number."""
    return GpuSlice(f"MIG-00000000-0000-0000-0000-0000000000{number:02}", number, 0, "1g.5gb", 5100273664)


def indices(slices: tuple[GpuSlice, ...] | None, before: dict[str, dict[str, object]]) -> dict[str, int]:
    """The index of each slice, and of the whole GPU, by the text that containers are started with."""
    return {str(node.device): node.index for node in node_devices((replace(GPU, slices=slices),), before)}


def test_the_first_slice_has_the_node_of_its_gpu() -> None:
    assert indices((part(9), part(7), part(8)), {}) == {part(7).uuid: 1, part(8).uuid: 11080, part(9).uuid: 11090}
    assert indices(None, {}) == {"1": 1}


def test_a_slice_keeps_its_node_while_others_come_and_go() -> None:
    before = as_json(node_devices((replace(GPU, slices=(part(7), part(8))),), {}), {}, set())
    assert indices((part(8),), before) == {part(8).uuid: 11080}
    assert indices((part(2), part(8)), before) == {part(2).uuid: 1, part(8).uuid: 11080}
    assert indices((part(8), part(7)), before) == {part(7).uuid: 1, part(8).uuid: 11080}
    assert indices(None, before) == {"1": 1}


def test_no_two_nodes_have_one_index() -> None:
    gpus = tuple(
        replace(GPU, index=gpu, slices=tuple(GpuSlice(f"MIG-{gpu}-{n}", n // 2, n % 2) for n in range(14)))
        for gpu in (0, 1, 53, 54, 60, 200)
    )
    nodes = node_devices(gpus, {})
    assert len({node.index for node in nodes}) == len(nodes) == 84
    assert max(node.index for node in nodes) < 65_536


def test_a_device_is_read_from_the_state_again() -> None:
    nodes = node_devices(
        (replace(GPU, slices=(part(7),)), GpuHardware(5000, accelerator="rocm", device="renderD128")), {}
    )
    kept = as_json(nodes, {}, set())
    assert device_of(kept, 1) == Device(1, slice=part(7).uuid)
    assert device_of(kept, 5000) == Device(5000, render="renderD128")
    assert device_of({}, 3) == Device(3)
    assert device_of({"3": {"gpu": "x", "slice": 7, "render": None}}, 3) == Device(3)
