"""The pages of registries: what the API says of them, for whom, and another password, tried at a real registry."""

import re
import socket
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests import catalogue
from tests.conftest import USER, Service, Template, serving
from tests.inprocess import Loop
from tests.process import ADMIN_PASSWORD
from tests.registry.running import LOGIN, Registry, running_registry
from tests.server.http.test_statements import counted
from tests.web.conftest import PageClient

WRONG = "a password of nobody"
HOSTILE = "<script>alert(1)</script>\u05d0 & co" + "x" * 200


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that requires a password."""
    with running_registry("basic", tmp_path_factory.mktemp("basic")) as registry:
        yield registry


@pytest.fixture
def service(
    kind: str, request: pytest.FixtureRequest, template: Template, loop: Loop, tmp_path: Path
) -> Iterator[Service]:
    """The application, which may ask 127.0.0.1, over a catalogue of this test's own."""
    with serving(kind, request, template, loop, tmp_path, registry_allow_private=("127.0.0.0/8",)) as service:
        yield service


@pytest.fixture
def pages(service: Service) -> Iterator[PageClient]:
    """The pages of that application, as staff."""
    with service.client() as http:
        http.post("/login", data={"username": "admin", "password": ADMIN_PASSWORD})
        yield PageClient(http)


def image(service: Service, host: str, username: str | None = None, password: str | None = None, **more: str) -> int:
    """An image of a registry; gives its pk."""
    url = f"{host}/team/{catalogue.image()['name']}:1"
    credentials = {"registry_username": username, "registry_password": password} if username else {}
    return int(service.make("docker", url=url, registry=f"https://{host}", **credentials, **more)["pk"])


def rotate_path(registry: str, username: str) -> str:
    """The address of the form."""
    return f"/registries/rotate?{urlencode({'registry': registry, 'username': username})}"


def text_of(page: str) -> str:
    """What a page says, in one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_registries_and_credentials_as_the_api_has_them(service: Service, pages: PageClient, locked: Registry) -> None:
    accepted = image(service, locked.host, LOGIN.username, LOGIN.password)
    refused = image(service, locked.host, "kim", WRONG)
    image(service, "quay.example.org", "a & b", "x")
    for pk in (accepted, refused):
        service.staff.post(f"/v1/docker/{pk}/checks").raise_for_status()
    page = pages.get("/registries")
    assert page.status_code == 200
    listed = service.staff.get("/v1/credentials").json()
    assert {(entry["registry"], entry["username"]) for entry in listed} == {
        (locked.host, LOGIN.username),
        (locked.host, "kim"),
        ("quay.example.org", "a & b"),
    }
    for entry in listed:
        link = rotate_path(entry["registry"], entry["username"]).replace("&", "&amp;")
        assert f'href="{link}"' in page.text
        assert pages.get(unescape(link)).status_code == 200
    states = service.staff.get("/v1/docker/checks").json()["states"]
    assert states["denied"] == 1
    query = f"/images?{urlencode({'registry': locked.host, 'state': 'denied'})}"
    assert f'href="{query.replace("&", "&amp;")}"' in page.text
    chosen = pages.get(query).text
    assert f'href="/images/{refused}"' in chosen
    assert f'href="/images/{accepted}"' not in chosen
    assert page.text.count("tone-bad") == 3  # a missing image, a denied one, and the credentials that were refused


def test_who_is_not_staff_sees_no_credentials(service: Service) -> None:
    image(service, "quay.example.org", "robot", "x")
    with service.client() as http:
        http.post("/login", data=dict(zip(("username", "password"), USER, strict=True)))
        user = PageClient(http)
        page = user.get("/registries")
        assert "quay.example.org" in page.text
        assert "robot" not in page.text
        assert "Credentials" not in page.text
        assert user.get(rotate_path("quay.example.org", "robot")).status_code == 403
        assert user.post(rotate_path("quay.example.org", "robot"), registry_password="y").status_code == 403


def test_another_password_is_tried_first_and_never_shown(service: Service, pages: PageClient, locked: Registry) -> None:
    pk = image(service, locked.host, LOGIN.username, WRONG)
    path = rotate_path(locked.host, LOGIN.username)

    def stored() -> str:
        return str(service.staff.get(f"/v1/docker/{pk}").json()["registry_password"])

    empty = pages.post(path, check="true")
    assert empty.status_code == 422
    assert "Type the new password." in empty.text
    refused = pages.post(path, registry_password="another wrong one", check="true", new_username="")
    assert refused.status_code == 422
    assert 'id="registry_password-mistake"' in refused.text
    assert "Nothing was changed." in refused.text
    assert "another wrong one" not in refused.text
    assert stored() == WRONG
    untried = pages.post(path, registry_password="typed once", again="typed twice")
    assert untried.status_code == 422
    assert 'id="again-mistake"' in untried.text
    several = pages.post(path, registry_password="a\nb", new_username="x" * 501)
    assert {"registry_password", "again", "new_username"} <= set(re.findall(r'id="(\w+)-mistake"', several.text))
    done = pages.post(path, registry_password=LOGIN.password, check="true")
    assert done.status_code == 303, done.text
    assert stored() == LOGIN.password
    notice = text_of(pages.get("/registries").text)
    assert "1 image has the new credentials." in notice
    assert "accepted the credentials for 1 repository" in notice
    for answer in (empty, refused, untried, several, done):
        assert LOGIN.password not in answer.text
    newest = service.staff.get("/v1/history", params={"limit": 1}).json()[0]
    assert (newest["action"], newest["user"], newest["pk"]) == ("rotate", "admin", pk)
    assert LOGIN.password not in str(newest)
    audited = service.staff.get("/v1/audit", params={"name": locked.host}).json()
    assert "rotate" in {entry["action"] for entry in audited}


def test_a_registry_that_does_not_answer_is_said_beside_the_choice(service: Service, pages: PageClient) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{nobody.getsockname()[1]}"
        image(service, host, "robot", WRONG)
        path = rotate_path(host, "robot")
        away = pages.post(path, registry_password="a new one", check="true")
    assert away.status_code == 422
    assert 'id="check-mistake"' in away.text
    assert "remove this tick" in away.text
    done = pages.post(path, registry_password="a new one", again="a new one", new_username="robot 2")
    assert done.status_code == 303
    assert service.staff.get("/v1/credentials").json()[0]["username"] == "robot 2"
    assert pages.get(path).status_code == 404  # nobody has that name any more
    assert pages.post(path, registry_password="a new one", again="a new one").status_code == 404


def test_a_forged_form_changes_nothing(service: Service, pages: PageClient) -> None:
    image(service, "quay.example.org", "robot", WRONG)
    fields = {"registry_password": "x", "again": "x"}
    path = rotate_path("quay.example.org", "robot")
    assert pages.http.post(path, data=fields, headers={"Accept": "text/html"}).status_code == 403
    assert service.staff.get("/v1/history", params={"limit": 1}).json()[0]["action"] != "rotate"


def test_hostile_names_are_harmless_and_more_of_them_cost_no_more_statements(
    service: Service, pages: PageClient
) -> None:
    image(service, "quay.example.org", HOSTILE, "x")
    pages.get("/registries")
    with counted() as few:
        page = pages.get("/registries")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    for number in range(120):
        image(service, f"registry{number}.example.org", f"robot{number}", "x")
    pages.get("/registries")
    with counted() as many:
        page = pages.get("/registries")
    assert len(many) == len(few)
    assert "1 to 100 of 121" in page.text
    assert "registry99.example.org" not in page.text
    assert "registry99.example.org" in pages.get("/registries?offset=100&credentials_offset=100").text
    assert pages.get("/registries?offset=1000").status_code == 200
