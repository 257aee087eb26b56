"""`bayplan images reinstate`: brings deleted images back."""

from typing import TYPE_CHECKING

from bayplan.cli.options import ImagesWords, Server

if TYPE_CHECKING:
    from bayplan.schemas.docker import ExpandedImageAnswer


def reinstate(images: ImagesWords, server: Server = None) -> None:
    """Bring deleted images back."""
    from bayplan.cli import connection, lookup, removal

    with connection.connect(server) as client:

        def bring_back(image: "ExpandedImageAnswer") -> str:
            client.images.reinstate(image["pk"])
            return f"{image['name']} {image['version']} is back."

        removal.each(lookup.images(client, images, deleted=True), bring_back)
