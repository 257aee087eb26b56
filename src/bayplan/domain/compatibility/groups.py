"""Groups and kinds: images that need the same, and nodes that offer the same; each under an identifier that stays.

Images that are equal in all that a rule reads have the same verdicts on every node, and nodes that are equal in all that a
rule reads have the same verdicts on every image. The identifier is a hash of just that, so that it is the same in another
version of the catalogue, and in another catalogue.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bayplan.domain.compatibility.bits import Bits, places
from bayplan.domain.compatibility.identifiers import identifier_of
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.rules import RULES, RuleSet
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.versions import ComputeCapability, DriverVersion


@dataclass(frozen=True, slots=True)
class ImageGroup:
    """Images that need the same, by pk in the order of matches, and what they need."""

    identifier: str
    requirements: ImageRequirements
    place: int
    """Of the first of them, in the order of the index."""
    images: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class KindOfNodes:
    """Nodes that offer the same, by pk, and the facts that they share: all that a rule reads."""

    identifier: str
    node: Node
    nodes: list[int] = field(default_factory=list)


def groups_of(index: CatalogueIndex, images: Bits) -> list[ImageGroup]:
    """The groups of these images, in the order of matches: by framework and CUDA."""
    by_facts: dict[Hashable, ImageGroup] = {}
    by_requirements: dict[ImageRequirements, ImageGroup] = {}
    entries = index.order.entries
    for place in places(images):
        requirements = entries[place][3]
        group = by_requirements.get(requirements)
        if group is None:
            facts = index.facts_read(requirements)
            group = by_facts.get(facts)
            if group is None:
                group = by_facts[facts] = ImageGroup(index.identifier(requirements), requirements, place)
            by_requirements[requirements] = group
        group.images.append(entries[place][2])
    return list(by_facts.values())


def kinds_of(nodes: Iterable[tuple[int, Node]], tables: Tables, rules: RuleSet = RULES) -> list[KindOfNodes]:
    """The kinds of these nodes: the newest GPUs first, then the newest driver; nodes without a GPU come last."""
    by_node: dict[Node, KindOfNodes] = {}
    by_facts: dict[Node, KindOfNodes] = {}
    for pk, node in nodes:
        kind = by_node.get(node)
        if kind is None:
            facts = rules.kind(node)
            kind = by_facts.get(facts)
            if kind is None:
                kind = by_facts[facts] = KindOfNodes(identifier_of(facts), facts)
            by_node[node] = kind
        kind.nodes.append(pk)
    return sorted(by_facts.values(), key=lambda kind: _order(NodeCapabilities(kind.node, tables), kind.identifier))


def _order(node: NodeCapabilities, identifier: str) -> tuple[Any, ...]:
    reported = node.reported
    return (
        not node.has_gpu,
        node.accelerator or "",
        _downwards(node.capability),
        node.targets,
        (reported.gpu_name or "").casefold(),
        _downwards(node.driver),
        reported.architecture or "",
        identifier,
    )


def _downwards(version: ComputeCapability | DriverVersion | None) -> tuple[int, ...]:
    """A key by which the newest come first, and what is not known last."""
    if version is None:
        return (1,)
    parts = (version.major, version.minor) if isinstance(version, ComputeCapability) else version.parts
    return (0, *(-part for part in parts))
