"""The driver upgrades worth making: what each unlocks, makes native and breaks, on every kind of nodes.

A branch is offered where it is newer than the driver that is there, still maintained, and supports the GPU. Where no
maintained branch supports the GPU, the last one that does is offered. The verdicts are the judge's on the node with the
other driver.
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bayplan.domain.compatibility.bits import Bits, places
from bayplan.domain.compatibility.groups import ImageGroup, KindOfNodes, groups_of, kinds_of
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.node_verdicts import NodeVerdicts
from bayplan.domain.compatibility.overrides import overridden, takes_driver
from bayplan.domain.compatibility.tables import DriverBranch, Tables
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, Grade, ReasonCode
from bayplan.domain.versions import DriverVersion

LONG_TERM = "long-term support"


@dataclass(frozen=True, slots=True)
class DriverUpgrade:
    """Another driver for a kind of nodes, and the groups whose verdicts it changes, as places in `Upgrades.groups`.

    `unlocks` did not run and do then; `makes_native` ran already; `breaks` ran and do not any more, each with the code of the worst
    reason. `gained` is how many more images run.
    """

    driver: str
    branch: DriverBranch
    unlocks: tuple[int, ...]
    makes_native: tuple[int, ...]
    breaks: Mapping[int, ReasonCode]
    gained: int
    more_native: int

    @property
    def is_long_term(self) -> bool:
        """Whether its branch has long-term support."""
        return self.branch.designation == LONG_TERM


@dataclass(frozen=True, slots=True)
class KindUpgrades:
    """The upgrades of a kind of nodes, the smallest first; and the best of them, None without any."""

    kind: KindOfNodes
    upgrades: tuple[DriverUpgrade, ...]
    best: DriverUpgrade | None


@dataclass(frozen=True, slots=True)
class Upgrades:
    """The groups of a catalogue, and the kinds of a fleet that have an upgrade worth making."""

    groups: Sequence[ImageGroup]
    kinds: Sequence[KindUpgrades]


def upgrades(index: CatalogueIndex, nodes: Iterable[tuple[int, Node]], today: datetime.date) -> Upgrades:
    """The upgrades worth making: those that unlock an image or make one native, or that leave a branch past its end of life."""
    groups = groups_of(index, index.every)
    catalogue = _Groups(index.only(group.place for group in groups), [len(group.images) for group in groups], today)
    kinds = []
    for kind in kinds_of(nodes, index.tables, index.rules):
        offered = tuple(catalogue.upgrades_of(kind))
        if offered:
            kinds.append(KindUpgrades(kind, offered, best_of(offered)))
    return Upgrades(groups, kinds)


def best_of(offered: Sequence[DriverUpgrade]) -> DriverUpgrade:
    """The best upgrade: with it most images run, of several most run natively; then long-term support, then the smallest."""
    return max(
        offered, key=lambda upgrade: (upgrade.gained, upgrade.more_native, upgrade.is_long_term, -upgrade.branch.branch)
    )


def branches_for(
    node: NodeCapabilities, tables: Tables, today: datetime.date
) -> list[tuple[DriverBranch, DriverVersion]]:
    """The branches to which the driver of a node may be upgraded, ascending, each with the newest driver of it in the tables.

    Empty for a node without an NVIDIA GPU, for a Jetson, whose driver comes with its system, and without a known driver.
    """
    if not takes_driver(node) or node.driver is None:
        return []
    newer = [
        (row, driver)
        for row in sorted(tables.driver_branches, key=lambda row: row.branch)
        if node.may_have(driver := tables.newest_driver(row.branch)) and driver > node.driver
    ]
    maintained = [(row, driver) for row, driver in newer if is_maintained(row, today)]
    return maintained or newer[-1:] * (node.last_driver_branch is not None)


def is_maintained(branch: DriverBranch, today: datetime.date) -> bool:
    """Whether a branch has a published end of life that is not past."""
    return branch.end_of_life is not None and branch.end_of_life >= today


@dataclass(frozen=True, slots=True)
class _Groups:
    """One image of each group, how many images each has, and the verdicts on kinds that were asked for already."""

    index: CatalogueIndex
    sizes: Sequence[int]
    today: datetime.date
    _verdicts: dict[Node, tuple[Bits, Bits, NodeVerdicts]] = field(default_factory=dict)

    def upgrades_of(self, kind: KindOfNodes) -> Iterable[DriverUpgrade]:
        """The upgrades of a kind, the smallest first."""
        tables = self.index.tables
        node = NodeCapabilities(kind.node, tables)
        branches = branches_for(node, tables, self.today)
        if not branches:
            return
        ran, was_native, _ = self._on(kind.node)
        current = tables.branch_of(node.driver) if node.driver is not None else None
        leaves_the_end = current is not None and not is_maintained(current, self.today)
        for branch, driver in branches:
            runs, native, verdicts = self._on(overridden(kind.node, {"driver_version": str(driver)}))
            unlocks, broken, made = runs & ~ran, ran & ~runs, native & ~was_native & ran
            if unlocks or made or (leaves_the_end and is_maintained(branch, self.today)):
                yield DriverUpgrade(
                    str(driver),
                    branch,
                    tuple(places(unlocks)),
                    tuple(places(made)),
                    _codes(verdicts, broken),
                    self._count(unlocks) - self._count(broken),
                    self._count(native) - self._count(was_native),
                )

    def _on(self, node: Node) -> tuple[Bits, Bits, NodeVerdicts]:
        """The groups that run on a node, those that run natively, and the verdicts."""
        kind = self.index.rules.kind(node)
        graded = self._verdicts.get(kind)
        if graded is None:
            verdicts = self.index.verdicts(kind, self.today)
            runs, native = verdicts.of_grades(MATCHED_BY_DEFAULT), verdicts.of_grades((Grade.NATIVE,))
            graded = self._verdicts[kind] = (runs, native, verdicts)
        return graded

    def _count(self, groups: Bits) -> int:
        return sum(self.sizes[place] for place in places(groups))


def _codes(verdicts: NodeVerdicts, groups: Bits) -> dict[int, ReasonCode]:
    """The code of the worst reason against each of these groups."""
    if not groups:
        return {}
    codes: dict[int, ReasonCode] = {}
    for reason, images in verdicts.reasons():
        codes |= dict.fromkeys(places(images & groups), reason.code)
        groups &= ~images
    return dict(sorted(codes.items()))
