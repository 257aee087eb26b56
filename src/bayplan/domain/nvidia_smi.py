"""Reads any text that nvidia-smi prints: its table, `-L`, `-q`, `-q -x`, and `--query-gpu` as CSV, also several of them. Pure.

Such texts are pasted: with the prompt before them, indented, quoted, in fences, with colours and other ends of lines. The table
is the same from driver 390 to 620 in what is read of it: a line with driver and CUDA (of R610 and later `KMD Version` and `CUDA UMD
Version`), for each GPU a line with index, name and bus, and after it one with the memory; and lines of slices (MIG). It cuts
names with "...": then the table of models has what the whole name may be, and the memory may say which it is.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bayplan.domain.compatibility.tables import Tables, load
from bayplan.domain.compatibility.tables.machine_rows import GpuModel
from bayplan.domain.nvidia_smi_forms import Texts, csv_gpus, parts, query_gpus, xml_gpus
from bayplan.errors import Invalid

_MIB = 1024**2
MOST_LETTERS = 1024 * 1024
"""Of a text that is read; the document of sixteen GPUs has some 300,000."""
_LONG_GAP, _MANY_LINES = re.compile(r"[^\S\n]{60,}"), re.compile(r"\n\s*\n\s*")
_CONTROL = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-Z\\-_]")
_DRIVER = re.compile(r"\b(?:Driver|KMD)\s+Version\s*:\s*(\d+(?:\.\d+)+)")
_OWN_DRIVER = re.compile(r"(?<!Guest )\b(?:Driver|KMD)\s+Version\s*:\s*(\d{3}(?:\.\d+)+)")
_SMI = re.compile(r"NVIDIA-SMI\s+(\d+(?:\.\d+)+)")
_XML_DRIVER = re.compile(r"<(?:driver|kmd)_version>\s*(\d+(?:\.\d+)+)")
_XML_CUDAS = tuple(re.compile(rf"<{name}>\s*(\d+\.\d+)") for name in ("cuda_umd_version", "cuda_version"))
_CUDA = re.compile(r"\bCUDA\s+(?:UMD\s+|Driver\s+)?Version\s*:\s*(\d+\.\d+)")
_GPU = re.compile(
    r"\|\s*(\d{1,3})\s+([^|\n]{1,200}?)\s+(?:On|Off|N/A|WDDM|TCC|MCDM|ERR!)\s*\|\s*(?:[0-9A-Fa-f]+(?::[0-9A-Fa-f]+)+\.[0-9A-Fa-f]+|N/A)\s+(?:On|Off|N/A)\s*\|"
)
_MEMORY = re.compile(r"(\d{1,8})\s*MiB\s*/\s*(\d{1,8})\s*MiB")
_MIG_MODE = re.compile(r"\|\s*(Enabled|Disabled)\s*\*?\s*\|")
_SLICE = re.compile(r"\|\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s*\|\s*\d{1,8}\s*MiB\s*/\s*(\d{1,8})\s*MiB")
_LISTED = re.compile(r"\bGPU (\d{1,3}): ([^\n]{1,200}?) \(UUID: [^)\n]{0,200}\)")
_LISTED_SLICE = re.compile(r"\bMIG (\S{1,24})\s+Device\s+(\d{1,3}): \(UUID")
_NOTHING = (
    (
        re.compile(r"NVIDIA-SMI has failed[^\n]*"),
        "The driver does not run on that machine, so nothing is known of its GPUs",
    ),
    (
        re.compile(r"Failed to initialize NVML[^\n]*"),
        "The driver cannot be used on that machine: restart it, or load the driver's modules again",
    ),
    (
        re.compile(r"No devices were found"),
        "The driver of that machine has no GPU: write --cpu-only for a machine without one",
    ),
    (
        re.compile(r"[^\n]*(?:command not found|not recognized as|No such file or directory|: not found)[^\n]*"),
        "nvidia-smi is not installed on that machine: write --cpu-only for a machine without GPU",
    ),
    (
        re.compile(r"Field \"[^\"\n]*\" is not a valid field[^\n]*"),
        "Ask for fields that this release of nvidia-smi has",
    ),
    (re.compile(r"Unable to determine the device handle[^\n]*"), "A GPU of that machine does not answer"),
)
"""What nvidia-smi, or a shell, prints in place of an answer, and what it means."""
_VENDOR = re.compile(r"^(?:NVIDIA\s+)?(?:GeForce\s+|Tesla\s+|Quadro\s+)?")
_LEAST_SHARE, _MOST_SHARE = 0.88, 1.03
"""How much of the memory that a model is sold with its driver shows: what ECC and the firmware take is not there."""
_NAMED_AT_MOST = 8
_MOST_ERROR_LETTERS = 4_000
_MOST_NAMES = 64
_GEFORCE, _QUADRO = "geforce", "quadro"


@dataclass(frozen=True, slots=True)
class PrintedGpu:
    """A GPU, or a slice of one, and its facts by the names that the API's `worker` has."""

    index: int
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Printed:
    """What a machine's nvidia-smi printed; `notes` are sentences about what it leaves open."""

    gpus: tuple[PrintedGpu, ...]
    machine_gpus: int | None
    notes: tuple[str, ...] = ()


def read(text: str, tables: Tables | None = None) -> Printed:
    """Gives the GPUs in a text; raises `Invalid` where there are none, saying why."""
    tables = tables or load()
    text = _CONTROL.sub("", text[:MOST_LETTERS]).replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    text = _LONG_GAP.sub(" ", _MANY_LINES.sub("\n\n", text))
    _one_driver(_drivers(text))
    gpus = _Gpus()
    for reader in (_table, _listing, xml_gpus, query_gpus, csv_gpus):
        _add_all(gpus, reader(text))
    if not gpus.by_index:
        _add_all(gpus, _names(text, tables))
    if not gpus.by_index:
        raise _no_gpus(text)
    return _printed(gpus, _driver(text), _cuda(text), tables)


def _add_all(gpus: "_Gpus", described: Iterable[tuple[int, Texts]]) -> None:
    """Adds what one form says; raises `Invalid` where two GPUs have one index, or two drivers."""
    names: dict[int, str] = {}
    drivers: set[str] = set()
    for index, facts in described:
        name = facts.get("name")
        if name is not None and names.setdefault(index, name) != name:
            raise _several_machines(f"as GPU {index} {names[index]} and {name}")
        drivers |= {facts["driver"]} if "driver" in facts else set()
        gpus.add(index, facts)
    _one_driver(drivers)


def _one_driver(drivers: set[str]) -> None:
    if len(drivers) > 1:
        raise _several_machines(" and ".join(f"the driver {driver}" for driver in sorted(drivers)))


def _several_machines(differences: str) -> Invalid:
    return Invalid(f"The input is of several machines, with {differences}: pass the text of one machine at a time.")


@dataclass(slots=True)
class _Gpus:
    """The GPUs by index, with what each of several forms says of them; a whole name goes before one that is cut."""

    by_index: dict[int, Texts] = field(default_factory=dict)

    def add(self, index: int, facts: Texts) -> None:
        known = self.by_index.setdefault(index, {})
        for name, value in facts.items():
            if name == "slices":
                known[name] = _merged_slices(known.get(name, {}), value)
            elif name not in known or (name == "name" and str(known[name]).endswith("...")):
                known[name] = value


def _merged_slices(before: Mapping[int, Texts], new: Mapping[int, Texts]) -> dict[int, Texts]:
    return {number: {**before.get(number, {}), **new.get(number, {})} for number in sorted({*before, *new})}


def _table(text: str) -> Iterator[tuple[int, Texts]]:
    rows = list(_GPU.finditer(text))
    for row, part in parts(rows, text):
        part = part.partition("MIG devices")[0].partition("Processes")[0]
        memory, mode = _MEMORY.search(part), _MIG_MODE.search(part)
        facts: Texts = {"name": " ".join(row[2].split())}
        if memory:
            facts["memory_mib"] = int(memory[2])
        if mode:
            facts["mig"] = mode[1] == "Enabled"
        yield int(row[1]), facts
    if rows:
        for index, _, _, number, size in _SLICE.findall(text):
            yield int(index), {"slices": {int(number): {"memory_mib": int(size)}}}


def _listing(text: str) -> Iterator[tuple[int, Texts]]:
    for gpu, part in parts(list(_LISTED.finditer(text)), text):
        slices = {int(number): {"profile": profile} for profile, number in _LISTED_SLICE.findall(part)}
        yield int(gpu[1]), {"name": gpu[2], **({"slices": slices, "mig": True} if slices else {})}


def _names(text: str, tables: Tables) -> Iterator[tuple[int, Texts]]:
    """The GPUs of `--query-gpu=name --format=csv,noheader`: lines that are names of models, and nothing else."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) <= _MOST_NAMES and all(tables.machines.named_gpu(line).capabilities for line in lines):
        yield from ((index, {"name": line}) for index, line in enumerate(lines))


def _drivers(text: str) -> set[str]:
    """Each driver that a text has, a machine's own: a hypervisor lists those of its guests too."""
    return {*_OWN_DRIVER.findall(text), *_XML_DRIVER.findall(text)}


def _driver(text: str) -> str | None:
    """The driver's version; on Jetson boards, whose table has none, that of nvidia-smi, which comes with it."""
    version = _match(_DRIVER, text) or _match(_XML_DRIVER, text)
    is_tegra = "(nvgpu)" in text
    return version or (_match(_SMI, text) if is_tegra else None)


def _cuda(text: str) -> str | None:
    return next(filter(None, (_match(pattern, text) for pattern in (_CUDA, *_XML_CUDAS))), None)


def _match(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return None if found is None else found[1]


def _printed(gpus: _Gpus, driver: str | None, cuda: str | None, tables: Tables) -> Printed:
    printed: list[PrintedGpu] = []
    notes: list[str] = []
    for index, texts in sorted(gpus.by_index.items()):
        facts, note = _facts(index, texts, tables)
        facts |= {"driver_version": texts.get("driver") or driver, "driver_cuda_version": texts.get("cuda") or cuda}
        notes += [note] if note else []
        slices: Mapping[int, Texts] = texts.get("slices", {})
        if texts.get("mig") and not slices:
            notes.append(
                f"GPU {index} has MIG switched on, and the text has no slice of it. The verdict is for the whole GPU."
            )
        for number in sorted(slices) if texts.get("mig", True) and slices else [None]:
            own = {} if number is None else _slice_facts(slices[number])
            printed.append(PrintedGpu(index, _known({**facts, **own})))
    return Printed(tuple(printed), len(printed), tuple(notes))


def _slice_facts(texts: Texts) -> dict[str, Any]:
    size = texts.get("memory_mib")
    return {"gpu_mem": None if size is None else size * _MIB, "mig_profile": texts.get("profile")}


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def _facts(index: int, texts: Texts, tables: Tables) -> tuple[dict[str, Any], str | None]:
    """The facts of a GPU, and a note where its name is cut and nothing says which it is."""
    size, name = texts.get("memory_mib"), texts.get("name")
    capability, note = texts.get("capability"), None
    if name is not None and name.endswith("..."):
        models = _models(name.removesuffix("...").rstrip(), size, tables.machines.gpu_models)
        capabilities = {model.capabilities for model in models}
        if len(models) == 1:
            name = _VENDOR.match(name)[0] + models[0].words.removeprefix("Quadro ")  # type: ignore[index]  # it matches every text
        else:
            may_be = ", ".join(model.words for model in models[:_NAMED_AT_MOST]) + (
                " and more" if len(models) > _NAMED_AT_MOST else ""
            )
            note = f"The name of GPU {index} is cut ({name})" + (f"; it may be {may_be}." if models else ".")
            note += " `nvidia-smi -L` prints it whole."
            if capability is None and len(capabilities) == 1 and len(models[0].capabilities) == 1:
                capability = str(models[0].capabilities[0])
            name = name.removesuffix("...").rstrip() if models else None
    if capability is None and name is not None:
        named = tables.machines.named_gpu(name).capabilities
        capability = str(named[0]) if len(named) == 1 and note is None else capability
    return {
        "gpu_name": name,
        "gpu_brand": texts.get("brand"),
        "gpu_mem": None if size is None else size * _MIB,
        "compute_capability": capability,
        "vgpu_licensed": texts.get("vgpu_licensed"),
    }, note


def _models(cut: str, size_mib: int | None, models: Sequence[GpuModel]) -> list[GpuModel]:
    """The models whose names begin so, those of that memory where the table has it; a name of GeForce is no professional board's."""
    words = _VENDOR.sub("", cut).casefold()
    of_geforce, of_quadro = _GEFORCE in cut.casefold(), _QUADRO in cut.casefold()
    fitting = [
        model
        for model in models
        if model.is_board
        and model.accelerator == "cuda"
        and model.words.casefold().removeprefix("quadro ").startswith(words)
        and (not of_geforce or _GEFORCE in model.brands)
        and (not of_quadro or model.words.casefold().startswith(_QUADRO))
        and (_GEFORCE not in model.brands or of_geforce or not cut.casefold().startswith("nvidia "))
    ]
    if size_mib is None:
        return fitting
    return [
        model for model in fitting if not model.memory_gib or any(_is_size(size_mib, gib) for gib in model.memory_gib)
    ]


def _is_size(size_mib: int, gib: int) -> bool:
    return _LEAST_SHARE <= size_mib / 1024 / gib <= _MOST_SHARE


def _no_gpus(text: str) -> Invalid:
    if not text.strip():
        return Invalid("The input is empty: it must be what nvidia-smi prints.")
    for pattern, meaning in _NOTHING:
        if (said := pattern.search(text[:_MOST_ERROR_LETTERS])) is not None:
            return Invalid(f"{meaning}. It printed: {_line(said[0])}")
    if _SMI.search(text) or "nvidia_smi_log" in text or "NVIDIA-SMI version" in text:
        return Invalid("The text of nvidia-smi has no GPU in it: paste all of it, as it was printed.")
    return Invalid(f"The input is not what nvidia-smi prints: {_line(text)}")


def _line(text: str) -> str:
    line = " ".join(text.split())
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line[:200])
    return shown if shown.endswith((".", "!", "?")) else f"{shown}."
