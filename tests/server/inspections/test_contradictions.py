"""Where the catalogue, or what staff entered, says something else than an image: reported, and never overwritten."""

from tests.conftest import Service
from tests.registry.running import Registry, configuration
from tests.server.inspections.conftest import CUDA, TORCH, facts, for_both, inspected, made, place, pushed

REQUIRED = CUDA["NVIDIA_REQUIRE_CUDA"]


def test_staffs_word_stays_first_and_is_contradicted(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "team/entered"))
    path = f"/v1/docker/{image['pk']}/facts"
    entered = {"requirements": {"NVIDIA_REQUIRE_CUDA": "cuda>=11.0"}, "architectures": ["amd64"], "min_driver": "550.0"}
    assert service.staff.patch(path, json=entered).status_code == 200
    inspection = inspected(service, image)
    fact_rows = facts(service, image)
    assert {name: fact_rows[name] for name in entered} == {name: (value, "staff") for name, value in entered.items()}
    assert inspection["contradictions"] == [
        {
            "field": "requirements",
            "catalogue": entered["requirements"],
            "registry": {"NVIDIA_REQUIRE_CUDA": REQUIRED},
            "source": "env",
        }
    ]
    service.staff.patch(path, json={"requirements": None})
    assert facts(service, image)["requirements"] == ({"NVIDIA_REQUIRE_CUDA": REQUIRED}, "registry")
    assert service.user.get(place(image)).json()["contradictions"] == []


def test_contradictions_are_reported_and_nothing_is_overwritten(service: Service, registry: Registry) -> None:
    labels = {"org.opencontainers.image.licenses": "BSD-3-Clause"}
    url = pushed(registry, "team/otherwise", TORCH | {"CUDA_VERSION": "12.2.2"})
    registry.image("team/otherwise", "1", configuration(TORCH | {"CUDA_VERSION": "12.2.2"}, labels))
    service.staff.post("/v1/frameworks/create", json={"name": "PyTorch", "version": "2.3"})
    image = made(service, url, cuda_version="12.4.1", framework="PyTorch 2.3", licence="MIT")
    inspection = inspected(service, image)
    assert inspection["contradictions"] == [
        {"field": "cuda_version", "catalogue": "12.4.1", "registry": "12.2.2", "source": "env CUDA_VERSION"},
        {"field": "framework_version", "catalogue": "2.3", "registry": "2.4.1", "source": "env PYTORCH_VERSION"},
        {
            "field": "licence",
            "catalogue": "MIT",
            "registry": "BSD-3-Clause",
            "source": "label org.opencontainers.image.licenses",
        },
    ]
    assert service.staff.get(f"/v1/docker/{image['pk']}").json() == image
    # What staff mend is seen to agree, without asking the registry again.
    service.staff.patch(f"/v1/docker/{image['pk']}", json={"cuda_version": "12.2.2", "licence": "BSD-3-Clause"})
    remaining = service.user.get(place(image)).json()["contradictions"]
    assert [row["field"] for row in remaining] == ["framework_version"]


def test_no_cuda_in_the_catalogue_and_one_in_the_image_contradict(service: Service, registry: Registry) -> None:
    url = pushed(registry, "team/cpu")
    image = made(service, url, cpu=True, cuda_version=None, min_hardware_generation=None)
    assert inspected(service, image)["contradictions"] == [
        {"field": "cuda_version", "catalogue": None, "registry": "12.4.1", "source": "env CUDA_VERSION"}
    ]
    plain = made(service, pushed(registry, "team/cpu", {}, tag="2"), cpu=True, cuda_version=None)
    assert inspected(service, plain)["contradictions"] == []


def test_architectures_that_staff_entered_are_a_set(service: Service, registry: Registry) -> None:
    image = made(service, for_both(registry, "team/set", arm64=CUDA))
    path = f"/v1/docker/{image['pk']}/facts"
    service.staff.patch(path, json={"architectures": ["arm64", "amd64"]})
    assert inspected(service, image)["contradictions"] == []
    service.staff.patch(path, json={"architectures": ["arm64"]})
    assert inspected(service, image)["contradictions"] == [
        {"field": "architectures", "catalogue": ["arm64"], "registry": ["amd64", "arm64"], "source": "manifest"}
    ]
