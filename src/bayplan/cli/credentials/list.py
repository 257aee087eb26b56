"""`bayplan credentials list`: lists the credentials of all registries, without passwords."""

from bayplan.cli.options import AsJson, Server


def list_(server: Server = None, as_json: AsJson = False) -> None:
    """List the credentials of all registries, without their passwords."""
    from bayplan.cli import connection, output
    from bayplan.cli.credentials import _view as credential_view

    with connection.connect(server) as client:
        credentials = client.credentials.list()
    if as_json:
        return output.show_json(credentials)
    return credential_view.show_credentials(credentials)
