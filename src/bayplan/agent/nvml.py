"""Reads the GPUs through NVML, the driver's own library; `nvml_parts` has what only some GPUs have."""

import ctypes
import re

from bayplan.agent import integrated, nvml_parts, values
from bayplan.agent.hardware import GpuFault, GpuHardware, Gpus
from bayplan.agent.nvml_calls import Nvml, NvmlFailed, bindings

_LIBRARY = "libnvidia-ml.so.1"
_NO_SUCH_LIBRARY = re.compile(rf"(?:Error loading shared library )?{re.escape(_LIBRARY)}: [^:]*:? ?No such file.*")
_MOST_GPUS = 1024
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


def gpus() -> Gpus | None:
    """Gives the machine's GPUs, None where there is no such library; raises `NvmlFailed`."""
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError as error:
        if _NO_SUCH_LIBRARY.fullmatch(str(error)):
            return None
        raise NvmlFailed(f"NVML cannot be loaded: {values.printable(str(error))}.") from None
    nvml = Nvml(bindings())
    nvml.call("nvmlInit")
    try:
        count = nvml.call("nvmlDeviceGetCount")
        if not isinstance(count, int) or not 0 <= count <= _MOST_GPUS:
            raise NvmlFailed(f"NVML has {count} GPUs, which cannot be.")
        driver = nvml.call("nvmlSystemGetDriverVersion")
        answers = [_gpu(nvml, index) for index in range(count)]
        cuda = values.cuda_version(nvml.optional("nvmlSystemGetCudaDriverVersion_v2"))
    finally:
        nvml.property("nvmlShutdown")
    return Gpus(
        values.driver_version(driver),
        tuple(gpu for gpu, _ in answers if gpu is not None),
        tuple(fault for _, fault in answers if fault is not None),
        cuda,
    )


def _gpu(nvml: Nvml, index: int) -> tuple[GpuHardware | None, GpuFault | None]:
    """Gives a GPU, and its fault: a GPU answers that has a handle and a name, and no error but that it lacks or refuses a property.

    A refused property is None, and a fault, except the memory of a GPU that has none of its own or is sliced, and the state of the fabric.
    """
    refusals: list[NvmlFailed] = []
    memory_refusals: list[NvmlFailed] = []
    try:
        handle = nvml.call("nvmlDeviceGetHandleByIndex", index)
        name = values.line(nvml.call("nvmlDeviceGetName", handle))
        if name is not None and values.is_error(name):
            return None, GpuFault(index, name)
        memory = nvml.property("nvmlDeviceGetMemoryInfo", handle, refusals=memory_refusals)
        memory_bytes = values.memory_bytes(getattr(memory, "total", None))
        gpu = GpuHardware(
            index,
            name=name,
            brand=_BRANDS.get(nvml.property("nvmlDeviceGetBrand", handle, refusals=refusals)),
            memory_bytes=memory_bytes,
            compute_capability=_capability(
                nvml.property("nvmlDeviceGetCudaComputeCapability", handle, refusals=refusals)
            ),
            fabric_ready=nvml_parts.fabric_ready(nvml, handle),
            vgpu_licensed=nvml_parts.vgpu_licensed(nvml, handle),
            slices=nvml_parts.slices(nvml, handle, memory_bytes),
        )
    except NvmlFailed as error:
        return None, GpuFault(index, error.detail.rstrip("."))
    if not integrated.is_without_memory(gpu) and not gpu.slices:  # a container on a slice may not ask for the whole
        refusals += memory_refusals
    return gpu, GpuFault(index, refusals[0].detail.rstrip(".")) if refusals else None


def _capability(answer: object) -> str | None:
    return values.compute_capability(*answer) if isinstance(answer, tuple | list) and len(answer) == 2 else None
