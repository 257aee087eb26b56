"""`bayplan credentials list`: lists the credentials of all registries, without passwords."""

from bayplan.cli.options import TABLE, Output, Server, SortBy


def list_(sort_by: SortBy = None, server: Server = None, output_format: Output = TABLE) -> None:
    """List the credentials of all registries, without their passwords."""
    from bayplan.cli import connection, output, sorting
    from bayplan.cli.credentials import _view as credential_view

    paths = sorting.order("credentials list", sort_by)
    with connection.connect(server) as client:
        credentials = sorting.in_order(client.credentials.list(), paths)
    return output.render(credentials, output_format, view=credential_view.show_credentials, name=credential_view.name)
