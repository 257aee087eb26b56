"""The judge's index of a catalogue: each image is a bit, in the order of matches, in a column for each property.

An index never changes. A write derives a new index, which shares the unchanged parts, so readers keep theirs. One thread
at a time may make changes; any number may read.
"""

import datetime
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from bayplan.domain.compatibility.bits import Bits, from_places, move, places
from bayplan.domain.compatibility.columns import GroupColumn
from bayplan.domain.compatibility.fact_columns import FactColumns, FactLayout, all_facts
from bayplan.domain.compatibility.identifiers import identifier_of
from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.image_requirements import ImageRequirements, without_read_facts
from bayplan.domain.compatibility.judge_all import NodeKind, Part, judge_all
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.node_verdicts import NodeVerdicts
from bayplan.domain.compatibility.order import CatalogueImage, Entry, ImageOrder, order_entry
from bayplan.domain.compatibility.rules import RULES, RuleSet
from bayplan.domain.compatibility.tables import Tables

KINDS_KEPT = 64
VERDICTS_KEPT = 32  # about half a megabyte each for 100,000 images

ATTRIBUTES: Mapping[str, Callable[[CatalogueImage], Iterable[Hashable]]] = {
    "framework": lambda image: ((image.image.framework, image.image.framework_version),),
    "framework_pk": lambda image: (image.framework,),
    "cuda_pk": lambda image: (image.cuda,),
    "domain": lambda image: (image.domain,),
    "task": lambda image: image.tasks,
}
"""The properties that queries and filters compare; each is a column."""


@dataclass(frozen=True, eq=False)
class CatalogueIndex:
    """All images of a catalogue that are not deleted."""

    tables: Tables
    rules: RuleSet
    order: ImageOrder
    attributes: Mapping[str, GroupColumn[Any]]
    _layout: FactLayout
    _facts: FactColumns
    _by_architecture: Mapping[str, FactColumns]
    _requirements: WeakValueDictionary[Image, ImageRequirements]
    _facts_read: WeakKeyDictionary[ImageRequirements, Hashable]
    _identifiers: WeakKeyDictionary[ImageRequirements, str]
    _kind: Callable[[Node, datetime.date], NodeKind]

    @classmethod
    def build(cls, images: Iterable[CatalogueImage], tables: Tables, rules: RuleSet = RULES) -> "CatalogueIndex":
        """The index of these images, judged by these tables and rules."""
        layout = FactLayout.of(rules)
        parsed: WeakValueDictionary[Image, ImageRequirements] = WeakValueDictionary()
        by_pk = {image.pk: image for image in images if not image.image.deleted}
        order = ImageOrder.build(order_entry(image, _interned(image.image, tables, parsed)) for image in by_pk.values())
        size = len(order.entries)
        facts, by_architecture = _columns(layout, order.entries)
        return cls(
            tables,
            rules,
            order,
            {
                name: GroupColumn.build(
                    (
                        ((place,), value, value)
                        for place, (_, _, pk, _, _) in enumerate(order.entries)
                        for value in values(by_pk[pk])
                    ),
                    size,
                )
                for name, values in ATTRIBUTES.items()
            },
            layout,
            facts,
            by_architecture,
            parsed,
            WeakKeyDictionary(),
            WeakKeyDictionary(),
            _kinds_kept(tables, rules),
        )

    def with_changes(self, upserted: Iterable[CatalogueImage] = (), removed: Iterable[int] = ()) -> "CatalogueIndex":
        """The index with these images new or in place of those of the same pk, and then without the images of these pks."""
        removed = frozenset(removed)
        changed = {image.pk: image for image in upserted}
        kept = {pk: image for pk, image in changed.items() if not image.image.deleted and pk not in removed}
        entries = []
        for pk, image in kept.items():
            entry = order_entry(image, _interned(image.image, self.tables, self._requirements))
            if self._has(image, entry):
                del changed[pk]
            else:
                entries.append(entry)
        order, change = self.order.changed({*changed, *removed}, entries)
        if not (change.removed or change.inserted):
            return self
        moved = move(change.removed, change.inserted, len(self.order.entries))
        placed = [(place, order.entries[place]) for place in change.inserted]
        attributes = {
            name: column.changed(
                moved, [(place, value, value) for place, entry in placed for value in ATTRIBUTES[name](kept[entry[2]])]
            )
            for name, column in self.attributes.items()
        }
        others: dict[str, list[tuple[int, ImageRequirements]]] = {name: [] for name in self._by_architecture}
        for place, entry in placed:
            for architecture, other in entry[3].by_architecture.items():
                others.setdefault(architecture, []).append((place, other))
        nothing = FactColumns.build(self._layout, (), 0)
        return replace(
            self,
            order=order,
            attributes=attributes,
            _facts=self._facts.changed(self._layout, moved, [(place, entry[3]) for place, entry in placed]),
            _by_architecture={
                name: self._by_architecture.get(name, nothing).changed(self._layout, moved, members)
                for name, members in others.items()
            },
        )

    def _has(self, image: CatalogueImage, entry: Entry) -> bool:
        """Whether the index has an equal image already: many writes change no field that the index uses."""
        place = self.order.place(image.pk)
        if place is None:
            return False
        current = self.order.entries[place]
        if current[:3] != entry[:3] or current[3] is not entry[3] or current[4] != entry[4]:
            return False
        bit = 1 << place
        return all(
            all(column[value] & bit for value in ATTRIBUTES[name](image)) for name, column in self.attributes.items()
        ) and len(self.attributes["task"].within(bit)) == len(frozenset(image.tasks))

    def only(self, chosen: Iterable[int]) -> "CatalogueIndex":
        """The index of the images at these places alone, which keeps verdicts of its own; it has no column of `ATTRIBUTES`."""
        order = ImageOrder.build(self.order.entries[place] for place in chosen)
        facts, by_architecture = _columns(self._layout, order.entries)
        return replace(
            self,
            order=order,
            attributes={},
            _facts=facts,
            _by_architecture=by_architecture,
            _kind=_kinds_alike(self.tables, self.rules),
        )

    def facts_read(self, requirements: ImageRequirements) -> Hashable:
        """All that rules read of an image: images that are equal in it have the same verdicts on every node."""
        facts = self._facts_read.get(requirements)
        if facts is None:
            facts = self._facts_read[requirements] = all_facts(self._layout, requirements)
        return facts

    def identifier(self, requirements: ImageRequirements) -> str:
        """The identifier of the group of images that are equal to one in all that rules read."""
        identifier = self._identifiers.get(requirements)
        if identifier is None:
            identifier = self._identifiers[requirements] = identifier_of(self.facts_read(requirements))
        return identifier

    def __len__(self) -> int:
        return len(self.order.entries)

    @cached_property
    def every(self) -> Bits:
        """All images."""
        return (1 << len(self)) - 1

    def pks(self, images: Bits) -> list[int]:
        """The pks of images, in the order of matches."""
        entries = self.order.entries
        return [entries[place][2] for place in places(images)]

    def images_of(self, pks: Collection[int]) -> Bits:
        """The images with these pks; those that are not in the index are left out."""
        if len(pks) * 16 < len(self):
            members = [place for pk in pks if (place := self.order.place(pk)) is not None]
        else:
            chosen = frozenset(pks)
            members = [place for place, entry in enumerate(self.order.entries) if entry[2] in chosen]
        return from_places(members, len(self))

    def with_framework(self, pk: int) -> Bits:
        """The images with the framework of that pk."""
        return self.attributes["framework_pk"][pk]

    def with_cuda(self, pk: int | None) -> Bits:
        """The images with the CUDA release of that pk; None for those without one."""
        return self.attributes["cuda_pk"][pk]

    def of_domain(self, name: str) -> Bits:
        """The images of the domain of exactly that name."""
        return self.attributes["domain"][name]

    def for_task(self, task: str, fold: Callable[[str], str] = str.casefold) -> Bits:
        """The images for a task, whatever its case; `fold` is what takes the case away."""
        folded = fold(task)
        return self.attributes["task"].having(lambda name: fold(name) == folded)

    def verdicts(self, node: Node, today: datetime.date) -> NodeVerdicts:
        """All images on a node."""
        return self._judged(self.rules.kind(node), today)

    @cached_property
    def _judged(self) -> Callable[[Node, datetime.date], NodeVerdicts]:
        # Without `self`: an index without readers is freed at once, and not at the next run of the garbage collector.
        layout, order, kinds = self._layout, self.order, self._kind
        facts, by_architecture, attributes = self._facts, self._by_architecture, self.attributes

        @lru_cache(maxsize=VERDICTS_KEPT)
        def judged(node: Node, today: datetime.date) -> NodeVerdicts:
            kind = kinds(node, today)
            other = by_architecture.get(kind.node.platform or "")
            if other is None:
                parts = [Part(facts, facts.members)]
            else:
                parts = [Part(facts, facts.members & ~other.members), Part(other, other.members)]
            return judge_all(layout, order, attributes, parts, kind)

        return judged


def _columns(layout: FactLayout, entries: Sequence[Entry]) -> tuple[FactColumns, dict[str, FactColumns]]:
    """The columns of all images, and those of the images whose facts differ on an architecture."""
    places_of: dict[ImageRequirements, list[int]] = {}
    others: dict[str, list[tuple[ImageRequirements, list[int]]]] = {}
    for place, (_, _, _, requirements, _) in enumerate(entries):
        places_of.setdefault(requirements, []).append(place)
    for requirements, members in places_of.items():
        for architecture, other in requirements.by_architecture.items():
            others.setdefault(architecture, []).append((other, members))
    size = len(entries)
    return (
        FactColumns.build(layout, places_of.items(), size),
        {name: FactColumns.build(layout, members, size) for name, members in others.items()},
    )


def _kinds_kept(tables: Tables, rules: RuleSet) -> Callable[[Node, datetime.date], NodeKind]:
    return lru_cache(maxsize=KINDS_KEPT)(lambda kind, today: NodeKind.of(NodeCapabilities(kind, tables), today, rules))


def _kinds_alike(tables: Tables, rules: RuleSet) -> Callable[[Node, datetime.date], NodeKind]:
    """Gives kinds that share the results of rules: for an index that does not live long and has few images."""
    shared: dict[Hashable, list[Any]] = {}
    return lambda kind, today: NodeKind.of(NodeCapabilities(kind, tables), today, rules, shared)


def _interned(
    image: Image, tables: Tables, parsed: "WeakValueDictionary[Image, ImageRequirements]"
) -> ImageRequirements:
    """The requirements of an image; equal images share one object."""
    image = without_read_facts(image, tables)
    requirements = parsed.get(image)
    if requirements is None:
        requirements = parsed[image] = ImageRequirements(image, tables)
    return requirements
