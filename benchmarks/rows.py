"""The rows of the table of `make bench`: what is measured, what it was before, what it is to reach, and what came out."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from benchmarks.page import Cells, table, verdict

HEAD = ("work", "today", "target", "measured", "met", "floor")
Place = TypeVar("Place")


@dataclass(frozen=True)
class Size:
    """How much is measured, and for how long."""

    images: int
    large_images: int
    rounds: int
    seconds: float
    samples: int  # of what is timed one by one: writes, exports, starts of a command

    def samples_of(self, most: int) -> int:
        """How often something slow is timed: as often as a row asks for, or less in a hurry."""
        return min(self.samples, most)


# Many short turns: what else the machine does changes from second to second, and has to fall on both alike.
FULL = Size(images=10_000, large_images=100_000, rounds=6, seconds=0.4, samples=40)
QUICK = Size(images=400, large_images=800, rounds=1, seconds=0.05, samples=2)


@dataclass(frozen=True)
class Target:
    """What a row is to reach: a number that its value is compared with, and the words for it."""

    words: str
    limit: float
    is_least: bool

    def is_met(self, value: float) -> bool:
        """Whether this value reaches it."""
        return value >= self.limit if self.is_least else value <= self.limit


def at_least(limit: float, unit: str = "{:.0%} of bare") -> Target:
    """A target for rates: `unit` says how the limit is written."""
    return Target(f"at least {unit.format(limit)}", limit, is_least=True)


def at_most(limit: float, unit: str) -> Target:
    """A target for times and memory: `unit` says how the limit is written."""
    return Target(f"at most {unit.format(limit)}", limit, is_least=False)


@dataclass(frozen=True)
class Outcome:
    """What came out: the value that the target is compared with, how it is written, and the floor of the same run."""

    value: float
    measured: str
    floor: str = ""


@dataclass(frozen=True)
class Row(Generic[Place]):
    """One row: `key` is what `--only` names, `today` the figure at commit 8e071fa."""

    key: str
    work: str
    today: str
    target: Target | None
    measure: Callable[[Place], Outcome]

    def cells(self, outcome: Outcome) -> tuple[str, ...]:
        """The row of the table."""
        target = "" if self.target is None else self.target.words
        is_met = None if self.target is None else self.target.is_met(outcome.value)
        return self.work, self.today, target, outcome.measured, verdict(is_met), outcome.floor


@dataclass(frozen=True)
class Group(Generic[Place]):
    """Rows that are measured at one place: a running server with its catalogue, a machine with an agent, this process."""

    rows: Sequence[Row[Place]]
    place: Callable[[Size, Path], contextlib.AbstractContextManager[Place]]
    is_large: bool = False

    def measure(self, rows: Sequence[Row[Place]], size: Size, folder: Path) -> Iterator[tuple[Row[Place], Outcome]]:
        """Measures these of its rows, one after the other."""
        with self.place(size, folder) as place:
            for row in rows:
                yield row, row.measure(place)


def is_named(key: str, names: Sequence[str]) -> bool:
    """Whether one of the names is this key or its beginning: `match` names `match-new` too."""
    return any(key == name or key.startswith(f"{name}-") for name in names)


def markdown(cells: Sequence[Cells]) -> str:
    """The table."""
    return table(HEAD, cells, numbers=())
