"""Calls NVML, the driver's own library, by NVIDIA's bindings (nvidia-ml-py), and says what an error means.

Their module is called `pynvml`, and so are others'. Whatever such a module raises or lacks is an error of NVML, so that nvidia-smi
is asked; nothing of it is used but functions, and the structures of the fabric.
"""

import importlib
from dataclasses import dataclass
from typing import Any

from bayplan.agent import values
from bayplan.errors import BayplanError

# Of nvml.h: the errors by which a GPU that answers refuses a property that it has,
_REFUSALS = {3: "not supported", 4: "no permission"}
# and those by which it, or its driver, has none.
_NO_SUCH_PROPERTY = {13: "function not found", 21: "no data", 25: "argument version mismatch", 26: "deprecated"}


class NvmlFailed(BayplanError):
    """The library is there and does not work: another driver is loaded, or none, or no bindings can ask it."""

    code = "nvml_failed"

    def __init__(self, detail: str, *, result: int | None = None) -> None:
        super().__init__(detail)
        self.result = result  # as nvml.h numbers it; None where the bindings failed


def bindings() -> Any:
    """Gives the module; raises `NvmlFailed`."""
    try:
        return importlib.import_module("pynvml")
    except ModuleNotFoundError as error:
        if error.name == "pynvml":
            raise NvmlFailed("The package nvidia-ml-py is not installed (it comes with bayplan[worker]).") from None
        raise NvmlFailed(f"The module pynvml cannot be loaded: {values.printable(str(error))}.") from None
    except (Exception, SystemExit) as error:
        raise NvmlFailed(f"The module pynvml cannot be loaded: {type(error).__name__}.") from None


@dataclass(frozen=True, slots=True)
class Nvml:
    """The functions of a module that may be another package's, or an older one."""

    module: Any

    def call(self, name: str, *arguments: object) -> Any:
        """Gives what a function returns; None for text that is no UTF-8. Raises `NvmlFailed` for whatever else goes wrong."""
        try:
            return getattr(self.module, name)(*arguments)
        except UnicodeDecodeError:  # the drivers 555 gave garbled names within WSL
            return None
        except (Exception, SystemExit) as error:
            result = getattr(error, "value", None)
            if not isinstance(result, int):
                raise NvmlFailed(
                    f"The module pynvml is not that of nvidia-ml-py, or too old: {name} raises {type(error).__name__}."
                ) from None
            raise NvmlFailed(f"NVML: {_message(error, result)}.", result=result) from None

    def property(self, name: str, *arguments: object, refusals: list[NvmlFailed] | None = None) -> Any:
        """Gives what a function returns; None where this GPU, driver or module has no such property, or refuses it.

        A refusal is added to `refusals`. Raises `NvmlFailed` for any other error.
        """
        try:
            return self.call(name, *arguments)
        except NvmlFailed as error:
            if error.result in _REFUSALS and refusals is not None:
                refusals.append(error)
            elif error.result is not None and error.result not in _NO_SUCH_PROPERTY | _REFUSALS:
                raise
            return None

    def optional(self, name: str, *arguments: object) -> Any:
        """Gives what a function returns; None for whatever error: of facts that a GPU without fault may lack."""
        try:
            return self.call(name, *arguments)
        except NvmlFailed:
            return None


def _message(error: BaseException, result: int) -> str:
    try:
        return values.printable(str(error)) or f"error {result}"
    except Exception:
        return f"error {result}"
