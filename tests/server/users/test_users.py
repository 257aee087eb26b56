"""Users: no secrets in any answer, deactivation in place of deletion, and always somebody who may manage."""

import pytest

from tests import catalogue
from tests.answers import refused
from tests.conftest import USER, Service
from tests.process import ADMIN_PASSWORD


def pk_of(service: Service, username: str) -> int:
    """The pk of a user."""
    body = {"expressions": [{"type": "exact", "field": "username", "value": username}], "include_inactive": True}
    (row,) = service.staff.post("/v1/users/list", json=body).json()
    return int(row["pk"])


def obtain_status(service: Service, username: str, password: str) -> int:
    """The status of the answer to a user name and a password."""
    answer = service.anonymous.post("/v1/auth/obtain", json={"username": username, "password": password})
    return answer.status_code


def test_no_answer_has_a_password_or_its_hash(service: Service) -> None:
    body = catalogue.user()
    created = service.staff.post("/v1/users/create", json=body)
    path = f"/v1/users/{created.json()['pk']}"
    for answer in (
        created,
        service.staff.get(path),
        service.staff.post("/v1/users/list"),
        service.staff.patch(path, json={"password": body["password"] + "2"}),
        service.staff.put(path, json=body),
    ):
        assert answer.is_success
        assert "password" not in answer.text
        assert "argon2" not in answer.text


def test_an_ordinary_user_reads_only_oneself(service: Service) -> None:
    own = pk_of(service, USER[0])
    assert service.user.get(f"/v1/users/{own}").json()["username"] == USER[0]
    refused(service.user.get(f"/v1/users/{pk_of(service, 'admin')}"), 403)
    listed = service.user.post("/v1/users/list")
    assert "admin" not in listed.text
    assert listed.status_code == 403 or [user["pk"] for user in listed.json()] == [own]


def test_an_ordinary_user_does_not_learn_which_pks_exist(service: Service) -> None:
    refused(service.user.get("/v1/users/999999"), 403)


@pytest.mark.parametrize("change", [{"is_staff": True}, {"first_name": "New"}, {"password": "a new long password"}])
def test_an_ordinary_user_changes_nobody_not_even_oneself(service: Service, change: dict[str, object]) -> None:
    refused(service.user.patch(f"/v1/users/{pk_of(service, USER[0])}", json=change), 403)


def test_delete_deactivates(service: Service) -> None:
    body = catalogue.user()
    pk = service.staff.post("/v1/users/create", json=body).json()["pk"]
    assert obtain_status(service, body["username"], body["password"]) == 200
    assert service.staff.delete(f"/v1/users/{pk}").status_code == 204
    assert service.staff.get(f"/v1/users/{pk}").json()["is_active"] is False
    assert obtain_status(service, body["username"], body["password"]) == 401
    everyone = service.staff.post("/v1/users/list", json={"include_inactive": True}).json()
    assert pk in [user["pk"] for user in everyone]
    assert service.staff.patch(f"/v1/users/{pk}", json={"is_active": True}).status_code == 200
    assert obtain_status(service, body["username"], body["password"]) == 200


@pytest.mark.parametrize(
    ("method", "body"),
    [("DELETE", None), ("PATCH", {"is_staff": False}), ("PATCH", {"is_active": False}), ("PUT", {"is_staff": False})],
)
def test_the_last_staff_user_cannot_be_removed(service: Service, method: str, body: dict[str, object] | None) -> None:
    path = f"/v1/users/{pk_of(service, 'admin')}"
    if method == "PUT":
        body = catalogue.user(username="admin", **(body or {}))
    refused(service.staff.request(method, path, json=body), 409)
    assert service.staff.get(path).json()["is_staff"] is True
    second = service.make("users", is_staff=True)
    assert service.staff.request(method, path, json=body).is_success
    assert second["is_staff"] is True


def test_an_inactive_staff_user_is_nobody_to_rely_on(service: Service) -> None:
    service.make("users", is_staff=True, is_active=False)
    refused(service.staff.delete(f"/v1/users/{pk_of(service, 'admin')}"), 409)


@pytest.mark.parametrize(
    "change", [{"password": "another long password"}, {"is_active": False}], ids=["password", "deactivated"]
)
def test_a_new_password_and_a_deactivation_end_all_tokens_at_once(service: Service, change: dict[str, object]) -> None:
    body = {"username": USER[0], "password": USER[1]}
    tokens = service.anonymous.post("/v1/auth/obtain", json=body).json()
    with service.client(tokens["access"]) as client:
        assert client.post("/v1/docker/list").status_code == 200
        service.staff.patch(f"/v1/users/{pk_of(service, USER[0])}", json=change)
        refused(client.post("/v1/docker/list"), 401)
    refused(service.user.post("/v1/docker/list"), 401)
    refused(service.anonymous.post("/v1/auth/refresh", json={"refresh": tokens["refresh"]}), 401)
    refused(service.anonymous.post("/v1/auth/verify", json={"token": tokens["access"]}), 401)


def test_other_changes_leave_the_tokens_good(service: Service) -> None:
    service.staff.patch(f"/v1/users/{pk_of(service, USER[0])}", json={"first_name": "New"})
    assert service.user.post("/v1/docker/list").status_code == 200


def test_rights_are_those_of_now_not_of_the_start_of_the_session(service: Service) -> None:
    pk = pk_of(service, USER[0])
    service.staff.patch(f"/v1/users/{pk}", json={"is_staff": True})
    assert service.user.post("/v1/frameworks/create", json=catalogue.framework()).status_code == 201
    service.staff.patch(f"/v1/users/{pk}", json={"is_staff": False})
    refused(service.user.post("/v1/frameworks/create", json=catalogue.framework()), 403)


def test_the_last_log_in_is_noted(service: Service) -> None:
    body = catalogue.user()
    made = service.staff.post("/v1/users/create", json=body).json()
    assert made["last_login"] is None
    obtain_status(service, body["username"], body["password"])
    assert service.staff.get(f"/v1/users/{made['pk']}").json()["last_login"] is not None


def test_the_creator_of_an_image_is_who_was_logged_in(service: Service) -> None:
    body = catalogue.user(is_staff=True)
    made = service.staff.post("/v1/users/create", json=body).json()
    tokens = service.anonymous.post(
        "/v1/auth/obtain", json={"username": body["username"], "password": body["password"]}
    ).json()
    with service.client(tokens["access"]) as client:
        assert client.post("/v1/docker/create", json=catalogue.image()).json()["creator"] == made["pk"]


def test_a_user_without_a_password_is_not_made(service: Service) -> None:
    body = catalogue.user()
    del body["password"]
    refused(service.staff.post("/v1/users/create", json=body), 422, field="password")


def test_the_first_start_made_the_admin(service: Service) -> None:
    admin = service.staff.get(f"/v1/users/{pk_of(service, 'admin')}").json()
    assert (admin["is_staff"], admin["is_active"]) == (True, True)
    assert obtain_status(service, "admin", ADMIN_PASSWORD) == 200
