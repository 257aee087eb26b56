"""`bayplan images show`: shows the fields of an image, its state in its registry, and the history of that."""

from typing import TYPE_CHECKING

from bayplan.cli.options import TABLE, ImagesWords, Output, Server

if TYPE_CHECKING:
    from bayplan.schemas.docker import ExpandedImageAnswer


def show(images: ImagesWords, server: Server = None, output_format: Output = TABLE) -> None:
    """Show everything about images."""
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _check_view as check_view
    from bayplan.cli.images import _view as image_view

    with connection.connect(server) as client:
        existing = lookup.images(client, images)
        # A name is looked up without credentials; whoever may see them sees them here.
        answers = [client.images.get(image["pk"], expand=not output_format.is_data) for image in existing]  # type: ignore[call-overload]  # either type of image has a name

        def view(image: "ExpandedImageAnswer") -> None:
            checks = client.images.checks(image["pk"])
            lifecycle = client.images.lifecycle(image["pk"])
            successor = None if lifecycle["successor"] is None else client.images.by_key(lifecycle["successor"])
            deprecation = image_view.deprecation(lifecycle, successor)
            image_view.show_one(image, check_view.state_line(checks), deprecation)
            check_view.show_history(checks)

        return output.render_each(answers, output_format, view=view, name=image_view.name)
