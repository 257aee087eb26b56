"""`bayplan user set`: changes a user: rights, names, address, whether they may log in."""

from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Database, Home, Output, Server, UsageError


def set_(
    username: Annotated[str, typer.Argument(metavar="NAME", help="The user's name.", show_default=False)],
    staff: Annotated[
        bool | None,
        typer.Option(
            "--staff/--no-staff", help="Whether the user is staff, who may write and see registry credentials."
        ),
    ] = None,
    active: Annotated[bool | None, typer.Option("--active/--no-active", help="Whether the user may log in.")] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="The user's new name.")] = None,
    email: Annotated[str | None, typer.Option(metavar="ADDRESS", help="The user's new e-mail address.")] = None,
    first_name: Annotated[str | None, typer.Option(metavar="NAME", help="The user's new first name.")] = None,
    last_name: Annotated[str | None, typer.Option(metavar="NAME", help="The user's new last name.")] = None,
    server: Server = None,
    home: Home = None,
    database: Database = None,
    output_format: Output = TABLE,
) -> None:
    """Change a user; for staff."""
    from bayplan.cli import output
    from bayplan.cli.user import _view as user_view
    from bayplan.cli.user import _where

    options = {
        "is_staff": staff,
        "is_active": active,
        "username": name,
        "email": email,
        "first_name": first_name,
        "last_name": last_name,
    }
    changes = {field: value for field, value in options.items() if value is not None}
    if not changes:
        raise UsageError("Nothing to change: add --staff, --no-active, --email or another option.")
    with _where.users_at(server, home, database) as users:
        existing = _where.find(users, username)
        users.change(existing["username"], changes)
    ended = " Their sessions and tokens have ended." if active is False and existing["is_active"] else ""
    sentence = f"Changed {existing['username']}.{ended}"
    output.render({**existing, **changes}, output_format, view=sentence, name=user_view.name)
