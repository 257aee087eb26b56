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

Real reports from public issue threads: an image, a driver, a GPU, and what happened. The older set is from before 2025
for the most part, the newer one of 2025 and 2026. The fresh set is of all years. It was collected on 29 November 2026, after
the rules, and was complete before the judge ran; no rule and no table was changed for it. 42 of its 54 decidable reports
agreed. One fact of a scan was missing (a wheel of PyTorch for arm64 without code for GPUs), and was entered afterwards.

* An image that ran agrees with `native`, `minor`, `forward` and `cpu`, and with `jit` where its build is known to embed
  PTX. One that failed, in whatever way, agrees with `no`, and with `jit` where the build is not known: it has no kernels
  for the GPU and is not matched. `unknown` never agrees.
* *The report alone* is what its author wrote, and what the name of the image says. *Nothing typed* adds what an image's
  configuration, a scan of its files, bayplan's tables and the agent on the machine say. *All facts* adds what only a
  person knows, such as the driver that an application asks for in its documentation.
* A fact was entered only where it is known from the image or the machine (its published configuration, the build list
  of its framework, the type of machine), never from what happened. Each is listed below: who finds it, and its source.
* Where a report gives no driver, the driver is the one that the image's CUDA release ships with: so no rule about the
  driver applies, and all others do. A driver given as a branch stands for the release of that branch in the table of
  CUDA releases.
* Where a report names no GPU, it is judged on a data-centre GPU, a GeForce and a workstation GPU that the release supports. If
  the answer depends on which, the report is not decidable; it is listed and not counted. So is one where only the
  error tells the state of the machine, and one that ran nothing but nvidia-smi.
* A remedy leads to the fix where it names what the report says has fixed it, whatever the verdict. The patterns that
  say so (`benchmarks/truth/fixes.csv`) and the words of the remedies were both written by us, with these reports known:
  two remedies were reworded after this comparison ("nearest CUDA" and "older ROCm"). The column says that
  the remedies cover these fixes, and not how they do on others."""
