"""`bayplan images reinstate`: brings deleted images back."""

from typing import TYPE_CHECKING

from bayplan.cli.options import TABLE, ImagesWords, Output, Server

if TYPE_CHECKING:
    from bayplan.cli.removal import Outcome
    from bayplan.schemas.docker import ExpandedImageAnswer


def reinstate(images: ImagesWords, server: Server = None, output_format: Output = TABLE) -> None:
    """Bring deleted images back."""
    from bayplan.cli import connection, lookup, removal
    from bayplan.cli.images import _view as image_view

    with connection.connect(server) as client:

        def bring_back(image: "ExpandedImageAnswer") -> "Outcome":
            client.images.reinstate(image["pk"])
            reinstated = client.images.by_key(image["pk"], expand=False) if output_format.is_data else None
            return reinstated, f"{image['name']} {image['version']} is back."

        removal.each(lookup.images(client, images, deleted=True), bring_back, image_view.name, output_format)
