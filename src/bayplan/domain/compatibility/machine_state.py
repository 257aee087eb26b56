"""The state of a node's machine: how its runtime starts containers, and which faults of the container toolkit show there."""

import re
from dataclasses import dataclass

from bayplan.domain.compatibility.container_runtime import CDI_MODES, RuntimeMode
from bayplan.domain.compatibility.gpu_memory import mig_profile
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.tables import Tables, ToolkitFault
from bayplan.domain.once import once
from bayplan.domain.versions import ComputeCapability, DriverVersion, read, sort_key

_BRANCH = re.compile(r"v?[0-9]{1,4}\.[0-9]{1,4}", re.ASCII)
_LAST_RELEASE = 9999
_THOR, _ORIN = ComputeCapability(11, 0), ComputeCapability(8, 7)


@dataclass(frozen=True)
class MachineState:
    """What a node reports of its machine, with what is known of its GPU."""

    reported: Node
    tables: Tables
    platform: str | None
    capability: ComputeCapability | None
    is_tegra: bool
    modes: tuple[RuntimeMode, ...]
    """The modes that its container runtime may have."""

    @once
    def mode(self) -> RuntimeMode | None:
        """The mode of its container runtime; None where unknown, or where there may be several."""
        return self.modes[0] if len(self.modes) == 1 else None

    @once
    def cdi_driver(self) -> DriverVersion | None:
        """The driver that its CDI specification was made for."""
        return read(DriverVersion.parse, self.reported.cdi_driver_version)

    @once
    def toolkit_faults(self) -> tuple[tuple[ToolkitFault, bool], ...]:
        """The faults of its toolkit's release that show, or may show, on it; with each whether it surely does.

        A version without its last part, such as 1.17, may be any release that begins with it.
        """
        version = self.reported.toolkit_version
        if version is None:
            return ()
        is_branch = self.toolkit_is_branch
        oldest = sort_key(version)
        newest = sort_key(f"{version.strip()}.{_LAST_RELEASE}") if is_branch else oldest
        faults = [
            (fault, self._shows(fault))
            for fault in self.tables.machines.toolkit_faults
            if sort_key(fault.first) <= newest and (fault.fixed is None or oldest < sort_key(fault.fixed))
        ]
        return tuple((fault, shows is True and not is_branch) for fault, shows in faults if shows is not False)

    @property
    def toolkit_is_branch(self) -> bool:
        """Whether the version of its toolkit has two parts alone, such as 1.17."""
        return _BRANCH.fullmatch((self.reported.toolkit_version or "").strip()) is not None

    @once
    def toolkit_without_faults(self) -> str | None:
        """The first release that has none of these faults; None where one is not mended yet."""
        fixed = [fault.fixed for fault, _ in self.toolkit_faults]
        versions = [version for version in fixed if version is not None]
        return max(versions, key=sort_key) if versions and len(versions) == len(fixed) else None

    def _shows(self, fault: ToolkitFault) -> bool | None:
        outcomes = {self._holds(condition) for condition in fault.conditions}
        return False if False in outcomes else None if None in outcomes else True

    def _holds(self, condition: str) -> bool | None:
        """Whether a condition of the table of faults holds on this machine; None where that is not known."""
        gpu = self.capability
        if condition in set(RuntimeMode):
            modes = CDI_MODES if condition == RuntimeMode.CDI else {RuntimeMode(condition)}
            outcomes = {mode in modes for mode in self.modes}
            return outcomes.pop() if len(outcomes) == 1 else None
        if condition.startswith("driver-"):
            driver = read(DriverVersion.parse, self.reported.driver_version)
            return None if driver is None else str(driver.branch) == condition.removeprefix("driver-")
        return {
            "arm64": None if self.platform is None else self.platform == "arm64",
            "tegra": self.is_tegra,
            "thor": None if gpu is None else self.is_tegra and gpu == _THOR,
            "orin": None if gpu is None else self.is_tegra and gpu == _ORIN,
            "mig": mig_profile(self.reported) is not None,
        }.get(condition)
