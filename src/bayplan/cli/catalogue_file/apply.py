"""`bayplan apply`: makes the catalogue like a file, after it has shown the plan."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, Yes
from bayplan.errors import BayplanError, Conflict, Invalid, PreconditionFailed

if TYPE_CHECKING:
    from bayplan.cli.document.read import CatalogueDocument
    from bayplan.client import Client
    from bayplan.schemas.catalogue import PlanAnswer


def apply(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A catalogue file, YAML or JSON; - reads the input.", show_default=False),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove what the file does not name, in the sections that it has.")
    ] = False,
    yes: Yes = False,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Make the catalogue like a file, all of it or nothing.

    It shows what will change, and asks before it does that.
    """
    from bayplan.cli import connection, output, prompt
    from bayplan.cli.catalogue_file import _plan_view as plan_view
    from bayplan.cli.document.read import read

    document = read(*_text(file))
    with connection.connect(server) as client:
        with output.working(f"Comparing {document.name} with the catalogue"):
            plan = _plan(client, document, prune)
        if dry_run or not plan["changes"]:
            return output.render(
                plan,
                output_format,
                view=lambda plan: plan_view.show_plan(plan, dry_run=dry_run),
                name=plan_view.changed_names,
            )
        if output_format.is_for_people:
            plan_view.show_plan(plan, dry_run=False)
        if not prompt.agreed(f"Apply {output.count(len(plan['changes']), 'change')}?", yes=yes):
            raise typer.Exit(1)
        with output.working("Applying"):
            applied = _apply(client, document, prune, plan["version"])
    return output.render(applied, output_format, view=plan_view.show_done, name=plan_view.changed_names)


def _text(file: str) -> tuple[str, str]:
    """The name of the file for error messages, and its text. Raises `Invalid` where it cannot be read."""
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.") from None
    try:
        return ("<stdin>" if file == "-" else file), raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Invalid(f"{file}:{line}: This is not UTF-8; save the file as UTF-8.") from None


def _plan(client: "Client", document: "CatalogueDocument", prune: bool) -> "PlanAnswer":
    try:
        return client.catalogue.apply(document.content(), dry_run=True, prune=prune)
    except (Invalid, Conflict) as error:
        raise document.located(error) from None


def _apply(client: "Client", document: "CatalogueDocument", prune: bool, version: str) -> "PlanAnswer":
    """Applies exactly the plan that was shown."""
    try:
        return client.catalogue.apply(document.content(), prune=prune, if_match=version)
    except PreconditionFailed as error:
        detail = "Somebody changed the catalogue meanwhile, so nothing was applied; run the command again."
        raise PreconditionFailed(detail, code=error.code) from None
    except BayplanError as error:
        raise document.located(error) from None
