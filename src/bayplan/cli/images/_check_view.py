"""How images stand with their registries, on the screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from bayplan.cli.images._view import fact_value, named
from bayplan.cli.output import MUTED, Column, ago, count, fields, moment, show, table, words

if TYPE_CHECKING:
    from bayplan.schemas.checks import CheckChange, CheckCounts, FailingImage, ImageChecks

SHOWN_AT_MOST = 50
HISTORY_AT_MOST = 10

STATE_STYLES = {"ok": "green", "moved": "yellow", "missing": "bold red", "denied": "red", "unreachable": "magenta"}
UNCHECKED = "unchecked"
REMEDIES = {
    "moved": "See what changed with `bayplan images show IMAGE`; `bayplan images inspect IMAGE --store` accepts it.",
    "missing": "Push it again, correct its url with `bayplan images edit IMAGE --url ...`, or retire it with `bayplan images rm IMAGE`.",
    "denied": "Give it a log-in that is good: `bayplan images edit IMAGE --registry-username NAME`.",
    "unreachable": "The server looks again by itself, sooner than usual; see to the registry, its name or the settings.",
}


def show_looks(found: Sequence[FailingImage]) -> None:
    """What looks at images found, one line each, and what to do."""
    show(_table(found))
    _show_remedies(found)


def show_all(asked: int, counts: CheckCounts, troubles: Sequence[FailingImage]) -> None:
    """What looks at many images found: those that are not ok, what to do, and how many stand how."""
    if not asked:
        if not counts["images"]:
            return show(Text("No images.", style=MUTED))
        known = f"Nothing to look at: {count(counts['images'], 'image')}, all ok; --all looks again."
        return show(Text(known, style=MUTED))
    if troubles:
        show(_table(troubles))
        _show_remedies(troubles)
    of = {state: number for state, number in counts["states"].items() if number}
    hidden = sum(number for state, number in of.items() if state not in ("ok", UNCHECKED)) - len(troubles)
    if hidden > 0:
        more = f"and {hidden:,} more; `bayplan images list --state not-ok` has them all"
        show(Text(more, style=MUTED))
    summary = ", ".join(f"{number:,} {state}" for state, number in of.items())
    return show(Text(f"Looked at {count(asked, 'image')}. Of {counts['images']:,} in all: {summary}."))


def _table(found: Iterable[FailingImage]) -> RenderableType:
    columns = (
        Column("pk", right=True, spare=3),
        Column("image", gives_way=True),
        Column("state"),
        Column("since", spare=1),
        Column("found", gives_way=True, spare=2),
    )
    rows = [
        (
            one["image"],
            named(one["name"], one["version"]),
            state_text(one["state"]),
            moment(one["since"]),
            one["detail"] or one["digest"] or "-",
        )
        for one in found
    ]
    return table(columns, rows)


def _show_remedies(found: Iterable[FailingImage]) -> None:
    there = {one["state"] for one in found}
    remedies = [(state, remedy) for state, remedy in REMEDIES.items() if state in there]
    if remedies:
        show(Text(""), fields(remedies), Text(""))


def state_text(state: str | None) -> Text:
    """A state in its colour."""
    return Text(state or "not looked at yet", style=STATE_STYLES.get(state or "", MUTED))


def standing(found: ImageChecks) -> Text:
    """How an image stands, in a line."""
    if found["state"] is None:
        return state_text(None)
    times = f" since {moment(found['since'])}, looked at {ago(found['checked'])}"
    return Text.assemble(state_text(found["state"]), times)


def show_history(found: ImageChecks) -> None:
    """What happened to an image, newest first, where anything did."""
    history = found["history"]
    if len(history) < 2 and found["state"] in (None, "ok"):
        return
    columns = (Column("when"), Column("state"), Column("what", gives_way=True))
    rows = [(moment(one["at"]), state_text(one["state"]), _what(one)) for one in history[:HISTORY_AT_MOST]]
    show(Text(""), table(columns, rows))


def _what(change: CheckChange) -> str:
    if change["changes"]:
        return "; ".join(
            f"{one['field']}: {fact_value(one['old'])} -> {fact_value(one['new'])}" for one in change["changes"]
        )
    return words(change["detail"] or change["digest"])
