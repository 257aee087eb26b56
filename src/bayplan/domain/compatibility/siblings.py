"""Siblings: images of the catalogue that run on a node, for those that do not.

The nearest one is for the same task and domain and of the same framework, then of the same framework alone, then for the
same task and domain. Among them an image of the same name comes first, then one of the same version of the framework,
then the newest. A deprecated one is named only where there is no other. They are found by the sets of the index, once for
all images of one framework and one use.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from itertools import chain, islice
from operator import or_
from typing import Any

from bayplan.domain.compatibility.bits import Bits, from_places, lowest, places
from bayplan.domain.compatibility.columns import GroupColumn
from bayplan.domain.compatibility.order import ImageOrder
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, Grade, Remedy

_MOST_NAMES = 64  # images whose names are compared

Framework = tuple[str | None, str | None]


@dataclass(frozen=True, eq=False)
class Siblings:
    """The images that run on one kind of node, for each image that does not."""

    order: ImageOrder
    attributes: Mapping[str, GroupColumn[Any]]
    grades: Mapping[Grade, Bits]
    uses_gpu: Bits
    _remedies: dict[tuple[int, bool], Remedy] = field(default_factory=dict)

    def of(self, chosen: Sequence[int]) -> dict[int, Remedy]:
        """The remedy to use the sibling of the image at each place; places without one are left out.

        An image for GPUs gets one that uses the GPU; one that works on the CPU where there is no such one.
        """
        runs = self._running
        by_gpu = runs & ~self.grades.get(Grade.CPU, 0)
        images = from_places(chosen, len(self.order.entries))
        remedies: dict[int, Remedy] = {}
        for framework, use, members in self._alike(images & self.uses_gpu):
            on_gpu = self._nearest(framework, use, members, by_gpu)
            # An image that runs on the CPU already is not replaced by another that does.
            on_cpu = self._nearest(framework, use, members & ~runs, runs & ~by_gpu)
            remedies |= {place: self._remedy(sibling, on_cpu=True) for place, sibling in on_cpu}
            remedies |= {place: self._remedy(sibling) for place, sibling in on_gpu}
        for framework, use, members in self._alike(images & ~self.uses_gpu):
            siblings = self._nearest(framework, use, members, runs)
            remedies |= {place: self._remedy(sibling) for place, sibling in siblings}
        return remedies

    @cached_property
    def _running(self) -> Bits:
        return reduce(or_, (self.grades.get(grade, 0) for grade in MATCHED_BY_DEFAULT))

    def _alike(self, images: Bits) -> Iterator[tuple[Framework, Bits, Bits]]:
        """The images in groups of one framework and one use, with all images of that use: of that domain, for such a task."""
        for framework, of_framework in self.attributes["framework"].split(images):
            for domain, of_domain in self.attributes["domain"].split(of_framework):
                for tasks, members in self._by_tasks(of_domain):
                    use = self._folded["domain"].get(domain.casefold(), 0)
                    if tasks:
                        use &= reduce(or_, (self._folded["task"].get(task.casefold(), 0) for task in tasks))
                    yield framework, use, members

    def _by_tasks(self, images: Bits) -> list[tuple[tuple[str, ...], Bits]]:
        parts: list[tuple[tuple[str, ...], Bits]] = [((), images)]
        for task, members in self.attributes["task"].split(images):
            with_task = [((*tasks, task), part & members) for tasks, part in parts]
            without = [(tasks, part & ~members) for tasks, part in parts]
            parts = [(tasks, part) for tasks, part in (*with_task, *without) if part]
        return parts

    @cached_property
    def _folded(self) -> dict[str, dict[Hashable, Bits]]:
        """The running images of each domain, task, framework and version of one, whatever the case of its name."""
        folded: dict[str, dict[Hashable, Bits]] = {"domain": {}, "task": {}, "framework": {}, "version": {}}
        for attribute in ("domain", "task"):
            for name, images in self.attributes[attribute].split(self._running):
                _add(folded[attribute], name.casefold(), images)
        for (name, version), images in self.attributes["framework"].split(self._running):
            if name is not None:
                _add(folded["framework"], name.casefold(), images)
                _add(folded["version"], (name.casefold(), version), images)
        return folded

    def _nearest(self, framework: Framework, use: Bits, members: Bits, running: Bits) -> Iterator[tuple[int, int]]:
        """The sibling of each of these images, as places; a deprecated one only where there is no other."""
        if not members or not running:
            return
        name, version = (framework[0] or "").casefold(), framework[1]
        first = self.order.first_deprecated
        ranks: tuple[Bits, ...] = (running,)
        if first < len(self.order.entries):
            ranks = (running & ((1 << first) - 1), running)
        for some in ranks:
            same_version = some & self._folded["version"].get((name, version), 0)
            same_name = some & self._folded["framework"].get(name, 0)
            ranked = (use & same_version, use & same_name, same_version, same_name, use & some)
            best = next((images for images in ranked if images), 0)
            if not best:
                continue
            by_name: dict[str, int] = {}
            for place in islice(chain(places(ranked[0]), places(ranked[1])), _MOST_NAMES):
                by_name.setdefault(self.order.entries[place][4][0], place)
            for place in places(members):
                yield place, by_name.get(self.order.entries[place][4][0], lowest(best))
            return

    def _remedy(self, place: int, *, on_cpu: bool = False) -> Remedy:
        remedy = self._remedies.get((place, on_cpu))
        if remedy is None:
            _, _, pk, _, (name, version) = self.order.entries[place]
            text = f"use {name} {version}{', which works on the CPU' if on_cpu else ''}"
            remedy = self._remedies[place, on_cpu] = Remedy(text, other_image=True, sibling=pk)
        return remedy


def _add(sets: dict[Hashable, Bits], key: Hashable, images: Bits) -> None:
    sets[key] = sets.get(key, 0) | images
