"""The options that several commands share, each with its names, its help and its parser."""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from bayplan.domain.units import seconds
from bayplan.errors import Invalid

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
NONE = "none"
"""The value of an option that makes a field null."""


class UsageError(typer.BadParameter):
    """The error for options that do not fit together: a sentence of its own, and exit code 2."""

    def format_message(self) -> str:
        return self.message


Command = Callable[..., None]


def takes_options(options: Mapping[str, Any]) -> Callable[[Command], Command]:
    """Gives a command these options, each the type of a parameter by its name; the command's `**facts` get their values.

    They come before the command's keyword-only parameters.
    """

    def decorate(command: Command) -> Command:
        parameters = [
            part for part in inspect.signature(command).parameters.values() if part.kind is not part.VAR_KEYWORD
        ]
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
            for name, option in options.items()
        ]
        first = [part for part in parameters if part.kind is not part.KEYWORD_ONLY]
        last = [part for part in parameters if part.kind is part.KEYWORD_ONLY]

        @functools.wraps(command)
        def with_options(**arguments: Any) -> None:
            command(**arguments)

        with_options.__signature__ = inspect.Signature([*first, *added, *last])  # type: ignore[attr-defined]  # inspect reads it
        return with_options

    return decorate


def size(text: str) -> int:
    """The bytes in "51527024640", "48GiB" (of 1024) or "48GB" (of 1000). Raises `BadParameter`."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no size; write it like 48GiB, or in bytes.")
    number, unit, binary = match.groups()
    factor: int = (1024 if binary else 1000) ** _POWERS[unit.upper()]
    return round(float(number) * factor)


def duration(text: str) -> int:
    """The seconds in "90", "90s", "15m", "12h" or "7d". Raises `BadParameter`."""
    try:
        duration_seconds = seconds(text)
    except Invalid as error:
        raise typer.BadParameter(error.detail) from None
    if duration_seconds == 0:
        raise typer.BadParameter(f"{text!r} is no time at all; write it like 90s, 15m, 12h or 7d.")
    return duration_seconds


def worker_state(path: Path | None) -> Path:
    """The file of this machine's credential: that of the option, else of the setting, else in the user's configuration."""
    if path is not None:
        return path
    from bayplan.cli.client_settings import client_settings, config_folder

    return client_settings().worker_state or config_folder() / "worker.json"


Server = Annotated[
    str | None, typer.Option(metavar="URL", help="The server to ask [default: BAYPLAN_SERVER, or this machine]")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's JSON.")]
State = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Where the worker's credential is kept [default: BAYPLAN_WORKER_STATE, or the user's own]",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

ImageWords = Annotated[
    list[str], typer.Argument(metavar="IMAGE", help="Its key, name:version, or name and version.", show_default=False)
]
NodeWord = Annotated[str, typer.Argument(metavar="NODE", help="Its key, or address#index.", show_default=False)]

Task = Annotated[str | None, typer.Option(metavar="TASK", help="Only images for that task: train, predict, ...")]
Domain = Annotated[str | None, typer.Option(metavar="DOMAIN", help="Only images of that domain: ic, od, ...")]
Framework = Annotated[
    str | None,
    typer.Option(metavar="SPEC", help="Only with that framework: pytorch, 'PyTorch 2.4', 'pytorch>=2.1,<3'."),
]
Grades = Annotated[
    list[str] | None,
    typer.Option(
        "--grade",
        metavar="GRADE",
        help="A grade that is good enough; repeat it [default: native, minor, forward, cpu]",
    ),
]

Home = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Where the embedded database and the keys are. [BAYPLAN_HOME]")
]
Database = Annotated[
    str | None, typer.Option(metavar="URL", help="postgresql://... or sqlite:///... [BAYPLAN_DATABASE]")
]

Node = Annotated[str | None, typer.Option(metavar="NODE", help="A node of the catalogue: its key, or address#index.")]
CpuOnly = Annotated[bool, typer.Option("--cpu-only", help="A worker without GPU.")]
