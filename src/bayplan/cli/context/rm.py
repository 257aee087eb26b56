"""`bayplan context rm`: removes a context."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import TABLE, Output, Yes

if TYPE_CHECKING:
    from bayplan.cli.context._view import ContextEntry
    from bayplan.cli.removal import Outcome


def rm(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="The names of the contexts.", show_default=False)],
    yes: Yes = False,
    output_format: Output = TABLE,
) -> None:
    """Remove contexts; the sessions at their servers stay."""
    from bayplan.cli import removal
    from bayplan.cli.context import _view as view
    from bayplan.client import contexts

    def question(context: "ContextEntry") -> str:
        current = " (the current one)" if context["current"] else ""
        return f"Remove the context {context['name']}, {context['server']}{current}?"

    def forget(context: "ContextEntry") -> "Outcome":
        contexts.remove(context["name"])
        user, server = context["user"], context["server"]
        kept = f" The session of {user} stays; `bayplan logout --server {server}` ends it." if user else ""
        return context, f"Removed {context['name']}.{kept}"

    existing = contexts.load()
    entries = [view.entry(existing, name) for name in dict.fromkeys(names)]
    removal.ask_and_remove(entries, question, forget, view.name, yes=yes, output_format=output_format)
