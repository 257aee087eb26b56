"""`bayplan images outdated`: lists the images that are out of date, and why."""

from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, SortBy, UsageError


def outdated(
    reason: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REASON",
            help="Only for that reason: end_of_life, end_of_life_soon, deprecated, superseded, runs_nowhere, in_no_inventory; "
            "repeat it for more.",
        ),
    ] = None,
    sort_by: SortBy = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """List the images that are out of date, and why.

    Past or near their end of life, deprecated, superseded by a newer version of the same name, runnable on no node, or in no
    worker's image inventory; each with the image to use instead.
    """
    from bayplan.cli import connection, output, sorting
    from bayplan.cli.images import _outdated_view as outdated_view

    paths = sorting.order("images outdated", sort_by)
    codes = [_code(word) for text in reason or () for word in text.split(",")]
    with connection.connect(server) as client:
        answer = client.images.outdated(*codes)  # type: ignore[arg-type]  # the same words
    answer["images"] = outdated_view.in_order(answer["images"], paths)
    output.render(answer, output_format, view=outdated_view.show_outdated, name=outdated_view.names)


def _code(text: str) -> str:
    """The code of a reason, with dashes or underscores. Raises `UsageError` with the nearest ones."""
    from bayplan.domain.nearest import did_you_mean
    from bayplan.domain.outdated import OutdatedCode

    code = text.strip().lower().replace("-", "_")
    if code not in list(OutdatedCode):
        near = did_you_mean(code, list(OutdatedCode)) or f"the reasons are {', '.join(OutdatedCode)}."
        raise UsageError(f"--reason: there is no reason {text.strip()!r}; {near}")
    return code
