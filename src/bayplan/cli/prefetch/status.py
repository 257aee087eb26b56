"""`bayplan prefetch status`: shows which of the desired images workers have, for all, for a node or for an image."""

from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, UsageError


def status(
    node: Annotated[
        str | None, typer.Option(metavar="NODE", help="The images of one node: its key, or machine#index.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="The nodes of one image: its key, or name:version.")
    ] = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Show how many of its desired images each machine has.

    With --node the images of that node, with --image the nodes of that image.
    """
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.prefetch import _view as prefetch_view

    if node is not None and image is not None:
        raise UsageError("Give --node or --image, not both.")
    with connection.connect(server) as client:
        if node is not None:
            of_node = client.prefetch.node_inventory(client.nodes.named(node)["pk"])
            return output.render(of_node, output_format, view=prefetch_view.show_node, name=prefetch_view.image_names)
        if image is not None:
            of_image = client.prefetch.image_inventory(lookup.image(client, [image])["pk"])
            return output.render(of_image, output_format, view=prefetch_view.show_image, name=prefetch_view.node_names)
        inventories = client.prefetch.status()
    return output.render(
        inventories, output_format, view=prefetch_view.show_workers, name=lambda inventory: inventory["ip"]
    )
