"""New nodes as people type them."""

from typing import Any

import pytest

from bayplan.domain.added_nodes import added_nodes
from bayplan.errors import Invalid


@pytest.mark.parametrize(
    ("text", "worker", "number"),
    [
        ("8x H100 SXM,580.95", {"gpu_name": "H100 SXM", "driver_version": "580.95"}, 8),
        ("L4", {"gpu_name": "L4"}, 1),
        ("2 × RTX 4090, driver 550.120", {"gpu_name": "RTX 4090", "driver_version": "550.120"}, 2),
        ("MI300X, 6.8.5", {"gpu_name": "MI300X", "driver_version": "6.8.5"}, 1),
        ("4x A100 MIG 1g.10gb, 535", {"gpu_name": "A100", "mig_profile": "1g.10gb", "driver_version": "535"}, 4),
        ("L4, 550, aarch64", {"gpu_name": "L4", "driver_version": "550", "architecture": "arm64"}, 1),
        ("2x GH200, 570", {"gpu_name": "GH200", "driver_version": "570", "architecture": "arm64"}, 2),
        ("NVIDIA GB200", {"gpu_name": "NVIDIA GB200", "architecture": "arm64"}, 1),
        ("Jetson AGX Orin 64GB", {"gpu_name": "Jetson AGX Orin 64GB", "architecture": "arm64"}, 1),
        ("3x cpu", {}, 3),
        ("3x cpu, arm64", {"architecture": "arm64"}, 3),
        ("2x sm_90, 550", {"compute_capability": "9.0", "driver_version": "550"}, 2),
    ],
)
def test_number_and_facts(text: str, worker: dict[str, Any], number: int) -> None:
    assert added_nodes(text) == ({"architecture": "amd64"} | worker, number)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("8x", "write how many"),
        ("8x ,580", "write the GPU as well"),
        (" , ", "write how many"),
        ("8x arm64", "write the GPU as well"),
        ("H100, newest", "newest, which is no driver"),
        ("cpu, 550.120", "A node without GPU"),
        ("9" * 20 + "x L4", "write how many"),
    ],
)
def test_what_is_missing(text: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        added_nodes(text)
