"""Which image runs on which worker, and why not: the judge, and the answer to a whole question.

`judge` is a pure function of an image, a worker, the tables and the day. `match` judges each distinct image of a
catalogue once, `verdicts_for_workers` each distinct worker, so the cost grows with what is distinct and not with
images times workers.
"""

import datetime
from collections.abc import Container, Iterable
from dataclasses import dataclass
from itertools import chain, islice

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.index import CatalogueImage, CatalogueIndex, MatchQuery
from bayplan.domain.compatibility.judge import judge, judge_parsed
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.summary import SummaryLine, summarize, summarize_nothing
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, ORDER, REASON_CODES, Grade, Reason, Verdict

__all__ = [
    "MATCHED_BY_DEFAULT",
    "REASON_CODES",
    "CatalogueImage",
    "CatalogueIndex",
    "Grade",
    "MatchQuery",
    "MatchResult",
    "Reason",
    "SummaryLine",
    "Verdict",
    "judge",
    "match",
    "verdicts_for_nodes",
]


@dataclass(frozen=True, slots=True)
class MatchResult:
    """What a question gives: how many images were looked at, those that match, best first, and all others."""

    considered: int
    matches: tuple[tuple[int, Verdict], ...]
    rejected: tuple[tuple[int, Verdict], ...]
    summary: tuple[SummaryLine, ...]


def match(
    question: MatchQuery,
    catalogue: CatalogueIndex,
    tables: Tables,
    today: datetime.date,
    eligible: Container[int] | None = None,
    *,
    limit: int | None = None,
    explain: bool = True,
) -> MatchResult:
    """The images for a question. Deleted images are not considered, nor those whose pk is not in `eligible`.

    Order of both lists: the grade, the newest framework version, the newest CUDA, the newest image version, the pk.
    At most `limit` matches are given; without `explain` nothing of what was rejected but the summary.
    Raises Invalid at `framework` for a version specifier that pip would not take.
    """
    selected = catalogue.select(question, eligible)
    verdicts = catalogue.verdicts(question.worker.needs(), tables, today)
    by_grade: dict[Grade, list[tuple[int, int]]] = {grade: [] for grade in ORDER}
    append = [by_grade[verdict.grade].append for verdict in verdicts]
    for image in selected.images:
        append[image[1]](image)
    accepted = chain.from_iterable(by_grade[grade] for grade in ORDER if grade in question.grades)
    others = chain.from_iterable(by_grade[grade] for grade in ORDER if explain and grade not in question.grades)
    matches = tuple((pk, verdicts[need]) for pk, need in islice(accepted, limit))
    rejected = tuple((pk, verdicts[need]) for pk, need in others)
    summary = (
        summarize(question, verdicts, selected.counts)
        if selected.images
        else summarize_nothing(question, catalogue, eligible)
    )
    return MatchResult(len(selected.images), matches, rejected, summary)


def verdicts_for_nodes(
    image: Image, workers: Iterable[tuple[int, Node]], tables: Tables, today: datetime.date
) -> tuple[tuple[int, Verdict], ...]:
    """One image on many workers, each with its key, in the order given; every distinct worker is judged once."""
    requirements = ImageRequirements(image, tables)
    known: dict[Node, Verdict] = {}
    answer: list[tuple[int, Verdict]] = []
    for key, worker in workers:
        needs = worker.needs()
        verdict = known.get(needs)
        if verdict is None:
            verdict = known[needs] = judge_parsed(requirements, NodeCapabilities(needs, tables), today)
        answer.append((key, verdict))
    return tuple(answer)
