"""Shows contexts: a line for each, with who is logged in there."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from rich.text import Text

from bayplan.cli.output import MUTED, Column, count, fields, show, table
from bayplan.client import stored_sessions
from bayplan.client.contexts import Contexts


class ContextEntry(TypedDict):
    """A context as programs get it: its name, its server, whether it is the current one, and the user whose session is kept."""

    name: str
    server: str
    current: bool
    user: str | None


class NamedServerEntry(TypedDict):
    """The server that commands ask, what names it, and the user whose session is kept there."""

    server: str
    named_by: str
    user: str | None


def entry(contexts: Contexts, name: str) -> ContextEntry:
    """The context with that name. Raises `NotFound` with the nearest names."""
    server = contexts.server_of(name)
    user = stored_sessions.user_at(server)
    return {"name": name, "server": server, "current": name == contexts.current, "user": user}


def show_list(contexts: Sequence[ContextEntry]) -> None:
    """Prints the contexts, the current one with a star."""
    if not contexts:
        return show(Text("No contexts: `bayplan login --server URL` adds one.", style=MUTED))
    columns = (Column(""), Column("name"), Column("server"), Column("user", spare=1))
    rows = [
        (
            Text("*" if context["current"] else "", style="bold green"),
            context["name"],
            context["server"],
            context["user"],
        )
        for context in contexts
    ]
    return show(table(columns, rows), Text(count(len(rows), "context"), style=MUTED))


def name(context: Mapping[str, Any]) -> str:
    """The name of a context."""
    return str(context["name"])


def show_server(entry: NamedServerEntry) -> None:
    """Prints which server commands ask, and why."""
    user = entry["user"] or "nobody is logged in"
    show(fields([("server", entry["server"]), ("named by", entry["named_by"]), ("user", user)]))
