"""The lifecycles that a document gives its images: entered when all images are there, since they name one another."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from bayplan.db import lifecycles
from bayplan.db.database import Transaction
from bayplan.db.lifecycles import Lifecycle
from bayplan.errors import Conflict, Invalid
from bayplan.server.catalogue_file.sections import Entry

_PART = 200


@dataclass(frozen=True, slots=True)
class _DocumentLifecycle:
    at: str
    image: int
    values: Entry
    change: Entry


@dataclass(frozen=True, slots=True)
class DocumentLifecycles:
    """The lifecycles of a document, and the transaction that enters them."""

    tx: Transaction
    _entries: list[_DocumentLifecycle] = field(default_factory=list)

    def add(self, at: str, image: int, values: Entry, change: Entry) -> None:
        """Takes the lifecycle of the image at that place in the document, and the change that its fields go into."""
        self._entries.append(_DocumentLifecycle(at, image, values, change))

    async def enter(self) -> AsyncGenerator[tuple[str, Entry, Invalid | Conflict | None]]:
        """Stores them; gives the place of each that differs with its change, or of a wrong one with its error."""
        stored = []
        for start in range(0, len(self._entries), _PART):
            part = self._entries[start : start + _PART]
            before = await lifecycles.lifecycles_of(self.tx.fetch, [entry.image for entry in part])
            for entry in part:
                await asyncio.sleep(0)  # a long document lets other requests in between
                old = before.get(entry.image, Lifecycle())
                try:
                    new = await lifecycles.changed(self.tx, entry.image, old, entry.values)
                except Invalid as error:
                    yield f"{entry.at}.lifecycle", entry.change, error
                    continue
                if new != old:
                    await lifecycles.store(self.tx, entry.image, old, new)
                    await self._show(entry, old, new)
                    stored.append(entry)
        for entry in stored:
            yield f"{entry.at}.lifecycle", entry.change, await self._circle(entry)

    async def _circle(self, entry: _DocumentLifecycle) -> Conflict | None:
        try:
            await lifecycles.check_chain(self.tx, entry.image)
        except Conflict as error:
            return error
        return None

    async def _show(self, entry: _DocumentLifecycle, old: Lifecycle, new: Lifecycle) -> None:
        if entry.change["action"] != "change":
            return
        pks = [pk for pk in (old.successor, new.successor) if pk is not None]
        names = await lifecycles.names_of(self.tx.fetch, pks) if pks else {}
        for name, (before, after) in lifecycles.differences(old, new).items():
            is_reference = name == "lifecycle.successor"
            entry.change["fields"][name] = {
                "from": names.get(before) if is_reference else before,
                "to": names.get(after) if is_reference else after,
            }
