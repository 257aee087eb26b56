"""An outage of the database: who asks learns nothing of where it is, the log has a line every few seconds, and its end is logged."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx2
import psycopg
import pytest

from tests.postgres import Postgres
from tests.process import Server
from tests.server.checks.conftest import eventually

Start = Callable[..., AbstractContextManager[Server]]
REQUESTS = 40


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_where_the_database_is_goes_to_the_log_alone_and_seldom(
    database_url: str, postgres: Postgres, start_server: Start
) -> None:
    name = database_url.rpartition("/")[2]
    with start_server(database=database_url) as server, server.client() as client:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            eventually(lambda: client.get("/readyz").status_code == 503)
            login = {"username": "admin", "password": "whatever it was"}
            answers = [httpx2.get(f"{server.url}/readyz"), httpx2.post(f"{server.url}/v1/auth/obtain", json=login)]
            answers += [client.post("/v1/docker/list") for _ in range(REQUESTS)]
            assert client.get("/healthz").status_code == 200
            lines = [line for line in server.err.read_text().splitlines() if " ERROR " in line]
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        eventually(lambda: "The database can be used again" in server.log)
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/docker/list").status_code == 200
    assert {answer.status_code for answer in answers} == {503}
    for answer in answers:
        assert int(answer.headers["retry-after"]) >= 1
        for hidden in (name, "127.0.0.1", str(postgres.port), "bayplan.db", str(server.home), "role", "user"):
            assert hidden not in answer.text
    assert 1 <= len(lines) <= 5, lines
    assert all(name in line for line in lines)
    assert len(re.findall("The database can be used again, after .* not logged one by one", server.log)) == 1
    assert "Traceback" not in server.log
