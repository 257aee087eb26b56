"""`GET /v1/nodes/upgrades`: the driver upgrades worth making."""

from typing import Any

from tests.conftest import Service

PATH = "/v1/nodes/upgrades"
GPU = {"compute_capability": "8.0", "gpu_name": "NVIDIA A100-SXM4-80GB", "gpu_brand": "Tesla", "architecture": "amd64"}


def test_each_kind_has_its_upgrades_and_what_they_change(shared: Service) -> None:
    images = [shared.make("docker", cuda_version=cuda)["pk"] for cuda in ("13.0.0", "13.0.0", "12.8.1")]
    nodes = [shared.make("nodes", **GPU, driver_version="535.104.05")["pk"] for _ in range(2)]
    shared.make("nodes", ip="bare", driver_version=None, compute_capability=None, gpu_name=None, gpu_brand=None)
    first = shared.user.get(PATH)
    answer: dict[str, Any] = first.raise_for_status().json()
    (kind,) = [kind for kind in answer["kinds"] if nodes[0] in kind["nodes"]]
    assert kind["nodes"] == nodes
    assert kind["worker"]["driver_version"] == "535.104.05"
    assert (kind["end_of_life"], kind["maintained"]) == ("2026-06-30", False)
    upgrades = kind["upgrades"]
    assert [upgrade["branch"] for upgrade in upgrades] == sorted(upgrade["branch"] for upgrade in upgrades)
    assert [upgrade["best"] for upgrade in upgrades].count(True) == 1
    smallest = upgrades[0]
    assert (smallest["branch"], smallest["designation"], smallest["long_term"]) == (580, "long-term support", True)
    assert (smallest["end_of_life"], smallest["maintained"]) == ("2028-06-30", True)
    groups = {group["group"]: group["images"] for group in answer["groups"]}
    assert [groups[group] for group in smallest["unlocks"]] == [images[:2]]
    assert [groups[group] for group in smallest["makes_native"]] == [images[2:]]
    assert (smallest["gained"], smallest["more_native"], smallest["breaks"]) == (2, 3, [])
    # As `fit` says with that driver.
    body = {"worker": {"driver_version": smallest["driver_version"]}, "nodes": nodes}
    for image in images:
        (fit,) = shared.user.post(f"/v1/docker/{image}/fit", json=body).raise_for_status().json()["kinds"]
        assert fit["grade"] == "native"
    tag = first.headers["ETag"]
    assert shared.user.get(PATH, headers={"If-None-Match": tag}).status_code == 304
    shared.staff.patch(f"/v1/nodes/{nodes[0]}", json={"driver_version": "620.10.01"}).raise_for_status()
    after = shared.user.get(PATH, headers={"If-None-Match": tag}).raise_for_status().json()
    assert [kind["nodes"] for kind in after["kinds"]] == [nodes[1:]]
