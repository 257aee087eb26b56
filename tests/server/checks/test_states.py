"""`/v1/docker/{PK}/checks`: from state to state, in real registries, with what changed and since when."""

import datetime

import pytest

from bayplan.registry.auth import RegistryCredentials
from tests.answers import refused
from tests.conftest import Service
from tests.inprocess import Loop
from tests.registry.misbehaving import Asked, Store
from tests.registry.running import OCI_MANIFEST, Registry
from tests.server.checks.conftest import checked, state_of, version
from tests.server.inspections.conftest import CUDA, inspected, made, pushed, spoiled

NEW = {"CUDA_VERSION": "12.6.0"}


def gone(registry: Registry, repository: str, digest: str) -> None:
    """Removes an image from a registry."""
    assert registry.pushing.delete(f"/v2/{repository}/manifests/{digest}").status_code == 202


def test_an_image_that_was_never_checked_has_no_state(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "kept/new"))
    state = service.user.get(f"/v1/docker/{image['pk']}/checks").json()
    assert state == {"image": image["pk"], "history": []} | dict.fromkeys(
        ("state", "since", "checked", "due", "digest", "found", "code", "detail")
    )


def test_the_first_check_finds_the_digest_that_the_catalogue_expects(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "kept/first"))
    state = checked(service, image)
    there = registry.pushing.head("/v2/kept/first/manifests/1", headers={"Accept": OCI_MANIFEST}).headers
    assert (state["state"], state["digest"], state["found"]) == ("ok", there["Docker-Content-Digest"], None)
    assert state["since"] == state["checked"] == state["history"][0]["at"]
    assert (state["code"], state["detail"], state["due"]) == (None, None, None)
    again = checked(service, image)
    assert again["since"] == state["since"]
    assert again["checked"] > state["checked"]
    assert again["history"] == state["history"]


def test_a_tag_that_moves_and_comes_back(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "kept/moved", CUDA))
    old = inspected(service, image)["digest"]
    assert state_of(service, image)["state"] == "ok"
    pushed(registry, "kept/moved", NEW)
    state = checked(service, image)
    assert (state["state"], state["digest"]) == ("moved", old)
    assert state["found"] not in (None, old)
    assert state["found"] in state["detail"]
    change = state["history"][0]
    assert {"field": "cuda_version", "old": "12.4.1", "new": "12.6.0"} in change["changes"]
    assert {"requirements"} < {field_change["field"] for field_change in change["changes"]}
    pushed(registry, "kept/moved", CUDA)
    back = checked(service, image)
    assert (back["state"], back["digest"], back["found"], back["detail"]) == ("ok", old, None, None)
    assert [entry["state"] for entry in back["history"]] == ["ok", "moved", "ok"]
    assert back["since"] == back["checked"] > state["since"]


def test_a_moved_image_is_read_once(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "kept/once", CUDA))
    inspected(service, image)
    pushed(registry, "kept/once", NEW)
    before = len(registry.requests)
    checked(service, image)
    assert any(line.startswith("GET /v2/kept/once") for line in registry.requests[before:])
    before = len(registry.requests)
    assert checked(service, image)["state"] == "moved"
    assert [line.split("?")[0] for line in registry.requests[before:]] == ["HEAD /v2/kept/once/manifests/1 HTTP/1.1"]


def test_an_inspection_accepts_what_is_there(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "kept/accepted", CUDA))
    checked(service, image)
    pushed(registry, "kept/accepted", NEW)
    moved = checked(service, image)
    assert (moved["state"], moved["history"][0]["changes"]) == ("moved", None)  # nothing was known of the old one
    inspected(service, image)
    state = state_of(service, image)
    assert (state["state"], state["digest"], state["found"]) == ("ok", moved["found"], None)
    assert checked(service, image)["state"] == "ok"


def test_an_image_that_is_gone_is_not_offered_until_it_is_back(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "kept/gone", CUDA))
    worker = {"driver_version": "570.86.15", "compute_capability": "8.0", "gpu_name": "NVIDIA A100-SXM4-80GB"}
    question = {"worker": worker | {"gpu_brand": "Nvidia", "architecture": "amd64"}, "explain": True}

    def reasons() -> set[str]:
        answer = service.staff.post("/v1/docker/match", json=question).json()
        (row,) = [row for row in answer["matches"] + answer["rejected"] if row["image"]["pk"] == image["pk"]]
        return {reason["code"] for reason in row["reasons"]}

    digest = checked(service, image)["digest"]
    assert "missing_in_registry" not in reasons()
    gone(registry, "kept/gone", digest)
    state = checked(service, image)
    assert (state["state"], state["code"], state["digest"]) == ("missing", "image_not_found", digest)
    assert "missing_in_registry" in reasons()
    pushed(registry, "kept/gone", CUDA)
    assert checked(service, image)["state"] == "ok"
    assert "missing_in_registry" not in reasons()


def test_credentials_that_are_refused_then_mended(service: Service, guarded: Registry) -> None:
    assert guarded.login is not None
    wrong = RegistryCredentials(guarded.login.username, "the old password")
    image = made(service, pushed(guarded, "kept/guarded"), wrong)
    state = checked(service, image)
    assert (state["state"], state["code"]) == ("denied", "registry_denied")
    assert wrong.username in state["detail"]
    assert wrong.password not in str(state)
    public_state = service.user.get(f"/v1/docker/{image['pk']}/checks").json()
    assert (public_state["state"], public_state["code"]) == ("denied", "registry_denied")
    assert wrong.username not in str(public_state)
    credentials = {"registry_username": guarded.login.username, "registry_password": guarded.login.password}
    service.staff.patch(f"/v1/docker/{image['pk']}", json=credentials)
    assert checked(service, image)["state"] == "ok"


@pytest.mark.parametrize("challenge", [{}, {"WWW_Authenticate": "Negotiate"}], ids=["none", "unknown"])
def test_a_refusal_without_a_challenge_that_can_be_answered(
    service: Service, loop: Loop, challenge: dict[str, str]
) -> None:
    with spoiled(loop, lambda asked: asked.answer(401, b"", **challenge)) as server:
        state = checked(service, made(service, f"{server.host}/kept/closed:1"))
    assert (state["state"], state["code"]) == ("denied", "registry_denied")


def test_a_refusal_before_any_credentials_were_sent_is_none_of_theirs(service: Service, loop: Loop) -> None:
    credentials = RegistryCredentials("casey", "pass")
    with spoiled(loop, lambda asked: asked.answer(403 if "/manifests/" in asked.target else 200)) as server:
        image = made(service, f"{server.host}/kept/closed:1", credentials)
        state = checked(service, image)
        inspection = service.staff.post(f"/v1/docker/{image['pk']}/inspection")
        assert server.sent_credentials() == []
    assert (state["state"], "before any credentials were sent" in state["detail"]) == ("denied", True)
    refused(inspection, 422, code="registry_denied")
    (use,) = [use for use in service.staff.get("/v1/credentials").json() if use["registry"] == server.host]
    assert use["last_refused"] is None


@pytest.mark.parametrize("status", [401, 403, 404, 405, 429, 500])
def test_an_error_of_head_alone_changes_nothing(service: Service, loop: Loop, status: int) -> None:
    store = Store()
    store.image("1")

    async def handler(asked: Asked) -> None:
        await (asked.answer(status) if asked.method == "HEAD" else store.answer(asked))

    with spoiled(loop, handler) as server:
        assert checked(service, made(service, f"{server.host}/ml/x:1"))["state"] == "ok"


@pytest.mark.parametrize(
    ("url", "code"),
    [("127.0.0.1:9/kept/nobody:1", "registry_unreachable"), ("192.168.0.1/kept/x:1", "registry_not_allowed")],
)
def test_a_registry_that_does_not_tell(service: Service, url: str, code: str) -> None:
    image = made(service, url)
    state = checked(service, image)
    assert (state["state"], state["code"], state["digest"]) == ("unreachable", code, None)
    assert state["detail"]


def test_a_digest_in_a_url_is_the_one_that_the_catalogue_expects(service: Service, registry: Registry) -> None:
    digest = checked(service, made(service, pushed(registry, "kept/pinned", CUDA)))["digest"]
    image = made(service, f"{registry.host}/kept/pinned@{digest}")
    assert checked(service, image)["digest"] == digest
    pushed(registry, "kept/pinned", NEW)
    assert checked(service, image)["state"] == "ok"
    gone(registry, "kept/pinned", digest)
    assert checked(service, image)["state"] == "missing"


def test_another_place_forgets_what_was_seen(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "kept/here"))
    checked(service, image)
    service.staff.patch(f"/v1/docker/{image['pk']}", json={"name": "another-name"})
    assert state_of(service, image)["state"] == "ok"
    service.staff.patch(f"/v1/docker/{image['pk']}", json={"url": pushed(registry, "kept/there", NEW)})
    state = state_of(service, image)
    assert (state["state"], state["digest"], state["history"]) == (None, None, [])
    assert checked(service, image)["state"] == "ok"


def test_only_news_move_the_catalogue(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "kept/version", CUDA))
    before = version(service)
    listed = service.staff.post("/v1/docker/list").headers["etag"]
    checked(service, image)
    assert version(service) == before + 1
    checked(service, image)
    assert version(service) == before + 1
    pushed(registry, "kept/version", NEW)
    checked(service, image)
    assert version(service) == before + 2
    assert service.staff.post("/v1/docker/list", headers={"If-None-Match": listed}).status_code == 200


def test_a_history_has_an_end(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "kept/often", CUDA))
    for turn in range(53):
        digest = checked(service, image)["digest"]
        if turn % 2:
            pushed(registry, "kept/often", CUDA)
        else:
            gone(registry, "kept/often", digest)
    history = checked(service, image)["history"]
    assert len(history) == 50
    assert [entry["at"] for entry in history] == sorted((entry["at"] for entry in history), reverse=True)
    assert {entry["state"] for entry in history} == {"ok", "missing"}


def test_lists_find_images_by_check_state(service: Service, registry: Registry) -> None:
    fine = made(service, pushed(registry, "kept/fine", CUDA))
    lost = made(service, f"{registry.host}/kept/lost:1")
    new = made(service, f"{registry.host}/kept/unseen:1")
    begun = datetime.datetime.now(datetime.UTC).isoformat()
    checked(service, fine)
    since = checked(service, lost)["since"]

    def pks(*expressions: object, **more: object) -> list[int]:
        body = {"expressions": list(expressions), **more}
        answer = service.user.post("/v1/docker/list", json=body)
        assert answer.status_code == 200, answer.text
        return [image["pk"] for image in answer.json()]

    def state(value: str, **more: object) -> dict[str, object]:
        return {"type": "exact", "field": "check.state", "value": value, **more}

    assert pks(state("missing")) == [lost["pk"]]
    assert pks(state("ok")) == [fine["pk"]]
    assert pks(state("ok", invert=True)) == [lost["pk"], new["pk"]]
    assert pks({"type": "is_null", "field": "check.state"}) == [new["pk"]]
    recent = {"type": "compare", "field": "check.since", "operator": ">=", "value": begun}
    assert pks(recent) == [fine["pk"], lost["pk"]]
    assert pks(recent, {"type": "compare", "field": "check.since", "operator": "<", "value": since}) == [fine["pk"]]
    by_time = [{"field": "check.since", "ascending": False}]
    assert pks(order_by=by_time) == [lost["pk"], fine["pk"], new["pk"]]
    for field in ("check", "check.digest", "check.state.x", "framework.check.state"):
        body = {"expressions": [{"type": "is_null", "field": field}]}
        refused(service.user.post("/v1/docker/list", json=body), 422, code="unknown_field")
    assert "check" not in service.user.get(f"/v1/docker/{fine['pk']}").json()


def test_who_may_what(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "kept/staff"))
    path = f"/v1/docker/{image['pk']}/checks"
    refused(service.anonymous.get(path), 401)
    refused(service.user.post(path), 403)
    refused(service.user.post("/v1/docker/checks", json={"which": "all"}), 403)
    refused(service.user.get("/v1/docker/checks"), 403)
    assert service.user.get(path).status_code == 200
    assert service.user.post("/v1/docker/checks/list").json() == []
    refused(service.staff.post("/v1/docker/999999/checks"), 404)
    refused(service.staff.get("/v1/docker/999999/checks"), 404)
    refused(service.staff.post("/v1/docker/checks", json={"which": "some"}), 422)
    refused(service.staff.get("/v1/docker/checks?since=yesterday"), 422, code="wrong_type")
    service.staff.delete(f"/v1/docker/{image['pk']}")
    refused(service.staff.post(path), 409, code="deleted")
    assert service.staff.get(path).status_code == 200
