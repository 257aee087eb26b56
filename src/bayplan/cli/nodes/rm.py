"""`bayplan nodes rm`: removes nodes."""

from typing import TYPE_CHECKING

from bayplan.cli.options import NodesWords, Server, Yes

if TYPE_CHECKING:
    from bayplan.schemas.nodes import ExpandedNodeAnswer


def rm(nodes: NodesWords, yes: Yes = False, server: Server = None) -> None:
    """Remove nodes.

    It says whose they are and how many images they have, and asks first.
    """
    from bayplan.cli import connection, prompt, removal
    from bayplan.cli.nodes import _view as node_view

    with connection.connect(server) as client:
        existing = [client.nodes.named(node) for node in nodes]
        if not yes:
            uses = [f"{node_view.name(node)}?{removal.uses_of_node(client, node)}" for node in existing]
            prompt.require(f"Remove {' Remove '.join(uses)}")

        def remove(node: "ExpandedNodeAnswer") -> str:
            client.nodes.delete(node["pk"])
            return f"Removed {node_view.name(node)}."

        removal.each(existing, remove)
