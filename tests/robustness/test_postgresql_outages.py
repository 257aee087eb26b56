"""A PostgreSQL that falls silent without hanging up, that can only be read, or that is reached through pgbouncer."""

import contextlib
import os
import shutil
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import psycopg
import pytest

from bayplan.db.database import DatabaseUnavailable
from bayplan.db.postgresql_address import parse_address
from bayplan.db.postgresql_connection import HOST_SECONDS, Connector
from tests import catalogue
from tests.between import network, running_pgbouncer
from tests.conftest import USER, Template, settings_of
from tests.inprocess import Loop, client, running_app
from tests.postgres import Postgres
from tests.process import running_server
from tests.programs import FETCH_TIMEOUT_SECONDS
from tests.server.checks.conftest import eventually

MOST_SECONDS = 5.0
LOG_IN = {"username": USER[0], "password": USER[1]}
NAME = "outages"
Serving = Callable[[Postgres], "contextlib.AbstractContextManager[httpx2.Client]"]
pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)


@pytest.fixture
def database(postgres: Postgres, template: Template) -> Iterator[Postgres]:
    """The cluster, with a filled database of that name."""
    postgres.create(NAME, template.database or "")
    yield postgres
    postgres.drop(NAME)


@pytest.fixture
def serving(database: Postgres, template: Template, loop: Loop, tmp_path: Path) -> Serving:
    """Serves over that database, reached at another port; gives a client that is logged in as staff."""

    @contextlib.contextmanager
    def serving(at: Postgres) -> Iterator[httpx2.Client]:
        home = tmp_path / f"home-{at.port}"
        shutil.copytree(template.home, home, dirs_exist_ok=True)
        with (
            running_app(settings_of(home, at.url(NAME)), loop) as app,
            client(app, loop, template.tokens["staff"]) as staff,
        ):
            yield staff

    return serving


def _requests(staff: httpx2.Client) -> tuple[Callable[[], httpx2.Response], ...]:
    """One of each kind: reads through each way, and writes in line and beside it."""
    by_text = {"expressions": [{"type": "contains", "field": "ip", "sub_string": "10."}]}
    return (
        lambda: staff.get("/readyz"),
        lambda: staff.post("/v1/docker/list", json={}),
        lambda: staff.post("/v1/nodes/list", json=by_text),
        lambda: staff.post("/v1/nodes/create", json=catalogue.node()),
        lambda: staff.post("/v1/auth/obtain", json=LOG_IN),
    )


def _all_at_once(staff: httpx2.Client, times: int = 3) -> list[tuple[int, float]]:
    """Each request so many times, all at once; gives their statuses and how long each took."""

    def timed(request: Callable[[], httpx2.Response]) -> tuple[int, float]:
        begin = time.monotonic()
        return request().status_code, time.monotonic() - begin

    with ThreadPoolExecutor(5 * times) as threads:
        return list(threads.map(timed, _requests(staff) * times))


def _statuses(staff: httpx2.Client) -> list[int]:
    return [request().status_code for request in _requests(staff)]


WELL = [200, 200, 200, 201, 200]


def test_what_the_network_swallows_is_503_in_time_and_over_at_once(database: Postgres, serving: Serving) -> None:
    with network(database.port) as between, serving(Postgres(between.port, database.sockets)) as staff:
        assert _statuses(staff) == WELL
        between.flows.clear()
        results = _all_at_once(staff)
        assert {status for status, _ in results} == {503}
        assert max(seconds for _, seconds in results) < MOST_SECONDS
        begin = time.monotonic()
        assert _statuses(staff) == [503] * 5  # nobody waits for it any more
        assert time.monotonic() - begin < 1
        assert int(staff.get("/readyz").headers["retry-after"]) >= 1
        between.flows.set()
        eventually(lambda: staff.get("/readyz").status_code == 200, MOST_SECONDS)
        assert _statuses(staff) == WELL


def test_backends_that_are_stopped_are_replaced(database: Postgres, serving: Serving) -> None:
    with serving(database) as staff:
        assert _statuses(staff) == WELL
        stopped = database.backends(NAME)
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            results = _all_at_once(staff)
            assert max(seconds for _, seconds in results) < MOST_SECONDS
            assert 503 in {status for status, _ in results}
            eventually(lambda: _statuses(staff) == WELL, MOST_SECONDS)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        assert _statuses(staff) == WELL


def test_a_backend_that_is_stopped_in_the_middle_of_a_write_makes_other_writes_503_in_time(
    database: Postgres, serving: Serving
) -> None:
    with serving(database) as staff, psycopg.connect(database.url(NAME), autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END';"
            "CREATE TRIGGER slow BEFORE INSERT ON frameworks FOR EACH ROW EXECUTE FUNCTION slow()"
        )
        sleeping = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"

        def write(number: int) -> tuple[int, float]:
            begin = time.monotonic()
            path, body = (
                ("nodes", catalogue.node()) if number % 2 else ("frameworks", {"name": "X", "version": str(number)})
            )
            if number % 4 == 3:
                return staff.post("/v1/catalogue/apply", json={"images": []}).status_code, time.monotonic() - begin
            return staff.post(f"/v1/{path}/create", json=body).status_code, time.monotonic() - begin

        with ThreadPoolExecutor(9) as threads:
            first = threads.submit(write, 0)
            eventually(lambda: connection.execute(sleeping).fetchall(), MOST_SECONDS)
            ((pid,),) = connection.execute(sleeping).fetchall()
            try:
                os.kill(pid, signal.SIGSTOP)
                results = list(threads.map(write, range(1, 9)))
                results += [first.result(), write(9)]
                assert staff.post("/v1/docker/list", json={}).status_code == 200
            finally:
                os.kill(pid, signal.SIGCONT)
        assert {status for status, _ in results} == {503}
        assert max(seconds for _, seconds in results) < MOST_SECONDS, results
        eventually(lambda: _statuses(staff) == WELL, MOST_SECONDS)


def test_what_can_only_be_read_is_read(
    database: Postgres, serving: Serving, template: Template, tmp_path: Path
) -> None:
    with serving(database) as staff:
        assert _statuses(staff) == WELL
        database.alter(NAME, "SET default_transaction_read_only = on")
        assert _statuses(staff) == [200, 200, 200, 503, 503]
        refused = staff.post("/v1/nodes/create", json=catalogue.node())
        assert "can be read but not written" in refused.json()["detail"]
        assert int(refused.headers["retry-after"]) >= 1
        assert staff.get("/readyz").json()["status"] == "read_only"
        home = shutil.copytree(template.home, tmp_path / "read-only")
        with running_server(
            home, database=database.url(NAME)
        ) as server:  # nothing is to be written where the tables are there
            assert httpx2.get(f"{server.url}/readyz").json()["status"] == "read_only"
            assert "The server answers all the same" in server.log
            assert "Traceback" not in server.log
        database.alter(NAME, "RESET default_transaction_read_only")
        eventually(lambda: staff.get("/readyz").json()["status"] == "ready", MOST_SECONDS)
        assert _statuses(staff) == WELL


def test_a_read_only_database_whose_sessions_stay_is_noticed_too(database: Postgres, serving: Serving) -> None:
    database.alter(NAME, "SET default_transaction_read_only = on")
    with serving(database) as staff:
        assert staff.get("/readyz").json()["status"] == "read_only"
        database.set(NAME, "RESET default_transaction_read_only")
        eventually(lambda: staff.get("/readyz").json()["status"] == "ready", MOST_SECONDS)
        assert _statuses(staff) == WELL


@pytest.mark.timeout(FETCH_TIMEOUT_SECONDS)
@pytest.mark.parametrize(("mode", "pool_size"), [("transaction", 2), ("session", 3)])
def test_requests_go_through_pgbouncer(database: Postgres, serving: Serving, mode: str, pool_size: int) -> None:
    with running_pgbouncer(database, mode, pool_size) as pooler, serving(pooler) as staff:
        for _ in range(3):  # the driver would prepare from some time on
            statuses = Counter(status for status, _ in _all_at_once(staff))
            assert set(statuses) <= {200, 201}, statuses


@pytest.mark.timeout(FETCH_TIMEOUT_SECONDS)
def test_a_pooler_of_statements_is_refused_in_a_sentence(database: Postgres, serving: Serving) -> None:
    with (
        running_pgbouncer(database, "statement", 2) as pooler,
        pytest.raises(DatabaseUnavailable, match="pool_mode is 'statement'"),
        serving(pooler),
    ):
        pass


def test_of_several_hosts_the_one_that_answered_is_asked_first(database: Postgres, loop: Loop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        connector = Connector(parse_address(f"postgresql://bayplan@127.0.0.1:{port},127.0.0.1:{database.port}/{NAME}"))

        async def connect() -> float:
            begin = time.monotonic()
            await (await connector.connect()).close()
            return time.monotonic() - begin

        assert loop.run(connect()) >= HOST_SECONDS
        assert loop.run(connect()) < HOST_SECONDS
