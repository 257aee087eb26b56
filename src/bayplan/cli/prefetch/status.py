"""`bayplan prefetch status`: shows which of the desired images workers have, for all, for a node or for an image."""

from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, SortBy, UsageError


def status(
    node: Annotated[
        str | None, typer.Option(metavar="NODE", help="The images of one node: its key, or machine#index.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="The nodes of one image: its key, or name:version.")
    ] = None,
    sort_by: SortBy = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Show how many of its desired images each worker has.

    --node shows the images of a node, --image the nodes of an image.
    """
    from bayplan.cli import connection, lookup, output, sorting
    from bayplan.cli.prefetch import _view as prefetch_view

    if node is not None and image is not None:
        raise UsageError("Give --node or --image, not both.")
    if sort_by is not None and (node, image) != (None, None):
        raise UsageError("--sort-by is for the list of machines; leave it out with --node and --image.")
    paths = sorting.order("prefetch status", sort_by)
    with connection.connect(server) as client:
        if node is not None:
            of_node = client.prefetch.node_inventory(client.nodes.named(node)["pk"])
            return output.render(of_node, output_format, view=prefetch_view.show_node, name=prefetch_view.image_names)
        if image is not None:
            of_image = client.prefetch.image_inventory(lookup.image(client, [image])["pk"])
            return output.render(of_image, output_format, view=prefetch_view.show_image, name=prefetch_view.node_names)
        inventories = sorting.in_order(client.prefetch.status(), paths)
    return output.render(
        inventories, output_format, view=prefetch_view.show_workers, name=lambda inventory: inventory["ip"]
    )
