"""What only some GPUs have, through NVML: a fabric of NVSwitches, a licence of a virtual GPU, slices (MIG)."""

import ctypes

from bayplan.agent import values
from bayplan.agent.hardware import GpuSlice
from bayplan.agent.nvml_calls import Nvml

# Of nvml.h: nvmlGpuFabricState_t, and nvmlReturn_t NVML_SUCCESS.
_FABRIC_STATES, _COMPLETED, _SUCCESS = (1, 2, 3), 3, 0
_FABRIC_CALLS = (
    ("nvmlDeviceGetGpuFabricInfoV", "c_nvmlGpuFabricInfoV_t"),
    ("nvmlDeviceGetGpuFabricInfo", "c_nvmlGpuFabricInfo_t"),  # of drivers before 545
)
_VIRTUAL_GPU = 2  # nvmlGpuVirtualizationMode_t, NVML_GPU_VIRTUALIZATION_MODE_VGPU
_MIG_ENABLED = 1
_MOST_SLICES = 64


def fabric_ready(nvml: Nvml, handle: object) -> bool | None:
    """Gives whether the fabric manager has registered the GPU, without an error; None for a GPU that is on no fabric."""
    for function, structure_name in _FABRIC_CALLS:
        structure = getattr(nvml.module, structure_name, None)
        if structure is None:
            continue
        information = structure()
        if nvml.property(function, handle, ctypes.byref(information)) is None:
            continue
        if information.state not in _FABRIC_STATES:
            return None
        return bool(information.state == _COMPLETED and information.status == _SUCCESS)
    return None


def vgpu_licensed(nvml: Nvml, handle: object) -> bool | None:
    """Gives whether a virtual GPU has its licence; None for a GPU that is none, or does not say."""
    if nvml.optional("nvmlDeviceGetVirtualizationMode", handle) != _VIRTUAL_GPU:
        return None
    features = nvml.optional("nvmlDeviceGetGridLicensableFeatures", handle)
    if not getattr(features, "isGridLicenseSupported", 0):
        return None
    count = min(features.licensableFeaturesCount, len(features.gridLicensableFeatures))
    return any(feature.featureState != 0 for feature in features.gridLicensableFeatures[:count])


def slices(nvml: Nvml, handle: object, gpu_bytes: int | None) -> tuple[GpuSlice, ...] | None:
    """Gives the slices of a GPU, whose memory is `gpu_bytes`; None where its MIG mode is off, or it has none."""
    mode = nvml.optional("nvmlDeviceGetMigMode", handle)
    if not isinstance(mode, list | tuple) or not mode or mode[0] != _MIG_ENABLED:
        return None
    count = nvml.optional("nvmlDeviceGetMaxMigDeviceCount", handle)
    parts = []
    for number in range(min(count, _MOST_SLICES) if isinstance(count, int) else 0):
        part = nvml.optional("nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
        if part is not None:
            parts.append(_slice(nvml, part, gpu_bytes))
    return tuple(part for part in parts if part is not None)


def _slice(nvml: Nvml, handle: object, gpu_bytes: int | None) -> GpuSlice | None:
    uuid = values.device_uuid(nvml.optional("nvmlDeviceGetUUID", handle))
    instances = [nvml.optional(f"nvmlDeviceGet{kind}InstanceId", handle) for kind in ("Gpu", "Compute")]
    if uuid is None or not all(values.is_instance(number) for number in instances):
        return None
    memory = nvml.optional("nvmlDeviceGetMemoryInfo", handle)
    name = values.line(nvml.optional("nvmlDeviceGetName", handle)) or ""  # "NVIDIA A100-SXM4-40GB MIG 1g.5gb"
    return GpuSlice(
        uuid,
        instances[0],
        instances[1],
        profile=values.mig_profile(name.rpartition(" MIG ")[2]) or _profile(nvml, handle, gpu_bytes),
        memory_bytes=values.memory_bytes(getattr(memory, "total", None)),
    )


def _profile(nvml: Nvml, handle: object, gpu_bytes: int | None) -> str | None:
    """Gives the profile of a slice that its name does not have, as NVIDIA/go-nvlib `pkg/nvlib/device/mig_profile.go` names it.

    Its memory is in eighths of the GPU's, in whole gigabytes.
    """
    attributes = nvml.optional("nvmlDeviceGetAttributes_v2", handle)
    if attributes is None or gpu_bytes is None:
        return None
    eighths = -(-attributes.memorySizeMB * 1024**2 * 8 // gpu_bytes)
    gigabytes = round(eighths / 8 * -(-gpu_bytes // 1024**3))
    compute, whole = attributes.computeInstanceSliceCount, attributes.gpuInstanceSliceCount
    part = "" if compute == whole else f"{compute}c."
    return values.mig_profile(f"{part}{whole}g.{gigabytes}gb")
