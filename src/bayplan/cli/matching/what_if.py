"""`bayplan what-if`: shows what changes of nodes and images would lead to, before anybody makes them."""

from pathlib import Path
from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, UsageError


def what_if(
    replaced: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FACT=VALUE", help="Replace a fact of nodes: driver_version=580.95.05; repeat it."
        ),
    ] = None,
    driver: Annotated[
        str | None, typer.Option(metavar="VERSION", help="The same as --set driver_version=VERSION.")
    ] = None,
    nodes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FACT=VALUE",
            help="The nodes for --set and --driver: 'gpu=RTX 4090', 'driver=<550', label=zone=a; repeat it.",
        ),
    ] = None,
    node: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NODE", help="A node for --set and --driver: its key, or machine#index; repeat it [default: all]"
        ),
    ] = None,
    add: Annotated[
        list[str] | None, typer.Option(metavar="NODES", help="Add nodes: '8x H100 SXM,580.95'; repeat it.")
    ] = None,
    remove_node: Annotated[list[str] | None, typer.Option(metavar="NODE", help="Remove a node; repeat it.")] = None,
    retire: Annotated[list[str] | None, typer.Option(metavar="IMAGE", help="Retire an image; repeat it.")] = None,
    add_image: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REFERENCE|FILE", help="Add an image: a reference, which is inspected, or a file with its fields."
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="A file of changes, which come first.")
    ] = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Show what changes of nodes and images would lead to.

    Nothing is changed.

    It shows the verdicts before and after, which images gain their first node or lose their last, and which nodes gain or lose
    every image for a task, with the reasons. The changes apply in the order of the options below.
    """
    from bayplan.cli import connection, output
    from bayplan.cli.matching import _changes as changes_of
    from bayplan.cli.matching import _what_if_view as what_if_view

    facts = changes_of.replaced_facts([*(replaced or ()), *([] if driver is None else [f"driver_version={driver}"])])
    if (nodes or node) and not facts:
        raise UsageError("--nodes and --node say of which nodes facts are replaced; give --driver or --set, too.")
    changes = [] if file is None else changes_of.from_file(file)
    with connection.connect(server) as client:
        if facts:
            expressions = changes_of.chosen(client, nodes or ())
            if node:
                expressions.append(changes_of.of_nodes(client, node))
            changes.append({"set": facts} | ({"nodes": {"expressions": expressions}} if expressions else {}))
        changes += [changes_of.added_nodes(text) for text in add or ()]
        if remove_node:
            changes.append({"remove_nodes": {"expressions": [changes_of.of_nodes(client, remove_node)]}})
        if retire:
            changes.append({"retire": {"expressions": [changes_of.of_images(client, retire)]}})
        changes += [changes_of.added_image(client, text) for text in add_image or ()]
        if not changes:
            raise UsageError(
                "Say what is to change: --driver, --set, --add, --remove-node, --retire, --add-image or -f."
            )
        answer = client.what_if(changes)
        names = None if output_format.is_data else what_if_view.NamesOfBoth.of(client, answer)
    output.render(answer, output_format, view=lambda _: what_if_view.show_what_if(answer, names))
