"""How many statements an answer costs the database: a bounded number, however much is listed."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from tests import catalogue
from tests.conftest import Service

ALL = "cuda_version,framework,min_hardware_generation,licence,creator"
MANY = 40
NOBODYS = "SELECT DISTINCT checks.registry"
"""The statement by which a server asks for due checks every few seconds, whatever requests come."""


@contextlib.contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that answers take within the block."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(NOBODYS):
            statements.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


@pytest.fixture(scope="module")
def full(shared: Service) -> Service:
    """Many objects of every kind, with references of their own."""
    for _ in range(MANY):
        framework, cuda = shared.make("frameworks"), shared.make("cuda")
        shared.make("docker", framework=framework["pk"], cuda_version=cuda["pk"])
        shared.make("nodes")
    return shared


@pytest.mark.parametrize("resource", catalogue.BODIES)
@pytest.mark.parametrize("query", ["", "?limit=30", f"?expand={ALL}", "?limit=1&offset=3"])
def test_a_list_takes_at_most_three_statements(full: Service, resource: str, query: str) -> None:
    if "expand" in query and resource != "docker":
        query = "?expand=hardware_generation" if resource == "nodes" else ""
    with counted() as statements:
        assert full.staff.post(f"/v1/{resource}/list{query}").status_code == 200
    assert len(statements) <= 3, "\n".join(statements)


def test_a_filter_through_references_takes_at_most_three_statements(full: Service) -> None:
    body = {
        "expressions": [
            {"type": "contains", "field": "framework.name", "sub_string": "Framework"},
            {"type": "exact", "field": "licence.permissions", "value": "commercial-use"},
            {"type": "exact", "field": "tasks", "value": "train"},
        ],
        "order_by": [{"field": "cuda_version.version"}],
    }
    with counted() as statements:
        assert len(full.staff.post("/v1/docker/list", json=body).json()) == MANY
    assert len(statements) <= 3, "\n".join(statements)


@pytest.mark.parametrize("query", ["", f"?expand={ALL}"])
def test_a_load_takes_at_most_three_statements(full: Service, query: str) -> None:
    pk = full.make("docker")["pk"]
    with counted() as statements:
        assert full.staff.get(f"/v1/docker/{pk}{query}").status_code == 200
    assert len(statements) <= 3, "\n".join(statements)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/docker/match", {"worker": {"driver_version": "580.65.06"}, "explain": True}),
        ("GET", "/v1/docker/{image}/nodes", None),
        ("GET", "/v1/nodes/{node}/images", None),
        ("GET", "/v1/catalogue/export", None),
    ],
)
def test_a_question_over_everything_costs_a_few_statements(full: Service, method: str, path: str, body: object) -> None:
    image, node = full.make("docker")["pk"], full.make("nodes")["pk"]
    with counted() as statements:
        assert full.staff.request(method, path.format(image=image, node=node), json=body).status_code == 200
    assert len(statements) <= 12, "\n".join(statements)


def test_a_repeated_question_costs_fewer(full: Service) -> None:
    question = {"worker": {"driver_version": "580.65.06"}}
    full.user.post("/v1/docker/match", json=question)
    with counted() as statements:
        assert full.user.post("/v1/docker/match", json=question).status_code == 200
    assert len(statements) <= 4, "\n".join(statements)
