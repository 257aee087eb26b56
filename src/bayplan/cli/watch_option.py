"""The option `--watch`, for every command that lists or shows what may change."""

import functools
import inspect
from typing import Annotated, Any

import typer

from bayplan.cli.options import Command, chosen_format

_Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show it again when it changes, until Ctrl-C.")]


def takes_watch(command: Command, verb: str) -> Command:
    """Gives a command that lists or shows what may change also `--watch`, which runs it again and again."""
    signature = inspect.signature(command)
    parameters = list(signature.parameters.values())
    is_remote = not {"server", "state"}.isdisjoint(signature.parameters)
    if "sort_by" not in signature.parameters and not (verb in ("show", "status") and is_remote):
        return command

    @functools.wraps(command)
    def with_watch(*, watch: bool, **arguments: Any) -> None:
        if not watch:
            return command(**arguments)
        from bayplan.cli import watching

        output_format = chosen_format(
            arguments["output_format"], as_json=arguments["as_json"], quiet=arguments["quiet"]
        )
        return watching.run(functools.partial(command, **arguments), output_format)

    option = inspect.Parameter("watch", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_Watch)
    with_watch.__signature__ = signature.replace(parameters=[*parameters, option])  # type: ignore[attr-defined]  # inspect reads it
    return with_watch
