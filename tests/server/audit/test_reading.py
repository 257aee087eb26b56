"""Reading the audit log, and how its old entries go."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bayplan.clock import timestamp as written
from bayplan.db.engines import open_database
from bayplan.server.audit import store as audit_store
from bayplan.server.audit.store import AuditRecord
from tests.answers import refused
from tests.conftest import Service
from tests.joining import joined
from tests.server.audit.conftest import PATIENCE_SECONDS, Body, audit_log


class TestReading:
    @pytest.fixture
    def entries(self, service: Service) -> list[Body]:
        """Entries of several kinds, newest first, over the last ten minutes."""
        moment = datetime.now(UTC)

        async def record() -> None:
            db = open_database(service.settings.database_url)
            async with db.write(moves=False) as tx:
                for number, entry in enumerate(
                    (
                        AuditRecord("user", "kim", "192.0.2.1", "load", [5]),
                        AuditRecord("worker", "box-1", "192.0.2.2", "list", range(1, 11)),
                        AuditRecord("worker", "box-2", "192.0.2.3", "match", [5, 900]),
                        AuditRecord("registry", "registry.example.org:5000", None, "check", [5, 6]),
                        AuditRecord("registry", "docker.io", None, "inspect"),
                    )
                ):
                    await audit_store.record(tx, written(moment + timedelta(minutes=number)), [entry])
            await db.close()

        service.loop.run(record())
        return audit_log(service)

    def test_entries_are_newest_first(self, entries: list[Body]) -> None:
        assert [entry["name"] for entry in entries] == [
            "docker.io",
            "registry.example.org:5000",
            "box-2",
            "box-1",
            "kim",
        ]
        assert entries[0] | {"pk": 0, "at": ""} == {
            "pk": 0,
            "at": "",
            "last": entries[0]["at"],
            "times": 1,
            "kind": "registry",
            "name": "docker.io",
            "address": None,
            "action": "inspect",
            "passwords": 1,
            "images": [],
        }
        assert [entry["images"] for entry in entries[1:]] == [[[5, 6]], [[5, 5], [900, 900]], [[1, 10]], [[5, 5]]]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"image": 5}, [1, 2, 3, 4]),
            ({"image": 900}, [2]),
            ({"image": 11}, []),
            ({"kind": "registry"}, [0, 1]),
            ({"name": "box-1"}, [3]),
            ({"name": "box-%"}, []),
            ({"kind": "worker", "image": 7}, [3]),
            ({"limit": 2, "offset": 1}, [1, 2]),
        ],
    )
    def test_entries_are_found(self, service: Service, entries: list[Body], query: Body, expected: list[int]) -> None:
        assert audit_log(service, **query) == [entries[index] for index in expected]

    def test_entries_since_a_time(self, service: Service, entries: list[Body]) -> None:
        assert audit_log(service, since=entries[2]["at"]) == entries[:3]
        elsewhere = datetime.fromisoformat(entries[2]["at"]).astimezone(timezone(timedelta(hours=5))).isoformat()
        assert audit_log(service, since=elsewhere) == entries[:3]

    def test_a_part_says_where_the_others_are(self, service: Service, entries: list[Body]) -> None:
        answer = service.staff.get("/v1/audit?limit=2&kind=worker")
        assert answer.headers["x-total-count"] == "2"
        answer = service.staff.get("/v1/audit?limit=2&offset=2")
        assert answer.headers["x-total-count"] == str(len(entries))
        assert '/v1/audit?limit=2&offset=4>; rel="next"' in answer.headers["link"]
        assert answer.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize(
        "query",
        [
            "image=0",
            "image=x",
            f"image={10**18}9",
            "kind=robot",
            "limit=0",
            "limit=1001",
            "offset=-1",
            "since=yesterday",
            "since=2026-01-01T00:00:00",
            "since=9999-12-31T23:59:59-12:00",
            "name=%00",
            "colour=red",
            "image=1&image=2",
        ],
    )
    def test_a_wrong_question_is_refused(self, service: Service, query: str) -> None:
        refused(service.staff.get(f"/v1/audit?{query}"), 422, field=query.split("=")[0])

    def test_it_is_for_staff(self, service: Service) -> None:
        refused(service.user.get("/v1/audit"), 403)
        refused(service.anonymous.get("/v1/audit"), 401)
        with joined(service) as worker:
            refused(worker.client.get("/v1/audit"), 403)


def test_old_entries_go(service: Service, image: Body) -> None:
    days = service.settings.audit_days

    async def record() -> None:
        db = open_database(service.settings.database_url)
        async with db.write(moves=False) as tx:
            for name, age in (("old", days + 5), ("young", days - 5)):
                at = written(datetime.now(UTC) - timedelta(days=age))
                await audit_store.record(tx, at, [AuditRecord("user", name, None, "load", [1])] * 450)
        await db.close()

    service.loop.run(record())
    assert len(audit_log(service, name="old", limit=1000)) == 450
    service.staff.get(f"/v1/docker/{image['pk']}").raise_for_status()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while audit_log(service, name="old") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert audit_log(service, name="old") == []
    assert len(audit_log(service, name="young", limit=1000)) == 450
