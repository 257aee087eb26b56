"""Who may what, which methods an address has, and HEAD: compared with the declared table, every route of it."""

from collections.abc import Iterator

import httpx2
import pytest

from bayplan.server.auth.access import WorkerAccess
from bayplan.server.http.route import BodyAs, Route
from bayplan.server.routes import API_ROUTES, ROUTES
from tests import catalogue
from tests.answers import refused
from tests.conftest import Service
from tests.documented import assert_documented
from tests.joining import Joined, joined

NOBODYS_PK = 10**15
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def named(route: Route) -> str:
    """The route's name, for the name of a test."""
    return route.name


def place(route: Route, pk: int = NOBODYS_PK) -> str:
    """The route's path with something in the place of its parameters."""
    start, _, last = route.path.replace("{pk}", str(pk)).rpartition("/")
    return f"{start}/{'8.6' if last.startswith('{') else last}"


@pytest.fixture(scope="module")
def worker(shared: Service) -> Iterator[Joined]:
    """A machine that has joined."""
    with joined(shared) as machine:
        yield machine


def is_refused(route: Route, client: httpx2.Client, path: str) -> bool:
    """Whether the client is told that it may not use the route, whatever it sends and whatever there is.

    A parameter that no route has is refused after rights are checked, and before anything is done.
    """
    answer = client.request(route.method, f"{path}?no_such_parameter=1", content=b"{")
    assert answer.status_code in (400, 403, 422), (route.name, answer.text)
    return answer.status_code == 403


CHECKED = [
    route
    for route in API_ROUTES
    if not (route.access.is_public or route.access.takes_other_tokens or route.access.refuses_after_body)
]


@pytest.mark.parametrize("route", CHECKED, ids=named)
def test_each_kind_of_principal_may_what_the_table_says(shared: Service, worker: Joined, route: Route) -> None:
    path = place(route)
    refused(shared.anonymous.request(route.method, path, content=b"{"), 401)
    assert is_refused(route, shared.staff, path) is not route.access.staff
    assert is_refused(route, shared.user, path) is not route.access.users
    assert is_refused(route, worker.client, path) is (route.access.workers is None)


@pytest.mark.parametrize("route", [route for route in CHECKED if route.access.workers], ids=named)
def test_a_worker_is_refused_at_nodes_of_others_where_the_table_says_so(
    shared: Service, worker: Joined, route: Route
) -> None:
    others = shared.make("nodes")["pk"]
    own_only = route.access.workers is WorkerAccess.OWN_NODE
    assert is_refused(route, worker.client, place(route, others)) is own_only
    assert not is_refused(route, worker.client, place(route, worker.nodes[0]))


def test_only_workers_report_an_inventory(shared: Service, worker: Joined) -> None:
    (route,) = [route for route in API_ROUTES if route.access.refuses_after_body]
    for client, status in ((shared.anonymous, 401), (shared.user, 403), (shared.staff, 403), (worker.client, 200)):
        assert client.request(route.method, route.path, json={"images": []}).status_code == status


@pytest.mark.parametrize("route", [route for route in API_ROUTES if route.access.is_public], ids=named)
def test_public_routes_ask_for_no_token(shared: Service, route: Route) -> None:
    answer = shared.anonymous.request(route.method, route.path, content=b"{")
    assert answer.status_code == (400 if route.body else 200)


def test_only_joining_takes_another_token_than_an_access_token(shared: Service) -> None:
    (route,) = [route for route in API_ROUTES if route.access.takes_other_tokens]
    assert route.path == "/v1/nodes/join"
    assert route.body_as is BodyAs.UNREAD
    for client, status in ((shared.anonymous, 401), (shared.user, 403), (shared.staff, 403)):
        refused(client.post(route.path, json=catalogue.machine(1)), status)


@pytest.mark.parametrize("path", sorted({place(route) for route in ROUTES}))
def test_other_methods_are_405_and_allow_names_those_of_the_table(shared: Service, path: str) -> None:
    fitting = {route.method for route in ROUTES if _fits(route.path, path)}
    allowed = fitting | ({"HEAD"} if "GET" in fitting else set())
    for method in sorted({*METHODS, "OPTIONS", "BREW"} - allowed):
        answer = shared.staff.request(method, path)
        assert answer.status_code == 405
        assert answer.headers["allow"].split(", ") == sorted(allowed)
        if method != "HEAD":
            refused(answer, 405, code="method_not_allowed")


def _fits(pattern: str, path: str) -> bool:
    steps, parts = pattern.split("/"), path.split("/")
    return len(steps) == len(parts) and all(
        part.isdigit() if step == "{pk}" else step.startswith("{") or step == part
        for step, part in zip(steps, parts, strict=True)
    )


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "GET"], ids=named)
def test_head_has_the_headers_of_get_and_no_body(shared: Service, route: Route) -> None:
    key = shared.make("nodes" if "/nodes/" in route.path else "prefetch" if "/prefetch/" in route.path else "docker")[
        "pk"
    ]
    path = place(route, key)
    headers = {"Node-Id": str(shared.make("nodes")["pk"])}
    get = shared.staff.get(path, headers=headers)
    head = shared.staff.head(path, headers=headers)
    assert head.status_code == get.status_code
    assert head.content == b""
    for name in ("content-type", "etag", "cache-control"):
        assert head.headers.get(name) == get.headers.get(name), name


@pytest.mark.parametrize(
    "route", [route for route in API_ROUTES if route.method == "GET" or route.path.endswith("/list")], ids=named
)
def test_an_answer_that_the_sender_has_is_304_where_the_table_says_so(shared: Service, route: Route) -> None:
    key = shared.make("nodes" if "/nodes/" in route.path else "prefetch" if "/prefetch/" in route.path else "docker")
    headers = {"Node-Id": str(shared.make("nodes")["pk"]), "If-None-Match": "*"}
    answer = shared.staff.request(route.method, place(route, key["pk"]), headers=headers)
    if answer.status_code != 404:  # nothing is stored of the image's registry
        assert (answer.status_code == 304) is route.conditional


def test_an_answer_that_the_document_does_not_have_is_noticed(shared: Service) -> None:
    path = "/v1/credentials"
    assert_documented("GET", path, shared.staff.get(path))
    for status, headers in (
        (418, {}),
        (200, {"Content-Type": "text/plain"}),
        (200, {"Content-Type": "application/json", "X-More": "1"}),
        (503, {"Content-Type": "application/json"}),
    ):
        with pytest.raises(AssertionError, match="document"):
            assert_documented("GET", path, httpx2.Response(status, headers=headers))


def test_head_gives_no_password_out_and_enters_none(shared: Service) -> None:
    image = shared.make("docker", registry_username="robot", registry_password="a password")["pk"]
    before = len(shared.staff.get("/v1/audit").json())
    assert shared.staff.head(f"/v1/docker/{image}").status_code == 200
    assert len(shared.staff.get("/v1/audit").json()) == before


def test_every_route_of_the_table_is_declared_once() -> None:
    names = [route.name for route in ROUTES]
    assert sorted(set(names)) == sorted(names)
    identities = [route.operation_id for route in API_ROUTES]
    assert sorted(set(identities)) == sorted(identities)
    assert all(identities)
