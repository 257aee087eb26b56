"""Bodies for the tests: a complete image, node, framework and so on, as the specification says, each unlike the last.

`body = image(version="7")` gives a body that is valid unchanged; a test names only the field that it is about.
"""

import itertools
from typing import Any

Body = dict[str, Any]

_count = itertools.count(1)
_generations = itertools.count(1)  # apart, since their ranges end at 1,000
_releases = itertools.count(100)  # apart, since a version's parts have four digits

DOCKER_FIELDS: dict[str, tuple[type, ...]] = {
    "pk": (int,),
    "name": (str,),
    "version": (str,),
    "url": (str,),
    "registry": (str, type(None)),
    "registry_username": (str, type(None)),
    "registry_password": (str, type(None)),
    "cuda_version": (int, type(None)),
    "min_hardware_generation": (int, type(None)),
    "cpu": (bool,),
    "framework": (int, type(None)),
    "domain": (str, type(None)),
    "tasks": (list,),
    "licence": (int, type(None)),
    "creator": (int, type(None)),
    "creation_time": (str,),
    "deletion_time": (str, type(None)),
}
"""The fields of an image in an answer, in the order of docker.md, and the types of each."""

SERVERS_OWN = ("pk", "creator", "creation_time", "deletion_time")
WRITABLE = tuple(name for name in DOCKER_FIELDS if name not in SERVERS_OWN)


def image(**changes: Any) -> Body:
    """A create body for an image. `PyTorch 2.4` is made by the `service` fixture's template."""
    number = next(_count)
    return {
        "name": f"image-{number}",
        "version": "1",
        "url": f"registry.example.com/team/image-{number}:1",
        "registry": "https://registry.example.com",
        "registry_username": None,
        "registry_password": None,
        "cuda_version": "12.4.1",
        "min_hardware_generation": "Pascal",
        "cpu": False,
        "framework": "PyTorch 2.4",
        "domain": "od",
        "tasks": ["train", "predict"],
        "licence": "MIT",
    } | changes


def node(**changes: Any) -> Body:
    """A create body for a node: an RTX A6000 with a driver of branch 535."""
    number = next(_count)
    return {
        "ip": f"10.{number // 65536 % 256}.{number // 256 % 256}.{number % 256}",
        "index": 0,
        "cpu_mem": 270582939648,
        "driver_version": "535.104.05",
        "gpu_mem": 51527024640,
        "compute_capability": "8.6",
        "gpu_name": "NVIDIA RTX A6000",
        "gpu_brand": "NvidiaRTX",
        "architecture": "amd64",
    } | changes


def machine(gpus: int = 2, **changes: Any) -> Body:
    """A join body for a machine with so many RTX A6000, at an address of its own."""
    body = node()
    about_gpu = {name: body[name] for name in ("compute_capability", "gpu_name", "gpu_brand", "gpu_mem")}
    return {
        "ip": body["ip"],
        "architecture": "amd64",
        "cpu_mem": body["cpu_mem"],
        "driver_version": body["driver_version"] if gpus else None,
        "gpus": [{"index": index, **about_gpu} for index in range(gpus)],
    } | changes


def framework(**changes: Any) -> Body:
    """A create body for a framework."""
    return {"name": f"Framework{next(_count)}", "version": "1.0"} | changes


def cuda(**changes: Any) -> Body:
    """A create body for a CUDA release far above the real ones."""
    number = next(_releases)
    return {
        "version": f"{number}.0",
        "full_version": f"{number}.0.1",
        "min_driver_version": f"{1000 + number}.10",
    } | changes


def hardware(**changes: Any) -> Body:
    """A create body for a GPU generation above the real ones."""
    number = next(_generations)
    return {
        "generation": f"Generation{number}",
        "min_compute_capability": 400 + number / 8,
        "max_compute_capability": 400 + (number + 1) / 8,
    } | changes


def domain(**changes: Any) -> Body:
    """A create body for a domain."""
    number = next(_count)
    return {"name": f"d{number}", "description": f"Domain {number}"} | changes


def licence(**changes: Any) -> Body:
    """A create body for a licence."""
    number = next(_count)
    return {
        "name": f"Licence {number}",
        "url": f"https://licences.example.com/{number}",
        "domains": ["software"],
        "permissions": ["commercial-use"],
        "limitations": ["liability"],
        "conditions": ["include-copyright"],
    } | changes


def user(**changes: Any) -> Body:
    """A create body for a user."""
    number = next(_count)
    return {
        "username": f"user{number}",
        "first_name": "Ada",
        "last_name": "Example",
        "email": f"user{number}@example.com",
        "is_active": True,
        "is_staff": False,
        "password": f"a long password {number}",
    } | changes


def prefetch(**changes: Any) -> Body:
    """A create body for a prefetch rule that no node of the tests is in."""
    number = next(_count)
    return {
        "name": f"rule {number}",
        "nodes": {"expressions": [{"type": "exact", "field": "ip", "value": f"{number}.example.net"}], "order_by": []},
        "images": {
            "expressions": [{"type": "exact", "field": "tasks", "value": "train"}],
            "order_by": [{"field": "name", "ascending": False}],
        },
    } | changes


BODIES = {
    "docker": image,
    "cuda": cuda,
    "hardware": hardware,
    "frameworks": framework,
    "domains": domain,
    "licences": licence,
    "users": user,
    "nodes": node,
    "prefetch": prefetch,
}
"""What makes a create body, by resource."""
