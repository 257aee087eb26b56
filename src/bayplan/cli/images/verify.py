"""`bayplan images verify`: has the server check images in their registries, and lists those that are not ok."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, UsageError
from bayplan.errors import Unreachable

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.schemas.checks import CheckCounts, FailingImage, ImageChecks

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 1.0
_NOTICE_AFTER_SECONDS = 30.0
_ENDS_AFTER_SECONDS = 1200.0  # the claims of a server process that died end after 900


@dataclass(frozen=True, slots=True)
class _Progress:
    """The display of a run of checks: `show` takes the number that are done, `note` a line of text."""

    show: Callable[[int], None]
    note: Callable[[str], None]


def verify(
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE",
            help="Images, by key, name:version or name [default: those that are not ok]",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All images, also those that were ok.")] = False,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Check images in their registries, and list faults.

    Without an IMAGE, it checks those that were not ok or never checked. The server does the work, and goes on with it if you
    stop this command.
    """
    from bayplan.cli import connection, output
    from bayplan.cli.images import _check_view as check_view

    if images and everything:
        raise UsageError("Write images or --all, not both.")
    with connection.connect(server) as client:
        if images:
            answers, checked = _check_each(client, images)
            return output.render(
                answers if output_format.is_data else checked,
                output_format,
                view=check_view.show_checks,
                name=check_view.name,
            )
        requested, counts = check_images(client, everything=everything)
        is_table = output_format is TABLE
        failing = client.checks.failing(limit=check_view.SHOWN_AT_MOST if is_table else None)
    return output.render(
        {**counts, "not_ok": failing},
        output_format,
        view=lambda _answer: check_view.show_all(requested, counts, failing),
        name=lambda answer: [check_view.name(image) for image in answer["not_ok"]],
    )


def _check_each(client: "Client", texts: list[str]) -> "tuple[list[ImageChecks], list[FailingImage]]":
    """Checks each image now; gives the answers, and the same as the rows of a table."""
    from bayplan.cli import lookup

    images = [lookup.image(client, [text]) for text in texts]  # all of them, before the first check
    answers: list[ImageChecks] = []
    with _progress(len(images)) as progress:
        for image in images:
            answers.append(client.checks.check(image["pk"]))
            progress.show(len(answers))
    checked: list[FailingImage] = [
        {
            "image": image["pk"],
            "name": image["name"],
            "version": image["version"],
            "state": answer["state"],
            "since": answer["since"] or "",
            "checked": answer["checked"] or "",
            "due": answer["due"],
            "digest": answer["digest"],
            "found": answer["found"],
            "code": answer["code"],
            "detail": answer["detail"],
        }
        for image, answer in zip(images, answers, strict=True)
    ]
    return answers, checked


def check_images(
    client: "Client",
    *,
    everything: bool,
    notice_after_seconds: float = _NOTICE_AFTER_SECONDS,
    ends_after_seconds: float = _ENDS_AFTER_SECONDS,
) -> "tuple[int, CheckCounts]":
    """Requests checks and waits for them; gives their number, and the number of images in each state after them.

    Where no check ends for `notice_after_seconds`, a line says so; after `ends_after_seconds` it raises `Unreachable`.
    """
    requested = client.checks.request("all" if everything else "not_ok")
    wait_seconds, waiting, moved_at, is_noted = _FIRST_WAIT_SECONDS, -1, time.monotonic(), False
    with _progress(requested["images"]) as progress:
        while (counts := client.checks.counts(requested["asked"]))["waiting"]:
            progress.show(max(0, requested["images"] - counts["waiting"]))
            if counts["waiting"] != waiting:
                waiting, moved_at, is_noted = counts["waiting"], time.monotonic(), False
            still_seconds = time.monotonic() - moved_at
            if still_seconds > ends_after_seconds:
                raise Unreachable(f"{_standstill(still_seconds, counts)} Check that a server runs, and read its log.")
            if still_seconds > notice_after_seconds and not is_noted:
                is_noted = True
                progress.note(f"{_standstill(still_seconds, counts)} The server goes on when this command is stopped.")
            time.sleep(wait_seconds)
            wait_seconds = min(_LONGEST_WAIT_SECONDS, wait_seconds * 1.5)
        progress.show(requested["images"])
    return requested["images"], counts


def _standstill(seconds: float, counts: "CheckCounts") -> str:
    from bayplan.cli import output

    registries = ", ".join(counts["waiting_in"])
    return (
        f"No image was checked for {seconds:.0f} s; {output.count(counts['waiting'], 'image')} still to check, in "
        f"{registries}."
    )


@contextmanager
def _progress(total: int) -> Iterator[_Progress]:
    """A bar on a terminal, lines elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from bayplan.cli import output

    console = output.console(stderr=True)
    if not console.is_terminal or not total:
        yield _Progress(lambda _done: None, partial(typer.echo, err=True))
        return
    columns = (TextColumn("Checking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield _Progress(lambda done: bar.update(task, completed=done), partial(bar.console.print, markup=False))
