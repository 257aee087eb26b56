"""`bayplan images facts`: shows the facts about images, and where each came from."""

from typing import TYPE_CHECKING

from bayplan.cli.options import TABLE, ImagesWords, Output, Server

if TYPE_CHECKING:
    from bayplan.schemas.facts import FactsAnswer


def facts(images: ImagesWords, server: Server = None, output_format: Output = TABLE) -> None:
    """Show the facts of images, and where each came from."""
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _facts_view as facts_view
    from bayplan.cli.images import _view as image_view

    with connection.connect(server) as client:
        existing = lookup.images(client, images)
        answers = [client.images.facts(image["pk"]) for image in existing]
    titles = iter([image_view.name(image) for image in existing] if len(existing) > 1 else [])

    def view(image_facts: "FactsAnswer") -> None:
        title = next(titles, None)  # the facts themselves do not name their image
        facts_view.show_facts(image_facts, title)

    return output.render_each(answers, output_format, view=view)
