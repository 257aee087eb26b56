"""The driver upgrades of a fleet, as objects."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import orjson

from bayplan.domain.compatibility.tables import DriverBranch, Tables
from bayplan.domain.compatibility.upgrades import DriverUpgrade, KindUpgrades, Upgrades, is_maintained, upgrades
from bayplan.domain.versions import DriverVersion, read
from bayplan.schemas.upgrades import DriverUpgradeAnswer, KindUpgradesAnswer
from bayplan.server.context import Context
from bayplan.server.matching.queries import facts_shown, load_nodes, today


@dataclass(frozen=True, slots=True)
class FleetUpgrades:
    """Upgrades, the version of the catalogue and the day that they are as of, and the tables by which they were judged."""

    version: int
    day: date
    tables: Tables
    upgrades: Upgrades

    def parts(self) -> Iterator[bytes]:
        """Gives the parts of the answer as JSON: the groups, then a kind after another."""
        names = [group.identifier for group in self.upgrades.groups]
        used = {
            place
            for kind in self.upgrades.kinds
            for upgrade in kind.upgrades
            for place in (*upgrade.unlocks, *upgrade.makes_native, *upgrade.breaks)
        }
        groups = [
            {"group": group.identifier, "images": group.images}
            for place, group in enumerate(self.upgrades.groups)
            if place in used
        ]
        yield b'{"version":%d,"groups":%b,"kinds":[' % (self.version, orjson.dumps(groups))
        for number, kind in enumerate(self.upgrades.kinds):
            yield (b"," if number else b"") + orjson.dumps(self._kind(kind, names))
        yield b"]}"

    def _kind(self, kind: KindUpgrades, names: list[str]) -> KindUpgradesAnswer:
        node = kind.kind.node
        driver = read(DriverVersion.parse, node.driver_version)
        branch = None if driver is None else self.tables.branch_of(driver)
        return {
            "kind": kind.kind.identifier,
            "worker": facts_shown(node, self.tables),
            "nodes": kind.kind.nodes,
            "end_of_life": _day(branch),
            "maintained": branch is not None and is_maintained(branch, self.day),
            "upgrades": [self._upgrade(upgrade, names, is_best=upgrade is kind.best) for upgrade in kind.upgrades],
        }

    def _upgrade(self, upgrade: DriverUpgrade, names: list[str], *, is_best: bool) -> DriverUpgradeAnswer:
        return {
            "driver_version": upgrade.driver,
            "branch": upgrade.branch.branch,
            "designation": upgrade.branch.designation,
            "long_term": upgrade.is_long_term,
            "end_of_life": _day(upgrade.branch),
            "maintained": is_maintained(upgrade.branch, self.day),
            "best": is_best,
            "gained": upgrade.gained,
            "more_native": upgrade.more_native,
            "unlocks": [names[place] for place in upgrade.unlocks],
            "makes_native": [names[place] for place in upgrade.makes_native],
            "breaks": [{"group": names[place], "code": code} for place, code in upgrade.breaks.items()],
        }


async def fleet_upgrades(context: Context, version: int) -> FleetUpgrades:
    """Gives the upgrades of all nodes that are worth making, as of `version` or later."""
    catalogue = await context.judge.at(version)
    nodes, day = await load_nodes(context.db), today()
    found = await asyncio.to_thread(upgrades, catalogue.index, nodes, day)
    return FleetUpgrades(catalogue.version, day, catalogue.tables, found)


def _day(branch: DriverBranch | None) -> str | None:
    return None if branch is None or branch.end_of_life is None else branch.end_of_life.isoformat()
