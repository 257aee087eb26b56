"""Remedies, tried before they are offered: none leads into another `no`.

A rule gives the changes that mend its own reason. What counts is the verdict afterwards, with all rules, so each change is
judged; where several reasons stand in the way, changes are judged together.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations, islice

from bayplan.domain.compatibility.verdict import (
    MATCHED_BY_DEFAULT,
    ORDER,
    Facts,
    Grade,
    Reason,
    Remedy,
    Verdict,
)

GradeAfter = Callable[[Remedy], Grade]
"""The grade of the verdict after a remedy's changes."""

_MOST_OFFERED = 3
_MOST_JOINED = 3
_MOST_TRIALS = 24
_RUNS = frozenset(ORDER[grade] for grade in MATCHED_BY_DEFAULT)
_AFTERWARDS = {
    Grade.JIT: "its kernels are then compiled at the first start (grade jit)",
    Grade.UNKNOWN: "whether it runs then is not known",
}
"""What to say of a change after which the image may run, but by a grade that is not matched by default."""
_NOTHING_HELPS = "no change of this worker is known to make it run"


def offer(verdict: Verdict, grade_after: GradeAfter) -> Verdict:
    """The verdict with the remedies of its reasons tried: those that help stay, and become the sentence `remedy`.

    A remedy helps where the grade afterwards is better and one that runs; where no remedy does, and no pair or three of
    them together, those count after which the image is `jit` or `unknown` instead of `no`, and the sentence says so.
    """
    if not any(reason.remedies for reason in verdict.reasons):
        return verdict
    trials = _Trials(verdict, grade_after)
    return Verdict(verdict.grade, tuple(trials.with_remedy(reason) for reason in verdict.reasons))


class _Trials:
    """The changes that the reasons of one verdict offer, and what each leads to."""

    def __init__(self, verdict: Verdict, grade_after: GradeAfter) -> None:
        self._grade, self._grade_after = verdict.grade, grade_after
        blocking = [reason for reason in verdict.reasons if _blocks(reason)]
        self._all = list(dict.fromkeys(change for reason in blocking for change in reason.remedies if _changes(change)))
        self._grades: dict[tuple[Facts, Facts], Grade] = {}
        self._together: tuple[Remedy, ...] | None = None

    def with_remedy(self, reason: Reason) -> Reason:
        """The reason with its remedies tried."""
        if not reason.remedies:
            return reason
        if not _blocks(reason):
            return self._not_needed(reason)
        advised = tuple(remedy for remedy in reason.remedies if remedy.is_advice)
        own = [remedy for remedy in reason.remedies if not remedy.is_advice]
        helping = self._that_run(own)
        if reason.grade is Grade.UNKNOWN and advised:
            kept = (*advised, *helping)[:_MOST_OFFERED]
            return replace(reason, remedy=sentence(kept), remedies=kept)
        kept = tuple(helping[:_MOST_OFFERED]) or self._of_all_reasons
        if kept:
            return replace(reason, remedy=sentence(kept), remedies=kept)
        instead = " or ".join(remedy.text for remedy in advised) or "use another image"
        return replace(reason, remedy=_as_sentence(f"{_NOTHING_HELPS}: {instead}"), remedies=())

    def _not_needed(self, reason: Reason) -> Reason:
        """A reason that lets the image run: its remedies may only make the verdict better."""
        better = self._that_run(reason.remedies)[:1] if reason.grade is self._grade else []
        text = "; ".join(("nothing is needed", *(f"to be native, {remedy.text}" for remedy in better)))
        return replace(reason, remedy=_as_sentence(text), remedies=tuple(better))

    @property
    def _of_all_reasons(self) -> tuple[Remedy, ...]:
        """What mends all reasons at once: one change of another reason, else several together, else what leaves it open."""
        if self._together is None:
            self._together = tuple(self._that_run(self._all)[:_MOST_OFFERED]) or self._joined_or_open()
        return self._together

    def _joined_or_open(self) -> tuple[Remedy, ...]:
        joined = list(islice(_joined(self._all), _MOST_TRIALS))
        for remedy in joined:
            if self._runs(remedy):
                return (remedy,)
        for grade, afterwards in _AFTERWARDS.items():
            for remedy in (*self._all, *joined):
                if self._after(remedy) is grade and ORDER[grade] < ORDER[self._grade]:
                    return (replace(remedy, text=f"{remedy.text}; {afterwards}"),)
        return ()

    def _that_run(self, remedies: Iterable[Remedy]) -> list[Remedy]:
        return [remedy for remedy in remedies if _changes(remedy) and self._runs(remedy)]

    def _runs(self, remedy: Remedy) -> bool:
        order = ORDER[self._after(remedy)]
        return order in _RUNS and order < ORDER[self._grade]

    def _after(self, remedy: Remedy) -> Grade:
        key = remedy.node, remedy.image
        grade = self._grades.get(key)
        if grade is None:
            grade = self._grades[key] = self._grade_after(remedy)
        return grade


def _blocks(reason: Reason) -> bool:
    return reason.grade is not Grade.CAVEAT and reason.grade not in MATCHED_BY_DEFAULT


def _changes(remedy: Remedy) -> bool:
    return not remedy.is_advice


def _joined(remedies: Sequence[Remedy]) -> Iterator[Remedy]:
    """Several remedies as one, the fewest first; none that say two things of one fact."""
    for size in range(2, _MOST_JOINED + 1):
        for several in combinations(remedies, size):
            node = {name: value for remedy in several for name, value in remedy.node}
            image = {name: value for remedy in several for name, value in remedy.image}
            if all(
                dict(remedy.node).items() <= node.items() and dict(remedy.image).items() <= image.items()
                for remedy in several
            ):
                text = ", and ".join(remedy.text for remedy in several)
                yield Remedy(text, tuple(node.items()), tuple(image.items()))


def sentence(remedies: Iterable[Remedy]) -> str:
    """The sentence that offers these remedies."""
    return _as_sentence(", or ".join(remedy.text for remedy in remedies))


def _as_sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
