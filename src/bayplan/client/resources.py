"""The reference data that images and nodes refer to: CUDA releases, generations of GPUs, frameworks, domains, licences."""

import builtins
from typing import TYPE_CHECKING, Literal

from bayplan.client.collection import Collection, Named

if TYPE_CHECKING:
    from bayplan.schemas.cuda import CudaAnswer  # noqa: F401  # the base class names it in quotes, as the next ones
    from bayplan.schemas.domains import DomainAnswer  # noqa: F401  # the same
    from bayplan.schemas.frameworks import FrameworkAnswer
    from bayplan.schemas.hardware import HardwareAnswer
    from bayplan.schemas.licences import LicenceAnswer


class CudaReleases(Collection["CudaAnswer", "CudaAnswer"]):
    """The releases of CUDA; "12.4" is the newest 12.4.x."""

    noun, name_fields, list_command = "CUDA release", ("full_version", "version"), "list cuda"


class Domains(Collection["DomainAnswer", "DomainAnswer"]):
    """The domains."""

    noun, list_command = "domain", "list domains"


class Frameworks(Collection["FrameworkAnswer", "FrameworkAnswer"]):
    """The frameworks, each with its version; `pytorch`, `torch`, "PyTorch 2.4" and `pytorch>=2.4` name some."""

    def all_named(self, text: str) -> "builtins.list[FrameworkAnswer]":
        """The frameworks that a text names. Raises `NotFound`, which names the nearest ones, and `Invalid`."""
        from bayplan.client.framework_lookup import frameworks  # here: few programs name one

        return frameworks(self, text)

    def _by_name(self, text: str) -> "FrameworkAnswer":
        from bayplan.client.framework_lookup import framework

        return framework(self, text)


class Generations(Collection["HardwareAnswer", "HardwareAnswer"]):
    """The generations of GPUs."""

    noun, name_fields, list_command = "generation", ("generation",), "list hardware"

    def of(self, compute_capability: str | float) -> "HardwareAnswer":
        """The generation of GPUs with that compute capability ("8.6"). Raises `NotFound`."""
        generation: HardwareAnswer = self._request("GET", f"{self._path}/get-hardware-generation/{compute_capability}")
        return generation


class Licences(Collection["LicenceAnswer", "LicenceAnswer"]):
    """The licences."""

    noun, list_command = "licence", "list licences"

    def change_words(
        self,
        named: Named,
        method: Literal["add", "remove"],
        kind: Literal["domains", "permissions", "limitations", "conditions"],
        names: "builtins.list[str]",
    ) -> "LicenceAnswer":
        """Adds words to, or removes them from, what a licence permits, limits or asks."""
        body = {"method": method, "type": kind, "names": names}
        changed: LicenceAnswer = self._request("PATCH", f"{self._path}/{self.key(named)}/subdescriptors", body)
        return changed
