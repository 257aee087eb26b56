"""What registries answered before, remembered for a while so that nobody asks them each time."""

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """Values by key, each for some seconds; beyond `most` keys all are forgotten, so that the memory has a bound."""

    def __init__(self, seconds: float, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._values: dict[Hashable, tuple[float, Value]] = {}

    def get(self, key: Hashable) -> Value | None:
        """The value; None where there is none, or not any more."""
        until, value = self._values.get(key, (0.0, None))
        return value if until > self._clock() else None

    def put(self, key: Hashable, value: Value) -> None:
        """Remembers the value from now on."""
        if len(self._values) >= self._most:
            self._values.clear()
        self._values[key] = (self._clock() + self._seconds, value)
