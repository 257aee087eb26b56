"""The desired images of a worker: those that prefetch rules name for its nodes and that run there.

A pure function of the rules, the grades and the nodes; nodes of one kind are a group.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, ORDER, Grade

MOST_IMAGES = 1_000
"""The most desired images of a worker; further images of the rules are left out."""


@dataclass(frozen=True, slots=True)
class PrefetchRule:
    """A rule by its name, and the pks of its images, in its order."""

    name: str
    images: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """A worker's nodes of one kind: the rules that apply to them, and the grade of an image there, None for an image that is gone."""

    rules: Collection[int]  # by their place in the list of rules
    grade_of: Callable[[int], Grade | None]


@dataclass(slots=True)
class PlannedImage:
    """A desired image of a worker: its best grade there, the groups of nodes it is for, and the rules that name it."""

    image: int
    grade: Grade
    groups: list[int] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)


def plan_images(rules: Sequence[PrefetchRule], groups: Sequence[NodeGroup]) -> list[PlannedImage]:
    """Gives the desired images of a worker, in the order of the rules and of their images, each image once."""
    planned: dict[int, PlannedImage] = {}
    for place, rule in enumerate(rules):
        applying = [(number, group.grade_of) for number, group in enumerate(groups) if place in group.rules]
        for image in rule.images if applying else ():
            for number, grade_of in applying:
                grade = grade_of(image)
                if grade is None or grade not in MATCHED_BY_DEFAULT:
                    continue
                if image not in planned and len(planned) == MOST_IMAGES:
                    continue
                entry = planned.setdefault(image, PlannedImage(image, grade))
                if number not in entry.groups:
                    entry.groups.append(number)
                if rule.name not in entry.rules:
                    entry.rules.append(rule.name)
                entry.grade = min(entry.grade, grade, key=ORDER.__getitem__)
    return list(planned.values())
