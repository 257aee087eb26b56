"""`bayplan history`: shows who changed what in the catalogue, and when."""

from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, SortBy, UsageError, duration


def history(
    resource: Annotated[
        str | None,
        typer.Option(
            metavar="RESOURCE", help="Only changes of this kind of object: docker, nodes, users, prefetch, ..."
        ),
    ] = None,
    pk: Annotated[
        int | None, typer.Option(min=1, metavar="KEY", help="Only changes of the object with this key.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="Only changes of this image: its key, or name:version.")
    ] = None,
    node: Annotated[
        str | None, typer.Option(metavar="NODE", help="Only changes of this node: its key, or machine#index.")
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Only changes by this user or worker.")] = None,
    since: Annotated[
        int | None,
        typer.Option(
            parser=duration, metavar="DURATION", help="Only changes of this time until now: 90s, 15m, 12h, 7d."
        ),
    ] = None,
    until: Annotated[
        int | None,
        typer.Option(parser=duration, metavar="DURATION", help="Only changes before this time: 90s, 15m, 12h, 7d ago."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="The most changes to show.")] = 100,
    sort_by: SortBy = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Show who changed what, the newest first.

    It shows the values before and after; of a password only that it was set, changed or cleared.
    """
    from datetime import UTC, datetime, timedelta

    from bayplan.cli import connection, output, sorting
    from bayplan.cli.audit import _history_view as history_view
    from bayplan.cli.audit._history_names import read_names

    if sum((image is not None, node is not None, resource is not None or pk is not None)) > 1:
        raise UsageError("Write only one of --image, --node, and --resource with --pk.")
    if pk is not None and resource is None:
        raise UsageError("--pk is the key of an object: add --resource.")
    if since is not None and until is not None and until >= since:
        raise UsageError("--since must be longer than --until: both say how long ago.")
    now = datetime.now(UTC)
    earliest, latest = (
        None if seconds is None else (now - timedelta(seconds=seconds)).isoformat() for seconds in (since, until)
    )
    paths = sorting.order("history", sort_by)
    with connection.connect(server) as client:
        # The key of an object that is gone is still a key.
        if image is not None:
            resource, pk = "docker", client.images.key(image)
        if node is not None:
            resource, pk = "nodes", client.nodes.key(node)
        entries = list(
            client.history(resource=resource, pk=pk, user=user, since=earliest, until=latest, limit=limit + 1)
        )
        shown = entries[:limit] if sort_by is None else sorting.in_order(entries[:limit], paths)
        has_more = len(entries) > limit
        return output.render(
            shown,
            output_format,
            view=lambda shown: history_view.show_history(shown, read_names(client, shown), has_more=has_more),
        )
