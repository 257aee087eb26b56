"""Shows prefetch rules, and the image inventories of workers and nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from bayplan.cli.output import MUTED, Column, ago, count, fields, moment, show, size, table
from bayplan.exports.filter_words import in_words, order_in_words

if TYPE_CHECKING:
    from bayplan.schemas.prefetch import (
        ExpandedPrefetchRuleAnswer,
        ImageInventory,
        ImageOfNode,
        NodeInventory,
        NodeOfImage,
        WorkerInventory,
    )

STYLES = {"held": "green", "pulling": "cyan", "removing": "cyan", "failed": "bold red", "no_room": "yellow"}


def show_list(rules: Sequence[ExpandedPrefetchRuleAnswer]) -> None:
    """Prints the rules, a line for each."""
    columns = (
        Column("pk", right=True),
        Column("rule", gives_way=True),
        Column("nodes", gives_way=True),
        Column("images", gives_way=True),
        Column("by", spare=1),
    )
    rows = [
        (rule["pk"], rule["name"], in_words(rule["nodes"]), in_words(rule["images"]), rule["creator"]["username"])
        for rule in rules
    ]
    if not rows:
        return show(Text("No rules.", style=MUTED))
    return show(table(columns, rows), Text(count(len(rows), "rule"), style=MUTED))


def show_one(rule: ExpandedPrefetchRuleAnswer) -> None:
    """Prints all of one rule."""
    show(
        fields(
            [
                ("rule", Text(rule["name"], style="bold")),
                ("pk", rule["pk"]),
                ("nodes", in_words(rule["nodes"])),
                ("images", in_words(rule["images"])),
                ("in the order of", order_in_words(rule["images"]) or "their keys"),
                ("added by", rule["creator"]["username"]),
                ("added", moment(rule["creation_time"])),
            ]
        )
    )


def show_workers(inventories: Sequence[WorkerInventory]) -> None:
    """Prints the numbers of each worker's inventory, a line for each."""
    columns = (
        Column("machine", gives_way=True),
        Column("nodes", right=True, spare=2),
        Column("desired", right=True),
        Column("present", right=True),
        Column("pulling", right=True, spare=1),
        Column("failed", right=True),
        Column("no room", right=True),
        Column("takes", right=True, spare=3),
        Column("since", spare=4),
    )
    rows = [
        (
            inventory["ip"],
            len(inventory["nodes"]),
            inventory["wanted"],
            Text(str(inventory["held"]), style="green" if inventory["held"] == inventory["wanted"] else ""),
            inventory["pulling"],
            Text(str(inventory["failed"]), style=STYLES["failed"] if inventory["failed"] else ""),
            Text(str(inventory["no_room"]), style=STYLES["no_room"] if inventory["no_room"] else ""),
            size(inventory["held_bytes"]),
            ago(inventory["changed"]),
        )
        for inventory in inventories
    ]
    if not rows:
        return show(Text("No machine has joined.", style=MUTED))
    complete = sum(inventory["held"] == inventory["wanted"] for inventory in inventories)
    summary = f"{count(len(rows), 'machine')}, {complete:,} with all desired images"
    return show(table(columns, rows), Text(summary, style=MUTED))


def show_node(inventory: NodeInventory) -> None:
    """Prints the images that a node has or is to have, a line for each."""
    entries = [(f"{image['name']}:{image['version']}", image) for image in inventory["images"]]
    _show_inventory("image", entries, "No image is desired or present there.")


def show_image(inventory: ImageInventory) -> None:
    """Prints the nodes that have an image or are to have it, a line for each."""
    entries = [(f"{node['ip']}#{node['index']}", node) for node in inventory["nodes"]]
    _show_inventory("node", entries, "It is desired on no node, and present on none.")


def name(rule: Mapping[str, Any]) -> str:
    """The name of a rule."""
    return str(rule["name"])


def image_names(inventory: NodeInventory) -> list[str]:
    """The names of the images of a node."""
    return [f"{image['name']}:{image['version']}" for image in inventory["images"]]


def node_names(inventory: ImageInventory) -> list[str]:
    """The names of the nodes of an image."""
    return [f"{node['ip']}#{node['index']}" for node in inventory["nodes"]]


def _show_inventory(noun: str, entries: Sequence[tuple[str, ImageOfNode | NodeOfImage]], without_entries: str) -> None:
    columns = (
        Column(noun, gives_way=True),
        Column("desired"),
        Column("state"),
        Column("size", right=True, spare=2),
        Column("since", spare=1),
        Column("why", gives_way=True),
    )
    rows = [
        (
            name,
            entry["wanted"],
            state(entry["state"]),
            size(entry["size_bytes"]),
            ago(entry["at"]) if entry["at"] else None,
            entry["detail"],
        )
        for name, entry in entries
    ]
    if not rows:
        return show(Text(without_entries, style=MUTED))
    return show(table(columns, rows), Text(count(len(rows), noun), style=MUTED))


def state(name: str | None) -> Text:
    """The state of an image at a worker, in its colour; "not yet" where the worker has not reported one."""
    if name is None:
        return Text("not yet", style=MUTED)
    return Text("present" if name == "held" else name.replace("_", " "), style=STYLES[name])
