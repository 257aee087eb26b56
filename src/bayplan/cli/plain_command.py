"""A command whose help and errors name arguments and options as people type them, without the names of Python's types."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

from bayplan.cli.options import UsageError

if TYPE_CHECKING:
    from pydantic import ValidationError

AFTER_DASHES = "bayplan.after_dashes"
"""Where a command's context has the number of words that stand after `--`."""

_SENTENCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "int_parsing": lambda _limits: "takes a whole number",
    "int_from_float": lambda _limits: "takes a whole number",
    "float_parsing": lambda _limits: "takes a number",
    "greater_than_equal": lambda limits: f"must be at least {limits['ge']}",
    "less_than_equal": lambda limits: f"can be at most {limits['le']}",
}
"""What a parameter takes, for each error of a value."""


class PlainCommand(TyperCommand):
    """A command of `bayplan`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The parts of the line of usage: an argument by its name, without the braces of the library."""
        pieces = super().collect_usage_pieces(ctx)
        return [piece.replace("{", "").replace("}", "").replace("[[", "[").replace("]]", "]") for piece in pieces]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes the lists of arguments and options: an argument by its name, without a type after it."""
        for parameter in self.get_params(ctx):
            if parameter.param_type_name == "argument":
                parameter.display_type_rich = _no_type  # type: ignore[attr-defined]  # the only place where it is printed
        super().format_options(ctx, formatter)
        fields = _sort_fields(ctx.command_path.partition(" ")[2])
        if fields:
            with formatter.section("Fields of --sort-by"):
                formatter.write_text(", ".join(fields))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the command's words. Raises `UsageError` with a sentence that begins with the option."""
        ctx.meta[AFTER_DASHES] = len(args) - args.index("--") - 1 if "--" in args else 0
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            # a subclass has a sentence of its own, as for a missing argument
            if type(error) is not typer.BadParameter or error.param is None:
                raise
            raise UsageError(_sentence(error), ctx=ctx) from error

    def invoke(self, ctx: Any) -> Any:
        """Runs the command. Raises `UsageError` in place of what it says of one of its options."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            if type(error) is not typer.BadParameter or error.param_hint is None:
                raise
            raise UsageError(f"{error.param_hint}: {error.message}", ctx=ctx) from error


def _sort_fields(name: str) -> list[str]:
    """The fields that a list can be sorted by; for one that lists several things those of all of them."""
    from bayplan.cli.sorting import FIELDS

    listings = [listing for listing in FIELDS if listing == name or listing.startswith(f"{name} ")]
    return list(dict.fromkeys(field for listing in listings for field in FIELDS[listing]))


def _no_type(*, ctx: Any) -> None:
    """The words for an argument's type in help: none."""


def _sentence(error: typer.BadParameter) -> str:
    """What is wrong with which option, and what was typed."""
    parameter: Any = error.param
    options = [*parameter.opts, *parameter.secondary_opts] if parameter.param_type_name == "option" else []
    name = max(options, key=len, default=parameter.display_name_raw)
    cause = error.__cause__
    if cause is None or type(cause).__name__ != "ValidationError":
        return f"{name}: {error.message}"
    validation: ValidationError = cause  # type: ignore[assignment]  # pydantic is not loaded for its name alone
    first = validation.errors()[0]
    choices = _choices(parameter)
    if choices:
        return f"{name} takes {choices}, not {first['input']!r}."
    sentence = _SENTENCES.get(first["type"])
    if sentence is None:
        return f"{name}: {first['msg']}."
    return f"{name} {sentence(first.get('ctx', {}))}, not {first['input']!r}."


def _choices(parameter: Any) -> str:
    """The words that a parameter takes ("train or predict"); empty where it takes any."""
    words = [str(getattr(choice, "value", choice)) for choice in parameter.type_descriptor.choices or ()]
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1] if words else "") if part)
