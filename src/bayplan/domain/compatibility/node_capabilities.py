"""The capabilities of a node, parsed once.

Everything that depends on the node alone is computed here and kept: its GPU's class and brand, the newest CUDA of its
driver, the CUDA releases that run on it. A property that the node's facts do not decide is None, never a guess.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

from bayplan.domain.compatibility.container_runtime import Release, RuntimeMode, runtime_modes, toolkit_release
from bayplan.domain.compatibility.csv_conditions import evaluate_csv, parse_csv
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
from bayplan.domain.compatibility.image_requirements import platform
from bayplan.domain.compatibility.kernels import grade_by_release
from bayplan.domain.compatibility.machine_state import MachineState
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.start_conditions import ConditionOutcome, NodeProperties, StartCondition, evaluate
from bayplan.domain.compatibility.tables import Generation, NamedGpu, Tables
from bayplan.domain.compatibility.verdict import Grade
from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion, read

_THOR = ComputeCapability(11, 0)
# NVIDIA JetPack 7.0 and 7.2 release pages: from these major releases of Jetson Linux on a board runs arm64 server images.
_SERVER_L4T = {_THOR: 38, ComputeCapability(8, 7): 39}
_BEFORE_NVIDIA_BRAND = 470  # older drivers call every data-centre GPU Tesla


@dataclass(frozen=True)
class NodeCapabilities:
    """A node with its facts parsed against the tables."""

    reported: Node
    tables: Tables
    _outcomes: dict[str, ConditionOutcome] = field(default_factory=dict, compare=False)
    _with_drivers: dict[DriverVersion, "NodeCapabilities"] = field(default_factory=dict, compare=False)

    @cached_property
    def has_gpu(self) -> bool:
        """Whether there is a GPU: a fact of one is reported."""
        node = self.reported
        return any(
            fact is not None for fact in (node.driver_version, node.gpu_name, node.compute_capability, node.target)
        )

    @cached_property
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
        # Drivers of NVIDIA have numbers above 300, those of AMD below 100.
        return "cuda" if node.driver_version is not None and (self.driver is None or self.driver.branch > 100) else None

    @cached_property
    def named(self) -> NamedGpu:
        """What the name of its GPU tells."""
        return NamedGpu() if self.reported.gpu_name is None else self.tables.machines.named_gpu(self.reported.gpu_name)

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The gfx targets that its AMD GPU may have: the one reported, else those of its name; empty: unknown."""
        return self.named.targets if self.reported.target is None else (self.reported.target,)

    @cached_property
    def platform(self) -> str | None:
        """Its architecture as OCI writes it."""
        return None if self.reported.architecture is None else platform(self.reported.architecture)

    @cached_property
    def driver(self) -> DriverVersion | None:
        """Its driver."""
        return read(DriverVersion.parse, self.reported.driver_version)

    @cached_property
    def driver_cuda(self) -> CudaVersion | None:
        """The newest CUDA that its driver supports, as measured, else by the tables; see `driver_cuda_is_least`."""
        if self.is_tegra and self.l4t_cuda is not None:
            return self.l4t_cuda
        if self._measured_cuda is not None or self.driver is None:
            return self._measured_cuda
        return self.tables.driver_cuda(self.driver)

    @cached_property
    def driver_cuda_is_least(self) -> bool:
        """Whether its driver may support a newer CUDA than that: its branch is newer than the tables, and nothing is measured."""
        if self._measured_cuda is not None or self.driver is None or self.is_tegra:
            return False
        return self.driver.branch > self.tables.newest_branch

    @cached_property
    def _measured_cuda(self) -> CudaVersion | None:
        return read(CudaVersion.parse, self.reported.driver_cuda_version)

    @cached_property
    def l4t_cuda(self) -> CudaVersion | None:
        """The CUDA of a Tegra's driver: as measured, else that of its release of Jetson Linux."""
        l4t = self.reported.l4t_version
        return self._measured_cuda or (None if l4t is None else self.tables.machines.l4t_cuda(l4t))

    @cached_property
    def start_cuda(self) -> CudaVersion | None:
        """The CUDA that start conditions are compared with: the number of a Tegra's driver says nothing."""
        return self.l4t_cuda if self.is_tegra else self.driver_cuda

    def supports(self, cuda: CudaVersion) -> bool | None:
        """Whether its driver supports a CUDA release, and so compiles its PTX; None where that is not known."""
        if self.driver_cuda is None:
            return None
        if self.driver_cuda.release >= cuda.release:
            return True
        return None if self.driver_cuda_is_least else False

    @cached_property
    def toolkit(self) -> Release | None:
        """The release of its container toolkit."""
        return toolkit_release(self.reported.toolkit_version)

    @cached_property
    def runtime_modes(self) -> tuple[RuntimeMode, ...]:
        """The modes of its container runtime; empty where that is not known."""
        return runtime_modes(
            self.reported.runtime_mode, self.toolkit, is_jetson=self.is_tegra, is_thor=self.capability == _THOR
        )

    @cached_property
    def checks_conditions_as_csv(self) -> bool:
        """Whether its container runtime checks start conditions as it does in csv mode."""
        return self.runtime_modes == (RuntimeMode.CSV,)

    @cached_property
    def capability(self) -> ComputeCapability | None:
        """Its GPU's compute capability: as reported, else that of the GPU's name."""
        if self.reported.compute_capability is not None:
            return read(ComputeCapability.parse, self.reported.compute_capability)
        return self._named_capabilities[0] if len(self._named_capabilities) == 1 else None

    @cached_property
    def _named_capabilities(self) -> tuple[ComputeCapability, ...]:
        """The capabilities that the GPU's name allows, those of the reported generation where it has any."""
        name = self.reported.hardware_generation
        generation = None if name is None else self.tables.generation(name)
        fitting = tuple(
            gpu for gpu in self.named.capabilities if generation and generation.low <= gpu < generation.high
        )
        return fitting or self.named.capabilities

    @cached_property
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

    @cached_property
    def generation(self) -> Generation | None:
        """Its GPU's generation: by its capability, else as reported."""
        name = self.tables.generation_of(str(self.capability)) if self.capability else self.reported.hardware_generation
        return None if name is None else self.tables.generation(name)

    @cached_property
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

    @cached_property
    def is_tegra(self) -> bool:
        """Whether it is a Jetson board."""
        return self.capability in self.tables.tegra and self.platform in (None, "arm64")

    @cached_property
    def first_server_l4t(self) -> int | None:
        """The first major release of Jetson Linux with which its board runs as an arm64 server; None where there is none."""
        return _SERVER_L4T.get(self.capability) if self.is_tegra and self.capability is not None else None

    @cached_property
    def is_tegra_server(self) -> bool:
        """Whether it is a Tegra that runs images for arm64 servers: Thor, which has no older L4T, and Orin with L4T 39."""
        first, l4t = self.first_server_l4t, self.reported.l4t_version
        if first is None:
            return False
        major = (l4t or "").strip().partition(".")[0]
        return int(major) >= first if major.isascii() and major.isdigit() else self.capability == _THOR

    @cached_property
    def machine(self) -> MachineState:
        """The state of its machine."""
        return MachineState(self.reported, self.tables, self.platform, self.capability, self.is_tegra)

    @cached_property
    def memory(self) -> GpuMemory | None:
        """The memory of its GPU, or of its slice of one."""
        return gpu_memory(self.reported, self.named)

    @cached_property
    def mig_profile(self) -> str | None:
        """The profile of the slice that it is; None for a whole GPU."""
        return mig_profile(self.reported)

    @cached_property
    def vgpu_series(self) -> str | None:
        """The series of its vGPU type: "a", "b", "c" or "q"; None for other GPUs."""
        return vgpu_series(self.reported)

    @cached_property
    def is_virtual(self) -> bool:
        """Whether its GPU is a virtual one, by brand or name."""
        return self.brand in VIRTUAL_BRANDS or names_virtual_gpu(self.reported.gpu_name)

    @cached_property
    def brand(self) -> str | None:
        """Its brand as a start condition's word."""
        return brand_word(self.reported.gpu_brand)

    @cached_property
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

    @cached_property
    def gpu(self) -> str:
        """Its GPU, for a sentence."""
        name = self.reported.gpu_name or "the GPU"
        if self.capability is not None:
            return f"{name} (compute capability {self.capability})"
        return f"{name} ({self.generation.name})" if self.generation is not None else name

    def by_release(self, cuda: CudaVersion) -> Grade:
        """Whether a CUDA release has code for its GPU: NATIVE, JIT, UNKNOWN or NO."""
        grades, key = self.tables.code_grades, (cuda.release, self.capabilities)
        grade = grades.get(key)
        if grade is None:
            possible = {grade_by_release(cuda, gpu, self.tables) for gpu in self.capabilities}
            grade = grades[key] = possible.pop() if len(possible) == 1 else Grade.UNKNOWN
        return grade

    @cached_property
    def releases_with_code(self) -> tuple[CudaVersion, ...]:
        """The CUDA releases that have code for its GPU, newest first."""
        releases = self.tables.releases_with_code.get(self.capabilities)
        if releases is None:
            releases = tuple(release for release in self.tables.releases if self.by_release(release) is Grade.NATIVE)
            self.tables.releases_with_code[self.capabilities] = releases
        return releases

    @cached_property
    def cuda_range(self) -> tuple[CudaVersion, CudaVersion] | None:
        """The oldest and the newest CUDA release that has code for its GPU and runs on its driver; None for none."""
        return self._range(self.tables.smallest_driver)

    @cached_property
    def native_cuda_range(self) -> tuple[CudaVersion, CudaVersion] | None:
        """The same, of the releases for which its driver is native."""
        return self._range(self.tables.min_driver)

    def _range(self, needed: Callable[[CudaVersion], DriverVersion | None]) -> tuple[CudaVersion, CudaVersion] | None:
        if self.driver is None:
            return None
        drivers = {release: needed(release) for release in self.releases_with_code}
        fitting = [release for release, driver in drivers.items() if driver is not None and self.driver >= driver]
        return (fitting[-1], fitting[0]) if fitting else None

    def by_family(self, cuda_major: int) -> Grade:
        """Whether all CUDA releases of a major version have code for its GPU; UNKNOWN where they differ."""
        grades = {self.by_release(release) for release in self.tables.releases if release.major == cuda_major}
        return grades.pop() if len(grades) == 1 else Grade.UNKNOWN

    def meets(self, condition: StartCondition) -> ConditionOutcome:
        """Whether it meets a start condition; UNKNOWN where an unknown property decides it."""
        outcome = self._outcomes.get(condition.text)
        if outcome is None:
            outcome = self._meets_in_csv_mode(condition) if self.checks_conditions_as_csv else self._meets(condition)
            self._outcomes[condition.text] = outcome
        return outcome

    def _meets(self, condition: StartCondition) -> ConditionOutcome:
        outcomes = {evaluate(condition, properties) for properties in self._properties}
        return outcomes.pop() if len(outcomes) == 1 else ConditionOutcome.UNKNOWN

    def _meets_in_csv_mode(self, condition: StartCondition) -> ConditionOutcome:
        alternatives = parse_csv(condition.text)
        return ConditionOutcome.INVALID if alternatives is None else evaluate_csv(alternatives, self._properties[0])

    def would_meet(self, condition: StartCondition, driver: DriverVersion) -> bool:
        """Whether it would meet a start condition with another driver."""
        upgraded = self._with_drivers.get(driver)
        if upgraded is None:
            node = replace(self.reported, driver_version=str(driver), driver_cuda_version=None)
            upgraded = NodeCapabilities(node, self.tables)
            self._with_drivers[driver] = upgraded
        return upgraded.meets(condition) is ConditionOutcome.MET

    @cached_property
    def _properties(self) -> tuple[NodeProperties, ...]:
        # On Tegra driver numbers are those of L4T, which the tables do not have.
        cuda, driver = self.start_cuda, None if self.is_tegra else self.driver
        properties = NodeProperties(
            cuda=None if cuda is None else str(cuda),
            driver=None if driver is None else ".".join(map(str, driver.parts)),
            arch=None if self.capability is None else str(self.capability),
            brand=self.brand,
            cuda_is_least=self.driver_cuda_is_least,
        )
        if self.brand is not None or self.reported.gpu_name is None:
            return (properties,)
        return tuple(replace(properties, brand=brand) for brand in self._brands_by_name) or (properties,)

    @cached_property
    def _brands_by_name(self) -> tuple[str, ...]:
        if self.is_virtual:
            return ()
        old = self.driver is not None and self.driver.branch < _BEFORE_NVIDIA_BRAND
        return ("tesla",) if old and "tesla" in self.named.brands else self.named.brands
