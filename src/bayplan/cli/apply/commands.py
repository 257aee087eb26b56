"""`bayplan apply` and `bayplan export`: the catalogue as a file in git."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from bayplan.cli.options import AsJson, Server, Yes
from bayplan.errors import BayplanError, Conflict, Invalid, PreconditionFailed

if TYPE_CHECKING:
    from bayplan.cli.document import CatalogueDocument
    from bayplan.client import Client
    from bayplan.schemas.catalogue import PlanAnswer


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(apply)
    app.command()(export)


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
    as_json: AsJson = False,
) -> None:
    """Make the catalogue like a file, all of it or nothing.

    It shows what will change, and asks before it does that.
    """
    from bayplan.cli import document, prompt, session
    from bayplan.cli import output as screen
    from bayplan.cli.apply import plan_view

    read = document.read(*_text(file))
    with session.connect(server) as client:
        with screen.working(f"Comparing {read.name} with the catalogue"):
            plan = _plan(client, read, prune)
        if dry_run or not plan["changes"]:
            return screen.show_json(plan) if as_json else plan_view.show_plan(plan, dry_run=dry_run)
        if not as_json:
            plan_view.show_plan(plan, dry_run=False)
        if not prompt.agreed(f"Apply {screen.count(len(plan['changes']), 'change')}?", yes=yes):
            raise typer.Exit(1)
        with screen.working("Applying"):
            done = _do(client, read, prune, plan["version"])
    return screen.show_json(done) if as_json else plan_view.show_done(done)


def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, in place of the output.")
    ] = None,
    secrets: Annotated[bool, typer.Option("--secrets", help="With the registry log-ins, passwords in clear.")] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Write the catalogue as a file that `apply` takes."""
    import json

    from bayplan.cli import output as screen
    from bayplan.cli import session
    from bayplan.cli.document.write import as_yaml

    with session.connect(server) as client, screen.working("Reading the catalogue"):
        catalogue = cast("dict[str, list[dict[str, object]]]", client.catalogue.export(secrets=secrets))
    text = json.dumps(catalogue, indent=2, ensure_ascii=False) + "\n" if as_json else as_yaml(catalogue)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.touch(mode=0o600 if secrets else 0o666)
        if secrets:
            output.chmod(0o600)  # also where the file was there already
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Invalid(f"{output} cannot be written: {error.strerror}.") from None
    sections = ", ".join(screen.count(len(entries), name.removesuffix("s")) for name, entries in catalogue.items())
    typer.echo(f"Wrote {sections} to {output}.")


def _text(file: str) -> tuple[str, str]:
    """The file's name as errors say it, and its text."""
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


def _do(client: "Client", document: "CatalogueDocument", prune: bool, version: str) -> "PlanAnswer":
    """Applies exactly the plan that was shown."""
    try:
        return client.catalogue.apply(document.content(), prune=prune, if_match=version)
    except PreconditionFailed as error:
        detail = "Somebody changed the catalogue meanwhile, so nothing was applied; run the command again."
        raise PreconditionFailed(detail, code=error.code) from None
    except BayplanError as error:
        raise document.located(error) from None
