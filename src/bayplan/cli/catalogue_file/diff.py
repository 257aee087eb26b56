"""`bayplan diff`: shows what applying files would change."""

import typer

from bayplan.cli import exit_codes
from bayplan.cli.catalogue_file._plan import Files, Prune
from bayplan.cli.options import TABLE, Output, Server


def diff(files: Files, prune: Prune = False, server: Server = None, output_format: Output = TABLE) -> None:
    """Show what `apply` would change, field by field.

    The exit code is 0 if nothing would change, and 3 if there are differences.
    """
    from bayplan.cli import connection, output
    from bayplan.cli.catalogue_file import _plan, _plan_view
    from bayplan.cli.document.read import read_all

    documents = read_all(files)
    with connection.connect(server) as client:
        plan = _plan.plan(client, documents, prune=prune)
    output.render(plan, output_format, view=_plan_view.show_plan, name=_plan_view.changed_names)
    if plan["changes"]:
        raise typer.Exit(exit_codes.NO)
