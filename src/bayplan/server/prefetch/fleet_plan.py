"""The desired images of a whole fleet as sets of bits: by worker, and by rule.

An image is a place: its bit is set where it is desired. Nodes of one kind run the same images, so what a rule means for a
worker goes by the kinds of its nodes, and is worked out once for all workers with the same kinds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from bayplan.domain.compatibility.bits import Bits, from_places, places
from bayplan.domain.prefetch import MOST_IMAGES, PrefetchRule

KindsOfWorker = tuple[tuple[int, tuple[int, ...]], ...]
"""The kinds of a worker's nodes, each by its place, with the places of the rules that apply to its nodes of that kind."""


class PlannedWorker(NamedTuple):
    """A worker, its nodes as `(pk, index)`, and their kinds."""

    pk: int
    name: str
    ip: str
    nodes: tuple[tuple[int, int], ...]
    kinds: KindsOfWorker


@dataclass(frozen=True, eq=False)
class FleetPlan:
    """The desired images of every worker, at one version of the catalogue and on one day."""

    rules: Sequence[PrefetchRule]
    workers: Sequence[PlannedWorker]
    """By address."""
    kind_of: Mapping[int, int]
    """The place of the kind of every node, by its pk; also of nodes without a worker."""
    running: Mapping[int, Bits]
    """The places of the kinds that run each image of a rule, by the image's pk."""
    _desired: dict[KindsOfWorker, Bits] = field(default_factory=dict)

    @cached_property
    def images(self) -> Sequence[int]:
        """The images of all rules by their place: in the order of the rules and of their images."""
        return list(dict.fromkeys(image for rule in self.rules for image in rule.images))

    @cached_property
    def place_of(self) -> Mapping[int, int]:
        """The place of each image by its pk."""
        return {image: place for place, image in enumerate(self.images)}

    @cached_property
    def named(self) -> Sequence[Bits]:
        """The images that each rule names."""
        return [from_places((self.place_of[image] for image in rule.images), len(self.images)) for rule in self.rules]

    @cached_property
    def run_on(self) -> Mapping[int, Bits]:
        """The images that run on each kind; kinds without any are left out."""
        alike: dict[Bits, list[int]] = {}
        for place, image in enumerate(self.images):
            alike.setdefault(self.running.get(image, 0), []).append(place)
        run_on: dict[int, Bits] = {}
        for kinds, images in alike.items():
            bits = from_places(images, len(self.images))
            for kind in places(kinds):
                run_on[kind] = run_on.get(kind, 0) | bits
        return run_on

    @cached_property
    def worker_of(self) -> Mapping[int, PlannedWorker]:
        """The worker of each node that has one, by the node's pk."""
        return {node: worker for worker in self.workers for node, _ in worker.nodes}

    def place_of_rule(self, name: str) -> int | None:
        """Gives the place of a rule; None for one whose filters are no longer valid, which is left out."""
        return next((place for place, rule in enumerate(self.rules) if rule.name == name), None)

    def desired(self, kinds: KindsOfWorker) -> Bits:
        """Gives the desired images of a worker with nodes of these kinds: as `plan_images` does."""
        bits = self._desired.get(kinds)
        if bits is None:
            bits = 0
            for kind, rules in kinds:
                named = 0
                for rule in rules:
                    named |= self.named[rule]
                bits |= named & self.run_on.get(kind, 0)
            if bits.bit_count() > MOST_IMAGES:
                bits = self._first(kinds)
            self._desired[kinds] = bits
        return bits

    def desired_by(self, rule: int, kinds: KindsOfWorker) -> Bits:
        """Gives those of them that a rule names for one of these kinds."""
        runs = 0
        for kind, rules in kinds:
            if rule in rules:
                runs |= self.run_on.get(kind, 0)
        return self.named[rule] & runs & self.desired(kinds)

    def only_by(self, rule: int, kinds: KindsOfWorker) -> Bits:
        """Gives those of them that no other rule names for one of these kinds."""
        others = 0
        for other in {other for _, rules in kinds for other in rules if other != rule}:
            others |= self.desired_by(other, kinds)
        return self.desired_by(rule, kinds) & ~others

    def _first(self, kinds: KindsOfWorker) -> Bits:
        """As many of them as a worker may have: the first ones, in the order of the rules that apply."""
        chosen: Bits = 0
        for place, rule in enumerate(self.rules):
            runs = 0
            for kind, rules in kinds:
                runs |= self.run_on.get(kind, 0) if place in rules else 0
            for image in rule.images:
                bit = 1 << self.place_of[image]
                if runs & bit:
                    chosen |= bit
                    if chosen.bit_count() == MOST_IMAGES:
                        return chosen
        return chosen
