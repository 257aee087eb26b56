"""The settings of commands that talk to a server, without Pydantic, which would cost each of them 0.1 s and 15 MB.

`bayplan.config.Settings` has the same variables and documents them; a test keeps both equal.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bayplan.errors import CannotStart

_PREFIX = "bayplan_"  # in any case, as Pydantic reads them


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """The server or the context, the user's credentials or token, the file of the agent's state, and whether faults show a traceback."""

    server: str = "http://127.0.0.1:8000"
    context: str | None = None
    token: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    worker_state: Path | None = None
    traceback: str | None = None


def client_settings(variables: Mapping[str, str] = os.environ) -> ClientSettings:
    """Reads the settings from `BAYPLAN_*` variables, without what comes with values from files: white space around them.

    Of a password only a line end is no part. An empty value is none.
    """
    values = {name.lower(): value for name, value in variables.items()}

    def value_of(name: str) -> str | None:
        return values.get(f"{_PREFIX}{name}", "").strip() or None

    password = values.get(f"{_PREFIX}password")
    state = values.get(f"{_PREFIX}worker_state", "").rstrip("\r\n")
    return ClientSettings(
        server=value_of("server") or ClientSettings().server,
        context=value_of("context"),
        token=value_of("token"),
        username=value_of("username"),
        password=None if password is None else password.rstrip("\r\n"),
        worker_state=Path(state) if state else None,
        traceback=value_of("traceback"),
    )


def is_set(setting: str, variables: Mapping[str, str] = os.environ) -> bool:
    """Whether the variable of a setting has a value."""
    return any(name.lower() == f"{_PREFIX}{setting}" and value.strip() for name, value in variables.items())


def config_folder() -> Path:
    """The folder `bayplan` in the user's configuration. Raises `CannotStart` where the user has no home folder."""
    import platformdirs

    try:
        return Path(platformdirs.user_config_dir("bayplan"))
    except RuntimeError:
        raise CannotStart(
            "You have no home folder to keep the configuration in: set HOME, or XDG_CONFIG_HOME."
        ) from None
