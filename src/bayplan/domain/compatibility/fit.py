"""One image over a fleet: its nodes by kind, best first, also those that do not run it."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.judge import judge_parsed
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.overrides import DRIVER_ALONE, overridden, takes_driver
from bayplan.domain.compatibility.rules import RULES
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import ORDER, Verdict


@dataclass(frozen=True, slots=True)
class KindOfFit:
    """A kind of node: what it is, the verdict on the image there, and the pks of its nodes."""

    node: Node
    verdict: Verdict
    nodes: list[int] = field(default_factory=list)


def kinds_of_fit(
    image: Image,
    nodes: Sequence[tuple[int, Node]],
    changes: Mapping[str, Any],
    tables: Tables,
    today: datetime.date,
    *,
    of_fleet: bool,
) -> list[KindOfFit]:
    """The kinds of these nodes, best first: by grade, then the one with most nodes; each kind is judged once.

    `changes` replace facts of all nodes; of a whole fleet a driver alone only those of the GPUs that take it.
    """
    requirements = ImageRequirements(image, tables)
    of_fleet = of_fleet and changes.keys() == DRIVER_ALONE
    by_kind: dict[Node, KindOfFit] = {}
    of_node: dict[Node, KindOfFit] = {}
    for pk, node in nodes:
        entry = of_node.get(node)
        if entry is None:
            stays = not changes or (of_fleet and not takes_driver(NodeCapabilities(node, tables)))
            asked = node if stays else overridden(node, changes)
            kind = RULES.kind(asked)
            entry = by_kind.get(kind)
            if entry is None:
                verdict = judge_parsed(requirements, NodeCapabilities(kind, tables), today)
                entry = by_kind[kind] = KindOfFit(asked, verdict)
            of_node[node] = entry
        entry.nodes.append(pk)
    return sorted(by_kind.values(), key=lambda kind: (ORDER[kind.verdict.grade], -len(kind.nodes), kind.nodes[0]))
