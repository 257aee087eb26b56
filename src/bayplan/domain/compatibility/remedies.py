"""Remedies, tried before they are offered: none leads into another `no`.

A rule gives the changes that mend its own reason. What counts is the verdict afterwards, with all rules, so each change is
judged; where several reasons stand in the way, changes are judged together.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import combinations, islice
from typing import NamedTuple

from bayplan.domain.compatibility.verdict import (
    MATCHED_BY_DEFAULT,
    ORDER,
    Facts,
    Grade,
    Reason,
    Remedy,
    Verdict,
)


class Outcome(NamedTuple):
    """What a remedy's changes lead to: the grade, and what then keeps the image from running, and what of that refuses it."""

    grade: Grade
    blocking: frozenset[Hashable]
    refusing: frozenset[Hashable]


Try = Callable[[Facts, Facts], Outcome]
"""Judges after changes of the node's and the image's facts."""

_MOST_OFFERED = 3
_MOST_JOINED = 3
_MOST_TRIALS = 8
_AFTERWARDS = {
    Grade.JIT: "its kernels are then compiled at the first start (grade jit)",
    Grade.UNKNOWN: "whether it runs then is not known",
}
"""What to say of a change after which the image may run, but by a grade that is not matched by default."""
_NOTHING_HELPS = "no change of this node is known to make it run"
_USE = "use an image "
_LAST_RESORT = Remedy("use another image")


def offer(verdict: Verdict, attempt: Try, sibling: Remedy | None = None) -> Verdict:
    """The verdict with the remedies of its reasons tried: those that help stay, and become the sentence `remedy`.

    A remedy helps where the grade afterwards is better and one that runs; where no remedy does, and no pair or three of
    them together, those count after which the image is `jit` or `unknown` instead of `no`, and the sentence says so.
    `sibling` is an image of the catalogue that runs, and is named in place of others.
    """
    if all(reason.remedy is not None or reason.grade is Grade.CAVEAT for reason in verdict.reasons):
        return verdict
    trials = _Trials(verdict, attempt, sibling)
    return Verdict(verdict.grade, tuple(trials.with_remedy(reason) for reason in verdict.reasons))


def is_blocked(verdict: Verdict) -> bool:
    """Whether a reason keeps the image from running by default, or from using the GPU."""
    return any(map(blocks, verdict.reasons))


def blocks(reason: Reason) -> bool:
    """Whether a reason keeps an image from running by default."""
    return reason.grade is not Grade.CAVEAT and reason.grade not in MATCHED_BY_DEFAULT


class _Trials:
    """The changes that the reasons of one verdict offer, and what each leads to."""

    def __init__(self, verdict: Verdict, attempt: Try, sibling: Remedy | None) -> None:
        self._grade, self._try, self._sibling = verdict.grade, attempt, sibling
        blocking = (reason for reason in verdict.reasons if blocks(reason))
        self._all = list(dict.fromkeys(remedy for reason in blocking for remedy in self._changes(reason)))

    def with_remedy(self, reason: Reason) -> Reason:
        """The reason with its remedies tried."""
        if reason.remedy is not None or reason.grade is Grade.CAVEAT:
            return reason
        changes = self._changes(reason)
        helping = self._helping(changes)
        if not blocks(reason):
            return self._not_needed(reason, helping[:1])
        advised = tuple(remedy for remedy in reason.remedies if remedy.is_advice)
        if reason.grade is Grade.UNKNOWN and advised:
            return _offering(reason, (*advised, *_before_nodes(self._sibling, helping)))
        helping = helping or self._of_all_reasons
        compiled = self._leading_to(Grade.JIT, changes)
        offered = _least(dict.fromkeys(_before_nodes(self._sibling, (*helping, *compiled))))
        return _offering(reason, offered or advised or (_LAST_RESORT,))

    def _changes(self, reason: Reason) -> list[Remedy]:
        """The remedies of a reason that can be tried; other images only where none is known by name."""
        return [
            remedy
            for remedy in reason.remedies
            if not remedy.is_advice and (self._sibling is None or not remedy.other_image)
        ]

    def _not_needed(self, reason: Reason, better: tuple[Remedy, ...]) -> Reason:
        """A reason that lets the image run: its remedies may only make the verdict better."""
        if reason.grade is not self._grade:
            better = ()
        text = "; ".join(("nothing is needed", *(f"to be native, {remedy.text}" for remedy in better)))
        return replace(reason, remedy=_as_sentence(text), remedies=better)

    @cached_property
    def _of_all_reasons(self) -> tuple[Remedy, ...]:
        """What mends all reasons at once: one change of another reason, else several together, else what leaves it open."""
        alone = self._helping(self._all)
        if alone or self._sibling is not None:
            return alone
        for remedy in self._joined(lambda outcome: outcome.blocking):
            if self._runs(remedy):
                return (remedy,)
        remedies = [*self._all, *self._joined(lambda outcome: outcome.refusing)]
        return next(filter(None, (self._leading_to(grade, remedies)[:1] for grade in _AFTERWARDS)), ())

    def _leading_to(self, grade: Grade, remedies: Iterable[Remedy]) -> tuple[Remedy, ...]:
        """The remedies after which the image has a grade that is not matched by default, but better; they say so."""
        if ORDER[grade] >= ORDER[self._grade]:
            return ()
        return tuple(
            replace(remedy, text=f"{remedy.text}; {_AFTERWARDS[grade]}")
            for remedy in remedies
            if self._after(remedy).grade is grade
        )

    def _joined(self, left: Callable[[Outcome], frozenset[Hashable]]) -> list[Remedy]:
        """Several remedies as one, the fewest first, where nothing is `left` after each of them; a few, for trials cost."""
        joined = (
            remedy
            for size in range(2, _MOST_JOINED + 1)
            for several in combinations(self._all, size)
            if not frozenset.intersection(*(left(self._after(remedy)) for remedy in several))
            and (remedy := _together(several)) is not None
        )
        return list(islice(joined, _MOST_TRIALS))

    def _helping(self, remedies: Iterable[Remedy]) -> tuple[Remedy, ...]:
        """The remedies that help."""
        return _least(remedies, self._runs)

    def _runs(self, remedy: Remedy) -> bool:
        grade = self._after(remedy).grade
        return grade in MATCHED_BY_DEFAULT and ORDER[grade] < ORDER[self._grade]

    def _after(self, remedy: Remedy) -> Outcome:
        return self._try(remedy.node, remedy.image)


def _least(remedies: Iterable[Remedy], helps: Callable[[Remedy], bool] = lambda _: True) -> tuple[Remedy, ...]:
    """The remedies that help, without those that include an earlier one, and do more."""
    kept: list[Remedy] = []
    for remedy in remedies:
        if not any(_includes(remedy, other) for other in kept) and helps(remedy):
            kept.append(remedy)
    return tuple(kept)


def _includes(remedy: Remedy, other: Remedy) -> bool:
    """Whether a remedy changes what another one changes: the same of the image or more than nothing, and as much of the node."""
    if not (other.node or other.image):
        return False  # a sibling, or advice
    same_image = not other.image or _names(remedy.image) == _names(other.image)
    return same_image and _names(other.node) <= _names(remedy.node)


def _names(facts: Facts) -> frozenset[str]:
    return frozenset(name for name, _ in facts)


def _before_nodes(sibling: Remedy | None, remedies: tuple[Remedy, ...]) -> tuple[Remedy, ...]:
    """The remedies with the sibling among them: after settings, and before changes of the node, which are larger."""
    if sibling is None:
        return remedies
    settings = tuple(remedy for remedy in remedies if not remedy.node)
    return *settings, sibling, *(remedy for remedy in remedies if remedy.node)


def _offering(reason: Reason, remedies: tuple[Remedy, ...]) -> Reason:
    """The reason with the first of these remedies as its sentence."""
    offered = remedies[:_MOST_OFFERED]
    joined = any(", and " in remedy.text for remedy in offered if not remedy.is_advice)
    text = ("; or " if joined else ", or ").join(remedy.text for remedy in offered)
    if reason.grade is not Grade.UNKNOWN and all(remedy.is_advice for remedy in offered):
        text = f"{_NOTHING_HELPS}: {text}"
    return replace(reason, remedy=_as_sentence(text), remedies=offered)


def _together(remedies: Sequence[Remedy]) -> Remedy | None:
    """Several remedies as one; None where they say two things of one fact."""
    node: dict[str, Hashable] = {}
    image: dict[str, Hashable] = {}
    for remedy in remedies:
        for facts, changes in ((node, remedy.node), (image, remedy.image)):
            if any(facts.setdefault(name, value) != value for name, value in changes):
                return None
    images = [remedy.text.removeprefix(_USE) for remedy in remedies if remedy.text.startswith(_USE)]
    others = [remedy.text for remedy in remedies if not remedy.text.startswith(_USE)]
    text = ", and ".join((*others, *([f"{_USE}{', and '.join(images)}"] if images else ())))
    other_image = all(remedy.other_image or not remedy.image for remedy in remedies) and bool(image)
    return Remedy(text, tuple(node.items()), tuple(image.items()), other_image)


def _as_sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
