"""Which changes of an image's credentials have it checked again, and who sees what of its check state."""

import pytest

from tests.answers import refused
from tests.conftest import Service
from tests.server.checks.test_processes import execute

LOGIN = {"registry_username": "robot", "registry_password": "s3cret"}
FAR = "2999-01-01T00:00:00.000000Z"
# Encrypted with a key that nobody has.
UNREADABLE = "v1:00000000:AAAA"


@pytest.mark.parametrize(
    ("change", "comes_sooner"),
    [
        ({"registry_username": "other"}, True),
        ({"registry_password": "other"}, True),
        ({"registry_username": None, "registry_password": None}, True),
        ({"cpu": True}, False),
    ],
)
def test_an_image_that_was_refused_is_due_when_it_has_other_credentials(
    service: Service, change: dict[str, object], comes_sooner: bool
) -> None:
    pk = service.make("docker", url="127.0.0.1:1/team/image:1", registry="127.0.0.1:1", **LOGIN)["pk"]
    path = f"/v1/docker/{pk}"
    checked = service.staff.post(f"{path}/checks").json()["checked"]
    execute(service.settings.database_url, "UPDATE checks SET state = ?, due = ? WHERE image = ?", "denied", FAR, pk)
    service.staff.patch(path, json=change).raise_for_status()
    assert service.staff.get(f"{path}/checks").json()["due"] == (checked if comes_sooner else FAR)


def test_the_log_alone_names_the_place_of_the_keys(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    pk = service.make("docker", **LOGIN)["pk"]
    execute(service.settings.database_url, "UPDATE images SET registry_password = ? WHERE pk = ?", UNREADABLE, pk)
    state = service.staff.post(f"/v1/docker/{pk}/checks").json()
    assert (state["code"], str(service.settings.home) in state["detail"]) == ("unknown_key", False)
    assert str(service.settings.home) in caplog.text
    for answer in (service.user.get(f"/v1/docker/{pk}/checks"), service.user.post("/v1/docker/checks/list")):
        assert "unknown_key" in answer.text
        assert str(service.settings.home) not in answer.text
        assert "Staff see the details" in answer.text


def test_a_registry_whose_path_was_stored_before_it_was_refused(service: Service) -> None:
    """A check says so, and other fields can be changed; nothing takes the image without its path for missing."""
    pk = service.make("docker", url="image:1", registry="127.0.0.1:1")["pk"]
    path, stored = f"/v1/docker/{pk}", "http://127.0.0.1:1/team"
    execute(service.settings.database_url, "UPDATE images SET registry = ? WHERE pk = ?", stored, pk)
    state = service.staff.post(f"{path}/checks").json()
    assert (state["state"], state["code"]) == ("unreachable", "bad_registry")
    assert "belongs in the image's url" in state["detail"]
    refused(service.staff.post(f"{path}/inspection"), 422, code="bad_registry")
    assert service.staff.patch(path, json={"cpu": True}).json()["registry"] == stored
    mended = {"registry": "http://127.0.0.1:1", "url": "127.0.0.1:1/team/image:1"}
    assert service.staff.patch(path, json=mended).status_code == 200
    assert service.staff.post(f"{path}/checks").json()["code"] == "registry_unreachable"
