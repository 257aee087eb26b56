"""A server with the example catalogue and fleet, a browser, and pages in it."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx2
import pytest
import yaml
from playwright.sync_api import Page

from tests import catalogue
from tests.conftest import Service, Template, serving
from tests.inprocess import Loop
from tests.process import ADMIN_PASSWORD, Server, running_server
from tests.registry.running import Registry, running_registry
from tests.tour import ROOT
from tests.web.browser import RunningBrowser, running_browser, visit
from tests.web.large import large_catalogue

STAFF = ("admin", ADMIN_PASSWORD)
USER = ("casey", "casey's long password")
PYTORCH = {
    "expressions": [
        {"type": "exact", "field": "tasks", "value": "train", "case_insensitive": True},
        {"type": "exact", "field": "framework.name", "value": "PyTorch"},
    ],
    "order_by": [{"field": "framework.version", "ascending": False}, {"field": "name"}, {"field": "version"}],
}
"""The images of the rule that the site has."""
_FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')


@dataclass(frozen=True)
class PageClient:
    """A client of the pages: logged in by the cookie of a session, or not."""

    http: httpx2.Client

    @property
    def session(self) -> str:
        """The session's token."""
        return self.http.cookies["bayplan_session"]

    def get(self, address: str, **headers: str) -> httpx2.Response:
        """Asks as a browser does for a page."""
        return self.http.get(address, headers={"Accept": "text/html", **headers})

    def post(self, address: str, **fields: str | list[str]) -> httpx2.Response:
        """Sends a form with the token that the overview has."""
        token = _FORM_TOKEN.search(self.get("/").text)
        return self.http.post(
            address,
            data={**fields, **({"form_token": token[1]} if token else {})},
            headers={"Accept": "text/html", "Origin": str(self.http.base_url).rstrip("/")},
        )


@contextmanager
def page_client(server: Server, username: str = "", password: str = "") -> Iterator[PageClient]:
    """A client of a server's pages, logged in where a user is named."""
    with httpx2.Client(base_url=server.url, timeout=30.0) as http:
        if username:
            answer = http.post("/login", data={"username": username, "password": password})
            assert answer.status_code == 303, answer.text
        yield PageClient(http)


def load_examples(server: Server) -> None:
    """Applies the example catalogue and fleet."""
    with server.client() as client:
        for name in ("catalogue", "fleet"):
            document = yaml.safe_load((ROOT / "examples" / f"{name}.yaml").read_text(encoding="utf-8"))
            client.post("/v1/catalogue/apply", json=document).raise_for_status()


def join(server: Server, ip: str) -> None:
    """Lets the machine of a node without a GPU join, as it is stored, with a token for one more."""
    with server.client() as client:
        (node,) = (node for node in client.post("/v1/nodes/list").json() if node["ip"] == ip)
        token = client.post("/v1/nodes/join-tokens", json={"uses": 2}).raise_for_status().json()["token"]
        body = {name: node[name] for name in ("ip", "architecture", "cpu_mem")}
        bearer = {"Authorization": f"Bearer {token}"}
        client.post("/v1/nodes/join", json=body, headers=bearer).raise_for_status()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the examples, and an ordinary user beside `admin`, for tests that change nothing that others read."""
    with running_server(tmp_path_factory.mktemp("site") / "home") as server:
        load_examples(server)
        with server.client() as client:
            body = {"username": USER[0], "password": USER[1], "is_staff": False}
            client.post("/v1/users/create", json=body).raise_for_status()
            rule = catalogue.prefetch(name="PyTorch for training", images=PYTORCH)
            client.post("/v1/prefetch/create", json=rule).raise_for_status()
            client.post("/v1/tokens/create", json={"name": "first", "scopes": ["read"]}).raise_for_status()
        join(server, "cpu.example.org")
        yield server


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose users, tokens and workers tests change under names of their own; `casey` is an ordinary user."""
    with running_server(tmp_path_factory.mktemp("office") / "home") as server:
        server.stock()
        with server.client() as client:
            body = {"username": USER[0], "password": USER[1], "is_staff": False}
            client.post("/v1/users/create", json=body).raise_for_status()
        yield server


@pytest.fixture(scope="session")
def office_staff(office: Server) -> Iterator[PageClient]:
    """A client of that server that is logged in as staff."""
    with page_client(office, *STAFF) as client:
        yield client


@pytest.fixture(scope="session")
def office_user(office: Server) -> Iterator[PageClient]:
    """A client of that server that is logged in as an ordinary user."""
    with page_client(office, *USER) as client:
        yield client


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageClient]:
    """Pages of a server with more groups and kinds than a page shows, whose names are hostile."""
    with running_server(tmp_path_factory.mktemp("large") / "home") as server:
        with server.client() as api:
            applied = api.post("/v1/catalogue/apply", json=large_catalogue())
            assert applied.status_code == 200, applied.text[:2000]
        with page_client(server, *STAFF) as client:
            yield client


@pytest.fixture(scope="session")
def as_staff(site: Server) -> Iterator[PageClient]:
    """A client that is logged in as staff."""
    with page_client(site, *STAFF) as client:
        yield client


@pytest.fixture(scope="session")
def as_user(site: Server) -> Iterator[PageClient]:
    """A client that is logged in as an ordinary user."""
    with page_client(site, *USER) as client:
        yield client


@pytest.fixture(scope="session")
def as_nobody(site: Server) -> Iterator[PageClient]:
    """A client without a session; requests keep no cookies."""
    with page_client(site) as client:
        yield client


@pytest.fixture(scope="session")
def chromium() -> Iterator[RunningBrowser]:
    """The browser of this test process."""
    with running_browser() as browser:
        yield browser


@pytest.fixture
def logged_in(site: Server, chromium: RunningBrowser, as_staff: PageClient) -> Iterator[Page]:
    """A page in the browser, logged in as staff."""
    with ExitStack() as stack:
        browser = stack.enter_context(chromium.opened())
        yield stack.enter_context(visit(browser, site.url, as_staff.session)).page()


@pytest.fixture
def logged_out(site: Server, chromium: RunningBrowser) -> Iterator[Page]:
    """A page in the browser, with no session."""
    with ExitStack() as stack:
        browser = stack.enter_context(chromium.opened())
        yield stack.enter_context(visit(browser, site.url)).page()


@pytest.fixture(scope="session")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry without credentials."""
    with running_registry("open", tmp_path_factory.mktemp("open")) as registry:
        yield registry


@pytest.fixture(scope="session")
def guarded_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that asks for credentials."""
    with running_registry("basic", tmp_path_factory.mktemp("basic")) as registry:
        yield registry


@pytest.fixture(scope="module")
def shared(
    kind: str, request: pytest.FixtureRequest, template: Template, loop: Loop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The application over a catalogue that a module's tests share; it may ask registries on this machine."""
    folder = tmp_path_factory.mktemp("forms")
    with serving(kind, request, template, loop, folder, registry_allow_private=("127.0.0.0/8",)) as service:
        yield service


@pytest.fixture(scope="module")
def staff(shared: Service) -> Iterator[PageClient]:
    """A client of the pages of the shared catalogue, logged in as staff."""
    with shared.client() as http:
        http.post("/login", data={"username": "admin", "password": ADMIN_PASSWORD})
        yield PageClient(http)
