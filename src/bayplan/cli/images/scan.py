"""`bayplan images scan`: has the server read the files of an image in its registry."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import TABLE, ImageWords, Output, Server

if TYPE_CHECKING:
    from bayplan.schemas.scans import ScanJobAnswer


def scan(
    image: ImageWords,
    architecture: Annotated[
        str | None, typer.Option(metavar="ARCH", help="The platform to scan [default: amd64, else the image's first]")
    ] = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Let the server read an image's files, and show facts.

    It reads them in the image's registry. An image that was not inspected is inspected first. It takes as long as pulling the image.
    If you stop the command, the server goes on.
    """
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _facts_view as facts_view
    from bayplan.cli.images import _scan_progress as scan_progress

    with connection.connect(server) as client:
        found = lookup.image(client, image)
        job = scan_progress.finished(client, found, architecture)

        def view(job: "ScanJobAnswer") -> None:
            image_facts = client.images.facts(found["pk"])
            scan_progress.show_result(found, job)
            facts_view.show_facts(image_facts)

        return output.render(job, output_format, view=view)
