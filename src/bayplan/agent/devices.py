"""Which index each GPU, and each slice of one, has as a node of its machine, and the text that containers are started with.

An index stays with its slice, which its UUID identifies, for as long as the agent's state remembers it. The first slice of a GPU has
the GPU's own index, so that a machine whose GPU was one node keeps that node; the others have one that follows from the GPU and from
the ids of its instances, which are the same for the same slice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from bayplan.agent.hardware import GpuHardware, GpuSlice

_FIRST_SLICE, _PER_GPU, _PER_INSTANCE = 10_000, 1_000, 10
_SPARE = range(60_000, 65_536)


@dataclass(frozen=True, slots=True)
class Device:
    """A node's GPU or slice for the engine: the index of its GPU in the driver's order, and the slice's UUID or AMD's device file."""

    gpu: int
    slice: str | None = None
    render: str | None = None

    def __str__(self) -> str:
        return self.slice or self.render or str(self.gpu)


Devices = Mapping[str, Mapping[str, object]]
"""The devices by index, as the agent's state keeps them in JSON."""


@dataclass(frozen=True, slots=True)
class NodeDevice:
    """A node of the machine: its index, its GPU, its slice of that."""

    index: int
    gpu: GpuHardware
    part: GpuSlice | None = None

    @property
    def device(self) -> Device:
        """What containers are started with."""
        return Device(self.gpu.index, self.part.uuid if self.part else None, self.gpu.device)


def node_devices(gpus: tuple[GpuHardware, ...], before: Devices) -> list[NodeDevice]:
    """Gives the nodes of a machine by index; `before`: those that it had."""
    indices = {str(device["slice"]): int(index) for index, device in before.items() if device.get("slice")}
    present = {part.uuid for gpu in gpus for part in gpu.slices or ()}
    taken = {index for uuid, index in indices.items() if uuid in present} | {
        gpu.index for gpu in gpus if not gpu.slices
    }
    nodes = []
    for gpu in gpus:
        if not gpu.slices:
            nodes.append(NodeDevice(gpu.index, gpu))
            continue
        for part in sorted(gpu.slices, key=lambda part: (part.gpu_instance, part.compute_instance)):
            index = indices.get(part.uuid)
            if index is None:
                index = next(number for number in _candidates(gpu.index, part) if number not in taken)
                taken.add(index)
            nodes.append(NodeDevice(index, gpu, part))
    return sorted(nodes, key=lambda node: node.index)


def _candidates(gpu: int, part: GpuSlice) -> Iterator[int]:
    yield gpu
    index = _FIRST_SLICE + _PER_GPU * gpu + _PER_INSTANCE * part.gpu_instance + part.compute_instance
    if index < _SPARE.start:
        yield index
    yield from _SPARE


def as_json(nodes: list[NodeDevice], before: Devices, kept: set[int]) -> dict[str, dict[str, object]]:
    """Gives the devices of the nodes, and of those that stay as they were `before`."""
    stay = {index: dict(device) for index, device in before.items() if int(index) in kept}
    return stay | {str(node.index): asdict(node.device) for node in nodes}


def device_of(devices: Devices, index: int) -> Device:
    """Gives the device of a node; of a state that knows none, the GPU of that index."""
    device = devices.get(str(index))
    if device is None:
        return Device(index)
    gpu, part, render = device.get("gpu"), device.get("slice"), device.get("render")
    return Device(
        gpu if isinstance(gpu, int) else index,
        part if isinstance(part, str) else None,
        render if isinstance(render, str) else None,
    )
