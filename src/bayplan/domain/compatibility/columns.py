"""Images grouped by a property: a column has a set of places for each distinct value.

The numbers of a column's groups never change while an index goes from change to change, so results for a group stay
valid. Only the sets are copied.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from bayplan.domain.compatibility.bits import Bits, from_places

Example = TypeVar("Example")
Member = tuple[int, Hashable, Example]
"""A place, the key of its group, and the example of the group when it is new."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupColumn(Generic[Example]):
    """Groups of places. `numbers` and `examples` only grow and are shared by all columns derived from one index; `bits` is its own.

    `bits` has no entry for groups that came later, and an empty set for those that no image is in any more.
    """

    numbers: dict[Hashable, int]
    examples: list[Example]
    bits: list[Bits]
    numbering: object = field(default_factory=object)
    """Equal in columns whose groups have the same numbers."""

    @classmethod
    def build(cls, members: Iterable[tuple[Iterable[int], Hashable, Example]], size: int) -> "GroupColumn[Example]":
        """The column of these places, each with its key; a key may come several times."""
        column: GroupColumn[Example] = cls({}, [], [])
        groups: list[list[int]] = []
        for places, key, example in members:
            number = column._number(key, example)
            if number == len(groups):
                groups.append([])
            groups[number].extend(places)
        column.bits.extend(from_places(places, size) for places in groups)
        return column

    def _number(self, key: Hashable, example: Example) -> int:
        number = self.numbers.get(key)
        if number is None:
            number = self.numbers[key] = len(self.examples)
            self.examples.append(example)
        return number

    def changed(self, moved: Callable[[Bits], Bits], members: Iterable[Member[Example]]) -> "GroupColumn[Example]":
        """The column with every set moved, and then these members added."""
        bits = [moved(group) if group else 0 for group in self.bits]
        for place, key, example in members:
            number = self._number(key, example)
            if number >= len(bits):
                bits.extend([0] * (number + 1 - len(bits)))
            bits[number] |= 1 << place
        return replace(self, bits=bits)

    def __getitem__(self, key: Hashable) -> Bits:
        """The places of the group with that key; empty where there is none."""
        number = self.numbers.get(key)
        return self.bits[number] if number is not None and number < len(self.bits) else 0

    def having(self, test: Callable[[Example], bool]) -> Bits:
        """The places of all groups whose example passes a test."""
        places = 0
        for example, bits in zip(self.examples, self.bits, strict=False):
            if bits and test(example):
                places |= bits
        return places

    def within(self, places: Bits) -> list[Example]:
        """The examples of the groups that have any of these places."""
        return [example for example, bits in zip(self.examples, self.bits, strict=False) if bits & places]

    def split(self, places: Bits) -> list[tuple[Example, Bits]]:
        """Those of these places that each group has, where it has any, with the group's example."""
        return [
            (example, shared)
            for example, bits in zip(self.examples, self.bits, strict=False)
            if (shared := bits & places)
        ]
