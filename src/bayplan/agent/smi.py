"""Reads the document of `nvidia-smi -q -x`, and the compute capabilities, which are not in it.

The document's form is NVIDIA's `nvsmi_device_v12.dtd` (up to the drivers 550) and `v13` (from 560). What is read is the same in both:
`driver_version` (which v13 will replace with `kmd_version`), and of each `gpu`, in the order of the indices, `product_name`,
`product_brand`, `fb_memory_usage/total` in MiB and `fabric/state`. No version of it has the compute capability; that is
`nvidia-smi --query-gpu=index,compute_cap --format=csv,noheader`, which drivers before 510 do not know.

No XML parser reads it, since drivers do not always print XML: warnings stand around the document, names of processes are not escaped,
and some elements are never closed. Only the tags that lead to what is read count.
"""

import codecs
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from bayplan.agent import values
from bayplan.agent.hardware import GpuFault, GpuHardware, Gpus
from bayplan.errors import Invalid

_ROOT, _GPU = "nvidia_smi_log", "gpu"
_START, _END = re.compile(rf"<{_ROOT}[\s>]"), f"</{_ROOT}>"
_TAG = re.compile(r"<(/?)([A-Za-z_][\w.-]*)(\s[^<>]*?)?(/?)>")
_COMMENT = re.compile(r"<!--[^\n]*?-->")
# By their whole path: each slice of a GPU has these elements too.
_NAME, _BRAND, _TOTAL, _FABRIC = "product_name", "product_brand", "fb_memory_usage/total", "fabric/state"
_DRIVERS, _COUNT = ("driver_version", "kmd_version"), "attached_gpus"
_MEMORY = re.compile(r"(\d{1,9}) MiB")
_CAPABILITY = re.compile(r"\s*(\d{1,4})\s*,\s*(\d{1,4})\.(\d{1,4})\s*")
_FABRIC_READY = {"completed": True, "in progress": False, "not started": False}
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def decoded(output: bytes) -> str:
    """Gives what nvidia-smi printed as text, in UTF-8 or UTF-16; what cannot be decoded is marked in it."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if output.startswith(mark):
            return output.removeprefix(mark).decode(encoding, errors="replace")
    for encoding, high_bytes in (("utf-16-le", output[1::2]), ("utf-16-be", output[::2])):
        if 2 * high_bytes.count(0) > len(high_bytes):
            return output.decode(encoding, errors="replace")
    return output.decode("utf-8", errors="replace")


def parse(output: str) -> Gpus:
    """Gives the GPUs in the document, without their compute capabilities; raises `Invalid` where there is no whole one."""
    log = _read(_document(output))
    count = log.texts.get(_COUNT, "")
    if count.isdecimal() and int(count) != len(log.gpus):
        raise Invalid(
            f"What nvidia-smi -q -x printed cannot be read: {count} GPUs are attached, it has {len(log.gpus)}."
        )
    answers = [_gpu(index, texts) for index, texts in enumerate(log.gpus)]
    drivers = (values.driver_version(log.texts.get(name)) for name in _DRIVERS)
    return Gpus(
        next((driver for driver in drivers if driver is not None), None),
        tuple(answer for answer in answers if isinstance(answer, GpuHardware)),
        tuple(answer for answer in answers if isinstance(answer, GpuFault)),
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


def _document(output: str) -> str:
    """Gives the content of the first whole document in the output."""
    starts = [match.end() for match in _START.finditer(output)]
    for start, next_start in pairwise([*starts, len(output)]):
        end = output.rfind(_END, start, next_start)
        if end >= 0:
            return _COMMENT.sub("", output[start:end])
    text = values.printable(output)
    raise Invalid(
        "What nvidia-smi -q -x printed ends before its log does."
        if starts
        else f"What nvidia-smi -q -x printed is not its log: {text or 'nothing'}."
    )


@dataclass(slots=True)
class _Log:
    """The texts of a document by their paths, those of each GPU by their paths in it."""

    texts: dict[str, str] = field(default_factory=dict)
    gpus: list[dict[str, str]] = field(default_factory=list)


def _read(document: str) -> _Log:
    """Gives the texts of a document. An end without a start is passed over, a start without an end ends with what it is in."""
    log = _Log()
    texts, path, text_start = log.texts, list[str](), 0
    for tag in _TAG.finditer(document):
        is_end, name, attributes, is_empty = tag.groups()
        if is_empty:
            continue
        if not is_end and name == _GPU and attributes:
            texts, path = {}, []
            log.gpus.append(texts)
        elif not is_end:
            path.append(name)
            text_start = tag.end()
        elif name in path:
            if path[-1] == name:
                texts.setdefault("/".join(path), html.unescape(document[text_start : tag.start()]).strip())
            while path.pop() != name:
                pass
        elif name == _GPU:
            texts, path = log.texts, []
    return log


def _gpu(index: int, texts: Mapping[str, str]) -> GpuHardware | GpuFault:
    # A GPU that fell off the bus still has some of its properties, from the driver's memory.
    name, total, fabric = (texts.get(path, "") for path in (_NAME, _TOTAL, _FABRIC))
    if values.is_error(name):
        return GpuFault(index, values.printable(name) or "it has no name")
    for text in (total, fabric):
        if values.says_that_gpu_failed(text):
            return GpuFault(index, values.printable(text))
    memory = _MEMORY.fullmatch(total)
    return GpuHardware(
        index,
        name=values.line(name),
        brand=values.brand(texts.get(_BRAND)),
        memory_bytes=values.memory_bytes(int(memory.group(1)) * 1024**2) if memory else None,
        fabric_ready=_FABRIC_READY.get(fabric.casefold()),
    )
