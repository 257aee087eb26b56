"""A catalogue as the judge keeps it: presorted, and grouped by what images need.

It is built once for each version of the catalogue. Ten thousand images have a few hundred distinct needs; only those
are judged, and a question then walks the images in the order that they were put into here.
"""

import datetime
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.judge import judge_parsed
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, Grade, Verdict
from bayplan.domain.versions import sort_key
from bayplan.errors import Invalid

KINDS_OF_WORKERS_KEPT = 32  # about half a megabyte each for 400 distinct needs
SELECTIONS_KEPT = 32
_SPECIFIER_STARTS = "<>=!~"


@dataclass(frozen=True, slots=True)
class CatalogueImage:
    """An image of the catalogue: its key, what it is for, and its needs."""

    pk: int
    version: str
    image: Image
    tasks: tuple[str, ...]
    domain: str


@dataclass(frozen=True)
class MatchQuery:
    """A worker and what it is to do; None asks for nothing. `framework` is a name, with a specifier as pip writes it."""

    worker: Node
    task: str | None = None
    domain: str | None = None
    framework: str | None = None
    grades: frozenset[Grade] = MATCHED_BY_DEFAULT


class IndexedImage(NamedTuple):
    """A candidate as questions look at it; `need` is its place among the distinct needs."""

    pk: int
    need: int
    tasks: frozenset[str]
    domain: str
    framework: tuple[str, str | None] | None
    candidate: CatalogueImage


Selected = tuple[int, int]
"""The pk of a candidate that a question selects, and the place of its need."""


class Selection(NamedTuple):
    """The candidates that a question selects, in order: each one's pk and need, and how many there are of each need."""

    images: Sequence[Selected]
    counts: Mapping[int, int]

    @classmethod
    def of(cls, images: Sequence[Selected]) -> "Selection":
        """The selection of these images."""
        return cls(images, Counter(need for _, need in images))


@dataclass(frozen=True)
class CatalogueIndex:
    """All candidates that are not deleted, newest first, and their distinct needs."""

    entries: tuple[IndexedImage, ...]
    needs: tuple[Image, ...]

    @classmethod
    def of(cls, candidates: Iterable[CatalogueImage]) -> "CatalogueIndex":
        """The catalogue of these images, in the documented order: newest framework, CUDA and version first, then pk."""
        ordered = sorted(candidates, key=lambda candidate: candidate.pk)
        ordered.sort(key=_newness, reverse=True)
        needs: dict[Image, int] = {}
        entries = tuple(
            IndexedImage(
                pk=candidate.pk,
                need=needs.setdefault(_needs(candidate.image), len(needs)),
                tasks=frozenset(task.casefold() for task in candidate.tasks),
                domain=candidate.domain.casefold(),
                framework=_framework(candidate.image),
                candidate=candidate,
            )
            for candidate in ordered
            if not candidate.image.deleted
        )
        return cls(entries, tuple(needs))

    def verdicts(self, worker: Node, tables: Tables, today: datetime.date) -> tuple[Verdict, ...]:
        """The verdict for each distinct need, for a worker without what no rule reads (`Worker.needs`).

        Kept for the kinds of workers that asked last: a fleet has few, and they ask all the time.
        """
        return self._judged(worker, tables, today)

    @cached_property
    def _judged(self) -> Callable[[Node, Tables, datetime.date], tuple[Verdict, ...]]:
        parsed = lru_cache(maxsize=1)(lambda tables: tuple(ImageRequirements(image, tables) for image in self.needs))

        @lru_cache(maxsize=KINDS_OF_WORKERS_KEPT)
        def judged(worker: Node, tables: Tables, today: datetime.date) -> tuple[Verdict, ...]:
            capabilities = NodeCapabilities(worker, tables)
            return tuple(judge_parsed(requirements, capabilities, today) for requirements in parsed(tables))

        return judged

    def select(self, question: MatchQuery, eligible: Container[int] | None = None) -> Selection:
        """The candidates for what is to be done, in order, whatever they run on."""
        selected = self._selected(question.task, question.domain, question.framework)
        return selected if eligible is None else Selection.of([pair for pair in selected.images if pair[0] in eligible])

    @cached_property
    def _selected(self) -> Callable[[str | None, str | None, str | None], Selection]:
        @lru_cache(maxsize=SELECTIONS_KEPT)
        def selected(task: str | None, domain: str | None, framework: str | None) -> Selection:
            requirements = TaskFilter.of(task, domain, framework)
            return Selection.of([(entry.pk, entry.need) for entry in self.entries if requirements.takes(entry)])

        return selected


def _newness(candidate: CatalogueImage) -> tuple[str, str, str]:
    image = candidate.image
    framework = "" if image.framework_version is None else sort_key(image.framework_version)
    return framework, "" if image.cuda is None else sort_key(image.cuda), sort_key(candidate.version)


def _needs(image: Image) -> Image:
    # A framework matters only to look up for which GPUs it was built.
    return image if image.kernel_architectures is None else replace(image, framework=None, framework_version=None)


def _framework(image: Image) -> tuple[str, str | None] | None:
    return None if image.framework is None else (image.framework.casefold(), image.framework_version)


@dataclass(frozen=True)
class TaskFilter:
    """What is to be done, parsed: None takes everything."""

    task: str | None
    domain: str | None
    framework: str | None
    versions: SpecifierSet | None
    _takes_version: dict[str | None, bool] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, task: str | None, domain: str | None, framework: str | None) -> "TaskFilter":
        """The filter of a question; raises Invalid at `framework` for a specifier that pip would not take."""
        name, versions = (None, None) if framework is None else parse_framework(framework)
        return cls(
            None if task is None else task.strip().casefold(),
            None if domain is None else domain.strip().casefold(),
            name,
            versions,
        )

    def takes(self, entry: IndexedImage) -> bool:
        """Whether a candidate is for that task, of that domain and with that framework."""
        return (
            (self.task is None or self.task in entry.tasks)
            and (self.domain is None or self.domain == entry.domain)
            and (self.framework is None or self._takes_framework(entry.framework))
        )

    def _takes_framework(self, framework: tuple[str, str | None] | None) -> bool:
        if framework is None or framework[0] != self.framework:
            return False
        version = framework[1]
        if version not in self._takes_version:
            self._takes_version[version] = self.versions is None or _contains(self.versions, version)
        return self._takes_version[version]


def parse_framework(text: str) -> tuple[str, SpecifierSet | None]:
    """The framework's name in lower case and its specifier, from "pytorch" or "pytorch>=2.1,<3"."""
    start = next((place for place, char in enumerate(text) if char in _SPECIFIER_STARTS), len(text))
    name, specifier = text[:start].strip().casefold(), text[start:].strip()
    if not name:
        raise Invalid.at("framework", "invalid", "Name a framework, such as pytorch or pytorch>=2.1,<3.")
    try:
        return name, SpecifierSet(specifier) if specifier else None
    except InvalidSpecifier:
        said = f"{specifier!r} is not a version specifier as pip writes it; write it like pytorch>=2.1,<3."
        raise Invalid.at("framework", "invalid", said) from None


def _contains(versions: SpecifierSet, version: str | None) -> bool:
    try:
        return version is not None and versions.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False
