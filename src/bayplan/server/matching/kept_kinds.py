"""The nodes by kind, kept until a node changes, and what runs on each kind: for pages, which ask again and again."""

import asyncio
import datetime
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import or_

from bayplan.db.as_of import AsOf
from bayplan.db.change_log import changes_since
from bayplan.db.database import Database
from bayplan.domain.compatibility.bits import Bits, places
from bayplan.domain.compatibility.groups import KindOfNodes, kinds_of
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.judge import judge_parsed, judge_without_remedies
from bayplan.domain.compatibility.matrix import MOST_VERDICTS
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.rules import RuleSet
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, ORDER, Grade, Verdict
from bayplan.domain.node_names import NodeName
from bayplan.errors import NotFound
from bayplan.exports.matrix_picture import kind_titles
from bayplan.server.matching.fleet_summary import FleetSummary
from bayplan.server.matching.load import CatalogueSnapshot
from bayplan.server.matching.load_nodes import LoadedNodes, load_named_nodes
from bayplan.server.matching.queries import Judge, facts_shown, today

# Releases and generations are in the judge's tables, by which every kind is judged.
_IN_KINDS = frozenset(("nodes", "workers", "cuda", "hardware"))
_IN_TABLES = frozenset(("cuda", "hardware"))
# Verdicts one by one, each a twentieth of a millisecond, before it is quicker to judge all groups on all kinds.
_MOST_CARRIED_VERDICTS = 5_000
# Up to so many groups are judged one by one: an index of their own would cost more than their verdicts.
_SINGLE_GROUPS = 8
_MOST_GROUPS_KEPT = 50_000
# Images whose grades on all kinds are kept, each of some 40 kB at 500 kinds.
_MOST_GRADED_KEPT = 100


Group = tuple[Hashable, datetime.date]
"""What rules read of the images of a group, and the day on which they are judged."""
GradedKind = tuple[Grade, int, int]
"""An image's grade on a kind, the negative number of the kind's nodes, and its place."""


@dataclass(frozen=True, slots=True)
class RunningGroup:
    """A group of images: what it needs, and the places of the kinds that run it by a grade that is matched by default."""

    requirements: ImageRequirements
    kinds: Bits


@dataclass(frozen=True, eq=False)
class FleetKinds:
    """The nodes by kind, with their names, and what is known of the groups of images that run on each."""

    version: int
    kinds: Sequence[KindOfNodes]
    capabilities: Sequence[NodeCapabilities]
    titles: Sequence[str]
    """What people call each kind; no two have the same title."""
    loaded: LoadedNodes
    running: dict[Group, RunningGroup] = field(default_factory=dict)
    """By the facts of a group and the day: what it needs, and the kinds that run it."""
    graded: dict[tuple[ImageRequirements, datetime.date], Sequence[GradedKind]] = field(default_factory=dict)
    """By what an image needs and the day: all kinds, best first; of the images whose pages were opened lately."""

    @property
    def names(self) -> Mapping[int, NodeName]:
        """What each node is called, by its pk."""
        return self.loaded.names

    @property
    def nodes(self) -> int:
        """The number of nodes."""
        return len(self.loaded.nodes)

    @cached_property
    def by_identifier(self) -> Mapping[str, int]:
        """The place of each kind by its identifier."""
        return {kind.identifier: place for place, kind in enumerate(self.kinds)}

    @cached_property
    def sizes(self) -> Sequence[int]:
        """The number of nodes of each kind."""
        return [len(kind.nodes) for kind in self.kinds]

    def nodes_of(self, kinds: Bits) -> int:
        """The number of nodes of the kinds at these places."""
        return sum(self.sizes[place] for place in places(kinds))


@dataclass(frozen=True, slots=True)
class ImageOnKinds:
    """One image over a fleet: by grade, best first, the numbers of kinds and of nodes; and some kinds with their verdicts."""

    grades: Mapping[Grade, tuple[int, int]]
    kinds: Sequence[tuple[KindOfNodes, Verdict]]
    total: int
    """The kinds among which those that are shown are."""
    nodes: int


class KeptKinds:
    """The kinds of nodes of one database, brought up to a version by the change log."""

    def __init__(self, db: Database, judge: Judge) -> None:
        self._db, self._judge = db, judge
        self._latest: AsOf[FleetKinds] = AsOf(self._update)

    async def at(self, version: int) -> FleetKinds:
        """Gives the kinds as of `version` or a later one."""
        return await self._latest.at(version)

    async def _update(self, last: FleetKinds | None, version: int) -> tuple[FleetKinds, int]:
        changed = None if last is None else await changes_since(self._db, version)
        if last is not None and changed is not None and _IN_KINDS.isdisjoint(changed.pks):
            return last, changed.version
        if changed is None or not _IN_TABLES.isdisjoint(changed.pks):
            last = None
        version = await self._db.version() if changed is None else changed.version
        catalogue = await self._judge.at(version)
        if last is None or changed is None or "workers" in changed.pks:
            loaded = await load_named_nodes(self._db, None, ())
        else:
            loaded = await load_named_nodes(self._db, last.loaded, changed.pks.get("nodes", ()))

        def work() -> FleetKinds:
            kinds = kinds_of(sorted(loaded.nodes.items()), catalogue.tables, catalogue.index.rules)
            capabilities = [NodeCapabilities(kind.node, catalogue.tables) for kind in kinds]
            titles = kind_titles([facts_shown(kind.node, catalogue.tables) for kind in kinds])
            fleet = FleetKinds(version, kinds, capabilities, titles, loaded)
            if last is not None:
                fleet.running.update(_carried(last, fleet, catalogue.index.rules, today()))
            return fleet

        return await asyncio.to_thread(work), version

    async def summary(self, version: int) -> FleetSummary | None:
        """Gives what runs where in numbers; None where that would take too many verdicts."""
        catalogue, fleet = await self._judge.at(version), await self.at(version)
        return await asyncio.to_thread(_summary, catalogue.index, fleet, today())

    async def running_nodes(self, pks: Collection[int], version: int) -> dict[int, int]:
        """Gives for each of these images on how many nodes it runs by a grade that is matched by default; deleted ones on none."""
        catalogue, fleet = await self._judge.at(version), await self.at(version)

        def work() -> dict[int, int]:
            kinds = _running(catalogue.index, fleet, pks, today())
            nodes = {each: fleet.nodes_of(each) for each in set(kinds.values())}
            return {pk: nodes[kinds[pk]] for pk in pks}

        return await asyncio.to_thread(work)

    async def running_kinds(self, pks: Collection[int], version: int) -> tuple[FleetKinds, dict[int, Bits]]:
        """Gives the kinds, and for each of these images the places of those on which it runs by a grade that is matched by default."""
        catalogue, fleet = await self._judge.at(version), await self.at(version)
        return fleet, await asyncio.to_thread(_running, catalogue.index, fleet, pks, today())

    async def image_on_kinds(
        self, pk: int, version: int, *, grade: Grade | None = None, offset: int = 0, limit: int
    ) -> ImageOnKinds:
        """Gives an image's verdicts by kind, the best grade and the largest kind first, perhaps of one grade; raises `NotFound`."""
        catalogue, fleet = await self._judge.at(version), await self.at(version)
        if pk not in catalogue.images:
            raise NotFound(f"No docker image with pk {pk}.")
        return await asyncio.to_thread(_on_kinds, catalogue, fleet, pk, today(), grade, offset, limit)


def _running(index: CatalogueIndex, fleet: FleetKinds, pks: Collection[int], day: datetime.date) -> dict[int, Bits]:
    """The places of the kinds that run each image; none for deleted ones."""
    requirements: dict[int, ImageRequirements] = {}
    place_of: dict[ImageRequirements, int] = {}
    for place in places(index.images_of(pks)):
        entry = index.order.entries[place]
        requirements[entry[2]] = entry[3]
        place_of.setdefault(entry[3], place)
    groups = {needs: (index.facts_read(needs), day) for needs in place_of}
    kinds = _running_groups(index, fleet, groups, place_of)
    return {pk: kinds[requirements[pk]] if pk in requirements else 0 for pk in pks}


def _summary(index: CatalogueIndex, fleet: FleetKinds, day: datetime.date) -> FleetSummary | None:
    place_of: dict[ImageRequirements, int] = {}
    for place, entry in enumerate(index.order.entries):
        place_of.setdefault(entry[3], place)
    groups = {needs: (index.facts_read(needs), day) for needs in place_of}
    number = len(frozenset(groups.values()))
    if number * len(fleet.kinds) > MOST_VERDICTS:
        return None
    running = _running_groups(index, fleet, groups, place_of)
    on_some = reduce(or_, running.values(), 0)
    stranded = [place for place in range(len(fleet.kinds)) if not on_some >> place & 1]
    stranded.sort(key=lambda place: -fleet.sizes[place])
    images = sum(not running[entry[3]] for entry in index.order.entries)
    return FleetSummary(
        len(fleet.kinds), number, [(fleet.kinds[place], fleet.titles[place]) for place in stranded], images
    )


def _running_groups(
    index: CatalogueIndex,
    fleet: FleetKinds,
    groups: Mapping[ImageRequirements, Group],
    place_of: Mapping[ImageRequirements, int],
) -> dict[ImageRequirements, Bits]:
    """The places of the kinds that run each group; `place_of` has the place of an image of each. What is judged is kept."""
    existing = {group: fleet.running.get(group) for group in groups.values()}
    missing = {group: place_of[needs] for needs, group in groups.items() if existing[group] is None}
    if missing:
        if len(fleet.running) + len(missing) > _MOST_GROUPS_KEPT:
            fleet.running.clear()
        entries, (_, day) = index.order.entries, next(iter(missing))
        judged = _running_kinds(index, fleet, missing, day)
        fresh = {group: RunningGroup(entries[missing[group]][3], kinds) for group, kinds in judged.items()}
        fleet.running.update(fresh)
        existing |= fresh
    return {needs: known.kinds for needs, group in groups.items() if (known := existing[group]) is not None}


def _carried(last: FleetKinds, fleet: FleetKinds, rules: RuleSet, day: datetime.date) -> dict[Group, RunningGroup]:
    """What is known of an earlier fleet's groups, for the kinds that there are now; nothing where most would be judged anew."""
    places_of = {kind.identifier: place for place, kind in enumerate(fleet.kinds)}
    moved = [places_of.get(kind.identifier) for kind in last.kinds]
    fresh = sorted(set(range(len(fleet.kinds))) - set(moved))
    if len(fresh) * len(last.running) > _MOST_CARRIED_VERDICTS:
        return {}
    others: dict[Bits, Bits] = {}
    carried: dict[Group, RunningGroup] = {}
    for group, known in list(last.running.items()):  # which others go on to fill
        kinds = others.get(known.kinds)
        if kinds is None:
            after = (moved[place] for place in places(known.kinds))
            kinds = others[known.kinds] = sum(1 << place for place in after if place is not None)
        if group[1] != day:
            continue
        kinds |= sum(1 << place for place in fresh if _runs(known.requirements, fleet.capabilities[place], day, rules))
        carried[group] = RunningGroup(known.requirements, kinds)
    return carried


def _runs(image: ImageRequirements, node: NodeCapabilities, day: datetime.date, rules: RuleSet) -> bool:
    return judge_without_remedies(image, node, day, rules).grade in MATCHED_BY_DEFAULT


def _running_kinds(
    index: CatalogueIndex, fleet: FleetKinds, groups: Mapping[Group, int], day: datetime.date
) -> dict[Group, Bits]:
    """By group the places of the kinds that run it; `groups` has the place of an image of each."""
    if len(groups) <= _SINGLE_GROUPS:
        entries = index.order.entries
        return {
            group: sum(
                1 << number
                for number, capabilities in enumerate(fleet.capabilities)
                if _runs(entries[place][3], capabilities, day, index.rules)
            )
            for group, place in groups.items()
        }
    ordered = sorted(groups.items(), key=lambda pair: pair[1])  # as in the smaller index
    some = index.only(place for _, place in ordered)
    kinds = [0] * len(ordered)
    for number, kind in enumerate(fleet.kinds):
        for at in places(some.verdicts(kind.node, day).of_grades(MATCHED_BY_DEFAULT)):
            kinds[at] |= 1 << number
    return {group: running for (group, _), running in zip(ordered, kinds, strict=True)}


def _graded(
    fleet: FleetKinds, requirements: ImageRequirements, day: datetime.date, rules: RuleSet
) -> Sequence[GradedKind]:
    """All kinds with the grade of an image, the best grade and the largest kind first."""
    key = (requirements, day)
    kept = fleet.graded.get(key)
    if kept is None:
        graded = (
            (judge_without_remedies(requirements, capabilities, day, rules).grade, -size, place)
            for place, (size, capabilities) in enumerate(zip(fleet.sizes, fleet.capabilities, strict=True))
        )
        kept = sorted(graded, key=lambda entry: (ORDER[entry[0]], *entry[1:]))
        if len(fleet.graded) >= _MOST_GRADED_KEPT:
            fleet.graded.clear()
        fleet.graded[key] = kept
    return kept


def _on_kinds(
    catalogue: CatalogueSnapshot,
    fleet: FleetKinds,
    pk: int,
    day: datetime.date,
    grade: Grade | None,
    offset: int,
    limit: int,
) -> ImageOnKinds:
    rules = catalogue.index.rules
    requirements = ImageRequirements(catalogue.images[pk], catalogue.tables)
    place = catalogue.index.order.place(pk)
    # Those of the index are equal for equal images, and have the same grades, though not the same words.
    graded = _graded(fleet, requirements if place is None else catalogue.index.order.entries[place][3], day, rules)
    grades: dict[Grade, tuple[int, int]] = {}
    for each, size, _ in graded:
        kinds, nodes = grades.get(each, (0, 0))
        grades[each] = kinds + 1, nodes - size
    chosen = [number for each, _, number in graded if grade in (None, each)]
    shown = [
        (fleet.kinds[number], judge_parsed(requirements, fleet.capabilities[number], day, rules))
        for number in chosen[offset : offset + limit]
    ]
    return ImageOnKinds(grades, shown, len(chosen), fleet.nodes)
