"""`bayplan images floor`: shows what an image needs of a node."""

from bayplan.cli.options import TABLE, ImageWords, Output, Server


def floor(image: ImageWords, server: Server = None, output_format: Output = TABLE) -> None:
    """Show what an image needs: driver, GPUs, memory.

    For each GPU that it runs on: from which driver on, and by which grade.
    """
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _floor_view as floor_view

    with connection.connect(server) as client:
        image_floor = client.images.floor(lookup.image(client, image)["pk"])
    return output.render(image_floor, output_format, view=floor_view.show_floor)
