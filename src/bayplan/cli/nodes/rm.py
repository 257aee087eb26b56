"""`bayplan nodes rm`: removes nodes."""

from typing import TYPE_CHECKING

from bayplan.cli.options import NodesWords, Server, Yes

if TYPE_CHECKING:
    from bayplan.schemas.nodes import ExpandedNodeAnswer


def rm(nodes: NodesWords, yes: Yes = False, server: Server = None) -> None:
    """Remove nodes.

    It says whose they are, which images they have and which rules name them, and asks first.
    """
    from bayplan.cli import connection, removal
    from bayplan.cli.nodes import _view as node_view

    with connection.connect(server) as client:

        def question(node: "ExpandedNodeAnswer") -> str:
            return f"Remove {node_view.name(node)}?{removal.uses_of_node(client, node)}"

        def remove(node: "ExpandedNodeAnswer") -> str:
            client.nodes.delete(node["pk"])
            return f"Removed {node_view.name(node)}."

        removal.ask_and_remove([client.nodes.named(node) for node in nodes], question, remove, yes=yes)
