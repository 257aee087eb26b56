"""Ranges of driver versions as comparisons of whole numbers: Kubernetes compares labels as integers, each by itself.

">= 550.54.14" is `major > 549 and not major = 550 and ...`: a disjunction. A `Box` is one of its terms, bounds for each label.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from bayplan.exports.needs import Drivers, Parts

REVISION = 2


@dataclass(frozen=True, slots=True)
class Bounds:
    """Whole numbers from `low` to `high`, both included (None: no end); `empty`: the label has no number, as of "550.120"."""

    low: int = 0
    high: int | None = None
    empty: bool = False

    @property
    def is_any(self) -> bool:
        """Whether they hold for whatever the label has."""
        return self.low == 0 and self.high is None and not self.empty


Box = tuple[Bounds, Bounds, Bounds]
"""Bounds for the major version, the minor version and the revision of a driver."""
_ANY = Bounds()


def boxes(drivers: Drivers) -> tuple[Box, ...]:
    """The boxes that together have exactly these drivers."""
    starts = tuple(_at_least(drivers.first)) if drivers.first is not None else ((_ANY,) * 3,)
    ends = tuple(_below(drivers.below)) if drivers.below is not None else ((_ANY,) * 3,)
    both = (tuple(map(_both, start, end)) for start, end in product(starts, ends))
    return tuple((box[0], box[1], box[2]) for box in both if None not in box)  # type: ignore[misc]  # None was left out


def _at_least(version: Parts) -> Iterator[tuple[Bounds, ...]]:
    """A version with a fourth number is newer than its first three: no driver has four."""
    numbers = version[:3]
    if len(version) > len(numbers):
        numbers = (*numbers[:-1], numbers[-1] + 1)
    for at, number in enumerate(numbers):
        is_last = at == len(numbers) - 1
        equal = tuple(Bounds(each, each) for each in numbers[:at])
        yield (*equal, Bounds(number if is_last else number + 1), *(_ANY for _ in range(REVISION - at)))


def _below(version: Parts) -> Iterator[tuple[Bounds, ...]]:
    numbers = version[:3]
    if len(version) > len(numbers):
        numbers = (*numbers[:-1], numbers[-1] + 1)
    for at, number in enumerate(numbers):
        equal = tuple(Bounds(each, each) for each in numbers[:at])
        rest = tuple(_ANY for _ in range(REVISION - at))
        if number > 0:
            yield (*equal, Bounds(0, number - 1), *rest)
        if at == REVISION:
            yield (*equal, Bounds(empty=True))


def _both(one: Bounds, other: Bounds) -> Bounds | None:
    if one.is_any or other.is_any:
        return other if one.is_any else one
    if one.empty or other.empty:
        return one if one.empty and other.empty else None
    highs = [high for high in (one.high, other.high) if high is not None]
    low, high = max(one.low, other.low), min(highs, default=None)
    return None if high is not None and low > high else Bounds(low, high)
