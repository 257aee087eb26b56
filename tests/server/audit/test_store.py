"""The audit log as it is stored: fields of an entry, sets of images once, and how it is forgotten. test_dedup counts."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bayplan.clock import timestamp
from bayplan.db import schema, tables
from bayplan.db.database import Database, Transaction, fetch_all
from bayplan.db.engines import open_database
from bayplan.server.audit import store as audit_store
from bayplan.server.audit.store import AuditRecord
from bayplan.server.credentials import store as credential_store
from tests.inprocess import Loop

START = datetime(2026, 1, 1, tzinfo=UTC)


class Store:
    """A database with tables and nothing in them, at a time that the test moves."""

    def __init__(self, db: Database, loop: Loop) -> None:
        self.db, self.loop, self.now = db, loop, START

    @property
    def at(self) -> str:
        return timestamp(self.now)

    def write(self, work: Callable[[Transaction], Awaitable[Any]]) -> Any:
        async def in_transaction() -> Any:
            async with self.db.write(moves=False) as tx:
                return await work(tx)

        return self.loop.run(in_transaction())

    def record(self, *entries: AuditRecord) -> None:
        self.write(lambda tx: audit_store.record(tx, self.at, entries))

    def forget(self, days: int, most: int = 1000) -> int:
        count: int = self.write(lambda tx: audit_store.forget(tx, self.at, days, most))
        return count

    def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        statement = sa.select(table).order_by(*table.primary_key.columns)
        return [dict(row._mapping) for row in self.loop.run(fetch_all(self.db, statement))]


@pytest.fixture
def store(database_url: str, loop: Loop) -> Iterator[Store]:
    db = open_database(database_url)
    loop.run(schema.upgrade(db))
    yield Store(db, loop)
    loop.run(db.close())


def entry_of(*images: int, kind: audit_store.Kind = "worker", name: str = "box-1") -> AuditRecord:
    return AuditRecord(kind, name, "192.0.2.7", "load", images)


@pytest.mark.parametrize(
    ("images", "ranges", "passwords"),
    [
        ((), (), 1),
        ((7,), ((7, 7),), 1),
        ((3, 1, 2, 2), ((1, 3),), 3),
        ((1, 2, 4, 9, 8), ((1, 2), (4, 4), (8, 9)), 5),
        (range(1, 10_001), ((1, 10_000),), 10_000),
    ],
)
def test_images_are_ranges(images: Any, ranges: Any, passwords: int) -> None:
    entry = AuditRecord("user", "kim", None, "list", images)
    assert (entry.ranges, entry.passwords) == (ranges, passwords)
    assert (entry.digest is None) == (not images)


def test_an_entry_says_who_got_what_when(store: Store) -> None:
    store.record(entry_of(5, 6), AuditRecord("registry", "registry.example.org:5000", None, "inspect"))
    first, second = store.rows(tables.audit)
    assert first | {"pk": 0, "images": ""} == {
        "pk": 0,
        "at": store.at,
        "last": store.at,
        "times": 1,
        "kind": "worker",
        "name": "box-1",
        "address": "192.0.2.7",
        "action": "load",
        "passwords": 2,
        "images": "",
    }
    assert (second["kind"], second["images"], second["passwords"]) == ("registry", None, 1)
    assert [(row["first"], row["last"]) for row in store.rows(tables.audit_images)] == [(5, 6)]


def test_a_set_is_stored_once_and_says_when_it_was_given(store: Store) -> None:
    store.record(entry_of(1, 2, 5), entry_of(5, 2, 1, name="box-2"), entry_of(8, kind="registry"))
    sets = {row["ranges"][0][0]: row for row in store.rows(tables.audit_sets)}
    assert (sets[1]["ranges"], sets[1]["given"], sets[8]["given"]) == ([[1, 2], [5, 5]], store.at, None)
    store.now += timedelta(seconds=30)
    store.record(entry_of(1, 2, 5))
    assert {row["used"] for row in store.rows(tables.audit_sets)} == {timestamp(START)}, (
        "within a minute it is as it was"
    )
    store.now += timedelta(minutes=1)
    store.record(entry_of(1, 2, 5, kind="registry"), entry_of(8))
    sets = {row["ranges"][0][0]: row for row in store.rows(tables.audit_sets)}
    assert (sets[1]["used"], sets[1]["given"]) == (store.at, timestamp(START))
    assert (sets[8]["used"], sets[8]["given"]) == (store.at, store.at)
    assert len(store.rows(tables.audit)) == 6
    assert len(store.rows(tables.audit_images)) == 3


def test_old_entries_are_forgotten_some_at_a_time_and_their_sets_later(store: Store) -> None:
    for pk in range(1, 6):
        store.record(entry_of(pk))
    store.now += timedelta(days=6)
    store.record(entry_of(5))
    store.now += timedelta(days=5)
    assert [store.forget(10, most=3) for _ in range(3)] == [3, 2, 0]
    assert len(store.rows(tables.audit)) == 1
    assert len(store.rows(tables.audit_sets)) == 5
    store.now += timedelta(days=2)
    assert store.forget(10) == 4
    assert [row["first"] for row in store.rows(tables.audit_images)] == [5]
    store.record(entry_of(4))
    assert {row["first"] for row in store.rows(tables.audit_images)} == {4, 5}


def test_an_entry_of_a_transaction_that_fails_is_not_there(store: Store) -> None:
    async def fails(tx: Transaction) -> None:
        await audit_store.record(tx, store.at, [entry_of(1)])
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        store.write(fails)
    assert store.rows(tables.audit) == store.rows(tables.audit_sets) == []


def test_credentials_say_when_a_registry_last_took_and_refused_them(store: Store) -> None:
    kim, lee = ("registry.example.org", "kim"), ("docker.io", "lee")
    store.write(lambda tx: credential_store.note_outcomes(tx, store.at, accepted=[kim, kim], refused=[lee]))
    before, store.now = store.at, store.now + timedelta(hours=1)
    store.write(lambda tx: credential_store.note_outcomes(tx, store.at, refused=[kim]))
    assert store.rows(tables.login_uses) == [
        {"registry": "docker.io", "username": "lee", "last_used": None, "last_refused": before},
        {"registry": "registry.example.org", "username": "kim", "last_used": before, "last_refused": store.at},
    ]
