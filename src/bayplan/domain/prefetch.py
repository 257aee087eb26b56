"""The desired images of a worker: those that prefetch rules name for its nodes and that run there.

A pure function of the rules, the grades and the nodes; nodes of one kind are a group.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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


def names_object(specification: Mapping[str, Any], names: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether a filter is about one object by its name, rather than by what many have.

    `names` are the fields of the object that name it; `others` can only tell that another one is meant, as a version does.
    """
    parts = [_is_named(expression, names, others) for expression in specification["expressions"]]
    return True in parts and False not in parts


def _is_named(expression: Mapping[str, Any], names: Mapping[str, Any], others: Mapping[str, Any]) -> bool | None:
    """Whether an expression names the object; False where it lets it not through, None where it is about something else."""
    is_inverted = expression.get("invert", False)
    if expression["type"] in ("and", "or"):
        parts = [_is_named(part, names, others) for part in expression["sub_expressions"]]
        order = (False, True, None) if expression["type"] == "and" else (True, None, False)
        named = next(value for value in order if value in parts)
        return (False if named else None) if is_inverted else named
    path = expression["field"]
    if expression["type"] != "exact" or path not in {*names, *others}:
        return None
    value, own = expression["value"], names.get(path, others.get(path))
    if expression.get("case_insensitive"):
        value, own = str(value).lower(), str(own).lower()
    if (value == own) is is_inverted:
        return False
    return True if path in names and not is_inverted else None
