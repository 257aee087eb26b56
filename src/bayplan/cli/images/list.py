"""`bayplan images list`: the images, all or by task, domain, framework, name and check state."""

from enum import StrEnum
from typing import Annotated

import typer

from bayplan.cli.options import AsJson, Domain, Server, Task


class StateFilter(StrEnum):
    """The check states, as `--state` names them."""

    MISSING = "missing"
    MOVED = "moved"
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    OK = "ok"
    NOT_OK = "not-ok"
    UNCHECKED = "unchecked"


def list_(
    task: Task = None,
    domain: Domain = None,
    framework: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only with that framework: PyTorch, or 'PyTorch 2.4'.")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="Only with that in their name.")] = None,
    state: Annotated[
        StateFilter | None,
        typer.Option(
            metavar="STATE",
            help="Only those in that check state: missing, moved, denied, unreachable, ok, not-ok, unchecked.",
        ),
    ] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="The deleted ones.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many.")] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """List images, by name and version."""
    from bayplan.cli import connection, output
    from bayplan.cli.images import _view as image_view
    from bayplan.client import any_of, both, contains, exact, is_null

    wanted = []
    if task is not None:
        wanted.append(exact("tasks", task, case_insensitive=True))
    if domain is not None:
        wanted.append(exact("domain", domain, case_insensitive=True))
    if framework is not None:
        release = framework.rpartition(" ")
        named = exact("framework.name", framework, case_insensitive=True)
        both_named = both(
            exact("framework.name", release[0], case_insensitive=True),
            exact("framework.version", release[2], case_insensitive=True),
        )
        wanted.append(any_of(named, both_named))
    if name is not None:
        wanted.append(contains("name", name, case_insensitive=True))
    if state is not None:
        looked_at = is_null("check.state", invert=True)
        not_ok = both(looked_at, exact("check.state", "ok", invert=True))
        special = {StateFilter.NOT_OK: not_ok, StateFilter.UNCHECKED: is_null("check.state")}
        wanted.append(special.get(state) or exact("check.state", state.value))
    if deleted:
        wanted.append(is_null("deletion_time", invert=True))
    order = ("name", "version")
    with connection.connect(server) as client:
        if as_json:
            return output.show_json(client.images.list(*wanted, order_by=order, include_inactive=deleted, limit=limit))
        found = client.images.list(*wanted, order_by=order, include_inactive=deleted, limit=limit, expand=True)
    return image_view.show_list(found)
