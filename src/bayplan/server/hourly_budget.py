"""Budgets of users: so much of something in an hour for each.

A user may spend all of it at once; it comes back evenly. Each server process has its part.
"""

import math
from collections.abc import Callable

from bayplan.errors import TooManyAttempts

_HOUR_SECONDS = 3600.0
_MOST_USERS = 10_000


class HourlyBudget:
    """What each user has left, by the user's pk."""

    def __init__(self, in_an_hour: int, seconds: Callable[[], float], refusal: str) -> None:
        """Takes the size of a budget, a clock that never goes back, and the error's detail with `{seconds}` to wait in it."""
        self._size, self._clock, self._refusal = in_an_hour, seconds, refusal
        self._left: dict[int, tuple[float, float]] = {}

    def require(self, user: int) -> float:
        """Gives what a user has left; raises `TooManyAttempts` where that is less than one."""
        now = self._clock()
        left, since = self._left.get(user, (float(self._size), now))
        left = min(float(self._size), left + (now - since) * self._size / _HOUR_SECONDS)
        if left < 1:
            wait_seconds = math.ceil((1 - left) * _HOUR_SECONDS / self._size)
            raise TooManyAttempts(
                self._refusal.format(seconds=wait_seconds), retry_after_seconds=wait_seconds, code="over_budget"
            )
        return left

    def spend(self, user: int) -> None:
        """Takes one from the budget of a user; raises `TooManyAttempts` where it is used up."""
        left = self.require(user)
        if user not in self._left and len(self._left) >= _MOST_USERS:
            self._left.pop(next(iter(self._left)))
        self._left[user] = (left - 1, self._clock())
