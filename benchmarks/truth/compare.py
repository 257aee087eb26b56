"""A verdict against what happened: it agrees, it does not, or the report does not say enough to decide."""

import csv
import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import Grade, Reason, Verdict
from benchmarks.truth.reports import Fact, Facts, Knowledge, Report, facts_of, image_of, machines_of

TODAY = datetime.date(2026, 1, 1)  # no report is about an end of life
RUNS = frozenset({Grade.NATIVE, Grade.MINOR, Grade.FORWARD, Grade.CPU})
FIXES = Path(__file__).with_name("fixes.csv")

NO_GPU_GIVEN = "the report does not name its GPU, and the verdict depends on it"
ONLY_NVIDIA_SMI = "only nvidia-smi was run, which uses no kernel"
KNOWN_BY_ERROR = {
    "fabric_manager": ("fabric_ready", "the state of the fabric is known only from the error"),
    "toolkit_mode": ("cdi_driver_version", "what the CDI specification has is known only from the error"),
}
"""What a report is about, the fact of the machine that decides it, and why it cannot be decided without."""


@dataclass(frozen=True)
class Fix:
    """What fixed a report, and how a remedy that leads there reads."""

    words: re.Pattern[str]
    what: str


@dataclass(frozen=True)
class Comparison:
    """A report, the facts that counted, and the verdict on each machine that it may have been."""

    report: Report
    facts: tuple[Fact, ...]
    assumed: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    fix: Fix | None

    @property
    def undecidable(self) -> str | None:
        """Why the report cannot be decided; None where it can."""
        about = self.report.get("missing_rule")
        if about == "smi_is_no_proof":
            return ONLY_NVIDIA_SMI
        if about in KNOWN_BY_ERROR:
            name, why = KNOWN_BY_ERROR[about]
            if all(fact.name != name for fact in self.facts):
                return why
        return None if len({self._agrees(verdict) for verdict in self.verdicts}) == 1 else NO_GPU_GIVEN

    @property
    def verdict(self) -> Verdict:
        """The verdict, on the first of the machines."""
        return self.verdicts[0]

    @property
    def agrees(self) -> bool:
        """Whether what happened is what the verdict says; `unknown` never agrees."""
        return self._agrees(self.verdict)

    def _agrees(self, verdict: Verdict) -> bool:
        """Whether a verdict agrees.

        An image that ran agrees with the grades that are matched by default, and with `jit` where its build is known
        to embed PTX. One that did not run agrees with `no`, and with `jit` where the build is not known: such an
        image is not matched, because it has no kernels for the GPU.
        """
        ran = bool(self.report["outcome"] == "runs")
        if verdict.grade is Grade.JIT:
            return any(reason.code == "gpu_not_in_build" for reason in verdict.reasons) == ran
        return verdict.grade in (RUNS if ran else {Grade.NO})

    @property
    def deciding(self) -> tuple[Reason, ...]:
        """The reasons that decide the grade."""
        return tuple(reason for reason in self.verdict.reasons if reason.grade is self.verdict.grade)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the reasons that decide the grade."""
        return tuple(sorted({reason.code for reason in self.deciding}))

    @property
    def is_led_to_the_fix(self) -> bool:
        """Whether a remedy leads to what fixed it."""
        assert self.fix is not None
        remedies = [reason.remedy for reason in self.verdict.reasons if reason.remedy is not None]
        return any(self.fix.words.search(str(remedy)) for remedy in remedies)

    @property
    def is_amd(self) -> bool:
        """Whether the GPU is AMD's."""
        return self.report.get("vendor") == "amd"


def compare(reports: Iterable[Report], facts: Facts, tables: Tables, knowledge: Knowledge) -> list[Comparison]:
    """Every report with its verdicts, in their order."""
    fixes = read_fixes()
    return [_compare(report, facts, tables, knowledge, fixes) for report in reports]


def _compare(
    report: Report, facts: Facts, tables: Tables, knowledge: Knowledge, fixes: dict[tuple[str, str], Fix]
) -> Comparison:
    counted = tuple(fact for fact in facts_of(report, facts) if knowledge.has(fact))
    image = image_of(report, counted)
    machines = machines_of(report, counted, image, tables)
    verdicts = tuple(judge(image, machine.node, tables, TODAY) for machine in machines)
    fix = fixes.get((report["source"], report["image"] or ""))
    return Comparison(report, counted, machines[0].assumed, verdicts, fix)


def read_fixes(path: Path = FIXES) -> dict[tuple[str, str], Fix]:
    """What fixed a report, by its source and image."""
    with path.open(encoding="utf-8", newline="") as file:
        return {
            (row["source"], row["image"]): Fix(re.compile(row["words"], re.IGNORECASE), row["what"])
            for row in csv.DictReader(file)
        }
