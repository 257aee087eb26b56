"""The reports, the facts entered for them, and the image and the machine that they make together.

The reports lie beside the project, not in it. A fact is entered only where it is known from the image or the machine
itself, never from what happened; each says who finds it: nobody types what a configuration, a scan, a table or the agent says.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from bayplan.domain.compatibility.image import CompatLibraries, Image, KernelArchitectures, framework_kernels
from bayplan.domain.compatibility.kernels import grade_by_release
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import Grade
from bayplan.domain.reference import Reference
from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion, read
from bayplan.errors import Invalid
from bayplan.registry.evidence import Evidence
from bayplan.registry.tag_facts import tag_facts

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
REPORT_SETS = {
    "older": DATA / "reports.jsonl",
    "newer": DATA / "reports-2.jsonl",
    "fresh": Path(__file__).with_name("reports-3.jsonl"),
}
"""Reports up to 2024 for the most part, those of 2025 and 2026, and those of all years that no rule was written with."""
FACTS = Path(__file__).with_name("facts.csv")

Report = dict[str, Any]
Subject = TypeVar("Subject", Image, Node)


class FoundBy(StrEnum):
    """Who finds a fact."""

    CONFIGURATION = "configuration"
    """The image's environment, labels, history and tag."""
    SCAN = "scan"
    """The image's files."""
    TABLE = "table"
    """A table of bayplan's, once the libraries in the image are known."""
    MACHINE = "machine"
    """The agent."""
    STAFF = "staff"
    """Only a person who types it."""


class Knowledge(StrEnum):
    """How much is known besides the report itself."""

    REPORT = "the report alone"
    NOTHING_TYPED = "nothing typed"
    ALL = "all facts"

    def has(self, fact: "Fact") -> bool:
        """Whether a fact counts."""
        return self is Knowledge.ALL or (self is Knowledge.NOTHING_TYPED and fact.found_by is not FoundBy.STAFF)


@dataclass(frozen=True)
class Fact:
    """One fact entered for a report: what, its value as text, who finds it, and where it is known from."""

    name: str
    value: str
    found_by: FoundBy
    known_from: str


@dataclass(frozen=True)
class Machine:
    """The machine of a report, and what had to be assumed."""

    node: Node
    assumed: tuple[str, ...] = ()


Facts = Mapping[tuple[str, str, str], tuple[Fact, ...]]
"""Facts by the report's source, image and GPU; no GPU stands for every report of the image."""


def read_reports(path: Path) -> list[Report]:
    """The reports, one to a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_facts(path: Path = FACTS) -> Facts:
    """The facts entered for the reports."""
    facts: dict[tuple[str, str, str], list[Fact]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            fact = Fact(row["fact"], row["value"], FoundBy(row["found_by"]), row["known_from"])
            if fact.name not in _IMAGE_FACTS | _NODE_FACTS:
                raise ValueError(f"{path.name}: no fact {fact.name!r} ({row['source']})")
            facts[row["source"], row["image"], row["gpu"]].append(fact)
    return {key: tuple(values) for key, values in facts.items()}


def facts_of(report: Report, facts: Facts) -> tuple[Fact, ...]:
    """The facts of one report."""
    source, image, gpu = report["source"], report["image"] or "", report["gpu"] or ""
    everywhere = facts.get((source, image, ""), ())
    return everywhere + (facts.get((source, image, gpu), ()) if gpu else ())


def image_of(report: Report, facts: Iterable[Fact]) -> Image:
    """The image of a report; its name is read as that of an image in the catalogue would be."""
    image = Image(
        cuda=report["cuda"],
        **_named(report["image"] or ""),
        requirements=(("NVIDIA_REQUIRE_CUDA", report["require"]),) if report["require"] else None,
        compat_package=CompatLibraries(None, None) if report["compat_package"] else None,
        compat_activation="never" if report["compat_package"] is False else None,
    )
    return _with(image, facts, _IMAGE_FACTS)


def _named(image: str) -> dict[str, Any]:
    """What the repository and the tag say, where the report names an image in words that are a reference."""
    try:
        reference = Reference.parse(image.partition(" ")[0])
    except Invalid:
        return {}
    evidence = Evidence(repository=f"{reference.registry}/{reference.repository}", tag=reference.tag or "")
    return {name: fact.value for name, fact in tag_facts(evidence) if name in _OF_NAMES}


_OF_NAMES = ("accelerator", "framework", "framework_cuda", "framework_version", "rocm_version")


def machines_of(report: Report, facts: Iterable[Fact], image: Image, tables: Tables) -> list[Machine]:
    """The machine of a report; one of each class of GPU where the report does not name its GPU."""
    stated = tuple(facts)
    assumed: list[str] = []
    if report.get("vendor") == "amd":
        amd = Node(
            accelerator="rocm", target=report["gfx"], gpu_name=report["gpu"], gpu_brand="AMD", architecture="amd64"
        )
        return [Machine(_with(amd, stated, _NODE_FACTS))]
    driver = report["driver"]
    if driver is None:
        driver = _native_driver(image, tables)
        assumed.append(f"driver {driver}")
    elif report.get("driver_is_branch"):
        driver = _release_of_branch(driver, tables)
        assumed.append(f"driver {driver} for its branch")
    capability = report["cc"]
    arm = capability is not None and ComputeCapability.parse(capability) in tables.tegra
    node = Node(driver_version=driver, gpu_brand=report["brand"], architecture="arm64" if arm else "amd64")
    if capability is not None:
        named = replace(node, compute_capability=capability, gpu_name=report["gpu"])
        return [Machine(_with(named, stated, _NODE_FACTS), tuple(assumed))]
    machines = []
    for brand, models in _STAND_INS.items():
        if report["brand"] in (None, brand):
            name, capability = _stand_in(models, image, tables)
            stand_in = replace(node, compute_capability=capability, gpu_name=name, gpu_brand=brand)
            machines.append(Machine(_with(stand_in, stated, _NODE_FACTS), (*assumed, f"GPU {name}")))
    return machines


_STAND_INS = {
    "tesla": (("Tesla T4", "7.5"), ("Tesla V100", "7.0"), ("Tesla K80", "3.7")),
    "geforce": (("GeForce RTX 2080 Ti", "7.5"), ("GeForce GTX 1080", "6.1"), ("GeForce GTX 780 Ti", "3.5")),
    "nvidiartx": (("NVIDIA RTX A6000", "8.6"), ("Quadro P6000", "6.1"), ("Quadro K6000", "3.5")),
}
"""Models of each class, by brand: the first that the image's CUDA has code for stands for a GPU that is not named."""


def _stand_in(models: Iterable[tuple[str, str]], image: Image, tables: Tables) -> tuple[str, str]:
    cuda = read(CudaVersion.parse, image.cuda)
    known = list(models)
    for name, capability in known:
        if cuda is None or grade_by_release(cuda, ComputeCapability.parse(capability), tables) is Grade.NATIVE:
            return name, capability
    return known[0]


def _native_driver(image: Image, tables: Tables) -> str:
    cuda = read(CudaVersion.parse, image.cuda)
    driver = tables.min_driver(cuda) if cuda is not None else None
    return str(driver or max(row.branch for row in tables.driver_branches))


def _release_of_branch(branch: str, tables: Tables) -> str:
    releases = [DriverVersion.parse(row.min_driver) for row in tables.cuda if row.min_driver is not None]
    return str(max((driver for driver in releases if driver.branch == int(branch)), default=branch))


def _with(subject: Subject, facts: Iterable[Fact], readers: Mapping[str, Callable[[str], object]]) -> Subject:
    values: dict[str, Any] = {fact.name: readers[fact.name](fact.value) for fact in facts if fact.name in readers}
    return replace(subject, **values)


def _flag(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _kernels(text: str) -> KernelArchitectures:
    """Of "8.0 9.0", the framework's, or of "torch: 8.0 9.0; flash_attn: 8.0"."""
    if ":" not in text or text.startswith("gfx"):
        return framework_kernels(*text.split())
    libraries = (part.partition(":") for part in text.split("; "))
    return tuple((library.strip(), tuple(kernels.split())) for library, _, kernels in libraries)


_IMAGE_FACTS: dict[str, Callable[[str], object]] = {
    "accelerator": str,
    "architectures": lambda text: tuple(text.split()),
    "compat_activation": str,
    "compat_package": lambda text: CompatLibraries(None, text),
    "compiler_cuda": str,
    "compiles_at_runtime": lambda text: False if text == "false" else text,
    "cpu": _flag,
    "cuda": str,
    "disable_require": _flag,
    "framework": str,
    "framework_cuda": str,
    "framework_version": str,
    "kernel_architectures": _kernels,
    "min_compute_capability": str,
    "min_driver": str,
    "min_gpu_memory_bytes": int,
    "min_gpus": int,
    "min_shared_memory_bytes": int,
    "needs_driver": _flag,
    "requirements": lambda text: (tuple(text.split("=", 1)),),
    "rocm_version": str,
}
_NODE_FACTS: dict[str, Callable[[str], object]] = {
    "architecture": str,
    "cdi_driver_version": str,
    "driver_cuda_version": str,
    "driver_version": str,
    "fabric_ready": _flag,
    "kernel_version": str,
    "l4t_version": str,
    "mig_profile": str,
    "runtime_mode": str,
    "shared_memory_bytes": int,
    "toolkit_version": str,
    "vgpu_licensed": _flag,
    "wsl": _flag,
}
