"""`bayplan images list`: lists the images, all or by task, domain, framework, name and check state."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from bayplan.cli.options import TABLE, Credentials, Domain, Framework, Output, Server, SortBy, Task, UsageError


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
    framework: Framework = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="Only images whose name contains it.")] = None,
    state: Annotated[
        StateFilter | None,
        typer.Option(
            metavar="STATE",
            help="Only images in that check state: missing, moved, denied, unreachable, ok, not-ok, unchecked.",
        ),
    ] = None,
    runnable: Annotated[
        bool, typer.Option("--runnable", help="Only images that some node runs; `-o name` prints references by digest.")
    ] = False,
    deleted: Annotated[bool, typer.Option("--deleted", help="Only deleted images.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Show at most that many.")] = None,
    credentials: Credentials = False,
    sort_by: SortBy = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """List images, by name and version."""
    from bayplan.cli import connection, output, sorting
    from bayplan.cli.images import _view as image_view
    from bayplan.cli.images._filters import chosen_images
    from bayplan.client import both, exact, is_null

    if credentials and not output_format.is_data:
        raise UsageError("--credentials gives credentials in -o json or yaml: add one of them.")
    expressions = []
    if state is not None:
        is_checked = is_null("check.state", invert=True)
        not_ok = both(is_checked, exact("check.state", "ok", invert=True))
        filters_by_state = {StateFilter.NOT_OK: not_ok, StateFilter.UNCHECKED: is_null("check.state")}
        expressions.append(filters_by_state.get(state) or exact("check.state", state.value))
    if deleted:
        expressions.append(is_null("deletion_time", invert=True))
    paths = sorting.order("images list", sort_by)
    # The server compares the version of an image as text: that order needs the whole list.
    is_ordered_here = any(path.removeprefix("-") == "version" for path in paths)
    with connection.connect(server) as client:
        expressions += chosen_images(client, task=task, domain=domain, framework=framework, name=name)
        read: Callable[..., Sequence[Any]] = client.images.list if credentials else client.images.without_credentials
        images = read(
            *expressions,
            order_by=() if is_ordered_here else paths,
            include_inactive=deleted,
            limit=None if runnable or is_ordered_here else limit,
            expand=not output_format.is_data,
        )
        if not images and (task is not None or domain is not None):
            client.match(worker={}, task=task, domain=domain, limit=1, credentials=False)
        if is_ordered_here:
            images = sorting.in_order(images, paths)
        existing = len(images)
        references: dict[int, str] = {}
        if runnable:
            references = {image["pk"]: image["reference"] for image in client.images.runnable()}
            images = [image for image in images if image["pk"] in references]
            existing = len(images)
        elif output_format.is_for_people and existing == limit:
            existing = max(existing, client.images.count(*expressions, include_inactive=deleted))
    return output.render(
        images[:limit],
        output_format,
        view=lambda images: image_view.show_list(images, existing),
        name=(lambda image: references[image["pk"]]) if runnable else image_view.reference,
    )
