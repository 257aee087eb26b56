"""What `apply` and `diff` share: catalogue files, and the plan that the server makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.errors import BayplanError

if TYPE_CHECKING:
    from bayplan.cli.document.files import CatalogueFiles
    from bayplan.client import Client
    from bayplan.schemas.catalogue import PlanAnswer

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE",
        help="Catalogue files, YAML or JSON; of a folder all that are in it; - reads standard input.",
        show_default=False,
    ),
]
Prune = Annotated[
    bool, typer.Option("--prune", help="Remove what the files do not name, in the sections that they have.")
]


def plan(client: Client, files: CatalogueFiles, *, prune: bool) -> PlanAnswer:
    """What applying the files would change. Raises the server's error with the file and line of each problem."""
    from bayplan.cli import output

    try:
        with output.working(f"Comparing {files.name} with the catalogue"):
            return client.catalogue.apply(files.content(), dry_run=True, prune=prune)
    except BayplanError as error:
        raise files.located(error) from None
