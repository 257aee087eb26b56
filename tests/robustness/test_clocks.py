"""Clocks that differ and clocks that jump: two server processes over one database, each with a clock of its own."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx2
import pytest
import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.engines import open_database
from bayplan.errors import Unauthenticated
from bayplan.server.auth.tokens import Subject, TokenIssuer, Use
from tests.answers import refused
from tests.conftest import USER, Service
from tests.inprocess import client, running_app
from tests.joining import join, joined

ELSEWHERE = "203.0.113.9"
USES: tuple[Use, ...] = ("access", "refresh")
SUBJECTS: tuple[Subject, ...] = ("user", "worker")


def moment(ahead: timedelta) -> datetime:
    """The time by a clock that is ahead."""
    return datetime.now(UTC) + ahead


class Process:
    """A server process whose clock is ahead or late, and a client of it."""

    def __init__(self, service: Service, stack: ExitStack) -> None:
        self.ahead = timedelta()
        app = stack.enter_context(running_app(service.settings, service.loop, clock=self.clock))
        self.client = stack.enter_context(client(app, service.loop))

    def clock(self) -> datetime:
        """Its clock."""
        return datetime.now(UTC) + self.ahead

    def log_in(self, password: str = USER[1]) -> httpx2.Response:
        """The answer to a log-in of the ordinary user."""
        return self.client.post("/v1/auth/obtain", json={"username": USER[0], "password": password})


@pytest.fixture
def processes(service: Service) -> Iterator[tuple[Process, Process]]:
    """Two server processes over one database."""
    with ExitStack() as stack:
        yield Process(service, stack), Process(service, stack)


def test_a_token_of_one_process_is_good_at_the_other() -> None:
    lifetimes = timedelta(minutes=15), timedelta(days=14)
    fast, slow = (
        TokenIssuer("a key of thirty-two or more characters", *lifetimes, partial(moment, ahead))
        for ahead in (timedelta(seconds=20), timedelta(seconds=-20))
    )
    for maker, reader in ((fast, slow), (slow, fast)):
        for use in USES:
            for subject in SUBJECTS:
                assert reader.read(maker.make(subject, 7, 1, use)).pk == 7
    slow = TokenIssuer(fast.key, *lifetimes, partial(moment, timedelta(minutes=-2)))
    with pytest.raises(Unauthenticated):
        slow.read(fast.make("user", 7, 1, "access"))


def test_failures_that_one_process_counts_lock_the_other_for_no_longer_than_the_window(
    service: Service, processes: tuple[Process, Process]
) -> None:
    fast, right = processes
    fast.ahead = timedelta(days=1)
    for _ in range(service.settings.login_attempts):
        refused(fast.log_in("guess"), 401)
    answer = right.log_in()
    refused(answer, 429)
    assert int(answer.headers["retry-after"]) <= 300
    right.ahead = timedelta(seconds=301)
    assert right.log_in().status_code == 200


def test_a_heartbeat_from_the_future_keeps_no_address(service: Service) -> None:
    with joined(service) as worker:
        refused(join(service, worker.body, address=ELSEWHERE), 409, code="worker_alive")
        then = (datetime.now(UTC) + timedelta(days=40)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

        async def write() -> None:
            db = open_database(service.settings.database_url)
            try:
                async with db.write(moves=False) as tx:
                    await tx.execute(sa.update(tables.nodes).values(last_seen=then))
            finally:
                await db.close()

        service.loop.run(write())
        # One heartbeat by the right time, of whichever node, and the worker is alive again.
        assert worker.client.get("/v1/nodes/ping", headers=worker.as_node(1)).status_code == 200
        refused(join(service, worker.body, address=ELSEWHERE), 409, code="worker_alive")
        service.loop.run(write())
        assert join(service, worker.body, address=ELSEWHERE).status_code == 201
