"""The judge: runs all rules over one image and one worker, and takes the worst grade.

A pure function, so that it can be held against real reports and asked again for any verdict that was ever given.
"""

import datetime
from collections.abc import Iterable

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules import GENERAL_RULES, GPU_RULES
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import ORDER, Grade, Reason, Verdict

_SEVERITY = {grade: -rank for grade, rank in ORDER.items()} | {Grade.CAVEAT: 1}


def judge(image: Image, worker: Node, tables: Tables, today: datetime.date) -> Verdict:
    """How well the image runs on the worker, with every reason; never raises, whatever texts the two hold."""
    return judge_parsed(ImageRequirements(image, tables), NodeCapabilities(worker.needs(), tables), today)


def judge_parsed(requirements: ImageRequirements, capabilities: NodeCapabilities, today: datetime.date) -> Verdict:
    """The same for an image and a worker that are parsed already, against the same tables."""
    requirements = requirements.on(capabilities.platform)
    pairing = Pairing.of(requirements, capabilities, today)
    general = [reason for rule in GENERAL_RULES if (reason := rule(pairing)) is not None]
    if not (requirements.uses_gpu and capabilities.has_gpu):
        return _verdict(Grade.CPU, general, general)
    special = [reason for rule in GPU_RULES if (reason := rule(pairing)) is not None]
    grade = _worst(Grade.NATIVE, special)
    if grade is Grade.NO and requirements.declared.cpu:
        grade = Grade.CPU
    return _verdict(grade, general, general + special)


def _worst(start: Grade, reasons: Iterable[Reason]) -> Grade:
    worst = start
    for reason in reasons:
        if reason.grade is not Grade.CAVEAT and ORDER[reason.grade] > ORDER[worst]:
            worst = reason.grade
    return worst


def _verdict(start: Grade, deciding: list[Reason], reasons: list[Reason]) -> Verdict:
    if not reasons:
        return Verdict(start, ())
    if len(reasons) > 1:
        reasons = sorted(reasons, key=lambda reason: _SEVERITY[reason.grade])
    return Verdict(_worst(start, deciding), tuple(reasons))
