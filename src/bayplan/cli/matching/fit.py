"""`bayplan fit`: shows on which nodes an image runs, by kind of node."""

from typing import Any

from bayplan.cli.node_facts import SIZES, takes_node_facts
from bayplan.cli.nodes._body import body
from bayplan.cli.options import TABLE, ImageWords, Node, Output, Server


@takes_node_facts(without=SIZES)
def fit(
    image: ImageWords,
    node: Node = None,
    *,
    server: Server = None,
    output_format: Output = TABLE,
    **facts: Any,
) -> None:
    """Show on which nodes an image runs, best first.

    Kinds of nodes that do not run it come last, with the reasons and what would change that.
    Options replace facts of the nodes: --driver 570.211.01 asks what another driver would do.
    """
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _view as image_view
    from bayplan.cli.matching import _fit_view as fit_view

    with connection.connect(server) as client:
        existing = lookup.image(client, image)
        nodes = None if node is None else [client.nodes.named(node)["pk"]]
        changes = body(facts)
        answer = client.images.fit(existing["pk"], worker=changes or None, nodes=nodes, credentials=False)

    def view(_answer: object) -> None:
        fit_view.show_fit(answer, image_view.named(existing["name"], existing["version"]), changes)

    output.render(answer, output_format, view=view, name=fit_view.names)
