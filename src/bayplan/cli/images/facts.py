"""`bayplan images facts`: shows the facts about an image, and where each came from."""

from bayplan.cli.options import AsJson, ImageWords, Server


def facts(image: ImageWords, server: Server = None, as_json: AsJson = False) -> None:
    """Show the facts of an image, and where each came from."""
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _facts_view as facts_view

    with connection.connect(server) as client:
        image_facts = client.images.facts(lookup.image(client, image)["pk"])
    if as_json:
        return output.show_json(image_facts)
    return facts_view.show_facts(image_facts)
