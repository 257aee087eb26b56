"""Facts from an inspection: from the platforms of an image to the facts of `domain.compatibility.image.FACTS`. Pure.

An image for several platforms may declare different facts on each (nvidia/cuda has other start conditions on arm64), so
facts go by architecture. Only values of the form that staff's entries have are taken; the rest stays unknown:
`cuda_architectures` are no `kernel_architectures` (extensions were built with them, not the framework), and an image that is
past its end of life without saying since when has no day to enter.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bayplan.domain.compatibility.image import FACT_NAMES

Platform = Mapping[str, Any]
Values = dict[str, Any]
IsReadable = Callable[[str, Any], bool]
"""Whether a value has the form that staff's entry of the fact of that name would have."""

ARCHITECTURES = "architectures"
PLATFORM_FACTS = tuple(name for name in FACT_NAMES if name != ARCHITECTURES)
"""The facts that a platform of an image may have; its architectures are those of all platforms."""

# A configuration has its whole environment: a variable that is absent is not set.
_WHERE_UNSET: Mapping[str, Any] = {"requirements": {}, "disable_require": False}
_FIRST = "amd64"

STAFF, SCAN, REGISTRY, TABLE = "staff", "scan", "registry", "table"
ORIGINS = (STAFF, SCAN, REGISTRY, TABLE)
"""The origins of facts, in the order of precedence."""

SourcedFacts = dict[str, tuple[Any, str]]
"""Facts by name, each with its value and its origin."""


def by_precedence(values: Mapping[tuple[str, str], Any]) -> SourcedFacts:
    """Gives each fact from the origin with the highest precedence, from values by (name, origin)."""
    facts: SourcedFacts = {}
    for origin in reversed(ORIGINS):
        facts |= {name: (value, origin) for (name, source), value in values.items() if source == origin}
    return facts


def agree(value: Any, other: Any) -> bool:
    """Whether two values of a fact say the same, one of them perhaps less: 12.8 and 12.8.1 agree, and lists in another order."""
    if isinstance(value, list) and isinstance(other, list):
        return set(value) == set(other)
    if isinstance(value, dict) and isinstance(other, dict):
        return all(agree(value[key], other[key]) for key in value.keys() & other.keys())
    if isinstance(value, dict) and isinstance(other, list):  # of libraries, and the framework's
        return any(agree(of_library, other) for of_library in value.values())
    if isinstance(value, list) and isinstance(other, dict):
        return agree(other, value)
    if isinstance(value, str) and isinstance(other, str):
        return f"{value}.".startswith(f"{other}.") or f"{other}.".startswith(f"{value}.")
    return value is None or other is None or (value == other and isinstance(value, bool) == isinstance(other, bool))


def on_architecture(
    values: Mapping[tuple[str, str], Any], by_origin: Mapping[str, Mapping[str, Mapping[str, Any]]], name: str
) -> dict[tuple[str, str], Any]:
    """Gives the facts by (name, origin) on an architecture: an origin that has others there has those alone."""
    replaced = {origin: of_origin[name] for origin, of_origin in by_origin.items() if name in of_origin}
    kept = {key: value for key, value in values.items() if key[1] not in replaced or key[0] == ARCHITECTURES}
    return kept | {(fact, origin): value for origin, facts in replaced.items() for fact, value in facts.items()}


@dataclass(frozen=True, slots=True)
class InspectionFacts:
    """The facts of an image, and the facts that replace them on each architecture where the image differs."""

    facts: Values
    by_architecture: Mapping[str, Values]


def facts_from_inspection(platforms: Iterable[Platform], is_readable: IsReadable) -> InspectionFacts:
    """Gives the facts of an inspection's platforms; those of amd64, else of the first platform, are the image's.

    The architectures stay unknown where a platform does not name its own: it may be any.
    """
    by_architecture: dict[str | None, Values] = {}
    for platform in platforms:
        by_architecture.setdefault(architecture(platform), _facts_of(platform, is_readable))
    if not by_architecture:
        return InspectionFacts({}, {})
    named = {name: values for name, values in by_architecture.items() if name is not None}
    first = by_architecture[first_architecture(by_architecture)]
    is_complete = len(named) == len(by_architecture)
    facts = (_readable({ARCHITECTURES: list(named)}, is_readable) if is_complete else {}) | first
    return InspectionFacts(facts, {name: values for name, values in named.items() if values != first})


def facts_from_scans(platforms: Iterable[tuple[str | None, Values]]) -> InspectionFacts:
    """Gives the facts of an image from the scans of its platforms, each with its architecture; nothing for one without a scan."""
    by_architecture: dict[str | None, Values] = {}
    for name, values in platforms:
        by_architecture.setdefault(name, values)
    if not by_architecture:
        return InspectionFacts({}, {})
    named = {name: values for name, values in by_architecture.items() if name is not None}
    first = by_architecture[first_architecture(by_architecture)]
    return InspectionFacts(first, {name: values for name, values in named.items() if values != first})


def first_architecture(architectures: Iterable[str | None]) -> str | None:
    """Gives the architecture whose facts are the image's: amd64, else the first that is named."""
    named = [name for name in architectures if name is not None]
    return _FIRST if _FIRST in named else next(iter(named), None)


def architecture(platform: Platform) -> str | None:
    """The architecture as a node reports it, with the system where it is not Linux; None where the image does not name it."""
    name, system = platform["architecture"], platform["os"]
    if not name:
        return None
    return str(name) if system in ("linux", None) else f"{system}-{name}"


def _facts_of(platform: Platform, is_readable: IsReadable) -> Values:
    facts = platform["facts"]
    values = {name: facts[name]["value"] if name in facts else _WHERE_UNSET.get(name) for name in PLATFORM_FACTS}
    return _readable({name: value for name, value in values.items() if value is not None}, is_readable)


def _readable(values: Values, is_readable: IsReadable) -> Values:
    """The values that have the form of staff's entries."""
    return {name: value for name, value in values.items() if is_readable(name, value)}
