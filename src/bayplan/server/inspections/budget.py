"""The budget of users who are not staff for asking registries: so many inspections in an hour for each.

A user may spend all of it at once; it comes back evenly. Each server process has its part.
"""

import math
from collections.abc import Callable

from bayplan.errors import TooManyAttempts

_HOUR_SECONDS = 3600.0
_MOST_USERS = 10_000


class InspectionBudget:
    """The inspections that each user has left, by the user's pk."""

    def __init__(self, in_an_hour: int, seconds: Callable[[], float]) -> None:
        """Takes the size of a budget, and a clock that never goes back."""
        self._size, self._clock = in_an_hour, seconds
        self._left: dict[int, tuple[float, float]] = {}

    def spend(self, user: int) -> None:
        """Takes one inspection from the budget of a user; raises `TooManyAttempts` where it is used up."""
        now = self._clock()
        left, since = self._left.get(user, (float(self._size), now))
        left = min(float(self._size), left + (now - since) * self._size / _HOUR_SECONDS)
        if left < 1:
            wait_seconds = math.ceil((1 - left) * _HOUR_SECONDS / self._size)
            raise TooManyAttempts(
                "You have used your inspections of this hour (the server's setting BAYPLAN_INSPECTIONS_PER_HOUR): try "
                f"again in {wait_seconds} seconds, or ask staff, who have no limit.",
                retry_after_seconds=wait_seconds,
                code="over_budget",
            )
        if user not in self._left and len(self._left) >= _MOST_USERS:
            self._left.pop(next(iter(self._left)))
        self._left[user] = (left - 1, now)
