"""`bayplan images undeprecate`: takes the deprecation of images back."""

from typing import TYPE_CHECKING

from bayplan.cli.options import ImagesWords, Server

if TYPE_CHECKING:
    from bayplan.schemas.docker import ExpandedImageAnswer


def undeprecate(images: ImagesWords, server: Server = None) -> None:
    """Take the deprecation of images back."""
    from bayplan.cli import connection, lookup, removal
    from bayplan.cli.images import _view as image_view

    with connection.connect(server) as client:

        def take_back(image: "ExpandedImageAnswer") -> str:
            client.images.undeprecate(image["pk"])
            return f"{image_view.name(image)} is no longer deprecated."

        removal.each(lookup.images(client, images), take_back)
