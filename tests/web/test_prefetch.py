"""The pages of prefetch rules: how far the machines are, as the API and the command say it, for whom, and at what cost."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from tests.conftest import USER, Service
from tests.joining import Joined, joined
from tests.process import ADMIN_PASSWORD
from tests.server.http.test_statements import counted
from tests.server.prefetch.conftest import LOGIN, exact
from tests.web.conftest import PageClient

Object = dict[str, Any]
HOSTILE = "<script>alert(1)</script>\u05d0 & co " + "x" * 150


@pytest.fixture
def pages(service: Service) -> Iterator[PageClient]:
    """The pages of the application, as staff."""
    with service.client() as http:
        http.post("/login", data={"username": "admin", "password": ADMIN_PASSWORD})
        yield PageClient(http)


@pytest.fixture
def as_user(service: Service) -> Iterator[PageClient]:
    """The same pages for an ordinary user."""
    with service.client() as http:
        http.post("/login", data=dict(zip(("username", "password"), USER, strict=True)))
        yield PageClient(http)


def text_of(page: str) -> str:
    """What a page says, in one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def rows_of(page: str) -> list[str]:
    """What each row of the tables says."""
    return [text_of(row) for row in re.findall(r'<tr>\n(<th scope="row".*?)</tr>', page, re.DOTALL)]


def rule(service: Service, name: str, *images: Object, nodes: tuple[Object, ...] = ()) -> int:
    """A rule; gives its pk."""
    chosen = {"expressions": list(images), "order_by": [{"field": "name"}]}
    return int(service.make("prefetch", name=name, nodes={"expressions": list(nodes)}, images=chosen)["pk"])


def report(worker: Joined, **states: tuple[int, str | None]) -> None:
    """The inventory of a worker: by state, an image and why."""
    entries = [
        {"image": pk, "state": state, "size_bytes": 4_000_000_000, **({"detail": why} if why else {})}
        for state, (pk, why) in states.items()
    ]
    worker.client.put("/v1/prefetch/holdings", json={"images": entries}).raise_for_status()


def test_the_status_is_what_the_api_says(service: Service, pages: PageClient) -> None:
    images = [service.make("docker", name=name)["pk"] for name in ("a", "b", "c", "d", "e")]
    every = rule(service, "every image")
    some = rule(service, "two images", {"type": "or", "sub_expressions": [exact("name", "a"), exact("name", "d")]})
    with joined(service, ip="10.0.0.7") as behind, joined(service, ip="10.0.0.8") as ready:
        report(behind, held=(images[0], None), failed=(images[1], "no such manifest"), no_room=(images[2], None))
        entries = [{"image": pk, "state": "held", "size_bytes": 1} for pk in images]
        ready.client.put("/v1/prefetch/holdings", json={"images": entries}).raise_for_status()
        status = {entry["ip"]: entry for entry in service.staff.get("/v1/prefetch/status").json()}
        shown = rows_of(pages.get("/prefetch/machines").text)
        for row, ip in zip(shown, ("10.0.0.7", "10.0.0.8"), strict=True):
            names = ("wanted", "held", "pulling", "failed", "no_room")
            numbers = " ".join(str(status[ip][name]) for name in names)
            assert row.startswith(f"{ip} #0 of {ip} #1 of {ip} {numbers} ")
        assert "1 failed, 1 without room, 2 not reported yet b:" in shown[0]
        assert ": no such manifest" in shown[0]
        assert shown[1].endswith("all present")
        assert [row[:8] for row in rows_of(pages.get("/prefetch/machines?only=failed").text)] == ["10.0.0.7"]
        assert rows_of(pages.get("/prefetch/machines?only=pulling").text) == []
        assert [row[:8] for row in rows_of(pages.get("/prefetch/machines?host=.8").text)] == ["10.0.0.8"]
        assert pages.get("/prefetch/machines?only=away").status_code == 422
        whole = pages.get("/prefetch").text
        assert "1 of 2 machines have all desired images: 6 of 10 are present." in text_of(whole)
        assert "6 of 10 present 1 failed, 1 without room, 2 not reported yet" in rows_of(whole)[0]
        assert "(name is a or name is d) 2 images 2 3 of 4 present 1 not reported yet" in rows_of(whole)[1]
        one = pages.get(f"/prefetch/{some}").text
        assert "3 of 4 present 1 not reported yet on 2 machines" in text_of(one)
        of_images, of_nodes = rows_of(one)[:2], rows_of(one)[2:]
        assert ["2 machines 2 " in of_images[0], "2 machines 1 " in of_images[1]] == [True, True]
        assert [re.sub(r"NVIDIA RTX A6000 ", "", row) for row in of_nodes] == [
            "10.0.0.7#0 2 1 1 not reported yet",
            "10.0.0.7#1 2 1 1 not reported yet",
            "10.0.0.8#0 2 2 ✔ all present",
            "10.0.0.8#1 2 2 ✔ all present",
        ]
        inventory = service.staff.get(f"/v1/nodes/{behind.nodes[0]}/holdings").json()["images"]
        missing = [entry for entry in inventory if entry["wanted"] and entry["state"] != "held"]
        assert len(missing) == status["10.0.0.7"]["wanted"] - status["10.0.0.7"]["held"]
    assert pages.get(f"/prefetch/{every + 100}").status_code == 404


def test_nobody_but_staff_sees_why_a_pull_with_credentials_failed(
    service: Service, pages: PageClient, as_user: PageClient
) -> None:
    pk = service.make("docker", name="a", **LOGIN)["pk"]
    rule(service, "every image")
    with joined(service) as worker:
        report(worker, failed=(pk, "robot may not pull this"))
        assert "robot may not pull this" in pages.get("/prefetch/machines").text
        page = as_user.get("/prefetch/machines").text
        assert "robot" not in page
        assert "only staff see why the pull failed" in page


def test_nothing_yet(service: Service, pages: PageClient) -> None:
    assert "There are no rules yet" in pages.get("/prefetch").text
    assert "No machine has joined" in pages.get("/prefetch").text
    assert "No machine has joined" in pages.get("/prefetch/machines").text
    pk = rule(service, "nothing", exact("name", "away"))
    page = text_of(pages.get(f"/prefetch/{pk}").text)
    assert "No image is as the rule says." in page
    assert "0 nodes" in page


def test_hostile_names_are_harmless_and_more_of_them_cost_no_more_statements(
    service: Service, pages: PageClient
) -> None:
    first = service.make("docker", name=HOSTILE[:100])["pk"]
    pk = rule(service, HOSTILE)
    addresses = ("/prefetch", "/prefetch/machines", f"/prefetch/{pk}")
    with joined(service) as worker:
        report(worker, failed=(first, "<script>alert(2)</script>"))

        def statements() -> list[int]:
            """How many each page takes once the plan is there."""
            numbers = []
            for address in addresses:
                pages.get(address)
                with counted() as taken:
                    page = pages.get(address)
                assert page.status_code == 200
                assert "<script>alert" not in page.text
                numbers.append(len(taken))
            return numbers

        few = statements()
        for number in range(110):
            service.make("docker", name=f"image-{number:03}")
            if number % 10 == 0:
                rule(service, f"rule {number}")
        with joined(service, gpus=4), joined(service, gpus=4):
            assert statements() == few
            page = pages.get(f"/prefetch/{pk}")
            assert "1 to 100 of 111" in page.text
            assert "image-109" not in page.text
            assert "image-109" in pages.get(f"/prefetch/{pk}?images_offset=100").text
            assert len(page.content) < 300_000
