"""`POST /v1/docker/matrix`: every image on every node, by groups and kinds."""

import gzip
from typing import Any

import httpx2
import pytest

from tests.answers import refused
from tests.conftest import Service

PATH = "/v1/docker/matrix"


@pytest.fixture(scope="module")
def fleet(shared: Service) -> dict[str, int]:
    """Three images of which two need the same; an old and a new driver on two machines each, and a machine without a GPU."""
    pks = {}
    for name, cuda in (("one", "12.4.1"), ("two", "12.4.1"), ("old", "10.2.89")):
        pks[name] = shared.make("docker", name=name, cuda_version=cuda)["pk"]
    for name, driver in (("a", "535.104.05"), ("b", "550.54.15"), ("c", "535.104.05"), ("d", "550.54.15")):
        pks[name] = shared.make("nodes", driver_version=driver)["pk"]
    bare = {"ip": "bare", "cpu_mem": 1 << 36, "architecture": "amd64"}
    pks["bare"] = shared.staff.post("/v1/nodes/create", json=bare).raise_for_status().json()["pk"]
    return pks


def ask(client: httpx2.Client, **body: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.post(PATH, json=body).raise_for_status().json()
    return answer


def only(field: str, value: object) -> dict[str, Any]:
    return {"expressions": [{"type": "exact", "field": field, "value": value}]}


def test_groups_kinds_and_the_verdict_on_each(shared: Service, fleet: dict[str, int]) -> None:
    answer = ask(shared.user)
    assert list(answer) == ["version", "kinds", "groups", "verdicts"]
    assert [group["images"] for group in answer["groups"]] == [[fleet["one"], fleet["two"]], [fleet["old"]]]
    nodes = [[fleet["b"], fleet["d"]], [fleet["a"], fleet["c"]], [fleet["bare"]]]
    assert [kind["nodes"] for kind in answer["kinds"]] == nodes
    assert [kind["worker"]["driver_version"] for kind in answer["kinds"]] == ["550.54.15", "535.104.05", None]
    assert answer["kinds"][0]["worker"]["hardware_generation"] == "Ampere"
    pairs = [(verdict["kind"], verdict["group"]) for verdict in answer["verdicts"]]
    assert pairs == [(kind["kind"], group["group"]) for kind in answer["kinds"] for group in answer["groups"]]
    for verdict in answer["verdicts"]:
        (image,) = [group["images"][0] for group in answer["groups"] if group["group"] == verdict["group"]]
        (node,) = [kind["nodes"][0] for kind in answer["kinds"] if kind["kind"] == verdict["kind"]]
        on_nodes = shared.user.get(f"/v1/docker/{image}/nodes").json()["nodes"]
        (single,) = [each for each in on_nodes if each["node"]["pk"] == node]
        assert verdict["grade"] == single["grade"]
        assert verdict["codes"] == [reason["code"] for reason in single["reasons"]]


def test_filters_choose_images_and_nodes(shared: Service, fleet: dict[str, int]) -> None:
    whole = ask(shared.user)
    answer = ask(shared.user, filter=only("name", "one"), nodes=only("ip", "bare"))
    assert [group["images"] for group in answer["groups"]] == [[fleet["one"]]]
    assert [kind["nodes"] for kind in answer["kinds"]] == [[fleet["bare"]]]
    # The identifiers are those of the whole: the same need has the same one.
    assert answer["groups"][0]["group"] == whole["groups"][0]["group"]
    assert answer["kinds"][0]["kind"] == whole["kinds"][-1]["kind"]
    assert ask(shared.user, filter=only("name", "none"))["verdicts"] == []
    assert ask(shared.user, nodes=only("ip", "nowhere"))["kinds"] == []
    deleted = shared.make("docker", name="gone")["pk"]
    shared.staff.delete(f"/v1/docker/{deleted}").raise_for_status()
    assert ask(shared.user, filter={"include_inactive": True})["groups"] == whole["groups"]


def test_what_is_wrong_names_the_filter(shared: Service, fleet: dict[str, int]) -> None:
    for name, field in (("filter", "nonsense"), ("nodes", "nonsense")):
        problem = refused(shared.user.post(PATH, json={name: only(field, "x")}), 422)
        assert problem["errors"][0]["field"] == f"{name}.expressions.0.field"
    refused(shared.user.post(PATH, json={"images": []}), 422)


def test_it_is_kept_until_the_catalogue_changes(shared: Service, fleet: dict[str, int]) -> None:
    first = shared.user.post(PATH)
    tag = first.headers["ETag"]
    assert first.headers["Vary"] == "Authorization, Accept-Encoding"
    again = shared.user.post(PATH, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    shared.staff.patch(f"/v1/nodes/{fleet['bare']}", json={"shared_memory_bytes": 1 << 30}).raise_for_status()
    changed = shared.user.post(PATH, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.json()["version"] > first.json()["version"]
    old, new = (answer.json()["kinds"] for answer in (first, changed))
    assert [kind["kind"] for kind in new[:2]] == [kind["kind"] for kind in old[:2]]
    assert new[2]["kind"] != old[2]["kind"]


def test_nodes_that_are_chosen_by_when_they_were_seen_are_asked_anew(shared: Service, fleet: dict[str, int]) -> None:
    silent = {"expressions": [{"type": "is_null", "field": "last_seen"}]}
    pk = fleet["bare"]
    assert any(pk in kind["nodes"] for kind in ask(shared.user, nodes=silent)["kinds"])
    shared.staff.get("/v1/nodes/ping", headers={"Node-Id": str(pk)}).raise_for_status()
    assert not any(pk in kind["nodes"] for kind in ask(shared.user, nodes=silent)["kinds"])


@pytest.mark.parametrize(
    ("accepts", "packed"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("identity", False), ("gzip;q=0", False), ("", False)],
)
def test_it_is_sent_as_gzip_to_who_takes_that(
    shared: Service, fleet: dict[str, int], accepts: str, *, packed: bool
) -> None:
    with shared.user.stream("POST", PATH, headers={"Accept-Encoding": accepts}) as answer:
        content = b"".join(answer.iter_raw())
    assert answer.headers.get("Content-Encoding") == ("gzip" if packed else None)
    assert int(answer.headers["Content-Length"]) == len(content)
    assert answer.headers["ETag"].endswith('-gzip"') is packed
    assert (gzip.decompress(content) if packed else content) == shared.user.post(PATH).content
