"""`bayplan credentials list`: lists the credentials of all registries, without passwords."""

from bayplan.cli.options import TABLE, Output, Server


def list_(server: Server = None, output_format: Output = TABLE) -> None:
    """List the credentials of all registries, without their passwords."""
    from bayplan.cli import connection, output
    from bayplan.cli.credentials import _view as credential_view

    with connection.connect(server) as client:
        credentials = client.credentials.list()
    return output.render(credentials, output_format, view=credential_view.show_credentials, name=credential_view.name)
