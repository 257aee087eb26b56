"""`bayplan images floor`: shows what images need of a node."""

from bayplan.cli.options import TABLE, ImagesWords, Output, Server


def floor(images: ImagesWords, server: Server = None, output_format: Output = TABLE) -> None:
    """Show what images need: driver, GPUs, memory.

    For each GPU that an image runs on, it shows from which driver on, and by which grade.
    """
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _floor_view as floor_view

    with connection.connect(server) as client:
        floors = [client.images.floor(image["pk"]) for image in lookup.images(client, images)]
    return output.render_each(floors, output_format, view=floor_view.show_floor)
