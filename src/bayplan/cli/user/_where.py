"""Where `bayplan user` works: over HTTP as all commands do, or on the database itself.

On the database where `--home` or `--database` is given, or BAYPLAN_HOME or BAYPLAN_DATABASE is set and neither `--server` nor
`--context` is given: so it works on the server's machine also when nobody can log in.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bayplan.cli.options import UsageError
from bayplan.client.settings import is_set
from bayplan.errors import NotFound, Unauthenticated, Unreachable

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.config import Settings

_ON_THE_DATABASE = "On the server's machine, --home or --database works on the database itself."


class UserStore(Protocol):
    """The users of a catalogue, by name."""

    def all(self) -> list[dict[str, Any]]:
        """Every user that one may see."""
        ...

    def add(self, values: Mapping[str, Any]) -> int:
        """Adds a user and gives their pk."""
        ...

    def change(self, username: str, values: Mapping[str, Any]) -> None:
        """Gives a user's fields these values."""
        ...

    def uses(self, user: Mapping[str, Any]) -> str:
        """What is a user's, in sentences; empty where the store does not tell."""
        ...


@contextmanager
def users_at(server: str | None, home: Path | None, database: str | None) -> Iterator[UserStore]:
    """Gives the users where the options and the settings say."""
    if is_on_the_database(server, home, database):
        from bayplan.config import load_settings

        yield _InDatabase(load_settings(home=home, database=database))
        return
    with over_http(server) as client:
        yield _OverHttp(client)


def is_on_the_database(server: str | None, home: Path | None, database: str | None) -> bool:
    """Whether the command works on the database itself. Raises `UsageError` where the options say both."""
    is_given = home is not None or database is not None
    if is_given and server is not None:
        raise UsageError(
            "--home and --database change the database itself, without a server: leave out --server and --context."
        )
    return is_given or (server is None and (is_set("home") or is_set("database")))


@contextmanager
def over_http(server: str | None) -> Iterator["Client"]:
    """An authenticated client, whose errors say how to do without a server."""
    from bayplan.cli import connection

    try:
        with connection.connect(server) as client:
            yield client
    except (Unauthenticated, Unreachable) as error:
        if error.code not in (Unauthenticated.code, Unreachable.code):
            raise
        raise type(error)(f"{error.detail} {_ON_THE_DATABASE}", code=error.code) from None


def find(users: UserStore, username: str) -> dict[str, Any]:
    """Gives the user with that name, or that key. Raises `NotFound` with the nearest names."""
    everyone = users.all()
    for key in ("username", "pk"):
        for user in everyone:
            if str(user[key]) == username:
                return user
    from bayplan.domain.nearest import did_you_mean

    near = did_you_mean(username, [user["username"] for user in everyone])
    raise NotFound(f"There is no user {username!r}; {near or '`bayplan user list` shows those that you may see.'}")


class _InDatabase:
    def __init__(self, settings: "Settings") -> None:
        from bayplan.cli.user import _accounts

        _accounts.require_catalogue(settings)
        self._settings, self._accounts = settings, _accounts

    def all(self) -> list[dict[str, Any]]:
        users: list[dict[str, Any]] = json.loads(self._accounts.listed(self._settings))
        return users

    def add(self, values: Mapping[str, Any]) -> int:
        return self._accounts.add(self._settings, dict(values))

    def change(self, username: str, values: Mapping[str, Any]) -> None:
        self._accounts.change(self._settings, username, dict(values))

    def uses(self, _user: Mapping[str, Any]) -> str:
        return ""


class _OverHttp:
    def __init__(self, client: "Client") -> None:
        self._client, self._users = client, client.users

    def all(self) -> list[dict[str, Any]]:
        return [dict(user) for user in self._users.list()]

    def add(self, values: Mapping[str, Any]) -> int:
        return self._users.create(values)["pk"]

    def change(self, username: str, values: Mapping[str, Any]) -> None:
        self._users.update(find(self, username)["pk"], values)

    def uses(self, user: Mapping[str, Any]) -> str:
        from bayplan.cli import removal

        return removal.uses_of_user(self._client, user)
