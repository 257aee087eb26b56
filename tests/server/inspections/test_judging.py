"""What a registry said is what the judge goes by: start conditions, platforms, compat packages."""

from typing import Any

from tests.conftest import Service
from tests.registry.running import Registry
from tests.server.inspections.conftest import CUDA, for_both, made, pushed

Body = dict[str, Any]
A6000 = {"compute_capability": "8.6", "gpu_name": "NVIDIA RTX A6000", "gpu_brand": "NvidiaRTX"}
OLD_DRIVER = A6000 | {"driver_version": "525.85.12"}
NEW_DRIVER = A6000 | {"driver_version": "560.28.03"}
T4 = {"compute_capability": "7.5", "gpu_name": "Tesla T4", "gpu_brand": "Tesla", "driver_version": "470.57.02"}


def verdict(service: Service, image: Body, worker: Body) -> tuple[str, list[str]]:
    """The grade of the image on the worker, and the codes of its reasons."""
    question = {
        "worker": {"architecture": "amd64"} | worker,
        "filter": {"expressions": [{"type": "exact", "field": "pk", "value": image["pk"]}]},
        "explain": True,
    }
    answer = service.user.post("/v1/docker/match", json=question).json()
    (judged,) = answer["matches"] + answer["rejected"]
    return judged["grade"], [reason["code"] for reason in judged["reasons"] if reason["grade"] == "no"]


def image_at(service: Service, url: str) -> Body:
    """An image of a framework of which no builds are known, so that nothing else decides."""
    return made(service, url, framework=service.make("frameworks")["pk"])


def inspect(service: Service, image: Body) -> None:
    """Has the image's registry asked."""
    answer = service.staff.post(f"/v1/docker/{image['pk']}/inspection")
    assert answer.status_code == 200, answer.text


def test_a_start_condition_changes_the_verdict(service: Service, registry: Registry) -> None:
    image = image_at(service, pushed(registry, "judged/condition"))
    assert verdict(service, image, OLD_DRIVER) == ("minor", [])
    inspect(service, image)
    assert verdict(service, image, OLD_DRIVER) == ("no", ["start_condition"])
    assert verdict(service, image, NEW_DRIVER) == ("native", [])
    service.staff.patch(f"/v1/docker/{image['pk']}/facts", json={"disable_require": True})
    assert verdict(service, image, OLD_DRIVER) == ("minor", [])


def test_an_empty_start_condition_leaves_that_of_the_cuda_version(service: Service, registry: Registry) -> None:
    env = {"CUDA_VERSION": "12.4.1", "NVIDIA_REQUIRE_CUDA": ""}
    image = image_at(service, pushed(registry, "judged/empty", env))
    inspect(service, image)
    assert verdict(service, image, OLD_DRIVER) == ("no", ["start_condition"])
    assert verdict(service, image, NEW_DRIVER) == ("native", [])


def test_a_video_encoder_that_staff_call_able_to_do_without_a_gpu_runs_without(
    service: Service, registry: Registry
) -> None:
    env = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "video,utility"}
    url = pushed(registry, "judged/encoder", env)
    framework = service.make("frameworks")["pk"]
    image = made(service, url, framework=framework, cpu=True, cuda_version=None, min_hardware_generation=None)
    inspect(service, image)
    path = f"/v1/docker/{image['pk']}/facts"
    assert service.user.get(path).json()["needs_driver"]["value"] is True
    assert verdict(service, image, {}) == ("cpu", [])
    service.staff.patch(path, json={"needs_driver": True})
    assert verdict(service, image, {}) == ("no", ["needs_gpu"])


def test_an_image_for_another_platform_is_seen(service: Service, registry: Registry) -> None:
    image = image_at(service, pushed(registry, "judged/platform", architecture="arm64"))
    assert verdict(service, image, NEW_DRIVER) == ("native", [])
    inspect(service, image)
    assert verdict(service, image, NEW_DRIVER) == ("no", ["wrong_platform"])
    assert verdict(service, image, NEW_DRIVER | {"architecture": "arm64"})[1] == []


def test_an_image_for_another_system_is_for_no_worker(service: Service, registry: Registry) -> None:
    image = image_at(service, pushed(registry, "judged/windows", os="windows"))
    inspect(service, image)
    assert verdict(service, image, NEW_DRIVER) == ("no", ["wrong_platform"])


def test_each_architecture_is_judged_by_what_the_image_says_on_it(service: Service, registry: Registry) -> None:
    image = image_at(service, for_both(registry, "judged/both", arm64=CUDA | {"NVIDIA_REQUIRE_CUDA": "cuda>=12.6"}))
    inspect(service, image)
    # 550.54.15 supports CUDA 12.4.
    worker = NEW_DRIVER | {"driver_version": "550.54.15"}
    arm = worker | {"architecture": "arm64"}
    assert verdict(service, image, worker) == ("native", [])
    assert verdict(service, image, arm) == ("no", ["start_condition"])
    staff_facts = {"requirements": {"NVIDIA_REQUIRE_CUDA": "cuda>=11.0"}}
    service.staff.patch(f"/v1/docker/{image['pk']}/facts", json=staff_facts)
    assert verdict(service, image, arm) == ("native", [])


def test_a_compat_package_is_seen(service: Service, registry: Registry) -> None:
    env = CUDA | {"NV_CUDA_COMPAT_PACKAGE": "cuda-compat-12-4=550.54.15-1"}
    image = image_at(service, pushed(registry, "judged/compat", env))
    assert verdict(service, image, T4) == ("no", ["driver_too_old"])
    inspect(service, image)
    assert verdict(service, image, T4) == ("forward", [])


def test_all_nodes_and_all_images_go_by_it_too(service: Service, registry: Registry) -> None:
    image = image_at(service, pushed(registry, "judged/views", architecture="arm64"))
    node = service.make("nodes", **NEW_DRIVER, architecture="amd64")
    inspect(service, image)
    nodes = service.staff.get(f"/v1/docker/{image['pk']}/nodes").json()["nodes"]
    assert {row["grade"] for row in nodes if row["node"]["pk"] == node["pk"]} == {"no"}
    images = service.staff.get(f"/v1/nodes/{node['pk']}/images").json()["images"]
    assert {row["grade"] for row in images if row["image"]["pk"] == image["pk"]} == {"no"}
