"""The lines of docs/truth.md."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from benchmarks.truth.compare import Comparison
from benchmarks.truth.reports import Knowledge

WOULD_HAVE_TAKEN = Path(__file__).with_name("disagreements.csv")

Compared = Mapping[str, Mapping[Knowledge, list[Comparison]]]
"""All comparisons: by the set of reports, and by how much was known."""


def share(comparisons: Iterable[Comparison]) -> float:
    """The share of the decidable reports that agree."""
    decided = [comparison for comparison in comparisons if not comparison.undecidable]
    return sum(comparison.agrees for comparison in decided) / len(decided) if decided else 1.0


def led_to_the_fix(comparisons: Iterable[Comparison]) -> tuple[int, int]:
    """Of the reports that say what fixed them: how many remedies lead there, and how many there are."""
    fixed = [comparison for comparison in comparisons if comparison.fix is not None]
    return sum(comparison.is_led_to_the_fix for comparison in fixed), len(fixed)


def summary(compared: Compared) -> Iterator[str]:
    """The table of agreement."""
    yield "| reports | " + " | ".join(Knowledge) + " | not decidable | remedies that lead to the fix |"
    yield "| --- | " + "---: | " * len(Knowledge) + "---: | ---: |"
    for name, by_knowledge in compared.items():
        for vendor, chosen in _VENDORS.items():
            every = {knowledge: list(filter(chosen, known)) for knowledge, known in by_knowledge.items()}
            if not every[Knowledge.ALL]:
                continue
            undecidable = sum(comparison.undecidable is not None for comparison in every[Knowledge.ALL])
            led, fixed = led_to_the_fix(every[Knowledge.ALL])
            yield _row(
                f"{name}, {vendor}",
                *(_agreement(known) for known in every.values()),
                str(undecidable),
                f"{led} of {fixed}" if fixed else "",
            )


_VENDORS: dict[str, Callable[[Comparison], bool]] = {
    "all": lambda _: True,
    "NVIDIA": lambda comparison: not comparison.is_amd,
    "AMD": lambda comparison: comparison.is_amd,
}


def _agreement(comparisons: Iterable[Comparison]) -> str:
    decided = [comparison for comparison in comparisons if not comparison.undecidable]
    agreeing = sum(comparison.agrees for comparison in decided)
    return f"{agreeing} of {len(decided)} ({agreeing / len(decided):.0%})" if decided else "0 of 0"


def document(compared: Compared) -> Iterator[str]:
    """The whole page."""
    yield from INTRODUCTION.splitlines()
    yield ""
    yield from summary(compared)
    would_have_taken = read_would_have_taken()
    for name, by_knowledge in compared.items():
        yield from _set(name, by_knowledge[Knowledge.ALL], would_have_taken)


def _set(
    name: str, comparisons: list[Comparison], would_have_taken: Mapping[tuple[str, str, str], str]
) -> Iterator[str]:
    decided = [comparison for comparison in comparisons if not comparison.undecidable]
    yield from ("", f"## The {name} reports")
    for title, key in _GROUPINGS.items():
        yield from ("", f"| {title} | reports | agree |", "| --- | ---: | ---: |")
        groups = Counter(key(comparison) for comparison in decided)
        agreeing = Counter(key(comparison) for comparison in decided if comparison.agrees)
        for group, count in sorted(groups.items(), key=lambda item: (-item[1], item[0])):
            yield _row(group, str(count), str(agreeing[group]))
    yield from ("", f"### Where they disagree ({name})", "")
    yield "| report | image | driver, GPU | verdict | what happened | what it would have taken |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for comparison in decided:
        if not comparison.agrees:
            yield _disagreement(comparison, would_have_taken.get(key_of(comparison), ""))
    yield from ("", f"### Not decidable ({name})", "", "| report | image | why |", "| --- | --- | --- |")
    for comparison in comparisons:
        if comparison.undecidable:
            yield _row(*_of(comparison), comparison.undecidable)
    if any(comparison.fix for comparison in comparisons):
        yield from ("", f"### What fixed them ({name})", "")
        yield "| report | image | what fixed it | remedy | leads there |"
        yield "| --- | --- | --- | --- | --- |"
        for comparison in comparisons:
            if comparison.fix is not None:
                yield _fixed(comparison)
    yield from ("", f"### What was entered for which report ({name})", "")
    yield "| report | image | entered | known from | assumed |"
    yield "| --- | --- | --- | --- | --- |"
    for comparison in comparisons:
        if comparison.facts or comparison.assumed:
            yield _entered(comparison)


def key_of(comparison: Comparison) -> tuple[str, str, str]:
    """The report's source, image and GPU."""
    report = comparison.report
    return report["source"], report["image"] or "", report["gpu"] or ""


def read_would_have_taken(path: Path = WOULD_HAVE_TAKEN) -> dict[tuple[str, str, str], str]:
    """What a right verdict would have taken, for the reports that disagree."""
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["source"], row["image"], row["gpu"]): row["would_have_taken"] for row in csv.DictReader(file)}


def _disagreement(comparison: Comparison, would_have_taken: str) -> str:
    report = comparison.report
    machine = ", ".join(str(part) for part in (report["driver"], report["gpu"]) if part) or "not given"
    verdict = f"{comparison.verdict.grade} {', '.join(comparison.codes)}".strip()
    happened = f"{report['outcome']}: {report['error'] or 'it ran'}. {report['note']}"
    return _row(*_of(comparison), machine, verdict, happened, would_have_taken)


def _fixed(comparison: Comparison) -> str:
    assert comparison.fix is not None
    remedies = dict.fromkeys(str(reason.remedy) for reason in comparison.deciding if reason.remedy is not None)
    leads = "yes" if comparison.is_led_to_the_fix else "no"
    return _row(*_of(comparison), comparison.fix.what, " ".join(remedies), leads)


def _entered(comparison: Comparison) -> str:
    facts = "; ".join(f"{fact.name} {_shortened(fact.value)} ({fact.found_by})" for fact in comparison.facts)
    known = "; ".join(dict.fromkeys(fact.known_from for fact in comparison.facts))
    return _row(*_of(comparison), facts, known, "; ".join(comparison.assumed))


def _of(comparison: Comparison) -> tuple[str, str]:
    return comparison.report["source"], comparison.report["image"] or "not given"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


_GROUPINGS: dict[str, Callable[[Comparison], str]] = {
    "What decided the verdict": lambda comparison: (
        ", ".join(comparison.codes) or f"nothing against it ({comparison.verdict.grade})"
    ),
    "What happened": lambda comparison: str(comparison.report["outcome"]),
    "What the report is about": lambda comparison: comparison.report.get("missing_rule") or "driver, CUDA or kernels",
}

INTRODUCTION = """\
# The judge against reality

Written by `make truth ARGS=--write`.

The judge is compared with real reports from public issue threads. A report names an image, a driver, a GPU, and what happened.
Most reports of the older set are from before 2025; those of the newer set are from 2025 and 2026. The fresh set has reports of all years.
It was collected on 29 November 2026, after the rules were written, and was complete before the judge ran. No rule and no table
was changed for it. 42 of its 54 decidable reports agreed. Afterwards, one missing fact of a scan was entered (a wheel of PyTorch
for arm64 has no code for GPUs).

* **Agreement.** If the image ran, the verdicts `native`, `minor`, `forward` and `cpu` agree; `jit` agrees if the build is known
  to embed PTX. If the image failed, in whatever way, the verdict `no` agrees; `jit` agrees if the build is not known, since such an
  image has no kernels for the GPU and is not matched. `unknown` never agrees.
* **Columns.** *The report alone* uses what the author wrote, and what the name of the image says. *Nothing typed* adds what the image's
  configuration, a scan of its files, bayplan's tables and the agent on the machine say. *All facts* adds what only a
  person knows, such as the driver that an application's documentation asks for.
* **Facts.** A fact was entered only if it is known from the image or the machine (the image's published configuration, the build
  list of its framework, the type of machine), and never from what happened. The lists below have each fact, who finds it, and its source.
* **Drivers.** If a report gives no driver, the driver is the one that the image's CUDA release ships with. So no rule about the
  driver applies, but all others do. If a report gives only a driver's branch, the driver is the release of that branch in the table
  of CUDA releases.
* **Not decidable.** If a report names no GPU, the judge tries a data-centre GPU, a GeForce and a workstation GPU that the release
  supports. If the verdict depends on which, the report is not decidable. Neither is a report in which only the error tells the
  state of the machine, or one in which only nvidia-smi ran. Such reports are listed, and not counted.
* **Remedies.** A remedy leads to the fix if it names what the report says has fixed it, whatever the verdict. We wrote the patterns
  for this (`benchmarks/truth/fixes.csv`) and the words of the remedies, and knew these reports: we reworded two remedies after this
  comparison ("nearest CUDA" and "older ROCm"). So the column shows that the remedies cover these fixes; it does not show how
  they do on other reports."""
