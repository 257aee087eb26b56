"""What each scope lets a token do: every route of the table, as staff's and as an ordinary user's."""

from collections.abc import Iterator

import httpx2
import pytest

from bayplan.schemas.tokens import SCOPES, STAFF_SCOPES
from bayplan.server.auth.access import Access
from bayplan.server.routes import API_ROUTES
from tests.answers import refused
from tests.conftest import Service
from tests.server.http.test_route_table import CHECKED, is_refused, place
from tests.tokens import made, program

NEVER = {
    *("GET /v1/audit", "GET /v1/history", "GET /v1/credentials", "POST /v1/credentials/rotate"),
    *("GET /v1/docker/{pk}/docker-config", "PUT /v1/prefetch/holdings"),
    *("POST /v1/tokens/create", "POST /v1/tokens/list", "DELETE /v1/tokens/{pk}"),
    *("POST /v1/users/create", "PUT /v1/users/{pk}", "PATCH /v1/users/{pk}", "DELETE /v1/users/{pk}"),
    "POST /v1/users/me/password",
}
"""What no token does: it gives out secrets, or makes or changes who may do what."""


@pytest.fixture(scope="module")
def programs(shared: Service) -> Iterator[dict[str, httpx2.Client]]:
    """A token of staff with each scope, and one of an ordinary user with `match`."""
    clients: dict[str, httpx2.Client] = {
        scope: program(shared, shared.staff, f"only {scope}", scope) for scope in SCOPES
    }
    clients["user"] = program(shared, shared.user, "mine", "match")
    yield clients
    for client in clients.values():
        client.close()


def may(access: Access, granted: set[str], *, is_staff: bool) -> bool:
    """Whether a token with these scopes may use a route with that rule."""
    acts_as_staff = is_staff and access.scope in STAFF_SCOPES
    return access.scope in granted and (access.staff if acts_as_staff else access.users)


@pytest.mark.parametrize("scope", [*SCOPES, "user"])
def test_each_scope_lets_do_what_the_table_says(
    shared: Service, programs: dict[str, httpx2.Client], scope: str
) -> None:
    granted = {"read", "match" if scope == "user" else scope}
    for route in CHECKED:
        expected = may(route.access, granted, is_staff=scope != "user")
        assert is_refused(route, programs[scope], place(route)) is not expected, route.name


def test_what_no_token_does_is_named_here_and_everything_else_has_a_scope() -> None:
    without = {route.name for route in API_ROUTES if route.access.scope is None and not route.access.is_public}
    assert without == NEVER | {"POST /v1/nodes/join"}


def test_what_is_written_takes_a_scope_of_staff() -> None:
    for route in API_ROUTES:
        if route.access.scope in ("read", "match"):
            is_question = route.path.endswith(
                ("/list", "/match", "/matrix", "/what-if", "/inspect", "/fit", "/retirement")
            )
            assert route.method == "GET" or is_question, route.name


def test_the_refusal_names_the_scope_that_is_missing(shared: Service, programs: dict[str, httpx2.Client]) -> None:
    refusal = refused(programs["read"].post("/v1/docker/match", json={"worker": {}}), 403, code="missing_scope")
    assert "'match'" in refusal["detail"]
    assert "has read:" in refusal["detail"]
    refusal = refused(programs["match"].delete("/v1/nodes/workers/w-1"), 403, code="missing_scope")
    assert "'workers'" in refusal["detail"]
    refused(programs["apply"].get("/v1/audit"), 403, code="not_by_token")


def test_a_token_makes_no_token_and_changes_no_password(shared: Service) -> None:
    with program(shared, shared.staff, "all", *SCOPES) as client:
        refused(client.post("/v1/tokens/create", json={"name": "b", "scopes": ["read"]}), 403, code="not_by_token")
        passwords = {"old_password": "x", "password": "another long password"}
        refused(client.post("/v1/users/me/password", json=passwords), 403, code="not_by_token")


@pytest.mark.parametrize("scope", sorted(STAFF_SCOPES))
def test_only_staff_make_tokens_with_a_scope_of_staff(shared: Service, scope: str) -> None:
    refusal = refused(shared.user.post("/v1/tokens/create", json={"name": "x", "scopes": [scope]}), 403)
    assert f"'{scope}'" in refusal["detail"]


def test_a_token_of_staff_reads_as_an_ordinary_user_does(shared: Service) -> None:
    with program(shared, shared.staff, "reader", "apply", "match") as client:
        assert [user["username"] for user in client.post("/v1/users/list").json()] == ["admin"]
    assert made(shared.staff, "in order", "apply", "match", "apply")["scopes"] == ["match", "apply"]
