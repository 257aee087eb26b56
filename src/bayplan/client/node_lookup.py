"""Looks nodes up by what people call them: an address, or the name of their machine, whole or its first part.

The server gives the nodes that may be meant; `domain.node_names` says which of them are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from bayplan.client.collection import Collection, key
from bayplan.client.filters import any_of, contains, exact
from bayplan.errors import Invalid, NotFound

if TYPE_CHECKING:
    from bayplan.schemas.nodes import ExpandedNodeAnswer, NodeAnswer

    CatalogueNodes: TypeAlias = Collection[NodeAnswer, ExpandedNodeAnswer]

NODES_AT_MOST = 1_000
"""Nodes that are compared with a name."""

NAMED_AT_MOST = 8
_OTHER_INDEX = re.compile(r"([^:/\s]+)[:/](\d{1,5})")


def node(catalogue: CatalogueNodes, text: str) -> ExpandedNodeAnswer:
    """The node with that address or name of its machine; the first part of a name will do.

    Raises `NotFound`, which names the nearest machines, and `Invalid` where there are several.
    """
    name, _, index = text.rpartition("#") if "#" in text else (text, "", "")
    if index and key(index) is None:
        raise Invalid(f"{text!r} is no node; write its key, or its machine and index like 10.0.0.7#0 or gpu07#0.")
    nodes = nodes_named(catalogue, name, None if not index else int(index))
    match nodes:
        case [single]:
            return single
        case []:
            raise NotFound(f"There is no node {text!r}{similar(catalogue, name)}")
    raise several(text, nodes)


def nodes_named(catalogue: CatalogueNodes, name: str, index: int | None = None) -> list[ExpandedNodeAnswer]:
    """The nodes of the machines with that address or name, by address: `gpu07` is gpu07.example.org too."""
    from bayplan.domain.machine_address import host_name
    from bayplan.domain.node_names import canonical, is_name, on_machine

    start = f"{canonical(host_name, name)}."
    at_index = [] if index is None else [exact("index", index)]
    either = [exact("ip", name), exact("hostname", name)]
    either += [contains("ip", start), contains("hostname", start)] if is_name(name) else []
    nodes = catalogue.list(any_of(*either), *at_index, order_by=("ip", "index"), limit=NODES_AT_MOST, expand=True)
    return on_machine(nodes, name, lambda node: (node["ip"], node["hostname"]))


def several(text: str, nodes: Sequence[ExpandedNodeAnswer]) -> Invalid:
    """The error for a text that names several nodes, with each as it is to be typed, and its GPU."""
    listed = ", ".join(
        f"{node['ip']}#{node['index']}" + (f" ({node['gpu_name']})" if node["gpu_name"] else "")
        for node in nodes[:NAMED_AT_MOST]
    )
    more = " and more" if len(nodes) > NAMED_AT_MOST else ""
    machines = len({node["ip"] for node in nodes})
    on = f" on {machines} machines" if machines > 1 else ""
    return Invalid(f"{text!r} has {len(nodes)} nodes{on}; say which: {listed}{more}.")


def similar(catalogue: CatalogueNodes, name: str) -> str:
    """The end of a sentence that names the machines nearest to a name that none has."""
    from bayplan.domain.nearest import mean, nearest
    from bayplan.domain.node_names import is_name

    other = _OTHER_INDEX.fullmatch(name)
    if other is not None and nodes_named(catalogue, other[1], int(other[2])):
        return f"; did you mean {other[1]}#{other[2]}?"
    if any(letter.isalpha() for letter in name):
        part = name.partition(".")[0].lower()
        grams = sorted({part[at : at + 2] for at in range(max(1, len(part) - 1))})
        likely = any_of(*(contains(field, gram) for field in ("ip", "hostname") for gram in grams))
        nodes = catalogue.list(likely, limit=NODES_AT_MOST)
        names = [name for node in nodes for name in (node["ip"], node["hostname"]) if name and is_name(name)]
        short = {name.partition(".")[0]: name for name in names}
        if near := nearest(part, sorted(short)):
            return f"; {mean([short[host] for host in near])}"
    return "; `bayplan nodes list` lists all nodes."
