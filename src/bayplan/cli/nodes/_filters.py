"""The nodes that options choose, as a filter: by GPU, generation and driver."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bayplan.client import Client, compare, contains, exact
from bayplan.errors import Invalid

if TYPE_CHECKING:
    from bayplan.client.filters import Expression

_DRIVER = re.compile(r"\s*(>=|<=|>|<|==?)?\s*([0-9]+(?:\.[0-9]+)*)\s*", re.ASCII)


def chosen_nodes(client: Client, *, gpu: str | None, generation: str | None, driver: str | None) -> list[Expression]:
    """The expressions for these options. Raises `NotFound` for a generation that there is not, and `Invalid` for a driver."""
    expressions: list[Expression] = []
    if driver is not None:
        expressions += of_driver(driver)
    if gpu is not None:
        expressions.append(contains("gpu_name", gpu, case_insensitive=True))
    if generation is not None:
        name = client.hardware.named(generation)["generation"]
        expressions.append(exact("hardware_generation.generation", name, case_insensitive=True))
    return expressions


def of_driver(text: str) -> list[Expression]:
    """The nodes with a driver: of a branch, of a release, or on one side of one. Raises `Invalid`."""
    parsed = _DRIVER.fullmatch(text)
    if parsed is None:
        raise Invalid(f"--driver {text}: write a branch (535), a version (535.104.05), or a comparison ('<550').")
    operator, version = parsed.groups()
    if operator in (">=", "<=", ">", "<"):
        return [compare("driver_version", operator, version)]  # type: ignore[arg-type]  # one of the four
    if "." in version:
        return [exact("driver_version", version)]
    return [compare("driver_version", ">=", version), compare("driver_version", "<", str(int(version) + 1))]
