"""`bayplan version`: says which bayplan this is, and which one answers at the server."""

from typing import TypedDict

from bayplan.cli.options import TABLE, Output, Server

_TIMEOUT_SECONDS = 5.0


class Versions(TypedDict):
    """The version of this program; the server that commands ask, its version, and why that is null."""

    client: str
    server: str | None
    server_version: str | None
    detail: str | None


def version(server: Server = None, output_format: Output = TABLE) -> None:
    """Show the versions of bayplan and of the server.

    It needs neither a server nor a session.
    """
    from bayplan.cli import output

    return output.render(
        _versions(server), output_format, view=_show_versions, name=lambda versions: versions["client"]
    )


def _versions(server: str | None) -> Versions:
    from bayplan import __version__
    from bayplan.cli import connection
    from bayplan.client import Client, Tokens
    from bayplan.errors import BayplanError

    versions: Versions = {"client": __version__, "server": None, "server_version": None, "detail": None}
    try:
        url = versions["server"] = connection.address(server)
        with Client(url, tokens=Tokens(), timeout_seconds=_TIMEOUT_SECONDS) as client:
            answer = client.process_health()
        if not isinstance(answer, dict) or not isinstance(answer.get("version"), str):
            versions["detail"] = f"{versions['server']} does not answer as bayplan does; check the address."
        else:
            versions["server_version"] = answer["version"]
    except BayplanError as error:
        versions["detail"] = error.detail
    return versions


def _show_versions(versions: Versions) -> None:
    from bayplan.cli import output

    of_server = f"{versions['server_version']} at {versions['server']}"
    output.show(
        output.fields(
            [
                ("bayplan", versions["client"]),
                ("server", of_server if versions["server_version"] else versions["detail"]),
            ]
        )
    )
