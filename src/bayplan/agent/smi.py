"""Reads the document of `nvidia-smi -q -x`, and the compute capabilities, which are not in it.

The document's form is NVIDIA's `nvsmi_device_v12.dtd` (up to the drivers 550) and `v13` (from 560). What is read is the same in both:
`driver_version` (which v13 will replace with `kmd_version`), and of each `gpu`, in the order of the indices, `product_name`,
`product_brand`, `fb_memory_usage/total` in MiB, `fabric`, the licence of a virtual GPU, and the slices (MIG). No version of it has
the compute capability; that is `nvidia-smi --query-gpu=index,compute_cap --format=csv,noheader`, which drivers before 510 do not know.
Nor has any the UUID and the profile of a slice; those are in `nvidia-smi -L`.

No XML parser reads it, since drivers do not always print XML: warnings stand around the document, names of processes are not escaped,
and some elements are never closed. Only the tags that lead to what is read count.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from bayplan.agent import values
from bayplan.agent.hardware import GpuFault, GpuHardware, Gpus, GpuSlice
from bayplan.domain import units
from bayplan.errors import Invalid

_ROOT, _GPU = "nvidia_smi_log", "gpu"
_START, _END = re.compile(rf"<{_ROOT}[\s>]"), f"</{_ROOT}>"
_TAG = re.compile(r"<(/?)([A-Za-z_][\w.-]*)(\s[^<>]*?)?(/?)>")
_COMMENT = re.compile(r"<!--[^\n]*?-->")
# By their whole path: each slice of a GPU has these elements too.
_NAME, _BRAND, _TOTAL, _FABRIC = "product_name", "product_brand", "fb_memory_usage/total", "fabric/state"
_FABRIC_STATUS, _MIG = "fabric/status", "mig_mode/current_mig"
_VIRTUAL, _LICENCE = "gpu_virtualization_mode/virtualization_mode", "vgpu_software_licensed_product/license_status"
_SLICE, _GPU_INSTANCE, _COMPUTE_INSTANCE = "mig_device", "gpu_instance_id", "compute_instance_id"
_SLICE_NUMBER = "index"
_DRIVERS, _COUNT = ("driver_version", "kmd_version"), "attached_gpus"
_CUDAS = ("cuda_umd_version", "cuda_version")
_LISTED_GPU = re.compile(r"GPU (\d{1,4}): ")
_LISTED_SLICE = re.compile(r"\s+MIG (\S{1,24})\s+Device\s+(\d{1,3}): \(UUID: (\S{1,80})\)\s*")
_MEMORY = re.compile(r"(\d{1,9}) MiB")
_CAPABILITY = re.compile(r"\s*(\d{1,4})\s*,\s*(\d{1,4})\.(\d{1,4})\s*")
_FABRIC_READY = {"completed": True, "in progress": False, "not started": False}


def parse(output: str) -> Gpus:
    """Gives the GPUs in the document, without their compute capabilities; raises `Invalid` where there is no whole one."""
    log = _read(_document(output))
    count = log.texts.get(_COUNT, "")
    if count.isdecimal() and int(count) != len(log.gpus):
        raise Invalid(f"`nvidia-smi -q -x` counts {units.count(int(count), 'attached GPU')} and lists {len(log.gpus)}.")
    answers = [_gpu(index, gpu) for index, gpu in enumerate(log.gpus)]
    drivers = (values.driver_version(log.texts.get(name)) for name in _DRIVERS)
    return Gpus(
        next((driver for driver in drivers if driver is not None), None),
        tuple(answer for answer in answers if isinstance(answer, GpuHardware)),
        tuple(answer for answer in answers if isinstance(answer, GpuFault)),
        next(filter(None, (values.cuda_version(log.texts.get(name)) for name in _CUDAS)), None),
    )


def capabilities(lines: str) -> dict[int, str]:
    """Gives the compute capabilities by index ("8.6"); other lines are left out."""
    matches = (_CAPABILITY.fullmatch(line) for line in lines.splitlines())
    numbers = [[int(group) for group in match.groups()] for match in matches if match]
    by_index = {index: values.compute_capability(major, minor) for index, major, minor in numbers}
    return {index: capability for index, capability in by_index.items() if capability is not None}


def with_capabilities(gpus: Gpus, by_index: Mapping[int, str]) -> Gpus:
    """Gives the same GPUs with their compute capabilities."""
    with_capability = (replace(gpu, compute_capability=by_index.get(gpu.index)) for gpu in gpus.gpus)
    return replace(gpus, gpus=tuple(with_capability))


def with_slices(gpus: Gpus, listing: str) -> Gpus:
    """Gives the same GPUs, their slices with the UUIDs and profiles that `nvidia-smi -L` lists; a slice without a UUID is left out."""
    gpu, listed = -1, dict[tuple[int, int], tuple[str, str]]()
    for line in listing.splitlines():
        if (match := _LISTED_GPU.match(line)) is not None:
            gpu = int(match.group(1))
        elif (match := _LISTED_SLICE.fullmatch(line)) is not None:
            profile, number, uuid = match.groups()
            listed[gpu, int(number)] = (uuid, profile)
    return replace(gpus, gpus=tuple(_with_slices(gpu, listed) for gpu in gpus.gpus))


def _with_slices(gpu: GpuHardware, listed: Mapping[tuple[int, int], tuple[str, str]]) -> GpuHardware:
    if not gpu.slices:
        return gpu
    parts = []
    for part in gpu.slices:
        uuid, profile = listed.get((gpu.index, int(part.uuid)), ("", ""))
        if values.device_uuid(uuid) is not None:
            parts.append(replace(part, uuid=uuid, profile=values.mig_profile(profile)))
    return replace(gpu, slices=tuple(parts))


def _document(output: str) -> str:
    """Gives the content of the first whole document in the output."""
    starts = [match.end() for match in _START.finditer(output)]
    for start, next_start in pairwise([*starts, len(output)]):
        end = output.rfind(_END, start, next_start)
        if end >= 0:
            return _COMMENT.sub("", output[start:end])
    text = values.printable(output)
    raise Invalid(
        "The output of `nvidia-smi -q -x` ends before its log does."
        if starts
        else f"`nvidia-smi -q -x` printed something else than its log: {text or 'nothing'}."
    )


@dataclass(slots=True)
class _Log:
    """The texts of a document by their paths, and its GPUs."""

    texts: dict[str, str] = field(default_factory=dict)
    gpus: list["_Gpu"] = field(default_factory=list)


@dataclass(slots=True)
class _Gpu:
    """The texts of a GPU by their paths in it, those of each slice by their paths in that."""

    texts: dict[str, str] = field(default_factory=dict)
    slices: list[dict[str, str]] = field(default_factory=list)


def _read(document: str) -> _Log:
    """Gives the texts of a document. An end without a start is passed over, a start without an end ends with what it is in."""
    log = _Log()
    texts, path, text_start = log.texts, list[str](), 0
    for tag in _TAG.finditer(document):
        is_end, name, attributes, is_empty = tag.groups()
        if is_empty:
            continue
        if not is_end and name == _GPU and attributes:
            log.gpus.append(_Gpu())
            texts, path = log.gpus[-1].texts, []
        elif not is_end and name == _SLICE and log.gpus:
            texts, path = {}, []
            log.gpus[-1].slices.append(texts)
        elif not is_end:
            path.append(name)
            text_start = tag.end()
        elif name in path:
            if path[-1] == name:
                texts.setdefault("/".join(path), _unescaped(document[text_start : tag.start()]).strip())
            while path.pop() != name:
                pass
        elif name == _SLICE and log.gpus:
            texts, path = log.gpus[-1].texts, []
        elif name == _GPU:
            texts, path = log.texts, []
    return log


def _unescaped(text: str) -> str:
    if "&" not in text:
        return text
    from html import unescape  # here: few documents need it, and it takes long to load

    return unescape(text)


def _gpu(index: int, gpu: _Gpu) -> GpuHardware | GpuFault:
    # A GPU that fell off the bus still has some of its properties, from the driver's memory.
    texts = gpu.texts
    name, total, fabric = (texts.get(path, "") for path in (_NAME, _TOTAL, _FABRIC))
    if values.is_error(name):
        return GpuFault(index, values.printable(name) or "it has no name")
    for text in (total, fabric):
        if values.says_that_gpu_failed(text):
            return GpuFault(index, values.printable(text))
    is_sliced = texts.get(_MIG, "").casefold() == "enabled"
    return GpuHardware(
        index,
        name=values.line(name),
        brand=values.brand(texts.get(_BRAND)),
        memory_bytes=_memory_bytes(texts),
        fabric_ready=_fabric_ready(fabric, texts.get(_FABRIC_STATUS, "")),
        vgpu_licensed=_vgpu_licensed(texts),
        slices=tuple(filter(None, map(_slice, gpu.slices))) if is_sliced else None,
    )


def _memory_bytes(texts: Mapping[str, str]) -> int | None:
    memory = _MEMORY.fullmatch(texts.get(_TOTAL, ""))
    return values.memory_bytes(int(memory.group(1)) * 1024**2) if memory else None


def _fabric_ready(state: str, status: str) -> bool | None:
    """Whether the fabric is ready: a registration that was completed with an error is not."""
    ready = _FABRIC_READY.get(state.casefold())
    return False if ready and status.casefold() not in ("", "success", "n/a") else ready


def _vgpu_licensed(texts: Mapping[str, str]) -> bool | None:
    """Whether a virtual GPU is licensed ("Licensed (Expiry: ...)", "Unlicensed (Restricted)"); None for a GPU that is none."""
    if texts.get(_VIRTUAL, "").casefold() != "vgpu":
        return None
    word = texts.get(_LICENCE, "").partition(" ")[0].casefold()
    return {"licensed": True, "unlicensed": False}.get(word)


def _slice(texts: Mapping[str, str]) -> GpuSlice | None:
    """Gives a slice with its number in the UUID's place, which `with_slices` replaces."""
    numbers = [texts.get(name, "") for name in (_SLICE_NUMBER, _GPU_INSTANCE, _COMPUTE_INSTANCE)]
    if not all(number.isdecimal() and values.is_instance(int(number)) for number in numbers):
        return None
    number, gpu_instance, compute_instance = numbers
    return GpuSlice(number, int(gpu_instance), int(compute_instance), memory_bytes=_memory_bytes(texts))
