"""`bayplan images retire`: deletes images, after it has said what that strands."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli import exit_codes
from bayplan.cli.options import TABLE, ImagesWords, Output, Server, Yes

if TYPE_CHECKING:
    from bayplan.cli.removal import Outcome
    from bayplan.schemas.docker import ExpandedImageAnswer


def retire(
    images: ImagesWords,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be stranded; exit code 3 where that is anything.")
    ] = False,
    yes: Yes = False,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Delete images, and show first what that strands.

    Nodes that lose their last image for a task, the rules and inventories that use the images, and images whose successor they are.
    The images can be reinstated.
    """
    from bayplan.cli import connection, lookup, output, prompt, removal
    from bayplan.cli.images import _outdated_view as outdated_view
    from bayplan.cli.images import _view as image_view

    with connection.connect(server) as client:
        existing = lookup.images(client, images)
        answer = client.images.retirement([image["pk"] for image in existing])
        if dry_run or output_format.is_for_people:
            names = outdated_view.names_of_both(client, answer) if output_format.is_for_people else None
            output.render(
                answer,
                output_format,
                view=lambda _: outdated_view.show_retirement(answer, names),
                name=lambda _: [image_view.name(image) for image in existing],
            )
        if dry_run:
            raise typer.Exit(exit_codes.NO if outdated_view.is_stranding(answer) else 0)
        if not yes:
            prompt.require(f"Delete {output.count(len(existing), 'image')}?", output_format)

        def remove(image: "ExpandedImageAnswer") -> "Outcome":
            client.images.delete(image["pk"])
            deleted = client.images.by_key(image["pk"], expand=False) if output_format.is_data else None
            named = f"{image['name']} {image['version']}"
            return deleted, f"Deleted {named}; `bayplan images reinstate {image['pk']}` brings it back."

        removal.each(existing, remove, image_view.name, output_format)
