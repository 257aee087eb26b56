"""Options that several commands about nodes take, and the body of a request that they make."""

from collections.abc import Mapping
from typing import Annotated

import typer

from bayplan.cli.options import NONE, size

GpuMemory = Annotated[int | None, typer.Option(metavar="SIZE", parser=size, help="The GPU's memory, like 48GiB.")]
CpuMemory = Annotated[int | None, typer.Option(metavar="SIZE", parser=size, help="The machine's memory, like 256GiB.")]


def body(given: Mapping[str, object]) -> dict[str, object]:
    """The fields that were given; the word "none" takes a value away."""
    return {name: None if value == NONE else value for name, value in given.items() if value is not None}
