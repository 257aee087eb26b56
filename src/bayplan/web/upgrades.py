"""Driver upgrades as pages show them: a table for each kind of nodes, with what each driver unlocks, makes native and breaks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from bayplan.domain.compatibility.groups import KindOfNodes
from bayplan.domain.compatibility.tables import DriverBranch
from bayplan.domain.compatibility.upgrades import DriverUpgrade, is_maintained
from bayplan.domain.versions import DriverVersion, read
from bayplan.server.context import Context
from bayplan.server.matching.queries import CatalogueSnapshot, today
from bayplan.server.what_if import queries
from bayplan.web.formats import short
from bayplan.web.listing import TableColumn

UPGRADE_COLUMNS = (
    TableColumn("Driver"),
    TableColumn("What if"),
    TableColumn("Support"),
    TableColumn("Maintained until"),
    TableColumn("Unlocks"),
    TableColumn("Makes native"),
    TableColumn("Breaks"),
)
_NAMED_AT_MOST = 3
_MOST_LETTERS = 80
"""The letters of a name or a title."""


@dataclass(frozen=True, slots=True)
class NamedImages:
    """Some images of those that there are: (key, name); `code` is the reason for which they do not run."""

    number: int
    images: Sequence[tuple[int, str]]
    code: str = ""

    @property
    def more(self) -> int:
        """How many are not named."""
        return self.number - len(self.images)


@dataclass(frozen=True, slots=True)
class ShownUpgrade:
    """A driver, and what it changes."""

    driver: str
    designation: str
    is_long_term: bool
    until: str
    is_best: bool
    unlocks: NamedImages
    makes_native: NamedImages
    breaks: Sequence[NamedImages]
    path: str
    """The plan that tries it."""


@dataclass(frozen=True, slots=True)
class ShownKind:
    """A kind of nodes, with its upgrades, the smallest first."""

    title: str
    nodes: int
    until: str
    """The end of life of its driver's branch."""
    is_maintained: bool
    upgrades: Sequence[ShownUpgrade]


async def shown_upgrades(
    context: Context, version: int, sizes: Mapping[str, int], chosen: Mapping[str, str] | None = None
) -> list[ShownKind]:
    """Gives the upgrades of these kinds (identifier, number of nodes that are chosen); a kind without any is left out.

    `chosen` are the fields that chose the nodes, which the links keep.
    """
    fleet = await context.kinds.at(version)
    places = [place for identifier in sizes if (place := fleet.by_identifier.get(identifier)) is not None]
    catalogue, offered = await queries.upgrades_of(context, [fleet.kinds[place] for place in places], version)
    groups = [group.images for group in offered.groups]
    titles = {fleet.kinds[place].identifier: fleet.titles[place] for place in places}

    def named(at: Iterable[int], code: str = "") -> NamedImages:
        return _named(catalogue, (pk for place in at for pk in groups[place]), code)

    shown = []
    for each in offered.kinds:
        kind = each.kind
        path = _paths(kind, chosen or {})
        branch = _branch(catalogue, kind)
        rows = [_upgrade(upgrade, upgrade is each.best, named, path) for upgrade in each.upgrades]
        shown.append(
            ShownKind(
                short(titles[kind.identifier], _MOST_LETTERS),
                sizes[kind.identifier],
                _day(branch),
                branch is not None and is_maintained(branch, today()),
                rows,
            )
        )
    return shown


def _upgrade(
    upgrade: DriverUpgrade, is_best: bool, named: Callable[..., NamedImages], path: Callable[[str], str]
) -> ShownUpgrade:
    codes: dict[str, list[int]] = {}
    for place, code in upgrade.breaks.items():
        codes.setdefault(code.value, []).append(place)
    return ShownUpgrade(
        upgrade.driver,
        upgrade.branch.designation or "-",
        upgrade.is_long_term,
        _day(upgrade.branch) or "-",
        is_best,
        named(upgrade.unlocks),
        named(upgrade.makes_native),
        [named(places, code) for code, places in codes.items()],
        path(upgrade.driver),
    )


def _paths(kind: KindOfNodes, chosen: Mapping[str, str]) -> Callable[[str], str]:
    return lambda driver: f"/plan?{urlencode({**chosen, 'kind': kind.identifier, 'to': driver})}#answer"


def _branch(catalogue: CatalogueSnapshot, kind: KindOfNodes) -> DriverBranch | None:
    driver = read(DriverVersion.parse, kind.node.driver_version)
    return None if driver is None else catalogue.tables.branch_of(driver)


def _named(catalogue: CatalogueSnapshot, pks: Iterable[int], code: str) -> NamedImages:
    every = list(pks)
    order = catalogue.index.order
    images = []
    for pk in every[:_NAMED_AT_MOST]:
        place = order.place(pk)
        assert place is not None
        images.append((pk, short(":".join(order.entries[place][4]), _MOST_LETTERS)))
    return NamedImages(len(every), images, code)


def _day(branch: DriverBranch | None) -> str:
    return "" if branch is None or branch.end_of_life is None else branch.end_of_life.isoformat()
