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
    first = by_architecture[_FIRST if _FIRST in named else next(iter(named), None)]
    is_complete = len(named) == len(by_architecture)
    facts = (_readable({ARCHITECTURES: list(named)}, is_readable) if is_complete else {}) | first
    return InspectionFacts(facts, {name: values for name, values in named.items() if values != first})


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
