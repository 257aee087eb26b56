"""The sessions of this person on this machine, one for each server, in a file that nobody else may read."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bayplan.cli.client_settings import config_folder
from bayplan.client.tokens import Tokens, clean_token
from bayplan.errors import Invalid


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session: the name of the user, and the tokens."""

    username: str
    access: str | None
    refresh: str | None

    @property
    def tokens(self) -> Tokens:
        """The tokens as the client takes them."""
        return Tokens(access=self.access, refresh=self.refresh)


def path() -> Path:
    """Where the sessions are: `bayplan/logins.json` in the user's configuration folder."""
    return config_folder() / "logins.json"


def find(server: str) -> StoredSession | None:
    """Gives the session at that server, None where there is none. Raises `Invalid` where the file cannot be understood."""
    fields = _read().get(server)
    if fields is None:
        return None
    try:
        return _session(fields)
    except (Invalid, ValueError, TypeError, KeyError):
        raise _unreadable() from None


def keep(server: str, session: StoredSession) -> None:
    """Stores a session in place of the one there was."""
    _write(_read() | {server: asdict(session)})


def forget(server: str) -> StoredSession | None:
    """Removes the session at that server and gives it, None where there was none."""
    session = find(server)
    if session is not None:
        _write({name: fields for name, fields in _read().items() if name != server})
    return session


def _session(fields: Any) -> StoredSession:
    """The session in an entry of the file; raises as a constructor does."""
    username, access, refresh = fields["username"], fields["access"], fields["refresh"]
    if not isinstance(username, str) or not isinstance(refresh, str | None):
        raise ValueError
    return StoredSession(username, None if access is None else clean_token(access), refresh)


def _read() -> dict[str, Any]:
    """The entries of the file as they are: one that is odd spoils no session at another server."""
    try:
        entries = json.loads(path().read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        raise _unreadable() from None
    if not isinstance(entries, dict):
        raise _unreadable()
    return entries


def _unreadable() -> Invalid:
    return Invalid(f"{path()} cannot be read; remove it and log in again.")


def _write(entries: dict[str, Any]) -> None:
    """Writes the file whole or not at all; from its first byte only its owner can read it."""
    folder = path().parent
    text = json.dumps(entries, indent=2)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".logins-")  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path())
    except OSError as error:
        raise Invalid(f"The session cannot be stored in {folder}: {error.strerror}.") from None
