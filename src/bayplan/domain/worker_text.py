"""A node in a line, as people type it: "RTX 4090, 550.120"; and the facts of a node as such a line. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.nearest import mean
from bayplan.errors import Invalid

Facts = dict[str, Any]

EXAMPLE = "RTX 4090, 550.120"
FIELD = "worker"
_MOST_LETTERS = 1_000
_NO_GPU = re.compile(r"(?:cpu(?:[ -]only)?|no gpu|none)", re.IGNORECASE)
_OF_A_GPU = ("gpu_name", "compute_capability", "target", "driver_version")
_NAME_AND_BRANCH = re.compile(r"(.+) ([3-9][0-9]{2})")
_BETWEEN = re.compile(r"[,;\n]+")
_MEMORY_UNITS = {"b": 1, "mb": 10**6, "gb": 10**9, "mib": 1 << 20, "gib": 1 << 30}
_ARCHITECTURES = {"amd64": "amd64", "x86_64": "amd64", "x86-64": "amd64", "arm64": "arm64", "aarch64": "arm64"}
_MIG = r"(?:\bMIG )?(?<![\w.])((?:[0-9]{1,2}c\.)?[0-9]{1,2}g\.[0-9]{1,4}gb(?:[+-][a-z0-9.+-]+)?)(?![\w.])"


def _text(name: str) -> Callable[[re.Match[str]], Facts]:
    return lambda part: {name: part[1]}


def _lower(name: str) -> Callable[[re.Match[str]], Facts]:
    return lambda part: {name: part[1].lower()}


# Of a part between commas: each is read once and taken out of it, and what is left is the GPU's name.
_ANYWHERE: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Facts]], ...] = (
    (
        re.compile(r"\b(?:compute[ -]capability|capability|cc)[ :=]*([0-9]{1,2}\.[0-9])\b", re.IGNORECASE),
        _text("compute_capability"),
    ),
    (re.compile(r"\bsm_?([0-9]{1,2})([0-9])\b", re.IGNORECASE), lambda part: {"compute_capability": f"{part[1]}.{part[2]}"}),
    (re.compile(r"\bCUDA[ :=]*([0-9]{1,2}\.[0-9]{1,2})\b", re.IGNORECASE), _text("driver_cuda_version")),
    (re.compile(r"\b(?:NVIDIA |amdgpu )?driver(?: version)?[ :=]*([0-9]+(?:\.[0-9]+)*)(?![\w.])", re.IGNORECASE), _text("driver_version")),
    (re.compile(_MIG, re.IGNORECASE), _lower("mig_profile")),
    (re.compile(r"\b(gfx[0-9a-f]{3,5}(?::[a-z]+[+-])*)(?![\w:])", re.IGNORECASE), _lower("target")),
    (re.compile(r"\bbrand[ :=]*(\w+)", re.IGNORECASE), _text("gpu_brand")),
    (re.compile(r"(?<![\w.])([3-9][0-9]{2}(?:\.[0-9]{1,4}){1,2})(?![\w.])"), _text("driver_version")),
)  # fmt: skip
_WHOLE: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Facts]], ...] = (
    (re.compile(r"v?([3-9][0-9]{2}(?:\.[0-9]+)*|[0-9]{1,2}\.[0-9]{1,3}\.[0-9]{1,3})"), _text("driver_version")),
    (re.compile(r"([0-9]{1,2}\.[0-9])"), _text("compute_capability")),
    (
        re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?(b|mb|gb|mib|gib)(?: memory)?", re.IGNORECASE),
        lambda part: {"gpu_mem": round(float(part[1]) * _MEMORY_UNITS[part[2].lower()])},
    ),
    (
        re.compile("|".join(_ARCHITECTURES), re.IGNORECASE),
        lambda part: {"architecture": _ARCHITECTURES[part[0].lower()]},
    ),
    (
        re.compile(r"(?:vgpu )?(un)?licen[cs]ed", re.IGNORECASE),
        lambda part: {"vgpu_licensed": part[1] is None},
    ),
)


def typed_worker(text: str, tables: Tables) -> Facts:
    """Gives the facts of a node that a line names, by the names that the API's `worker` has.

    Of a node without GPU ("cpu") its architecture alone. Raises `Invalid` at `worker`, which names the GPUs that are nearest.
    """
    facts, has_gpu = typed_facts(text)
    if has_gpu:
        _take_branch(facts, tables)
        _require_gpu(facts, tables)
    return facts


def typed_facts(text: str) -> tuple[Facts, bool]:
    """Gives the facts in a line as they are typed, and whether the node has a GPU; raises `Invalid` at `worker`."""
    parts = [shown for part in _BETWEEN.split(text[:_MOST_LETTERS]) if (shown := " ".join(part.split()))]
    if not parts:
        raise _wrong("missing", f"Type the GPU and its driver, such as {EXAMPLE}; or `cpu` for a node without GPU.")
    facts: Facts = {}
    has_gpu = not any(_NO_GPU.fullmatch(part) for part in parts)
    for name, value in (pair for part in parts if not _NO_GPU.fullmatch(part) for pair in _facts_of(part)):
        if facts.get(name, value) != value:
            what = ", which is no driver" if name == "gpu_name" else ""
            raise _wrong("repeated", f"{_WORDS[name]} is there twice, as {facts[name]} and as {value}{what}: type one.")
        facts[name] = value
    if not has_gpu and facts.keys() - {"architecture"}:
        raise _wrong("cpu_with_gpu", "A node without GPU has its architecture alone, as in `cpu, arm64`.")
    return facts, has_gpu


def written_worker(facts: Mapping[str, Any], tables: Tables) -> str:
    """Gives the line that `typed_worker` reads as these facts, so far as a line has them; what the GPU's name says is left out."""
    name, memory = facts.get("gpu_name"), facts.get("gpu_mem")
    licensed = facts.get("vgpu_licensed")
    named = () if name is None else tables.machines.named_gpu(name).capabilities
    capability = facts.get("compute_capability")
    says_capability = len(named) == 1 and str(named[0]) == capability
    parts = (
        name,
        _with("driver", facts.get("driver_version")),
        _with("CUDA", facts.get("driver_cuda_version")),
        None if says_capability else _with("capability", capability),
        facts.get("target"),
        _with("MIG", facts.get("mig_profile")),
        None if memory is None else f"{memory >> 20} MiB" if memory % (1 << 20) == 0 else f"{memory} B",
        _with("brand", facts.get("gpu_brand")),
        facts.get("architecture"),
        None if licensed is None else "licensed" if licensed else "unlicensed",
    )
    has_gpu = any(facts.get(fact) is not None for fact in _OF_A_GPU)
    return ", ".join(["cpu"] * (not has_gpu) + [part for part in parts if part])


def _with(word: str, value: str | None) -> str | None:
    return None if value is None else f"{word} {value}"


_WORDS = {
    "gpu_name": "The GPU",
    "driver_version": "The driver",
    "driver_cuda_version": "The driver's CUDA",
    "compute_capability": "The compute capability",
    "target": "The target",
    "mig_profile": "The MIG profile",
    "gpu_mem": "The memory",
    "gpu_brand": "The brand",
    "architecture": "The architecture",
    "vgpu_licensed": "The licence",
}


def _facts_of(part: str) -> Iterator[tuple[str, Any]]:
    for pattern, fact in _WHOLE:
        if (whole := pattern.fullmatch(part)) is not None:
            yield from fact(whole).items()
            return
    for pattern, fact in _ANYWHERE:
        if (inside := pattern.search(part)) is not None:
            yield from fact(inside).items()
            part = " ".join((part[: inside.start()] + " " + part[inside.end() :]).split())
    if part:
        yield "gpu_name", part


def _take_branch(facts: Facts, tables: Tables) -> None:
    """Takes the branch of a driver out of "RTX 4090 550", where the number is no part of the GPU's name."""
    parts = _NAME_AND_BRANCH.fullmatch(facts.get("gpu_name", ""))
    if parts is None or "driver_version" in facts:
        return
    models = tables.machines.named_gpu(parts[1]).models
    if models and models == tables.machines.named_gpu(parts[0]).models:
        facts |= {"gpu_name": parts[1], "driver_version": parts[2]}


def _require_gpu(facts: Facts, tables: Tables) -> None:
    name = facts.get("gpu_name")
    if name is None:
        if facts.keys() & {"compute_capability", "target"}:
            return
        raise _wrong("missing_gpu", f"Type the GPU as well, such as {EXAMPLE}.")
    named = tables.machines.named_gpu(name)
    if named.models or named.capabilities or named.targets or facts.keys() & {"compute_capability", "target"}:
        return
    near = mean(list(tables.machines.gpu_names.nearest(name)))
    raise _wrong(
        "unknown_gpu",
        f"There is no GPU {name!r} in the tables; {near + ' For' if near else 'for'} another one of NVIDIA add its compute "
        f"capability, as in `{name}, capability 8.9`, and for one of AMD its target, as in `{name}, gfx942`.",
    )


def _wrong(code: str, detail: str) -> Invalid:
    return Invalid.at(FIELD, code, detail)
