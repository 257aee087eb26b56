"""Facts in the body of an image's create, PUT and PATCH: stored as staff's in the same transaction, and not in the answer."""

from typing import Any

import pytest

from tests.answers import refused
from tests.conftest import Service

ROCM = {"accelerator": "rocm", "rocm_version": "6.3.2", "kernel_architectures": ["gfx942"]}
WITHOUT_CUDA = {"cuda_version": None, "min_hardware_generation": None, "cpu": False}


def entered(service: Service, pk: int) -> dict[str, Any]:
    """The facts of an image that staff entered."""
    facts = service.user.get(f"/v1/docker/{pk}/facts").json()
    return {name: fact["value"] for name, fact in facts.items() if fact["origin"] == "staff"}


def test_an_image_is_added_with_facts(service: Service) -> None:
    image = service.make("docker", **WITHOUT_CUDA, facts=ROCM)
    assert image["cuda_version"] is None
    assert "facts" not in image
    assert entered(service, image["pk"]) == ROCM
    latest = service.staff.get("/v1/history", params={"limit": 1}).json()[0]
    assert latest["action"] == "create"
    assert latest["changes"]["facts.accelerator"] == {"before": None, "after": "rocm"}
    document = service.staff.get("/v1/catalogue/export").json()
    assert document["images"][-1]["facts"] == ROCM
    plan = service.staff.post("/v1/catalogue/apply", json={"images": document["images"]}).json()
    assert plan["changes"] == []


def test_put_and_patch_change_the_facts_that_they_name(service: Service) -> None:
    image = service.make("docker", facts={"min_gpus": 2, "min_driver": "550.54.15"})
    path = f"/v1/docker/{image['pk']}"
    body = {
        name: value for name, value in image.items() if name not in ("pk", "creator", "creation_time", "deletion_time")
    }
    service.staff.put(path, json=body).raise_for_status()
    assert entered(service, image["pk"]) == {"min_gpus": 2, "min_driver": "550.54.15"}
    service.staff.put(path, json={**body, "facts": {"min_driver": None, "needs_driver": True}}).raise_for_status()
    assert entered(service, image["pk"]) == {"min_gpus": 2, "needs_driver": True}
    service.staff.patch(path, json={**WITHOUT_CUDA, "facts": {"min_gpus": 3}}).raise_for_status()
    assert entered(service, image["pk"]) == {"min_gpus": 3, "needs_driver": True}
    latest = service.staff.get("/v1/history", params={"limit": 1}).json()[0]
    assert latest["changes"]["facts.min_gpus"] == {"before": 2, "after": 3}
    assert latest["changes"]["cuda_version"]["after"] is None


def test_no_cuda_only_where_the_facts_say_so(service: Service) -> None:
    image = service.make("docker", **WITHOUT_CUDA, facts=ROCM)
    path = f"/v1/docker/{image['pk']}"
    for body in (
        {"facts": {"accelerator": None}},
        {"facts": {"accelerator": "cuda"}},
        {"facts": {"accelerator": "cuda"}, "name": "another"},
    ):
        problem = refused(service.staff.patch(path, json=body), 422)
        assert {part["field"] for part in problem["errors"]} == {"cuda_version", "min_hardware_generation"}
    refused(service.staff.patch(f"{path}/facts", json={"accelerator": None}), 422)
    document = {"images": [service.staff.get("/v1/catalogue/export").json()["images"][-1]]}
    document["images"][0]["facts"] = {"accelerator": "cuda"}
    refused(service.staff.post("/v1/catalogue/apply", json=document), 422)
    assert entered(service, image["pk"]) == ROCM
    service.staff.patch(path, json={"cpu": True, "facts": {"accelerator": None}}).raise_for_status()
    plain = service.make("docker")
    refused(service.staff.patch(f"/v1/docker/{plain['pk']}", json={"cuda_version": None}), 422)


WRONG: tuple[tuple[Any, str], ...] = (
    ({"kernel_architectures": ["8.6", "sm_86"]}, "facts.kernel_architectures.1"),
    ({"kernel_architectures": {"torch": ["8.x"]}}, "facts.kernel_architectures.torch.0"),
    ({"colour": "red"}, "facts.colour"),
    ({"compat_package": {"cuda": "twelve"}}, "facts.compat_package.cuda"),
    ("rocm", "facts"),
)


@pytest.mark.parametrize(("facts", "field"), WRONG)
def test_a_wrong_fact_is_named_and_nothing_is_stored(shared: Service, facts: object, field: str) -> None:
    image = shared.make("docker")
    problem = refused(shared.staff.patch(f"/v1/docker/{image['pk']}", json={"cpu": True, "facts": facts}), 422)
    assert [part["field"] for part in problem["errors"]] == [field]
    assert shared.user.get(f"/v1/docker/{image['pk']}").json()["cpu"] is image["cpu"]
