"""The matrix as JSON, in parts: a verdict has a hundred bytes, and there may be hundreds of thousands."""

from collections.abc import Iterator

import orjson

from bayplan.domain.compatibility.matrix import Cell
from bayplan.server.matching.queries import facts_shown
from bayplan.server.matrix.queries import FleetMatrix


def matrix_parts(fleet: FleetMatrix) -> Iterator[bytes]:
    """Gives the parts of the answer: all but the verdicts, then those of each kind."""
    matrix = fleet.matrix
    kinds = [
        {"kind": kind.identifier, "worker": facts_shown(kind.node, fleet.tables), "nodes": kind.nodes}
        for kind in matrix.kinds
    ]
    groups = [{"group": group.identifier, "images": group.images} for group in matrix.groups]
    yield b'{"version":%d,"kinds":%b,"groups":%b,"verdicts":[' % (
        fleet.version,
        orjson.dumps(kinds),
        orjson.dumps(groups),
    )
    starts = [b'{"group":"%b","kind":"' % group.identifier.encode() for group in matrix.groups]
    for number, (kind, column) in enumerate(zip(matrix.kinds, matrix.columns, strict=True)):
        ends: dict[int, bytes] = {}  # by the cell's identity: equal cells are one object
        pairs = []
        for start, cell in zip(starts, column, strict=True):
            end = ends.get(id(cell))
            if end is None:
                end = ends[id(cell)] = kind.identifier.encode() + _end(cell)
            pairs.append(start + end)
        if pairs:
            yield (b"," if number else b"") + b",".join(pairs)
    yield b"]}"


def _end(cell: Cell) -> bytes:
    return b'","grade":%b,"codes":%b}' % (orjson.dumps(cell.grade), orjson.dumps(cell.codes))
