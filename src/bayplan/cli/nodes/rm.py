"""`bayplan nodes rm`: removes nodes."""

from typing import TYPE_CHECKING

from bayplan.cli.options import TABLE, NodesWords, Output, Server, Yes

if TYPE_CHECKING:
    from bayplan.cli.removal import Outcome
    from bayplan.schemas.nodes import ExpandedNodeAnswer


def rm(nodes: NodesWords, yes: Yes = False, server: Server = None, output_format: Output = TABLE) -> None:
    """Remove nodes.

    It says which worker they belong to, which images they have and which rules name them, and asks first.
    """
    from bayplan.cli import connection, removal
    from bayplan.cli.nodes import _view as node_view

    with connection.connect(server) as client:

        def question(node: "ExpandedNodeAnswer") -> str:
            return f"Remove {node_view.name(node)}?{removal.uses_of_node(client, node)}"

        def remove(node: "ExpandedNodeAnswer") -> "Outcome":
            last = client.nodes.get(node["pk"]) if output_format.is_data else None
            client.nodes.delete(node["pk"])
            return last, f"Removed {node_view.name(node)}."

        existing = [client.nodes.named(node) for node in nodes]
        removal.ask_and_remove(existing, question, remove, node_view.name, yes=yes, output_format=output_format)
