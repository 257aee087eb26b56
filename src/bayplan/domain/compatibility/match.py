"""Matches: the images of a catalogue that run on a node, and the reasons against the others."""

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from bayplan.domain.compatibility.bits import Bits, from_places
from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.judge import judge_parsed
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.node_verdicts import NodeVerdicts
from bayplan.domain.compatibility.question import MatchQuery, TaskImages
from bayplan.domain.compatibility.rules import RULES, RuleSet
from bayplan.domain.compatibility.summary import SummaryLine, summarize, summarize_nothing
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, ORDER, Grade, Remedy, Verdict
from bayplan.domain.framework_spec import framework_key

EVERY = slice(None)
"""A whole list."""


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The number of images considered, the matches, best first, all other images, and the summary of the reasons against them."""

    considered: int
    matches: tuple[tuple[int, Verdict], ...]
    rejected: tuple[tuple[int, Verdict], ...]
    summary: tuple[SummaryLine, ...]
    grades: Mapping[Grade, int] = field(default_factory=dict, compare=False)
    """How many of the considered images have each grade that some have, the best grade first."""


def match(
    query: MatchQuery,
    index: CatalogueIndex,
    today: datetime.date,
    eligible: Bits | None = None,
    *,
    limit: int | None = None,
    limit_per_framework: int | None = None,
    explain: bool = True,
    rejected: slice = EVERY,
) -> MatchResult:
    """The matches of a query among the eligible images; None: all images.

    Both lists are in the order of matches: by grade, then by `bayplan.domain.compatibility.order`. There are at most
    `limit` matches, and `limit_per_framework` of each framework; without `explain` the rejected images are in the summary
    alone, with it those of the part `rejected` of their list are there.
    Raises Invalid at `framework` for a version specifier that pip would not take.
    """
    eligible = index.every if eligible is None else eligible
    images = TaskImages.of(query, index).together(eligible)
    if not images:
        return MatchResult(0, (), (), summarize_nothing(query, index, eligible))
    verdicts = index.verdicts(query.node, today)
    others = frozenset(ORDER) - query.grades
    if limit_per_framework is None:
        best = verdicts.best(images, query.grades, limit)
    else:
        best = verdicts.best(_best_of_each(verdicts, index, images, query, limit_per_framework), query.grades, limit)
    return MatchResult(
        images.bit_count(),
        verdicts.explained(best),
        verdicts.explained(verdicts.best(images, others, rejected.stop)[rejected]) if explain else (),
        summarize(query, verdicts, images),
        {grade: count for grade in ORDER if (count := (verdicts.grades.get(grade, 0) & images).bit_count())},
    )


def _best_of_each(verdicts: NodeVerdicts, index: CatalogueIndex, images: Bits, query: MatchQuery, most: int) -> Bits:
    """The best matches of each framework, so many at most; whatever the spelling of its name."""
    by_framework: dict[str, Bits] = {}
    for (name, _), members in index.attributes["framework"].split(images):
        key = framework_key(name or "")
        by_framework[key] = by_framework.get(key, 0) | members
    best = [place for members in by_framework.values() for place in verdicts.best(members, query.grades, most)]
    return from_places(best, len(index))


def verdicts_for_nodes(
    image: Image,
    nodes: Iterable[tuple[int, Node]],
    tables: Tables,
    today: datetime.date,
    rules: RuleSet = RULES,
    *,
    sibling: Callable[[Node], Remedy | None] = lambda _: None,
) -> tuple[tuple[int, Verdict], ...]:
    """One image on many nodes, each with its key, in their order; every kind of node is judged once.

    `sibling` gives the image to use instead on a node where this one does not run (`sibling_of`).
    """
    requirements = ImageRequirements(image, tables)
    by_kind: dict[Node, Verdict] = {}
    answer: list[tuple[int, Verdict]] = []
    for key, node in nodes:
        kind = rules.kind(node)
        verdict = by_kind.get(kind)
        if verdict is None:
            capabilities = NodeCapabilities(kind, tables)
            verdict = judge_parsed(requirements, capabilities, today, rules, partial(sibling, kind))
            by_kind[kind] = verdict
        answer.append((key, verdict))
    return tuple(answer)


def run_by_some(index: CatalogueIndex, nodes: Iterable[Node], today: datetime.date) -> Bits:
    """The images that at least one of these nodes runs by a grade that is matched by default."""
    images = 0
    for kind in dict.fromkeys(map(index.rules.kind, nodes)):
        images |= index.verdicts(kind, today).of_grades(MATCHED_BY_DEFAULT)
        if images == index.every:
            break
    return images


def sibling_of(pk: int, index: CatalogueIndex, today: datetime.date) -> Callable[[Node], Remedy | None]:
    """The image of an index that runs on a node in place of the one with that pk; None for none."""
    place = index.order.place(pk)

    def sibling(node: Node) -> Remedy | None:
        return None if place is None else index.verdicts(node, today).siblings.of([place]).get(place)

    return sibling
