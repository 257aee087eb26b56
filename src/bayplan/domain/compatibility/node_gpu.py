"""The GPU of a node: what its facts and its name tell of it.

A property that the node's facts do not decide is None, never a guess.
"""

from dataclasses import dataclass

from bayplan.domain.compatibility.gpu_classes import (
    DATA_CENTRE_BRANDS,
    OTHER_BRANDS,
    VIRTUAL_BRANDS,
    CompatAcceptance,
    brand_word,
    compat_acceptance,
    names_virtual_gpu,
)
from bayplan.domain.compatibility.gpu_memory import GpuMemory, gpu_memory, mig_profile, vgpu_series
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.platform import platform
from bayplan.domain.compatibility.tables import Generation, NamedGpu, Tables
from bayplan.domain.once import once
from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion, read

THOR = ComputeCapability(11, 0)
# NVIDIA JetPack 7.0 and 7.2 release pages: from these major releases of Jetson Linux on a board runs arm64 server images.
_SERVER_L4T = {THOR: 38, ComputeCapability(8, 7): 39}

_NOT_NVIDIA = 100
"""Drivers of NVIDIA have numbers above 300, those of AMD below this. In place of NVIDIA's people also write the CUDA release
(12.4), or what Windows shows (31.0.15.5222 is 552.22)."""


@dataclass(frozen=True)
class NodeGpu:
    """A node's facts about its GPU and its driver, parsed against the tables."""

    reported: Node
    tables: Tables

    @once
    def has_gpu(self) -> bool:
        """Whether there is a GPU: a fact of one is reported."""
        node = self.reported
        return any(
            fact is not None for fact in (node.driver_version, node.gpu_name, node.compute_capability, node.target)
        )

    @once
    def accelerator(self) -> str | None:
        """The kind of its GPU: as reported, else what its other facts say; None where they leave it open."""
        node = self.reported
        if node.accelerator is not None:
            return node.accelerator
        if node.target is not None:
            return "rocm"
        if node.compute_capability is not None:
            return "cuda"
        if self.named.accelerator is not None or len(self.named.models) > 1:
            return self.named.accelerator
        if node.gpu_brand is not None:
            return "rocm" if self.brand == "amd" else "cuda"
        number = read(DriverVersion.parse, node.driver_version)
        return "cuda" if node.driver_version is not None and (number is None or number.branch > _NOT_NVIDIA) else None

    @once
    def named(self) -> NamedGpu:
        """What the name of its GPU tells."""
        return NamedGpu() if self.reported.gpu_name is None else self.tables.machines.named_gpu(self.reported.gpu_name)

    @once
    def targets(self) -> tuple[str, ...]:
        """The gfx targets that its AMD GPU may have: the one reported, else those of its name; empty: unknown."""
        return self.named.targets if self.reported.target is None else (self.reported.target,)

    @once
    def platform(self) -> str | None:
        """Its architecture as OCI writes it."""
        return None if self.reported.architecture is None else platform(self.reported.architecture)

    @once
    def driver(self) -> DriverVersion | None:
        """Its driver; None where the number cannot be that of an NVIDIA driver, such as a CUDA release in its place."""
        driver = read(DriverVersion.parse, self.reported.driver_version)
        return None if driver is not None and driver.branch <= _NOT_NVIDIA and self.accelerator == "cuda" else driver

    @once
    def measured_cuda(self) -> CudaVersion | None:
        """The newest CUDA that its driver supports, as the driver reports it."""
        return read(CudaVersion.parse, self.reported.driver_cuda_version)

    @once
    def l4t_cuda(self) -> CudaVersion | None:
        """The CUDA of a Tegra's driver: as measured, else that of its release of Jetson Linux."""
        l4t = self.reported.l4t_version
        return self.measured_cuda or (None if l4t is None else self.tables.machines.l4t_cuda(l4t))

    @once
    def has_newer_l4t(self) -> bool:
        """Whether its Jetson Linux is newer than the tables."""
        l4t = self.reported.l4t_version
        return l4t is not None and self.tables.machines.is_newer_l4t(l4t)

    @once
    def capability(self) -> ComputeCapability | None:
        """Its GPU's compute capability: as reported, else that of the GPU's name."""
        if self.reported.compute_capability is not None:
            return read(ComputeCapability.parse, self.reported.compute_capability)
        return self._named_capabilities[0] if len(self._named_capabilities) == 1 else None

    @once
    def _named_capabilities(self) -> tuple[ComputeCapability, ...]:
        """The capabilities that the GPU's name allows, those of the reported generation where it has any."""
        name = self.reported.hardware_generation
        generation = None if name is None else self.tables.generation(name)
        fitting = tuple(
            gpu for gpu in self.named.capabilities if generation and generation.low <= gpu < generation.high
        )
        return fitting or self.named.capabilities

    @once
    def capabilities(self) -> tuple[ComputeCapability, ...]:
        """The capabilities that its GPU may have: one where it is known, else all of its name or generation; empty: unknown."""
        if self.capability is not None:
            return (self.capability,)
        if self._named_capabilities and self.reported.compute_capability is None:
            return self._named_capabilities
        if self.generation is None:
            return ()
        low, high = self.generation.low, self.generation.high
        arm = self.platform != "amd64"
        return tuple(
            row.capability
            for row in self.tables.capabilities
            if low <= row.capability < high and (arm or not row.tegra)
        )

    @once
    def generation(self) -> Generation | None:
        """Its GPU's generation: by its capability, else as reported."""
        name = self.tables.generation_of(str(self.capability)) if self.capability else self.reported.hardware_generation
        return None if name is None else self.tables.generation(name)

    @once
    def last_driver_branch(self) -> int | None:
        """The last driver branch that supports its GPU; None where newer ones still do, or where unknown."""
        rows = [self.tables.by_capability.get(gpu) for gpu in self.capabilities]
        last_branches = [
            row.last_driver_branch for row in rows if row is not None and row.last_driver_branch is not None
        ]
        return max(last_branches) if last_branches and len(last_branches) == len(rows) else None

    def may_have(self, driver: DriverVersion) -> bool:
        """Whether a driver still supports its GPU."""
        return self.last_driver_branch is None or driver.branch <= self.last_driver_branch

    @once
    def is_tegra(self) -> bool:
        """Whether it is a Jetson board: by its capability, or by its Jetson Linux where no table has the capability."""
        gpu = self.capability
        newer = self.reported.l4t_version is not None and gpu is not None and gpu not in self.tables.by_capability
        return (newer or gpu in self.tables.tegra) and self.platform in (None, "arm64")

    @once
    def first_server_l4t(self) -> int | None:
        """The first major release of Jetson Linux with which its board runs as an arm64 server; None where there is none."""
        if not self.is_tegra or self.capability is None:
            return None
        if self.capability not in self.tables.by_capability:  # a board after Thor
            return _SERVER_L4T[THOR]
        return _SERVER_L4T.get(self.capability)

    @once
    def is_tegra_server(self) -> bool:
        """Whether it is a Tegra that runs images for arm64 servers: Thor, which has no older L4T, and Orin with L4T 39."""
        first, l4t = self.first_server_l4t, self.reported.l4t_version
        if first is None:
            return False
        major = (l4t or "").strip().partition(".")[0]
        return int(major) >= first if major.isascii() and major.isdigit() else self.capability == THOR

    @once
    def memory(self) -> GpuMemory | None:
        """The memory of its GPU, or of its slice of one."""
        return gpu_memory(self.reported, self.named)

    @once
    def mig_profile(self) -> str | None:
        """The profile of the slice that it is; None for a whole GPU."""
        return mig_profile(self.reported)

    @once
    def vgpu_series(self) -> str | None:
        """The series of its vGPU type: "a", "b", "c" or "q"; None for other GPUs."""
        return vgpu_series(self.reported)

    @once
    def is_virtual(self) -> bool:
        """Whether its GPU is a virtual one, by brand or name."""
        return self.brand in VIRTUAL_BRANDS or names_virtual_gpu(self.reported.gpu_name)

    @once
    def brand(self) -> str | None:
        """Its brand as a start condition's word."""
        return brand_word(self.reported.gpu_brand)

    @once
    def data_centre(self) -> bool | None:
        """Whether its GPU is of the data-centre class, by name, else by brand; None where neither decides it."""
        if self.named.data_centre is not None:
            return self.named.data_centre
        return True if self.brand in DATA_CENTRE_BRANDS else False if self.brand in OTHER_BRANDS else None

    def accepted_by_compat(self, cuda: CudaVersion | None) -> CompatAcceptance:
        """Whether the forward-compatibility libraries of a CUDA release accept its GPU."""
        return compat_acceptance(
            data_centre=self.data_centre,
            brand=self.brand,
            named=self.named.brands,
            listed=self.tables.compat_lists(cuda),
        )

    @once
    def gpu(self) -> str:
        """Its GPU, for a sentence."""
        name = self.reported.gpu_name or "the GPU"
        if self.capability is not None:
            return f"{name} (compute capability {self.capability})"
        return f"{name} ({self.generation.name})" if self.generation is not None else name
