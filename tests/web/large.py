"""A catalogue of more groups and kinds than a page shows, whose names are hostile."""

from itertools import product
from typing import Any

HOSTILE = "<script>alert(1)</script>" + "&" * 150
CUDAS = (
    "12.6.3",
    "12.5.1",
    "12.4.1",
    "12.3.2",
    "12.2.2",
    "12.1.1",
    "12.0.1",
    "11.8.0",
    "11.7.1",
    "11.6.2",
    "11.5.2",
    "11.4.3",
)


def large_catalogue() -> dict[str, Any]:
    """The document to apply: 48 groups of images and 50 kinds of nodes."""
    images = [
        {
            "name": f"image-{at}",
            "version": "1.0",
            "url": f"registry.example.com/team/image-{at}:1.0",
            "registry": "https://registry.example.com",
            "cuda_version": cuda,
            "min_hardware_generation": generation,
            "cpu": False,
            "framework": f"{HOSTILE} 1.0",
            "domain": "vision",
            "tasks": ["train"],
            "licence": "Apache-2.0",
        }
        for at, (cuda, generation) in enumerate(product(CUDAS, ("Pascal", "Volta", "Ampere", "Hopper")))
    ]
    nodes = [
        {
            "ip": f"10.0.0.{at}",
            "index": 0,
            "gpu_name": HOSTILE,
            "driver_version": f"535.{at}.01",
            "architecture": "amd64",
        }
        for at in range(1, 51)
    ]
    return {
        "domains": [{"name": "vision"}],
        "frameworks": [{"name": HOSTILE, "version": "1.0"}],
        "images": images,
        "nodes": nodes,
    }
