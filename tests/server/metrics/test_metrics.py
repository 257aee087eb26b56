"""`GET /metrics`: the state of the catalogue and the fleet, read as Prometheus reads it."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

import bayplan
from bayplan.clock import timestamp
from bayplan.db import tables
from bayplan.db.engines import open_database
from tests.conftest import Service


def collected(service: Service) -> dict[tuple[str, str], float]:
    """Each number, by the metric's name and the value of its label."""
    answer = service.user.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_catalogue_and_the_fleet_in_numbers(service: Service) -> None:
    before = collected(service)
    assert before["bayplan_info", bayplan.__version__] == 1
    service.make("docker")
    node = service.make("nodes", ip="10.9.8.7")
    service.make("nodes", ip="10.9.8.8")
    assert service.staff.get("/v1/nodes/ping", headers={"Node-Id": str(node["pk"])}).is_success
    after = collected(service)
    assert after["bayplan_catalogue_version", ""] > before["bayplan_catalogue_version", ""]
    differences = {key: after[key] - before[key] for key in before if key[0] != "bayplan_catalogue_version"}
    assert {key: number for key, number in differences.items() if number} == {
        ("bayplan_images", "unchecked"): 1,
        ("bayplan_nodes", "alive"): 1,
        ("bayplan_nodes", "never"): 1,
    }
    service.loop.run(silence(service, node["pk"]))
    assert collected(service)["bayplan_nodes", "silent"] == before["bayplan_nodes", "silent"] + 1


async def silence(service: Service, pk: int) -> None:
    """Makes the node's last heartbeat an hour old."""
    db = open_database(service.settings.database_url)
    try:
        async with db.write(moves=False) as tx:
            long_ago = timestamp(datetime.now(UTC) - timedelta(hours=1))
            await tx.execute(sa.update(tables.nodes).where(tables.nodes.c.pk == pk).values(last_seen=long_ago))
    finally:
        await db.close()


def test_nobody_reads_them_without_a_log_in(service: Service) -> None:
    assert service.anonymous.get("/metrics").status_code == 401
