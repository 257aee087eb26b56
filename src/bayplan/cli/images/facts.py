"""`bayplan images facts`: shows the facts about an image, and where each came from."""

from bayplan.cli.options import TABLE, ImageWords, Output, Server


def facts(image: ImageWords, server: Server = None, output_format: Output = TABLE) -> None:
    """Show the facts of an image, and where each came from."""
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _facts_view as facts_view

    with connection.connect(server) as client:
        image_facts = client.images.facts(lookup.image(client, image)["pk"])
    return output.render(image_facts, output_format, view=facts_view.show_facts)
