"""`POST /v1/docker/{pk}/fit`: an image over all kinds of nodes; and facts that replace a node's own."""

from typing import Any

import httpx2
import pytest

from tests import catalogue
from tests.answers import refused
from tests.conftest import Service


def ok(answer: httpx2.Response) -> Any:
    return answer.raise_for_status().json()


OLD = {"driver_version": "470.57.02", "driver_cuda_version": "11.4"}


@pytest.fixture
def image(service: Service) -> int:
    """An image for CUDA 12.4, three nodes with an old driver, one with a new one, one without GPU."""
    for number in range(3):
        service.staff.post("/v1/nodes/create", json=catalogue.node(ip=f"old{number}", **OLD)).raise_for_status()
    service.staff.post("/v1/nodes/create", json=catalogue.node(ip="new", driver_version="550.54.15")).raise_for_status()
    bare = {"ip": "bare", "index": 0, "cpu_mem": 1 << 36, "architecture": "amd64"}
    service.staff.post("/v1/nodes/create", json=bare).raise_for_status()
    created = service.staff.post("/v1/docker/create", json=catalogue.image())
    return int(created.raise_for_status().json()["pk"])


def fit(service: Service, image: int, **body: Any) -> list[tuple[str, list[str]]]:
    answer = ok(service.user.post(f"/v1/docker/{image}/fit", json=body))
    assert answer["image"]["pk"] == image
    assert answer["considered"] == sum(len(kind["nodes"]) for kind in answer["kinds"])
    return [(kind["grade"], [node["ip"] for node in kind["nodes"]]) for kind in answer["kinds"]]


def test_all_nodes_by_kind_best_first(service: Service, image: int) -> None:
    assert fit(service, image) == [("native", ["new"]), ("no", ["old0", "old1", "old2"]), ("no", ["bare"])]
    kinds = ok(service.user.post(f"/v1/docker/{image}/fit"))["kinds"]
    assert {reason["code"] for reason in kinds[1]["reasons"]} >= {"driver_too_old"}
    assert all(reason["remedy"] for reason in kinds[1]["reasons"] if reason["grade"] == "no")


def test_another_driver_is_asked_of_all_gpus(service: Service, image: int) -> None:
    newer = {"driver_version": "550.54.15"}
    assert fit(service, image, worker=newer) == [("native", ["old0", "old1", "old2", "new"]), ("no", ["bare"])]


def test_facts_that_replace_those_of_a_node(service: Service, image: int) -> None:
    nodes = {node["ip"]: node["pk"] for node in ok(service.user.post("/v1/nodes/list"))}

    def ask(**body: Any) -> tuple[str, dict[str, Any]]:
        answer = ok(service.user.post("/v1/docker/match", json={"explain": True, "grades": ["native"], **body}))
        judged = [match for match in answer["matches"] + answer["rejected"] if match["image"]["pk"] == image]
        return judged[0]["grade"], answer["worker"]

    assert ask(node=nodes["old0"])[0] == "no"
    grade, worker = ask(node=nodes["old0"], worker={"driver_version": "550.54.15"})
    assert grade == "native"
    assert worker["node"] == nodes["old0"]
    assert worker["driver_version"] == "550.54.15"
    assert worker["driver_cuda_version"] is None  # measured with the driver that was replaced
    assert worker["gpu_name"] == "NVIDIA RTX A6000"
    _, worker = ask(node=nodes["new"], worker={"gpu_name": "NVIDIA L4"})
    assert (worker["compute_capability"], worker["gpu_brand"], worker["gpu_mem"]) == (None, None, None)
    _, worker = ask(node=nodes["new"], worker={"architecture": None})
    assert worker["architecture"] is None
    assert fit(service, image, nodes=[nodes["bare"], nodes["old0"]]) == [("no", ["old0"]), ("no", ["bare"])]
    assert ok(service.user.get(f"/v1/nodes/{nodes['old0']}"))["driver_version"] == "470.57.02"


def test_what_is_wrong_is_refused(service: Service, image: int) -> None:
    refused(service.user.post("/v1/docker/999999/fit"), 404)
    assert (
        refused(service.user.post(f"/v1/docker/{image}/fit", json={"nodes": [999999]}), 422)["code"]
        == "unknown_reference"
    )
    refused(service.user.post(f"/v1/docker/{image}/fit", json={"worker": {"driver_version": "new"}}), 422)
