"""An image as a Pod with a claim for its GPU by Kubernetes' dynamic resource allocation.

Sources: Kubernetes, Dynamic Resource Allocation (resource.k8s.io/v1) and Common Expression Language in Kubernetes (semver,
quantity); NVIDIA/k8s-dra-driver-gpu cmd/gpu-kubelet-plugin/deviceinfo.go: attributes of a device of the driver gpu.nvidia.com,
whose driver versions are semantic versions ("580.105.8").
"""

from typing import Any

from bayplan.errors import Invalid
from bayplan.exports.documents import as_yaml, dns_name
from bayplan.exports.needs import (
    Drivers,
    GpuTerm,
    Parts,
    exported_platforms,
    gpu_terms,
    least_memory_mib,
    notes,
    smallest,
)
from bayplan.schemas.floors import FloorAnswer, PlatformFloorAnswer

_DRIVER = "gpu.nvidia.com"
_ATTRIBUTES = f'device.attributes["{_DRIVER}"]'


def dra(floor: FloorAnswer) -> str:
    """A ResourceClaimTemplate and a Pod, for `kubectl apply -f`; raises `Invalid` where there is no GPU for CUDA to claim."""
    platforms = tuple(platform for platform in exported_platforms(floor) if gpu_terms(platform))
    if not platforms:
        raise Invalid(
            f"{floor['name']} {floor['version']} needs no GPU for CUDA, so there is none to claim; export it to kubernetes."
        )
    name = dns_name(floor["name"])
    count = max(platform["gpu_count"] or 1 for platform in platforms)
    expressions = list(dict.fromkeys(map(expression, platforms)))
    request: dict[str, Any] = {
        "name": "gpu",
        "exactly": {
            "deviceClassName": _DRIVER,
            "allocationMode": "ExactCount",
            "count": count,
            "selectors": [{"cel": {"expression": " || ".join(f"({each})" for each in expressions)}}],
        },
    }
    template = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": f"{name}-gpu"[-63:].lstrip("-")},
        "spec": {"spec": {"devices": {"requests": [request]}}},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "affinity": _architectures(platforms),
            "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": template["metadata"]["name"]}],  # type: ignore[index]  # made above, with a name
            "containers": [{"name": name, "image": floor["reference"], "resources": {"claims": [{"name": "gpu"}]}}],
        },
    }
    comments = [
        *notes(floor),
        *(f"{platform['architecture']}: smallest driver {smallest(platform)}." for platform in platforms),
        "expression: by the attributes that NVIDIA's driver for dynamic resource allocation publishes of a GPU.",
    ]
    return as_yaml(template, comments) + "---\n" + as_yaml(pod)


def expression(platform: PlatformFloorAnswer) -> str:
    """The expression of CEL that holds for the GPUs that run an image on an architecture."""
    gpus = " || ".join(f"({_term(term)})" for term in gpu_terms(platform))
    parts = [f'device.driver == "{_DRIVER}"', f"({gpus})"]
    memory = least_memory_mib(platform)
    if memory is not None:
        parts.append(f'device.capacity["{_DRIVER}"].memory.compareTo(quantity("{memory}Mi")) >= 0')
    return " && ".join(parts)


def _term(term: GpuTerm) -> str:
    capability = f"{_ATTRIBUTES}.cudaComputeCapability"
    minors = ", ".join(map(str, term.minors))
    drivers = [_drivers(drivers) for drivers in term.drivers]
    parts = [f"{capability}.major() == {term.major}", f"{capability}.minor() in [{minors}]"]
    if all(drivers):
        parts.append(drivers[0] if len(drivers) == 1 else f"({' || '.join(drivers)})")
    return " && ".join(parts)


def _drivers(drivers: Drivers) -> str:
    version = f"{_ATTRIBUTES}.driverVersion"
    parts = []
    if drivers.first is not None:
        parts.append(f'{version}.compareTo(semver("{_semver(drivers.first)}")) >= 0')
    if drivers.below is not None:
        parts.append(f'{version}.compareTo(semver("{_semver(drivers.below)}")) < 0')
    return " && ".join(parts) if len(parts) < 2 else f"({' && '.join(parts)})"


def _semver(version: Parts) -> str:
    """Three numbers: a version with a fourth is newer than its first three, and no driver has four."""
    major, minor, patch = (*version[:3], 0, 0)[:3]
    return f"{major}.{minor}.{patch + 1 if len(version) > 3 else patch}"


def _architectures(platforms: tuple[PlatformFloorAnswer, ...]) -> dict[str, Any]:
    values = [platform["architecture"] for platform in platforms]
    match = {"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": values}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [match]}}}
