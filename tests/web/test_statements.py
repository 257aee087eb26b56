"""How many statements the pages of the history, the audit log, users, tokens and workers cost the database: no more for long lists."""

from collections.abc import Iterator

import pytest

from tests.conftest import Service
from tests.joining import join, join_token
from tests.process import ADMIN_PASSWORD
from tests.server.http.test_statements import counted
from tests.web.conftest import PageClient

ADDRESSES = ("/history", "/audit", "/users", "/tokens?everyone=true", "/nodes/workers")
MANY = 12


@pytest.fixture
def staff_pages(service: Service) -> Iterator[PageClient]:
    """A client of the pages of an own catalogue, logged in as staff."""
    with service.client() as http:
        http.post("/login", data={"username": "admin", "password": ADMIN_PASSWORD})
        yield PageClient(http)


def _make(service: Service, number: int) -> None:
    """Something of each kind that the pages list."""
    credentials = {"registry_username": "kim", "registry_password": "a password of kim"}
    image = service.make("docker", registry="registry.example.com", **credentials)
    service.staff.get(f"/v1/docker/{image['pk']}").raise_for_status()
    service.make("nodes")
    service.make("users")
    service.staff.post("/v1/tokens/create", json={"name": f"t{number}", "scopes": ["read"]}).raise_for_status()
    body = {"ip": f"m{number}.example.net", "architecture": "amd64", "cpu_mem": 2**30}
    join(service, body, join_token(service)).raise_for_status()


def _statements(pages: PageClient, address: str) -> int:
    assert pages.get(address).status_code == 200  # the session is read once for each version
    with counted() as statements:
        assert pages.get(address).status_code == 200
    return len(statements)


def test_they_do_not_grow(service: Service, staff_pages: PageClient) -> None:
    _make(service, 0)
    few = {address: _statements(staff_pages, address) for address in ADDRESSES}
    for number in range(1, MANY):
        _make(service, number)
    many = {address: _statements(staff_pages, address) for address in ADDRESSES}
    assert many == few
    assert max(many.values()) <= 12
