"""What stood in the way of all the images that do not match, and which single change would help.

A list of two hundred refusals says less than one line: the driver. A line counts the images that a reason blocks, and
its remedy is that of the image which needs least.
"""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

from bayplan.domain.compatibility.index import CatalogueIndex, IndexedImage, MatchQuery, TaskFilter
from bayplan.domain.compatibility.verdict import REASON_CODES, Grade, Reason, Verdict
from bayplan.domain.versions import DriverVersion, read, sort_key

_RANKS = {code: rank for rank, code in enumerate(REASON_CODES)}
_MOST_NAMES = 10


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """A reason code, how many images it stood in the way of, and what would change that."""

    code: str
    images: int
    remedy: str | None


def summarize(question: MatchQuery, verdicts: Sequence[Verdict], counts: Mapping[int, int]) -> tuple[SummaryLine, ...]:
    """The lines for the images that are not accepted, most frequent first; `counts` has how many images share a need."""
    blocked: Counter[str] = Counter()
    least: dict[str, tuple[bool, tuple[int, ...], Reason]] = {}
    any_match = False
    for need, count in counts.items():
        verdict = verdicts[need]
        if verdict.grade in question.grades:
            any_match = True
            continue
        blocking = [
            reason
            for reason in verdict.reasons
            if reason.grade is not Grade.CAVEAT and reason.grade not in question.grades
        ]
        codes = {reason.code for reason in blocking}
        blocked.update(dict.fromkeys(codes, count))
        for reason in blocking:
            # What alone is in the way comes first, then what needs least.
            rank = (len(codes) > 1, _effort(reason), reason)
            if reason.code not in least or rank[:2] < least[reason.code][:2]:
                least[reason.code] = rank
    lines: list[SummaryLine] = []
    for code, count in sorted(blocked.items(), key=lambda item: (-item[1], _RANKS[item[0]])):
        others, _, reason = least[code]
        remedy = reason.remedy
        if remedy is not None and not others and not any_match:
            remedy += " That alone would give the first match."
        lines.append(SummaryLine(code, count, remedy))
    return tuple(lines)


def _effort(reason: Reason) -> tuple[int, ...]:
    """How new a driver a reason asks for; nothing where it asks for something else."""
    driver = read(DriverVersion.parse, (reason.needed or "").removeprefix(">="))
    return () if driver is None else driver.parts


def summarize_nothing(
    question: MatchQuery, catalogue: CatalogueIndex, eligible: Container[int] | None
) -> tuple[SummaryLine, ...]:
    """Which of task, domain and framework no image has, and what exists instead.

    Where each exists, but not together: those whose change alone would give an image.
    """
    entries = [entry for entry in catalogue.entries if eligible is None or entry.pk in eligible]
    requirements = TaskFilter.of(question.task, question.domain, question.framework)
    without = {
        "no_such_task": replace(requirements, task=None),
        "no_such_domain": replace(requirements, domain=None),
        "no_such_framework": replace(requirements, framework=None, versions=None),
    }
    asked = [code for code, other in without.items() if other != requirements]
    lines = [_instead(code, question, [entry for entry in entries if without[code].takes(entry)]) for code in asked]
    if any(line.images for line in lines):
        return tuple(sorted((line for line in lines if line.images), key=lambda line: -line.images))
    missing = [code for code in asked if not any(_only(requirements, code).takes(entry) for entry in entries)]
    return tuple(replace(_instead(code, question, entries), images=0) for code in missing or asked)


def _only(requirements: TaskFilter, code: str) -> TaskFilter:
    return TaskFilter(
        requirements.task if code == "no_such_task" else None,
        requirements.domain if code == "no_such_domain" else None,
        requirements.framework if code == "no_such_framework" else None,
        requirements.versions if code == "no_such_framework" else None,
    )


def _instead(code: str, question: MatchQuery, entries: Sequence[IndexedImage]) -> SummaryLine:
    if code == "no_such_task":
        asked, kind = question.task, "tasks"
        names = {task for entry in entries for task in entry.candidate.tasks}
    elif code == "no_such_domain":
        asked, kind = question.domain, "domains"
        names = {entry.candidate.domain for entry in entries}
    else:
        asked, kind = question.framework, "frameworks"
        names = {
            f"{entry.candidate.image.framework} {entry.candidate.image.framework_version or ''}".strip()
            for entry in entries
            if entry.candidate.image.framework is not None
        }
    others = question_without(question, code)
    found = f"{kind} {others}: {_listed(names)}" if names else f"no image {others}"
    return SummaryLine(code, len(entries), f"No image {others} has {asked!r}; there are {found}.")


def question_without(question: MatchQuery, code: str) -> str:
    """The rest of a question as words: "of the domain od with pytorch"; "in the catalogue" where nothing is left."""
    parts = [
        "" if question.task is None or code == "no_such_task" else f"for {question.task}",
        "" if question.domain is None or code == "no_such_domain" else f"of the domain {question.domain}",
        "" if question.framework is None or code == "no_such_framework" else f"with {question.framework}",
    ]
    return " ".join(part for part in parts if part) or "in the catalogue"


def _listed(names: set[str]) -> str:
    once = {name.casefold(): name for name in sorted(names, reverse=True)}
    ordered = [once[key] for key in sorted(once, key=sort_key)]
    more = f" and {len(ordered) - _MOST_NAMES} more" if len(ordered) > _MOST_NAMES else ""
    return ", ".join(ordered[:_MOST_NAMES]) + more
