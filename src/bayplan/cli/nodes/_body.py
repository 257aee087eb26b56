"""The body of the requests that add or change a node."""

from collections.abc import Mapping

from bayplan.cli.options import NONE


def body(options: Mapping[str, object]) -> dict[str, object]:
    """The fields for the options that have a value; the word "none" makes a field null."""
    return {name: None if value == NONE else value for name, value in options.items() if value is not None}
