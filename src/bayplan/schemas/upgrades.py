"""Answers about driver upgrades: what each unlocks, makes native and breaks."""

from typing import Any

from typing_extensions import TypedDict

from bayplan.schemas.components import answer
from bayplan.schemas.matrix import ImageGroupAnswer


@answer("BrokenGroup")
class BrokenGroupAnswer(TypedDict):
    """A group of images that no longer run, and the code of the worst reason."""

    group: str
    code: str


@answer("DriverUpgrade")
class DriverUpgradeAnswer(TypedDict):
    """Another driver, its branch, and the groups of images whose verdict it changes.

    `gained` is how many more images run with it, `more_native` how many more run natively; either may be negative. `best` is true
    of one upgrade of each kind. `end_of_life` is a date, null where none is published; `maintained` is whether it is not past.
    """

    driver_version: str
    branch: int
    designation: str | None
    long_term: bool
    end_of_life: str | None
    maintained: bool
    best: bool
    gained: int
    more_native: int
    unlocks: list[str]
    makes_native: list[str]
    breaks: list[BrokenGroupAnswer]


@answer("KindUpgrades")
class KindUpgradesAnswer(TypedDict):
    """A kind of nodes with its upgrades, the smallest first; `end_of_life` and `maintained` are those of its driver's branch."""

    kind: str
    worker: dict[str, Any]
    nodes: list[int]
    end_of_life: str | None
    maintained: bool
    upgrades: list[DriverUpgradeAnswer]


@answer("UpgradesAnswer")
class UpgradesAnswer(TypedDict):
    """The kinds that have an upgrade worth making, as of that version of the catalogue; `groups` are those that they name."""

    version: int
    groups: list[ImageGroupAnswer]
    kinds: list[KindUpgradesAnswer]
