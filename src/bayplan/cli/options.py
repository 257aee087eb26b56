"""The options that several commands share, each with its names, its help and its parser."""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
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


class OutputFormat(StrEnum):
    """How a command prints its answer: the formats that `--output` takes, and what `--quiet` makes of them."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    QUIET = "quiet"
    CSV = "csv"
    MARKDOWN = "markdown"
    SVG = "svg"

    @property
    def is_data(self) -> bool:
        """Whether the API's own answer is printed, with keys where tables have names."""
        return self in (OutputFormat.JSON, OutputFormat.YAML)

    @property
    def is_for_programs(self) -> bool:
        """Whether a program reads what is printed, so that no question may stand in it."""
        return self.is_data or self is OutputFormat.NAME

    @property
    def is_for_people(self) -> bool:
        """Whether sentences and tables are printed."""
        return self in (OutputFormat.TABLE, OutputFormat.WIDE)


TABLE = OutputFormat.TABLE
"""The default of `Output`."""


_FORMATS = (OutputFormat.TABLE, OutputFormat.WIDE, OutputFormat.JSON, OutputFormat.YAML, OutputFormat.NAME)
_TEMPLATE = re.compile(r"jsonpath|go-template|template|custom-columns")
"""The formats of kubectl that pick fields out of an answer."""
_PICTURES = (OutputFormat.CSV, OutputFormat.MARKDOWN, OutputFormat.SVG)


def output_format(text: str) -> OutputFormat:
    """The format with that name, in any case; kubectl's `-o=json` works too. Raises `UsageError`."""
    return _format(text, _FORMATS)


def picture_format(text: str) -> OutputFormat:
    """The same, of what can also be a picture, a spreadsheet or a page of a wiki."""
    return _format(text, (*_FORMATS, *_PICTURES))


def _format(text: str, formats: tuple[OutputFormat, ...]) -> OutputFormat:
    name = text.removeprefix("=").lower()
    if name not in formats:
        advice = " A program such as jq picks fields out of -o json." if _TEMPLATE.match(name) else ""
        raise UsageError(f"-o {text}: choose {', '.join(formats[:-1])} or {formats[-1]}.{advice}")
    return OutputFormat(name)


def takes_output(command: Command) -> Command:
    """Gives a command that has the parameter `output_format: Output` also `--json` and `--quiet`, which choose its value."""
    signature = inspect.signature(command)
    if "output_format" not in signature.parameters:
        return command

    @functools.wraps(command)
    def with_output(*, as_json: bool, quiet: bool, output_format: OutputFormat, **arguments: Any) -> None:
        command(output_format=chosen_format(output_format, as_json=as_json, quiet=quiet), **arguments)

    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters.append(parameter)
        if parameter.name == "output_format":
            added = (("as_json", _AsJson), ("quiet", _Quiet))
            parameters += [parameter.replace(name=name, annotation=option, default=False) for name, option in added]
    with_output.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # inspect reads it
    return with_output


def takes_context(command: Command) -> Command:
    """Gives a command that has the option `server` also `--context`, which names the server."""
    signature = inspect.signature(command)
    if "server" not in signature.parameters:
        return command

    @functools.wraps(command)
    def with_context(*, context: str | None, server: str | None, **arguments: Any) -> None:
        if context is not None:
            if server is not None:
                raise UsageError("--server and --context both name a server; leave one of them out.")
            from bayplan.client import contexts
            from bayplan.client.session import ServerOfContext

            server = ServerOfContext(contexts.load().server_of(context))
            server.context = context
        command(server=server, **arguments)

    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters.append(parameter)
        if parameter.name == "server":
            parameters.append(parameter.replace(name="context", annotation=_Context, default=None))
    with_context.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # inspect reads it
    return with_context


def chosen_format(output_format: OutputFormat, *, as_json: bool, quiet: bool) -> OutputFormat:
    """The format that `--output`, `--json` and `--quiet` ask for together. Raises `UsageError` where they contradict."""
    if as_json and output_format not in (OutputFormat.TABLE, OutputFormat.JSON):
        raise UsageError(f"--json is -o json; leave out one of --json and -o {output_format}.")
    if quiet and (as_json or output_format not in (OutputFormat.TABLE, OutputFormat.NAME)):
        given = "--json" if as_json else f"-o {output_format}"
        raise UsageError(f"--quiet prints names or nothing; leave out --quiet or {given}.")
    if quiet:
        return OutputFormat.QUIET
    return OutputFormat.JSON if as_json else output_format


def size(text: str) -> int:
    """The bytes in "51527024640", "48GiB" (of 1024) or "48GB" (of 1000). Raises `BadParameter`."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a size: write it like 48GiB, or in bytes.")
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
        raise typer.BadParameter(f"{text!r} must be more than 0: write it like 90s, 15m, 12h or 7d.")
    return duration_seconds


def worker_state(path: Path | None) -> Path:
    """The file of this machine's credential: that of the option, else of the setting, else in the user's configuration."""
    if path is not None:
        return path
    from bayplan.client.settings import client_settings, config_folder

    return client_settings().worker_state or config_folder() / "worker.json"


Server = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="The server to ask [default: BAYPLAN_SERVER, or the current context's, or this machine]"
    ),
]
Output = Annotated[
    OutputFormat,
    typer.Option(
        "--output",
        "-o",
        parser=output_format,
        metavar="FORMAT",
        help="table, wide (all columns), json, yaml, or name (a name a line) [default: table]",
        show_default=False,
    ),
]
Picture = Annotated[
    OutputFormat,
    typer.Option(
        "--output",
        "-o",
        parser=picture_format,
        metavar="FORMAT",
        help="table, wide (all columns), json, yaml, csv, markdown or svg [default: table]",
        show_default=False,
    ),
]
"""The same for what can also be a picture, a spreadsheet or a page of a wiki."""
_AsJson = Annotated[bool, typer.Option("--json", help="The same as -o json.")]
_Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only the names of what is listed, and nothing else.")
]
_Context = Annotated[
    str | None,
    typer.Option("--context", metavar="NAME", help="The context whose server to ask [default: BAYPLAN_CONTEXT]"),
]
State = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The file of the worker's credential [default: BAYPLAN_WORKER_STATE, or the user's own]",
    ),
]
SortBy = Annotated[
    str | None,
    typer.Option(
        "--sort-by", metavar="FIELD", help="The order of the list; -FIELD for the last first.", show_default=False
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

ImageWords = Annotated[
    list[str], typer.Argument(metavar="IMAGE", help="Its key, name:version, or what docker pulls.", show_default=False)
]
ImagesWords = Annotated[
    list[str],
    typer.Argument(metavar="IMAGE", help="Each its key or name:version; or one name and version.", show_default=False),
]
NodesWords = Annotated[
    list[str], typer.Argument(metavar="NODE", help="Each its key, or machine#index: gpu07#1.", show_default=False)
]
NodeWord = Annotated[
    str, typer.Argument(metavar="NODE", help="Its key, or machine#index: gpu07#1.", show_default=False)
]

Credentials = Annotated[
    bool,
    typer.Option(
        "--credentials", help="With -o json or yaml: also the registries' credentials, for staff. The audit log has it."
    ),
]
Task = Annotated[str | None, typer.Option(metavar="TASK", help="Only images for that task: train, predict, ...")]
Domain = Annotated[str | None, typer.Option(metavar="DOMAIN", help="Only images of that domain: ic, od, ...")]
Framework = Annotated[
    str | None,
    typer.Option(metavar="SPEC", help="Only images with that framework: pytorch, 'PyTorch 2.4', 'pytorch>=2.1,<3'."),
]
NodeGpu = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Only nodes with that text in the GPU's name, like L4.")
]
NodeGeneration = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only nodes with GPUs of that generation: Ampere, ...")
]
NodeDriver = Annotated[
    str | None,
    typer.Option(metavar="VERSION", help="Only nodes with that driver: 535 (a branch), 535.104.05, '<550'."),
]
Grades = Annotated[
    list[str] | None,
    typer.Option(
        "--grade",
        metavar="GRADE",
        help="A grade that is good enough; repeat it [default: native, minor, forward, cpu]",
    ),
]


def _folder(text: str) -> Path:
    if not text:  # a path of no letters is the current folder
        raise typer.BadParameter("Write the path of a folder, or leave the option out.")
    return Path(text)


Home = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", parser=_folder, help="The folder of the embedded database and the keys. [BAYPLAN_HOME]"
    ),
]
Database = Annotated[
    str | None, typer.Option(metavar="URL", help="postgresql://... or sqlite:///... [BAYPLAN_DATABASE]")
]

Node = Annotated[str | None, typer.Option(metavar="NODE", help="A node of the catalogue: its key, or machine#index.")]
Here = Annotated[bool, typer.Option("--here", help="This machine; other options change facts of it.")]
CpuOnly = Annotated[bool, typer.Option("--cpu-only", help="A node without GPU.")]
