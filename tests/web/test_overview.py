"""The overview: what needs a person, how much there is, and how to begin where there is nothing."""

import datetime
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.engines import open_database
from tests.conftest import USER as ORDINARY
from tests.conftest import Service
from tests.forks import run
from tests.joining import joined
from tests.process import ADMIN_PASSWORD, PROGRAM, Server, environment, running_server
from tests.web.conftest import STAFF, PageClient, page_client

PATIENCE_SECONDS = 20.0


@pytest.fixture
def staff_pages(service: Service) -> Iterator[PageClient]:
    """A client of the pages of an own catalogue, logged in as staff."""
    with service.client() as http:
        http.post("/login", data={"username": "admin", "password": ADMIN_PASSWORD})
        yield PageClient(http)


def text_of(client: PageClient) -> str:
    """The overview, with white space made one."""
    answer = client.get("/")
    assert answer.status_code == 200
    return " ".join(answer.text.split())


def test_an_empty_server_says_how_to_begin_and_loads_the_examples_once(
    start_server: Callable[..., AbstractContextManager[Server]],
) -> None:
    with start_server() as server, page_client(server) as nobody:
        assert "This server is new" in nobody.get("/login").text
        with page_client(server, *STAFF) as staff:
            assert "This server is new" not in nobody.get("/login").text
            assert "Nothing is here yet" in text_of(staff)
            with server.client() as api:
                body = {"username": ORDINARY[0], "password": ORDINARY[1], "is_staff": False}
                api.post("/v1/users/create", json=body).raise_for_status()
            with page_client(server, *ORDINARY) as user:
                assert "Staff can load them here." in text_of(user)
                assert "Load the example catalogue and fleet" not in text_of(user)
                assert user.post("/examples").status_code == 403
            assert staff.post("/examples").headers["location"] == "/"
            loaded = text_of(staff)
            assert "The example catalogue and fleet are loaded." in loaded
            assert "Nothing is here yet" not in loaded
            assert "<dd>62</dd>" in loaded
            assert "<dd>16</dd>" in loaded
            staff.post("/examples")
            assert "The catalogue is not empty" in text_of(staff)


def test_a_server_starts_with_the_examples_and_not_where_something_is(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running_server(home, "--examples") as server:
        lines = server.out.read_text().splitlines()
        assert lines[0] == "The example catalogue and fleet are loaded: 62 images, 16 nodes"
        assert f"Open {server.url}/ in a browser" in lines
        with server.client() as api:
            image = api.get("/v1/docker/1", params={"expand": "creator"}).json()
        assert image["creator"]["username"] == "admin"
    done = run((PROGRAM, "serve", "--port", "0", "--examples"), environment({"home": str(home)}))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "The catalogue is not empty" in done.stderr


def test_nothing_is_said_to_run_where_there_is_no_image(service: Service, staff_pages: PageClient) -> None:
    service.make("nodes", driver_version="390.25", compute_capability="3.7", gpu_name="Tesla K80")
    shown = text_of(staff_pages)
    assert "<p>Nothing: no node is silent.</p>" in shown
    service.make("docker", cpu=True)
    assert "an image runs on every node" in text_of(staff_pages)


def test_what_needs_a_person_is_named(service: Service, staff_pages: PageClient) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    ends = {"past": -1, "soon": 30, "later": 200}
    for name, days in ends.items():
        last_day = (today + datetime.timedelta(days)).isoformat()
        service.make("docker", name=name, version="1", facts={"end_of_life": last_day}, cpu=False)
    service.make("nodes", driver_version="390.25", compute_capability="3.7", gpu_name="Tesla K80")
    shown = text_of(staff_pages)
    assert "1 image past the end of life" in shown
    assert f"past:1 ({(today - datetime.timedelta(1)).isoformat()})" in shown
    assert "1 image that will be past the end of life within 90 days" in shown
    assert "later:" not in shown
    assert "1 node on which no image runs" in shown
    assert "Tesla K80, driver 390.25" in shown


ATTENTION = re.compile(r'<li>\s*<span class="badge[^>]*>.*?</span>.*?<a href="([^"]+)"><bdi>([\d,]+) ', re.DOTALL)
PAGER = re.compile(r"<p>[\d,]+ to [\d,]+ of ([\d,]+)</p>")


def made_needy(service: Service) -> None:
    """Something for each line of the overview."""
    today = datetime.datetime.now(datetime.UTC).date()
    for number, days in enumerate((-1, -2, 0, 30, 90, 91)):
        facts = {"end_of_life": (today + datetime.timedelta(days)).isoformat()}
        service.make("docker", name="ends", version=f"{number}-a", facts=facts)
    names = {"registry": "registry.invalid", "registry_username": "kim", "registry_password": "a password of kim"}
    failing = [
        service.make("docker", name="fails", version=f"{number}-a", url=f"registry.invalid/fails:{number}", **names)[
            "pk"
        ]
        for number in range(4)
    ]
    for index, driver in enumerate(("390.25", "390.25", "390.48")):
        service.make("nodes", index=index, driver_version=driver, compute_capability="3.7", gpu_name="Tesla K80")
    with joined(service, fault="No driver answers.") as worker:
        silent = worker.nodes[0]
    db = open_database(service.settings.database_url)
    old = "2026-01-01T00:00:00.000000Z"
    states = dict(zip(failing, ("missing", "moved", "denied", "unreachable"), strict=True))

    async def write() -> None:
        async with db.write(moves=False) as tx:
            for pk, state in states.items():
                row = {"image": pk, "registry": "registry.invalid", "state": state, "since": old, "checked": old}
                await tx.execute(sa.delete(tables.checks).where(tables.checks.c.image == pk))
                await tx.execute(sa.insert(tables.checks), row)
            await tx.execute(sa.update(tables.nodes).where(tables.nodes.c.pk == silent).values(last_seen=old))
            for username in ("kim", "gone"):
                row = {"registry": "registry.invalid", "username": username, "last_used": None, "last_refused": old}
                await tx.execute(sa.insert(tables.login_uses), row)
        await db.close()

    service.loop.run(write())


def test_each_line_leads_to_a_list_of_just_what_it_counts(service: Service, staff_pages: PageClient) -> None:
    made_needy(service)
    lines = ATTENTION.findall(staff_pages.get("/").text)
    assert len(lines) == 10
    for path, number in lines:
        answer = staff_pages.get(path.replace("&amp;", "&"))
        assert answer.status_code == 200
        shown = answer.text
        assert PAGER.findall(shown)[-1] == number, path
    numbers = dict(lines)
    assert numbers["/images/outdated?reason=end_of_life"] == "2"
    assert numbers["/nodes/stranded"] == "3"


def test_images_that_fail_are_counted_by_their_state(service: Service, staff_pages: PageClient) -> None:
    service.make("docker", name="gone", registry="registry.invalid", url="team/gone:1")
    service.staff.post("/v1/docker/checks", json={"which": "all"}).raise_for_status()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "1 image in a registry that does not answer" not in text_of(staff_pages):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_hostile_names_are_text(service: Service, staff_pages: PageClient) -> None:
    yesterday = (datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(1)).isoformat()
    for name in ("<b>x</b>", "&amp;<script>alert(1)</script>", "x" * 100):
        service.make("docker", name=name, facts={"end_of_life": yesterday})
    shown = text_of(staff_pages)
    assert "<script>alert" not in shown
    assert "<bdi>&lt;b&gt;x&lt;/b&gt;" in shown
    assert "<bdi>&amp;amp;&lt;script&gt;alert(1)&lt;/script&gt;" in shown
