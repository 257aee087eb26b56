"""The disk budget of prefetched images: how much all of them may take, and how much of the disk always stays free."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bayplan.domain import units
from bayplan.errors import BayplanError, Invalid

_SHARE = re.compile(r"(\d{1,2}(?:\.\d+)?)\s*%")
# The download stays on the disk until it is unpacked, and the unpacked image is no smaller.
_TIMES_ON_DISK = 2


class DiskBudgetExceeded(BayplanError):
    """An image exceeds the budget, or would take what has to stay free of the disk."""

    code = "no_room"


@dataclass(frozen=True, slots=True)
class DiskLimits:
    """The budget in bytes, None for none; and what stays free: the larger of so many bytes and a share of the disk."""

    budget_bytes: int | None = None
    free_bytes: int = 0
    free_share: float = 0.1


@dataclass(frozen=True, slots=True)
class DiskBudget:
    """The limits, the bytes that prefetched images use, and the disk at `place`, None where the engine's disk is on another machine."""

    limits: DiskLimits
    used_bytes: int
    place: Path | None
    free_bytes: int | None
    total_bytes: int

    @classmethod
    def of(cls, place: Path | None, limits: DiskLimits, used_bytes: int) -> Self:
        """Reads the disk that has `place`."""
        try:
            disk = os.statvfs(place) if place is not None else None
        except OSError:
            disk = None
        if disk is None:
            return cls(limits, used_bytes, place, None, 0)
        return cls(limits, used_bytes, place, disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)

    def now(self) -> Self:
        """Reads the disk again; `used_bytes` stays."""
        return type(self).of(self.place, self.limits, self.used_bytes)

    @property
    def is_over_budget(self) -> bool:
        """Whether prefetched images take more than they may."""
        return self.limits.budget_bytes is not None and self.used_bytes > self.limits.budget_bytes

    @property
    def is_within(self) -> bool:
        """Whether the budget is kept, and enough of the disk is free."""
        return not self.is_over_budget and (self.free_bytes is None or self.free_bytes >= self._reserved_bytes)

    @property
    def shortage(self) -> str:
        """The sentence that says what there is too little of; for a budget that is not kept."""
        if self.is_over_budget:
            return f"With it, the prefetched images take {units.size(self.used_bytes)}; {self._budget}."
        return f"The disk has {units.size(self.free_bytes or 0)} free; {self._reserve}."

    def require(self, image_bytes: int, download_bytes: int | None) -> None:
        """Raises `DiskBudgetExceeded` for an image of at least so many bytes on the disk, and so many to download."""
        least = max(image_bytes, download_bytes or 0)
        if self.limits.budget_bytes is not None and self.used_bytes + least > self.limits.budget_bytes:
            raise DiskBudgetExceeded(
                f"It takes {units.size(least)} or more, and prefetched images take {units.size(self.used_bytes)} already; {self._budget}."
            )
        needed = max(image_bytes, _TIMES_ON_DISK * (download_bytes or 0))
        if self.free_bytes is not None and self.free_bytes - needed < self._reserved_bytes:
            raise DiskBudgetExceeded(
                f"It needs {units.size(needed)} or more while it is pulled, and the disk has {units.size(self.free_bytes)} free; "
                f"{self._reserve}."
            )

    @property
    def _reserved_bytes(self) -> int:
        return max(self.limits.free_bytes, int(self.limits.free_share * self.total_bytes))

    @property
    def _budget(self) -> str:
        return f"they may take {units.size(self.limits.budget_bytes or 0)} (--disk-budget)"

    @property
    def _reserve(self) -> str:
        return f"{units.size(self._reserved_bytes)} must stay free (--keep-free)"


def share(text: str) -> float | None:
    """Gives the fraction in a text such as "10%", None for a text without "%"; raises `Invalid` for a wrong fraction."""
    if "%" not in text:
        return None
    match = _SHARE.fullmatch(text.strip())
    if match is None:
        raise Invalid(f"--keep-free {text}: write a share of the disk, like 10%, or a size, like 50GiB.")
    return float(match.group(1)) / 100
