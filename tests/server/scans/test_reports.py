"""Scans that workers and staff report: stored once for each digest, and facts of every image that has it."""

from typing import Any

import pytest

from tests.answers import refused
from tests.conftest import Service
from tests.joining import joined
from tests.registry.running import Registry
from tests.server.inspections.conftest import CUDA, for_both, inspected, made, pushed

ZEROS = f"sha256:{64 * '0'}"


def told(value: object, source: str = "torch-2.9.1.dist-info/METADATA") -> dict[str, Any]:
    """A fact as a scan reports it."""
    return {"value": value, "source": source, "certainty": "stated"}


def scan(**facts: object) -> dict[str, Any]:
    """The report of a scan with these facts."""
    packages = [{"name": "torch", "version": "2.9.1+cu130", "source": "torch-2.9.1.dist-info/METADATA"}]
    return {"facts": {name: told(value) for name, value in facts.items()}, "packages": packages, "bytes_read": 7}


def image_of_its_own(registry: Registry, name: str) -> str:
    """Pushes an image whose digest no other has; gives its reference."""
    return pushed(registry, f"scans/{name}", CUDA | {"NAME": name})


def platforms(inspection: dict[str, Any]) -> dict[str, str]:
    """The digests of an inspection's platforms, by architecture."""
    return {platform["architecture"]: platform["digest"] for platform in inspection["platforms"]}


def facts_of(service: Service, image: dict[str, Any]) -> dict[str, Any]:
    """The facts of an image that are known."""
    facts = service.user.get(f"/v1/docker/{image['pk']}/facts").json()
    return {name: fact for name, fact in facts.items() if fact["origin"] is not None}


def test_the_facts_of_a_scan_are_those_of_all_images_with_its_digest(service: Service, registry: Registry) -> None:
    url = image_of_its_own(registry, "both")
    first = made(service, url)
    digest = platforms(inspected(service, first))["amd64"]
    refused(service.user.get(f"/v1/scans/{digest}"), 404)
    with joined(service) as worker:
        path = f"/v1/scans/{digest}"
        report = scan(framework_cuda="13.0", kernel_architectures={"torch": ["9.0"]}, python_version="3.12")
        stored = worker.client.put(path, json=report)
        assert stored.status_code == 200, stored.text
        name = worker.answer["worker"]
        assert (stored.json()["digest"], stored.json()["scanned_by"]) == (digest, name)
        assert worker.client.get(path).json() == stored.json() == service.user.get(path).json()
    later = made(service, url)
    inspected(service, later)
    for image in (first, later):
        facts = facts_of(service, image)
        assert (facts["framework_cuda"]["value"], facts["framework_cuda"]["origin"]) == ("13.0", "scan")
        assert facts["kernel_architectures"]["value"] == {"torch": ["9.0"]}
        assert facts["requirements"]["origin"] == "registry"
    entry = next(entry for entry in service.staff.get("/v1/history").json() if entry["action"] == "scan")
    assert (entry["pk"], entry["user"]) == (first["pk"], name)
    assert entry["changes"]["facts.framework_cuda"] == {"before": None, "after": "13.0"}


def test_sources_are_side_by_side(service: Service, registry: Registry) -> None:
    image = made(service, image_of_its_own(registry, "sides"))
    digest = platforms(inspected(service, image))["amd64"]
    service.staff.put(f"/v1/scans/{digest}", json=scan(compat_package={"cuda": "12.8"}, min_gpus=2)).raise_for_status()
    service.staff.patch(f"/v1/docker/{image['pk']}/facts", json={"min_gpus": 3}).raise_for_status()
    fact = facts_of(service, image)["min_gpus"]
    assert fact == {
        "value": 3,
        "origin": "staff",
        "disagree": True,
        "sources": [
            {"origin": "staff", "value": 3, "source": None, "certainty": None},
            {"origin": "scan", **told(2)},
        ],
    }
    requirements = facts_of(service, image)["requirements"]
    assert (requirements["disagree"], requirements["sources"][0]["source"]) == (False, "env")


def test_a_digest_is_scanned_once(service: Service, registry: Registry) -> None:
    image = made(service, image_of_its_own(registry, "once"))
    path = f"/v1/scans/{platforms(inspected(service, image))['amd64']}"
    with joined(service) as worker:
        first = worker.client.put(path, json=scan(min_gpus=1)).json()
        before = service.staff.get("/v1/history", params={"limit": 1}).json()[0]["version"]
        assert worker.client.put(path, json=scan(min_gpus=2)).json() == first
        assert service.staff.get("/v1/history", params={"limit": 1}).json()[0]["version"] == before
        assert worker.client.put(path, json={**scan(min_gpus=2), "reader": 2}).json()["facts"]["min_gpus"]["value"] == 2
        # What staff scan takes the place of what a worker says, and not the other way round.
        assert service.staff.put(path, json={**scan(min_gpus=4), "reader": 2}).json()["facts"]["min_gpus"]["value"] == 4
        assert worker.client.put(path, json={**scan(min_gpus=5), "reader": 2}).json()["facts"]["min_gpus"]["value"] == 4
    assert facts_of(service, image)["min_gpus"]["value"] == 4


def test_facts_differ_by_architecture(service: Service, registry: Registry) -> None:
    image = made(
        service, for_both(registry, "scans/platforms", {"CUDA_VERSION": "12.4.1"}, CUDA | {"NAME": "platforms"})
    )
    inspection = inspected(service, image)
    # A worker has pulled by the digest of the index.
    path = f"/v1/scans/{inspection['digest']}"
    for architecture, cuda in (("amd64", "12.8"), ("arm64", "13.0")):
        report = {**scan(framework_cuda=cuda), "architecture": architecture}
        stored = service.staff.put(path, json=report).json()
        assert stored["digest"] == platforms(inspection)[architecture]
    fact = facts_of(service, image)["framework_cuda"]
    assert (fact["value"], fact["by_architecture"]["arm64"]["value"]) == ("12.8", "13.0")
    assert fact["by_architecture"]["arm64"]["sources"] == [{"origin": "scan", **told("13.0")}]
    with joined(service, architecture="arm64") as worker:
        assert worker.client.get(path).json()["facts"]["framework_cuda"]["value"] == "13.0"


def test_a_scan_changes_the_verdict(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "scans/judged", {"CUDA_VERSION": "12.8.1"}))
    digest = platforms(inspected(service, image))["amd64"]
    worker = {
        "driver_version": "570.124.06",
        "compute_capability": "9.0",
        "gpu_name": "NVIDIA H100",
        "architecture": "amd64",
    }
    expression = {"type": "exact", "field": "pk", "value": image["pk"]}

    def grade() -> str:
        question = {"worker": worker, "filter": {"expressions": [expression]}, "explain": True}
        answer = service.user.post("/v1/docker/match", json=question).json()
        verdict: str = [*answer["matches"], *answer["rejected"]][0]["grade"]
        return verdict

    before = grade()
    service.staff.put(f"/v1/scans/{digest}", json=scan(kernel_architectures=["12.0"])).raise_for_status()
    assert (before, grade()) == ("native", "no")


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"facts": {"min_gpus": told("two")}}, "facts"),
    ({"facts": {"python_version": told({"deep": ["x"]})}}, "facts"),
    ({"facts": {"python_version": told("x" * 3_000)}}, "facts.python_version.value"),
    ({"facts": {"python_version": {"value": "3.12"}}}, "facts.python_version.source"),
    ({"facts": {}, "reader": 0}, "reader"),
    ({"facts": {}, "packages": [{"name": "torch"}]}, "packages.0.version"),
)


@pytest.mark.parametrize(("report", "field"), WRONG)
def test_a_wrong_report_is_refused_by_name(shared: Service, report: dict[str, Any], field: str) -> None:
    problem = refused(shared.staff.put(f"/v1/scans/{ZEROS}", json=report), 422)
    assert field in {part["field"] for part in problem["errors"]}


def test_who_may_report_what(shared: Service) -> None:
    refused(shared.user.put(f"/v1/scans/{ZEROS}", json=scan()), 403)
    refused(shared.staff.put("/v1/scans/latest", json=scan()), 422)
    refused(shared.staff.get("/v1/scans/sha256:0"), 422)
    with joined(shared) as worker:
        assert refused(worker.client.put(f"/v1/scans/{ZEROS}", json=scan()), 409)["code"] == "unknown_digest"
    too_large = {
        "facts": {},
        "notes": 100 * ["x" * 1_000],
        "packages": 2_000 * [scan()["packages"][0] | {"source": "x" * 900}],
    }
    refused(shared.staff.put(f"/v1/scans/{ZEROS}", json=too_large), 413)
