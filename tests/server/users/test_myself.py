"""The user who asks: who they are, by what, and a new password for the old one."""

from tests import catalogue
from tests.answers import refused
from tests.conftest import USER, Service
from tests.joining import joined
from tests.tokens import made

NEW_PASSWORD = "another long password"


def test_who_asks_is_said_with_their_token(service: Service) -> None:
    answer = service.user.get("/v1/users/me")
    assert answer.headers["cache-control"] == "no-store"
    me = answer.json()
    assert (me["user"]["username"], me["user"]["is_staff"], me["token"]) == (USER[0], False, None)
    new = made(service.staff, "ci", "match")
    with service.client(new["token"]) as client:
        me = client.get("/v1/users/me").json()
    assert (me["user"]["username"], me["token"]["scopes"]) == ("admin", ["match"])
    assert me["expires"] == me["token"]["expires"] == new["expires"]


def test_a_worker_is_no_user(service: Service) -> None:
    with joined(service, 1) as worker:
        refused(worker.client.get("/v1/users/me"), 403)
        refused(worker.client.post("/v1/tokens/create", json={"name": "x", "scopes": ["read"]}), 403)


def test_a_new_password_for_the_old_one_ends_all_else(service: Service) -> None:
    token = made(service.user)["token"]
    body = {"old_password": USER[1], "password": NEW_PASSWORD}
    answer = service.user.post("/v1/users/me/password", json=body)
    assert answer.status_code == 200
    refused(service.user.get("/v1/users/me"), 401)
    with service.client(token) as client:
        refused(client.get("/v1/users/me"), 401)
    with service.client(answer.json()["access"]) as client:
        assert client.get("/v1/users/me").json()["user"]["username"] == USER[0]
    for password, status in ((USER[1], 401), (NEW_PASSWORD, 200)):
        log_in = {"username": USER[0], "password": password}
        assert service.anonymous.post("/v1/auth/obtain", json=log_in).status_code == status
    entry = next(e for e in service.staff.get("/v1/history?resource=users").json() if e["user"] == USER[0])
    assert entry["changes"] == {"password": {"before": "(set)", "after": "(changed)"}}


def test_without_the_old_password_there_is_no_new_one(service: Service) -> None:
    path = "/v1/users/me/password"
    wrong = {"old_password": "wrong", "password": NEW_PASSWORD}
    for _ in range(service.settings.login_attempts):
        refused(service.user.post(path, json=wrong), 422, code="wrong_password", field="old_password")
    refused(service.user.post(path, json={**wrong, "old_password": USER[1]}), 429)
    refused(service.user.post(path, json={"password": NEW_PASSWORD}), 422, field="old_password")
    refused(service.user.post(path, json={**wrong, "password": "short"}), 422, field="password")
    assert service.user.get("/v1/users/me").status_code == 200


def test_nobody_changes_another_by_it(service: Service) -> None:
    other = catalogue.user()
    service.staff.post("/v1/users/create", json=other).raise_for_status()
    body = {"old_password": other["password"], "password": NEW_PASSWORD}
    refused(service.user.post("/v1/users/me/password", json=body), 422, code="wrong_password")
    refused(service.user.post("/v1/users/me/password", json={**body, "username": other["username"]}), 422)
