"""An image as a Pod of Kubernetes, which runs on nodes that can run the image.

Labels: NVIDIA/k8s-device-plugin docs/gpu-feature-discovery/README.md (nvidia.com/cuda.driver-version.major, .minor and .revision,
nvidia.com/gpu.compute.major and .minor, nvidia.com/gpu.memory in MiB, nvidia.com/gpu.count); kubernetes.io/arch. The revision is
empty for a driver such as 550.120. Gt and Lt compare a label as one integer. AMD's node labeller names no target of a GPU.
The driver's labels are those of release 0.15.0 and later (that repository's CHANGELOG.md; NVIDIA/gpu-operator
deployments/gpu-operator/values.yaml has it from v24.3.0 on). The earlier ones, cuda.driver.major, .minor and .rev, are deprecated.
"""

from typing import Any

from bayplan.exports.documents import as_yaml, dns_name
from bayplan.exports.driver_labels import Bounds, boxes
from bayplan.exports.needs import (
    GpuTerm,
    exported_platforms,
    gpu_terms,
    least_memory_mib,
    notes,
    smallest,
    uses_gpu,
)
from bayplan.schemas.floors import FloorAnswer, PlatformFloorAnswer

DRIVER_LABELS = tuple(f"nvidia.com/cuda.driver-version.{part}" for part in ("major", "minor", "revision"))
LABELLED_BY = "by the labels of GPU Feature Discovery 0.15.0 (GPU Operator 24.3.0) or later"
Expression = dict[str, Any]
_RESOURCES = {"cuda": "nvidia.com/gpu", "rocm": "amd.com/gpu"}


def kubernetes(floor: FloorAnswer) -> str:
    """A Pod manifest, for `kubectl apply -f`; raises `Invalid` for an image of which it is not known what it needs."""
    platforms = exported_platforms(floor)
    container: dict[str, Any] = {"name": dns_name(floor["name"]), "image": floor["reference"]}
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": node_selector_terms(platforms)}
            }
        },
        "containers": [container],
    }
    gpu = next(filter(uses_gpu, platforms), None)
    if gpu is not None:
        resource = _RESOURCES[gpu["accelerator"] or "cuda"]
        container["resources"] = {"limits": {resource: gpu["gpu_count"] or 1}}
    shared = max((platform["shared_memory_bytes"] or 0 for platform in platforms), default=0)
    if shared:
        container["volumeMounts"] = [{"name": "shm", "mountPath": "/dev/shm"}]  # noqa: S108  # where shared memory is
        spec["volumes"] = [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": str(shared)}}]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": dns_name(floor["name"])}, "spec": spec}
    return as_yaml(pod, [*notes(floor), *_comments(platforms, shared)])


def node_selector_terms(platforms: tuple[PlatformFloorAnswer, ...]) -> list[dict[str, list[Expression]]]:
    """The terms of the node affinity; a node has to match one of them."""
    terms = []
    for platform in platforms:
        arch: Expression = {"key": "kubernetes.io/arch", "operator": "In", "values": [platform["architecture"]]}
        of_gpus = [[arch, *expressions] for term in gpu_terms(platform) for expressions in _of(term, platform)]
        terms += [{"matchExpressions": expressions} for expressions in of_gpus or [[arch]]]
    return terms


def _of(term: GpuTerm, platform: PlatformFloorAnswer) -> list[list[Expression]]:
    """The expressions of one term for each box of its drivers."""
    gpu: list[Expression] = [
        {"key": "nvidia.com/gpu.compute.major", "operator": "In", "values": [str(term.major)]},
        {"key": "nvidia.com/gpu.compute.minor", "operator": "In", "values": [str(minor) for minor in term.minors]},
    ]
    needs = (("nvidia.com/gpu.memory", least_memory_mib(platform)), ("nvidia.com/gpu.count", platform["gpu_count"]))
    for label, least in needs:
        if least is not None and least > 1:
            gpu += _bounded(label, Bounds(least))
    return [
        [*gpu, *(part for label, bounds in zip(DRIVER_LABELS, box, strict=True) for part in _bounded(label, bounds))]
        for drivers in term.drivers
        for box in boxes(drivers)
    ]


def _bounded(label: str, bounds: Bounds) -> list[Expression]:
    if bounds.empty:
        return [{"key": label, "operator": "In", "values": [""]}]
    expressions = []
    if bounds.low > 0:
        expressions.append({"key": label, "operator": "Gt", "values": [str(bounds.low - 1)]})
    if bounds.high is not None:
        expressions.append({"key": label, "operator": "Lt", "values": [str(bounds.high + 1)]})
    return expressions


def _comments(platforms: tuple[PlatformFloorAnswer, ...], shared: int) -> list[str]:
    lines = []
    for platform in platforms:
        name = platform["architecture"]
        if gpu_terms(platform):
            lines.append(f"{name}: smallest driver {smallest(platform)}.")
        elif platform["rocm"] is not None:
            targets = ", ".join(platform["rocm"]["targets"])
            lines.append(
                f"{name}: built for {targets}. No label of AMD's node labeller names a GPU's target: choose the nodes."
            )
        elif platform["runs_on_cpu"]:
            lines.append(f"{name}: runs without a GPU.")
        if least_memory_mib(platform) is not None:
            lines.append("nvidia.com/gpu.memory: in MiB, less a tenth, which boards show less than they are sold with.")
    if any(map(gpu_terms, platforms)):
        lines += [
            f"nodeSelectorTerms: {LABELLED_BY}; a node has to match one of them.",
            "A driver is new enough by its major version, or by the same and its minor version, or by both and its revision.",
        ]
    if shared:
        lines.append("shm: the shared memory that the image needs; a container has 64 MiB otherwise.")
    return lines
