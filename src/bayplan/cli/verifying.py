"""`bayplan images verify`: has images looked at in their registries, and says which are not as the catalogue has them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import AsJson, Server

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.client.checks import CheckCounts, ImageChecks, Trouble

Step = Callable[[int], None]
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 1.0


def verify(
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE",
            help="Each by its key, name:version or name [default: those not known to be ok]",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All images, also those that were ok.")] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Look whether images are still in their registries as the catalogue has them.

    Without an IMAGE those are looked at that were not ok, or were never looked at. The server does it: it goes on when
    this command is stopped.
    """
    from bayplan.cli import check_view, screen, session

    if images and everything:
        raise typer.BadParameter("Name images or give --all, not both.")
    with session.connect(server) as client:
        if images:
            answers, found = _each(client, images)
            return screen.show_json(answers) if as_json else check_view.show_looks(found)
        asked, counts = _ask(client, everything)
        if as_json:
            return screen.show_json({**counts, "not_ok": client.checks.troubles()})
        troubles = client.checks.troubles(limit=check_view.SHOWN_AT_MOST)
    return check_view.show_all(asked, counts, troubles)


def _each(client: "Client", typed: list[str]) -> "tuple[list[ImageChecks], list[Trouble]]":
    from bayplan.cli import find

    meant = [find.image(client, [text]) for text in typed]  # all of them, before any registry is asked
    answers: list[ImageChecks] = []
    with _progress(len(meant)) as step:
        for image in meant:
            answers.append(client.checks.look(image["pk"]))
            step(len(answers))
    found: list[Trouble] = [
        {
            "image": image["pk"],
            "name": image["name"],
            "version": image["version"],
            "state": one["state"],
            "since": one["since"] or "",
            "checked": one["checked"] or "",
            "due": one["due"],
            "digest": one["digest"],
            "found": one["found"],
            "code": one["code"],
            "detail": one["detail"],
        }
        for image, one in zip(meant, answers, strict=True)
    ]
    return answers, found


def _ask(client: "Client", everything: bool) -> "tuple[int, CheckCounts]":
    asked = client.checks.ask("all" if everything else "not_ok")
    wait = _FIRST_WAIT_SECONDS
    with _progress(asked["images"]) as step:
        while (counts := client.checks.counts(asked["asked"]))["waiting"]:
            step(max(0, asked["images"] - counts["waiting"]))
            time.sleep(wait)
            wait = min(_LONGEST_WAIT_SECONDS, wait * 1.5)
        step(asked["images"])
    return asked["images"], counts


@contextmanager
def _progress(total: int) -> Iterator[Step]:
    """A bar on a terminal; gives what tells it how many are done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal or not total:
        yield lambda _done: None
        return
    columns = (TextColumn("Looking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)
