"""`bayplan nodes edit`: changes fields of a node."""

from typing import Annotated, Any

import typer

from bayplan.cli.node_facts import takes_node_facts
from bayplan.cli.nodes._body import body
from bayplan.cli.options import (
    AsJson,
    NodeWord,
    Server,
    UsageError,
)


@takes_node_facts()
def edit(
    node: NodeWord,
    ip: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Its new address or host name.")] = None,
    index: Annotated[int | None, typer.Option(min=0, metavar="N", help="Which GPU of the machine it is.")] = None,
    *,
    server: Server = None,
    as_json: AsJson = False,
    **facts: Any,
) -> None:
    """Change fields of a node: those that options name.

    The word none empties a field of text.
    """
    from bayplan.cli import connection, lookup, output

    changes = body({"ip": ip, "index": index, **facts})
    if not changes:
        raise UsageError("Say what to change, as in `--driver 550.54.15`; --help lists what there is.")
    with connection.connect(server) as client:
        changed = client.nodes.update(lookup.node(client, node)["pk"], changes)
    if as_json:
        return output.show_json(changed)
    return typer.echo(f"Changed {', '.join(sorted(changes))} of {changed['ip']}#{changed['index']}.")
