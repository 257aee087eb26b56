"""The matrix of a fleet, as an object."""

import asyncio

from bayplan.db import crud
from bayplan.db.principal import Principal
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.compatibility.matrix import Matrix, matrix
from bayplan.schemas.matrix import MatrixRequest
from bayplan.server.context import Context
from bayplan.server.matching.queries import load_nodes, today
from bayplan.server.matrix.fleet_matrix import FleetMatrix

__all__ = ["FleetMatrix", "fleet_matrix", "is_volatile", "whole_matrix"]

IMAGES, NODES = RESOURCE_TYPES["docker"], RESOURCE_TYPES["nodes"]


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

    return FleetMatrix(catalogue.version, catalogue.tables, await asyncio.to_thread(work))


async def whole_matrix(context: Context, version: int) -> FleetMatrix:
    """Gives the matrix of all images and all nodes, as of `version` or later, which is kept; raises `Invalid`."""
    return await context.whole_matrix.at(version)


def is_volatile(request: MatrixRequest) -> bool:
    """Whether the matrix may change without a new version of the catalogue: its nodes go by when they were last seen."""
    return request.nodes is not None and not request.nodes.fields.isdisjoint(NODES.volatile)
