"""The summary of a match: the reasons against the images that do not match, and the single changes that would help.

A line counts the images that a reason blocks; its remedy is that of the image that needs the smallest change.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from heapq import nsmallest
from operator import itemgetter

from bayplan.domain.compatibility.bits import Bits, lowest
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.node_verdicts import NodeVerdicts
from bayplan.domain.compatibility.question import MatchQuery, TaskImages
from bayplan.domain.compatibility.verdict import SEVERITY, Grade, Reason, ReasonCode, Verdict
from bayplan.domain.framework_spec import FrameworkSpec, framework_key
from bayplan.domain.nearest import did_you_mean
from bayplan.domain.versions import DriverVersion, read, sort_key

_RANKS = {code: rank for rank, code in enumerate(ReasonCode)}
_MOST_NAMES = 10
_MOST_TRIED = 3
_VERSION = re.compile(r"[<>=!~:\d]")

Rank = tuple[bool, tuple[int, ...], int, int]
"""The rank of a reason among those of its code: whether it is nowhere the only one, what it requires, its first image, its grade."""
_RANK = itemgetter(0)


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """A reason code, the number of images that it blocks, and a remedy."""

    code: ReasonCode
    images: int
    remedy: str | None


def summarize(query: MatchQuery, verdicts: NodeVerdicts, images: Bits) -> tuple[SummaryLine, ...]:
    """The lines for those of the images that are not accepted, most frequent first."""
    accepted = verdicts.of_grades(query.grades)
    blocking = list(_blocking(verdicts, query.grades, images & ~accepted))
    by_code: dict[ReasonCode, Bits] = {}
    for reason, blocked in blocking:
        by_code[reason.code] = by_code.get(reason.code, 0) | blocked
    once = several = 0  # images that a single code blocks, and that several codes block
    for blocked in by_code.values():
        several |= once & blocked
        once |= blocked
    ranked: dict[ReasonCode, list[tuple[Rank, Reason]]] = {code: [] for code in by_code}
    for reason, blocked in blocking:
        # Sole reasons come first, then the smallest change, then the first image.
        alone = blocked & ~several
        rank = (not alone, _effort(reason.needed), lowest(alone or blocked), SEVERITY[reason.grade])
        ranked[reason.code].append((rank, reason))
    if images & accepted:
        remedies = _remedies_beside_matches(verdicts, {code: min(some, key=_RANK) for code, some in ranked.items()})
    else:
        remedies = {code: _first_match(query, verdicts, some) for code, some in ranked.items()}
    order = sorted(by_code.items(), key=lambda item: (-item[1].bit_count(), _RANKS[item[0]]))
    return tuple(SummaryLine(code, blocked.bit_count(), remedies[code]) for code, blocked in order)


def _blocking(verdicts: NodeVerdicts, grades: frozenset[Grade], rejected: Bits) -> Iterator[tuple[Reason, Bits]]:
    """The reasons that keep images from being accepted, each with the rejected images that it blocks."""
    for blocks, images in ((verdicts.general, rejected), (verdicts.gpu, rejected & verdicts.uses_gpu)):
        for reason, blocked, _ in blocks:
            if reason.grade is not Grade.CAVEAT and reason.grade not in grades and (rest := blocked & images):
                yield reason, rest


def _remedies_beside_matches(
    verdicts: NodeVerdicts, reasons: Mapping[ReasonCode, tuple[Rank, Reason]]
) -> dict[ReasonCode, str | None]:
    """The remedy of each reason for the image of its rank, which may name a match."""
    explained = verdicts.explained([place for (_, _, place, _), _ in reasons.values()])
    return {
        code: _tried(verdict, reason).remedy
        for (code, (_, reason)), (_, verdict) in zip(reasons.items(), explained, strict=True)
    }


def _first_match(query: MatchQuery, verdicts: NodeVerdicts, ranked: list[tuple[Rank, Reason]]) -> str | None:
    """The remedy of the first of these reasons that gives a match; where none of the first few does, that of the first."""
    first: str | None = None
    by_detail: dict[str, tuple[Rank, Reason]] = {}
    for item in ranked:
        by_detail[item[1].detail] = min(item, by_detail.get(item[1].detail, item), key=_RANK)
    for (_, _, place, _), reason in nsmallest(_MOST_TRIED, by_detail.values(), key=_RANK):
        tried = _tried(verdicts.without_siblings(place), reason)
        first = first or tried.remedy
        changes = [remedy for remedy in tried.remedies if not remedy.is_advice]
        if changes and all(verdicts.grade_after(place, remedy) in query.grades for remedy in changes):
            alone = "That" if any(", and " in remedy.text for remedy in changes) else "That alone"
            return f"{tried.remedy} {alone} would give the first match."
    return first


def _tried(verdict: Verdict, reason: Reason) -> Reason:
    """The reason of a verdict whose remedies were tried, from the one that the rule gave."""
    return next(tried for tried in verdict.reasons if (tried.code, tried.detail) == (reason.code, reason.detail))


@lru_cache(maxsize=1024)
def _effort(needed: str | None) -> tuple[int, ...]:
    """The driver version that a reason requires; empty where it requires something else."""
    driver = read(DriverVersion.parse, (needed or "").removeprefix(">="))
    return () if driver is None else driver.parts


def summarize_nothing(query: MatchQuery, index: CatalogueIndex, among: Bits) -> tuple[SummaryLine, ...]:
    """Which of task, domain and framework no image has, and what exists instead.

    Where each exists, but not together: those whose change alone would give an image.
    """
    task_images = TaskImages.of(query, index)
    parts = {
        ReasonCode.NO_SUCH_TASK: (task_images.task, replace(task_images, task=None)),
        ReasonCode.NO_SUCH_DOMAIN: (task_images.domain, replace(task_images, domain=None)),
        ReasonCode.NO_SUCH_FRAMEWORK: (task_images.framework, replace(task_images, framework=None)),
    }
    lines = [
        _instead(code, query, index, others.together(among))
        for code, (images, others) in parts.items()
        if images is not None
    ]
    if any(line.images for line in lines):
        return tuple(sorted((line for line in lines if line.images), key=lambda line: -line.images))
    missing = [line.code for line in lines if not (parts[line.code][0] or 0) & among]
    return tuple(
        replace(_instead(code, query, index, among), images=0) for code in missing or [line.code for line in lines]
    )


def _instead(code: ReasonCode, query: MatchQuery, index: CatalogueIndex, images: Bits) -> SummaryLine:
    others = query_without(query, code)
    if code is ReasonCode.NO_SUCH_FRAMEWORK:
        value, plural = query.framework or "", "frameworks"
        frameworks = {pair for pair in index.attributes["framework"].within(images) if pair[0] is not None}
        spec = FrameworkSpec.parse(value)
        same = {pair for pair in frameworks if any(named.key == framework_key(pair[0]) for named in spec.alternatives)}
        if not same:  # another name; versions do not make it nearer
            near = did_you_mean(_VERSION.split(value)[0], sorted({str(name) for name, _ in frameworks}))
        else:
            near, frameworks = "", same
        names = {f"{name} {version or ''}".strip() for name, version in frameworks}
    else:
        attribute, value, plural = (
            ("task", query.task or "", "tasks")
            if code is ReasonCode.NO_SUCH_TASK
            else ("domain", query.domain or "", "domains")
        )
        names = set(index.attributes[attribute].within(images))
        near = did_you_mean(value, sorted(names))
    singular = plural.removesuffix("s")
    missing = f"No image {others} has the {singular} {value!r}{f'; {near}' if near else '.'}"
    existing = (
        f"Images {others} have the {plural if len(names) > 1 else singular} {_listed(names)}."
        if names
        else f"There is no image {others}."
    )
    return SummaryLine(code, images.bit_count(), f"{missing} {existing}")


def query_without(query: MatchQuery, code: ReasonCode) -> str:
    """The rest of a query in words: "of the domain od with pytorch"; "in the catalogue" where nothing is left."""
    parts = [
        "" if query.task is None or code is ReasonCode.NO_SUCH_TASK else f"for {query.task}",
        "" if query.domain is None or code is ReasonCode.NO_SUCH_DOMAIN else f"of the domain {query.domain}",
        "" if query.framework is None or code is ReasonCode.NO_SUCH_FRAMEWORK else f"with {query.framework}",
    ]
    return " ".join(part for part in parts if part) or "in the catalogue"


def _listed(names: set[str]) -> str:
    once = {name.casefold(): name for name in sorted(names, reverse=True)}
    ordered = [once[key] for key in sorted(once, key=sort_key)]
    more = f" and {len(ordered) - _MOST_NAMES} more" if len(ordered) > _MOST_NAMES else ""
    return ", ".join(ordered[:_MOST_NAMES]) + more
