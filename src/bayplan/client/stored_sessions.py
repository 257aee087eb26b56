"""The sessions of this person on this machine, one for each server, in a file that nobody else may read."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bayplan.client import private_file
from bayplan.client.settings import config_folder
from bayplan.client.tokens import Tokens, clean_token
from bayplan.errors import Invalid

_REMEDY = "remove it and log in again"


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

    @property
    def ends(self) -> datetime | None:
        """When the session ends unless the server ends it before, None where its tokens do not say."""
        import base64  # here: few commands show it

        try:
            claims = (self.refresh or "").split(".")[1]
            content = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
            return datetime.fromtimestamp(content["exp"], UTC)
        except (ValueError, IndexError, KeyError, TypeError, OverflowError, OSError):
            return None


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


def user_at(server: str) -> str | None:
    """Gives the user whose session at that server is kept, None where there is none or it cannot be read."""
    try:
        session = find(server)
    except Invalid:
        return None
    return None if session is None else session.username


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
    return private_file.read(path(), _REMEDY, is_secret=True)


def _unreadable() -> Invalid:
    return private_file.unreadable(path(), _REMEDY)


def _write(entries: dict[str, Any]) -> None:
    private_file.write(path(), entries, "session")
