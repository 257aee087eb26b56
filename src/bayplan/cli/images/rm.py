"""`bayplan images rm`: deletes images, so that they can be reinstated, or for good."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import ImagesWords, Server, Yes

if TYPE_CHECKING:
    from bayplan.schemas.docker import ExpandedImageAnswer


def rm(
    images: ImagesWords,
    hard: Annotated[bool, typer.Option("--hard", help="Remove for good: the image cannot be reinstated.")] = False,
    yes: Yes = False,
    server: Server = None,
) -> None:
    """Delete images; they can be reinstated, unless it is --hard.

    It says which nodes have them, and asks first.
    """
    from bayplan.cli import connection, lookup, prompt, removal
    from bayplan.cli.images import _view as image_view

    with connection.connect(server) as client:
        existing = lookup.images(client, images)
        for_good = " for good" if hard else ""
        if not yes:
            uses = [f"{image_view.name(image)}{for_good}?{removal.uses_of_image(client, image)}" for image in existing]
            prompt.require(f"Delete {' Delete '.join(uses)}")

        def remove(image: "ExpandedImageAnswer") -> str:
            named = f"{image['name']} {image['version']}"
            if hard:
                client.images.delete_for_good(image["pk"])
                return f"Removed {named} for good."
            client.images.delete(image["pk"])
            return f"Deleted {named}; `bayplan images reinstate {image['pk']}` brings it back."

        removal.each(existing, remove)
