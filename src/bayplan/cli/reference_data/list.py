"""`bayplan list RESOURCE`: lists the reference data, with the names that options and catalogue files take."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayplan.cli.options import TABLE, Output, Server, SortBy

if TYPE_CHECKING:
    from bayplan.client.collection import Collection


class ReferenceList(StrEnum):
    """The resources that this command lists."""

    cuda = "cuda"
    hardware = "hardware"
    frameworks = "frameworks"
    domains = "domains"
    licences = "licences"


COLUMNS: dict[str, tuple[str, ...]] = {
    "cuda": ("pk", "version", "full_version", "min_driver_version"),
    "hardware": ("pk", "generation", "min_compute_capability", "max_compute_capability"),
    "frameworks": ("pk", "name", "version"),
    "domains": ("name", "description"),
    "licences": ("pk", "identifier", "name", "permissions", "conditions", "limitations"),
}

NAMES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "cuda": itemgetter("full_version"),
    "hardware": itemgetter("generation"),
    "frameworks": lambda release: f"{release['name']} {release['version']}",
    "domains": itemgetter("name"),
    "licences": itemgetter("name"),
}

WRAPPED = {"identifier": 0, "name": 0, "permissions": 1, "conditions": 2, "limitations": 3}
"""Columns that may be wrapped, and how soon each is left out where there is no room."""


def list_(
    resource: Annotated[
        ReferenceList,
        typer.Argument(metavar="RESOURCE", help=f"What to list: {', '.join(ReferenceList)}.", show_default=False),
    ],
    sort_by: SortBy = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """List what an image may refer to, such as CUDA releases."""
    from bayplan.cli import connection, output, sorting

    paths = sorting.order(f"list {resource}", sort_by)
    with connection.connect(server) as client:
        collections: dict[str, Collection[Any, Any]] = {
            "cuda": client.cuda,
            "hardware": client.hardware,
            "frameworks": client.frameworks,
            "domains": client.domains,
            "licences": client.licences,
        }
        rows = collections[resource].list(order_by=paths)
    return output.render(rows, output_format, view=lambda rows: _show(resource, rows), name=NAMES[resource])


def _show(resource: ReferenceList, rows: Sequence[Mapping[str, Any]]) -> None:
    from bayplan.cli import output

    if resource is ReferenceList.licences:
        from bayplan.domain.compatibility.tables import read_rows

        identifiers = {row["name"]: row["spdx"] for row in read_rows("licences.csv")}
        rows = [{**licence, "identifier": identifiers.get(licence["name"])} for licence in rows]
    columns = [
        output.Column(name.replace("_", " "), right=name == "pk", gives_way=name in WRAPPED, spare=WRAPPED.get(name, 0))
        for name in COLUMNS[resource]
    ]
    output.show(output.table(columns, [[row[name] for name in COLUMNS[resource]] for row in rows]))
