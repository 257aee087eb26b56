"""`bayplan export`: writes the catalogue as a file."""

import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from bayplan.cli.options import Server
from bayplan.errors import Invalid


def export(
    file: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to that file, in place of standard output."),
    ] = None,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="Include the registry credentials, with passwords in clear.")
    ] = False,
    server: Server = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON [default: by the file's name, else YAML]")] = False,
) -> None:
    """Write the catalogue as a file that `apply` takes.

    The file is without what bayplan ships, and without passwords of users.
    """
    import json

    from bayplan.cli import connection, output
    from bayplan.cli.document.write import as_yaml

    with connection.connect(server) as client, output.working("Reading the catalogue"):
        catalogue = cast("dict[str, list[dict[str, object]]]", client.catalogue.export(secrets=secrets))
    as_json = as_json or (file is not None and file.suffix.lower() == ".json")
    text = json.dumps(catalogue, indent=2, ensure_ascii=False) + "\n" if as_json else as_yaml(catalogue)
    if file is None:
        sys.stdout.write(text)
        return
    try:
        file.touch(mode=0o600 if secrets else 0o666)
        if secrets:
            file.chmod(0o600)  # the file may have existed, with another mode
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Invalid(f"{file} cannot be written: {error.strerror}.") from None
    nouns = {"cuda": "CUDA release", "hardware": "generation", "prefetch": "prefetch rule"}
    counts = [
        output.count(len(entries), nouns.get(name, name.removesuffix("s")))
        for name, entries in catalogue.items()
        if entries
    ]
    typer.echo(f"Wrote {', '.join(counts) or 'an empty catalogue'} to {file}.")
