"""`bayplan images rm`: deletes images, so that they can be reinstated, or for good."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import TABLE, ImagesWords, Output, Server, Yes

if TYPE_CHECKING:
    from bayplan.cli.removal import Outcome
    from bayplan.schemas.docker import ExpandedImageAnswer


def rm(
    images: ImagesWords,
    hard: Annotated[bool, typer.Option("--hard", help="Remove for good: the image cannot be reinstated.")] = False,
    yes: Yes = False,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Delete images; `reinstate` undoes it, but not with --hard.

    It says which nodes have them, which rules name them and who added them, and asks first.
    """
    from bayplan.cli import connection, lookup, removal
    from bayplan.cli.images import _view as image_view

    with connection.connect(server) as client:

        def question(image: "ExpandedImageAnswer") -> str:
            for_good = " for good" if hard else ""
            return f"Delete {image_view.name(image)}{for_good}?{removal.uses_of_image(client, image)}"

        def remove(image: "ExpandedImageAnswer") -> "Outcome":
            named, is_data = f"{image['name']} {image['version']}", output_format.is_data
            if hard:
                last = client.images.by_key(image["pk"], expand=False) if is_data else None
                client.images.delete_for_good(image["pk"])
                return last, f"Removed {named} for good."
            client.images.delete(image["pk"])
            deleted = client.images.by_key(image["pk"], expand=False) if is_data else None
            return deleted, f"Deleted {named}; `bayplan images reinstate {image['pk']}` brings it back."

        existing = lookup.images(client, images)
        removal.ask_and_remove(existing, question, remove, image_view.name, yes=yes, output_format=output_format)
