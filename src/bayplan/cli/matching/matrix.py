"""`bayplan matrix`: shows which images run on which nodes, all at once."""

from typing import Annotated

import typer

from bayplan.cli.node_labels import LabelSelectors, selected
from bayplan.cli.options import (
    TABLE,
    Domain,
    Framework,
    NodeDriver,
    NodeGeneration,
    NodeGpu,
    OutputFormat,
    Picture,
    Server,
    Task,
)


def matrix(
    task: Task = None,
    domain: Domain = None,
    framework: Framework = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="Only images whose name contains it.")] = None,
    gpu: NodeGpu = None,
    generation: NodeGeneration = None,
    driver: NodeDriver = None,
    label: LabelSelectors = None,
    server: Server = None,
    output_format: Picture = TABLE,
) -> None:
    """Show which images run on which nodes, all at once.

    Images that need the same are one row, nodes that offer the same are one column. csv is for spreadsheets, markdown for wikis and
    pull requests, svg is a picture: `bayplan matrix -o svg > matrix.svg`. `bayplan why IMAGE --node NODE` gives the reasons.
    """
    from bayplan.cli import connection, output
    from bayplan.cli.images._filters import chosen_images
    from bayplan.cli.matching import _matrix_view as matrix_view
    from bayplan.cli.nodes._filters import chosen_nodes
    from bayplan.exports.matrix_picture import picture

    with connection.connect(server) as client:
        images = chosen_images(client, task=task, domain=domain, framework=framework, name=name)
        nodes = [*selected(label or ()), *chosen_nodes(client, gpu=gpu, generation=generation, driver=driver)]
        answer = client.matrix(images, nodes)
        if not answer["groups"] and (task is not None or domain is not None):
            client.match(worker={}, task=task, domain=domain, limit=1, credentials=False)  # it names the nearest ones
        pictured = {} if output_format.is_data else matrix_view.pictured(client, images)
    match output_format:
        case OutputFormat.CSV:
            from bayplan.exports.matrix_csv import matrix_csv

            typer.echo(matrix_csv(picture(answer, pictured)), nl=False)
        case OutputFormat.MARKDOWN:
            from bayplan.exports.matrix_markdown import matrix_markdown

            typer.echo(matrix_markdown(picture(answer, pictured)), nl=False)
        case OutputFormat.SVG:
            from bayplan.exports.matrix_svg import matrix_svg

            typer.echo(matrix_svg(picture(answer, pictured)), nl=False)
        case _:
            output.render(answer, output_format, view=lambda _: matrix_view.show_matrix(picture(answer, pictured)))
