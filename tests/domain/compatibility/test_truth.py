"""The judge against the real reports: at least what is promised."""

import csv
from collections import Counter

import pytest
from benchmarks.truth.__main__ import DOCUMENT, compare_all
from benchmarks.truth.compare import read_fixes
from benchmarks.truth.document import WOULD_HAVE_TAKEN, Compared, document, key_of, share
from benchmarks.truth.reports import FACTS, REPORT_SETS, FoundBy, Knowledge, read_reports

pytestmark = pytest.mark.skipif(
    not all(path.is_file() for path in REPORT_SETS.values()), reason="the real reports are not here"
)

LEAST_SHARE = {
    ("older", Knowledge.ALL): 0.85,
    ("newer", Knowledge.ALL): 0.70,
    ("newer", Knowledge.NOTHING_TYPED): 0.68,
    ("fresh", Knowledge.ALL): 0.78,
    ("fresh", Knowledge.NOTHING_TYPED): 0.76,
}


@pytest.fixture(scope="module")
def compared() -> Compared:
    """Every report, however much is known."""
    return compare_all()


@pytest.mark.parametrize(("name", "knowledge"), list(LEAST_SHARE))
def test_verdicts_agree_with_what_happened(compared: Compared, name: str, knowledge: Knowledge) -> None:
    assert share(compared[name][knowledge]) >= LEAST_SHARE[name, knowledge]


def test_every_disagreement_says_once_what_it_would_have_taken(compared: Compared) -> None:
    disagreements = {
        key_of(comparison)
        for by_knowledge in compared.values()
        for comparison in by_knowledge[Knowledge.ALL]
        if comparison.undecidable is None and not comparison.agrees
    }
    with WOULD_HAVE_TAKEN.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert Counter((row["source"], row["image"], row["gpu"]) for row in rows) == Counter(disagreements)
    assert all(row["would_have_taken"] for row in rows)


def test_the_page_is_what_was_measured(compared: Compared) -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == "\n".join(document(compared)) + "\n"


def test_every_fact_is_for_a_report_and_says_where_it_is_known_from() -> None:
    reports = [report for path in REPORT_SETS.values() for report in read_reports(path)]
    images = {(report["source"], report["image"] or "") for report in reports}
    gpus = {(report["source"], report["image"] or "", report["gpu"]) for report in reports}
    with FACTS.open(encoding="utf-8", newline="") as file:
        facts = list(csv.DictReader(file))
    assert facts
    for fact in facts:
        assert (fact["source"], fact["image"]) in images
        assert not fact["gpu"] or (fact["source"], fact["image"], fact["gpu"]) in gpus
        assert FoundBy(fact["found_by"])
        assert fact["value"]
        assert fact["known_from"]


def test_every_report_that_says_what_fixed_it_is_asked_for_its_remedy() -> None:
    reports = [report for path in REPORT_SETS.values() for report in read_reports(path)]
    fixed = {(report["source"], report["image"] or "") for report in reports if report.get("fixed_by")}
    assert fixed == set(read_fixes())
