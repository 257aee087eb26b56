"""Equal entries of the audit log: counted for an hour in the row of the first, and never in another."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bayplan.clock import timestamp
from bayplan.db import schema, tables
from bayplan.db.database import Database, DatabaseUnavailable, Transaction
from bayplan.db.engines import open_database
from bayplan.db.principal import Principal
from bayplan.server.audit.dedup import RecentEntries
from bayplan.server.audit.recorder import AuditRecorder
from bayplan.server.audit.store import AuditRecord
from tests.inprocess import Loop
from tests.server.audit.test_store import START, Store, entry_of

HOUR = timedelta(hours=1)
OTHERS = (
    AuditRecord("user", "box-1", "192.0.2.7", "load", [1]),
    AuditRecord("worker", "box-2", "192.0.2.7", "load", [1]),
    AuditRecord("worker", "box-1", "192.0.2.8", "load", [1]),
    AuditRecord("worker", "box-1", None, "load", [1]),
    AuditRecord("worker", "box-1", "192.0.2.7", "match", [1]),
    AuditRecord("worker", "box-1", "192.0.2.7", "load", [1, 2]),
    AuditRecord("worker", "box-1", "192.0.2.7", "load"),
)


class FullDisk:
    """A database whose transactions are rolled back at their end while it is full."""

    def __init__(self, db: Database) -> None:
        self._db, self.is_full = db, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    @asynccontextmanager
    async def write(
        self, *, moves: bool = True, by: Principal | None = None, is_long: bool = False
    ) -> AsyncGenerator[Transaction]:
        async with self._db.write(moves=moves, by=by, is_long=is_long) as tx:
            yield tx
            if self.is_full:
                raise DatabaseUnavailable("The disk is full.")


class Process:
    """A server process's audit log, over a store whose time the test moves."""

    def __init__(self, store: Store) -> None:
        self.store, self.disk = store, FullDisk(store.db)
        self.recorder = AuditRecorder(self.disk, 365, lambda: store.at)

    def gives(self, *entries: AuditRecord) -> None:
        """Enters them at once."""

        async def at_once() -> None:
            try:
                await asyncio.gather(*map(self.recorder.enter, entries))
            finally:
                await self.recorder.close()

        self.store.loop.run(at_once())


@pytest.fixture
def store(database_url: str, loop: Loop) -> Iterator[Store]:
    db = open_database(database_url)
    loop.run(schema.upgrade(db))
    yield Store(db, loop)
    loop.run(db.close())


def counts(store: Store) -> list[tuple[str, int]]:
    return [(row["name"], row["times"]) for row in store.rows(tables.audit)]


def test_it_is_counted_for_an_hour_from_the_first_time(store: Store) -> None:
    process = Process(store)
    for minutes in (0, 30, 59.9, 60, 100):
        store.now = START + timedelta(minutes=minutes)
        process.gives(entry_of(1, 2))
    first, second = store.rows(tables.audit)
    assert (first["times"], first["at"], first["last"]) == (
        3,
        timestamp(START),
        timestamp(START + timedelta(minutes=59.9)),
    )
    assert (second["times"], second["at"], second["last"]) == (2, timestamp(START + HOUR), store.at)
    assert (first["passwords"], second["passwords"]) == (2, 2)
    assert store.rows(tables.audit_sets)[0]["given"] == store.at
    store.now = START
    process.gives(entry_of(1, 2))
    assert len(counts(store)) == 3, "a clock that was put back counts in no row of the future"


def test_what_differs_in_anything_is_a_row_of_its_own(store: Store) -> None:
    process = Process(store)
    for _ in range(2):
        process.gives(entry_of(1), *OTHERS)
    assert [times for _, times in counts(store)] == [2] * (1 + len(OTHERS))


def test_equal_entries_at_once_are_counted_in_one_row(store: Store) -> None:
    process = Process(store)
    process.gives(*[entry_of(1)] * 7)
    process.gives(*[entry_of(1)] * 3, *[entry_of(1, name="box-2")] * 2)
    process.gives(*[entry_of(1)] * 2, entry_of(1, name="box-2"), entry_of(1, name="box-3"))
    assert counts(store) == [("box-1", 12), ("box-2", 3), ("box-3", 1)]


def test_each_process_counts_in_rows_of_its_own(store: Store) -> None:
    processes = (Process(store), Process(store))
    for process in processes * 2:
        process.gives(entry_of(1))
    assert counts(store) == [("box-1", 2), ("box-1", 2)]


def test_what_is_not_committed_is_not_remembered(store: Store) -> None:
    process = Process(store)
    process.disk.is_full = True
    with pytest.raises(DatabaseUnavailable):
        process.gives(entry_of(1))
    process.disk.is_full = False
    process.gives(entry_of(1, name="box-2"))  # on SQLite its row has the pk that the other one would have had
    process.gives(entry_of(1))
    process.disk.is_full = True
    with pytest.raises(DatabaseUnavailable):
        process.gives(entry_of(1))
    process.disk.is_full = False
    process.gives(entry_of(1))
    assert counts(store) == [("box-2", 1), ("box-1", 2)]


def test_where_somebody_has_removed_the_row_there_is_a_new_one(store: Store) -> None:
    process = Process(store)
    process.gives(entry_of(1), entry_of(1, name="box-2"))
    store.write(lambda tx: tx.execute(sa.delete(tables.audit).where(tables.audit.c.name == "box-1")))
    for _ in range(2):
        process.gives(entry_of(1), entry_of(1, name="box-2"))
    assert counts(store) == [("box-2", 3), ("box-1", 2)]


def test_a_row_is_forgotten_by_its_last_time(store: Store) -> None:
    process = Process(store)
    process.gives(entry_of(1))
    store.now += timedelta(minutes=50)
    process.gives(entry_of(1))
    store.now = START + timedelta(days=3, minutes=45)
    assert store.forget(3) == 0
    store.now += timedelta(minutes=10)
    assert store.forget(3) == 1


def test_so_many_rows_are_remembered_until_their_hour_is_over() -> None:
    begun = RecentEntries(most=2)
    begun.remember(timestamp(START), [(b"a", 1), (b"b", 2), (b"c", 3)])
    later = START + HOUR
    assert begun.among([b"a", b"b", b"c"], timestamp(later - timedelta(seconds=1))) == {b"a": 1, b"b": 2}
    begun.remember(timestamp(later), [(b"c", 4)])
    assert begun.among([b"a", b"b", b"c"], timestamp(later)) == {b"c": 4}
