"""The servers that this person uses, each under a name: the contexts, and which of them is the current one."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bayplan.client import private_file
from bayplan.client.settings import config_folder
from bayplan.client.transport import server_address
from bayplan.errors import Conflict, Invalid, NotFound

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,99}")


@dataclass(frozen=True, slots=True)
class Contexts:
    """The servers by name, and the name of the current one, None where there is none."""

    servers: dict[str, str]
    current: str | None = None

    def server_of(self, name: str) -> str:
        """Gives the server of a context; raises `NotFound` with the nearest names."""
        if name not in self.servers:
            from bayplan.domain.nearest import did_you_mean

            near = did_you_mean(name, self.servers)
            remedy = f"; {near}" if near else "; `bayplan context list` lists all contexts."
            raise NotFound(f"There is no context {name!r}{remedy}")
        return self.servers[name]


def path() -> Path:
    """Where the contexts are: `bayplan/contexts.json` in the user's configuration folder."""
    return config_folder() / "contexts.json"


def load() -> Contexts:
    """Gives the contexts. Raises `Invalid` where the file cannot be understood."""
    stored = private_file.read(path(), _remedy(), is_secret=False)
    servers, current = stored.get("contexts", {}), stored.get("current")
    try:
        if not isinstance(servers, dict):
            raise TypeError
        by_name = {name: _server(context) for name, context in servers.items()}
    except (Invalid, TypeError, KeyError, AttributeError):
        raise private_file.unreadable(path(), _remedy()) from None
    return Contexts(by_name, current if current in by_name else None)


def _server(context: dict[str, Any]) -> str:
    return server_address(context["server"])


def _remedy() -> str:
    return "remove it and add your contexts again (bayplan context add)"


def _keep(contexts: Contexts) -> Contexts:
    servers = {name: {"server": server} for name, server in contexts.servers.items()}
    private_file.write(path(), {"current": contexts.current, "contexts": servers}, "contexts")
    return contexts


def add(name: str, server: str) -> None:
    """Adds a context; raises `Invalid` for a name that is none, and `Conflict` where it is that of another server."""
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name!r} cannot be the name of a context: use at most 100 letters, digits and . _ - : @")
    contexts, url = load(), server_address(server)
    existing = contexts.servers.get(name)
    if existing not in (None, url):
        raise Conflict(
            f"The context {name} is {existing} already: use another name, or run `bayplan context rm {name}` first."
        )
    _keep(replace(contexts, servers=contexts.servers | {name: url}))


def use(name: str) -> str:
    """Makes a context the current one and gives its server; raises `NotFound`."""
    contexts = load()
    server = contexts.server_of(name)
    _keep(replace(contexts, current=name))
    return server


def use_server(server: str) -> str:
    """Makes a context of that server the current one, and gives its name; adds one under the server's name where there is none."""
    contexts = load()
    names = [name for name, url in contexts.servers.items() if url == server]
    if contexts.current in names:
        return str(contexts.current)
    name = names[0] if names else _free_name(contexts, server)
    _keep(Contexts(contexts.servers | {name: server}, name))
    return name


def _free_name(contexts: Contexts, server: str) -> str:
    host = re.sub(r"[^A-Za-z0-9_.:@-]", "-", urlsplit(server).netloc.rpartition("@")[2]).strip("-")[:90] or "server"
    name, number = host, 2
    while name in contexts.servers:
        name, number = f"{host}-{number}", number + 1
    return name


def remove(name: str) -> str:
    """Removes a context and gives its server; raises `NotFound`."""
    contexts = load()
    server = contexts.server_of(name)
    servers = {other: url for other, url in contexts.servers.items() if other != name}
    _keep(Contexts(servers, None if contexts.current == name else contexts.current))
    return server
