"""`bayplan apply`: makes the catalogue like files, after it has shown the plan."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli import exit_codes
from bayplan.cli.catalogue_file._plan import Files, Prune
from bayplan.cli.options import TABLE, Output, Server, Yes
from bayplan.errors import BayplanError, PreconditionFailed

if TYPE_CHECKING:
    from bayplan.cli.document.files import CatalogueFiles
    from bayplan.client import Client
    from bayplan.schemas.catalogue import PlanAnswer


def apply(
    files: Files,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change; exit code 3 if there are differences.")
    ] = False,
    prune: Prune = False,
    yes: Yes = False,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Make the catalogue as files say, all of it or nothing.

    It shows what will change, and asks before it changes anything.
    """
    from bayplan.cli import connection, output, prompt
    from bayplan.cli.catalogue_file import _plan, _plan_view
    from bayplan.cli.document.read import read_all

    documents = read_all(files)
    with connection.connect(server) as client:
        plan = _plan.plan(client, documents, prune=prune)
        if dry_run or not plan["changes"]:
            view = _plan_view.show_dry_run if dry_run else _plan_view.show_plan
            output.render(plan, output_format, view=view, name=_plan_view.changed_names)
            raise typer.Exit(exit_codes.NO if plan["changes"] else 0)
        if output_format.is_for_people:
            _plan_view.show_plan(plan)
        if not yes:
            prompt.require(f"Apply {output.count(len(plan['changes']), 'change')}?", output_format)
        with output.working("Applying"):
            applied = _apply(client, documents, prune, plan["version"])
    return output.render(applied, output_format, view=_plan_view.show_done, name=_plan_view.changed_names)


def _apply(client: "Client", documents: "CatalogueFiles", prune: bool, version: str) -> "PlanAnswer":
    """Applies exactly the plan that was shown."""
    try:
        return client.catalogue.apply(documents.content(), prune=prune, if_match=version)
    except PreconditionFailed as error:
        detail = "Somebody changed the catalogue meanwhile, so nothing was applied; run the command again."
        raise PreconditionFailed(detail, code=error.code) from None
    except BayplanError as error:
        raise documents.located(error) from None
