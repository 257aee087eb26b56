"""An image with credentials, and the entries of the audit log."""

from typing import Any

import pytest

from tests.conftest import Service

Body = dict[str, Any]
SECRET = "sEcReT-rEgIsTrY-pAsSwOrD"
LOGIN = {"registry_username": "robot", "registry_password": SECRET}
PATIENCE_SECONDS = 20.0


def audit_log(service: Service, **query: Any) -> list[Body]:
    """The entries that are there, newest first."""
    answer = service.staff.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    entries: list[Body] = answer.json()
    return entries


@pytest.fixture
def image(service: Service) -> Body:
    """An image with credentials, whose creation is in the audit log."""
    return service.make("docker", **LOGIN)
