"""`bayplan nodes upgrades`: shows the driver upgrades that are worth making."""

from bayplan.cli.node_labels import LabelSelectors, selected
from bayplan.cli.options import TABLE, NodeDriver, NodeGeneration, NodeGpu, Output, Server


def upgrades(
    gpu: NodeGpu = None,
    generation: NodeGeneration = None,
    driver: NodeDriver = None,
    label: LabelSelectors = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Show the driver upgrades worth making, the best marked.

    For each kind of nodes, it shows the maintained driver branches that support its GPU, until when they are maintained, which
    images they unlock, and which no longer run with them. With the best one most images run, most of them natively; of equal ones
    it has long-term support, or is the smallest. `bayplan what-if` asks about one of them.
    """
    from bayplan.cli import connection, output
    from bayplan.cli.nodes import _upgrades_view as upgrades_view
    from bayplan.cli.nodes._filters import chosen_nodes

    with connection.connect(server) as client:
        expressions = [*selected(label or ()), *chosen_nodes(client, gpu=gpu, generation=generation, driver=driver)]
        answer = client.upgrades()
        if expressions:
            chosen = {node["pk"] for node in client.nodes.list(*expressions)}
            kinds = [{**kind, "nodes": [pk for pk in kind["nodes"] if pk in chosen]} for kind in answer["kinds"]]
            answer["kinds"] = [kind for kind in kinds if kind["nodes"]]  # type: ignore[misc]  # kinds with fewer nodes
        names = upgrades_view.names_of_images(client, answer) if output_format.is_for_people else {}
    output.render(
        answer,
        output_format,
        view=lambda _: upgrades_view.show_upgrades(answer, names),
        name=upgrades_view.drivers,
    )
