"""`bayplan images deprecate`: marks images as deprecated."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import TABLE, ImagesWords, Output, Server

if TYPE_CHECKING:
    from bayplan.cli.removal import Outcome
    from bayplan.schemas.docker import ExpandedImageAnswer


def deprecate(
    images: ImagesWords,
    why: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, in a line for people.")] = None,
    successor: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="The image to use instead: its key, or name:version.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Since which day, like 2026-11-01 [default: today]")
    ] = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Deprecate images: they run as before, but are matched last.

    A match says that the image is deprecated, why, and which image to use instead.
    """
    from bayplan.cli import connection, lookup, removal
    from bayplan.cli.images import _view as image_view

    with connection.connect(server) as client:
        existing = lookup.images(client, images)
        instead = None if successor is None else lookup.image(client, [successor])

        def mark(image: "ExpandedImageAnswer") -> "Outcome":
            lifecycle = client.images.deprecate(
                image["pk"], why=why, successor=None if instead is None else instead["pk"], since=since
            )
            of_successor = "" if instead is None else f"; its successor is {image_view.name(instead)}"
            return lifecycle, f"{image_view.name(image)} is deprecated{of_successor}."

        removal.each(existing, mark, image_view.name, output_format)
