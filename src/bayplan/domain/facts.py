"""What the rules may take from an inspection: pure, from the platforms of an image to facts of `domain.compatibility.image.FACTS`.

An image for several platforms may declare something else on each (nvidia/cuda has other start conditions on arm64), so
facts go by architecture. Only values of the form that staff's entries have are taken; the rest stays unknown:
TORCH_CUDA_ARCH_LIST is no `kernel_architectures` (extensions were built with it, not the framework), and an image that is
past its end of life without saying since when has no day to enter.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Platform = Mapping[str, Any]
Values = dict[str, Any]
IsReadable = Callable[[str, Any], bool]
"""Whether a value has the form that staff's entry of the fact of that name would have."""

CONFIGURATION_FACTS = ("requirements", "disable_require", "compat_package", "end_of_life")
"""Facts that an image's configuration tells; besides them the manifest tells `architectures`."""

# A configuration has its whole environment: what is not in it is known not to be set.
_WHERE_UNSET: Mapping[str, Any] = {"requirements": {}, "disable_require": False}
_FIRST = "amd64"

STAFF, REGISTRY = "staff", "registry"
ORIGINS = (STAFF, REGISTRY)
"""Who may say a fact, in the order of precedence."""

SourcedFacts = dict[str, tuple[Any, str]]
"""Facts by name, each with its value and its origin."""


def by_precedence(values: Mapping[tuple[str, str], Any]) -> SourcedFacts:
    """Gives each fact from the origin that goes first, of values by (name, origin)."""
    facts: SourcedFacts = {}
    for origin in reversed(ORIGINS):
        facts |= {name: (value, origin) for (name, source), value in values.items() if source == origin}
    return facts


@dataclass(frozen=True, slots=True)
class InspectionFacts:
    """Facts of an image, and instead of them those of each architecture for which the image says something else."""

    facts: Values
    by_architecture: Mapping[str, Values]


def facts_from_inspection(platforms: Iterable[Platform], is_readable: IsReadable) -> InspectionFacts:
    """Gives the facts that an inspection's platforms tell; those of amd64, or else of the first one, stand for the image."""
    by_architecture: dict[str, Values] = {}
    for platform in platforms:
        by_architecture.setdefault(architecture(platform), _facts_of(platform, is_readable))
    first = _FIRST if _FIRST in by_architecture else next(iter(by_architecture), None)
    if first is None:
        return InspectionFacts({}, {})
    facts = _readable({"architectures": list(by_architecture)}, is_readable) | by_architecture[first]
    return InspectionFacts(
        facts, {name: values for name, values in by_architecture.items() if values != by_architecture[first]}
    )


def architecture(platform: Platform) -> str:
    """The architecture as a node reports it; one for another system is none that a node has."""
    name, system = str(platform["architecture"]), str(platform["os"])
    return name if system == "linux" else f"{system}-{name}"


def _facts_of(platform: Platform, is_readable: IsReadable) -> Values:
    facts = platform["facts"]
    values = {name: facts[name]["value"] if name in facts else _WHERE_UNSET.get(name) for name in CONFIGURATION_FACTS}
    return _readable({name: value for name, value in values.items() if value is not None}, is_readable)


def _readable(values: Values, is_readable: IsReadable) -> Values:
    """The values that staff could have entered as well."""
    return {name: value for name, value in values.items() if is_readable(name, value)}
