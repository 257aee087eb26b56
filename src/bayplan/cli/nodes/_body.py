"""The body of a request about a node."""

from collections.abc import Mapping

from bayplan.cli.options import NONE


def body(given: Mapping[str, object]) -> dict[str, object]:
    """The fields that were given; the word "none" takes a value away."""
    return {name: None if value == NONE else value for name, value in given.items() if value is not None}
