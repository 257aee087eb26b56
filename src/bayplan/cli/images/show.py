"""`bayplan images show`: shows the fields of an image, its state in its registry, and the history of that."""

from typing import TYPE_CHECKING, Any

from bayplan.cli.options import TABLE, Credentials, ImagesWords, Output, Server, UsageError

if TYPE_CHECKING:
    from bayplan.schemas.docker import ExpandedImageAnswer


def show(
    images: ImagesWords, credentials: Credentials = False, server: Server = None, output_format: Output = TABLE
) -> None:
    """Show everything about images."""
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _check_view as check_view
    from bayplan.cli.images import _view as image_view

    if credentials and not output_format.is_data:
        raise UsageError("--credentials gives credentials in -o json or yaml: add one of them.")
    with connection.connect(server) as client:
        answers: list[Any] = lookup.images(client, images)  # without credentials
        if credentials:
            answers = [client.images.get(image["pk"]) for image in answers]
        elif output_format.is_data:
            answers = [client.images.by_key(image["pk"], expand=False) for image in answers]
        elif output_format.is_for_people:  # whoever may see the user name of a registry sees it
            answers = [client.images.get(image["pk"], expand=True) for image in answers]

        def view(image: "ExpandedImageAnswer") -> None:
            checks = client.images.checks(image["pk"])
            lifecycle = client.images.lifecycle(image["pk"])
            successor = None if lifecycle["successor"] is None else client.images.by_key(lifecycle["successor"])
            deprecation = image_view.deprecation(lifecycle, successor)
            image_view.show_one(image, check_view.state_line(checks), deprecation)
            check_view.show_history(checks)

        return output.render_each(answers, output_format, view=view, name=image_view.name)
