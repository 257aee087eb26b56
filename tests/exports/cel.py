"""Evaluates expressions of CEL on a device, with the extensions `semver` and `quantity` as Kubernetes has them.

Source: kubernetes/kubernetes staging/src/k8s.io/apiserver/pkg/cel/library/semverlib.go (blang/semver: three numbers without leading
zeros), quantity.go and apimachinery/pkg/api/resource/quantity.go (suffixes); NVIDIA/k8s-dra-driver-gpu
cmd/gpu-kubelet-plugin/deviceinfo.go (the attributes of a GPU: Masterminds/semver makes three numbers of a driver's version).
"""

import re
from fractions import Fraction
from functools import cache
from typing import Any

import celpy
from celpy import celtypes

from bayplan.domain.compatibility.node import Node

DRIVER = "gpu.nvidia.com"
MOST_LETTERS = 10 * 1024
"""Of an expression. Source: kubernetes/api resource/v1/types.go, CELSelectorExpressionMaxLength."""
_NUMBER = r"(?:0|[1-9][0-9]*)"
_PART = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-{_PART}(?:\.{_PART})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?", re.ASCII)
_DECIMAL = {letter: Fraction(1000) ** power for power, letter in enumerate("num", start=-3)} | {
    letter: Fraction(1000) ** power for power, letter in enumerate("kMGTPE", start=1)
}
_BINARY = {f"{letter}i": Fraction(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}


class Semver(celtypes.StringType):
    """A semantic version."""

    @property
    def parts(self) -> tuple[int, int, int]:
        """Its three numbers; an expression of an export has no pre-release."""
        match = _SEMVER.fullmatch(str(self))
        assert match is not None
        return int(match[1]), int(match[2]), int(match[3])


class Quantity(celtypes.DoubleType):
    """A quantity, which a double has exactly for whole bytes of memory."""


def semver(text: Any) -> Semver:
    """The version; an error for what Kubernetes takes for none."""
    if not _SEMVER.fullmatch(str(text)):
        raise ValueError(f"{text} is no semantic version")
    return Semver(str(text))


def quantity(text: Any) -> Quantity:
    """The quantity; an error for what Kubernetes takes for none."""
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text} is no quantity")
    suffix = match[2] or ""
    factor = _BINARY.get(suffix) or _DECIMAL.get(suffix)
    if factor is None:
        factor = Fraction(10) ** int(suffix[1:]) if suffix else Fraction(1)
    return Quantity(float(Fraction(match[1]) * factor))


def device_of(node: Node) -> celtypes.MapType:
    """The device that NVIDIA's driver for dynamic resource allocation publishes of a node's GPU."""
    version = ".".join(map(str, ([int(part) for part in (node.driver_version or "").split(".")] + [0, 0])[:3]))
    texts = {
        "type": "gpu",
        "uuid": "GPU-0",
        "productName": node.gpu_name or "NVIDIA",
        "brand": "Nvidia",
        "architecture": "Ampere",
        "pcieBusID": "0000:00:00.0",
        "addressingMode": "HMM",
    }
    versions = {
        "cudaComputeCapability": f"{node.compute_capability}.0",
        "driverVersion": version,
        "cudaDriverVersion": "13.0.0",
    }
    attributes = {name: celtypes.StringType(text) for name, text in texts.items()}
    attributes |= {name: semver(text) for name, text in versions.items()}
    memory = celtypes.MapType({"memory": Quantity(float(node.gpu_mem_bytes or 0))})
    return celtypes.MapType(
        {
            "driver": celtypes.StringType(DRIVER),
            "attributes": celtypes.MapType({DRIVER: celtypes.MapType(attributes)}),
            "capacity": celtypes.MapType({DRIVER: memory}),
        }
    )


def evaluated(source: str, node: Node) -> bool:
    """Whether the expression holds for the device of a node."""
    return bool(_program(source).evaluate({"device": device_of(node)}))


@cache
def _program(source: str) -> Any:
    assert len(source) <= MOST_LETTERS
    environment = celpy.Environment()
    functions: dict[str, Any] = {
        "semver": semver,
        "quantity": quantity,
        "major": lambda version: celtypes.IntType(version.parts[0]),
        "minor": lambda version: celtypes.IntType(version.parts[1]),
        "compareTo": _compare,
    }
    return environment.program(environment.compile(source), functions=functions)


def _compare(one: Any, other: Any) -> celtypes.IntType:
    assert type(one) is type(other), "Kubernetes compares a version with a version, and a quantity with a quantity"
    left, right = (one.parts, other.parts) if isinstance(one, Semver) else ((float(one),), (float(other),))
    return celtypes.IntType((left > right) - (left < right))
