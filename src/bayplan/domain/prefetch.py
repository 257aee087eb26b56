"""Which images a machine is to hold before anybody asks for them: what rules give its nodes, as far as it runs there.

A pure function of the rules, the catalogue and the nodes; nodes that are alike are looked at once.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, ORDER, Grade

MOST_IMAGES = 1_000
"""That one machine is told to hold; what rules name beyond that is left out."""


@dataclass(frozen=True, slots=True)
class PrefetchRule:
    """A rule by its name, and the pks of the images that it names, in its order."""

    name: str
    images: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """Nodes of a machine that are alike: which of the rules apply to them, and the grade there of an image; None for a gone one."""

    rules: Collection[int]  # by their place
    grade_of: Callable[[int], Grade | None]


@dataclass(slots=True)
class PlannedImage:
    """An image that a machine is to hold: its best grade there, in which groups of nodes, and by which rules."""

    image: int
    grade: Grade
    groups: list[int] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)


def plan_images(rules: Sequence[PrefetchRule], groups: Sequence[NodeGroup]) -> list[PlannedImage]:
    """Gives what the machine is to hold, in the order of the rules and of their images, each image once."""
    found: dict[int, PlannedImage] = {}
    for place, rule in enumerate(rules):
        concerned = [(number, group.grade_of) for number, group in enumerate(groups) if place in group.rules]
        for image in rule.images if concerned else ():
            for number, grade_of in concerned:
                grade = grade_of(image)
                if grade is None or grade not in MATCHED_BY_DEFAULT:
                    continue
                if image not in found and len(found) == MOST_IMAGES:
                    continue
                entry = found.setdefault(image, PlannedImage(image, grade))
                if number not in entry.groups:
                    entry.groups.append(number)
                if rule.name not in entry.rules:
                    entry.rules.append(rule.name)
                entry.grade = min(entry.grade, grade, key=ORDER.__getitem__)
    return list(found.values())
