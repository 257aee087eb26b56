"""Catalogues whose images lie in real registries on this machine, and ways to look at how they stand."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import Service, Template, serving
from tests.inprocess import Loop
from tests.server.inspections.conftest import guarded, registry

__all__ = ["guarded", "registry"]
Body = dict[str, Any]
PATIENCE_SECONDS = 20.0


@pytest.fixture
def service(
    kind: str, request: pytest.FixtureRequest, template: Template, loop: Loop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The application, which may ask 127.0.0.1 and looks at images when it is asked to, over a catalogue of this test's own."""
    folder = tmp_path_factory.mktemp("checking")
    with serving(kind, request, template, loop, folder, registry_allow_private=("127.0.0.1",)) as service:
        yield service


def looked_at(service: Service, image: Body) -> Body:
    """How an image stands after a look now."""
    answer = service.staff.post(f"/v1/docker/{image['pk']}/checks")
    assert answer.status_code == 200, answer.text
    found: Body = answer.json()
    return found


def standing(service: Service, image: Body) -> Body:
    """How an image stands as the last look found it."""
    found: Body = service.staff.get(f"/v1/docker/{image['pk']}/checks").json()
    return found


def counts(service: Service) -> Body:
    """How many images stand how."""
    found: Body = service.staff.get("/v1/docker/checks").json()
    return found


def version(service: Service) -> int:
    """The catalogue's version."""
    found: int = service.anonymous.get("/readyz").json()["catalogue_version"]
    return found


def eventually(is_so: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Waits until it is so; fails where that takes too long."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.05)
