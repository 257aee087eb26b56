"""What-if as an object: the changes are made to the judge's index and to a list of nodes, both in memory alone."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bayplan.db import crud
from bayplan.db.principal import Principal
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.compatibility.comparison import MatrixComparison, compared
from bayplan.domain.compatibility.groups import KindOfNodes
from bayplan.domain.compatibility.matrix import Matrix
from bayplan.domain.compatibility.overrides import overridden
from bayplan.domain.compatibility.upgrades import Upgrades, upgrades
from bayplan.domain.compatibility.verdict import Verdict
from bayplan.domain.compatibility.what_if import Fleet, NodesChange, WhatIf, what_if
from bayplan.errors import Invalid, NotFound
from bayplan.schemas.filters import Filter
from bayplan.schemas.match import WorkerFacts
from bayplan.schemas.what_if import AddedNodes, WhatIfChange, WhatIfRequest
from bayplan.server.context import Context
from bayplan.server.matching.queries import CatalogueSnapshot, load_nodes, reason_answer, today
from bayplan.server.matrix import queries as matrix_queries
from bayplan.server.matrix.queries import GroupOnKind
from bayplan.server.what_if.changes import ChangedFleet, new_image
from bayplan.server.what_if.image_names import ImageNames

IMAGES, NODES = RESOURCE_TYPES["docker"], RESOURCE_TYPES["nodes"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes whose nodes and images are chosen by key, in the order in which they are made."""

    driver: WorkerFacts | None = None
    """Facts that replace those of `nodes`, of all nodes where that is None."""
    nodes: Collection[int] | None = None
    added: Sequence[AddedNodes] = ()
    removed: Collection[int] = ()
    retired: Collection[int] = ()
    image: Mapping[str, Any] | None = None
    """The fields of an image to add, as `add_image` of a change takes them."""


@dataclass(frozen=True, slots=True)
class PlannedFleet:
    """What a plan leads to: both sides, what differs, and the two matrices side by side."""

    catalogue: CatalogueSnapshot
    before: Fleet
    after: Fleet
    answer: WhatIf
    comparison: MatrixComparison


async def ask(
    context: Context, principal: Principal, request: WhatIfRequest, version: int
) -> tuple[int, Fleet, Fleet, WhatIf]:
    """Gives the version, the fleet before and after the changes, and what differs; raises `Invalid` below `changes.N`."""
    catalogue = await context.judge.at(version)
    before = Fleet(catalogue.index, await load_nodes(context.db))
    changed = ChangedFleet(context, catalogue, dict(before.nodes))
    for number, change in enumerate(request.changes):
        await _make(context, principal, changed, change, f"changes.{number}")

    def work() -> tuple[Fleet, WhatIf]:
        after = changed.fleet()
        return after, what_if(before, after, today())

    after, answer = await asyncio.to_thread(work)
    return catalogue.version, before, after, answer


async def planned(context: Context, plan: Plan, version: int) -> PlannedFleet:
    """Gives what a plan leads to, as of `version` or later; raises `Invalid` at the names of its members."""
    catalogue, fleet = await context.judge.at(version), await context.kinds.at(version)
    # A kind has all that a rule reads of its nodes, with another driver too.
    before = Fleet(catalogue.index, sorted((pk, kind.node) for kind in fleet.kinds for pk in kind.nodes))
    changed = ChangedFleet(context, catalogue, dict(before.nodes))
    if plan.driver is not None:
        await changed.set_facts(plan.driver, plan.nodes, "driver")
    for number, added in enumerate(plan.added):
        await changed.add_nodes(added, f"added.{number}")
    changed.remove_nodes(plan.removed)
    changed.retire(plan.retired)
    if plan.image is not None:
        await changed.add_image(plan.image, "image")
    judged = await _whole_matrix(context, catalogue, version)

    def work() -> tuple[Fleet, WhatIf, MatrixComparison]:
        after = changed.fleet()
        answer = what_if(before, after, today(), judged)
        return after, answer, compared(answer)

    return PlannedFleet(catalogue, before, *await asyncio.to_thread(work))


def nodes_change_answer(change: NodesChange) -> dict[str, object]:
    """Gives nodes that gain or lose a task as the API answers them."""
    return {
        "task": change.task,
        "nodes": list(change.nodes),
        "image": change.image,
        "grade": change.grade,
        "reasons": [reason_answer(reason) for reason in change.reasons],
    }


async def nodes_of(context: Context, principal: Principal, specification: Filter) -> frozenset[int]:
    """Gives the keys of the nodes that a filter chooses; raises `Invalid`."""
    return await crud.pks(context.db, NODES, principal, specification)


async def image_names(context: Context, version: int) -> ImageNames:
    """Gives the names by which images are found, as of `version` or later."""
    catalogue = await context.judge.at(version)
    return ImageNames(catalogue, await context.images.at(catalogue.version))


async def check_new_image(context: Context, values: Mapping[str, Any]) -> None:
    """Raises `Invalid` below `image` where a new image names what the catalogue does not have."""
    await new_image(context, -1, values, "image")


async def upgrades_of(
    context: Context, kinds: Sequence[KindOfNodes], version: int
) -> tuple[CatalogueSnapshot, Upgrades]:
    """Gives the driver upgrades worth making on some kinds, with the catalogue that they are of, as of `version` or later."""
    catalogue = await context.judge.at(version)
    nodes = [(kind.nodes[0], kind.node) for kind in kinds]
    return catalogue, await asyncio.to_thread(upgrades, catalogue.index, nodes, today())


async def group_with_driver(context: Context, cell: GroupOnKind, driver: WorkerFacts, version: int) -> Verdict:
    """Gives the verdict of a group of images on a kind of nodes with another driver; raises `Invalid` at `driver`, and `NotFound`."""
    catalogue = await context.judge.at(version)
    facts = await context.judge.changes(driver, catalogue, "driver")
    place = next((at for pk in cell.group.images if (at := catalogue.index.order.place(pk)) is not None), None)
    if place is None:
        raise NotFound("These images were deleted meanwhile. The matrix has the groups that there are.")
    verdicts = catalogue.index.verdicts(overridden(cell.kind.node, facts), today())
    explained = await asyncio.to_thread(verdicts.explained, [place])
    return explained[0][1]


async def _whole_matrix(context: Context, catalogue: CatalogueSnapshot, version: int) -> Matrix | None:
    """The matrix that pages share, where it is by the same tables; None where there are too many verdicts for it."""
    try:
        whole = await matrix_queries.whole_matrix(context, version)
    except Invalid:
        return None
    return whole.matrix if whole.tables is catalogue.tables else None


async def _make(context: Context, principal: Principal, changed: ChangedFleet, change: WhatIfChange, at: str) -> None:
    async def pks(resource_type: Any, specification: Filter, name: str) -> frozenset[int]:
        return await crud.pks(context.db, resource_type, principal, specification, f"{at}.{name}.")

    if change.set is not None:
        chosen = None if change.nodes is None else await pks(NODES, change.nodes, "nodes")
        await changed.set_facts(change.set, chosen, f"{at}.set")
    elif change.add is not None:
        await changed.add_nodes(change.add, f"{at}.add")
    elif change.remove_nodes is not None:
        changed.remove_nodes(await pks(NODES, change.remove_nodes, "remove_nodes"))
    elif change.retire is not None:
        changed.retire(await pks(IMAGES, change.retire, "retire"))
    else:
        values = change.add_image.model_dump(exclude_unset=True)  # type: ignore[attr-defined]  # the one that is left
        await changed.add_image(values, f"{at}.add_image")
