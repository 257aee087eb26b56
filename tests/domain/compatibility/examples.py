"""Images and nodes as people have them, and what the judge says of them."""

import datetime
from dataclasses import replace

from bayplan.domain.compatibility.image import CompatLibraries, Image, framework_kernels
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.tables import load
from bayplan.domain.compatibility.verdict import Reason, Verdict

TABLES = load()
TODAY = datetime.date(2026, 3, 1)

A6000 = Node("535.104.05", "8.6", gpu_name="NVIDIA RTX A6000", gpu_brand="NvidiaRTX", architecture="amd64")
T4 = Node("535.104.05", "7.5", gpu_name="Tesla T4", gpu_brand="Tesla", architecture="amd64")
RTX3090 = Node("580.65.06", "8.6", gpu_name="NVIDIA GeForce RTX 3090", gpu_brand="GeForce", architecture="amd64")
H100 = Node("580.65.06", "9.0", gpu_name="NVIDIA H100 80GB HBM3", gpu_brand="Nvidia", architecture="amd64")
ORIN = Node("540.4.0", "8.7", gpu_name="Orin", architecture="arm64")
CPU_BOX = Node(architecture="amd64")

TORCH = Image(cuda="12.1.1", kernel_architectures=framework_kernels("5.0", "6.0", "7.0", "7.5", "8.0", "8.6", "9.0"))
CUDA_12_4 = Image(cuda="12.4.1", kernel_architectures=framework_kernels("7.0", "8.0", "9.0+PTX"))

COMPAT = CompatLibraries("12.4", "550.54.15")
FORWARD = replace(CUDA_12_4, compat_package=COMPAT, compat_activation="always", compiles_at_runtime=False)
OLD_T4 = replace(T4, driver_version="470.57.02")


def verdict(image: Image, node: Node) -> Verdict:
    return judge(image, node, TABLES, TODAY)


def reason(image: Image, node: Node, code: str) -> Reason:
    reasons = [reason for reason in verdict(image, node).reasons if reason.code == code]
    assert len(reasons) == 1, verdict(image, node)
    return reasons[0]


def codes(image: Image, node: Node) -> list[str]:
    return [reason.code for reason in verdict(image, node).reasons]
