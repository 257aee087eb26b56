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

    It says which nodes have them, which rules name them and who added them, and asks first.
    """
    from bayplan.cli import connection, lookup, removal
    from bayplan.cli.images import _view as image_view

    with connection.connect(server) as client:

        def question(image: "ExpandedImageAnswer") -> str:
            for_good = " for good" if hard else ""
            return f"Delete {image_view.name(image)}{for_good}?{removal.uses_of_image(client, image)}"

        def remove(image: "ExpandedImageAnswer") -> str:
            named = f"{image['name']} {image['version']}"
            if hard:
                client.images.delete_for_good(image["pk"])
                return f"Removed {named} for good."
            client.images.delete(image["pk"])
            return f"Deleted {named}; `bayplan images reinstate {image['pk']}` brings it back."

        removal.ask_and_remove(lookup.images(client, images), question, remove, yes=yes)
