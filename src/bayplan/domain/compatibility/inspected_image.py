"""An image of which only its inspection is known, and its verdict: nobody entered what its registry does not say."""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.image_facts import image_with_facts
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.platform import platform
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode, Verdict
from bayplan.domain.facts import (
    ARCHITECTURES,
    IsReadable,
    Platform,
    architecture,
    facts_from_inspection,
    first_architecture,
)

_FIELDS = {"cuda_version": "cuda", "framework": "framework", "framework_version": "framework_version"}
"""What an inspection finds that the catalogue has as fields of its own, by the names in `Image`."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What a person says of the image, in place of what its inspection says; None where they say nothing."""

    cuda: str | None = None
    cpu: bool | None = None


def inspected_image(platforms: Iterable[Platform], is_readable: IsReadable, entered: Entered) -> Image:
    """The image by the facts of its platforms, with those of each architecture where they differ."""
    by_architecture: dict[str | None, Platform] = {}
    for described in platforms:
        by_architecture.setdefault(architecture(described), described)
    facts = facts_from_inspection(by_architecture.values(), is_readable)
    first = first_architecture(by_architecture)
    image = image_with_facts(_plain(by_architecture.get(first), entered), facts.facts)
    others = {
        name: image_with_facts(
            _plain(described, entered),
            {**facts.by_architecture.get(name, facts.facts), ARCHITECTURES: facts.facts.get(ARCHITECTURES)},
        )
        for name, described in by_architecture.items()
        if name is not None and name != first
    }
    if entered.cpu:  # a person is surer than what was read
        image, others = _without_driver(image), {name: _without_driver(other) for name, other in others.items()}
    return replace(
        image, by_architecture=tuple((name, other) for name, other in sorted(others.items()) if other != image)
    )


def _without_driver(image: Image) -> Image:
    return replace(image, needs_driver=None)


def _plain(described: Platform | None, entered: Entered) -> Image:
    facts: Mapping[str, Any] = {} if described is None else described["facts"]
    values = {field: facts[name]["value"] for name, field in _FIELDS.items() if name in facts}
    if entered.cuda is not None:
        values["cuda"] = entered.cuda
    return Image(cpu=entered.cpu is True, **values)


def uses_gpu(image: Image, tables: Tables) -> bool | None:
    """Whether the image, on one architecture, uses a GPU; None where nothing says so, and nothing says that it does not."""
    requirements = ImageRequirements(image, tables)
    if requirements.works_on_cpu:
        return requirements.uses_gpu
    says = requirements.accelerator, requirements.framework_accelerator, image.needs_driver or None
    return True if image.requirements or any(fact is not None for fact in says) else None


def judge_inspected(image: Image, node: Node, tables: Tables, today: datetime.date) -> Verdict:
    """The verdict for an image on a node; `unknown` where the image would run without using a GPU, and may use one."""
    own = {platform(name): other for name, other in image.by_architecture}
    there = own.get(platform(node.architecture), image) if node.architecture is not None else image
    if there.needs_driver and not there.cpu and not NodeCapabilities(node, tables).has_gpu:
        return Verdict(Grade.UNKNOWN, (_MAY_NEED_DRIVER,))
    if uses_gpu(there, tables) is not None:
        return judge(image, node, tables, today)
    without = judge(replace(there, cpu=True, by_architecture=()), node, tables, today)
    if without.grade is not Grade.CPU:
        return without
    return Verdict(Grade.UNKNOWN, (_NOT_SAID, *without.reasons))


_NOT_SAID = Reason(
    Grade.UNKNOWN,
    ReasonCode.FACT_MISSING,
    needed="cuda_version, or cpu",
    found=None,
    detail="The image's manifest, configuration, build history and name do not say whether it uses a GPU, nor which CUDA "
    "release it has.",
    remedy="Say which CUDA release is in it, or that it needs no GPU.",
    source="the image's inspection",
)

_MAY_NEED_DRIVER = Reason(
    Grade.UNKNOWN,
    ReasonCode.FACT_MISSING,
    needed="cpu",
    found=None,
    detail="The image asks for the driver's video libraries; it is not known whether it works without a GPU too.",
    remedy="Say that it needs no GPU, or use a machine with one.",
    source="the image's inspection",
)
