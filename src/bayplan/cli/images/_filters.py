"""The images that options choose, as a filter: by task, domain, framework and name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayplan.client import Client, contains, exact
from bayplan.client.framework_lookup import of_frameworks

if TYPE_CHECKING:
    from bayplan.client.filters import Expression


def chosen_images(
    client: Client, *, task: str | None, domain: str | None, framework: str | None, name: str | None
) -> list[Expression]:
    """The expressions for these options. Raises `NotFound` for a framework that there is not, with the nearest ones."""
    expressions: list[Expression] = []
    if task is not None:
        expressions.append(exact("tasks", task, case_insensitive=True))
    if domain is not None:
        expressions.append(exact("domain", domain, case_insensitive=True))
    if name is not None:
        expressions.append(contains("name", name, case_insensitive=True))
    if framework is not None:
        expressions.append(of_frameworks(client.frameworks, framework))
    return expressions
