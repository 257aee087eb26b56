"""Finds the commands, so that to add a command is to add its file.

In a folder of the tables here, `<folder>/<verb>.py` has the command as the function `<verb>` (`list_` where Python has
that name). Files whose names begin with `_` are no commands: views and options that commands share. Only the files of
commands are loaded here; what takes long to load they load when they run.
"""

import pkgutil
from importlib import import_module
from pathlib import Path

import typer

from bayplan.cli.options import takes_context, takes_output
from bayplan.cli.plain_command import PlainCommand
from bayplan.cli.watch_option import takes_watch

TOP_LEVEL = (
    "server",
    "sessions",
    "matching",
    "machine",
    "catalogue_file",
    "exports",
    "reference_data",
    "audit",
    "explanations",
)
"""Folders whose commands have no group, in the order in which help lists them."""

GROUPS = {
    "images": "The images of the catalogue.",
    "nodes": "The nodes: GPUs of machines, and machines without one.",
    "worker": "This machine as a worker of a server.",
    "prefetch": "Rules that say which nodes pull which images in advance.",
    "credentials": "The credentials of registries.",
    "context": "The servers that you use, by name.",
    "token": "Tokens with which programs act for you.",
    "user": "Users, and your own password. With --home or --database, on the server's machine, they need no log-in.",
    "secrets": "The keys that encrypt registry passwords.",
}
"""Folders whose commands form a group with the folder's name, and the group's line in help."""

USED_MOST = (
    *(
        "serve",
        "login",
        "match",
        "why",
        "check",
        "probe",
        "apply",
        "diff",
        "list",
        "show",
        "add",
        "edit",
        "rm",
        "reinstate",
        "inspect",
        "verify",
        "facts",
    ),
    *("set_facts", "join", "status", "run", "pull", "join_token", "join_tokens", "workers"),
)
"""Commands that help lists first in their group, in this order; it lists the others after them, by name."""


def add_all(app: typer.Typer) -> None:
    """Adds every command to the application."""
    for folder in TOP_LEVEL:
        _add(app, folder)
    for folder, help_text in GROUPS.items():
        group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=help_text)
        _add(group, folder)
        app.add_typer(group, name=folder)


def _add(group: typer.Typer, folder: str) -> None:
    verbs = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).with_name(folder))]))
    for verb in sorted(verbs, key=lambda verb: USED_MOST.index(verb) if verb in USED_MOST else len(USED_MOST)):
        if not verb.startswith("_"):
            module = import_module(f"bayplan.cli.{folder}.{verb}")
            command = getattr(module, f"{verb}_", None) or getattr(module, verb)
            group.command(verb.replace("_", "-"), cls=PlainCommand)(
                takes_watch(takes_context(takes_output(command)), verb)
            )
