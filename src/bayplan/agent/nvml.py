"""Reads the GPUs through NVML, the driver's own library, by NVIDIA's bindings (nvidia-ml-py).

Their module is called `pynvml`, and so are others'. Whatever such a module raises or lacks is an error of NVML, so that nvidia-smi
is asked; nothing of it is used but functions, and the structure of the fabric.
"""

import ctypes
import importlib
import re
from dataclasses import dataclass
from typing import Any

from bayplan.agent import integrated, values
from bayplan.agent.hardware import GpuFault, GpuHardware, Gpus
from bayplan.errors import BayplanError

_LIBRARY = "libnvidia-ml.so.1"
_NO_SUCH_LIBRARY = re.compile(rf"(?:Error loading shared library )?{re.escape(_LIBRARY)}: [^:]*:? ?No such file.*")
_MOST_GPUS = 1024
# Of nvml.h: the errors by which a GPU that answers refuses a property that it has,
_REFUSALS = {3: "not supported", 4: "no permission"}
# and those by which it, or its driver, has none.
_NO_SUCH_PROPERTY = {13: "function not found", 21: "no data", 25: "argument version mismatch", 26: "deprecated"}
# Of nvml.h, nvmlBrandType_t.
_BRANDS = {
    1: "Quadro",
    2: "Tesla",
    3: "NVS",
    4: "GRID",
    5: "GeForce",
    6: "Titan",
    7: "NvidiaVApps",
    8: "NvidiaVPC",
    9: "NvidiaVCS",
    10: "NvidiaVWS",
    11: "NvidiaCloudGaming",
    12: "QuadroRTX",
    13: "NvidiaRTX",
    14: "Nvidia",
    15: "GeForceRTX",
    16: "TitanRTX",
}
# Of nvml.h, nvmlGpuFabricState_t.
_FABRIC_READY = {1: False, 2: False, 3: True}


class NvmlFailed(BayplanError):
    """The library is there and does not work: another driver is loaded, or none, or no bindings can ask it."""

    code = "nvml_failed"

    def __init__(self, detail: str, *, result: int | None = None) -> None:
        super().__init__(detail)
        self.result = result  # as nvml.h numbers it; None where the bindings failed


def gpus() -> Gpus | None:
    """Gives the machine's GPUs, None where there is no such library; raises `NvmlFailed`."""
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError as error:
        if _NO_SUCH_LIBRARY.fullmatch(str(error)):
            return None
        raise NvmlFailed(f"NVML cannot be loaded: {values.printable(str(error))}.") from None
    nvml = _Nvml(_bindings())
    nvml.call("nvmlInit")
    try:
        count = nvml.call("nvmlDeviceGetCount")
        if not isinstance(count, int) or not 0 <= count <= _MOST_GPUS:
            raise NvmlFailed(f"NVML has {count} GPUs, which cannot be.")
        driver = nvml.call("nvmlSystemGetDriverVersion")
        answers = [_gpu(nvml, index) for index in range(count)]
    finally:
        nvml.property("nvmlShutdown")
    return Gpus(
        values.driver_version(driver),
        tuple(gpu for gpu, _ in answers if gpu is not None),
        tuple(fault for _, fault in answers if fault is not None),
    )


def _bindings() -> Any:
    try:
        return importlib.import_module("pynvml")
    except ModuleNotFoundError as error:
        if error.name == "pynvml":
            raise NvmlFailed("The package nvidia-ml-py is not installed (it comes with bayplan[worker]).") from None
        raise NvmlFailed(f"The module pynvml cannot be loaded: {values.printable(str(error))}.") from None
    except (Exception, SystemExit) as error:
        raise NvmlFailed(f"The module pynvml cannot be loaded: {type(error).__name__}.") from None


@dataclass(frozen=True, slots=True)
class _Nvml:
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


def _message(error: BaseException, result: int) -> str:
    try:
        return values.printable(str(error)) or f"error {result}"
    except Exception:
        return f"error {result}"


def _gpu(nvml: _Nvml, index: int) -> tuple[GpuHardware | None, GpuFault | None]:
    """Gives a GPU, and its fault: a GPU answers that has a handle and a name, and no error but that it lacks or refuses a property.

    A refused property is None, and a fault, except the memory of a GPU that has none of its own, and the state of the fabric.
    """
    refusals: list[NvmlFailed] = []
    memory_refusals: list[NvmlFailed] = []
    try:
        handle = nvml.call("nvmlDeviceGetHandleByIndex", index)
        name = values.line(nvml.call("nvmlDeviceGetName", handle))
        if name is not None and values.is_error(name):
            return None, GpuFault(index, name)
        memory = nvml.property("nvmlDeviceGetMemoryInfo", handle, refusals=memory_refusals)
        gpu = GpuHardware(
            index,
            name=name,
            brand=_BRANDS.get(nvml.property("nvmlDeviceGetBrand", handle, refusals=refusals)),
            memory_bytes=values.memory_bytes(getattr(memory, "total", None)),
            compute_capability=_capability(
                nvml.property("nvmlDeviceGetCudaComputeCapability", handle, refusals=refusals)
            ),
            fabric_ready=_fabric_ready(nvml, handle),
        )
    except NvmlFailed as error:
        return None, GpuFault(index, error.detail.rstrip("."))
    if not integrated.is_without_memory(gpu):
        refusals += memory_refusals
    return gpu, GpuFault(index, refusals[0].detail.rstrip(".")) if refusals else None


def _capability(answer: object) -> str | None:
    return values.compute_capability(*answer) if isinstance(answer, tuple | list) and len(answer) == 2 else None


def _fabric_ready(nvml: _Nvml, handle: object) -> bool | None:
    structure = getattr(nvml.module, "c_nvmlGpuFabricInfo_t", None)
    if structure is None:
        return None
    information = structure()
    if nvml.property("nvmlDeviceGetGpuFabricInfo", handle, ctypes.byref(information)) is None:
        return None
    return _FABRIC_READY.get(information.state)
