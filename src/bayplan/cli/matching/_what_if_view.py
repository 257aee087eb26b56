"""Shows what changes would lead to: verdicts by grade before and after, and who gains or loses the last partner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from bayplan.cli.matching._view import sentences
from bayplan.cli.output import Column, Lines, count, fields, grade, show, table, words
from bayplan.client import Client, any_of, exact

if TYPE_CHECKING:
    from bayplan.client.images import Images
    from bayplan.client.nodes import Nodes
    from bayplan.schemas.match import ReasonAnswer
    from bayplan.schemas.what_if import ImagePartners, NodePartners, WhatIfAnswer

_GRADES = ("native", "minor", "forward", "cpu", "jit", "unknown", "no")
_NAMED_AT_MOST = 4
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class NamesOfBoth:
    """The names of images and nodes, by key."""

    images: Mapping[int, str]
    nodes: Mapping[int, str]

    @classmethod
    def of(cls, client: Client, answer: WhatIfAnswer) -> NamesOfBoth:
        """The names of those that are shown, and no others: a list gives out the credentials of its images."""
        return cls.of_changes(
            client,
            [*answer["images"]["gained"], *answer["images"]["lost"]],
            [*answer["nodes"]["gained"], *answer["nodes"]["lost"]],
        )

    @classmethod
    def of_changes(
        cls, client: Client, of_images: Sequence[ImagePartners], of_nodes: Sequence[NodePartners]
    ) -> NamesOfBoth:
        """The names of those that these changes show."""
        images = {pk for each in of_images for pk in each["images"][:_NAMED_AT_MOST]} | {
            each["image"] for each in of_nodes
        }
        nodes = {pk for each in of_nodes for pk in each["nodes"][:_NAMED_AT_MOST]}
        nodes |= {each["node"] for each in of_images if each["node"] is not None}
        return cls(
            {pk: f"{image['name']}:{image['version']}" for pk, image in _named(client.images, images)},
            {pk: f"{node['ip']}#{node['index']}" for pk, node in _named(client.nodes, nodes)},
        )

    def image(self, pk: int) -> str:
        """An image; a new one by its number."""
        return self.images.get(pk, f"new image {-pk}" if pk < 0 else f"image {pk}")

    def node(self, pk: int) -> str:
        """A node; a new one by its number."""
        return self.nodes.get(pk, f"new node {-pk}" if pk < 0 else f"node {pk}")


def _named(resource: Images | Nodes, pks: Iterable[int]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects with these keys, with their keys; so many at once as a filter takes."""
    existing = sorted(pk for pk in pks if pk > 0)
    for at in range(0, len(existing), _AT_ONCE):
        for item in resource.list(any_of(*(exact("pk", pk) for pk in existing[at : at + _AT_ONCE]))):
            yield item["pk"], item


def show_what_if(answer: WhatIfAnswer, names: NamesOfBoth | None) -> None:
    """Prints both sides, and then what is gained and what is lost."""
    assert names is not None
    before, after = answer["before"], answer["after"]
    old, new = ({name: int(number) for name, number in side["grades"].items()} for side in (before, after))  # type: ignore[call-overload]  # all are numbers
    rows: list[list[object]] = [
        ["images", *_numbers(before["images"], after["images"])],
        ["nodes", *_numbers(before["nodes"], after["nodes"])],
        *([grade(name), *_numbers(old[name], new[name])] for name in _GRADES if old[name] or new[name]),
    ]
    columns = (
        Column("verdicts"),
        Column("before", right=True),
        Column("after", right=True),
        Column("change", right=True),
    )
    parts: list[Text | Lines] = [table(columns, rows)]
    parts += section("Images that gain their first node", [_image(each, names) for each in answer["images"]["gained"]])
    parts += section("Images that lose their last node", [_image(each, names) for each in answer["images"]["lost"]])
    parts += section(
        "Nodes that gain a task", [lost_or_gained_nodes(each, names) for each in answer["nodes"]["gained"]]
    )
    parts += section("Nodes that lose a task", [lost_or_gained_nodes(each, names) for each in answer["nodes"]["lost"]])
    if len(parts) == 1:
        parts += [Text(), Text("No image gains its first node or loses its last, and no node gains or loses a task.")]
    show(*parts)


def _numbers(before: int, after: int) -> list[object]:
    return [f"{before:,}", f"{after:,}", f"{after - before:+,}" if after != before else ""]


def section(title: str, entries: Sequence[tuple[str, Text]]) -> list[Text | Lines]:
    """A part of the output with its title and its entries; nothing without entries."""
    return [Text(), Text(f"{title}:"), Text(), fields(entries)] if entries else []


def _image(change: ImagePartners, names: NamesOfBoth) -> tuple[str, Text]:
    where = count(change["nodes"], "node")
    if change["node"] is None:
        return _some([names.image(pk) for pk in change["images"]]), Text(f"ran on {where}, all of them removed")
    text = Text.assemble(f"{where}; on {words(names.node(change['node']))} ", grade(change["grade"] or "no"))
    return _some([names.image(pk) for pk in change["images"]]), _with_reasons(text, change["reasons"])


def lost_or_gained_nodes(change: NodePartners, names: NamesOfBoth) -> tuple[str, Text]:
    """A task with the nodes that gain or lose it, and the image that makes the difference."""
    image = words(names.image(change["image"]))
    title = f"{change['task']}: {_some([names.node(pk) for pk in change['nodes']])}"
    if change["grade"] is None:
        return title, Text(f"{image} is retired")
    return title, _with_reasons(Text.assemble(f"{image} ", grade(change["grade"])), change["reasons"])


def _with_reasons(text: Text, reasons: Sequence[ReasonAnswer]) -> Text:
    """The text, and below it each reason that decides the grade, with its remedy."""
    for reason in reasons:
        if reason["grade"] != "caveat":
            text = Text.assemble(text, "\n", sentences(reason))
    return text


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED_AT_MOST:,} more" if len(names) > _NAMED_AT_MOST else ""
    return words(", ".join(names[:_NAMED_AT_MOST]) + more)
