"""A document's users, prefetch rules and reference data: what is applied, by whom, and what is never in it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.answers import refused
from tests.conftest import Service, Template, serving
from tests.inprocess import Loop
from tests.server.catalogue_file.test_catalogue import APPLY, EXPORT, apply, document, done, image
from tests.tokens import program

RULE = {
    "name": "detection",
    "nodes": {"expressions": [{"type": "exact", "field": "index", "value": 0}]},
    "images": {
        "expressions": [
            {"type": "exact", "field": "domain", "value": "pe"},
            {"type": "compare", "field": "framework.version", "operator": ">=", "value": "2.4"},
        ],
        "order_by": [{"field": "framework.version", "ascending": False}],
    },
}
WHOLE: dict[str, Any] = {
    "cuda": [{"version": "13.9", "full_version": "13.9.1", "min_driver_version": "640.10.01"}],
    "hardware": [{"generation": "Feynman", "min_compute_capability": 14.0, "max_compute_capability": 15.0}],
    "domains": [{"name": "pe", "description": "Pose Estimation"}, {"name": "od", "description": "Detection"}],
    "licences": [{"name": "Ours", "permissions": ["commercial-use"]}],
    **document(),
    "prefetch": [RULE],
    "users": [{"username": "kim", "email": "kim@example.org"}, {"username": "bo", "is_staff": True}],
}
WHOLE["images"] = [
    *WHOLE["images"],
    image("three", domain="pe", licence="Ours", cuda_version="13.9.1", min_hardware_generation="Feynman"),
]


def test_every_section_comes_back_and_makes_the_same_catalogue_elsewhere(
    service: Service, kind: str, request: pytest.FixtureRequest, template: Template, loop: Loop, tmp_path: Path
) -> None:
    plan = apply(service, WHOLE)
    assert ("change", "domains", "od") in done(plan)
    assert ("add", "prefetch", "detection") in done(plan)
    assert apply(service, WHOLE)["changes"] == []
    exported = service.staff.get(EXPORT)
    content = exported.json()
    assert list(content) == [
        "cuda", "hardware", "domains", "licences", "frameworks", "images", "nodes", "prefetch", "users"
    ]  # fmt: skip
    assert [domain["name"] for domain in content["domains"]] == ["od", "pe"], "only what is not as bayplan ships it"
    assert [user["username"] for user in content["users"]] == ["admin", "bo", "casey", "kim"]
    assert not {"password", "password_hash"} & content["users"][0].keys()
    assert "argon2" not in exported.text
    version, history = plan["version"], service.staff.get("/v1/history").json()
    again = apply(service, content, "?prune=true")
    assert (again["changes"], again["version"]) == ([], version)
    assert service.staff.get("/v1/history").json() == history
    with serving(kind, request, template, loop, tmp_path) as elsewhere:
        apply(elsewhere, json.loads(exported.text))
        assert elsewhere.staff.get(EXPORT).text == exported.text


def test_a_new_user_has_no_password_until_staff_give_one(service: Service) -> None:
    (change,) = apply(service, {"users": [{"username": "kim"}]})["changes"]
    for password in ("", "a password that is nobody's", "None"):
        body = {"username": "kim", "password": password}
        refused(service.anonymous.post("/v1/auth/obtain", json=body), 401, code="wrong_credentials")
    (entry,) = service.staff.get(f"/v1/history?resource=users&pk={change['pk']}").json()
    assert "password" not in entry["changes"], "no password was set"
    # Nobody could log in to take it back, were this user all that is left of staff.
    apply(service, {"users": [{"username": "kim", "is_staff": True}]})
    without_admin = {"users": [{"username": "admin", "is_active": False}]}
    refused(service.staff.post(APPLY, json=without_admin), 409, code="last_staff_user")
    answer = service.staff.patch(f"/v1/users/{change['pk']}", json={"password": "kim's long password"})
    assert answer.status_code == 200
    body = {"username": "kim", "password": "kim's long password"}
    assert service.anonymous.post("/v1/auth/obtain", json=body).status_code == 200
    assert apply(service, {"users": [{"username": "kim", "is_staff": True}]})["changes"] == []
    assert service.anonymous.post("/v1/auth/obtain", json=body).status_code == 200, "the password stays"
    apply(service, without_admin)


def test_a_password_in_a_document_is_refused_and_not_repeated(shared: Service) -> None:
    entry = {"username": "kim", "password": "s3cret-word"}
    answer = shared.staff.post(APPLY, json={"users": [entry]})
    assert "bayplan user password" in refused(answer, 422, field="users.0")["detail"]
    assert "s3cret-word" not in answer.text


def test_users_are_for_staff_with_a_session(service: Service) -> None:
    bot = program(service, service.staff, "bot", "apply")
    before = service.staff.get(EXPORT).json()
    for users in ([{"username": "kim"}], [{"username": "casey", "is_staff": True}], []):
        for query in ("", "?dry_run=true", "?prune=true"):
            refused(bot.post(f"{APPLY}{query}", json={"users": users}), 403, code="users_by_token")
    refused(service.user.post(APPLY, json={"users": []}), 403)
    assert service.staff.get(EXPORT).json() == before
    seen = bot.get(EXPORT).json()
    assert "users" not in seen
    assert bot.post(APPLY, json={**seen, "prefetch": [RULE]}).status_code == 200


def test_a_plan_for_a_program_has_no_log_in_of_a_registry(service: Service) -> None:
    account = {"registry_username": "robot-of-the-team", "registry_password": "s3cret-s3cret"}
    apply(service, {**document(), "images": [image("one", **account)]})
    changed = {"images": [image("one", **account | {"registry_username": "other"})]}
    bot = program(service, service.staff, "bot", "apply")
    plan = bot.post(f"{APPLY}?dry_run=true", json=changed)
    assert plan.json()["changes"][0]["fields"] == {"registry_username": {"from": "(set)", "to": "(changed)"}}
    assert apply(service, changed)["changes"][0]["fields"] == {
        "registry_username": {"from": "robot-of-the-team", "to": "other"}
    }


def test_a_program_cannot_try_out_registry_passwords(service: Service) -> None:
    names, account = [f"image-{number}" for number in range(20)], {"registry_username": "robot"}
    stored = [image(name, **account, registry_password=f"s3cret-of-{name}") for name in names]
    apply(service, {**document(), "images": stored})

    def guessed(word: str) -> dict[str, Any]:
        return {"images": [{**entry, "registry_password": f"{word}-{entry['name']}"} for entry in stored]}

    bot, other = (program(service, service.staff, name, "apply") for name in ("bot", "other"))
    for word in ("first", "second"):
        assert len(bot.post(f"{APPLY}?dry_run=true", json=guessed(word)).json()["changes"]) == 20
    for word in ("third", "fourth"):  # the budget of 60 ends at the last password of the third, or at the next value
        last = bot.post(f"{APPLY}?dry_run=true", json=guessed(word))
    assert last.status_code == 429
    for content in ({"images": stored}, guessed("fourth")):
        for client in (bot, other):
            for query in ("?dry_run=true", ""):
                answer = client.post(f"{APPLY}{query}", json=content)
                detail = refused(answer, 429, code="over_budget")["detail"]
                assert "leave out 'registry_username' and 'registry_password'" in detail
                assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert bot.post(f"{APPLY}?dry_run=true", json={"images": [image(names[0])]}).json()["unchanged"] == 1
    assert apply(service, {"images": stored})["changes"] == []
    assert len(apply(service, guessed("fourth"))["changes"]) == 20


def test_a_program_replaces_one_password_of_many_images(service: Service) -> None:
    def catalogue(password: str) -> dict[str, Any]:
        account = {"registry_username": "robot", "registry_password": password}
        return {**document(), "images": [image(f"image-{number}", **account) for number in range(70)]}

    apply(service, catalogue("an old s3cret"))
    bot = program(service, service.staff, "bot", "apply")
    for query, number in (("?dry_run=true", 70), ("", 70), ("", 0)):
        assert len(bot.post(f"{APPLY}{query}", json=catalogue("a new s3cret")).json()["changes"]) == number


def test_prune_deactivates_users_and_leaves_what_bayplan_ships(service: Service) -> None:
    apply(service, WHOLE)
    fewer: dict[str, Any] = {"cuda": [], "hardware": [], "domains": [], "licences": [], "images": [], "prefetch": []}
    refused(service.staff.post(f"{APPLY}?prune=true", json={"domains": []}), 409, code="in_use")
    plan = apply(service, {**fewer, "users": [{"username": "admin"}]}, "?prune=true")
    removed = {change["resource"]: change["key"] for change in plan["changes"] if change["action"] == "remove"}
    assert removed["prefetch"] == "detection"
    assert {"bo", "casey", "kim"} == {change["key"] for change in plan["changes"] if change["resource"] == "users"}
    assert {"od", "ic"} <= {domain["name"] for domain in service.staff.post("/v1/domains/list").json()}
    active = {user["username"]: user["is_active"] for user in service.staff.post("/v1/users/list").json()}
    assert active == {"admin": True, "casey": False, "kim": False, "bo": False}


def test_a_rule_is_checked_as_when_it_is_added(service: Service) -> None:
    apply(service, WHOLE)
    wrong = {**RULE, "images": {"expressions": [{"type": "exact", "field": "colour", "value": "red"}]}}
    volatile = {"name": "late", "images": {}, "nodes": {"expressions": [{"type": "is_null", "field": "last_seen"}]}}
    body = refused(service.staff.post(APPLY, json={"prefetch": [wrong, volatile]}), 422)
    assert [error["field"] for error in body["errors"]] == [
        "prefetch.0.images.expressions.0.field", "prefetch.1.nodes.expressions.0.field"
    ]  # fmt: skip
    changed = {**RULE, "nodes": {"expressions": []}}
    (change,) = apply(service, {"prefetch": [changed]})["changes"]
    assert change["fields"]["nodes"]["to"] == {"expressions": [], "order_by": []}
    assert set(change["fields"]) == {"nodes"}
