"""`bayplan why`: shows whether an image runs on a node, with every reason."""

from typing import Annotated, Any

import typer

from bayplan.cli import exit_codes
from bayplan.cli.matching._described_node import described_node
from bayplan.cli.node_facts import SIZES, takes_node_facts
from bayplan.cli.options import (
    TABLE,
    CpuOnly,
    Here,
    ImageWords,
    Node,
    Output,
    Server,
)

ALL_GRADES = ("native", "minor", "forward", "cpu", "jit", "unknown", "no")


@takes_node_facts(without=SIZES)
def why(
    image: ImageWords,
    node: Node = None,
    *,
    here: Here = False,
    cpu_only: CpuOnly = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Make the exit code the verdict: 0 runs, 3 does not, 4 not known.")
    ] = False,
    server: Server = None,
    output_format: Output = TABLE,
    **facts: Any,
) -> None:
    """Show whether an image runs on a node, and why.

    It shows every reason, what would change it, and, if the image runs, the command that runs it.
    """
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _view as image_view
    from bayplan.cli.matching import _view as match_view
    from bayplan.client import exact

    described = described_node(node is not None, cpu_only, here, **facts)
    with connection.connect(server) as client:
        existing = lookup.image(client, image)
        catalogue_node = client.nodes.named(node) if node is not None else None
        answer = client.match(
            credentials=False,
            node=catalogue_node["pk"] if catalogue_node else None,
            worker=described,
            expressions=[exact("pk", existing["pk"])],
            grades=ALL_GRADES,
            explain=True,
        )
        judged = [*answer["matches"], *answer.get("rejected", [])]
        verdict = judged[0] if judged else None

        def view(_answer: object) -> None:
            needs = client.images.facts(existing["pk"]) if verdict else None
            shared_memory_bytes = needs["min_shared_memory_bytes"]["value"] if needs else None
            match_view.show_verdict(existing, verdict, answer["worker"], catalogue_node, shared_memory_bytes)

        output.render(verdict or answer, output_format, view=view, name=lambda _answer: image_view.name(existing))
    if exit_code:
        raise typer.Exit(exit_codes.of_grade(verdict["grade"]) if verdict else exit_codes.NO)
