"""Reads the GPUs through NVML, the driver's own library, by NVIDIA's bindings."""

import ctypes
from collections.abc import Callable
from typing import Any

import pynvml

from bayplan.agent.hardware import GpuHardware, Gpus, brand
from bayplan.errors import BayplanError

_BRANDS = {
    getattr(pynvml, name): name for name in dir(pynvml) if name.startswith("NVML_BRAND_") and name != "NVML_BRAND_COUNT"
}
_NOT_AVAILABLE = (
    pynvml.NVML_ERROR_NOT_SUPPORTED,
    pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
    pynvml.NVML_ERROR_NO_PERMISSION,
)
_FABRIC_STATES = {
    pynvml.NVML_GPU_FABRIC_STATE_NOT_STARTED: False,
    pynvml.NVML_GPU_FABRIC_STATE_IN_PROGRESS: False,
    pynvml.NVML_GPU_FABRIC_STATE_COMPLETED: True,
}


class NvmlFailed(BayplanError):
    """The library is there and does not work: another driver is loaded, or none."""

    code = "nvml_failed"


def gpus() -> Gpus | None:
    """Gives the machine's GPUs, None where there is no such library; raises `NvmlFailed`."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        if error.value in (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_FUNCTION_NOT_FOUND):
            return None
        raise NvmlFailed(f"NVML: {error}.") from None
    try:
        count = pynvml.nvmlDeviceGetCount()
        return Gpus(_text(pynvml.nvmlSystemGetDriverVersion()), tuple(_gpu(index) for index in range(count)))
    except pynvml.NVMLError as error:
        raise NvmlFailed(f"NVML: {error}.") from None
    finally:
        pynvml.nvmlShutdown()


def _gpu(index: int) -> GpuHardware:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    capability = _query(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
    memory = _query(pynvml.nvmlDeviceGetMemoryInfo, handle)
    number = _query(pynvml.nvmlDeviceGetBrand, handle)
    name = _query(pynvml.nvmlDeviceGetName, handle)
    return GpuHardware(
        index,
        name=None if name is None else _text(name),
        brand=brand(_BRANDS.get(number, "")),
        memory_bytes=None if memory is None else int(memory.total),
        compute_capability=None if capability is None else "{}.{}".format(*capability),
        fabric_ready=_fabric_ready(handle),
    )


def _fabric_ready(handle: object) -> bool | None:
    information = pynvml.c_nvmlGpuFabricInfo_t()
    if _query(pynvml.nvmlDeviceGetGpuFabricInfo, handle, ctypes.byref(information)) is None:
        return None
    return _FABRIC_STATES.get(information.state)


def _query(function: Callable[..., Any], *arguments: object) -> Any:
    """NVML's answer, None where this GPU or driver does not support the query; a lost GPU raises its error."""
    try:
        return function(*arguments)
    except UnicodeDecodeError:  # the drivers 555 gave garbled names within WSL
        return None
    except pynvml.NVMLError as error:
        if error.value in _NOT_AVAILABLE:
            return None
        raise


def _text(text: str | bytes) -> str:
    return text.decode() if isinstance(text, bytes) else text
