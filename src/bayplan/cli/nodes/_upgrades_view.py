"""Shows driver upgrades: for each kind of nodes a table of drivers, and what the best one changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.text import Text

from bayplan.cli.output import GRADE_STYLES, MUTED, Column, Lines, count, show, table, words

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.schemas.upgrades import DriverUpgradeAnswer, KindUpgradesAnswer, UpgradesAnswer

NAMED_AT_MOST = 3
_AT_ONCE = 100  # keys in one filter


def show_upgrades(answer: UpgradesAnswer, names: Mapping[int, str]) -> None:
    """Prints the kinds, each with its upgrades, the smallest first."""
    groups = {group["group"]: group["images"] for group in answer["groups"]}
    parts: list[Text | Lines] = []
    for kind in answer["kinds"]:
        parts += [*([Text()] if parts else []), _title(kind), _table(kind, groups), *_best(kind, answer, names)]
    show(*(parts or [Text("No driver upgrade is worth making.", style=MUTED)]))


def names_of_images(client: Client, answer: UpgradesAnswer) -> dict[int, str]:
    """The names of the images that the view names."""
    from bayplan.client import any_of, exact

    named = (images[:NAMED_AT_MOST] for kind in answer["kinds"] for images, _ in _changed(kind, answer))
    pks = sorted({pk for images in named for pk in images})
    names: dict[int, str] = {}
    for at in range(0, len(pks), _AT_ONCE):
        chosen = any_of(*(exact("pk", pk) for pk in pks[at : at + _AT_ONCE]))
        names |= {
            image["pk"]: f"{image['name']}:{image['version']}" for image in client.images.without_credentials(chosen)
        }
    return names


def drivers(answer: UpgradesAnswer) -> list[str]:
    """The best driver of each kind, each once."""
    best = (upgrade["driver_version"] for kind in answer["kinds"] for upgrade in kind["upgrades"] if upgrade["best"])
    return list(dict.fromkeys(best))


def _title(kind: KindUpgradesAnswer) -> Text:
    worker = kind["worker"]
    gpu = worker["gpu_name"] or f"GPU of capability {worker['compute_capability']}"
    state = ""
    if not kind["maintained"]:
        day = kind["end_of_life"]
        state = f", maintained until {day}" if day else ", no longer maintained"
    title = f"{gpu}, driver {worker['driver_version']}{state} ({count(len(kind['nodes']), 'node')})"
    return Text(words(title), style="bold")


def _table(kind: KindUpgradesAnswer, groups: Mapping[str, list[int]]) -> Lines:
    columns = (
        Column("driver"),
        Column("support", spare=1),
        Column("until"),
        Column("unlocks", right=True),
        Column("native", right=True),
        Column("breaks", right=True),
        Column("best"),
    )
    rows = [
        (
            upgrade["driver_version"],
            upgrade["designation"],
            upgrade["end_of_life"],
            _images(upgrade["unlocks"], groups),
            _images(upgrade["makes_native"], groups),
            _broken(upgrade, groups),
            "best" if upgrade["best"] else "",
        )
        for upgrade in kind["upgrades"]
    ]
    return table(columns, rows)


def _changed(kind: KindUpgradesAnswer, answer: UpgradesAnswer) -> list[tuple[list[int], str | None]]:
    """The images that the best upgrade unlocks, with None, and those that it breaks, with the code of the reason."""
    groups = {group["group"]: group["images"] for group in answer["groups"]}
    changed: dict[str | None, list[int]] = {}
    for upgrade in kind["upgrades"]:
        if upgrade["best"]:
            for group in upgrade["unlocks"]:
                changed.setdefault(None, []).extend(groups[group])
            for broken in upgrade["breaks"]:
                changed.setdefault(broken["code"], []).extend(groups[broken["group"]])
    return [(images, code) for code, images in changed.items()]


def _best(kind: KindUpgradesAnswer, answer: UpgradesAnswer, names: Mapping[int, str]) -> list[Text]:
    """What the best upgrade unlocks and breaks, by name."""
    (driver,) = [upgrade["driver_version"] for upgrade in kind["upgrades"] if upgrade["best"]]
    return [
        Text(f"{driver} unlocks {_named(images, names)}.")
        if code is None
        else Text(f"{driver} breaks {_named(images, names)} ({code}).", style=GRADE_STYLES["no"])
        for images, code in _changed(kind, answer)
    ]


def _named(images: list[int], names: Mapping[int, str]) -> str:
    known = [words(names[image]) for image in images if image in names]
    more = f" and {len(images) - NAMED_AT_MOST:,} more" if len(images) > NAMED_AT_MOST else ""
    return ", ".join(known[:NAMED_AT_MOST]) + more


def _images(names: Iterable[str], groups: Mapping[str, list[int]]) -> str:
    number = sum(len(groups[name]) for name in names)
    return f"{number:,}" if number else "-"


def _broken(upgrade: DriverUpgradeAnswer, groups: Mapping[str, list[int]]) -> Text:
    text = _images((broken["group"] for broken in upgrade["breaks"]), groups)
    return Text(text, style="" if text == "-" else GRADE_STYLES["no"])
