"""Shows images that are out of date, and what it would strand to retire images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from bayplan.cli import sorting
from bayplan.cli.images import _view as image_view
from bayplan.cli.matching import _what_if_view as what_if_view
from bayplan.cli.output import MUTED, Column, Lines, count, show, table, words

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.schemas.outdated import OutdatedImageAnswer, OutdatedImagesAnswer, RetirementAnswer

_NAMED_AT_MOST = 5


def in_order(images: Sequence[OutdatedImageAnswer], paths: Sequence[str]) -> list[OutdatedImageAnswer]:
    """The images in that order; those that go by a field of their reasons by the first reason that has it."""
    rows: list[dict[str, Any]] = [
        {
            **image,
            "reasons": {"code": [reason["code"] for reason in image["reasons"]]},
            "until": next((reason["until"] for reason in image["reasons"] if reason["until"]), None),
            "row": image,
        }
        for image in images
    ]
    return [row["row"] for row in sorting.in_order(rows, paths)]


def show_outdated(answer: OutdatedImagesAnswer) -> None:
    """Prints the images, a line for each, and what is not known."""
    columns = (
        Column("pk", right=True, spare=4),
        Column("image", gives_way=True),
        Column("reasons", gives_way=True),
        Column("since", spare=1),
        Column("use instead", gives_way=True),
        Column("runs on", right=True, spare=3),
        Column("why", gives_way=True, spare=2),
    )
    rows = [
        (
            image["image"],
            image_view.named(image["name"], image["version"]),
            ", ".join(reason["code"] for reason in image["reasons"]),
            image["since"],
            image_view.name(image["use"]) if image["use"] else None,
            None if image["nodes"] is None else count(image["nodes"], "node"),
            " ".join(reason["detail"] for reason in image["reasons"]),
        )
        for image in answer["images"]
    ]
    number = f"{len(rows):,} of {count(answer['considered'], 'image')}" if rows else "No image is out of date."
    notes = [Text(number, style=MUTED), *(Text(note, style=MUTED) for note in _unknown(answer))]
    show(*([table(columns, rows)] if rows else []), *notes)


def _unknown(answer: OutdatedImagesAnswer) -> list[str]:
    """What is not known, in sentences."""
    notes = []
    if not answer["nodes"]:
        notes.append("There are no nodes, so nobody knows which images run on none.")
    if not answer["inventories"]:
        notes.append("No worker has reported an image inventory, so nobody knows which images are in none.")
    return notes


def names(answer: OutdatedImagesAnswer) -> list[str]:
    """The images, as other commands take them."""
    return [image_view.name(image) for image in answer["images"]]


def is_stranding(answer: RetirementAnswer) -> bool:
    """Whether anything would be stranded."""
    return bool(answer["nodes"] or answer["rules"] or answer["inventories"] or answer["successors"])


def names_of_both(client: Client, answer: RetirementAnswer) -> what_if_view.NamesOfBoth:
    """The names of the nodes and the images that the view shows."""
    return what_if_view.NamesOfBoth.of_changes(client, (), answer["nodes"])


def show_retirement(answer: RetirementAnswer, names: what_if_view.NamesOfBoth | None) -> None:
    """Prints what it would strand to delete images."""
    assert names is not None
    them = "it" if len(answer["images"]) == 1 else "them"
    own = {image["image"]: image_view.name(image) for image in answer["images"]}
    parts: list[Text | Lines] = [Text(f"Without {_some(list(own.values()))}:")]
    parts += what_if_view.section(
        "Nodes that lose their last image for a task",
        [what_if_view.lost_or_gained_nodes(each, names) for each in answer["nodes"]],
    )
    parts += what_if_view.section(
        f"Prefetch rules that choose {them}",
        [
            (rule["rule"], Text(f"{_some([own[pk] for pk in rule['images']])}; {_left(rule['left'])}"))
            for rule in answer["rules"]
        ],
    )
    parts += what_if_view.section(
        "In the image inventory of workers",
        [(own[each["image"]], Text(count(each["workers"], "worker"))) for each in answer["inventories"]],
    )
    parts += what_if_view.section(
        f"Deprecated images that name {them} as successor",
        [(image_view.name(image), Text(own[image["successor"]])) for image in answer["successors"]],
    )
    if not is_stranding(answer):
        parts += [Text(f"Nothing is stranded: no node loses its last image for a task, and nothing uses {them}.")]
    show(*parts)


def _left(number: int) -> str:
    return f"{count(number, 'other image')} left" if number else "no image is left"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED_AT_MOST:,} more" if len(names) > _NAMED_AT_MOST else ""
    return words(", ".join(names[:_NAMED_AT_MOST]) + more)
