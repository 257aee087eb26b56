"""Finds the commands: each is a file of its own, and to add one is to add that file.

A file `<folder>/<verb>.py` of a folder in the tables here holds the command in a function of the same name (`list_` where
the name is Python's). A file whose name begins with `_` is no command, but what commands share: views, options. Only the files of
commands are loaded here, and they load what takes long when they run.
"""

import pkgutil
from importlib import import_module
from pathlib import Path

import typer

TOP_LEVEL = ("server", "sessions", "matching", "catalogue_file", "reference_data", "audit")
"""Folders whose commands have no group, in the order in which help lists them."""

GROUPS = {
    "images": "The images of the catalogue.",
    "nodes": "The nodes: each a GPU of a machine, or a machine without one.",
    "worker": "This machine as a worker of a server.",
    "prefetch": "Rules for which nodes have which images before anybody asks.",
    "credentials": "The credentials of registries.",
    "user": "Users, in the database itself: also when nobody can log in.",
    "secrets": "The keys that encrypt registry passwords.",
}
"""Folders whose commands are typed after the folder's name, and what help says of each group."""

USED_MOST = (
    *(
        "serve",
        "login",
        "match",
        "apply",
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
    *("set_facts", "join", "status", "run", "pull", "join_token", "workers"),
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
            group.command(verb.replace("_", "-"))(command)
