"""`bayplan match`: shows which images run on a node."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayplan.cli.matching._described_node import described_node
from bayplan.cli.node_facts import SIZES, takes_node_facts
from bayplan.cli.options import (
    TABLE,
    CpuOnly,
    Domain,
    Framework,
    Grades,
    Here,
    Node,
    Output,
    Server,
    Task,
)

if TYPE_CHECKING:
    from bayplan.schemas.match import MatchAnswer

LIMIT, OF_EACH = 10, 3


@takes_node_facts(without=SIZES)
def match(
    node: Node = None,
    *,
    here: Here = False,
    cpu_only: CpuOnly = False,
    task: Task = None,
    domain: Domain = None,
    framework: Framework = None,
    grade: Grades = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Show at most that many [default: 10, or 3 of each framework without --framework]",
        ),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Also show why the other images do not run.")] = False,
    server: Server = None,
    output_format: Output = TABLE,
    **facts: Any,
) -> None:
    """Show which images run on a node, best first.

    The node is one of the catalogue (--node), this machine (--here), or what the options describe.
    Without --framework the result is grouped by framework, with at most --limit images of each; JSON is the API's flat list.
    If no image runs, it says what stands in the way, and what would change that.
    """
    from bayplan.cli import connection, output
    from bayplan.cli.matching import _view as match_view

    described = described_node(node is not None, cpu_only, here, **facts)
    of_each = framework is None and output_format.is_for_people
    limit = limit or (OF_EACH if of_each else LIMIT)
    with connection.connect(server) as client:
        catalogue_node = client.nodes.named(node) if node is not None else None
        answer = client.match(
            credentials=False,
            node=catalogue_node["pk"] if catalogue_node else None,
            worker=described,
            task=task,
            domain=domain,
            framework=framework,
            grades=grade,
            limit=None if of_each else limit,
            limit_per_framework=limit if of_each else None,
            explain=explain,
        )

        def view(answer: "MatchAnswer") -> None:
            match_view.show_answer(answer, match_view.Names.of(client), catalogue_node, limit, of_each=of_each)

        return output.render(answer, output_format, view=view, name=match_view.references)
