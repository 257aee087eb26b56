"""The forms of nvidia-smi that name their fields: `-q`, `-q -x`, and `--query-gpu=... --format=csv` with and without a header. Pure.

In CSV without a header the values say what they are: a driver's version has three parts, a name has letters, of several sizes the
largest is the whole memory.
"""

import codecs
import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from typing import Any

Texts = dict[str, Any]
"""What a form says of a GPU: name, brand, memory_mib, capability, driver, cuda, mig, vgpu_licensed, and its slices by number."""

_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_MIB = re.compile(r"(\d{1,8})(?:\s*MiB)?")
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_CAPABILITY = re.compile(r"\d{1,2}\.\d")
_CUDA = re.compile(r"\d{1,2}\.\d{1,2}")
_XML_GPU = re.compile(r"<gpu\s+id=[^>]*>(.*?)(?=<gpu\s+id=|</nvidia_smi_log>|\Z)", re.DOTALL)
_XML_SLICE = re.compile(r"<mig_device>(.*?)</mig_device>", re.DOTALL)
_QUERY_LINE = re.compile(r"^[\s>]*([A-Za-z][^:\n]*?)\s*:\s(.*)$|^([\s>]*)([A-Za-z][^:\n]*?)\s*$")
_QUERY_GPU = re.compile(r"^[\s>]*GPU [0-9A-Fa-f]+:[0-9A-Fa-f]+:[0-9A-Fa-f]+\.[0-9]\s*$", re.MULTILINE)
_MIG_HEAD = re.compile(r"^[\s>]*MIG Device\s*$", re.MULTILINE)
_UNIT = re.compile(r"\s*\[[^\]]*\]\s*$")
_FIELDS = {
    "name": "name",
    "gpu_name": "name",
    "memory.total": "memory_mib",
    "compute_cap": "capability",
    "driver_version": "driver",
    "kmd_version": "driver",
    "cuda_version": "cuda",
    "index": "index",
    "mig.mode.current": "mig",
}
_OTHER_FIELDS = re.compile(
    r"(?:timestamp|uuid|gpu_uuid|serial|gpu_serial|count|pstate|persistence_mode|ecc|pci|gpu_bus_id|vbios_version|driver_model|"
    r"fan|memory|utilization|temperature|power|clocks|encoder|accounting|display|inforom|gom|compute_mode|mig|addressing_mode|"
    r"clocks_throttle_reasons|fabric|enforced|protected_memory|bar1)[._a-z0-9]*"
)
_NO_NAME = re.compile(
    r"(?:GPU-|MIG-)[0-9a-f-]+|[0-9A-Fa-f]+:[0-9A-Fa-f]+:[0-9A-Fa-f]+\.\d|P\d{1,2}|\[?(?:N/A|Not Supported|Unknown Error|GPU is lost)\]?|"
    r"(?:En|Dis)abled|Default|Exclusive_Process|Prohibited|Active|Not Active|WDDM|TCC|MCDM|None|On|Off|Yes|No|ERR!|"
    r"\d{4}/\d\d/\d\d .*|0x[0-9A-Fa-f]+|[0-9A-F]{2}(?:\.[0-9A-F]{2}){3,}|[\d.]+\s*(?:MiB|W|C|%|MHz)",
    re.IGNORECASE,
)
_FIRST_BRANCH, _LEAST_MIB = 300, 500
_LONGEST_LINE = 2_000


def decoded(output: bytes) -> str:
    """Gives what nvidia-smi printed as text, in UTF-8 or UTF-16; what cannot be decoded is marked in it."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if output.startswith(mark):
            return output.removeprefix(mark).decode(encoding, errors="replace")
    for encoding, high_bytes in (("utf-16-le", output[1::2]), ("utf-16-be", output[::2])):
        if 2 * high_bytes.count(0) > len(high_bytes):
            return output.decode(encoding, errors="replace")
    return output.decode("utf-8", errors="replace")


def parts(heads: Sequence[re.Match[str]], text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each head with the text after it, up to the next one."""
    ends = [head.start() for head in heads[1:]] + [len(text)]
    for head, end in zip(heads, ends, strict=False):
        yield head, text[head.end() : end]


def xml_gpus(text: str) -> Iterator[tuple[int, Texts]]:
    """The GPUs of `nvidia-smi -q -x`."""
    if "<nvidia_smi_log" not in text:
        return
    for index, gpu in enumerate(_XML_GPU.findall(text)):
        slices = _XML_SLICE.findall(gpu)
        own = _XML_SLICE.sub("", gpu).partition("<processes>")[0]
        yield (
            index,
            _texts(
                name=_element(own, "product_name"),
                brand=_element(own, "product_brand"),
                memory=_element(own, "fb_memory_usage", "total"),
                mig=_element(own, "current_mig"),
                mode=_element(own, "virtualization_mode"),
                licence=_element(own, "license_status"),
                slices=[(_element(part, "index"), _element(part, "fb_memory_usage", "total")) for part in slices],
            ),
        )


def _element(text: str, *path: str) -> str | None:
    """The text of the first element at the end of a path of elements."""
    for name in path:
        start = text.find(f"<{name}>")
        if start < 0:
            return None
        text = text[start + len(name) + 2 :]
    return unescape(text.partition("<")[0]).strip()


def query_gpus(text: str) -> Iterator[tuple[int, Texts]]:
    """The GPUs of `nvidia-smi -q`."""
    for index, (_, part) in enumerate(parts(list(_QUERY_GPU.finditer(text)), text)):
        own, *slices = _MIG_HEAD.split(part)
        values = _query_values(own)
        if slices:  # after the last slice the GPU goes on
            values = {**_query_values(slices[-1]), **values}
        each = [_query_values(device) for device in slices]
        yield (
            index,
            _texts(
                name=values.get("Product Name"),
                brand=values.get("Product Brand"),
                memory=values.get("FB Memory Usage/Total"),
                mig=values.get("MIG Mode/Current"),
                mode=values.get("GPU Virtualization Mode/Virtualization Mode"),
                licence=values.get("vGPU Software Licensed Product/License Status"),
                slices=[(device.get("Index"), device.get("FB Memory Usage/Total")) for device in each],
            ),
        )


def _query_values(text: str) -> dict[str, str]:
    """The values by name, those of a section also by the section's name."""
    values: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        match = _QUERY_LINE.match(line) if len(line) <= _LONGEST_LINE else None
        if match is None:
            continue
        if match[4] is not None:
            section = match[4]
        else:
            values.setdefault(match[1], match[2].strip())
            values.setdefault(f"{section}/{match[1]}", match[2].strip())
    return values


def _texts(
    *,
    name: str | None,
    brand: str | None,
    memory: str | None,
    mig: str | None,
    mode: str | None,
    licence: str | None,
    slices: Sequence[tuple[str | None, str | None]],
) -> Texts:
    texts: Texts = {
        "name": _value(name),
        "brand": _brand(_value(brand)),
        "memory_mib": _mib(memory),
        "mig": None if mig is None or _value(mig) is None else mig.casefold() == "enabled",
    }
    if mode is not None and mode.casefold() == "vgpu":
        texts["vgpu_licensed"] = {"licensed": True, "unlicensed": False}.get(
            (licence or "").partition(" ")[0].casefold()
        )
    if slices:
        texts["slices"] = {
            int(number) if number and number.isdecimal() else position: {"memory_mib": _mib(size)}
            for position, (number, size) in enumerate(slices)
        }
    return {key: value for key, value in texts.items() if value is not None}


def csv_gpus(text: str) -> Iterator[tuple[int, Texts]]:
    """The GPUs of `nvidia-smi --query-gpu=... --format=csv`, with a header, units, both or neither."""
    header: list[str] | None = None
    position = 0
    for line in text.splitlines():
        if len(line) > _LONGEST_LINE:
            continue
        cells = _cells(line)
        if _is_header(cells):
            header, position = [_UNIT.sub("", cell).casefold() for cell in cells], 0
            continue
        if header is not None and len(cells) == len(header):
            texts = _by_header(header, cells)
        elif header is None and len(cells) > 1 and "|" not in line:
            texts = _by_form(cells)
        else:
            continue
        if texts:
            yield int(texts.pop("index", position)), texts
            position += 1


def _cells(line: str) -> list[str]:
    line = line.strip().lstrip(">").strip().strip("`")
    return [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True), [])]


def _is_header(cells: Sequence[str]) -> bool:
    names = [_UNIT.sub("", cell).casefold() for cell in cells]
    return (
        bool(names)
        and any(name in _FIELDS for name in names)
        and all(name in _FIELDS or _OTHER_FIELDS.fullmatch(name) for name in names)
    )


def _by_header(header: Sequence[str], cells: Sequence[str]) -> Texts:
    values = {_FIELDS[name]: cell for name, cell in zip(header, cells, strict=True) if name in _FIELDS and _value(cell)}
    return _parsed(values)


def _parsed(values: Mapping[str, str]) -> Texts:
    checks = {"capability": _CAPABILITY, "driver": _VERSION, "cuda": _CUDA, "index": re.compile(r"\d{1,3}")}
    texts: Texts = {
        name: value for name, value in values.items() if name not in checks or checks[name].fullmatch(value)
    }
    if "memory_mib" in texts:
        texts["memory_mib"] = _mib(texts["memory_mib"])
    if "mig" in texts:
        texts["mig"] = texts["mig"].casefold() == "enabled"
    return {name: value for name, value in texts.items() if value is not None}


def _by_form(cells: Sequence[str]) -> Texts:
    """What the values of a line without a header are; nothing for a line that has neither a name nor a driver's version."""
    texts: Texts = {}
    sizes: list[int] = []
    for number, cell in enumerate(cells):
        if cell.isdecimal() and number == 0 and int(cell) < _LEAST_MIB:
            texts["index"] = int(cell)
        elif re.fullmatch(r"\d{1,8}\s*MiB", cell) or (cell.isdecimal() and int(cell) >= _LEAST_MIB):
            sizes.append(int(cell.removesuffix("MiB")))
        elif _VERSION.fullmatch(cell) and int(cell.partition(".")[0]) >= _FIRST_BRANCH:
            texts.setdefault("driver", cell)
        elif _CAPABILITY.fullmatch(cell) and "capability" not in texts:
            texts["capability"] = cell
        elif re.search(r"[A-Za-z]{2}|[A-Z]\d", cell) and not _NO_NAME.fullmatch(cell):
            texts.setdefault("name", cell)
    if sizes:
        texts["memory_mib"] = max(sizes)
    is_gpu = "driver" in texts or ("name" in texts and ("memory_mib" in texts or "capability" in texts))
    return texts if is_gpu else {}


def _value(text: str | None) -> str | None:
    stripped = (text or "").strip().strip("[]")
    return (
        None if stripped in ("", "N/A", "Not Supported", "Unknown Error", "Not Available", "GPU is lost") else stripped
    )


def _mib(text: str | None) -> int | None:
    match = _MIB.fullmatch((text or "").strip())
    return None if match is None else int(match[1])


def _brand(text: str | None) -> str | None:
    """The brand in NVML's spelling: "NVIDIA RTX" is NvidiaRTX."""
    if text is None:
        return None
    words = text.replace("NVIDIA", "Nvidia").split()
    return "".join(words)
