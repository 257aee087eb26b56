"""The commands for the machine that the server runs on: `serve`, `migrate`, `user` and `secrets`.

They work on the database that the settings name, not through the API.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.errors import Invalid

if TYPE_CHECKING:
    from bayplan.config import Settings

Home = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Where the embedded database and the keys are. [BAYPLAN_HOME]")
]
Database = Annotated[
    str | None, typer.Option(metavar="URL", help="postgresql://... or sqlite:///... [BAYPLAN_DATABASE]")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(serve)
    app.command()(migrate)
    user = typer.Typer(no_args_is_help=True, help="Users, in the database itself: also when nobody can log in.")
    user.command("add")(user_add)
    user.command("list")(user_list)
    user.command("password")(user_password)
    app.add_typer(user, name="user")
    secrets = typer.Typer(no_args_is_help=True, help="The keys that encrypt registry passwords.")
    secrets.command("rotate")(secrets_rotate)
    secrets.command("key")(secrets_key)
    app.add_typer(secrets, name="secrets")


def serve(
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to serve on. [BAYPLAN_HOST]")] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Port to serve on, 0 for any that is free. [BAYPLAN_PORT]")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="N", help="Number of processes that share the port. [BAYPLAN_PROCESSES]")
    ] = None,
    home: Home = None,
    database: Database = None,
) -> None:
    """Serve the catalogue and the judge over HTTP."""
    settings = _settings(host=host, port=port, processes=processes, home=home, database=database)
    from bayplan.server.process import serve

    serve(settings)


def migrate(home: Home = None, database: Database = None) -> None:
    """Bring the database to the schema of this bayplan."""
    settings = _settings(home=home, database=database)
    from bayplan.server.process import migrate

    before, after = migrate(settings)
    typer.echo(
        f"The schema is {after}: nothing to do."
        if before == after
        else f"The schema was {before or 'empty'}, now it is {after}."
    )


def user_add(
    username: Annotated[str, typer.Argument(metavar="NAME", help="The name to log in with.")],
    staff: Annotated[bool, typer.Option("--staff", help="May write, and see log-ins.")] = False,
    email: Annotated[str, typer.Option(metavar="ADDRESS", help="Their address.")] = "",
    first_name: Annotated[str, typer.Option(metavar="NAME", help="Their first name.")] = "",
    last_name: Annotated[str, typer.Option(metavar="NAME", help="Their last name.")] = "",
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from the input.")] = False,
    home: Home = None,
    database: Database = None,
) -> None:
    """Add a user."""
    settings = _settings(home=home, database=database)
    password = _new_password(password_stdin)
    from bayplan.cli.users import commands as users

    values = {"username": username, "is_staff": staff, "email": email, "first_name": first_name, "last_name": last_name}
    pk = users.add(settings, {**values, "password": password})
    typer.echo(f"Added {'the staff user' if staff else 'the user'} {username}, pk {pk}.")


def user_list(
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    home: Home = None,
    database: Database = None,
) -> None:
    """List the users."""
    settings = _settings(home=home, database=database)
    from bayplan.cli.users import commands as users

    found = users.listed(settings)
    if json:
        typer.echo(found.decode())
        return
    from bayplan.cli.users.view import show_users

    show_users(found)


def user_password(
    username: Annotated[str, typer.Argument(metavar="NAME", help="Whose password.")],
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read it from the input.")] = False,
    home: Home = None,
    database: Database = None,
) -> None:
    """Give a user a new password, and end their log-ins."""
    settings = _settings(home=home, database=database)
    password = _new_password(password_stdin)
    from bayplan.cli.users import commands as users

    users.set_password(settings, username, password)
    typer.echo(f"{username} has a new password; their tokens have ended.")


def secrets_rotate(
    new_key: Annotated[bool, typer.Option(help="Make a new key first (in the key file).")] = True,
    home: Home = None,
    database: Database = None,
) -> None:
    """Encrypt every registry password with a new key.

    A running server goes on.
    """
    settings = _settings(home=home, database=database)
    from bayplan.server.process import rotate

    changed, total = rotate(settings, new_key=new_key)
    typer.echo(f"Encrypted {changed:,} of {total:,} registry passwords again with the newest key.")


def secrets_key() -> None:
    """Print a new key, for BAYPLAN_SECRETS_KEY."""
    from bayplan.db.keyring import new_key

    typer.echo(new_key())


def _settings(**given: object) -> "Settings":
    from bayplan.config import load_settings

    return load_settings(**given)


def _new_password(from_stdin: bool) -> str:
    from bayplan.cli import prompt_password

    if from_stdin:
        return prompt_password.password()
    if not sys.stdin.isatty():
        raise Invalid("There is no terminal to ask for the password at; give it with --password-stdin.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
