"""`bayplan nodes list`: lists the nodes, by address; all, or by GPU, generation, driver, label and silence."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.node_labels import LabelSelectors, selected
from bayplan.cli.options import TABLE, NodeDriver, NodeGeneration, NodeGpu, Output, Server, SortBy

if TYPE_CHECKING:
    from bayplan.client.filters import Expression


def list_(
    gpu: NodeGpu = None,
    generation: NodeGeneration = None,
    driver: NodeDriver = None,
    label: LabelSelectors = None,
    silent: Annotated[bool, typer.Option("--silent", help="Only nodes without a heartbeat in five minutes.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Show at most that many.")] = None,
    offset: Annotated[int, typer.Option(min=0, metavar="N", help="Leave out the first N, for the next page.")] = 0,
    sort_by: SortBy = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """List the nodes, by address."""
    from bayplan.cli import connection, output, sorting
    from bayplan.cli.nodes import _view as node_view
    from bayplan.cli.nodes._filters import chosen_nodes

    paths = sorting.order("nodes list", sort_by)
    expressions = selected(label or ())
    if silent:
        expressions.append(_silent(node_view.SILENT_AFTER_SECONDS))
    with connection.connect(server) as client:
        expressions += chosen_nodes(client, gpu=gpu, generation=generation, driver=driver)
        nodes = client.nodes.list(
            *expressions,
            order_by=paths,
            limit=limit,
            offset=offset or None,
            expand=not output_format.is_data,  # type: ignore[call-overload]  # either type of node has a name
        )
        is_cut = bool(nodes) and (offset > 0 or len(nodes) == limit)
        existing = client.nodes.count(*expressions) if is_cut and output_format.is_for_people else None
    return output.render(
        nodes,
        output_format,
        view=lambda nodes: node_view.show_list(nodes, existing, next_offset=offset + len(nodes)),
        name=node_view.name,
    )


def _silent(after_seconds: int) -> "Expression":
    """The nodes whose last heartbeat is so long ago, or that never had one."""
    from datetime import UTC, datetime, timedelta

    from bayplan.client import any_of, compare, is_null

    since = (datetime.now(UTC) - timedelta(seconds=after_seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return any_of(is_null("last_seen"), compare("last_seen", "<", since))
