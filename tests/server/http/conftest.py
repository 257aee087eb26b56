"""A catalogue for filters to be tried on."""

import pytest

from tests.conftest import Service
from tests.server.http.expressions import Expression

A, A2, B, G = "alpha", "Alpha2", "beta", "gamma%_"


@pytest.fixture(scope="module")
def stocked(shared: Service) -> Service:
    """Four images: `alpha` and `Alpha2` for GPUs, `beta` for both, `gamma%_` for CPUs with no CUDA."""
    shared.make("frameworks", name="PyTorch", version="10.1")
    shared.make("frameworks", name="TensorFlow", version="9.2")
    for body in (
        {"name": "alpha", "cuda_version": "9.2.148", "framework": "PyTorch 2.4", "tasks": ["train"]},
        {"name": "Alpha2", "cuda_version": "10.1.243", "framework": "PyTorch 10.1", "tasks": ["predict"]},
        {"name": "beta", "cuda_version": "12.4.1", "framework": "TensorFlow 9.2", "licence": "Apache-2.0", "cpu": True},
        {
            "name": "gamma%_",
            "cuda_version": None,
            "min_hardware_generation": None,
            "cpu": True,
            "domain": "ic",
            "registry_username": "Robot",
            "registry_password": "x",
        },
    ):
        shared.make("docker", **body)
    return shared


def names(service: Service, *expressions: Expression, **specification: object) -> list[str]:
    """The names of the images that the expressions find, in order."""
    answer = service.staff.post("/v1/docker/list", json={"expressions": expressions, **specification})
    assert answer.status_code == 200, answer.text
    return [image["name"] for image in answer.json()]
