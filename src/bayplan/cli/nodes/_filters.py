"""The nodes that options choose, as a filter: by GPU, generation and driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayplan.client import Client, compare, contains, exact
from bayplan.domain.node_selectors import driver_bounds
from bayplan.errors import Invalid

if TYPE_CHECKING:
    from bayplan.client.filters import Expression


def chosen_nodes(client: Client, *, gpu: str | None, generation: str | None, driver: str | None) -> list[Expression]:
    """The expressions for these options. Raises `NotFound` for a generation that there is not, and `Invalid` for a driver."""
    expressions: list[Expression] = []
    if driver is not None:
        expressions += of_driver(driver, f"--driver {driver}")
    if gpu is not None:
        expressions.append(contains("gpu_name", gpu, case_insensitive=True))
    if generation is not None:
        name = client.hardware.named(generation)["generation"]
        expressions.append(exact("hardware_generation.generation", name, case_insensitive=True))
    return expressions


def of_driver(text: str, typed: str) -> list[Expression]:
    """The nodes with a driver: of a branch, of a release, or on one side of one. Raises `Invalid`, which names what was typed."""
    try:
        bounds = driver_bounds(text)
    except Invalid as error:
        raise Invalid(f"{typed}: {error.detail}") from None
    return [
        exact("driver_version", version) if operator == "==" else compare("driver_version", operator, version)  # type: ignore[arg-type]  # one of the four
        for operator, version in bounds
    ]
