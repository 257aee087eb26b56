"""Shows the checks of images against their registries: states, what to do about each, and the history of an image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from bayplan.cli.images._facts_view import fact_value
from bayplan.cli.images._view import named
from bayplan.cli.output import MUTED, Column, Lines, ago, count, fields, moment, show, table, words

if TYPE_CHECKING:
    from bayplan.schemas.checks import CheckChange, CheckCounts, FailingImage, ImageChecks

SHOWN_AT_MOST = 50
HISTORY_AT_MOST = 10

STATE_STYLES = {"ok": "green", "moved": "yellow", "missing": "bold red", "denied": "red", "unreachable": "magenta"}
UNCHECKED = "unchecked"
REMEDIES = {
    "moved": "See what changed with `bayplan images show IMAGE`; `bayplan images inspect IMAGE --store` accepts it.",
    "missing": "Push it again, correct its url with `bayplan images edit IMAGE --url ...`, or retire it with `bayplan images rm IMAGE`.",
    "denied": "Enter valid credentials: `bayplan images edit IMAGE --registry-username NAME`.",
    "unreachable": "The server checks it again soon. Check that the registry is up, its name, and the server's settings.",
}


def show_checks(images: Sequence[FailingImage]) -> None:
    """Prints the state of each image that was checked, and what to do."""
    show(_table(images))
    _show_remedies(images)


def show_all(requested: int, counts: CheckCounts, failing: Sequence[FailingImage]) -> None:
    """Prints the images that are not ok, what to do, and how many images are in each state."""
    if not requested:
        if not counts["images"]:
            return show(Text("No images.", style=MUTED))
        message = f"Nothing to check: {count(counts['images'], 'image')}, all ok; --all checks again."
        return show(Text(message, style=MUTED))
    if failing:
        show(_table(failing))
        _show_remedies(failing)
    states = {state: number for state, number in counts["states"].items() if number}
    hidden = sum(number for state, number in states.items() if state not in ("ok", UNCHECKED)) - len(failing)
    if hidden > 0:
        more = f"and {hidden:,} more: `bayplan images list --state not-ok` lists all"
        show(Text(more, style=MUTED))
    summary = ", ".join(f"{number:,} {state}" for state, number in states.items())
    return show(Text(f"Checked {count(requested, 'image')}. Of {counts['images']:,} in all: {summary}."))


def name(image: FailingImage) -> str:
    """The name of an image as one word, which every command takes."""
    return f"{image['name']}:{image['version']}"


def _table(images: Iterable[FailingImage]) -> Lines:
    columns = (
        Column("pk", right=True, spare=3),
        Column("image", gives_way=True),
        Column("state"),
        Column("since", spare=1),
        Column("found", gives_way=True, spare=2),
    )
    rows = [
        (
            image["image"],
            named(image["name"], image["version"]),
            state_text(image["state"]),
            moment(image["since"]),
            image["detail"] or image["digest"] or "-",
        )
        for image in images
    ]
    return table(columns, rows)


def _show_remedies(images: Iterable[FailingImage]) -> None:
    states = {image["state"] for image in images}
    remedies = [(state, remedy) for state, remedy in REMEDIES.items() if state in states]
    if remedies:
        show(Text(""), fields(remedies), Text(""))


def state_text(state: str | None) -> Text:
    """The state of an image in its colour."""
    return Text(state or "not checked yet", style=STATE_STYLES.get(state or "", MUTED))


def state_line(checks: ImageChecks) -> Text:
    """The state of an image, since when, and when it was last checked, in a line."""
    if checks["state"] is None:
        return state_text(None)
    times = f" since {moment(checks['since'])}, checked {ago(checks['checked'])}"
    return Text.assemble(state_text(checks["state"]), times)


def show_history(checks: ImageChecks) -> None:
    """Prints the history of an image, newest first; nothing where it has been ok from the start."""
    history = checks["history"]
    if len(history) < 2 and checks["state"] in (None, "ok"):
        return
    columns = (Column("when"), Column("state"), Column("what", gives_way=True))
    rows = [(moment(change["at"]), state_text(change["state"]), _what(change)) for change in history[:HISTORY_AT_MOST]]
    show(Text(""), table(columns, rows))


def _what(change: CheckChange) -> str:
    if change["changes"]:
        return "; ".join(
            f"{fact['field']}: {fact_value(fact['old'])} -> {fact_value(fact['new'])}" for fact in change["changes"]
        )
    return words(change["detail"] or change["digest"])
