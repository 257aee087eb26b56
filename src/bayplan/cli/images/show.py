"""`bayplan images show`: everything about an image."""

from bayplan.cli.options import AsJson, ImageWords, Server


def show(image: ImageWords, server: Server = None, as_json: AsJson = False) -> None:
    """Show everything about an image."""
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _check_view as check_view
    from bayplan.cli.images import _view as image_view

    with connection.connect(server) as client:
        found = lookup.image(client, image)
        if as_json:
            return output.show_json(client.images.get(found["pk"]))
        checks = client.images.checks(found["pk"])
    image_view.show_one(found, check_view.standing(checks))
    return check_view.show_history(checks)
