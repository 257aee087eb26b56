"""How a write moves the catalogue's version, and what it leaves under it: the entries of the change log."""

import asyncio
from dataclasses import dataclass, field
from itertools import islice

import sqlalchemy as sa

from bayplan.clock import now
from bayplan.db import tables
from bayplan.db.change_entry import API_TOKENS, REFERENCED, WORKERS, ChangeEntry, rows_of_entries
from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import ReferenceKey, Transaction

_CATALOGUE = tables.catalogue
_MOVE = CompiledStatement(
    sa.update(_CATALOGUE)
    .values(version=_CATALOGUE.c.version + 1)
    .returning(_CATALOGUE.c.version, _CATALOGUE.c.reference_version)
)
_MOVE_BACK = CompiledStatement(sa.update(_CATALOGUE).values(version=_CATALOGUE.c.version - 1))
_MOVE_REFERENCES = CompiledStatement(sa.update(_CATALOGUE).values(reference_version=_CATALOGUE.c.version))
_ENTER = CompiledStatement(
    sa.insert(tables.changes).values(
        {column: sa.bindparam(column.name, type_=column.type) for column in tables.changes.columns}
    )
)
_MOST_NAMES = 10_000
_ROWS_AT_ONCE = 200


class ReferenceNames:
    """The pks of references that were looked up, good for one `reference_version`.

    They are read and added to within a write only, which is alone with the catalogue: its version says what others wrote.
    """

    def __init__(self) -> None:
        self._version = -1
        self._pks: dict[ReferenceKey, int] = {}

    def at(self, version: int) -> dict[ReferenceKey, int]:
        """Gives what is good at that version."""
        if version != self._version or len(self._pks) > _MOST_NAMES:
            self._version, self._pks = version, {}
        return self._pks

    def forget(self) -> None:
        """Forgets all: a transaction was rolled back, and its version will be another one's."""
        self._version, self._pks = -1, {}


def _ends_tokens(entry: ChangeEntry) -> bool:
    """Whether a worker's credential or a program's token has ended; users are among the resources that others refer to."""
    return entry.resource in (WORKERS, API_TOKENS) and entry.action in ("join", "revoke")


@dataclass(slots=True)
class VersionLog:
    """The version that a transaction makes, and what it logs under it."""

    author: str | None
    version: int = 0
    reference_version: int = 0
    entries: list[ChangeEntry] = field(default_factory=list)
    names: dict[ReferenceKey, int] = field(default_factory=dict)
    by_token: bool = False

    def log(self, entry: ChangeEntry) -> None:
        """See `Transaction.log`."""
        self.entries.append(entry)
        if entry.resource in REFERENCED:
            self.names = {}  # what was looked up before may be something else now, and only for this transaction


async def move_version(tx: Transaction, names: ReferenceNames) -> None:
    """Gives a transaction the catalogue's next version."""
    tx.version, tx.reference_version = (await tx.fetch(_MOVE))[0]
    tx.names = names.at(tx.reference_version)


async def keep_version(tx: Transaction) -> None:
    """Takes the version back: the transaction turned out to change no answer."""
    await tx.execute(_MOVE_BACK)
    tx.version = 0


async def store_entries(tx: Transaction) -> None:
    """Stores the entries of a transaction that moves the version; raises `RuntimeError` where it has none."""
    if not tx.version:
        return
    if not tx.entries:
        raise RuntimeError("A write that moves the catalogue's version leaves an entry in the change log.")
    rows = rows_of_entries(tx.entries, tx.version, now(), tx.author)
    while part := list(islice(rows, _ROWS_AT_ONCE)):
        await tx.execute(_ENTER, part)
        # The entries of a whole catalogue let other requests in between.
        await asyncio.sleep(0)
    if any(entry.resource in REFERENCED or _ends_tokens(entry) for entry in tx.entries):
        await tx.execute(_MOVE_REFERENCES)
