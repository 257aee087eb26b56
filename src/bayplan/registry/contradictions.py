"""The fields in which the catalogue differs from what an image states. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from bayplan.registry.evidence import Facts
from bayplan.registry.interpret import PlatformFacts


@dataclass(frozen=True, slots=True)
class FactContradiction:
    """A field of the catalogue whose value differs from what the image states."""

    field: str
    catalogue: str
    registry: str
    source: str


def contradictions(
    catalogue: Mapping[str, str | None], platforms: Iterable[PlatformFacts]
) -> tuple[FactContradiction, ...]:
    """The fields in which the catalogue differs from what an image states; a value that either lacks is no contradiction.

    `catalogue` has `cuda_version`, `framework`, `framework_version` and `licence` (SPDX), each optional. A shorter
    version agrees with a longer one that begins with it: 12.4 with 12.4.1, 2.4 with 2.4.0+cu124. A CUDA that is either
    the base's or the framework's agrees; versions of different frameworks are not compared; a tag contradicts nothing.
    """
    result: dict[FactContradiction, None] = {}
    for platform in platforms:
        for field, agrees in _AGREE.items():
            entered, fact = catalogue.get(field), platform.facts.get(field)
            if not entered or fact is None or not isinstance(fact.value, str) or fact.is_of_tag:
                continue
            if not agrees(entered, fact.value) and not _is_explained(field, catalogue, platform.facts):
                result[FactContradiction(field, entered, fact.value, fact.source)] = None
    return tuple(result)


def _is_explained(field: str, catalogue: Mapping[str, str | None], facts: Facts) -> bool:
    """Whether a difference is none: the catalogue has the framework's CUDA, or the version of another framework."""
    entered = str(catalogue[field])
    if field == "cuda_version":
        other = facts.get("framework_cuda")
        return other is not None and _same_release(entered, str(other.value))
    if field == "framework_version":
        framework, fact = catalogue.get("framework"), facts.get("framework")
        return bool(framework) and fact is not None and not _same_word(str(framework), str(fact.value))
    return False


def _same_release(left: str, right: str) -> bool:
    try:
        first, second = Version(left).release, Version(right).release
    except (InvalidVersion, ValueError):  # ValueError alone: thousands of digits
        return left == right
    return all(part == other for part, other in zip(first, second, strict=False))


def _same_word(left: str, right: str) -> bool:
    return left.casefold() == right.casefold()


_AGREE = {
    "cuda_version": _same_release,
    "framework": _same_word,
    "framework_version": _same_release,
    "licence": _same_word,
}
