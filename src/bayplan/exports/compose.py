"""An image as a service of Docker Compose, with the GPU that it needs.

Sources: Compose Specification, deploy.resources.reservations.devices; ROCm, running containers (/dev/kfd, /dev/dri).
"""

from collections.abc import Sequence
from typing import Any

from bayplan.exports.documents import as_yaml, dns_name
from bayplan.exports.needs import exported_platforms, gpu_terms, notes, smallest, uses_gpu
from bayplan.schemas.floors import FloorAnswer


def compose(floors: Sequence[FloorAnswer]) -> str:
    """A Compose file with a service for each image, for `docker compose -f`.

    Raises `Invalid` for an image of which it is not known what it needs.
    """
    services: dict[str, Any] = {}
    comments: list[str] = []
    for floor in floors:
        name = dns_name(floor["name"])
        key = name if name not in services else dns_name(f"{name}-{floor['version']}")
        services[key], about = _service(floor)
        comments += about
    return as_yaml({"services": services}, comments)


def _service(floor: FloorAnswer) -> tuple[dict[str, Any], list[str]]:
    """A service, and the comments about it."""
    platforms = exported_platforms(floor)
    platform = next(filter(uses_gpu, platforms), platforms[0])
    service: dict[str, Any] = {"image": floor["reference"]}
    comments = notes(floor)
    if len(platforms) == 1:
        service["platform"] = f"linux/{platform['architecture']}"
    if gpu_terms(platform):
        device = {"driver": "nvidia", "count": platform["gpu_count"] or 1, "capabilities": ["gpu"]}
        service["deploy"] = {"resources": {"reservations": {"devices": [device]}}}
        comments.append(f"deploy: Compose chooses no machine. The smallest driver is {smallest(platform)}.")
    elif platform["rocm"] is not None:
        service["devices"] = ["/dev/kfd:/dev/kfd", "/dev/dri:/dev/dri"]
        service["group_add"] = ["video", "render"]
        service["security_opt"] = ["seccomp=unconfined"]
        comments.append(f"devices: AMD's GPUs. This machine needs one of {', '.join(platform['rocm']['targets'])}.")
    if platform["shared_memory_bytes"]:
        service["shm_size"] = str(platform["shared_memory_bytes"])
        comments.append("shm_size: the shared memory that the image needs, in bytes; a container has 64 MiB otherwise.")
    return service, comments
