"""Fixtures that all tests share: both databases, the application over them, and the real server.

Everything is real: PostgreSQL, the migrations, the sessions. A template of each database is made once (migrated, filled,
with accounts and their tokens) and copied for each test, so that a fresh catalogue costs milliseconds.
"""

import contextlib
import itertools
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import hypothesis
import pytest

from bayplan.config import Settings
from tests import catalogue
from tests.inprocess import Loop, client, running_app
from tests.postgres import Postgres, running_postgres
from tests.process import ADMIN_PASSWORD, Server, running_server

if TYPE_CHECKING:
    from bayplan.server.http.application import Application

hypothesis.settings.register_profile("suite", suppress_health_check=[hypothesis.HealthCheck.too_slow], deadline=None)
hypothesis.settings.load_profile("suite")  # made-up input comes slowly on a busy machine
KINDS = ("sqlite", "postgresql")
USER = ("casey", "casey's long password")
_names = itertools.count(1)
# A shell ignores Ctrl-C for what it starts in the background, and programs inherit that: those of the tests would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Service:
    """The application over a fresh catalogue, and who may talk to it."""

    kind: str
    settings: Settings
    app: "Application"
    loop: Loop
    tokens: dict[str, str]
    anonymous: httpx2.Client
    staff: httpx2.Client
    user: httpx2.Client

    def client(self, token: str | None = None, address: str = "127.0.0.1") -> httpx2.Client:
        """One more client, with a token or anonymous, asking from that address."""
        return client(self.app, self.loop, token, address)

    def make(self, resource: str, **changes: object) -> catalogue.Body:
        """Creates an object as staff; gives it as answered."""
        answer = self.staff.post(f"/v1/{resource}/create", json=catalogue.BODIES[resource](**changes))
        assert answer.status_code == 201, answer.text
        made: catalogue.Body = answer.json()
        return made


@dataclass(frozen=True)
class Template:
    """A filled home folder and database, to be copied, and the tokens that are good in every copy."""

    home: Path
    database: str | None
    tokens: dict[str, str]


def settings_of(home: Path, database: str | None, **changes: object) -> Settings:
    """The settings of a server under test."""
    # A day for an access token: the template's are used until the last test.
    return Settings.model_validate(
        {
            "home": home,
            "database": database,
            "admin_password": ADMIN_PASSWORD,
            "access_token_minutes": 1440,
            "server": "http://127.0.0.1:9",
            "verify_interval": "0",  # no test asks public registries
            **changes,
        }
    )


def _obtain_token(anonymous: httpx2.Client, username: str, password: str) -> str:
    answer = anonymous.post("/v1/auth/obtain", json={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access"]
    return token


def _fill(home: Path, database: str | None, loop: Loop) -> dict[str, str]:
    """Starts over nothing, makes the accounts and the framework that `catalogue.image` names; gives the tokens."""
    with running_app(settings_of(home, database), loop) as app, client(app, loop) as anonymous:
        tokens = {"staff": _obtain_token(anonymous, "admin", ADMIN_PASSWORD)}
        with client(app, loop, tokens["staff"]) as staff:
            body = catalogue.user(username=USER[0], password=USER[1])
            assert staff.post("/v1/users/create", json=body).status_code == 201
            body = {"name": "PyTorch", "version": "2.4"}
            assert staff.post("/v1/frameworks/create", json=body).status_code == 201
        tokens["user"] = _obtain_token(anonymous, *USER)
    return tokens


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL cluster of this test process."""
    with running_postgres() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """The event loop that the applications live in."""
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which database: every test that uses this runs on both."""
    chosen: str = request.param
    return chosen


@contextlib.contextmanager
def _fresh_database(kind: str, request: pytest.FixtureRequest, folder: Path, like: str | None) -> Iterator[str]:
    """The address of a new database: empty, or a copy of the PostgreSQL database `like`."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bayplan.db'}"
        return
    cluster: Postgres = request.getfixturevalue("postgres")
    name = f"test_{next(_names)}"
    yield cluster.create(name, like or "template1")
    cluster.drop(name)


@pytest.fixture
def database_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database in which nothing is, not even tables."""
    with _fresh_database(kind, request, tmp_path, None) as url:
        yield url


@pytest.fixture(scope="session")
def template(kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The filled catalogue that `service` copies."""
    home = tmp_path_factory.mktemp(f"template-{kind}")
    name = f"template_{next(_names)}" if kind == "postgresql" else None
    database = request.getfixturevalue("postgres").create(name) if name else None
    return Template(home, name, _fill(home, database, request.getfixturevalue("loop")))


@contextlib.contextmanager
def serving(
    kind: str,
    request: pytest.FixtureRequest,
    template: Template,
    loop: Loop,
    folder: Path,
    options: Mapping[str, Any] | None = None,
    **changes: object,
) -> Iterator[Service]:
    """The application over a copy of the template, with other settings where `changes` names some, and options of `create_app`."""
    home = folder / f"home-{next(_names)}"
    shutil.copytree(template.home, home)
    with _fresh_database(kind, request, home, template.database) as url:
        settings = settings_of(home, url, **changes)
        with contextlib.ExitStack() as stack:
            app = stack.enter_context(running_app(settings, loop, **(options or {})))
            clients = [
                stack.enter_context(client(app, loop, token))
                for token in (None, template.tokens["staff"], template.tokens["user"])
            ]
            yield Service(kind, settings, app, loop, template.tokens, *clients)


@pytest.fixture
def service(
    kind: str, request: pytest.FixtureRequest, template: Template, loop: Loop, tmp_path: Path
) -> Iterator[Service]:
    """The application over a catalogue of this test's own."""
    with serving(kind, request, template, loop, tmp_path) as service:
        yield service


@pytest.fixture(scope="module")
def shared(
    kind: str,
    request: pytest.FixtureRequest,
    template: Template,
    loop: Loop,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """The application over a catalogue that a module's tests share: for tests that change nothing that others read."""
    with serving(kind, request, template, loop, tmp_path_factory.mktemp("shared")) as service:
        yield service


@pytest.fixture
def app(service: Service) -> "Application":
    """The application."""
    return service.app


@pytest.fixture
def staff(service: Service) -> httpx2.Client:
    """A client that is logged in as staff."""
    return service.staff


@pytest.fixture
def user(service: Service) -> httpx2.Client:
    """A client that is logged in as an ordinary user."""
    return service.user


@pytest.fixture
def anonymous(service: Service) -> httpx2.Client:
    """A client without credentials."""
    return service.anonymous


@pytest.fixture(scope="session")
def start_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., "contextlib.AbstractContextManager[Server]"]:
    """Starts servers of the test's own: `with start_server(database=...) as server`."""

    def start(**settings: str) -> "contextlib.AbstractContextManager[Server]":
        home = Path(settings.pop("home", "") or tmp_path_factory.mktemp("server") / "home")
        return running_server(home, **settings)

    return start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server process over SQLite, shared by the tests of a module, with what `catalogue.image` refers to."""
    with running_server(tmp_path_factory.mktemp("server") / "home") as server:
        server.stock()
        yield server
