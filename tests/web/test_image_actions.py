"""What staff do with an image on its page: deprecate, delete and undo, check and inspect; nobody else sees or does it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import USER, Service
from tests.joining import joined
from tests.registry.running import Registry, configuration
from tests.web.conftest import PageClient
from tests.web.forms import checked, filled, mistake, sent, text_of

PAGES = ("edit", "lifecycle", "delete")
DIGEST = f"sha256:{'ab' * 32}"
ACTIONS = ("edit", "lifecycle", "delete", "reinstate", "check", "inspect")


@pytest.fixture
def user(shared: Service) -> Iterator[PageClient]:
    """A client of the pages, logged in as an ordinary user."""
    with shared.client() as http:
        http.post("/login", data={"username": USER[0], "password": USER[1]})
        yield PageClient(http)


def lifecycle(shared: Service, image: dict[str, Any]) -> dict[str, Any]:
    """The lifecycle of an image as the API has it."""
    answer: dict[str, Any] = shared.staff.get(f"/v1/docker/{image['pk']}/lifecycle").json()
    return answer


def test_an_image_is_deprecated_and_undeprecated(shared: Service, staff: PageClient) -> None:
    image, newer = shared.make("docker"), shared.make("docker", name="newer-one", version="2")
    page = f"/images/{image['pk']}/lifecycle"
    near = sent(staff, page, successor="newer-on:2", since="yesterday", why="old")
    assert near.status_code == 422
    assert "must be a date such as" in mistake(near, "since")
    assert filled(near)["successor"] == "newer-on:2"
    assert "did you mean newer-one:2" in mistake(near, "successor")
    nothing = mistake(sent(staff, page, successor="zz"), "successor")
    assert nothing.endswith("give a key, or a name and a version such as 'pytorch:2.7.1'.")
    assert "cannot be its own successor" in mistake(sent(staff, page, successor=str(image["pk"])), "successor")
    assert "today" in mistake(sent(staff, page, since="2999-01-01"), "since")
    answer = sent(staff, page, successor="newer-one:2", why="too old", since="2026-01-31")
    shown = text_of(staff.get(answer.headers["location"]))
    assert f"{image['name']}:1 is deprecated." in shown
    assert "too old" in shown
    expected = {"deprecated": True, "since": "2026-01-31", "why": "too old", "successor": newer["pk"]}
    assert lifecycle(shared, image) == expected
    opened = filled(staff.get(page))
    assert (opened["successor"], opened["why"], opened["since"]) == ("newer-one:2", "too old", "2026-01-31")
    shared.staff.patch(f"/v1/docker/{image['pk']}/lifecycle", json={"deprecated": True, "why": "theirs"})
    lost = staff.post(page, **{**opened, "why": "mine"})
    assert lost.status_code == 412
    assert "admin changed this image just now, after you opened this page." in text_of(lost)
    assert lifecycle(shared, image)["why"] == "theirs"
    assert staff.post(page, **filled(lost)).status_code == 303
    assert lifecycle(shared, image)["why"] == "mine"
    circle = sent(staff, f"/images/{newer['pk']}/lifecycle", successor=str(image["pk"]))
    assert "lead back to this image" in mistake(circle, "successor")
    sent(staff, page, deprecated="false")
    assert lifecycle(shared, image)["deprecated"] is False
    entry = shared.staff.get("/v1/history", params={"resource": "docker", "pk": image["pk"]}).json()[0]
    assert (entry["user"], "lifecycle.deprecated" in entry["changes"]) == ("admin", True)


def test_an_image_is_deleted_and_brought_back(shared: Service, staff: PageClient) -> None:
    image = shared.make("docker")
    name, address = image["name"], f"/images/{image['pk']}"
    rule = {"expressions": [{"type": "exact", "field": "name", "value": name}]}
    shared.make("prefetch", name=f"rule of {name}", images=rule)
    with joined(shared, 1) as worker:
        held = {"image": image["pk"], "state": "held", "digest": DIGEST, "size_bytes": 12}
        worker.client.put("/v1/prefetch/holdings", json={"images": [held]}).raise_for_status()
        asked = text_of(staff.get(f"{address}/delete"))
    assert f"Delete {name}:1?" in asked
    assert "It is on 1 node: " in asked
    assert f"The rule 'rule of {name}' names it. admin added it. It can be brought back." in asked
    opened = filled(staff.get(f"{address}/delete"))
    shared.staff.patch(f"/v1/docker/{image['pk']}", json={"tasks": ["train"]})
    lost = checked(staff.post(f"{address}/delete", **opened))
    assert lost.status_code == 412
    assert "was changed after you opened this page" in text_of(lost)
    answer = staff.post(f"{address}/delete", **filled(lost))
    assert answer.headers["location"] == address
    deleted = staff.get(address)
    assert f"Deleted {name} 1." in deleted.text
    assert f'action="{address}/reinstate"' in deleted.text
    assert f'href="{address}/edit"' not in deleted.text
    assert f'action="{address}/reinstate"' in staff.get(f"/images?state=deleted&q={name}").text
    for page in PAGES:
        assert staff.get(f"{address}/{page}").headers["location"] == address
    for action in ("edit", "lifecycle", "delete", "check", "inspect"):
        staff.post(f"{address}/{action}", before="{}", **opened)
        assert "undo that before you change it" in text_of(staff.get(address)), action
    assert staff.post(f"{address}/reinstate").headers["location"] == address
    assert f"{name} 1 is back." in staff.get(address).text
    staff.post(f"{address}/reinstate")
    assert "is not deleted" in staff.get(address).text
    actions = [entry["action"] for entry in history(shared, image)]
    assert actions[:2] == ["reinstate", "delete"]


def test_a_name_that_is_taken_meanwhile_keeps_an_image_deleted(shared: Service, staff: PageClient) -> None:
    image = shared.make("docker")
    sent(staff, f"/images/{image['pk']}/delete")
    shared.make("docker", name=image["name"], version=image["version"])
    staff.post(f"/images/{image['pk']}/reinstate")
    assert "exists already" in text_of(staff.get(f"/images/{image['pk']}"))


def test_an_image_is_checked_and_inspected_now(shared: Service, staff: PageClient, open_registry: Registry) -> None:
    open_registry.image("team/now", "1", configuration({"CUDA_VERSION": "12.4.1"}))
    image = shared.make("docker", url=f"{open_registry.host}/team/now:1", registry=f"http://{open_registry.host}")
    address = f"/images/{image['pk']}"
    assert staff.post(f"{address}/check").headers["location"] == address
    assert "Checked: ok." in text_of(staff.get(address))
    staff.post(f"{address}/inspect")
    assert "Inspected: its facts are stored." in text_of(staff.get(address))
    assert shared.staff.get(f"/v1/docker/{image['pk']}/inspection").status_code == 200
    gone = shared.make("docker", url=f"{open_registry.host}/team/gone:1", registry=open_registry.host)
    staff.post(f"/images/{gone['pk']}/check")
    assert "Checked: missing." in text_of(staff.get(f"/images/{gone['pk']}"))
    staff.post(f"/images/{gone['pk']}/inspect")
    failed = text_of(staff.get(f"/images/{gone['pk']}"))
    assert "has no 'team/gone:1'" in failed.partition('role="alert">')[2].partition("</p>")[0]


def test_who_is_not_staff_sees_no_forms_and_changes_nothing(shared: Service, user: PageClient) -> None:
    image = shared.make("docker")
    address = f"/images/{image['pk']}"
    shown = user.get(address).text + user.get("/images").text + user.get("/images?state=deleted").text
    assert "/images/new" not in shown
    for action in ACTIONS:
        assert f"{address}/{action}" not in shown
        refused = user.post(f"{address}/{action}", name="x", tag="1")
        assert refused.status_code == 403
        assert "Only staff may do this" in refused.text
    for page in ("/images/new", *(f"{address}/{page}" for page in PAGES)):
        assert user.get(page).status_code == 403
    for action in ("/images/new", "/images/new/reference"):
        assert user.post(action, reference="nvidia/cuda:12").status_code == 403
    assert [entry["action"] for entry in history(shared, image)] == ["create"]


def test_there_is_no_page_for_an_image_that_is_not_there(staff: PageClient) -> None:
    for page in PAGES:
        assert staff.get(f"/images/999999/{page}").status_code == 404
    for action in ("lifecycle", "delete", "reinstate", "check", "inspect"):
        assert staff.post(f"/images/999999/{action}", tag="1").status_code == 404


def history(shared: Service, image: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of the change log about an image, newest first."""
    entries: list[dict[str, Any]] = shared.staff.get(
        "/v1/history", params={"resource": "docker", "pk": image["pk"]}
    ).json()
    return entries
