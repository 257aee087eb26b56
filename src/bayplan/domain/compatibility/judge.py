"""The judge: runs all rules over one image and one node, and takes the worst grade.

A pure function, so that it can be tested against real reports and can reproduce any earlier verdict. It is the reference
for the index, which judges a whole catalogue at once.
"""

import datetime
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.remedies import Outcome, Try, blocks, is_blocked, offer
from bayplan.domain.compatibility.rules import RULES, RuleSet
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import ORDER, SEVERITY, Facts, Grade, Reason, Remedy, Verdict


def no_sibling() -> Remedy | None:
    """The sibling of an image that is in no catalogue."""
    return None


def judge(
    image: Image,
    node: Node,
    tables: Tables,
    today: datetime.date,
    rules: RuleSet = RULES,
    sibling: Callable[[], Remedy | None] = no_sibling,
) -> Verdict:
    """The verdict for an image on a node, with every reason; never raises, whatever texts the two have.

    `sibling` gives the remedy to use another image of the catalogue, where this one does not run.
    """
    capabilities = NodeCapabilities(rules.kind(node), tables)
    return judge_parsed(ImageRequirements(image, tables), capabilities, today, rules, sibling)


def judge_parsed(
    requirements: ImageRequirements,
    capabilities: NodeCapabilities,
    today: datetime.date,
    rules: RuleSet = RULES,
    sibling: Callable[[], Remedy | None] = no_sibling,
) -> Verdict:
    """The verdict for an image and a kind of node that are parsed already, against the same tables."""
    requirements = requirements.on(capabilities.platform)
    results = _results(requirements, capabilities, today, rules)
    verdict = results.verdict
    trials = Trials(capabilities, today, rules).of(requirements, results)
    return offer(verdict, trials, sibling() if is_blocked(verdict) else None)


def judge_without_remedies(
    requirements: ImageRequirements, capabilities: NodeCapabilities, today: datetime.date, rules: RuleSet = RULES
) -> Verdict:
    """The verdict of `judge_parsed`, whose reasons have no remedies: nothing is tried, so that many can be judged at once."""
    return _results(requirements.on(capabilities.platform), capabilities, today, rules).verdict


def grade_on_gpu(
    requirements: ImageRequirements, capabilities: NodeCapabilities, today: datetime.date, rules: RuleSet = RULES
) -> Grade:
    """The grade by which an image uses a node's GPU: that of the verdict, and NO where it falls back to the CPU.

    It stops at the first reason that says `no`, so that an image can be judged on hundreds of nodes at once.
    """
    requirements = requirements.on(capabilities.platform)
    uses_gpu, image, node = _kinds(requirements, capabilities)
    if not uses_gpu:
        return Grade.NO
    pairing, worst = Pairing(requirements, capabilities, today), Grade.NATIVE
    for rule in rules.judging(image, node):
        reason = rule.check(pairing)
        if reason is not None and reason.grade is not Grade.CAVEAT and ORDER[reason.grade] > ORDER[worst]:
            if reason.grade is Grade.NO:
                return Grade.NO
            worst = reason.grade
    return worst


@dataclass(frozen=True, slots=True, eq=False)
class RuleResults:
    """The reasons for an image on a node, by the numbers of their rules in `RuleSet.all`; `gpu` None where no GPU is used."""

    general: Mapping[int, Reason]
    gpu: Mapping[int, Reason] | None
    works_on_cpu: bool

    @property
    def verdict(self) -> Verdict:
        """The verdict for these reasons: the worst grade counts, and what works on the CPU falls back to it."""
        if self.gpu is None:
            grade, reasons = Grade.CPU, [*self.general.values()]
        else:
            grade, reasons = _worst(Grade.NATIVE, self.gpu.values()), [*self.general.values(), *self.gpu.values()]
            if grade is Grade.NO and self.works_on_cpu:
                grade = Grade.CPU
        reasons.sort(key=lambda reason: SEVERITY[reason.grade])
        return Verdict(_worst(grade, self.general.values()), tuple(reasons))

    @property
    def outcome(self) -> Outcome:
        """The grade, and what stands in the way."""
        blocking = {number: reason for number, reason in self.general.items() if blocks(reason)}
        if self.gpu is not None and not (blocking and self.works_on_cpu):
            # What works on the CPU needs no GPU once it may start.
            blocking |= {number: reason for number, reason in self.gpu.items() if blocks(reason)}
        refusing = frozenset(number for number, reason in blocking.items() if reason.grade is Grade.NO)
        return Outcome(self.verdict.grade, frozenset(blocking), refusing)


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """What changes of a kind of node, and of images, lead to; each is judged once while the image is in use."""

    node: NodeCapabilities
    today: datetime.date
    rules: RuleSet = RULES
    _changed: dict[Facts, NodeCapabilities] = field(default_factory=dict)
    _outcomes: WeakKeyDictionary[ImageRequirements, dict[tuple[Facts, Facts], Outcome]] = field(
        default_factory=WeakKeyDictionary
    )

    def of(self, requirements: ImageRequirements, results: RuleResults) -> Try:
        """The outcome for an image, as it is on the node's platform, after changes of the two; `results` are those before."""
        outcomes = self._outcomes.setdefault(requirements, {})

        def attempt(of_node: Facts, of_image: Facts) -> Outcome:
            outcome = outcomes.get((of_node, of_image))
            if outcome is None:
                outcome = outcomes[of_node, of_image] = self._after(requirements, results, of_node, of_image).outcome
            return outcome

        return attempt

    def _after(
        self, requirements: ImageRequirements, results: RuleResults, of_node: Facts, of_image: Facts
    ) -> RuleResults:
        """The results after changes: only the rules that read a changed fact are run again."""
        changed, node = requirements, self._node(of_node)
        if of_image:
            facts: dict[str, Any] = dict(of_image)
            changed = ImageRequirements(replace(requirements.declared, **facts), requirements.tables)
        if _kinds(changed, node) != _kinds(requirements, self.node):
            return _results(changed, node, self.today, self.rules)
        names = frozenset(name for name, _ in of_node), frozenset(name for name, _ in of_image)
        again = self.rules.reading(*names)
        return _results(changed, node, self.today, self.rules, results, again)

    def _node(self, changes: Facts) -> NodeCapabilities:
        if not changes:
            return self.node
        node = self._changed.get(changes)
        if node is None:
            facts: dict[str, Any] = dict(changes)
            reported = self.rules.kind(replace(self.node.reported, **facts))
            node = self._changed[changes] = NodeCapabilities(reported, self.node.tables)
        return node


def _kinds(image: ImageRequirements, node: NodeCapabilities) -> tuple[bool, str | None, str | None]:
    """What decides which rules judge: whether a GPU is used, and the accelerators of the two."""
    return image.uses_gpu and node.has_gpu, image.accelerator, node.accelerator


def _results(
    requirements: ImageRequirements,
    capabilities: NodeCapabilities,
    today: datetime.date,
    rules: RuleSet,
    before: RuleResults | None = None,
    again: Collection[int] = (),
) -> RuleResults:
    """The results of the rules; of those alone that run `again`, where the others gave those of `before`."""
    pairing = Pairing(requirements, capabilities, today)
    uses_gpu, image, node = _kinds(requirements, capabilities)
    general = _kept(None if before is None else before.general, again)
    gpu = _kept(None if before is None else before.gpu, again) if uses_gpu else None
    for number in range(len(rules.all)) if before is None else again:
        rule = rules.all[number]
        if number < len(rules.general):
            reasons = general
        elif gpu is not None and rule.judges(image, node):
            reasons = gpu
        else:
            continue
        reason = rule.check(pairing)
        if reason is not None:
            reasons[number] = reason
    return RuleResults(general, gpu, requirements.falls_back_to_cpu)


def _kept(before: Mapping[int, Reason] | None, again: Collection[int]) -> dict[int, Reason]:
    return {} if before is None else {number: reason for number, reason in before.items() if number not in again}


def _worst(start: Grade, reasons: Iterable[Reason]) -> Grade:
    worst = start
    for reason in reasons:
        if reason.grade is not Grade.CAVEAT and ORDER[reason.grade] > ORDER[worst]:
            worst = reason.grade
    return worst
