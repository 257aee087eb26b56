"""The images of a catalogue in the documented order of matches, grade aside.

Deprecated images come last; then by the framework's name, its newest version, the newest CUDA, the newest image version,
the pk. Images without framework, version or CUDA come after those with it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.versions import sort_key

_DOWNWARDS = {code: chr(0x9E - code) for code in range(0x20, 0x7F)}
_LAST = "\x7f"  # after every character of a key
_MOST_RECENT = 1_000

Family = tuple[bool, bool, str, str, str]
"""The part of the order that images of one framework and CUDA share, those that are deprecated apart."""
Name = tuple[str, str]
"""The name and the version of an image, as people know it."""
Entry = tuple[Family, str, int, ImageRequirements, Name]
"""An image in the order: its family, its version, its pk; and its requirements and its name, which do not order it."""


@dataclass(frozen=True, slots=True)
class CatalogueImage:
    """An image of the catalogue: its key, what it is for, its facts, the keys of its framework and CUDA, and its name."""

    pk: int
    version: str
    image: Image
    tasks: tuple[str, ...]
    domain: str
    framework: int | None = None
    cuda: int | None = None
    name: str = ""


def order_entry(image: CatalogueImage, requirements: ImageRequirements) -> Entry:
    """The image's key in the order."""
    facts = image.image
    family = _family(facts.deprecation is not None, facts.framework, facts.framework_version, facts.cuda)
    return family, _newest_first(image.version), image.pk, requirements, (image.name, image.version)


@lru_cache(maxsize=8192)
def _family(is_deprecated: bool, framework: str | None, version: str | None, cuda: str | None) -> Family:
    name = "" if framework is None else framework.casefold()
    return is_deprecated, framework is None, name, _newest_first(version), _newest_first(cuda)


@lru_cache(maxsize=8192)
def _newest_first(version: str | None) -> str:
    return ("" if version is None else sort_key(version).translate(_DOWNWARDS)) + _LAST


@dataclass(frozen=True, slots=True)
class Change:
    """The places that images left, as they were before, and those where images came in, as they are after; ascending."""

    removed: list[int]
    inserted: list[int]


@dataclass(frozen=True, slots=True, eq=False)
class ImageOrder:
    """The entries of all images, in order. Never changed in place, so readers need no lock."""

    entries: list[Entry]
    _by_pk: dict[int, Entry]
    _recent: Mapping[int, Entry | None]
    """The differences from `_by_pk`, which is copied only now and then; None for removed images."""

    @classmethod
    def build(cls, entries: Iterable[Entry]) -> "ImageOrder":
        """The order of these entries."""
        ordered = sorted(entries, key=_sorted_by)
        return cls(ordered, {entry[2]: entry for entry in ordered}, {})

    @property
    def first_deprecated(self) -> int:
        """The place of the first deprecated image: none before it is deprecated, and all behind it are."""
        if not self.entries or not self.entries[-1][0][0]:
            return len(self.entries)
        return bisect_left(self.entries, ((True,),))

    def place(self, pk: int) -> int | None:
        """The place of an image; None where there is none with that pk."""
        entry = self._recent[pk] if pk in self._recent else self._by_pk.get(pk)
        return None if entry is None else bisect_left(self.entries, entry[:3])

    def changed(self, removed: Iterable[int], inserted: Iterable[Entry]) -> tuple["ImageOrder", Change]:
        """The order without the images of these pks and with these entries, and what has moved."""
        removed, inserted = list(removed), sorted(inserted, key=_sorted_by)
        gone = sorted(place for pk in removed if (place := self.place(pk)) is not None)
        if not gone and not inserted:
            return self, Change([], [])
        entries = self.entries.copy()
        for place in reversed(gone):
            del entries[place]
        if len(inserted) > _MOST_RECENT:
            entries.extend(inserted)
            entries.sort(key=_sorted_by)
        else:
            for new in inserted:
                entries.insert(bisect_left(entries, new[:3]), new)
        recent = {**self._recent, **dict.fromkeys(removed), **{new[2]: new for new in inserted}}
        by_pk = self._by_pk
        if len(recent) > _MOST_RECENT:
            by_pk, recent = {entry[2]: entry for entry in entries}, {}
        places = [bisect_left(entries, new[:3]) for new in inserted]
        return ImageOrder(entries, by_pk, recent), Change(gone, places)


def _sorted_by(entry: Entry) -> tuple[Family, str, int]:
    return entry[:3]
