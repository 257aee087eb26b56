"""`bayplan nodes edit`: changes fields of a node."""

from typing import Annotated, Any

import typer

from bayplan.cli.node_facts import takes_node_facts
from bayplan.cli.node_labels import LabelChanges, label_changes
from bayplan.cli.nodes._body import body
from bayplan.cli.options import (
    TABLE,
    NodeWord,
    Output,
    Server,
    UsageError,
)


@takes_node_facts()
def edit(
    node: NodeWord,
    ip: Annotated[str | None, typer.Option(metavar="ADDRESS", help="The machine's new address or host name.")] = None,
    index: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="The new number of the GPU in the machine.")
    ] = None,
    hostname: Annotated[str | None, typer.Option(metavar="NAME", help="The machine's own name.")] = None,
    label: LabelChanges = None,
    *,
    server: Server = None,
    output_format: Output = TABLE,
    **facts: Any,
) -> None:
    """Change fields of a node: those that options name.

    The word none empties a field of text.
    """
    from bayplan.cli import connection, output
    from bayplan.cli.nodes import _view as node_view

    names = {"hostname": hostname, "labels": label_changes(label) if label else None}
    changes = body({"ip": ip, "index": index, **names, **facts})
    if not changes:
        raise UsageError("Write what to change, as in `--driver 550.54.15`: --help lists all options.")
    with connection.connect(server) as client:
        changed = client.nodes.update(client.nodes.named(node)["pk"], changes)
    sentence = f"Changed {', '.join(sorted(changes))} of {node_view.name(changed)}."
    return output.render(changed, output_format, view=sentence, name=node_view.name)
