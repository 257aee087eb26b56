"""How much room prefetched images may take: a budget for all of them, and a part of the disk that stays free whatever happens."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bayplan.agent.pull import gigabytes
from bayplan.errors import BayplanError, Invalid

_SHARE = re.compile(r"(\d{1,2}(?:\.\d+)?)\s*%")
# What is downloaded lies on the disk until it is unpacked, and is no smaller then.
_TIMES_ON_DISK = 2


class NoRoom(BayplanError):
    """There is no room for an image, within the budget or on the disk."""

    code = "no_room"


@dataclass(frozen=True, slots=True)
class DiskLimits:
    """The budget in bytes, None for none; and what stays free: the larger of so many bytes and a share of the disk."""

    budget_bytes: int | None = None
    free_bytes: int = 0
    free_share: float = 0.1


@dataclass(frozen=True, slots=True)
class DiskBudget:
    """How things stand: what was pulled takes `used_bytes`; the disk is None where the engine's is not on this machine."""

    limits: DiskLimits
    used_bytes: int
    place: Path | None
    free_bytes: int | None
    total_bytes: int

    @classmethod
    def of(cls, place: Path | None, limits: DiskLimits, used_bytes: int) -> Self:
        """Gives how things stand on the disk that has `place`."""
        try:
            found = os.statvfs(place) if place is not None else None
        except OSError:
            found = None
        if found is None:
            return cls(limits, used_bytes, place, None, 0)
        return cls(limits, used_bytes, place, found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)

    def now(self) -> Self:
        """Gives how it stands after some time, in which nothing else was pulled."""
        return type(self).of(self.place, self.limits, self.used_bytes)

    @property
    def is_over_budget(self) -> bool:
        """Whether what was pulled takes more than it may."""
        return self.limits.budget_bytes is not None and self.used_bytes > self.limits.budget_bytes

    @property
    def is_kept(self) -> bool:
        """Whether there is as much room left as is to be."""
        return not self.is_over_budget and (self.free_bytes is None or self.free_bytes >= self._spare_bytes)

    @property
    def why(self) -> str:
        """What there is too little of, where there is."""
        if self.is_over_budget:
            return f"With it, prefetched images take {gigabytes(self.used_bytes)}; {self._budget}."
        return f"The disk has {gigabytes(self.free_bytes or 0)} free; {self._reserve}."

    def must_take(self, known_bytes: int, download_bytes: int | None) -> None:
        """Raises `NoRoom` for an image that takes so much, as far as that is known: on the disk, and to download."""
        least = max(known_bytes, download_bytes or 0)
        if self.limits.budget_bytes is not None and self.used_bytes + least > self.limits.budget_bytes:
            raise NoRoom(
                f"It takes {gigabytes(least)} or more, and prefetched images take {gigabytes(self.used_bytes)} already; {self._budget}."
            )
        needed = max(known_bytes, _TIMES_ON_DISK * (download_bytes or 0))
        if self.free_bytes is not None and self.free_bytes - needed < self._spare_bytes:
            raise NoRoom(
                f"It needs {gigabytes(needed)} or more while it is pulled, and the disk has {gigabytes(self.free_bytes)} free; "
                f"{self._reserve}."
            )

    @property
    def _spare_bytes(self) -> int:
        return max(self.limits.free_bytes, int(self.limits.free_share * self.total_bytes))

    @property
    def _budget(self) -> str:
        return f"they may take {gigabytes(self.limits.budget_bytes or 0)} (--disk-budget)"

    @property
    def _reserve(self) -> str:
        return f"{gigabytes(self._spare_bytes)} are to stay free (--keep-free)"


def share(text: str) -> float | None:
    """Gives the part of a whole that "10%" is, None for what is no such text; raises `Invalid` for a wrong one."""
    if "%" not in text:
        return None
    found = _SHARE.fullmatch(text.strip())
    if found is None:
        raise Invalid(f"{text!r} is no share of a disk; write it like 10%, or a size like 50GiB.")
    return float(found.group(1)) / 100
