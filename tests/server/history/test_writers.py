"""Every route that writes: the catalogue's version never moves without an entry in the change log, and no secret is in it."""

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import fetch_all
from bayplan.db.engines import open_database
from tests import catalogue
from tests.conftest import USER, Service, Template, serving
from tests.inprocess import Loop
from tests.joining import join_token, joined
from tests.process import PROGRAM
from tests.registry.running import LOGIN, Registry
from tests.server.inspections.conftest import guarded, made, pushed, registry
from tests.tokens import made as made_token

__all__ = ["guarded", "registry"]
Row = dict[str, Any]
# A change of each resource.
_CHANGES: dict[str, Row] = {
    "docker": {"url": "registry.example.com/another:1"},
    "cuda": {"min_driver_version": "999.1"},
    "hardware": {"generation": "another"},
    "frameworks": {"version": "99.9"},
    "domains": {"name": "another"},
    "licences": {"name": "another"},
    "users": {"first_name": "another"},
    "nodes": {"gpu_name": "another"},
    "prefetch": {"name": "another"},
}
PASSWORD, NEXT_PASSWORD, USER_PASSWORD = "first secret: of the registry", "second secret", "a secret of a user"

# Routes that are no GET and write nothing that an answer under the catalogue's version shows.
WRITE_NOTHING = {
    "POST /v1/auth/obtain",
    "POST /v1/auth/refresh",
    "POST /v1/auth/verify",
    "POST /v1/docker/inspect",
    "POST /v1/docker/match",
    "POST /v1/docker/matrix",
    "POST /v1/docker/retirement",
    "POST /v1/docker/what-if",
    "POST /v1/docker/{pk}/fit",
    "POST /v1/docker/{pk}/scan",  # which is made later, and logs what it finds
    "POST /v1/docker/checks",  # whose checks are made later, and log what they find
    "POST /v1/nodes/join-tokens",
    "DELETE /v1/nodes/join-tokens/{pk}",
    "PUT /v1/prefetch/holdings",
}


@pytest.fixture
def service(
    kind: str, request: pytest.FixtureRequest, template: Template, loop: Loop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The application, which may ask 127.0.0.1, over a catalogue of this test's own."""
    folder = tmp_path_factory.mktemp("writers")
    with serving(kind, request, template, loop, folder, registry_allow_private=("127.0.0.0/8",)) as service:
        yield service


class Log:
    """The change log of a service, read from its database, and which routes have written."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.routes: set[str] = set()

    def rows(self, table: sa.Table = tables.changes) -> list[Row]:
        """All rows of a table."""

        async def read() -> list[Row]:
            db = open_database(self.service.settings.database_url)
            try:
                return [dict(row._mapping) for row in await fetch_all(db, sa.select(table))]
            finally:
                await db.close()

        return self.service.loop.run(read())

    def version(self) -> int:
        """The catalogue's version."""
        number: int = self.service.anonymous.get("/readyz").json()["catalogue_version"]
        return number

    def entries(self, before: int, author: str | None) -> list[tuple[str, int | None, str, Row]]:
        """What one write since that version left: (resource, pk, action, fields), in order."""
        assert self.version() == before + 1
        rows = [row for row in self.rows() if row["version"] > before]
        assert [row["position"] for row in rows] == list(range(len(rows)))
        assert {(row["version"], row["author"]) for row in rows} == {(before + 1, author)}
        assert all(re.fullmatch(r"20\d\d-.*Z", row["time"]) for row in rows)
        return [(row["resource"], row["object"], row["action"], row["fields"]) for row in rows]

    def write(
        self,
        route: str,
        body: object = None,
        *,
        client: httpx2.Client | None = None,
        author: str = "admin",
        **names: Any,
    ) -> tuple[Row, list[tuple[str, int | None, str, Row]]]:
        """What a request that writes answers, and what it leaves; the route as the OpenAPI document names it."""
        self.routes.add(route)
        before = self.version()
        method, path = route.format(**names).split(" ")
        answer = (client or self.service.staff).request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}, self.entries(before, author)


@pytest.fixture
def log(service: Service) -> Log:
    """The change log."""
    return Log(service)


def test_a_new_catalogue_has_its_first_rows_in_the_log(log: Log) -> None:
    first = [row for row in log.rows() if row["version"] == 1]
    assert {row["resource"] for row in first} == {"cuda", "hardware", "domains", "licences", "users"}
    assert {(row["author"], row["action"]) for row in first} == {(None, "create")}
    admin = next(row for row in first if row["resource"] == "users")
    assert admin["fields"]["username"] == [None, "admin"]
    assert admin["fields"]["password"] == [None, "(set)"]


@pytest.mark.parametrize("resource", catalogue.BODIES)
def test_every_write_of_a_resource(log: Log, resource: str) -> None:
    body = catalogue.BODIES[resource]()
    made, entries = log.write(f"POST /v1/{resource}/create", body)
    pk = made["pk"]
    ((*what, fields),) = entries
    assert what == [resource, pk, "create"]
    assert all(before is None and after is not None for before, after in fields.values())
    # A write that changes nothing says so: the password is no field of a user's PUT.
    whole = {name: value for name, value in body.items() if name != "password"}
    _, entries = log.write(f"PUT /v1/{resource}/{{pk}}", whole, pk=pk)
    assert entries == [(resource, pk, "change", {})]
    changes = _CHANGES[resource]
    _, ((*what, fields),) = log.write(f"PATCH /v1/{resource}/{{pk}}", changes, pk=pk)
    assert what == [resource, pk, "change"]
    assert fields == {name: [made[name], value] for name, value in changes.items()}
    _, ((*what, fields),) = log.write(f"DELETE /v1/{resource}/{{pk}}", pk=pk)
    assert what == [resource, pk, "change" if resource == "users" else "delete"]
    if resource == "users":
        assert fields == {"is_active": [True, False]}
    elif resource == "docker":
        assert list(fields) == ["deletion_time"]
    else:
        assert {name: before for name, (before, _) in fields.items()}.items() >= changes.items()


def test_what_only_images_have(log: Log) -> None:
    image = log.service.make("docker")
    pk = image["pk"]
    facts = {"min_driver": "570.0", "compiles_at_runtime": True}
    _, entries = log.write("PATCH /v1/docker/{pk}/facts", facts, pk=pk)
    expected = {"facts.compiles_at_runtime": [None, "ptx"], "facts.min_driver": [None, "570.0"]}
    assert entries == [("docker", pk, "change", expected)]
    _, entries = log.write("PATCH /v1/docker/{pk}/facts", {"min_driver": None}, pk=pk)
    assert entries == [("docker", pk, "change", {"facts.min_driver": ["570.0", None]})]
    lifecycle = {"deprecated": True, "since": "2026-01-02", "why": "old"}
    _, entries = log.write("PATCH /v1/docker/{pk}/lifecycle", lifecycle, pk=pk)
    became: Row = {"lifecycle.deprecated": [False, True], "lifecycle.since": [None, "2026-01-02"]}
    assert entries == [("docker", pk, "change", became | {"lifecycle.why": [None, "old"]})]
    _, ((*_, fields),) = log.write("DELETE /v1/docker/{pk}", pk=pk)
    deleted = fields["deletion_time"][1]
    _, entries = log.write("DELETE /v1/docker/{pk}/reinstate", pk=pk)
    assert entries == [("docker", pk, "reinstate", {"deletion_time": [deleted, None]})]
    _, ((*what, fields),) = log.write("DELETE /v1/docker/{pk}/hard", pk=pk)
    assert what == ["docker", pk, "erase"]
    assert fields["url"] == [image["url"], None]


def test_licences_subdescriptors_and_apply(log: Log) -> None:
    licence = log.service.make("licences")
    body: Row = {"method": "add", "type": "permissions", "names": ["patent-use-of-tests"]}
    _, ((*what, fields),) = log.write("PATCH /v1/licences/{pk}/subdescriptors", body, pk=licence["pk"])
    assert what == ["licences", licence["pk"], "change"]
    before, after = fields["permissions"]
    assert after == [*before, "patent-use-of-tests"]
    image = catalogue.image(registry_username="robot", registry_password=PASSWORD, facts={"min_driver": "570.0"})
    document = {"images": [image], "nodes": [catalogue.node()]}
    _, entries = log.write("POST /v1/catalogue/apply", document)
    assert {(resource, action) for resource, _, action, _ in entries} >= {("docker", "create"), ("nodes", "create")}
    logged: Row = {}
    for resource, _, _, fields in entries:
        logged |= fields if resource == "docker" else {}
    assert logged["registry_password"] == [None, "(set)"]
    assert logged["facts.min_driver"] == [None, "570.0"]
    version, count = log.version(), len(log.rows())
    for flags in ("", "?dry_run=true&prune=true"):
        assert log.service.staff.post(f"/v1/catalogue/apply{flags}", json=document).is_success
        assert (log.version(), len(log.rows())) == (version, count)


def test_machines_that_join_report_and_are_revoked(log: Log) -> None:
    with joined(log.service) as machine:
        name, route = machine.answer["worker"], "POST /v1/nodes/join"
        entries = log.entries(log.version() - 1, name)
        assert {(resource, action) for resource, _, action, _ in entries} == {("workers", "join"), ("nodes", "create")}
        _, entries = log.write(route, machine.body, client=machine.client, author=name)
        assert [(resource, action, fields) for resource, _, action, fields in entries] == [("workers", "report", {})]
        moved = machine.body | {"ip": "10.99.0.1", "gpus": machine.body["gpus"][:1]}
        _, entries = log.write(route, moved, client=machine.client, author=name)
        assert [(resource, action) for resource, _, action, _ in entries] == [
            ("workers", "report"),
            ("nodes", "delete"),
            ("nodes", "change"),
        ]
        assert entries[0][3] == {"ip": [machine.body["ip"], "10.99.0.1"]}
        with log.service.client(join_token(log.service)) as anew:
            _, entries = log.write(route, moved, client=anew, author=name)
        assert entries[0][2:] == ("join", {"secret": ["(set)", "(changed)"]})
    _, entries = log.write("DELETE /v1/nodes/workers/{worker}?nodes=true", worker=name)
    assert [(resource, action) for resource, _, action, _ in entries] == [("nodes", "delete"), ("workers", "revoke")]


def test_tokens_for_programs_and_ones_own_password(log: Log) -> None:
    body = {"name": "ci", "scopes": ["apply"], "expires_in": 60}
    new, entries = log.write("POST /v1/tokens/create", body)
    fields = {"name": [None, "ci"], "owner": [None, 1], "scopes": [None, ["apply"]], "expires": [None, new["expires"]]}
    assert entries == [("tokens", new["pk"], "create", fields | {"secret": [None, "(set)"]})]
    revoked = {"name": ["ci", None], "secret": ["(set)", None]}
    _, entries = log.write("DELETE /v1/tokens/{pk}", pk=new["pk"])
    assert entries == [("tokens", new["pk"], "revoke", revoked)]
    new = made_token(log.service.user, "mine")
    passwords = {"old_password": USER[1], "password": NEXT_PASSWORD}
    _, (first, second) = log.write("POST /v1/users/me/password", passwords, client=log.service.user, author=USER[0])
    assert first == ("tokens", new["pk"], "revoke", {"name": ["mine", None], "secret": ["(set)", None]})
    assert (second[0], second[3]) == ("users", {"password": ["(set)", "(changed)"]})


def test_what_registries_say_and_new_credentials(log: Log, guarded: Registry) -> None:
    image = made(log.service, pushed(guarded, "team/logged"), LOGIN)
    pk = image["pk"]
    before = log.version()
    log.routes.add("POST /v1/docker/{pk}/checks")
    assert log.service.staff.post(f"/v1/docker/{pk}/checks").json()["state"] == "ok"
    ((*what, fields),) = log.entries(before, None)
    assert what == ["docker", pk, "check"]
    assert fields["state"] == [None, "ok"]
    assert log.service.staff.post(f"/v1/docker/{pk}/checks").json()["state"] == "ok"
    assert log.version() == before + 1, "what is as before moves no version"
    _, ((*what, fields),) = log.write("POST /v1/docker/{pk}/inspection", pk=pk)
    assert what == ["docker", pk, "inspect"]
    assert fields["digest"][1].startswith("sha256:")
    assert fields["facts.architectures"] == [None, ["amd64"]]
    (platform,) = log.service.staff.get(f"/v1/docker/{pk}/inspection").json()["platforms"]
    scan = {"facts": {"min_gpus": {"value": 2, "source": "a file", "certainty": "stated"}}}
    _, entries = log.write("PUT /v1/scans/{digest}", scan, digest=platform["digest"])
    assert entries == [
        ("scans", None, "scan", {"digest": [None, platform["digest"]]}),
        ("docker", pk, "scan", {"facts.min_gpus": [None, 2]}),
    ]
    body = {
        "registry": guarded.host,
        "registry_username": LOGIN.username,
        "registry_password": NEXT_PASSWORD,
        "new_username": "robot-2",
        "check": False,
    }
    _, entries = log.write("POST /v1/credentials/rotate", body)
    expected = {"registry_password": ["(set)", "(changed)"], "registry_username": [LOGIN.username, "robot-2"]}
    assert entries == [("docker", pk, "rotate", expected)]


def test_no_secret_is_in_the_log(log: Log) -> None:
    service = log.service
    image = service.make("docker", registry_username="robot", registry_password=PASSWORD)
    stored = [row["registry_password"] for row in log.rows(tables.images)]
    for password, logged in (
        (NEXT_PASSWORD, ["(set)", "(changed)"]),
        (None, ["(set)", None]),
        (PASSWORD, [None, "(set)"]),
    ):
        body = {"registry_username": password and "robot", "registry_password": password}
        _, ((*_, fields),) = log.write("PATCH /v1/docker/{pk}", body, pk=image["pk"])
        assert fields["registry_password"] == logged
        stored += [row["registry_password"] for row in log.rows(tables.images)]
    person = service.make("users", password=USER_PASSWORD)
    stored += [row["password_hash"] for row in log.rows(tables.users)]
    _, entries = log.write("PATCH /v1/users/{pk}", {"password": NEXT_PASSWORD}, pk=person["pk"])
    assert entries == [("users", person["pk"], "change", {"password": ["(set)", "(changed)"]})]
    stored += [row["password_hash"] for row in log.rows(tables.users)]
    before = log.version()
    _rotate_key(service)
    assert log.entries(before, None) == [("secrets", None, "encrypt", {"registry_passwords": [None, 1]})]
    stored += [row["registry_password"] for row in log.rows(tables.images)]
    with joined(service) as machine:
        stored += [machine.answer["secret"], *(row["secret_hash"] for row in log.rows(tables.workers))]
    assert service.staff.delete(f"/v1/docker/{image['pk']}/hard").is_success
    text = repr(log.rows())
    for never in (PASSWORD, NEXT_PASSWORD, USER_PASSWORD, *filter(None, stored)):
        assert never not in text
    assert not re.search(r"v1:[0-9a-f]{8}:|argon2", text)


def _rotate_key(service: Service) -> None:
    """Encrypts all passwords with a new key, as somebody does on the server's host."""
    environment = {
        "BAYPLAN_HOME": str(service.settings.home),
        "BAYPLAN_DATABASE": service.settings.database_url,
        "PATH": "/usr/bin:/bin",
    }
    command = [str(PROGRAM), "secrets", "rotate"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )  # our own program
    assert done.returncode == 0, done.stderr


def test_every_route_that_may_write_is_tried_here(log: Log, guarded: Registry) -> None:
    for resource in catalogue.BODIES:
        test_every_write_of_a_resource(log, resource)
    for test in (
        test_what_only_images_have,
        test_licences_subdescriptors_and_apply,
        test_machines_that_join_report_and_are_revoked,
        test_tokens_for_programs_and_ones_own_password,
    ):
        test(log)
    test_what_registries_say_and_new_credentials(log, guarded)
    paths = log.service.anonymous.get("/openapi.json").json()["paths"]
    writing = {
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method in methods
        if method not in ("get", "head") and not path.endswith("/list")
    }
    assert writing - {route.partition("?")[0] for route in log.routes} == WRITE_NOTHING
