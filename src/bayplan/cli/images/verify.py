"""`bayplan images verify`: has the server check images in their registries, and lists those that are not ok."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import AsJson, Mistyped, Server
from bayplan.errors import Unreachable

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.schemas.checks import CheckCounts, FailingImage, ImageChecks

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 1.0
_SAID_AFTER_SECONDS = 30.0
_ENDS_AFTER_SECONDS = 1200.0  # what a server process had claimed that died comes again after 900


@dataclass(frozen=True, slots=True)
class _Progress:
    """Where it is shown how far the looks are: `show` how many were made, `say` a line beside that."""

    show: Callable[[int], None]
    say: Callable[[str], None]


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
    """Check images in their registries, and list those that are not ok.

    Without an IMAGE: those that were not ok or never checked. The server does the work, and goes on with it when this
    command is stopped.
    """
    from bayplan.cli import connection, output
    from bayplan.cli.images import _check_view as check_view

    if images and everything:
        raise Mistyped("Name images or give --all, not both.")
    with connection.connect(server) as client:
        if images:
            answers, found = _each(client, images)
            return output.show_json(answers) if as_json else check_view.show_looks(found)
        asked, counts = ask(client, everything=everything)
        if as_json:
            return output.show_json({**counts, "not_ok": client.checks.failing()})
        troubles = client.checks.failing(limit=check_view.SHOWN_AT_MOST)
    return check_view.show_all(asked, counts, troubles)


def _each(client: "Client", typed: list[str]) -> "tuple[list[ImageChecks], list[FailingImage]]":
    from bayplan.cli import lookup

    meant = [lookup.image(client, [text]) for text in typed]  # all of them, before any registry is asked
    answers: list[ImageChecks] = []
    with _progress(len(meant)) as progress:
        for image in meant:
            answers.append(client.checks.check(image["pk"]))
            progress.show(len(answers))
    found: list[FailingImage] = [
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


def ask(
    client: "Client",
    *,
    everything: bool,
    said_after_seconds: float = _SAID_AFTER_SECONDS,
    ends_after_seconds: float = _ENDS_AFTER_SECONDS,
) -> "tuple[int, CheckCounts]":
    """Has images looked at and waits for it; gives how many, and how all stand then.

    Where the looks stand still, that is said once, and after a long while raised as `Unreachable`.
    """
    asked = client.checks.request("all" if everything else "not_ok")
    wait, waiting, moved, said = _FIRST_WAIT_SECONDS, -1, time.monotonic(), False
    with _progress(asked["images"]) as progress:
        while (counts := client.checks.counts(asked["asked"]))["waiting"]:
            progress.show(max(0, asked["images"] - counts["waiting"]))
            if counts["waiting"] != waiting:
                waiting, moved, said = counts["waiting"], time.monotonic(), False
            still = time.monotonic() - moved
            if still > ends_after_seconds:
                raise Unreachable(
                    f"{_standstill(still, counts)} See whether a server looks at images, and what its log says."
                )
            if still > said_after_seconds and not said:
                said = True
                progress.say(f"{_standstill(still, counts)} The server goes on when this command is stopped.")
            time.sleep(wait)
            wait = min(_LONGEST_WAIT_SECONDS, wait * 1.5)
        progress.show(asked["images"])
    return asked["images"], counts


def _standstill(seconds: float, counts: "CheckCounts") -> str:
    from bayplan.cli import output

    where = ", ".join(counts["waiting_in"])
    return f"No image was looked at for {seconds:.0f} s; {output.count(counts['waiting'], 'image')} still to come, in {where}."


@contextmanager
def _progress(total: int) -> Iterator[_Progress]:
    """A bar on a terminal, lines elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal or not total:
        yield _Progress(lambda _done: None, partial(typer.echo, err=True))
        return
    columns = (TextColumn("Looking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield _Progress(lambda done: bar.update(task, completed=done), partial(bar.console.print, markup=False))
