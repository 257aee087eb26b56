"""What goes by the catalogue's version: kept, and brought up to a version once for all who wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from bayplan.db.database import Database

Value = TypeVar("Value")
NEVER = -1


class AsOf(Generic[Value]):
    """A value, and the version of the catalogue that it is as of.

    `update` gives the next value and its version from the last one, None where there is none. It reads the version before all
    else: a value may be newer than its version says, never older.
    """

    def __init__(self, update: Callable[[Value | None, int], Awaitable[tuple[Value, int]]]) -> None:
        self._update = update
        self._value: Value | None = None
        self._updating = asyncio.Lock()
        self.version = NEVER

    async def at(self, version: int) -> Value:
        """Gives the value as of `version` or a later one."""
        value = self._value
        if value is None or self.version < version:
            async with self._updating:
                value = self._value
                if value is None or self.version < version:
                    value, self.version = await self._update(value, self.version)
                    self._value = value
        return value

    def forget(self) -> None:
        """Has the value made anew when it is asked for next: what else it goes by has changed."""
        self._value = None


def emptied_by_writes(db: Database) -> AsOf[dict[Any, Any]]:
    """Gives a dictionary for what holds for one version of the catalogue: a new one at each version."""

    async def empty(_last: dict[Any, Any] | None, _version: int) -> tuple[dict[Any, Any], int]:
        return {}, await db.version()

    return AsOf(empty)
