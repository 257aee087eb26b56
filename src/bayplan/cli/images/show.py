"""`bayplan images show`: shows the fields of an image, its state in its registry, and the history of that."""

from bayplan.cli.options import AsJson, ImageWords, Server


def show(image: ImageWords, server: Server = None, as_json: AsJson = False) -> None:
    """Show everything about an image."""
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _check_view as check_view
    from bayplan.cli.images import _view as image_view

    with connection.connect(server) as client:
        existing = lookup.image(client, image)
        if as_json:
            return output.show_json(client.images.get(existing["pk"]))
        checks = client.images.checks(existing["pk"])
    image_view.show_one(existing, check_view.state_line(checks))
    return check_view.show_history(checks)
