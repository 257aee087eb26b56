"""Holds the judge against real reports of what ran and what did not: `make truth`, with ARGS=--write for docs/truth.md.

A rule that nobody has checked against what happens is an opinion. The reports lie beside the project, not in it; the
facts that were entered for them are in truth_facts.csv, each with where it is known from.
"""

import argparse
import csv
import datetime
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bayplan.domain.compatibility.image import CompatLibraries, Image, framework_kernels
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.kernels import grade_by_release
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.tables import Tables, load
from bayplan.domain.compatibility.verdict import Grade, Verdict
from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion, read

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT.parent / "shared" / "data" / "reports.jsonl"
FACTS = Path(__file__).with_name("truth_facts.csv")
DOCUMENT = ROOT / "docs" / "truth.md"
TODAY = datetime.date(2026, 1, 1)  # no report is about an end of life

RUNS = frozenset({Grade.NATIVE, Grade.MINOR, Grade.FORWARD, Grade.CPU})
# Where a report does not say: GPUs that no rule refuses, the first one that the image's CUDA has code for.
STAND_INS = (("Tesla T4", "7.5"), ("Tesla V100", "7.0"), ("Tesla K80", "3.7"))
TEGRA = frozenset({"5.3", "6.2", "7.2", "8.7", "11.0"})

Report = dict[str, Any]


@dataclass(frozen=True)
class Fact:
    """One fact entered for a case: what, its value as text, and where it is known from."""

    name: str
    value: str
    known_from: str


@dataclass(frozen=True)
class Held:
    """A report, what was entered for it, what was assumed, and the verdict."""

    report: Report
    facts: tuple[Fact, ...]
    assumed: tuple[str, ...]
    verdict: Verdict

    @property
    def agrees(self) -> bool:
        """Whether what happened is what the verdict says; `unknown` never agrees.

        An image that ran agrees with the grades that are matched by default, and with `jit` where its build is known
        to embed PTX. One that did not run agrees with `no`, and with `jit` where the build is not known: such an
        image is not matched, because it has no kernels for the GPU.
        """
        by_build = any(reason.code == "gpu_not_in_build" for reason in self.verdict.reasons)
        ran = bool(self.report["outcome"] == "runs")
        if self.verdict.grade is Grade.JIT:
            return by_build == ran
        return self.verdict.grade in (RUNS if ran else {Grade.NO})

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the reasons that decide the grade."""
        return tuple(sorted({reason.code for reason in self.verdict.reasons if reason.grade is self.verdict.grade}))


def hold(reports: Iterable[Report], facts: dict[tuple[str, str], tuple[Fact, ...]], tables: Tables) -> list[Held]:
    """Every report with its verdict, in their order."""
    return [_hold(report, facts.get((report["source"], report["image"] or ""), ()), tables) for report in reports]


def _hold(report: Report, facts: tuple[Fact, ...], tables: Tables) -> Held:
    image = _image(report, facts)
    worker, assumed = _worker(report, facts, image, tables)
    return Held(report, facts, assumed, judge(image, worker, tables, TODAY))


def _image(report: Report, facts: Iterable[Fact]) -> Image:
    image = Image(
        cuda=report["cuda"],
        requirements=(("NVIDIA_REQUIRE_CUDA", report["require"]),) if report["require"] else None,
        compat_package=CompatLibraries(None, None) if report["compat_package"] else None,
        compat_activation="never" if report["compat_package"] is False else None,
    )
    for fact in facts:
        if fact.name in _IMAGE_FACTS:
            values: dict[str, Any] = {_FIELDS.get(fact.name, fact.name): _IMAGE_FACTS[fact.name](fact.value)}
            image = replace(image, **values)
    return image


_IMAGE_FACTS: dict[str, Callable[[str], object]] = {
    "cuda": str,
    "framework": str,
    "framework_version": str,
    "min_driver": str,
    "min_compute_capability": str,
    "kernel_architectures": lambda text: framework_kernels(*text.split()),
    "requirements": lambda text: (tuple(text.split("=", 1)),),
    "compat_activation": str,
    "compat_on_loader_path": lambda text: "always" if text == "true" else "never",
    "compiles_at_runtime": lambda text: {"true": "ptx", "false": False}.get(text, text),
}
_FIELDS = {"compat_on_loader_path": "compat_activation"}
_WORKER_FACTS = ("architecture", "runtime_mode")


def _worker(report: Report, facts: Iterable[Fact], image: Image, tables: Tables) -> tuple[Node, tuple[str, ...]]:
    assumed: list[str] = []
    name, capability = report["gpu"], report["cc"]
    if capability is None:
        name, capability = _stand_in(image, tables)
        assumed.append(f"GPU {name}")
    driver = report["driver"]
    if driver is None:
        driver = _native_driver(image, tables)
        assumed.append(f"driver {driver}")
    elif report.get("driver_is_branch"):
        driver = _release_of_branch(driver, tables)
        assumed.append(f"driver {driver} for its branch")
    worker = Node(
        driver_version=driver,
        compute_capability=capability,
        gpu_name=name,
        gpu_brand=report["brand"],
        architecture="arm64" if capability in TEGRA else "amd64",
    )
    stated: dict[str, Any] = {fact.name: fact.value for fact in facts if fact.name in _WORKER_FACTS}
    return replace(worker, **stated), tuple(assumed)


def _stand_in(image: Image, tables: Tables) -> tuple[str, str]:
    cuda = read(CudaVersion.parse, image.cuda)
    for name, capability in STAND_INS:
        gpu = ComputeCapability.parse(capability)
        if cuda is None or grade_by_release(cuda, gpu, tables) is Grade.NATIVE:
            return name, capability
    return STAND_INS[0]


def _native_driver(image: Image, tables: Tables) -> str:
    cuda = read(CudaVersion.parse, image.cuda)
    driver = tables.min_driver(cuda) if cuda is not None else None
    return str(driver or max(row.branch for row in tables.driver_branches))


def _release_of_branch(branch: str, tables: Tables) -> str:
    found = [DriverVersion.parse(row.min_driver) for row in tables.cuda if row.min_driver is not None]
    return str(max((driver for driver in found if driver.branch == int(branch)), default=branch))


def read_reports(path: Path = REPORTS) -> list[Report]:
    """The reports, one to a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_facts(path: Path = FACTS) -> dict[tuple[str, str], tuple[Fact, ...]]:
    """The facts entered for the reports, by their source and image."""
    found: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["source"], row["image"]].append(Fact(row["fact"], row["value"], row["known_from"]))
    return {case: tuple(facts) for case, facts in found.items()}


def headline(held: list[Held]) -> str:
    """The number: how many verdicts agree with what happened."""
    agreeing = sum(case.agrees for case in held)
    return f"{agreeing} of {len(held)} reports agree ({agreeing / len(held):.1%})"


def document(held: list[Held]) -> Iterator[str]:
    """The lines of docs/truth.md."""
    yield from INTRODUCTION.format(headline=headline(held)).splitlines()
    for title, key in GROUPINGS.items():
        yield ""
        yield f"| {title} | reports | agree |"
        yield "| --- | ---: | ---: |"
        groups = Counter(key(case) for case in held)
        agreeing = Counter(key(case) for case in held if case.agrees)
        for name, count in sorted(groups.items(), key=lambda item: (-item[1], item[0])):
            yield f"| {name} | {count} | {agreeing[name]} |"
    yield ""
    yield "## Where they disagree"
    yield ""
    yield "| report | image | driver, GPU | verdict | what happened |"
    yield "| --- | --- | --- | --- | --- |"
    for case in held:
        if not case.agrees:
            yield _disagreement(case)
    yield ""
    yield "## What was entered for which report"
    yield ""
    yield "| report | image | entered | known from | assumed |"
    yield "| --- | --- | --- | --- | --- |"
    for case in held:
        if case.facts or case.assumed:
            yield _entered(case)


def _disagreement(case: Held) -> str:
    report = case.report
    worker = ", ".join(str(part) for part in (report["driver"], report["gpu"]) if part) or "not given"
    verdict = f"{case.verdict.grade} {', '.join(case.codes)}".strip()
    happened = f"{report['outcome']}: {report['error'] or 'it ran'}. {report['note']}"
    return _row(report["source"], report["image"] or "not given", worker, verdict, happened)


def _entered(case: Held) -> str:
    facts = "; ".join(f"{fact.name} {_shortened(fact.value)}" for fact in case.facts)
    known = "; ".join(dict.fromkeys(fact.known_from for fact in case.facts))
    return _row(case.report["source"], case.report["image"] or "not given", facts, known, "; ".join(case.assumed))


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


GROUPINGS: dict[str, Callable[[Held], str]] = {
    "What decided the verdict": lambda case: ", ".join(case.codes) or f"nothing against it ({case.verdict.grade})",
    "What happened": lambda case: str(case.report["outcome"]),
    "The rule that the documented tables lack": lambda case: case.report.get("missing_rule") or "none",
}

INTRODUCTION = """\
# The judge against reality

Written by `make truth ARGS=--write`; a test keeps the number true.

**{headline}** with the verdict of the judge.
The reports come from public issue threads: an image, a driver, a GPU, and what happened.

* An image that ran agrees with `native`, `minor`, `forward` and `cpu`, and with `jit` where its build is known to embed
  PTX. One that failed, in whatever way, agrees with `no`, and with `jit` where the build is not known: it has no kernels
  for the GPU and is not matched. `unknown` never agrees.
* A fact was entered only where it is known from the image or the machine (its published configuration, the build list
  of its framework, the type of machine), never from what happened. Each is listed below with its source.
* Where a report gives no driver, the driver is the one that the image's CUDA release ships with, and where it gives no
  GPU, a data-centre GPU that the release supports: then no rule about the driver or the GPU speaks, and all others do.
  A driver given as a branch stands for the release of that branch in the table of CUDA releases.

What is left are mostly reports where the cause is in neither the image nor the worker as far as a catalogue knows them:
a fabric manager that was not running (only the error says so), container toolkits of 2018, WSL, functions that a virtual
GPU lacks (a caveat), GPUs that the report does not name, other libraries in the image than the framework, and one that
counts as running because nvidia-smi does.
"""


def main() -> int:
    """Prints the tables; with --write also writes docs/truth.md. The exit code is 1 where the reports are not there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write docs/truth.md")
    parser.add_argument("--reports", type=Path, default=REPORTS, help="the reports, one JSON object to a line")
    arguments = parser.parse_args()
    if not arguments.reports.is_file():
        print(f"There are no reports at {arguments.reports}; give another file with --reports.", file=sys.stderr)
        return 1
    held = hold(read_reports(arguments.reports), read_facts(), load())
    text = "\n".join(document(held)) + "\n"
    print(text)
    print(headline(held))
    if arguments.write:
        DOCUMENT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
