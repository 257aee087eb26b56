"""The snapshot of images: whatever is written, it has what the database has, and so has the judge's catalogue."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import orjson
import pytest
import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.as_of import AsOf
from bayplan.db.database import Database
from bayplan.db.disclosure import Disclosure
from bayplan.db.engines import open_database
from bayplan.db.keyring import Keyring
from bayplan.db.principal import EVERYBODY
from bayplan.db.projection import projection
from bayplan.domain.compatibility.tables import load
from bayplan.server.matching.load import CatalogueSnapshot, load_snapshot, update_snapshot
from bayplan.server.snapshot import ImageSnapshots, json_array
from tests import catalogue
from tests.conftest import Service

TABLES = load(None)
OPEN = projection("docker", EVERYBODY)
WRITES = 60


async def _in_database(db: Database, keyring: Keyring) -> dict[int, tuple[int, bytes, bool, bool]]:
    """Every image as the database has it: its revision, its JSON, whether it is live and whether it has credentials."""
    columns = tables.images.c
    statement = OPEN.statement.add_columns(columns.deletion_time, columns.registry_username, columns.registry_password)
    rows = await db.fetch(statement, list)
    objects = OPEN.objects(rows, Disclosure(keyring))
    return {
        item["pk"]: (row[OPEN.revision_at], orjson.dumps(item), row[-3] is None, (row[-2], row[-1]) != (None, None))
        for item, row in zip(objects, rows, strict=True)
    }


def _write(staff: httpx2.Client, dice: random.Random) -> None:
    """One write of some kind; what it is refused for is no matter."""

    def any_of(resource: str) -> int:
        body = {"include_inactive": True} if resource == "docker" else {}
        return int(dice.choice(staff.post(f"/v1/{resource}/list", json=body).json())["pk"])

    def image() -> catalogue.Body:
        references = {name: any_of(resource) for name, resource in (("framework", "frameworks"), ("domain", "domains"))}
        credentials = {"registry_username": "robot", "registry_password": "a secret word"}
        return catalogue.image(**references, **dice.choice([{}, credentials]))

    def create() -> None:
        staff.post("/v1/docker/create", json=image()).raise_for_status()

    def change() -> None:
        changes: list[dict[str, Any]] = [
            {"framework": any_of("frameworks")},
            {"cuda_version": dice.choice([any_of("cuda"), None])},
            {"domain": any_of("domains"), "tasks": ["Ω", 'a "task"']},
            {"registry_username": None, "registry_password": None},
            {"cpu": True, "name": f"renamed {dice.random()}"},
        ]
        staff.patch(f"/v1/docker/{any_of('docker')}", json=dice.choice(changes))

    def facts() -> None:
        values = {"compiles_at_runtime": True, "kernel_architectures": ["8.0", "9.0+PTX"]}
        staff.patch(f"/v1/docker/{any_of('docker')}/facts", json=dict([dice.choice(list(values.items()))]))

    def apply() -> None:
        images = [image() for _ in range(dice.choice([2, 40]))]
        staff.post("/v1/catalogue/apply", json={"images": images}).raise_for_status()

    writes: list[Callable[[], object]] = [
        create,
        create,
        change,
        change,
        change,
        facts,
        apply,
        lambda: staff.delete(f"/v1/docker/{any_of('docker')}"),
        lambda: staff.delete(f"/v1/docker/{any_of('docker')}/hard"),
        lambda: staff.delete(f"/v1/docker/{any_of('docker')}/reinstate"),
        lambda: staff.patch(f"/v1/domains/{any_of('domains')}", json={"name": f"d{dice.randrange(10**9)}"}),
        lambda: staff.patch(f"/v1/frameworks/{any_of('frameworks')}", json={"version": f"{dice.randrange(99)}.1"}),
        lambda: staff.post("/v1/cuda/create", json=catalogue.cuda()),
        lambda: staff.patch(f"/v1/hardware/{any_of('hardware')}", json={"generation": f"G{dice.randrange(10**9)}"}),
        lambda: staff.post("/v1/users/create", json=catalogue.user()),
        lambda: staff.post("/v1/credentials/rotate", json={}),
    ]
    dice.choice(writes)()


@pytest.mark.parametrize("seed", range(3))
def test_the_snapshot_has_what_the_database_has_after_every_write(service: Service, seed: int) -> None:
    dice = random.Random(seed)  # a test's dice
    db = open_database(service.settings.database_url, connections=4)
    keyring = Keyring(None, service.settings.home / "secrets.key")
    snapshots = ImageSnapshots(db, keyring)

    async def update(last: CatalogueSnapshot | None, _version: int) -> tuple[CatalogueSnapshot, int]:
        latest = None if last is None else await update_snapshot(db, last)
        latest = latest or await load_snapshot(db, TABLES)
        return latest, latest.version

    asked: list[Any] = []
    judged: AsOf[CatalogueSnapshot] = AsOf(update)

    async def compare() -> None:
        version = await db.version()
        snapshot, rows = await snapshots.at(version), await _in_database(db, keyring)
        assert snapshots.version == version
        assert len(snapshot) == len(rows)
        assert {pk: snapshot.get(pk) for pk in rows} == rows
        live = sorted(pk for pk, row in rows.items() if row[2])
        assert snapshot.live == live
        assert snapshot.with_credentials == {pk for pk, row in rows.items() if row[3]}
        assert await snapshot.whole() == await json_array([rows[pk][1] for pk in live])
        updated, fresh = await judged.at(version), await load_snapshot(db, TABLES)
        assert (updated.images, updated.facts, updated.missing) == (fresh.images, fresh.facts, fresh.missing)
        assert updated.index.pks(updated.index.every) == fresh.index.pks(fresh.index.every)
        names = [row[0] for row in await db.fetch(sa.select(tables.domains.c.name), list)]
        pks = range(1, max([*rows, 50]))
        for index in (updated.index, fresh.index):
            by_name = [index.pks(index.of_domain(name)) for name in names]
            by_pk = [index.pks(find(pk)) for pk in pks for find in (index.with_framework, index.with_cuda)]
            asked.append((by_name, by_pk, index.pks(index.for_task("train"))))
        assert asked.pop() == asked.pop()

    try:
        for _ in range(8):
            service.make("docker")
        for _ in range(WRITES):
            _write(service.staff, dice)
            service.loop.run(compare())
    finally:
        service.loop.run(db.close())


def test_what_is_as_of_a_version_is_updated_once_for_all_who_wait(service: Service) -> None:
    updates = []

    async def update(last: str | None, version: int) -> tuple[str, int]:
        updates.append((last, version))
        await asyncio.sleep(0.01)
        return f"as of {version + 1}", version + 1

    async def work() -> None:
        value: AsOf[str] = AsOf(update)
        assert set(await asyncio.gather(*(value.at(0) for _ in range(5)))) == {"as of 0"}
        assert await value.at(-1) == "as of 0"
        assert set(await asyncio.gather(*(value.at(1) for _ in range(5)))) == {"as of 1"}
        assert updates == [(None, -1), ("as of 0", 0)]

    service.loop.run(work())


def test_a_failed_update_is_made_again(service: Service) -> None:
    async def update(last: str | None, _version: int) -> tuple[str, int]:
        if last is None and not failed:
            failed.append(True)
            raise ConnectionError
        return "good", 3

    failed: list[bool] = []

    async def work() -> None:
        value: AsOf[str] = AsOf(update)
        with pytest.raises(ConnectionError):
            await value.at(3)
        assert await value.at(3) == "good"

    service.loop.run(work())


def test_what_was_joined_before_a_change_is_not_given_after_it(service: Service) -> None:
    db = open_database(service.settings.database_url, connections=4)
    snapshots = ImageSnapshots(db, Keyring(None, service.settings.home / "secrets.key"))

    async def whole() -> Any:
        joined = await (await snapshots.at(await db.version())).whole()
        assert isinstance(joined, bytes)
        return orjson.loads(joined)

    try:
        for count in range(1, 4):
            service.make("docker")
            assert service.loop.run(whole()) == service.staff.post("/v1/docker/list").json()
            assert len(service.loop.run(whole())) == count
    finally:
        service.loop.run(db.close())


def test_a_change_that_many_images_show_lets_others_in_between(service: Service) -> None:
    domain = service.make("domains")
    images = [catalogue.image(domain=domain["name"]) for _ in range(700)]
    service.staff.post("/v1/catalogue/apply", json={"images": images}).raise_for_status()
    db = open_database(service.settings.database_url, connections=4)
    snapshots = ImageSnapshots(db, Keyring(None, service.settings.home / "secrets.key"))
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def turns_during(work: Awaitable[object]) -> int:
        others = asyncio.create_task(take_turns())
        await asyncio.sleep(0)
        before = turns
        await work
        others.cancel()
        return turns - before

    async def load() -> CatalogueSnapshot:
        await snapshots.at(0)
        return await load_snapshot(db, TABLES)

    last = service.loop.run(load())
    service.staff.patch(f"/v1/domains/{domain['pk']}", json={"name": "another"}).raise_for_status()
    version = service.loop.run(db.version())
    parts = 3  # of 300 rows
    assert service.loop.run(turns_during(snapshots.at(version))) >= parts
    assert service.loop.run(turns_during(update_snapshot(db, last))) >= parts
    service.loop.run(db.close())
