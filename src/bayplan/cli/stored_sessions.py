"""The log-ins of this person on this machine, one for each server, in a file that nobody else may read."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from bayplan.client.tokens import Tokens
from bayplan.errors import Invalid


@dataclass(frozen=True, slots=True)
class StoredSession:
    """Who logged in, and the tokens that it gave."""

    username: str
    access: str | None
    refresh: str | None

    @property
    def tokens(self) -> Tokens:
        """What the client takes."""
        return Tokens(access=self.access, refresh=self.refresh)


def path() -> Path:
    """Where the log-ins are: `bayplan/logins.json` in the user's configuration folder."""
    import platformdirs

    return Path(platformdirs.user_config_dir("bayplan")) / "logins.json"


def find(server: str) -> StoredSession | None:
    """The log-in at that server. Raises `Invalid` where the file cannot be understood."""
    return _read().get(server)


def keep(server: str, login: StoredSession) -> None:
    """Stores a log-in in place of the one there was."""
    _write(_read() | {server: login})


def forget(server: str) -> StoredSession | None:
    """Removes the log-in at that server and gives it, None where there was none."""
    logins = _read()
    login = logins.pop(server, None)
    if login is not None:
        _write(logins)
    return login


def _read() -> dict[str, StoredSession]:
    try:
        return {server: StoredSession(**login) for server, login in json.loads(path().read_bytes()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError):
        raise Invalid(f"{path()} cannot be read; remove it and log in again.") from None


def _write(logins: dict[str, StoredSession]) -> None:
    """Whole or not at all, and readable by its owner alone from its first byte."""
    folder = path().parent
    text = json.dumps({server: asdict(login) for server, login in logins.items()}, indent=2)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".logins-")  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path())
    except OSError as error:
        raise Invalid(f"The log-in cannot be stored in {folder}: {error.strerror}.") from None
