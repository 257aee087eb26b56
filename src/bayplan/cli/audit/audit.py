"""`bayplan audit`: shows the audit log, that is who was given registry passwords."""

from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, SortBy, duration


def audit(
    image: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="Only entries about this image: its key, or name:version.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only entries about this user, worker or registry.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Only entries about this kind of recipient: user, worker or registry."),
    ] = None,
    since: Annotated[
        int | None,
        typer.Option(
            parser=duration, metavar="DURATION", help="Only entries of this time until now: 90s, 15m, 12h, 7d."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="The most entries to show.")] = 100,
    sort_by: SortBy = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Show who was given registry passwords, the latest first."""
    from datetime import UTC, datetime, timedelta

    from bayplan.cli import connection, output, sorting
    from bayplan.cli.audit import _audit_view as audit_view

    earliest = None if since is None else (datetime.now(UTC) - timedelta(seconds=since)).isoformat()
    paths = sorting.order("audit", sort_by)
    with connection.connect(server) as client:
        # The key of an image that is gone is still a key.
        entries = client.credentials.audit(image=image, name=name, kind=kind, since=earliest, limit=limit + 1)
    shown = entries[:limit] if sort_by is None else sorting.in_order(entries[:limit], paths)
    has_more = len(entries) > limit
    return output.render(shown, output_format, view=lambda shown: audit_view.show_audit(shown, has_more=has_more))
