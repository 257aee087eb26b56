"""`bayplan credentials ...` and `bayplan audit`: the log-ins of registries, and who was given them."""

import sys
from typing import Annotated

import typer

from bayplan.cli import prompt_password
from bayplan.cli.options import AsJson, Server, duration
from bayplan.errors import Invalid

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The log-ins of registries.")


def register(app: typer.Typer) -> None:
    """Adds the group, and the command beside it."""
    app.add_typer(group, name="credentials")
    app.command()(audit)


@group.command("list")
def list_(server: Server = None, as_json: AsJson = False) -> None:
    """List the log-ins of all registries, without their passwords."""
    from bayplan.cli import output, session
    from bayplan.cli.credentials import view as credential_view

    with session.connect(server) as client:
        found = client.credentials.list()
    if as_json:
        return output.show_json(found)
    return credential_view.show_log_ins(found)


@group.command()
def rotate(
    registry: Annotated[str, typer.Argument(metavar="REGISTRY", help="Its host, or docker.io.", show_default=False)],
    username: Annotated[str, typer.Argument(metavar="USERNAME", help="Who logs in there.", show_default=False)],
    new_username: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who logs in there from now on [default: the same]")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the new password from the input.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Whether to ask the registry first if it takes it.")
    ] = True,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Give all images of a log-in another password.

    The registry is asked first whether it takes it.
    """
    from bayplan.cli import output, session

    with session.connect(server) as client:
        password = _password(new_username or username, registry, from_input=password_stdin, twice=not check)
        with output.working(f"Asking {registry}"):
            done = client.credentials.rotate(registry, username, password, new_username=new_username, check=check)
    if as_json:
        return output.show_json(done)
    typer.echo(f"{output.count(done['images'], 'image')} {'has' if done['images'] == 1 else 'have'} the new log-in.")
    return typer.echo(done["detail"])


def audit(
    image: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="Only of that image: its key, or name:version.")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Only to that user, worker or registry.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only to a user, a worker or a registry.")] = None,
    since: Annotated[
        int | None, typer.Option(parser=duration, metavar="DURATION", help="Only so far back: 90s, 15m, 12h, 7d.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="At most so many.")] = 100,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Show who was given registry passwords, the latest first."""
    from datetime import UTC, datetime, timedelta

    from bayplan.cli import lookup, output, session
    from bayplan.cli.credentials import view as credential_view

    begun = None if since is None else (datetime.now(UTC) - timedelta(seconds=since)).isoformat()
    with session.connect(server) as client:
        # The key of an image that is gone is still a key.
        pk = None if image is None else int(image) if image.isdigit() else lookup.image(client, [image])["pk"]
        found = client.credentials.audit(image=pk, name=name, kind=kind, since=begun, limit=limit)
    if as_json:
        return output.show_json(found)
    return credential_view.show_audit(found)


def _password(username: str, registry: str, *, from_input: bool, twice: bool) -> str:
    """The new password: never on the command line, where others can see it. Asked `twice` where nobody tries it."""
    if from_input:
        return prompt_password.password()
    if not sys.stdin.isatty():
        raise Invalid("There is no terminal to ask for the new password at; give --password-stdin.")
    asked: str = typer.prompt(
        f"New password of {username} at {registry}",
        hide_input=True,
        confirmation_prompt="The same again" if twice else False,
    )
    return asked
