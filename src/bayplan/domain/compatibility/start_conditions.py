"""The start conditions of an image (NVIDIA_REQUIRE_*), read and evaluated as the NVIDIA container runtime does.

In a condition a space is OR and a comma is AND; several variables are ANDed. The runtime stops at the first
alternative that holds, so a mistake behind it does no harm, and one before it stops the container. An unknown
property of the node makes a condition unknown, unless the rest decides it.
Source: NVIDIA/libnvidia-container src/cli/dsl.c and configure.c; NVIDIA/nvidia-container-toolkit
internal/config/image/cuda_image.go.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from bayplan.domain.versions import DriverVersion, read

OPERATORS: Mapping[str, Callable[[int], bool]] = {
    "=": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}
_CONDITION = re.compile(r"([^<>=!]+)([<>=!]+)(.+)", re.DOTALL)
_VERSION = re.compile(r"[0-9][0-9.]*", re.ASCII)
_CUDA_VERSION = re.compile(
    r"v?(0|[1-9][0-9]*)(?:\.(0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)(?:[-+][0-9A-Za-z.+-]+)?)?)?", re.ASCII
)
_VERSIONS = ("cuda", "driver", "arch")


class ConditionOutcome(Enum):
    """The result of evaluating a condition."""

    MET = "met"
    UNMET = "unmet"
    UNKNOWN = "unknown"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class NodeProperties:
    """The properties of a node that conditions compare; None for unknown. `brand` in NVML's words, in any case.

    A `driver` of two parts or less, such as a branch, may be any release that begins with them.
    """

    cuda: str | None = None
    driver: str | None = None
    arch: str | None = None
    brand: str | None = None
    cuda_is_least: bool = False
    """Whether it supports at least that CUDA: then a condition on a newer one is not decided."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison; `holds` is None where it cannot be read, which stops the container when it is reached."""

    property: str
    value: str
    holds: Callable[[int], bool] | None


@dataclass(frozen=True, slots=True)
class StartCondition:
    """The condition of one variable: alternatives of comparisons that must all hold."""

    text: str
    alternatives: tuple[tuple[Comparison, ...], ...]

    @property
    def first(self) -> str:
        """Its first alternative, which is what the runtime names when it refuses."""
        return self.text.split(maxsplit=1)[0] if self.text.split() else ""


@lru_cache(maxsize=1024)
def parse(text: str) -> StartCondition:
    """The condition in a variable's value; never raises, because the runtime finds mistakes only when evaluating."""
    terms = (term.split(",") for term in text.split(" "))
    alternatives = (tuple(_condition(condition) for condition in term if condition) for term in terms)
    return StartCondition(text, tuple(alternative for alternative in alternatives if alternative))


def _condition(text: str) -> Comparison:
    parts = _CONDITION.fullmatch(text)
    if parts is None:
        return Comparison(text, "", None)
    name, operator, value = parts[1].lower(), parts[2], parts[3]
    readable = (name in _VERSIONS and _VERSION.fullmatch(value) is not None) or (
        name == "brand" and operator in ("=", "!=")
    )
    return Comparison(name, value, OPERATORS.get(operator) if readable else None)


def evaluate(condition: StartCondition, has: NodeProperties) -> ConditionOutcome:
    """Whether a node with these properties meets the condition; every node meets one without alternatives."""
    if not condition.alternatives:
        return ConditionOutcome.MET
    unknown = False
    for alternative in condition.alternatives:
        outcome = _all(alternative, has)
        if outcome is ConditionOutcome.MET:
            return ConditionOutcome.MET
        if outcome is ConditionOutcome.INVALID:
            return ConditionOutcome.UNKNOWN if unknown else ConditionOutcome.INVALID
        unknown = unknown or outcome is ConditionOutcome.UNKNOWN
    return ConditionOutcome.UNKNOWN if unknown else ConditionOutcome.UNMET


def _all(conditions: tuple[Comparison, ...], has: NodeProperties) -> ConditionOutcome:
    unknown = False
    for condition in conditions:
        holds = condition.holds
        if holds is None:
            return ConditionOutcome.UNKNOWN if unknown else ConditionOutcome.INVALID
        results = {holds(order) for order in _orders(condition, has)}
        if results == {False}:
            return ConditionOutcome.UNMET
        unknown = unknown or results != {True}
    return ConditionOutcome.UNKNOWN if unknown else ConditionOutcome.MET


def _orders(condition: Comparison, has: NodeProperties) -> tuple[int, ...]:
    """How the node's property may compare with the condition's value: all orders where it is not known."""
    value: str | None = getattr(has, condition.property)
    if value is None:
        return (-1, 0, 1)
    order = _compare(condition.property, value, condition.value)
    if condition.property == "driver":
        return _orders_of_driver(value, condition.value, order)
    return tuple(range(order, 2)) if condition.property == "cuda" and has.cuda_is_least else (order,)


def _orders_of_driver(driver: str, value: str, order: int) -> tuple[int, ...]:
    mine, other = read(DriverVersion.parse, driver), read(DriverVersion.parse, value.strip("."))
    if order > 0 or mine is None or other is None or mine.is_release or not mine.may_be(other):
        return (order,)
    return tuple(range(order, 2))


def _compare(name: str, property_: str, value: str) -> int:
    if name == "brand":
        return 0 if property_.casefold() == value.casefold() else 1
    left, right = _parts(property_), _parts(value)
    return (left > right) - (left < right)


@lru_cache(maxsize=4096)
def _parts(version: str) -> tuple[int, ...]:
    parts = [int(part[:18]) for part in version.split(".") if part]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def conditions_of(variables: Iterable[tuple[str, str]]) -> tuple[tuple[StartCondition, ...], str | None]:
    """The conditions in an image's variables, and a CUDA_VERSION that is no version and stops the container.

    NVIDIA_REQUIRE_JETPACK* is left out. An image with CUDA_VERSION and no NVIDIA_REQUIRE_CUDA requires the CUDA of
    its version.
    """
    by_name = dict(variables)
    conditions = [
        parse(value)
        for name, value in sorted(by_name.items())
        if name.startswith("NVIDIA_REQUIRE_") and not name.startswith("NVIDIA_REQUIRE_JETPACK")
    ]
    version = by_name.get("CUDA_VERSION", "")
    if version and not by_name.get("NVIDIA_REQUIRE_CUDA"):
        numbers = _CUDA_VERSION.fullmatch(version)
        if numbers is None:
            return tuple(conditions), version
        conditions.append(parse(f"cuda>={numbers[1]}.{numbers[2] or 0}"))
    return tuple(condition for condition in conditions if condition.alternatives), None
