"""Catalogues whose images are in real registries on this machine, and ways to check them."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bayplan.server.checks.intervals import CheckIntervals
from tests.conftest import Service, Template, serving
from tests.inprocess import Loop
from tests.server.inspections.conftest import guarded, registry

__all__ = ["guarded", "registry"]
Body = dict[str, Any]
WAIT_SECONDS = 20.0
QUICK = CheckIntervals(poll_seconds=0.02, batch_seconds=0.02)
"""As the default, but a test need not wait."""


class MovableClock:
    """The clock of an application, which a test moves on."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def move(self, **time: float) -> None:
        """Lets that much time pass: `move(hours=6)`."""
        self._ahead += timedelta(**time)


@pytest.fixture
def clock() -> MovableClock:
    """The clock of the application."""
    return MovableClock()


@pytest.fixture
def service(
    kind: str,
    request: pytest.FixtureRequest,
    template: Template,
    loop: Loop,
    clock: MovableClock,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """The application, which may ask 127.0.0.1 and checks images on request, over a catalogue of this test's own."""
    folder = tmp_path_factory.mktemp("checks")
    options = {"clock": clock, "check_intervals": QUICK}
    with serving(kind, request, template, loop, folder, options, registry_allow_private=("127.0.0.0/8",)) as service:
        yield service


def checked(service: Service, image: Body) -> Body:
    """The check state of an image after a check now."""
    answer = service.staff.post(f"/v1/docker/{image['pk']}/checks")
    assert answer.status_code == 200, answer.text
    state: Body = answer.json()
    return state


def state_of(service: Service, image: Body) -> Body:
    """The check state of an image."""
    state: Body = service.staff.get(f"/v1/docker/{image['pk']}/checks").json()
    return state


def counts(service: Service) -> Body:
    """How many images are in each state."""
    totals: Body = service.staff.get("/v1/docker/checks").json()
    return totals


def version(service: Service) -> int:
    """The catalogue's version."""
    number: int = service.anonymous.get("/readyz").json()["catalogue_version"]
    return number


def eventually(is_so: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    """Waits until it is so; fails where that takes too long."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.01)
