"""`bayplan images set-facts`: enters facts about an image by hand."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bayplan.cli.images._fact_options import entered, takes_image_facts
from bayplan.cli.options import TABLE, ImageWords, Output, Server, UsageError
from bayplan.errors import Invalid


@takes_image_facts()
def set_facts(
    image: ImageWords,
    *,
    forget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FACT",
            help="Remove the value that staff entered for a fact, like min_driver; repeat the option for more.",
        ),
    ] = None,
    nfd: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Take the minimums of an image compatibility specification of Node Feature Discovery; - reads standard input.",
        ),
    ] = None,
    server: Server = None,
    output_format: Output = TABLE,
    **facts: Any,
) -> None:
    """Enter facts about an image by hand.

    They take precedence over the facts of scans, registries and tables.
    """
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _facts_view as facts_view

    from_nfd = {} if nfd is None else _minimums(nfd)
    values = from_nfd | entered(facts) | dict.fromkeys(name.replace("-", "_") for name in forget or ())
    if not values:
        raise UsageError("Write a fact, as in `--min-driver 570.0`: --help lists all facts.")
    with connection.connect(server) as client:
        image_facts = client.images.set_facts(lookup.image(client, image)["pk"], values)
    return output.render(image_facts, output_format, view=facts_view.show_facts)


def _minimums(path: Path) -> dict[str, str | int]:
    """What a specification asks of every node, as facts. Raises `Invalid` where it asks nothing that a fact says."""
    from bayplan.cli.document.paths import FileReader
    from bayplan.registry.nfd_specification import read_specification

    name, text = FileReader().text(str(path))
    values = read_specification(text.encode(), name).values()
    if not values:
        raise Invalid(f"{name} says no minimum that is a fact: a driver, a GPU, its memory or the number of GPUs.")
    return values
