"""What changes of a catalogue and a fleet lead to: verdicts by grade, and who gains or loses their last partner.

A fleet is an index of images and nodes by key. Whoever asks makes the changes, in order; this compares before and after.
"""

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bayplan.domain.compatibility.groups import KindOfNodes
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.judge import judge_parsed
from bayplan.domain.compatibility.matrix import Matrix, matrix
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.verdict import ORDER, Grade, Reason, Verdict


@dataclass(frozen=True, slots=True)
class Fleet:
    """The images and the nodes at one moment, by key; new ones have keys below 0."""

    index: CatalogueIndex
    nodes: Sequence[tuple[int, Node]]


@dataclass(frozen=True, slots=True)
class ImagesChange:
    """Images of one group that some node runs now and none did before, or the other way round.

    `node` is one that runs them, or that ran them; None where all of those are gone. `grade` and `reasons` are those there, after.
    """

    images: tuple[int, ...]
    nodes: int
    node: int | None
    grade: Grade | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class NodesChange:
    """Nodes that run an image for a task now and ran none before, or the other way round; and an image that makes the difference.

    `grade` and `reasons` are the image's there, after; None where it is gone.
    """

    task: str
    nodes: tuple[int, ...]
    image: int
    grade: Grade | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Both matrices; verdicts by grade: so many pairs of an image and a node; and the changes, in the order of the matrices."""

    matrix_before: Matrix
    matrix_after: Matrix
    before: Mapping[Grade, int]
    after: Mapping[Grade, int]
    images_gained: Sequence[ImagesChange]
    images_lost: Sequence[ImagesChange]
    nodes_gained: Sequence[NodesChange]
    nodes_lost: Sequence[NodesChange]


def what_if(before: Fleet, after: Fleet, today: datetime.date, judged: Matrix | None = None) -> WhatIf:
    """What is different after; raises Invalid where a matrix of either would be too large.

    Cells that `judged` has, a matrix by the same tables and rules on the same day, are taken from it.
    """
    old = _Side(before, today, judged)
    new = _Side(after, today, old.matrix)
    return WhatIf(
        old.matrix,
        new.matrix,
        old.by_grade,
        new.by_grade,
        _images(new, old, new),
        _images(old, new, new),
        _nodes(new, old, new),
        _nodes(old, new, new),
    )


class _Side:
    """One of the two fleets, with its matrix and what follows from it."""

    def __init__(self, fleet: Fleet, today: datetime.date, judged: Matrix | None) -> None:
        self.fleet, self.today = fleet, today
        self._verdicts: dict[tuple[int, str], Verdict] = {}
        self.matrix: Matrix = matrix(fleet.index, fleet.index.every, fleet.nodes, today, judged)
        self.kinds: dict[int, KindOfNodes] = {pk: kind for kind in self.matrix.kinds for pk in kind.nodes}
        self.places = {pk: at for at, group in enumerate(self.matrix.groups) for pk in group.images}
        self.columns = {
            kind.identifier: column for kind, column in zip(self.matrix.kinds, self.matrix.columns, strict=True)
        }
        self.by_grade = dict.fromkeys(ORDER, 0) | dict(self._grades())
        self.runners = self._runners()
        self.images_that_run = {pk: runners for pk, at in self.places.items() if (runners := self.runners.get(at))}
        tasks = fleet.index.attributes["task"]
        for_task: dict[str, list[int]] = {}
        for task, images in tasks.split(fleet.index.every):
            for_task.setdefault(task.casefold(), []).extend(fleet.index.pks(images))
        self.groups_for: dict[str, dict[int, int]] = {}
        """By task the groups with an image for it, each with the first such image."""
        for task, pks in sorted(for_task.items()):
            groups = self.groups_for[task] = {}
            for pk in pks:
                groups.setdefault(self.places[pk], pk)

    def _grades(self) -> Counter[Grade]:
        grades = Counter[Grade]()
        for kind, column in zip(self.matrix.kinds, self.matrix.columns, strict=True):
            for group, cell in zip(self.matrix.groups, column, strict=True):
                grades[cell.grade] += len(kind.nodes) * len(group.images)
        return grades

    def _runners(self) -> dict[int, list[int]]:
        """The nodes that run each group, by its place."""
        runners: dict[int, list[int]] = {}
        for kind, column in zip(self.matrix.kinds, self.matrix.columns, strict=True):
            for at, cell in enumerate(column):
                if cell.runs:
                    runners.setdefault(at, []).extend(kind.nodes)
        return runners

    def serves(self, kind: str) -> dict[str, int]:
        """The tasks for which nodes of that kind run an image, with the first such image."""
        column = self.columns[kind]
        served: dict[str, int] = {}
        for task, groups in self.groups_for.items():
            running = [pk for at, pk in groups.items() if column[at].runs]
            if running:
                served[task] = running[0]
        return served

    def verdict(self, image: int, node: int) -> tuple[Grade | None, tuple[Reason, ...]]:
        """The verdict on an image and a node, where both are there."""
        if image not in self.places or node not in self.kinds:
            return None, ()
        place, kind = self.places[image], self.kinds[node]
        verdict = self._verdicts.get((place, kind.identifier))
        if verdict is None:
            requirements = self.matrix.groups[place].requirements
            capabilities = NodeCapabilities(kind.node, self.fleet.index.tables)
            verdict = judge_parsed(requirements, capabilities, self.today, self.fleet.index.rules)
            self._verdicts[place, kind.identifier] = verdict
        return verdict.grade, verdict.reasons


def _images(having: _Side, lacking: _Side, new: _Side) -> list[ImagesChange]:
    """The images of both sides that run on one side alone, those of a group together."""
    alike: dict[int, list[int]] = {}
    for image in having.images_that_run:
        if image in lacking.places and image not in lacking.images_that_run:
            alike.setdefault(having.places[image], []).append(image)
    changes = []
    for place, images in alike.items():
        nodes = having.runners[place]
        node = next((node for node in nodes if node in new.kinds), None)
        verdict = (None, ()) if node is None else new.verdict(images[0], node)
        changes.append(ImagesChange(tuple(images), len(nodes), node, *verdict))
    return changes


def _nodes(having: _Side, lacking: _Side, new: _Side) -> list[NodesChange]:
    """The nodes of both sides that serve a task on one side alone, those of the same kinds together."""
    alike: dict[tuple[str, str], list[int]] = {}
    for node, kind in having.kinds.items():
        if node in lacking.kinds:
            alike.setdefault((kind.identifier, lacking.kinds[node].identifier), []).append(node)
    served = {kind.identifier: having.serves(kind.identifier) for kind in having.matrix.kinds}
    served_else = {kind.identifier: lacking.serves(kind.identifier) for kind in lacking.matrix.kinds}
    return [
        NodesChange(task, tuple(nodes), image, *new.verdict(image, nodes[0]))
        for (kind, other), nodes in alike.items()
        for task, image in served[kind].items()
        if task not in served_else[other]
    ]
