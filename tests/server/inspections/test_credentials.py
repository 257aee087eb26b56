"""`/v1/credentials` and docker-config against real registries: where credentials are used, another password, files for docker."""

import base64
import contextlib
import json
import re
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bayplan.registry.auth import RegistryCredentials
from tests import catalogue
from tests.answers import refused
from tests.conftest import Service, Template, serving
from tests.inprocess import Loop
from tests.joining import joined
from tests.programs import FETCH_TIMEOUT_SECONDS, program
from tests.registry.misbehaving import Asked
from tests.registry.running import HTPASSWD, LOGIN, Registry, running_registry
from tests.server.inspections.conftest import Body, made, place, pushed, spoiled

SECOND = RegistryCredentials(LOGIN.username, "the next registry pass: word")
SECOND_HTPASSWD = "casey:$2b$05$K/78sTTKpzLtVe5681tXEeSai5k5VzuFSYuVn3kmStyfo9GxfeK2W\n"
WRONG = "a password of nobody"
EVERY_PASSWORD = (LOGIN.password, SECOND.password, WRONG)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with a file of passwords, which it reads again when it changes."""
    with running_registry("basic", tmp_path_factory.mktemp("basic")) as registry:
        yield registry


@pytest.fixture
def service(
    kind: str, request: pytest.FixtureRequest, template: Template, loop: Loop, tmp_path: Path
) -> Iterator[Service]:
    """The application, which may ask 127.0.0.1, over a catalogue of this test's own."""
    with serving(kind, request, template, loop, tmp_path, registry_allow_private=("127.0.0.0/8",)) as service:
        yield service


def set_password(registry: Registry, line: str) -> None:
    """Gives a registry's users another password, as its operators do."""
    (registry.log.parent / "htpasswd").write_text(line)


@contextlib.contextmanager
def second_password(registry: Registry) -> Iterator[None]:
    """A registry that takes the second password, and no other."""
    set_password(registry, SECOND_HTPASSWD)
    try:
        yield
    finally:
        set_password(registry, HTPASSWD)


def overview(service: Service) -> list[Body]:
    """All credentials, with no password among them."""
    answer = service.staff.get("/v1/credentials")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    for password in EVERY_PASSWORD:
        assert password not in answer.text
        assert base64.b64encode(password.encode()).decode().rstrip("=") not in answer.text
    rows: list[Body] = answer.json()
    return rows


def rotated(service: Service, registry: str, password: str, **more: Any) -> httpx2.Response:
    """Gives credentials another password."""
    body = {"registry": registry, "registry_username": LOGIN.username, "registry_password": password, **more}
    return service.staff.post("/v1/credentials/rotate", json=body)


def stored_credentials(service: Service, *images: Body) -> set[tuple[str, str]]:
    """User name and password of images."""
    loaded = [service.staff.get(f"/v1/docker/{image['pk']}").json() for image in images]
    return {(image["registry_username"], image["registry_password"]) for image in loaded}


class TestOverview:
    def test_credentials_are_by_registry_and_user_name(self, service: Service) -> None:
        for url, registry, username, password in (
            ("reg.example.org/a:1", "https://reg.example.org", "kim", LOGIN.password),
            ("reg.example.org/b:1", "reg.example.org", "kim", LOGIN.password),
            ("c:1", "http://REG.example.org:443/", "kim", SECOND.password),
            ("reg.example.org/d:1", "reg.example.org", "lee", LOGIN.password),
            ("reg.example.org:5000/e:1", "reg.example.org:5000", "kim", LOGIN.password),
            ("team/f:1", "https://index.docker.io/v1/", "kim", LOGIN.password),
            ("docker.io/team/g:1", "docker.io", "kim", LOGIN.password),
        ):
            service.make("docker", url=url, registry=registry, registry_username=username, registry_password=password)
        service.make("docker")
        gone = service.make("docker", registry_username="gone", registry_password=WRONG)
        service.staff.delete(f"/v1/docker/{gone['pk']}")
        rows = overview(service)
        assert [(row["registry"], row["username"], row["images"], row["passwords"]) for row in rows] == [
            ("docker.io", "kim", 2, 1),
            ("reg.example.org", "kim", 3, 2),
            ("reg.example.org", "lee", 1, 1),
            ("reg.example.org:5000", "kim", 1, 1),
        ]
        assert {(row["last_used"], row["last_refused"]) for row in rows} == {(None, None)}

    def test_it_says_when_credentials_were_last_given_out(self, service: Service, loop: Loop) -> None:
        begun = datetime.now(UTC)
        credentials = {"registry_username": "kim", "registry_password": LOGIN.password}
        body = catalogue.image(**credentials)
        applied = {"images": [body, catalogue.image(**credentials | {"registry_username": "lee"})]}
        service.staff.post("/v1/catalogue/apply", json=applied).raise_for_status()
        kim, lee = overview(service)
        assert (kim["last_given"], lee["last_given"]) == (None, None), "nobody has got them yet"
        listed = service.user.post("/v1/docker/list").json()
        (pk,) = (image["pk"] for image in listed if image["name"] == body["name"])
        service.user.get(f"/v1/docker/{pk}").raise_for_status()
        assert overview(service)[0]["last_given"] is None, "a user who is no staff gets nothing"
        with joined(service) as worker:
            worker.client.get(f"/v1/docker/{pk}").raise_for_status()
        kim, lee = overview(service)
        assert datetime.fromisoformat(kim["last_given"]) >= begun
        assert lee["last_given"] is None
        service.staff.post("/v1/docker/list").raise_for_status()
        kim, lee = overview(service)
        assert lee["last_given"] >= kim["last_given"]

    def test_an_inspection_says_whether_credentials_are_good(self, service: Service, guarded: Registry) -> None:
        begun = datetime.now(UTC)
        good = made(service, pushed(guarded, "team/good"), LOGIN)
        bad = made(service, pushed(guarded, "team/bad"), RegistryCredentials("kim", WRONG))
        assert service.staff.post(place(good)).status_code == 200
        refused(service.staff.post(place(bad)), 422, code="registry_denied")
        casey, kim = overview(service)
        assert datetime.fromisoformat(casey["last_used"]) >= begun
        assert casey["last_refused"] is None
        assert kim["last_used"] is None
        assert datetime.fromisoformat(kim["last_refused"]) >= begun
        entries = service.staff.get("/v1/audit?kind=registry").json()
        assert [(entry["action"], entry["name"], entry["address"], entry["images"]) for entry in entries] == [
            ("inspect", guarded.host, None, [[bad["pk"]] * 2]),
            ("inspect", guarded.host, None, [[good["pk"]] * 2]),
        ]

    def test_credentials_of_no_image_are_in_the_audit_log_too(self, service: Service, guarded: Registry) -> None:
        body = {
            "url": pushed(guarded, "team/asked"),
            "registry_username": LOGIN.username,
            "registry_password": LOGIN.password,
        }
        assert service.staff.post("/v1/docker/inspect", json=body).status_code == 200
        (entry,) = service.staff.get("/v1/audit").json()
        assert (entry["kind"], entry["name"], entry["passwords"], entry["images"]) == ("registry", guarded.host, 1, [])

    def test_it_is_for_staff(self, service: Service) -> None:
        body = {"registry": "reg.example.org", "registry_username": "kim", "registry_password": WRONG}
        with joined(service) as worker:
            for client in (service.user, worker.client):
                refused(client.get("/v1/credentials"), 403)
                refused(client.post("/v1/credentials/rotate", json=body), 403)
        refused(service.anonymous.get("/v1/credentials"), 401)


class TestRotating:
    def test_a_password_that_works_replaces_the_old_one_everywhere(self, service: Service, locked: Registry) -> None:
        images = [made(service, pushed(locked, f"team/rotated-{number}"), LOGIN) for number in range(3)]
        gone = made(service, pushed(locked, "team/rotated-gone"), LOGIN)
        service.staff.delete(f"/v1/docker/{gone['pk']}")
        others = made(service, pushed(locked, "team/others"), RegistryCredentials("kim", WRONG))
        path = f"/v1/docker/{images[0]['pk']}"
        tag = service.staff.get(path).headers["etag"]
        with second_password(locked):
            answer = rotated(service, locked.host, SECOND.password)
            assert answer.status_code == 200, answer.text
            assert answer.json() == {
                "images": 4,
                "verified": True,
                "detail": f"'{locked.host}' accepted the credentials for 3 repositories.",
            }
            assert stored_credentials(service, *images, gone) == {(SECOND.username, SECOND.password)}
            assert stored_credentials(service, others) == {("kim", WRONG)}
            assert service.staff.get(path).headers["etag"] != tag, "whoever has the old one must ask again"
            assert service.staff.get(path, headers={"If-None-Match": tag}).status_code == 200
            assert service.staff.post(place(images[2])).status_code == 200
        assert [(row["username"], row["images"], row["passwords"]) for row in overview(service)] == [
            (LOGIN.username, 3, 1),
            ("kim", 1, 1),
        ]
        asked = service.staff.get("/v1/audit?kind=registry").json()[1]
        assert (asked["action"], asked["name"]) == ("rotate", locked.host)
        assert asked["images"] == [[images[0]["pk"], images[2]["pk"]]]

    def test_a_password_that_does_not_work_replaces_nothing(self, service: Service, locked: Registry) -> None:
        image = made(service, pushed(locked, "team/kept"), LOGIN)
        version = service.anonymous.get("/readyz").json()["catalogue_version"]
        answer = rotated(service, locked.host, WRONG)
        refused(answer, 422, code="registry_denied")
        assert "Nothing was changed." in answer.json()["detail"]
        assert WRONG not in answer.text
        assert stored_credentials(service, image) == {(LOGIN.username, LOGIN.password)}
        assert service.anonymous.get("/readyz").json()["catalogue_version"] == version
        assert overview(service)[0]["last_refused"] is None, "the one that is stored was not refused"
        assert service.staff.get("/v1/audit?kind=registry").json()[0]["action"] == "rotate"

    def test_unasked_any_password_replaces_the_old_one(self, service: Service, locked: Registry) -> None:
        image = made(service, pushed(locked, "team/unasked"), LOGIN)
        before = len(locked.requests)
        answer = rotated(service, f"http://{locked.host}", WRONG, check=False)
        assert (answer.json()["images"], answer.json()["verified"]) == (1, False)
        assert "not tried" in answer.json()["detail"]
        assert len(locked.requests) == before
        assert stored_credentials(service, image) == {(LOGIN.username, WRONG)}

    def test_another_user_name_comes_with_it(self, service: Service, guarded: Registry) -> None:
        image = made(service, pushed(guarded, "team/renamed"), RegistryCredentials("kim", WRONG))
        body = {"registry": guarded.host, "registry_username": "kim", "registry_password": LOGIN.password}
        answer = service.staff.post("/v1/credentials/rotate", json=body | {"new_username": LOGIN.username})
        assert answer.json()["verified"] is True, answer.text
        assert stored_credentials(service, image) == {(LOGIN.username, LOGIN.password)}
        (row,) = overview(service)
        assert row["username"] == LOGIN.username
        assert row["last_used"] is not None

    def test_a_registry_that_asks_nobody_proves_nothing(self, service: Service, registry: Registry) -> None:
        image = made(service, pushed(registry, "team/for-everybody"), LOGIN)
        answer = rotated(service, registry.host, WRONG)
        assert answer.status_code == 200, answer.text
        assert answer.json()["verified"] is False
        assert "asks for no credentials" in answer.json()["detail"]
        assert stored_credentials(service, image) == {(LOGIN.username, WRONG)}
        assert overview(service)[0]["last_used"] is None

    def test_a_registry_that_does_not_answer_changes_nothing(self, service: Service, loop: Loop) -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            host = f"127.0.0.1:{nobody.getsockname()[1]}"
            image = made(service, f"{host}/team/away:1", LOGIN)
            answer = rotated(service, host, SECOND.password)
        refused(answer, 502, code="registry_unreachable")
        assert "'check' false" in answer.json()["detail"]
        assert stored_credentials(service, image) == {(LOGIN.username, LOGIN.password)}
        with spoiled(loop, _fails) as server:
            made(service, f"{server.host}/team/failing:1", LOGIN)
            refused(rotated(service, server.host, SECOND.password), 502, code="registry_error")

    def test_an_image_that_is_missing_does_not_matter(self, service: Service, guarded: Registry) -> None:
        made(service, f"{guarded.host}/team/never-pushed:1", LOGIN)
        assert rotated(service, guarded.host, LOGIN.password).json()["verified"] is True

    def test_credentials_of_nobody_are_not_found(self, service: Service) -> None:
        made(service, "reg.example.org/a:1", LOGIN)
        for host, check in (("reg.example.org:5000", True), ("elsewhere.example.org", False)):
            refused(rotated(service, host, WRONG, check=check), 404)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"registry": "ftp://reg.example.org"}, "registry"),
            ({"registry_password": ""}, "registry_password"),
            ({"registry_password": 7}, "registry_password"),
            ({"new_username": "a\nb"}, "new_username"),
            ({"check": "yes"}, "check"),
            ({"colour": "red"}, "colour"),
        ],
    )
    def test_a_wrong_body_is_refused(self, service: Service, changes: Body, field: str) -> None:
        body = {"registry": "reg.example.org", "registry_username": "kim", "registry_password": WRONG}
        answer = service.staff.post("/v1/credentials/rotate", json=body | changes)
        refused(answer, 422, field=field)
        assert WRONG not in answer.text

    def test_thousands_of_images_change_at_once(self, service: Service) -> None:
        credentials = {"registry_username": LOGIN.username, "registry_password": LOGIN.password}
        images = [catalogue.image(**credentials) for _ in range(1200)]
        service.staff.post("/v1/catalogue/apply", json={"images": images}).raise_for_status()
        answer = rotated(service, "registry.example.com", SECOND.password, check=False)
        assert answer.json()["images"] == len(images)
        listed = service.staff.post("/v1/docker/list").json()
        assert {(row["registry_username"], row["registry_password"]) for row in listed} == {
            (SECOND.username, SECOND.password)
        }
        (row,) = overview(service)
        assert (row["images"], row["passwords"]) == (len(images), 1)


async def _fails(asked: Asked) -> None:
    await asked.answer(500)


class TestDockerConfig:
    def test_it_has_the_registrys_credentials(self, service: Service, locked: Registry) -> None:
        image = made(service, f"{locked.host}/team/config:1", LOGIN)
        auth = base64.b64encode(f"{LOGIN.username}:{LOGIN.password}".encode()).decode()
        path = f"/v1/docker/{image['pk']}/docker-config"
        with joined(service) as worker:
            for client in (service.staff, worker.client):
                answer = client.get(path)
                assert answer.json() == {"auths": {locked.host: {"auth": auth}}}
                assert answer.headers["cache-control"] == "no-store"
            refused(service.user.get(path), 403)
            assert client.get(f"{path}?format=docker").json() == answer.json()

    def test_docker_hub_has_a_name_of_its_own(self, service: Service) -> None:
        image = service.make(
            "docker", url="team/private:1", registry="docker.io", registry_username="kim", registry_password="x"
        )
        config = service.staff.get(f"/v1/docker/{image['pk']}/docker-config").json()
        assert list(config["auths"]) == ["https://index.docker.io/v1/"]

    def test_an_image_without_credentials_has_none(self, service: Service) -> None:
        image = service.make("docker")
        path = f"/v1/docker/{image['pk']}/docker-config"
        assert service.staff.get(path).json() == {"auths": {}}
        assert service.staff.get("/v1/audit").json() == []
        refused(service.staff.get("/v1/docker/999999/docker-config"), 404)
        refused(service.staff.get(f"{path}?format=podman"), 422, field="format")

    def test_kubernetes_takes_it_as_a_secret(self, service: Service, locked: Registry) -> None:
        image = made(service, f"{locked.host}/team/secret:1", LOGIN)
        path = f"/v1/docker/{image['pk']}/docker-config"
        secret = service.staff.get(f"{path}?format=kubernetes").json()
        assert (secret["apiVersion"], secret["kind"]) == ("v1", "Secret")
        assert secret["type"] == "kubernetes.io/dockerconfigjson"
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", secret["metadata"]["name"])
        assert json.loads(base64.b64decode(secret["data"][".dockerconfigjson"])) == service.staff.get(path).json()

    @pytest.mark.timeout(FETCH_TIMEOUT_SECONDS)
    def test_skopeo_logs_in_with_it(self, service: Service, locked: Registry, tmp_path: Path) -> None:
        skopeo = program("skopeo")
        image = made(service, pushed(locked, "team/skopeo"), LOGIN)
        file = tmp_path / "config.json"

        def inspect(content: bytes) -> int:
            file.write_bytes(content)
            options = ("--tls-verify=false", f"--authfile={file}")
            command = [str(skopeo.path), "inspect", *options, f"docker://{image['url']}"]
            return subprocess.run(command, env=skopeo.environment, capture_output=True, timeout=60).returncode

        assert inspect(b'{"auths": {}}') != 0, "without credentials it must not work, or this says nothing"
        assert inspect(service.staff.get(f"/v1/docker/{image['pk']}/docker-config").content) == 0
