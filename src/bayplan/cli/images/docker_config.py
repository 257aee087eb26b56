"""`bayplan images docker-config`: prints an image's credentials as a file that docker or Kubernetes reads."""

from typing import Annotated

import typer

from bayplan.cli.options import ImageWords, Server

FORMATS = ("docker", "kubernetes")


def docker_config(
    image: ImageWords,
    format_: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="docker (a config.json), or kubernetes (a Secret).")
    ] = FORMATS[0],
    server: Server = None,
) -> None:
    """Print an image's credentials as a file for docker.

    --format kubernetes prints a Secret. The output has the password: write it where nobody else can read it.
    """
    from bayplan.cli import connection, lookup, output

    if format_ not in FORMATS:
        raise typer.BadParameter(f"{format_!r} is not a format: write {' or '.join(FORMATS)}.", param_hint="--format")
    with connection.connect(server) as client:
        pk = lookup.image(client, image)["pk"]
        output.show_json(client.images.docker_config(pk, kubernetes=format_ == "kubernetes"))
