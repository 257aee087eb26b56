"""A match's query: a node and a task; and the images of an index that are for that task."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from bayplan.domain.compatibility.bits import Bits
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, Grade
from bayplan.errors import Invalid

_SPECIFIER_STARTS = "<>=!~"


@dataclass(frozen=True)
class MatchQuery:
    """A node and its task, domain and framework; None puts no condition. `framework` is a name, with a specifier as pip writes it."""

    node: Node
    task: str | None = None
    domain: str | None = None
    framework: str | None = None
    grades: frozenset[Grade] = MATCHED_BY_DEFAULT


@dataclass(frozen=True, slots=True)
class TaskImages:
    """The images for each part of a query; None for a part without a condition."""

    task: Bits | None
    domain: Bits | None
    framework: Bits | None

    @classmethod
    def of(cls, query: MatchQuery, index: CatalogueIndex) -> "TaskImages":
        """The images of an index; raises Invalid at `framework` for a specifier that pip would not take."""
        attributes = index.attributes
        framework = None if query.framework is None else _framework_test(query.framework)
        return cls(
            None if query.task is None else attributes["task"].having(_folded_test(query.task)),
            None if query.domain is None else attributes["domain"].having(_folded_test(query.domain)),
            None if framework is None else attributes["framework"].having(framework),
        )

    def together(self, images: Bits) -> Bits:
        """Those of the images that meet all parts of the query."""
        for part in (self.task, self.domain, self.framework):
            if part is not None:
                images &= part
        return images


def _folded_test(text: str) -> Callable[[str], bool]:
    folded = text.strip().casefold()
    return lambda name: name.casefold() == folded


def _framework_test(text: str) -> Callable[[tuple[str | None, str | None]], bool]:
    name, versions = parse_framework(text)

    def test(framework: tuple[str | None, str | None]) -> bool:
        if framework[0] is None or framework[0].casefold() != name:
            return False
        return versions is None or _contains(versions, framework[1])

    return test


def parse_framework(text: str) -> tuple[str, SpecifierSet | None]:
    """The framework's name in lower case and its specifier, from "pytorch" or "pytorch>=2.1,<3"."""
    start = next((place for place, char in enumerate(text) if char in _SPECIFIER_STARTS), len(text))
    name, specifier = text[:start].strip().casefold(), text[start:].strip()
    if not name:
        raise Invalid.at("framework", "invalid", "Name a framework, such as pytorch or pytorch>=2.1,<3.")
    try:
        return name, SpecifierSet(specifier) if specifier else None
    except InvalidSpecifier:
        detail = f"{specifier!r} is not a version specifier as pip writes it; write it like pytorch>=2.1,<3."
        raise Invalid.at("framework", "invalid", detail) from None


@lru_cache(maxsize=4096)
def _contains(versions: SpecifierSet, version: str | None) -> bool:
    try:
        return version is not None and versions.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False
