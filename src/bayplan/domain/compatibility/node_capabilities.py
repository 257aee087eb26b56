"""The capabilities of a node, parsed once.

Everything that depends on the node alone is computed here and kept: its GPU's class and brand, the newest CUDA of its
driver, the CUDA releases that run on it. A property that the node's facts do not decide is None, never a guess.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bayplan.domain.compatibility.container_runtime import Release, RuntimeMode, runtime_modes, toolkit_release
from bayplan.domain.compatibility.csv_conditions import evaluate_csv, parse_csv
from bayplan.domain.compatibility.kernels import grade_by_release
from bayplan.domain.compatibility.machine_state import MachineState
from bayplan.domain.compatibility.node_gpu import THOR, NodeGpu
from bayplan.domain.compatibility.start_conditions import ConditionOutcome, NodeProperties, StartCondition, evaluate
from bayplan.domain.compatibility.verdict import Grade
from bayplan.domain.once import once
from bayplan.domain.versions import CudaVersion, DriverVersion

BEFORE_NVIDIA_BRAND = 470
"""The first driver branch that does not call every data-centre GPU Tesla."""


@dataclass(frozen=True)
class NodeCapabilities(NodeGpu):
    """A node with its facts parsed against the tables."""

    _outcomes: dict[str, ConditionOutcome] = field(default_factory=dict, compare=False)
    _with_drivers: dict[DriverVersion, "NodeCapabilities"] = field(default_factory=dict, compare=False)

    @once
    def driver_cuda(self) -> CudaVersion | None:
        """The newest CUDA that its driver supports, as measured, else by the tables; see `driver_cuda_is_least`."""
        if self.is_tegra and self.l4t_cuda is not None:
            return self.l4t_cuda
        if self.measured_cuda is not None or self.driver is None:
            return self.measured_cuda
        return self.tables.driver_cuda(self.driver)

    @once
    def driver_cuda_is_least(self) -> bool:
        """Whether its driver may support a newer CUDA than that: it is newer than the tables, and nothing is measured."""
        if self.measured_cuda is not None:
            return False
        if self.is_tegra:
            return self.has_newer_l4t
        return self.driver is not None and self.driver.branch > self.tables.newest_branch

    @once
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

    @once
    def toolkit(self) -> Release | None:
        """The release of its container toolkit."""
        return toolkit_release(self.reported.toolkit_version)

    @once
    def runtime_modes(self) -> tuple[RuntimeMode, ...]:
        """The modes of its container runtime; empty where that is not known."""
        return runtime_modes(
            self.reported.runtime_mode, self.toolkit, is_jetson=self.is_tegra, is_thor=self.capability == THOR
        )

    @once
    def checks_conditions_as_csv(self) -> bool:
        """Whether its container runtime checks start conditions as it does in csv mode."""
        return self.runtime_modes == (RuntimeMode.CSV,)

    @once
    def machine(self) -> MachineState:
        """The state of its machine."""
        return MachineState(
            self.reported, self.tables, self.platform, self.capability, self.is_tegra, self.runtime_modes
        )

    def by_release(self, cuda: CudaVersion) -> Grade:
        """Whether a CUDA release has code for its GPU: NATIVE, JIT, UNKNOWN or NO."""
        grades, key = self.tables.code_grades, (cuda.release, self.capabilities)
        grade = grades.get(key)
        if grade is None:
            possible = {grade_by_release(cuda, gpu, self.tables) for gpu in self.capabilities}
            grade = grades[key] = possible.pop() if len(possible) == 1 else Grade.UNKNOWN
        return grade

    @once
    def releases_with_code(self) -> tuple[CudaVersion, ...]:
        """The CUDA releases that have code for its GPU, newest first."""
        releases = self.tables.releases_with_code.get(self.capabilities)
        if releases is None:
            releases = tuple(release for release in self.tables.releases if self.by_release(release) is Grade.NATIVE)
            self.tables.releases_with_code[self.capabilities] = releases
        return releases

    @once
    def cuda_range(self) -> tuple[CudaVersion, CudaVersion] | None:
        """The oldest and the newest CUDA release that has code for its GPU and runs on its driver; None for none."""
        return self._range(self.tables.smallest_driver)

    @once
    def native_cuda_range(self) -> tuple[CudaVersion, CudaVersion] | None:
        """The same, of the releases for which its driver is native."""
        return self._range(self.tables.min_driver)

    def _range(self, needed: Callable[[CudaVersion], DriverVersion | None]) -> tuple[CudaVersion, CudaVersion] | None:
        if self.driver is None:
            return None
        drivers = {release: needed(release) for release in self.releases_with_code}
        fitting = [
            release for release, driver in drivers.items() if driver is not None and self.driver.at_least(driver)
        ]
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

    @once
    def _properties(self) -> tuple[NodeProperties, ...]:
        # On Tegra driver numbers are those of L4T, which the tables do not have.
        cuda, driver = self.start_cuda, None if self.is_tegra else self.driver
        properties = NodeProperties(
            cuda=None if cuda is None else str(cuda),
            driver=None if driver is None else str(driver),
            arch=None if self.capability is None else str(self.capability),
            brand=self.brand,
            cuda_is_least=self.driver_cuda_is_least,
        )
        if self.brand is not None or self.reported.gpu_name is None:
            return (properties,)
        return tuple(replace(properties, brand=brand) for brand in self._brands_by_name) or (properties,)

    @once
    def _brands_by_name(self) -> tuple[str, ...]:
        if self.is_virtual:
            return ()
        old = self.driver is not None and self.driver.branch < BEFORE_NVIDIA_BRAND
        return ("tesla",) if old and "tesla" in self.named.brands else self.named.brands
