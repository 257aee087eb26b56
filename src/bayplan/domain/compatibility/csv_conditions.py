"""Start conditions as the NVIDIA container runtime checks them in csv mode, which is not how its hook does.

All conditions are read before any is evaluated: one that cannot be read stops the container, wherever it stands. One on a
property that it does not know is skipped, and names of properties are with regard to case. Versions are semantic ones, so
"450.80.02" is none. Only `cuda` and `arch` have a value; `driver` and `brand` are empty, which is less than any version and
equal to no brand.
Source: NVIDIA/nvidia-container-toolkit internal/modifier/csv.go, internal/requirements/ (v1.20.0).
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from bayplan.domain.compatibility.start_conditions import OPERATORS, ConditionOutcome, NodeProperties

_PROPERTIES = ("cuda", "arch", "driver", "brand")
_OPERATORS = ("!=", "<=", ">=", "=", "<", ">")
_SEMANTIC = re.compile(
    r"v?(0|[1-9][0-9]*)(?:\.(0|[1-9][0-9]*)(?:\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)?)?", re.ASCII
)

Comparison = tuple[str, str, str]
"""Property, operator and value."""
Alternative = tuple[Comparison, ...]
Version = tuple[int, int, int, bool]
"""Major, minor, patch, and whether it is a release; a pre-release comes before it."""


@lru_cache(maxsize=1024)
def parse_csv(text: str) -> tuple[Alternative, ...] | None:
    """The alternatives in a variable's value; None where it has one that cannot be read, which stops the container."""
    alternatives = []
    for term in text.split(" "):
        comparisons = []
        for factor in term.split(","):
            if not factor.strip():
                continue
            comparison = _comparison(factor)
            if comparison is None:
                return None
            if comparison[0] in _PROPERTIES:
                comparisons.append(comparison)
        if comparisons:
            alternatives.append(tuple(comparisons))
    return tuple(alternatives)


def _comparison(factor: str) -> Comparison | None:
    """A condition; None where it cannot be read. One on another property is not looked at further."""
    end = next((place for place, character in enumerate(factor) if character in "<>=!"), None)
    if end is None:
        return None
    name, rest = factor[:end], factor[end:]
    if name not in _PROPERTIES:
        return name, "", ""
    operator = next((operator for operator in _OPERATORS if rest.startswith(operator)), "")
    value = rest.removeprefix(operator)
    if name != "brand" and _version(value) is None:
        return None
    return name, operator, value


def evaluate_csv(alternatives: tuple[Alternative, ...], has: NodeProperties) -> ConditionOutcome:
    """Whether a node's `cuda` and `arch` meet one of the alternatives; UNKNOWN where an unknown property decides it."""
    if not alternatives:
        return ConditionOutcome.MET
    outcomes = [_all(comparisons, has) for comparisons in alternatives]
    for outcome in (ConditionOutcome.MET, ConditionOutcome.UNKNOWN):
        if outcome in outcomes:
            return outcome
    return ConditionOutcome.UNMET


def _all(comparisons: Iterable[Comparison], has: NodeProperties) -> ConditionOutcome:
    outcome = ConditionOutcome.MET
    for name, operator, value in comparisons:
        results = {_holds(operator, order) for order in _orders(name, value, has)}
        if results == {False}:
            return ConditionOutcome.UNMET
        if results != {True}:
            outcome = ConditionOutcome.UNKNOWN
    return outcome


def _orders(name: str, value: str, has: NodeProperties) -> Iterable[int]:
    """How the node's property may compare with the condition's value: all orders where it is not known."""
    actual = has.cuda if name == "cuda" else has.arch if name == "arch" else ""
    if actual is None:
        return (-1, 0, 1)
    if name == "brand":
        return ((actual > value) - (actual < value),)
    order = _order(_version(actual), _version(value))
    return range(order, 2) if name == "cuda" and has.cuda_is_least else (order,)


def _holds(operator: str, order: int) -> bool:
    holds = OPERATORS.get(operator)
    return holds is not None and holds(order)


def _order(left: Version | None, right: Version | None) -> int:
    """As semantic versions compare: what is none comes before all."""
    if left is None or right is None:
        return (left is not None) - (right is not None)
    return (left > right) - (left < right)


@lru_cache(maxsize=4096)
def _version(text: str) -> Version | None:
    numbers = _SEMANTIC.fullmatch(text)
    if numbers is None:
        return None
    return int(numbers[1]), int(numbers[2] or 0), int(numbers[3] or 0), numbers[4] is None
