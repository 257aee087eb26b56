"""The summary of a match: the reasons against the images that do not match, and the single changes that would help.

A line counts the images that a reason blocks; its remedy is that of the image that needs the smallest change.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bayplan.domain.compatibility.bits import Bits, lowest
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.node_verdicts import Block, NodeVerdicts
from bayplan.domain.compatibility.question import MatchQuery, TaskImages
from bayplan.domain.compatibility.verdict import SEVERITY, Grade, Reason, ReasonCode
from bayplan.domain.versions import DriverVersion, read, sort_key

_RANKS = {code: rank for rank, code in enumerate(ReasonCode)}
_MOST_NAMES = 10


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
    least: dict[ReasonCode, tuple[tuple[bool, tuple[int, ...], int, int], Reason]] = {}
    for reason, blocked in blocking:
        # Sole reasons come first, then the smallest change, then the first image.
        alone = blocked & ~several
        rank = (not alone, _effort(reason), lowest(alone or blocked), SEVERITY[reason.grade])
        if reason.code not in least or rank < least[reason.code][0]:
            least[reason.code] = rank, reason
    remedies = _remedies(
        verdicts, {code: (rank[2], reason) for code, (rank, reason) in least.items()}, images & accepted
    )
    lines: list[SummaryLine] = []
    for code, blocked in sorted(by_code.items(), key=lambda item: (-item[1].bit_count(), _RANKS[item[0]])):
        (not_alone, *_), _ = least[code]
        remedy = remedies[code]
        if remedy is not None and not not_alone and not images & accepted:
            remedy += " That alone would give the first match."
        lines.append(SummaryLine(code, blocked.bit_count(), remedy))
    return tuple(lines)


def _blocking(verdicts: NodeVerdicts, grades: frozenset[Grade], rejected: Bits) -> Iterator[Block]:
    """The reasons that keep images from being accepted, each with the rejected images that it blocks."""
    for blocks, images in ((verdicts.general, rejected), (verdicts.gpu, rejected & verdicts.uses_gpu)):
        for reason, blocked in blocks:
            if reason.grade is not Grade.CAVEAT and reason.grade not in grades and (rest := blocked & images):
                yield reason, rest


def _remedies(
    verdicts: NodeVerdicts, reasons: Mapping[ReasonCode, tuple[int, Reason]], matches: Bits
) -> dict[ReasonCode, str | None]:
    """The remedy of each reason for the image at its place; only where there are matches it may name one of them."""
    places = [place for place, _ in reasons.values()]
    explained = [verdict for _, verdict in verdicts.explained(places)] if matches else verdicts.tried(places)
    return {
        code: next(
            (tried.remedy for tried in verdict.reasons if tried.code is code and tried.detail == reason.detail), None
        )
        for (code, (_, reason)), verdict in zip(reasons.items(), explained, strict=True)
    }


def _effort(reason: Reason) -> tuple[int, ...]:
    """The driver version that a reason requires; empty where it requires something else."""
    driver = read(DriverVersion.parse, (reason.needed or "").removeprefix(">="))
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
    if code is ReasonCode.NO_SUCH_TASK:
        value, plural = query.task, "tasks"
        names = set(index.attributes["task"].within(images))
    elif code is ReasonCode.NO_SUCH_DOMAIN:
        value, plural = query.domain, "domains"
        names = set(index.attributes["domain"].within(images))
    else:
        value, plural = query.framework, "frameworks"
        names = {
            f"{name} {version or ''}".strip()
            for name, version in index.attributes["framework"].within(images)
            if name is not None
        }
    others = query_without(query, code)
    existing = f"{plural} {others}: {_listed(names)}" if names else f"no image {others}"
    return SummaryLine(code, images.bit_count(), f"No image {others} has {value!r}; there are {existing}.")


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
