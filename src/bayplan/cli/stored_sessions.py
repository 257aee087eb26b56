"""The sessions of this person on this machine, one for each server, in a file that nobody else may read."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from bayplan.client.tokens import Tokens
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
    import platformdirs

    return Path(platformdirs.user_config_dir("bayplan")) / "logins.json"


def find(server: str) -> StoredSession | None:
    """Gives the session at that server, None where there is none. Raises `Invalid` where the file cannot be understood."""
    return _read().get(server)


def keep(server: str, session: StoredSession) -> None:
    """Stores a session in place of the one there was."""
    _write(_read() | {server: session})


def forget(server: str) -> StoredSession | None:
    """Removes the session at that server and gives it, None where there was none."""
    sessions = _read()
    session = sessions.pop(server, None)
    if session is not None:
        _write(sessions)
    return session


def _read() -> dict[str, StoredSession]:
    try:
        return {server: StoredSession(**fields) for server, fields in json.loads(path().read_bytes()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError):
        raise Invalid(f"{path()} cannot be read; remove it and log in again.") from None


def _write(sessions: dict[str, StoredSession]) -> None:
    """Writes the file whole or not at all; from its first byte only its owner can read it."""
    folder = path().parent
    text = json.dumps({server: asdict(session) for server, session in sessions.items()}, indent=2)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".logins-")  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path())
    except OSError as error:
        raise Invalid(f"The session cannot be stored in {folder}: {error.strerror}.") from None
