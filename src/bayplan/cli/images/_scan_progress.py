"""A scan by the server, from the command line: asked for, followed with a bar on a terminal, and told how it ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.text import Text

from bayplan.cli import output
from bayplan.cli.output import words
from bayplan.client import Client
from bayplan.errors import BayplanError, NotFound

if TYPE_CHECKING:
    from bayplan.schemas.docker import ExpandedImageAnswer
    from bayplan.schemas.scans import ScanJobAnswer

_POLL_SECONDS = 0.5


class ScanEnded(BayplanError):
    """The scan has failed on the server."""


def finished(client: Client, image: ExpandedImageAnswer, architecture: str | None) -> ScanJobAnswer:
    """Asks for a scan, and gives it when it is done; raises `ScanEnded` where it fails."""
    job = _requested(client, image["pk"], architecture)
    console = output.console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(f"Scanning {words(image['name'])} {words(image['version'])}", total=None)
        while job["state"] in ("waiting", "running"):
            progress.update(task, completed=job["bytes_done"], total=job["bytes_total"])
            time.sleep(_POLL_SECONDS)
            job = client.images.scan_job(image["pk"])
    if job["state"] == "failed":
        raise ScanEnded(f"The image was not scanned: {job['detail']}", code=job["code"] or "scan_failed")
    return job


def show_result(image: ExpandedImageAnswer, job: ScanJobAnswer) -> None:
    """Prints what was scanned."""
    platform = f" for {job['architecture']}" if job["architecture"] else ""
    name = f"{words(image['name'])} {words(image['version'])}"
    output.show(Text(f"Scanned {name}{platform}: {output.size(job['bytes_total'])} of layers."))


def _requested(client: Client, pk: int, architecture: str | None) -> ScanJobAnswer:
    try:
        return client.images.request_scan(pk, architecture)
    except NotFound as error:
        if error.code != "not_inspected":
            raise
    client.images.store_inspection(pk)
    return client.images.request_scan(pk, architecture)
