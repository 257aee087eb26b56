"""Judges a whole catalogue on one kind of node: each rule runs once for each group of images that are equal in its facts.

A rule's result for a group is kept for the kind of node, across changes of the catalogue; the rest is AND and OR. Where many
kinds are judged one after the other, kinds that are equal in what a rule reads share its results.
"""

import datetime
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bayplan.domain.compatibility.bits import Bits, lowest
from bayplan.domain.compatibility.columns import GroupColumn
from bayplan.domain.compatibility.fact_columns import FactColumns, FactLayout
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.judge import Trials
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.node_verdicts import Block, NodeVerdicts
from bayplan.domain.compatibility.order import ImageOrder
from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules import Rule, RuleSet
from bayplan.domain.compatibility.siblings import Siblings
from bayplan.domain.compatibility.verdict import ORDER, Grade

_WORST_FIRST = sorted(ORDER, key=lambda grade: -ORDER[grade])
_NOT_YET = object()

GradeSets = dict[Grade, Bits]


@dataclass(frozen=True, slots=True, eq=False)
class NodeKind:
    """A kind of node on one day, with the results of the rules for it so far, by the number of the group."""

    node: NodeCapabilities
    trials: Trials
    results: dict[Hashable, list[Any]] = field(default_factory=dict)
    shared: dict[Hashable, list[Any]] | None = None
    """The results of rules for all kinds that are judged on that day, by what each rule reads of a node."""

    @classmethod
    def of(
        cls,
        node: NodeCapabilities,
        today: datetime.date,
        rules: RuleSet,
        shared: dict[Hashable, list[Any]] | None = None,
    ) -> "NodeKind":
        """The kind of that node."""
        return cls(node, Trials(node, today, rules), shared=shared)

    def results_of(self, number: int, key: Hashable) -> list[Any]:
        """The results so far of the rule of that number, under a key of its own."""
        if self.shared is None:
            return self.results.setdefault(key, [])
        facts = self.trials.rules.facts_read(number, self.node.reported)
        return self.shared.setdefault((self.trials.today, number, facts, key), [])


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Columns of images, and those of their images that are judged by them."""

    facts: FactColumns
    members: Bits


def judge_all(
    layout: FactLayout,
    order: ImageOrder,
    attributes: Mapping[str, GroupColumn[Any]],
    parts: Sequence[Part],
    kind: NodeKind,
) -> NodeVerdicts:
    """The verdicts for all images; each image is in one part only."""
    rules = kind.trials.rules
    every = works_on_cpu = uses_gpu = 0
    general_blocks: list[Block] = []
    gpu_blocks: list[Block] = []
    for part in parts:
        run = _Run(layout, order, part, kind)
        every |= part.members
        works_on_cpu |= run.having(lambda image: image.falls_back_to_cpu)
        on_gpu = run.having(lambda image: image.uses_gpu) if kind.node.has_gpu else 0
        for number, rule in enumerate(rules.general):
            general_blocks += run.blocks(rule, number, layout.general[number])
        if on_gpu:
            uses_gpu |= on_gpu
            same = run.having(lambda image: kind.node.accelerator == (image.accelerator or "cuda"))
            for number, rule in enumerate(rules.gpu, len(rules.general)):
                if rule.accelerator in (None, kind.node.accelerator):
                    judged = None if rule.accelerator is None else same
                    gpu_blocks += run.blocks(rule, number, layout.gpu[number - len(rules.general)], judged)
    grades = _settle(every, _by_grade(general_blocks), _by_grade(gpu_blocks), uses_gpu, works_on_cpu)
    return NodeVerdicts(
        order,
        Siblings(order, attributes, grades, uses_gpu),
        kind.trials,
        grades,
        uses_gpu,
        general_blocks,
        gpu_blocks,
    )


class _Run:
    """The rules over one part."""

    def __init__(self, layout: FactLayout, order: ImageOrder, part: Part, kind: NodeKind) -> None:
        self._layout, self._order, self._part, self._kind = layout, order, part, kind
        self._narrowed = part.members != part.facts.members
        self._pairings: dict[int, Pairing] = {}
        self._partitions: dict[str, GradeSets] = {}

    def having(self, test: Callable[[ImageRequirements], bool]) -> Bits:
        """The images whose facts that the judge itself reads pass a test."""
        return self._part.facts.columns[self._layout.judge].having(test) & self._part.members

    def blocks(self, rule: Rule, number: int, column: int, judged: Bits | None = None) -> Iterator[Block]:
        """The reasons that a rule gives, each with its images; those of `judged` alone, where it is given."""
        members = self._part.members if judged is None else judged
        if rule.by_grades is None:
            among = members if self._narrowed or judged is not None else None
            yield from self._blocks(rule, number, number, column, among)
            return
        holds = self._images_with(rule.by_grades)
        for answer, images in ((True, holds & members), (False, members & ~holds)):
            if images:
                yield from self._blocks(rule, number, (number, answer), column, images)

    def _blocks(self, rule: Rule, number: int, key: Hashable, column: int, among: Bits | None) -> Iterator[Block]:
        facts = self._part.facts.columns[column]
        results = _extended(self._kind.results_of(number, (facts.numbering, key)), len(facts.bits))
        # A group that is known to have no reason needs no comparison of sets, which is what costs here.
        for group, (images, result) in enumerate(zip(facts.bits, results, strict=False)):
            if result is None:
                continue
            if among is not None:
                images &= among
            if not images:
                continue
            if result is _NOT_YET:
                # By the grades an example of the whole group may be another than these images.
                example = facts.examples[group] if rule.by_grades is None else self._image_at(lowest(images))
                result = results[group] = rule.check(self._pairing(example))
            if result is not None:
                yield result, images, number

    def _image_at(self, place: int) -> ImageRequirements:
        return self._order.entries[place][3].on(self._kind.node.platform)

    def _pairing(self, image: ImageRequirements) -> Pairing:
        pairing = self._pairings.get(id(image))
        if pairing is None:
            pairing = self._pairings[id(image)] = Pairing(image, self._kind.node, self._kind.trials.today)
        return pairing

    def _images_with(self, by_grades: Callable[[Grade, Grade], bool]) -> Bits:
        """The images with that combination of the driver's and the kernels' grades."""
        by_driver = self._grades("by_driver", self._layout.driver, lambda pairing: pairing.by_driver)
        by_kernels = self._grades("by_kernels", self._layout.kernels, lambda pairing: pairing.by_kernels)
        holds = 0
        for driver, with_driver in by_driver.items():
            for kernels, with_kernels in by_kernels.items():
                if by_grades(driver, kernels):
                    holds |= with_driver & with_kernels
        return holds & self._part.members

    def _grades(self, name: str, column: int, work: Callable[[Pairing], Grade]) -> GradeSets:
        sets = self._partitions.get(name)
        if sets is not None:
            return sets
        sets = self._partitions[name] = {}
        facts = self._part.facts.columns[column]
        results = _extended(self._kind.results.setdefault((facts.numbering, name), []), len(facts.bits))
        for group, images in enumerate(facts.bits):
            if images:
                grade = results[group]
                if grade is _NOT_YET:
                    grade = results[group] = work(self._pairing(facts.examples[group]))
                sets[grade] = sets.get(grade, 0) | images
        return sets


def _extended(results: list[Any], groups: int) -> list[Any]:
    """The results with a place for each group."""
    if len(results) < groups:
        results.extend([_NOT_YET] * (groups - len(results)))
    return results


def _by_grade(blocks: Sequence[Block]) -> GradeSets:
    sets = dict.fromkeys(Grade, 0)
    for reason, images, _ in blocks:
        sets[reason.grade] |= images
    return sets


def _settle(every: Bits, general: GradeSets, gpu: GradeSets, uses_gpu: Bits, works_on_cpu: Bits) -> GradeSets:
    """The images of each grade, by the same rule as `judge.RuleResults` for a single image."""
    on_gpu: GradeSets = {}
    left = uses_gpu
    for grade in _WORST_FIRST:
        on_gpu[grade] = left & gpu[grade]
        left &= ~gpu[grade]
    on_gpu[Grade.NATIVE] |= left
    runs_on_cpu = on_gpu[Grade.NO] & works_on_cpu
    on_gpu[Grade.NO] ^= runs_on_cpu
    on_gpu[Grade.CPU] |= runs_on_cpu | (every & ~uses_gpu)
    grades: GradeSets = {}
    left = every
    for grade in _WORST_FIRST:
        images = (on_gpu[grade] | general[grade]) & left
        grades[grade] = images
        left ^= images
    return grades
