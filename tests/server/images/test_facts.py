"""Facts about an image that docker.md has no field for: shown with where they came from, entered by staff."""

from typing import Any

import pytest

from tests.answers import refused
from tests.conftest import Service

FACTS = (
    "architectures",
    "accelerator",
    "rocm_version",
    "requirements",
    "disable_require",
    "compat_package",
    "compat_activation",
    "framework_cuda",
    "kernel_architectures",
    "compiles_at_runtime",
    "compiler_cuda",
    "min_driver",
    "min_compute_capability",
    "min_gpu_memory_bytes",
    "min_shared_memory_bytes",
    "min_gpus",
    "needs_driver",
    "end_of_life",
)

VALUES: tuple[tuple[str, Any], ...] = (
    ("architectures", ["amd64", "arm64"]),
    ("requirements", {"NVIDIA_REQUIRE_CUDA": "cuda>=12.4 brand=tesla,driver>=470,driver<471"}),
    ("disable_require", True),
    ("compat_package", {"cuda": "12.4", "driver": "550.54.15"}),
    ("accelerator", "rocm"),
    ("rocm_version", "6.3.2"),
    ("compat_activation", "toolkit"),
    ("compat_activation", "never"),
    ("framework_cuda", "13"),
    ("kernel_architectures", ["7.0", "8.0", "8.6", "9.0", "12.0+PTX"]),
    (
        "kernel_architectures",
        ["9.0a", "10.0f", "compute_90", "gfx942", "gfx90a:xnack+", "gfx9-4-generic", "gfx11-generic"],
    ),
    ("kernel_architectures", {"torch": ["8.0", "9.0+PTX"], "flash_attn": []}),
    ("compiles_at_runtime", "ptx"),
    ("compiles_at_runtime", "cubin"),
    ("compiles_at_runtime", False),
    ("compiler_cuda", "12.8"),
    ("min_driver", "570.0"),
    ("min_compute_capability", "7.5"),
    ("min_gpu_memory_bytes", 24 * 2**30),
    ("min_shared_memory_bytes", 0),
    ("min_gpus", 2),
    ("needs_driver", True),
    ("end_of_life", "2027-01-31"),
)


def facts_of(service: Service, pk: int) -> dict[str, Any]:
    """The facts of an image, of the specified shape."""
    answer = service.user.get(f"/v1/docker/{pk}/facts")
    assert answer.status_code == 200
    facts: dict[str, Any] = answer.json()
    assert set(facts) == set(FACTS)
    for fact in facts.values():
        assert set(fact) - {"sources", "disagree"} == {"value", "origin"}
        assert fact["origin"] in ("registry", "staff", "scan", "table", None)
        assert (fact["value"] is None) == (fact["origin"] is None)
    return facts


def plain(service: Service) -> dict[str, Any]:
    """An image of whose framework no table knows anything."""
    return service.make("docker", framework=service.make("frameworks")["pk"])


def test_a_fact_is_null_until_it_is_known(shared: Service) -> None:
    assert all(fact == {"value": None, "origin": None} for fact in facts_of(shared, plain(shared)["pk"]).values())


@pytest.mark.parametrize(("name", "value"), VALUES)
def test_staff_enter_a_fact_and_take_it_back(shared: Service, name: str, value: object) -> None:
    pk = plain(shared)["pk"]
    before = facts_of(shared, pk)
    entered = shared.staff.patch(f"/v1/docker/{pk}/facts", json={name: value})
    assert entered.status_code == 200, entered.text
    assert entered.json() == before | {name: {"value": value, "origin": "staff"}}
    assert facts_of(shared, pk) == entered.json()
    taken_back = shared.staff.patch(f"/v1/docker/{pk}/facts", json={name: None})
    assert taken_back.json() == before
    assert facts_of(shared, pk) == before


READ_AS: tuple[tuple[str, Any, str, Any], ...] = (
    ("compat_on_loader_path", True, "compat_activation", "always"),
    ("compat_on_loader_path", False, "compat_activation", "never"),
    ("compiles_at_runtime", True, "compiles_at_runtime", "ptx"),
)


@pytest.mark.parametrize(("name", "value", "read_as", "stored"), READ_AS)
def test_facts_of_two_values_are_read_as_those_of_more(
    shared: Service, name: str, value: object, read_as: str, stored: object
) -> None:
    path = f"/v1/docker/{plain(shared)['pk']}/facts"
    entered = shared.staff.patch(path, json={name: value})
    assert entered.json()[read_as] == {"value": stored, "origin": "staff"}
    assert shared.staff.patch(path, json={name: None}).json()[read_as]["origin"] is None


def test_a_fact_of_the_table_comes_back_when_staff_take_theirs_back(service: Service) -> None:
    pk = service.make("docker", framework="PyTorch 2.4", cuda_version="12.4.1")["pk"]
    fact = facts_of(service, pk)["kernel_architectures"]
    assert fact["origin"] in ("table", None)
    service.staff.patch(f"/v1/docker/{pk}/facts", json={"kernel_architectures": ["9.0"]})
    replaced = facts_of(service, pk)["kernel_architectures"]
    assert (replaced["value"], replaced["origin"], replaced["disagree"]) == (["9.0"], "staff", True)
    assert [(source["origin"], source["value"]) for source in replaced["sources"]] == [
        ("staff", ["9.0"]),
        ("table", fact["value"]),
    ]
    service.staff.patch(f"/v1/docker/{pk}/facts", json={"kernel_architectures": None})
    assert facts_of(service, pk)["kernel_architectures"] == fact


WRONG: tuple[tuple[str, Any], ...] = (
    ("architectures", "amd64"),
    ("architectures", []),
    ("architectures", [1]),
    ("requirements", "cuda>=12.4"),
    ("requirements", {"NVIDIA_REQUIRE_CUDA": 12.4}),
    ("requirements", {"PATH": "/usr/bin"}),
    ("disable_require", "true"),
    ("compat_package", "550"),
    ("compat_package", {"cuda": "twelve", "driver": None}),
    ("compat_package", {"colour": "red"}),
    ("compat_on_loader_path", 1),
    ("compat_activation", "sometimes"),
    ("accelerator", "CUDA"),
    ("rocm_version", "six"),
    ("framework_cuda", "cu130"),
    ("compiler_cuda", 12.8),
    ("kernel_architectures", {}),
    ("kernel_architectures", {"Flash Attention": ["8.0"]}),
    ("kernel_architectures", {"torch": "8.0"}),
    ("kernel_architectures", {"torch": ["gfx942:xnack"]}),
    ("kernel_architectures", ["gfx"]),
    ("compiles_at_runtime", 0),
    ("min_gpu_memory_bytes", -1),
    ("min_shared_memory_bytes", "8GiB"),
    ("min_gpus", 0),
    ("needs_driver", "yes"),
    ("kernel_architectures", ["sm_86"]),
    ("kernel_architectures", ["8.6+SASS"]),
    ("kernel_architectures", "8.6"),
    ("compiles_at_runtime", "yes"),
    ("min_driver", "newest"),
    ("min_driver", 570),
    ("min_compute_capability", "eight"),
    ("min_compute_capability", 7.5),
    ("end_of_life", "2027-02-31"),
    ("end_of_life", "soon"),
    ("end_of_life", 20270131),
    ("colour", "red"),
)


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_fact_is_refused_by_name_and_nothing_is_stored(shared: Service, name: str, value: object) -> None:
    pk = plain(shared)["pk"]
    answer = shared.staff.patch(f"/v1/docker/{pk}/facts", json={"min_gpus": 1, name: value})
    body = refused(answer, 422)
    assert name in {part["field"].split(".")[0] for part in body["errors"]}, body
    assert facts_of(shared, pk)["min_gpus"]["value"] is None


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_no_such_image_is_404(shared: Service, method: str) -> None:
    body = {"min_driver": "570.0"} if method == "PATCH" else None
    refused(shared.staff.request(method, "/v1/docker/999999/facts", json=body), 404)


def test_facts_carry_an_etag_that_guards_them(service: Service) -> None:
    path = f"/v1/docker/{plain(service)['pk']}/facts"
    stale = service.staff.get(path).headers["etag"]
    assert service.staff.get(path, headers={"If-None-Match": stale}).status_code == 304
    service.staff.patch(path, json={"min_driver": "570.0"})
    assert service.staff.get(path, headers={"If-None-Match": stale}).status_code == 200
    refused(service.staff.patch(path, json={"min_driver": "580.0"}, headers={"If-Match": stale}), 412)
    assert facts_of(service, int(path.split("/")[3]))["min_driver"]["value"] == "570.0"


def test_a_fact_of_the_table_has_a_new_etag_when_the_framework_is_another(service: Service) -> None:
    framework = service.make("frameworks", name="PyTorch", version="2.4.1")
    path = f"/v1/docker/{service.make('docker', framework=framework['pk'])['pk']}/facts"
    before = service.staff.get(path)
    service.staff.patch(f"/v1/frameworks/{framework['pk']}", json={"name": "Something Else"})
    after = service.staff.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert before.json()["kernel_architectures"]["origin"] == "table"
    assert after.json()["kernel_architectures"]["origin"] is None


def test_a_fact_changes_the_verdict(service: Service) -> None:
    pk = plain(service)["pk"]
    question = {"worker": {"driver_version": "560.35.03", "compute_capability": "8.6"}, "explain": True}

    def verdict() -> str:
        answer = service.user.post("/v1/docker/match", json=question).json()
        (entry,) = answer["matches"] + answer["rejected"]
        return str(entry["grade"])

    assert verdict() == "native"
    service.staff.patch(f"/v1/docker/{pk}/facts", json={"min_driver": "570.0"})
    assert verdict() == "no"
    service.staff.patch(f"/v1/docker/{pk}/facts", json={"min_driver": None})
    assert verdict() == "native"
