"""What an image needs of a node, over HTTP."""

import pytest

from tests.answers import refused
from tests.conftest import Service


@pytest.fixture(scope="module")
def torch(shared: Service) -> int:
    """An image of CUDA 12.4 with the facts that decide its floor."""
    facts = {
        "kernel_architectures": ["8.0", "9.0"],
        "min_gpu_memory_bytes": 1 << 34,
        "architectures": ["amd64", "arm64"],
    }
    body = {"name": "floor", "cuda_version": "12.4.1", "framework": "PyTorch 2.4", "min_hardware_generation": "Ampere"}
    pk: int = shared.make("docker", **body, facts=facts)["pk"]
    return pk


def test_everyone_reads_what_an_image_needs(shared: Service, torch: int) -> None:
    answer = shared.user.get(f"/v1/docker/{torch}/floor")
    assert answer.status_code == 200, answer.text
    floor = answer.json()
    assert (floor["name"], floor["digest"]) == ("floor", None)
    amd64, arm64 = floor["platforms"]
    assert [amd64["architecture"], arm64["architecture"]] == ["amd64", "arm64"]
    assert amd64["drivers"] == {"native": "550.54.15", "minor": "525.60.13", "forward": None, "jit": None}
    assert amd64["cuda"] == "12.0"
    assert amd64["gpu_memory_bytes"] == 1 << 34
    assert (amd64["gpu_count"], amd64["runs_on_cpu"]) == (1, False)
    assert sorted({gpu["compute_capability"] for gpu in amd64["gpus"]}) == ["8.0", "8.6", "8.9", "9.0"]
    (hopper,) = [gpu for gpu in amd64["gpus"] if gpu["compute_capability"] == "9.0"]
    assert hopper == {
        "compute_capability": "9.0",
        "classes": ["data_centre"],
        "drivers": [
            {"grade": "minor", "first": "525.60.13", "below": "550.54.15"},
            {"grade": "native", "first": "550.54.15", "below": None},
        ],
    }
    unchanged = shared.user.get(f"/v1/docker/{torch}/floor", headers={"If-None-Match": answer.headers["ETag"]})
    assert unchanged.status_code == 304


def test_the_floor_follows_the_facts(shared: Service, torch: int) -> None:
    before = shared.user.get(f"/v1/docker/{torch}/floor")
    facts = {"min_driver": "535.54"}
    assert shared.staff.patch(f"/v1/docker/{torch}/facts", json=facts).status_code == 200
    after = shared.user.get(f"/v1/docker/{torch}/floor", headers={"If-None-Match": before.headers["ETag"]})
    assert after.json()["platforms"][0]["drivers"]["minor"] == "535.54"
    assert shared.staff.patch(f"/v1/docker/{torch}/facts", json={"min_driver": None}).status_code == 200


def test_an_image_that_there_is_not_has_no_floor(shared: Service) -> None:
    refused(shared.user.get("/v1/docker/99999/floor"), 404)


def test_images_that_some_node_runs(shared: Service, torch: int) -> None:
    def runnable() -> set[int]:
        answer = shared.user.get("/v1/docker/runnable")
        assert answer.status_code == 200, answer.text
        return {image["pk"] for image in answer.json()}

    assert torch not in runnable()
    old = shared.make("nodes", ip="10.9.9.1", driver_version="470.57.02", compute_capability="8.0", gpu_mem=80 << 30)
    assert torch not in runnable()
    new = shared.make("nodes", ip="10.9.9.2", driver_version="535.104.05", compute_capability="8.0", gpu_mem=80 << 30)
    assert torch in runnable()
    for node in (old, new):
        assert shared.staff.delete(f"/v1/nodes/{node['pk']}").status_code == 204
    assert torch not in runnable()
