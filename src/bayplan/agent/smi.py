"""Reads the document of `nvidia-smi -q -x`, and the compute capabilities, which are not in it.

The document's form is NVIDIA's `nvsmi_device_v12.dtd` (up to the drivers 550) and `v13` (from 560). What is read is the same in both:
`driver_version` (which v13 will replace with `kmd_version`), and of each `gpu`, in the order of the indices, `product_name`,
`product_brand`, `fb_memory_usage/total` in MiB and `fabric/state`. No version of it has the compute capability; that is
`nvidia-smi --query-gpu=index,compute_cap --format=csv,noheader`, which drivers before 510 do not know.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

# nvidia-smi is the driver's own program, run by us: no stranger writes its documents.
from xml.etree import ElementTree

from bayplan.agent.hardware import GpuHardware, Gpus, brand
from bayplan.errors import Invalid

_UNKNOWN_ERROR = "Unknown Error"
_NOTHING = ("", "N/A", "[N/A]", "Not Supported", "[Not Supported]", "Insufficient Permissions", _UNKNOWN_ERROR)
_LOST = ("GPU is lost", "GPU is inaccessible")
# By their whole path: each slice of a GPU has these elements too.
_TOTAL, _FABRIC = "fb_memory_usage/total", "fabric/state"
_MEMORY = re.compile(r"(\d+) MiB")
_CAPABILITY = re.compile(r"\s*(\d+)\s*,\s*(\d+\.\d+)\s*")


def parse(document: str) -> Gpus:
    """Gives the GPUs in the document, without their compute capabilities; raises `Invalid` for a document of another program."""
    try:
        root = ElementTree.fromstring(document)  # noqa: S314  # from nvidia-smi on this machine, not from a stranger
    except ElementTree.ParseError as error:
        raise Invalid(f"What nvidia-smi -q -x printed cannot be read: {error}.") from None
    if root.tag != "nvidia_smi_log":
        raise Invalid(f"What nvidia-smi -q -x printed is not its log but <{root.tag}>.")
    driver = _text(root, "driver_version") or _text(root, "kmd_version")
    gpus = tuple(_gpu(index, element) for index, element in enumerate(root.findall("gpu")))
    if gpus and driver is None:
        raise Invalid("What nvidia-smi -q -x printed has GPUs and no driver version.")
    return Gpus(driver, gpus)


def capabilities(lines: str) -> dict[int, str]:
    """Gives the compute capabilities by index ("8.6"); other lines are left out."""
    matches = (_CAPABILITY.fullmatch(line) for line in lines.splitlines())
    return {int(match.group(1)): match.group(2) for match in matches if match}


def with_capabilities(gpus: Gpus, by_index: Mapping[int, str]) -> Gpus:
    """Gives the same GPUs with their compute capabilities."""
    with_capability = (replace(gpu, compute_capability=by_index.get(gpu.index)) for gpu in gpus.gpus)
    return replace(gpus, gpus=tuple(with_capability))


def _gpu(index: int, element: ElementTree.Element) -> GpuHardware:
    # A GPU that fell off the bus still has some of its properties, from the driver's memory.
    for path, errors in (("product_name", (*_LOST, _UNKNOWN_ERROR)), (_TOTAL, _LOST), (_FABRIC, _LOST)):
        if (text := (element.findtext(path) or "").strip()) in errors:
            raise Invalid(f"GPU {index} does not answer ({text}): restarting the machine is what helps.")
    memory = _MEMORY.fullmatch(_text(element, _TOTAL) or "")
    state = (_text(element, _FABRIC) or "").casefold()
    is_ready = {"completed": True, "in progress": False, "not started": False}
    return GpuHardware(
        index,
        name=_text(element, "product_name"),
        brand=brand(_text(element, "product_brand") or ""),
        memory_bytes=int(memory.group(1)) * 1024**2 if memory else None,
        fabric_ready=is_ready.get(state),
    )


def _text(element: ElementTree.Element, path: str) -> str | None:
    text = (element.findtext(path) or "").strip()
    return None if text in _NOTHING else text
