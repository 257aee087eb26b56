"""Rules of every call: trailing slashes, lists without a body, conditional requests, paging."""

import re
from typing import Any

import httpx2
import pytest

from tests import catalogue
from tests.answers import refused
from tests.conftest import Service
from tests.process import ADMIN_PASSWORD

RESOURCES = tuple(catalogue.BODIES)


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_trailing_slash_is_answered_and_never_redirected(shared: Service, resource: str) -> None:
    created = shared.staff.post(f"/v1/{resource}/create/", json=catalogue.BODIES[resource]())
    assert created.status_code == 201
    path = f"/v1/{resource}/{created.json()['pk']}/"
    assert shared.staff.get(path).json() == created.json()
    assert shared.staff.put(path, json=catalogue.BODIES[resource]()).status_code == 200
    assert shared.staff.patch(path, json={}).status_code == 200
    assert shared.staff.post(f"/v1/{resource}/list/").status_code == 200
    assert shared.staff.delete(path).status_code == 204


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/auth/obtain/"),
        ("POST", "/v1/auth/refresh/"),
        ("POST", "/v1/auth/verify/"),
        ("POST", "/v1/docker/match/"),
        ("GET", "/v1/docker/{image}/facts/"),
        ("GET", "/v1/docker/{image}/nodes/"),
        ("GET", "/v1/nodes/{node}/images/"),
        ("GET", "/v1/nodes/ping/"),
        ("GET", "/v1/hardware/get-hardware-generation/8.6/"),
        ("PATCH", "/v1/licences/1/subdescriptors/"),
        ("DELETE", "/v1/docker/{image}/reinstate/"),
        ("DELETE", "/v1/docker/{image}/hard/"),
        ("POST", "/v1/catalogue/apply/"),
        ("GET", "/v1/catalogue/export/"),
        ("GET", "/healthz/"),
        ("GET", "/readyz/"),
    ],
)
def test_every_other_path_answers_the_same_with_a_slash(shared: Service, method: str, path: str) -> None:
    keys = {"image": shared.make("docker")["pk"], "node": shared.make("nodes")["pk"]}
    where = path.format(**keys)
    plain = shared.staff.request(method, where.rstrip("/"), json=None if method == "GET" else {})
    if path.endswith("hard/"):
        where = f"/v1/docker/{shared.make('docker')['pk']}/hard/"
    slashed = shared.staff.request(method, where, json=None if method == "GET" else {})
    assert slashed.status_code == plain.status_code
    assert slashed.status_code not in (404, 405)
    assert not slashed.has_redirect_location


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_list_without_any_body_lists_everything(shared: Service, resource: str) -> None:
    made = shared.make(resource)
    request = shared.staff.build_request("POST", f"/v1/{resource}/list")
    assert "content-type" not in request.headers
    everything = shared.staff.send(request)
    assert everything.status_code == 200
    assert made in everything.json()
    assert everything.json() == shared.staff.post(f"/v1/{resource}/list", json={}).json()
    assert [item["pk"] for item in everything.json()] == sorted(item["pk"] for item in everything.json())


@pytest.mark.parametrize("resource", RESOURCES)
def test_objects_and_lists_carry_an_etag_and_304_saves_sending_them_again(shared: Service, resource: str) -> None:
    pk = shared.make(resource)["pk"]
    for method, path in (("GET", f"/v1/{resource}/{pk}"), ("POST", f"/v1/{resource}/list")):
        answer = shared.staff.request(method, path)
        etag = answer.headers["etag"]
        assert re.fullmatch(r'(W/)?"[\x21\x23-\x7e]+"', etag)
        for condition in (etag, f'"other", {etag}', f"W/{etag.removeprefix('W/')}", "*"):
            again = shared.staff.request(method, path, headers={"If-None-Match": condition})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag), condition
        assert shared.staff.request(method, path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_change_makes_the_etags_new(shared: Service, resource: str) -> None:
    made = shared.make(resource)
    path = f"/v1/{resource}/{made['pk']}"
    before, list_before = shared.staff.get(path), shared.staff.post(f"/v1/{resource}/list")
    assert shared.staff.put(path, json=catalogue.BODIES[resource]()).status_code == 200
    for method, where, old in (("GET", path, before), ("POST", f"/v1/{resource}/list", list_before)):
        answer = shared.staff.request(method, where, headers={"If-None-Match": old.headers["etag"]})
        assert answer.status_code == 200
        assert answer.headers["etag"] != old.headers["etag"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_was_written_is_never_answered_with_304(service: Service, method: str) -> None:
    path = f"/v1/frameworks/{service.make('frameworks')['pk']}"
    answer = service.staff.request(method, path, json=catalogue.framework(), headers={"If-None-Match": "*"})
    assert answer.status_code == 200
    assert answer.json() == service.staff.get(path).json()


def test_an_expanded_object_is_new_when_what_it_shows_has_changed(service: Service) -> None:
    framework = service.make("frameworks")
    path = f"/v1/docker/{service.make('docker', framework=framework['pk'])['pk']}?expand=framework"
    before = service.staff.get(path)
    service.staff.patch(f"/v1/frameworks/{framework['pk']}", json={"version": "9"})
    after = service.staff.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["framework"]["version"] == "9"


@pytest.mark.parametrize("path", ["/v1/docker/{pk}?expand=creator", "/v1/docker/list?expand=creator"])
def test_what_shows_when_its_creator_logged_in_is_new_when_they_did_again(service: Service, path: str) -> None:
    path = path.format(pk=service.make("docker")["pk"])
    method = "POST" if "list" in path else "GET"
    before = service.staff.request(method, path)
    service.anonymous.post("/v1/auth/obtain", json={"username": "admin", "password": ADMIN_PASSWORD})
    after = service.staff.request(method, path, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.content != before.content
    again = service.staff.request(method, path, headers={"If-None-Match": after.headers["etag"]})
    assert again.status_code == 304
    order = {"order_by": [{"field": "creator.last_login"}]}
    refused(service.staff.post("/v1/docker/list", json=order), 422, code="unknown_field")


def test_different_views_of_an_object_have_different_etags(service: Service) -> None:
    path = f"/v1/docker/{service.make('docker')['pk']}"
    plain = service.staff.get(path).headers["etag"]
    expanded = service.staff.get(f"{path}?expand=framework", headers={"If-None-Match": plain})
    assert expanded.status_code == 200


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_if_match_refuses_when_somebody_else_was_faster(shared: Service, resource: str, method: str) -> None:
    made = shared.make(resource)
    path = f"/v1/{resource}/{made['pk']}"
    stale = shared.staff.get(path).headers["etag"]
    assert shared.staff.put(path, json=catalogue.BODIES[resource]()).status_code == 200
    now = shared.staff.get(path)
    body = {"PUT": catalogue.BODIES[resource](), "PATCH": {}, "DELETE": None}[method]
    late = shared.staff.request(method, path, json=body, headers={"If-Match": stale})
    refused(late, 412, code="precondition_failed")
    assert shared.staff.get(path).json() == now.json()
    fresh = shared.staff.request(method, path, json=body, headers={"If-Match": f'"x", {now.headers["etag"]}'})
    assert fresh.status_code == (204 if method == "DELETE" else 200)


def as_by_a_proxy(etag: str) -> list[str]:
    """The forms in which proxies that compress give a tag back."""
    return [f"W/{etag}", f'{etag[:-1]}-gzip"', f'W/{etag[:-1]}-br"', f'"0", W/{etag}']


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_condition_takes_its_own_tag_in_a_proxys_form(shared: Service, resource: str) -> None:
    path = f"/v1/{resource}/{shared.make(resource)['pk']}"
    for method, body in (("PUT", catalogue.BODIES[resource]()), ("PATCH", {}), ("DELETE", None)):
        for form in range(4 if method != "DELETE" else 1):
            loaded = shared.staff.get(path)
            tag = as_by_a_proxy(loaded.headers["etag"])[form]
            assert shared.staff.get(path, headers={"If-None-Match": tag}).status_code == 304
            written = shared.staff.request(method, path, json=body, headers={"If-Match": tag})
            assert written.is_success, written.text
            if written.status_code == 200 and written.headers["etag"] != loaded.headers["etag"]:
                refused(shared.staff.request(method, path, json=body, headers={"If-Match": tag}), 412)


def test_a_condition_in_several_header_lines_is_one_list(shared: Service) -> None:
    path = f"/v1/docker/{shared.make('docker')['pk']}"
    etag = shared.staff.get(path).headers["etag"]
    lines = [("If-Match", '"0"'), ("If-Match", f"W/{etag}")]
    assert shared.staff.patch(path, json={"cpu": True}, headers=lines).status_code == 200


def test_if_match_star_asks_only_that_it_exists(service: Service) -> None:
    path = f"/v1/docker/{service.make('docker')['pk']}"
    assert service.staff.patch(path, json={"cpu": True}, headers={"If-Match": "*"}).status_code == 200


def test_the_etag_that_a_write_answers_is_good_for_the_next(service: Service) -> None:
    created = service.staff.post("/v1/docker/create", json=catalogue.image())
    path, etag = f"/v1/docker/{created.json()['pk']}", created.headers["etag"]
    for cpu in (True, False, True):
        answer = service.staff.patch(path, json={"cpu": cpu}, headers={"If-Match": etag})
        assert answer.status_code == 200
        etag = answer.headers["etag"]
    assert service.staff.get(path).headers["etag"] == etag


@pytest.fixture
def seven(service: Service) -> list[dict[str, Any]]:
    """Seven images."""
    return [service.make("docker") for _ in range(7)]


def links(answer: httpx2.Response) -> dict[str, httpx2.URL]:
    """The targets of a Link header, by relation."""
    return {
        relation: answer.url.join(target)
        for target, relation in re.findall(r'<([^>]*)>; rel="([a-z]+)"', answer.headers.get("link", ""))
    }


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
def test_following_the_links_gives_every_object_once(service: Service, seven: list[dict[str, Any]], limit: int) -> None:
    answer = service.staff.post(f"/v1/docker/list?limit={limit}")
    gathered = answer.json()
    while "next" in links(answer):
        assert len(answer.json()) == limit
        answer = service.staff.post(links(answer)["next"])
        assert answer.headers["x-total-count"] == "7"
        gathered += answer.json()
    assert gathered == seven


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=3", slice(0, 3)),
        ("limit=3&offset=3", slice(3, 6)),
        ("limit=3&offset=6", slice(6, 7)),
        ("limit=3&offset=7", slice(7, 7)),
        ("offset=5", slice(5, 7)),
        ("limit=100", slice(0, 7)),
        ("offset=100000", slice(7, 7)),
    ],
)
def test_limit_and_offset_page_a_list(
    service: Service, seven: list[dict[str, Any]], query: str, expected: slice
) -> None:
    answer = service.staff.post(f"/v1/docker/list?{query}")
    assert answer.json() == seven[expected]
    assert answer.headers["x-total-count"] == "7"


def test_a_middle_page_links_to_all_its_neighbours(service: Service, seven: list[dict[str, Any]]) -> None:
    answer = service.staff.post("/v1/docker/list?limit=2&offset=2&expand=framework")
    offsets = {relation: int(url.params.get("offset", "0")) for relation, url in links(answer).items()}
    assert offsets == {"first": 0, "prev": 0, "next": 4, "last": 6}
    assert all(url.params["expand"] == "framework" for url in links(answer).values())


def test_a_whole_list_is_whole_and_not_counted(service: Service, seven: list[dict[str, Any]]) -> None:
    answer = service.staff.post("/v1/docker/list")
    assert answer.json() == seven
    assert "x-total-count" not in answer.headers
    assert "link" not in answer.headers


def test_the_count_is_of_what_the_filter_finds(service: Service, seven: list[dict[str, Any]]) -> None:
    some = {"expressions": [{"type": "compare", "field": "pk", "operator": ">", "value": seven[2]["pk"]}]}
    answer = service.staff.post("/v1/docker/list?limit=3", json=some)
    assert answer.headers["x-total-count"] == "4"
    assert answer.json() == seven[3:6]


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=x", "limit=0", "offset=-1", "offset=1.5", "limit=1e400", "limit="]
)
def test_a_page_that_cannot_be_is_refused(shared: Service, query: str) -> None:
    refused(shared.staff.post(f"/v1/docker/list?{query}"), 422, field=query.split("=")[0])


@pytest.mark.parametrize("path", ["docker/list?limt=3", "docker/list?expnd=framework"])
def test_an_unknown_parameter_is_refused_by_name(shared: Service, path: str) -> None:
    name = path.split("?")[1].split("=")[0]
    refused(shared.staff.post(f"/v1/{path}"), 422, field=name)


@pytest.mark.parametrize("path", ["/v1/docker/{pk}", "/v1/docker/{pk}/scan", "/v1/nodes/%7Bpk%7D", "/v1/users/{pk}"])
def test_the_template_of_a_path_is_no_path(shared: Service, path: str) -> None:
    assert shared.staff.get(path).status_code == 404
