"""`bayplan images undeprecate`: takes the deprecation of images back."""

from typing import TYPE_CHECKING

from bayplan.cli.options import TABLE, ImagesWords, Output, Server

if TYPE_CHECKING:
    from bayplan.cli.removal import Outcome
    from bayplan.schemas.docker import ExpandedImageAnswer


def undeprecate(images: ImagesWords, server: Server = None, output_format: Output = TABLE) -> None:
    """Remove the deprecation of images."""
    from bayplan.cli import connection, lookup, removal
    from bayplan.cli.images import _view as image_view

    with connection.connect(server) as client:

        def take_back(image: "ExpandedImageAnswer") -> "Outcome":
            return client.images.undeprecate(image["pk"]), f"{image_view.name(image)} is no longer deprecated."

        removal.each(lookup.images(client, images), take_back, image_view.name, output_format)
