"""`GET /v1/history`: the change log for staff, newest first, in pages; and how long it is kept."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bayplan.clock import timestamp
from bayplan.db import tables
from bayplan.db.database import fetch_all
from bayplan.db.engines import open_database
from bayplan.server.history.retention import HistoryRetention
from tests.answers import refused
from tests.conftest import Service

Body = dict[str, Any]


def history(service: Service, query: str = "") -> list[Body]:
    """The entries that a query gives."""
    answer = service.staff.get(f"/v1/history?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    entries: list[Body] = answer.json()
    return entries


def test_an_image_from_its_birth_to_its_end(service: Service) -> None:
    image = service.make("docker", tasks=["train"])
    path = f"/v1/docker/{image['pk']}"
    assert service.staff.patch(path, json={"tasks": ["train", "predict"]}).is_success
    assert service.staff.delete(path).is_success
    newest, changed, created = history(service, f"resource=docker&pk={image['pk']}")
    assert (newest["action"], changed["action"], created["action"]) == ("delete", "change", "create")
    assert newest["version"] == changed["version"] + 1 == created["version"] + 2
    assert newest["time"] >= changed["time"] >= created["time"]
    assert {entry["user"] for entry in (newest, changed, created)} == {"admin"}
    assert changed["changes"] == {"tasks": {"before": ["train"], "after": ["train", "predict"]}}
    assert created["changes"]["name"] == {"before": None, "after": image["name"]}
    assert set(newest) == {"version", "time", "user", "resource", "pk", "action", "changes"}


def test_pages_lead_through_all_of_it_and_stay_while_more_is_written(service: Service) -> None:
    for number in range(7):
        service.make("domains", name=f"d{number}")
    everything = history(service, "resource=domains&limit=1000")
    link, entries = "/v1/history?resource=domains&limit=2", []
    while link:
        answer = service.staff.get(link)
        entries += answer.json()
        assert len(answer.json()) <= 2
        link = answer.links["next"]["url"] if "next" in answer.links else ""
        service.make("domains")
    assert entries == everything


def test_by_whom_and_when(service: Service) -> None:
    before = timestamp(datetime.now(UTC))
    service.make("domains")
    assert [entry["resource"] for entry in history(service, f"since={before}&user=admin")] == ["domains"]
    assert history(service, f"since={before}&user=casey") == []
    assert {entry["user"] for entry in history(service, f"until={before}&limit=1000&resource=cuda")} == {None}
    assert not [entry for entry in history(service, f"until={before}") if entry["time"] > before]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("resource=images", "resource"),
        ("pk=0", "pk"),
        ("since=yesterday", "since"),
        ("until=2026-01-01T00:00:00", "until"),
        ("limit=1001", "limit"),
        ("after=7", "after"),
        ("after=7--1", "after"),
        ("author=admin", "author"),
    ],
)
def test_a_wrong_parameter_is_named(shared: Service, query: str, field: str) -> None:
    problem = refused(shared.staff.get(f"/v1/history?{query}"), 422)
    assert [error["field"] for error in problem["errors"]] == [field]


def test_it_is_for_staff(shared: Service) -> None:
    refused(shared.user.get("/v1/history"), 403)
    refused(shared.anonymous.get("/v1/history"), 401)


def test_an_entry_of_a_late_clock_takes_none_before_it_along(service: Service) -> None:
    service.make("domains")
    kept = history(service, "limit=1000")

    async def work() -> None:
        db = open_database(service.settings.database_url)
        try:
            changes = tables.changes
            async with db.write(moves=False) as tx:
                newest = sa.select(sa.func.max(changes.c.version)).scalar_subquery()
                past = timestamp(datetime.now(UTC) - timedelta(days=800))
                await tx.execute(sa.update(changes).where(changes.c.version == newest).values(time=past))
            await HistoryRetention(db, 365).remove_old()
        finally:
            await db.close()

    service.loop.run(work())
    assert [entry["version"] for entry in history(service, "limit=1000")] == [entry["version"] for entry in kept]


def test_old_entries_go_a_few_at_a_time_and_the_version_stays(service: Service) -> None:
    service.make("domains")
    kept = history(service, "limit=1000&user=admin")

    async def work(days_later: int) -> tuple[int, int, int]:
        db = open_database(service.settings.database_url)
        try:
            at = timestamp(datetime.now(UTC) + timedelta(days=days_later))
            before = await db.version()
            await HistoryRetention(db, 365, clock=lambda: at).remove_old()
            rows = await fetch_all(db, sa.select(sa.func.count()).select_from(tables.changes))
            return before, await db.version(), int(rows[0][0])
        finally:
            await db.close()

    version, after, count = service.loop.run(work(364))
    assert (version, count) == (after, count)
    assert history(service, "limit=1000&user=admin") == kept
    version, after, count = service.loop.run(work(366))
    assert (version, count) == (after, 0)
    assert history(service) == []
    service.make("domains")
    assert [entry["version"] for entry in history(service)] == [version + 1]
