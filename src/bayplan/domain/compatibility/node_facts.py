"""A node's facts as the judge reads them, from a row or a request, and back as the API names them.

Both go by the fields of `Node`: a new fact needs no line here.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from bayplan.domain.compatibility.node import Node

# Where the judge's name has the unit and the API's has not.
_API_NAMES = {"gpu_mem_bytes": "gpu_mem", "cpu_mem_bytes": "cpu_mem"}
_FACTS = {field.name: _API_NAMES.get(field.name, field.name) for field in fields(Node)}

API_NAMES = frozenset(_FACTS.values())
"""What the API calls the facts."""


def node_from(values: Mapping[str, Any], generation: str | None) -> Node:
    """The node with these facts; the values may name its generation by a key, `generation` is its name.

    A question cannot say how many GPUs the machine has: that is counted in the catalogue.
    """
    facts = {name: values.get(api_name) for name, api_name in _FACTS.items()}
    return Node(**facts | {"hardware_generation": generation})


def facts_of(node: Node) -> dict[str, Any]:
    """The facts of a node as the API names them."""
    return {api_name: getattr(node, name) for name, api_name in _FACTS.items()}


def changes_from(values: Mapping[str, Any], generation: str | None) -> dict[str, Any]:
    """The facts that replace a node's own, of those that the values name; `generation` is the name of theirs."""
    changes = {name: values[api_name] for name, api_name in _FACTS.items() if api_name in values}
    return changes | ({"hardware_generation": generation} if "hardware_generation" in changes else {})
