"""The matrix of a fleet, as an object and as a picture, and one cell of it with its reasons."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bayplan.db import crud
from bayplan.db.database import fetch_all
from bayplan.db.principal import Principal
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.compatibility.groups import ImageGroup, KindOfNodes, groups_of, kinds_of
from bayplan.domain.compatibility.matrix import Matrix, matrix
from bayplan.domain.compatibility.verdict import Verdict
from bayplan.errors import Invalid, NotFound
from bayplan.exports.matrix_picture import PicturedImage
from bayplan.schemas.matrix import MatrixRequest
from bayplan.server.context import Context
from bayplan.server.matching.queries import CatalogueSnapshot, facts_shown, load_nodes, today
from bayplan.server.matrix.fleet_matrix import FleetMatrix, pictured_images

__all__ = ["FleetMatrix", "GroupOnKind", "fleet_matrix", "group_on_kind", "is_volatile", "node_names", "whole_matrix"]

IMAGES, NODES = RESOURCE_TYPES["docker"], RESOURCE_TYPES["nodes"]


@dataclass(frozen=True, slots=True)
class GroupOnKind:
    """A cell of the matrix: a group, a kind with its facts, and the verdict on each image of the one on each node of the other."""

    group: ImageGroup
    kind: KindOfNodes
    worker: Mapping[str, Any]
    verdict: Verdict
    images: Mapping[int, PicturedImage]
    """Those of the group."""


async def fleet_matrix(context: Context, principal: Principal, request: MatrixRequest, version: int) -> FleetMatrix:
    """Gives the matrix of the images and the nodes that the request chooses, as of `version` or later; raises `Invalid`."""
    catalogue = await context.judge.at(version)
    index = catalogue.index
    pks = chosen = None
    if request.filter is not None:
        pks = await crud.pks(context.db, IMAGES, principal, request.filter, "filter.")
    if request.nodes is not None:
        chosen = await crud.pks(context.db, NODES, principal, request.nodes, "nodes.")
    nodes = await load_nodes(context.db)

    def work() -> Matrix:
        images = index.every if pks is None else index.images_of(pks)
        return matrix(index, images, [pair for pair in nodes if chosen is None or pair[0] in chosen], today())

    return FleetMatrix(catalogue, await asyncio.to_thread(work))


async def group_on_kind(context: Context, group: str, kind: str, version: int) -> GroupOnKind:
    """Gives a cell of the matrix by the identifiers of its group and its kind; raises `NotFound` where there is no such one now."""
    catalogue, groups, kinds = await _groups_and_kinds(context, version)
    members = next((each for each in groups if each.identifier == group), None)
    if members is None:
        detail = "No images need just that now: they were changed or deleted. The matrix has the groups that there are."
        raise NotFound(detail)
    on = next((each for each in kinds if each.identifier == kind), None)
    if on is None:
        detail = "No nodes offer just that now: they were changed or deleted. The matrix has the kinds that there are."
        raise NotFound(detail)
    explained = await asyncio.to_thread(catalogue.index.verdicts(on.node, today()).explained, [members.place])
    images = await asyncio.to_thread(pictured_images, catalogue, members.images)
    return GroupOnKind(members, on, facts_shown(on.node, catalogue.tables), explained[0][1], images)


async def _groups_and_kinds(
    context: Context, version: int
) -> tuple[CatalogueSnapshot, Sequence[ImageGroup], Sequence[KindOfNodes]]:
    """All groups and kinds: those of the matrix that is kept, unless there are too many verdicts for it."""
    try:
        fleet = await whole_matrix(context, version)
    except Invalid:
        catalogue = await context.judge.at(version)
        index, nodes = catalogue.index, await load_nodes(context.db)
        groups = await asyncio.to_thread(groups_of, index, index.every)
        return catalogue, groups, await asyncio.to_thread(kinds_of, nodes, index.tables, index.rules)
    return fleet.catalogue, fleet.matrix.groups, fleet.matrix.kinds


async def node_names(context: Context, pks: list[int]) -> dict[int, str]:
    """Gives what these nodes are called, by pk: "gpu07#0"."""
    table = NODES.table.c
    statement = sa.select(table.pk, table.ip, table.index, table.hostname).where(table.pk.in_(pks))
    rows = await fetch_all(context.db, statement)
    return {row.pk: f"{row.hostname or row.ip}#{row.index}" for row in rows}


async def whole_matrix(context: Context, version: int) -> FleetMatrix:
    """Gives the matrix of all images and all nodes, as of `version` or later, which is kept; raises `Invalid`."""
    return await context.whole_matrix.at(version)


def is_volatile(request: MatrixRequest) -> bool:
    """Whether the matrix may change without a new version of the catalogue: its nodes go by when they were last seen."""
    return request.nodes is not None and not request.nodes.fields.isdisjoint(NODES.volatile)
