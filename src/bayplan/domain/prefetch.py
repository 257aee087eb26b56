"""Which images a worker is to have before anybody asks for them: those that rules name for its nodes and that run there.

A pure function of the rules, the grades and the nodes; nodes of one kind are a group.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, ORDER, Grade

MOST_IMAGES = 1_000
"""The most that one worker is to have; what rules name beyond that is left out."""


@dataclass(frozen=True, slots=True)
class PrefetchRule:
    """A rule by its name, and the pks of the images that it names, in its order."""

    name: str
    images: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """Nodes of one kind of a worker: which of the rules apply to them, and the grade of an image there; None for an image that is gone."""

    rules: Collection[int]  # by their place
    grade_of: Callable[[int], Grade | None]


@dataclass(slots=True)
class PlannedImage:
    """An image that a worker is to have: its best grade there, for which groups of nodes, and by which rules."""

    image: int
    grade: Grade
    groups: list[int] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)


def plan_images(rules: Sequence[PrefetchRule], groups: Sequence[NodeGroup]) -> list[PlannedImage]:
    """Gives the images that a worker is to have, in the order of the rules and of their images, each image once."""
    planned: dict[int, PlannedImage] = {}
    for place, rule in enumerate(rules):
        concerned = [(number, group.grade_of) for number, group in enumerate(groups) if place in group.rules]
        for image in rule.images if concerned else ():
            for number, grade_of in concerned:
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
