"""The images as a table in memory: searched, narrowed by what they are, counted and sorted without a query.

Rows are places, and each value of a facet is the set of the rows that have it, as bits.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any

from bayplan.domain.compatibility.bits import Bits, from_places, move, places
from bayplan.domain.versions import sort_key

DELETED = "deleted"
# So many changed rows move what is known of the others; for more it is quicker to count all anew.
_MOST_MOVED = 100


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image in a list."""

    pk: int
    name: str
    version: str
    reference: str
    """What `docker pull` takes."""
    framework: str
    framework_version: str
    cuda: str | None
    domain: str
    tasks: tuple[str, ...]
    licence: str | None
    accelerator: str
    """What its code is for: `cuda`, `rocm`, ..., or `none`."""
    state: str
    """Its check state, `unchecked` or `deleted`."""
    size_bytes: int | None
    """What a worker without any of its layers downloads; None where no inspection is stored."""
    registry: str
    """The host of its registry, as references name it."""

    text: str = field(init=False, repr=False, compare=False)
    """What a search looks through."""
    by_name: tuple[str, str, str, int] = field(init=False, repr=False, compare=False)
    """Its place in the order of names and versions."""

    def __post_init__(self) -> None:
        """Works out once what every table with this row needs: after a change the other rows stay as they are."""
        framework = f"{self.framework} {self.framework_version}"
        words = (self.name, self.version, self.reference, framework, self.domain, *self.tasks, self.licence or "")
        object.__setattr__(self, "text", "\n".join(words).casefold())
        by_name = (self.name.casefold(), self.name, sort_key(self.version), self.pk)
        object.__setattr__(self, "by_name", by_name)


FACETS: Mapping[str, Callable[[ImageRow], Iterable[str]]] = {
    "framework": lambda row: (row.framework, f"{row.framework} {row.framework_version}"),
    "cuda": lambda row: ("none" if row.cuda is None else row.cuda,),
    "accelerator": lambda row: (row.accelerator,),
    "domain": lambda row: (row.domain,),
    "task": lambda row: row.tasks,
    "state": lambda row: (row.state,),
    "licence": lambda row: ("none" if row.licence is None else row.licence,),
    "registry": lambda row: (row.registry,),
}
"""By facet: the values of an image."""
Key = Any | None


ORDERS: Mapping[str, Callable[[ImageRow], Key]] = {
    "framework": lambda row: (row.framework.casefold(), sort_key(row.framework_version)),
    "cuda": lambda row: None if row.cuda is None else sort_key(row.cuda),
    "domain": lambda row: row.domain.casefold(),
    "state": lambda row: row.state,
    "size": lambda row: row.size_bytes,
}
"""By the name of an order: the key of an image, None for one that comes last either way."""


class ImageTable:
    """The images by name and version, and what they can be narrowed to."""

    def __init__(self, rows: Iterable[ImageRow]) -> None:
        self.rows: Sequence[ImageRow] = sorted(rows, key=attrgetter("by_name"))
        self._keys: dict[str, list[Key]] = {}

    def with_changes(self, pks: Collection[int], rows: Collection[ImageRow]) -> "ImageTable":
        """Gives the table with these rows in place of those of the images with these pks."""
        gone = sorted(self._place(row) for pk in pks if (row := self.get(pk)) is not None)
        kept = list(self.rows)
        for place in reversed(gone):
            del kept[place]
        table = ImageTable((*kept, *rows))
        if "_facets" in self.__dict__ and len(pks) <= _MOST_MOVED:
            new = sorted(map(table._place, rows))
            moved = move(gone, new, len(self.rows))
            facets = {
                name: {value: after for value, having in values.items() if (after := moved(having))}
                for name, values in self._facets.items()
            }
            for place in new:
                for name, values in FACETS.items():
                    for value in values(table.rows[place]):
                        facets[name][value] = facets[name].get(value, 0) | 1 << place
            table._facets = facets
        return table

    def _place(self, row: ImageRow) -> int:
        return bisect_left(self.rows, row.by_name, key=attrgetter("by_name"))

    @cached_property
    def _facets(self) -> Mapping[str, Mapping[str, Bits]]:
        members: dict[str, dict[str, list[int]]] = {name: {} for name in FACETS}
        for place, row in enumerate(self.rows):
            for name, values in FACETS.items():
                for value in values(row):
                    members[name].setdefault(value, []).append(place)
        return {
            name: {value: from_places(having, len(self.rows)) for value, having in values.items()}
            for name, values in members.items()
        }

    @cached_property
    def _by_pk(self) -> Mapping[int, ImageRow]:
        return {row.pk: row for row in self.rows}

    def get(self, pk: int) -> ImageRow | None:
        """Gives the image with that pk, None where there is none."""
        return self._by_pk.get(pk)

    @cached_property
    def every(self) -> Bits:
        """All rows."""
        return (1 << len(self.rows)) - 1

    @cached_property
    def live(self) -> Bits:
        """The images that are not deleted."""
        return self.every & ~self._facets["state"].get(DELETED, 0)

    def having(self, facet: str, value: str) -> Bits:
        """The images that have a value of a facet, in any case."""
        values = self._facets[facet]
        folded = value.casefold()
        found = values.get(value, 0)
        for other, rows in values.items():
            if other.casefold() == folded:
                found |= rows
        return found

    def counts(self, facet: str, within: Bits) -> dict[str, int]:
        """The values of a facet that some of these images have, with how many of them do."""
        numbers = {value: (rows & within).bit_count() for value, rows in self._facets[facet].items()}
        return {value: number for value, number in numbers.items() if number}

    def states_by_registry(self) -> dict[str, dict[str, int]]:
        """Gives by registry the number of its images in each check state, without the deleted ones."""
        states: dict[str, dict[str, int]] = {}
        for row in self.rows:
            if row.state != DELETED:
                numbers = states.setdefault(row.registry, {})
                numbers[row.state] = numbers.get(row.state, 0) + 1
        return states

    def containing(self, words: Iterable[str], within: Bits) -> Bits:
        """Those of these images whose text has each word."""
        found = list(places(within))
        for word in words:
            folded = word.casefold()
            found = [place for place in found if folded in self.rows[place].text]
        return from_places(found, len(self.rows))

    def ordered(self, within: Bits, order: str, keys: Mapping[int, Key] | None = None) -> list[ImageRow]:
        """These images in an order, downwards where `-` is before its name; by `keys` by pk where it is none of `ORDERS`."""
        name, rows = order.removeprefix("-"), self.rows
        if name == "name":
            in_order = list(places(within))
            return [rows[place] for place in (reversed(in_order) if order.startswith("-") else in_order)]
        if keys is None:
            if name not in self._keys:
                self._keys[name] = [ORDERS[name](row) for row in rows]
            by_place = self._keys[name]
            chosen = [(by_place[place], place) for place in places(within)]
        else:
            chosen = [(keys.get(rows[place].pk), place) for place in places(within)]
        keyed = [(key, place) for key, place in chosen if key is not None]
        keyed.sort(key=lambda pair: pair[0], reverse=order.startswith("-"))  # stable: equal ones by name
        last = [place for key, place in chosen if key is None]
        return [rows[place] for place in (*(place for _, place in keyed), *last)]
