"""`POST /v1/docker/what-if`: changes in order, what they lead to, and errors that name the change."""

from typing import Any

import pytest

from tests.answers import refused
from tests.conftest import Service

PATH = "/v1/docker/what-if"


@pytest.fixture(scope="module")
def pks(shared: Service) -> dict[str, int]:
    """An image of CUDA 12.8 for two tasks, one of CUDA 10.2 for one of them, a node with an old driver, and one without a GPU."""
    new = shared.make("docker", name="new", cuda_version="12.8.1", tasks=["train", "export"])["pk"]
    old = shared.make("docker", name="old", cuda_version="11.0.3", tasks=["train"])["pk"]
    node = shared.make("nodes", driver_version="450.51.06", ip="gpu")["pk"]
    bare = {"ip": "bare", "cpu_mem": 1 << 36, "architecture": "amd64"}
    without = shared.staff.post("/v1/nodes/create", json=bare).raise_for_status().json()["pk"]
    return {"new": new, "old": old, "gpu": node, "bare": without}


def ask(service: Service, *changes: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = service.user.post(PATH, json={"changes": changes}).raise_for_status().json()
    return answer


def only(field: str, value: object) -> dict[str, Any]:
    return {"expressions": [{"type": "exact", "field": field, "value": value}]}


DRIVER = {"set": {"driver_version": "580.95.05"}}


def test_another_driver_unlocks_an_image_and_nothing_is_stored(shared: Service, pks: dict[str, int]) -> None:
    version = shared.user.post("/v1/docker/matrix").json()["version"]
    answer = ask(shared, DRIVER)
    assert (answer["version"], answer["before"]["images"], answer["before"]["nodes"]) == (version, 2, 2)
    assert sum(answer["before"]["grades"].values()) == sum(answer["after"]["grades"].values()) == 4
    (gained,) = answer["images"]["gained"]
    assert (gained["images"], gained["nodes"], gained["node"], gained["grade"]) == (
        [pks["new"]],
        1,
        pks["gpu"],
        "native",
    )
    (task,) = answer["nodes"]["gained"]
    assert (task["task"], task["nodes"], task["image"]) == ("export", [pks["gpu"]], pks["new"])
    assert answer["images"]["lost"] == answer["nodes"]["lost"] == []
    assert shared.user.get(f"/v1/nodes/{pks['gpu']}").json()["driver_version"] == "450.51.06"
    assert shared.user.post("/v1/docker/matrix").json()["version"] == version


def test_changes_apply_in_order(shared: Service, pks: dict[str, int]) -> None:
    back = {"nodes": only("ip", "gpu"), "set": {"driver_version": "450.51.06"}}
    assert ask(shared, DRIVER, back)["images"]["gained"] == []
    assert ask(shared, back, DRIVER)["images"]["gained"][0]["images"] == [pks["new"]]
    # A driver alone is for what takes one; asked of a node by a filter it is asked.
    assert (
        ask(shared, DRIVER)["after"]["grades"] == ask(shared, {**DRIVER, "nodes": only("ip", "gpu")})["after"]["grades"]
    )


def test_a_driver_with_few_parts_is_one_release_of_these(shared: Service, pks: dict[str, int]) -> None:
    """CUDA 11.0.3 ships with 450.51.06, which is also the node's driver."""
    for driver in ("450", "450.51"):
        answer = ask(shared, {"set": {"driver_version": driver}})
        assert answer["before"] == answer["after"]
    for driver, grade in (("450", "unknown"), ("450.51", "unknown"), ("450.36", "no"), ("450.80", "native")):
        worker = {"driver_version": driver, "compute_capability": "8.6", "architecture": "amd64", "accelerator": "cuda"}
        body = {"worker": worker, "explain": True, "grades": [grade]}
        answer = shared.user.post("/v1/docker/match", json=body).raise_for_status().json()
        assert pks["old"] in [match["image"]["pk"] for match in answer["matches"]], driver


def test_nodes_and_images_come_and_go(shared: Service, pks: dict[str, int]) -> None:
    h100 = {"gpu_name": "NVIDIA H100 80GB HBM3", "driver_version": "580.95.05", "architecture": "amd64"}
    answer = ask(shared, {"add": {"worker": h100, "count": 8}})
    assert answer["after"]["nodes"] == 10
    assert (answer["images"]["gained"][0]["nodes"], answer["images"]["gained"][0]["node"]) == (8, -1)
    answer = ask(shared, {"remove_nodes": only("ip", "gpu")})
    (lost,) = answer["images"]["lost"]
    assert (lost["images"], lost["node"], lost["grade"], lost["reasons"]) == ([pks["old"]], None, None, [])
    answer = ask(shared, {"retire": only("name", "old")})
    assert answer["after"]["images"] == 1
    (task,) = answer["nodes"]["lost"]
    assert (task["task"], task["nodes"], task["image"], task["grade"]) == ("train", [pks["gpu"]], pks["old"], None)
    facts = {"end_of_life": "2099-01-01", "min_gpu_memory_bytes": 1 << 30}
    image = {"name": "cpu", "framework": "PyTorch 2.4", "cuda_version": "11.0", "tasks": ["serve"], "domain": "od"}
    answer = ask(shared, {"add_image": image}, {"add_image": {"cpu": True, "tasks": ["serve"], "facts": facts}})
    assert answer["after"]["images"] == 4
    gained = {(node, each["image"]) for each in answer["nodes"]["gained"] for node in each["nodes"]}
    assert gained == {(pks["gpu"], -1), (pks["bare"], -2)}


def test_what_is_lost_has_its_reasons(shared: Service, pks: dict[str, int]) -> None:
    answer = ask(shared, {"set": {"driver_version": "390.48"}})
    (lost,) = answer["images"]["lost"]
    assert (lost["images"], lost["node"], lost["grade"]) == ([pks["old"]], pks["gpu"], "no")
    assert "driver_too_old" in {reason["code"] for reason in lost["reasons"]}
    assert any(reason["remedy"] for reason in lost["reasons"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, "changes.1"),
        ({"set": {}, "retire": {}}, "changes.1"),
        ({"nodes": {}, "retire": {}}, "changes.1"),
        ({"set": {"driver_version": "new"}}, "changes.1.set.driver_version"),
        ({"set": {"hardware_generation": "Nothing"}}, "changes.1.set.hardware_generation"),
        ({"set": {"gpu": "x"}}, "changes.1.set.gpu"),
        ({"nodes": only("nothing", 1), "set": {}}, "changes.1.nodes.expressions.0.field"),
        ({"add": {"worker": {"hardware_generation": "Nothing"}}}, "changes.1.add.worker.hardware_generation"),
        ({"add": {"worker": {}, "count": 0}}, "changes.1.add.count"),
        ({"remove_nodes": only("nothing", 1)}, "changes.1.remove_nodes.expressions.0.field"),
        ({"retire": only("nothing", 1)}, "changes.1.retire.expressions.0.field"),
        ({"add_image": {"framework": "Nothing 1"}}, "changes.1.add_image.framework"),
        ({"add_image": {"cuda_version": "99.9"}}, "changes.1.add_image.cuda_version"),
        ({"add_image": {"nothing": 1}}, "changes.1.add_image.nothing"),
    ],
)
def test_an_error_names_the_change_and_its_field(
    shared: Service, pks: dict[str, int], change: dict[str, Any], field: str
) -> None:
    problem = refused(shared.user.post(PATH, json={"changes": [DRIVER, change]}), 422)
    assert [each["field"] for each in problem["errors"]] == [field]


def test_it_is_bounded(shared: Service, pks: dict[str, int]) -> None:
    many = {"add": {"worker": {}, "count": 6_000}}
    problem = refused(shared.user.post(PATH, json={"changes": [many, many]}), 422, code="too_many_nodes")
    assert problem["errors"][0]["field"] == "changes.1.add.count"
    refused(shared.user.post(PATH, json={"changes": []}), 422)
