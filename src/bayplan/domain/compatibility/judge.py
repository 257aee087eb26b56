"""The judge: runs all rules over one image and one node, and takes the worst grade.

A pure function, so that it can be tested against real reports and can reproduce any earlier verdict. It is the reference
for the index, which judges a whole catalogue at once.
"""

import datetime
from collections.abc import Callable, Iterable, Sequence
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
    general, gpu = _reasons(requirements, capabilities, today, rules)
    verdict = settle(general, gpu, requirements.falls_back_to_cpu)
    trials = Trials(capabilities, today, rules).of(requirements)
    return offer(verdict, trials, sibling() if is_blocked(verdict) else None)


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

    def of(self, requirements: ImageRequirements) -> Try:
        """The outcome for an image, as it is on the node's platform, after changes of the two."""
        outcomes = self._outcomes.setdefault(requirements, {})

        def attempt(of_node: Facts, of_image: Facts) -> Outcome:
            outcome = outcomes.get((of_node, of_image))
            if outcome is None:
                outcome = outcomes[of_node, of_image] = self._outcome(requirements, of_node, of_image)
            return outcome

        return attempt

    def _outcome(self, requirements: ImageRequirements, of_node: Facts, of_image: Facts) -> Outcome:
        if of_image:
            facts: dict[str, Any] = dict(of_image)
            requirements = ImageRequirements(replace(requirements.declared, **facts), requirements.tables)
        general, gpu = _reasons(requirements, self._node(of_node), self.today, self.rules)
        return _outcome(general, gpu, requirements.falls_back_to_cpu)

    def _node(self, changes: Facts) -> NodeCapabilities:
        if not changes:
            return self.node
        node = self._changed.get(changes)
        if node is None:
            facts: dict[str, Any] = dict(changes)
            reported = self.rules.kind(replace(self.node.reported, **facts))
            node = self._changed[changes] = NodeCapabilities(reported, self.node.tables)
        return node


def _reasons(
    requirements: ImageRequirements, capabilities: NodeCapabilities, today: datetime.date, rules: RuleSet
) -> tuple[list[Reason], list[Reason] | None]:
    """The reasons of the general rules, and of those for GPUs; None where no GPU is used."""
    pairing = Pairing(requirements, capabilities, today)
    general = [reason for rule in rules.general if (reason := rule.check(pairing)) is not None]
    if not requirements.uses_gpu or not capabilities.has_gpu:
        return general, None
    kinds = requirements.accelerator, capabilities.accelerator
    return general, [
        reason for rule in rules.gpu if rule.judges(*kinds) and (reason := rule.check(pairing)) is not None
    ]


def _outcome(general: Sequence[Reason], gpu: Sequence[Reason] | None, works_on_cpu: bool) -> Outcome:
    grade = settle(general, gpu, works_on_cpu).grade
    blocking = [reason for reason in general if blocks(reason)]
    if gpu is not None and not (blocking and works_on_cpu):  # what works on the CPU needs no GPU once it may start
        blocking += [reason for reason in gpu if blocks(reason)]
    refusing = frozenset((reason.code, reason.source) for reason in blocking if reason.grade is Grade.NO)
    return Outcome(grade, frozenset((reason.code, reason.source) for reason in blocking), refusing)


def settle(general: Sequence[Reason], gpu: Sequence[Reason] | None, works_on_cpu: bool) -> Verdict:
    """The verdict for these reasons; `gpu` has those of the rules for GPUs, None where no GPU is used."""
    if gpu is None:
        grade, reasons = Grade.CPU, [*general]
    else:
        grade, reasons = _worst(Grade.NATIVE, gpu), [*general, *gpu]
        if grade is Grade.NO and works_on_cpu:
            grade = Grade.CPU
    reasons.sort(key=lambda reason: SEVERITY[reason.grade])
    return Verdict(_worst(grade, general), tuple(reasons))


def _worst(start: Grade, reasons: Iterable[Reason]) -> Grade:
    worst = start
    for reason in reasons:
        if reason.grade is not Grade.CAVEAT and ORDER[reason.grade] > ORDER[worst]:
            worst = reason.grade
    return worst
