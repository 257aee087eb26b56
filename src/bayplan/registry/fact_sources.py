"""Where images say what they are made of, as a table: which variable, label or annotation tells which fact.

Rows of one fact stand in the order in which they are believed. Traps that are left out on purpose:
NVIDIA_PYTORCH_VERSION and its likes are the container's tag; `org.opencontainers.image.version` is mostly the base
system's; NGC images carry `com.nvidia.cuda.version=9.0` whatever their CUDA is.
Source: the published configurations of nvidia/cuda, NGC and pytorch images; their Dockerfiles.
"""

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

Value = str | bool | list[str] | dict[str, str] | dict[str, str | None]
Where = Literal["env", "label", "annotation"]
Certainty = Literal["stated", "derived"]

_VERSION = re.compile(r"([0-9]+(?:\.[0-9]+)+)(?:-[0-9]+)?(?:\+cuda[0-9.]+)?", re.ASCII)
_PACKAGE = re.compile(r"[a-z][a-z0-9.+-]*=(.+)", re.ASCII)
_FRAMEWORK = re.compile(r"v?([0-9]+\.[0-9]+[0-9A-Za-z.+_-]{0,80})", re.ASCII)
_ARCHITECTURE = re.compile(r"[0-9]{1,2}\.[0-9][af]?(?:\+PTX)?", re.ASCII)
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})  # Go's strconv.ParseBool, with which the runtime reads it
_LONGEST = 1024


def version(text: str) -> str | None:
    """A version without its packaging suffix: "8.2.1.32-1" and "8.2.1.32-1+cuda11.4" are 8.2.1.32."""
    found = _VERSION.fullmatch(text.strip())
    return found[1] if found else None


def packaged(text: str) -> str | None:
    """The version in "libnccl2=2.21.5-1+cuda12.4"."""
    found = _PACKAGE.fullmatch(text.strip())
    return version(found[1]) if found else None


def framework_version(text: str) -> str | None:
    """A framework's version as it says it itself, pre-release and build included: "2.9.0a0+145a3a7"."""
    found = _FRAMEWORK.fullmatch(text.strip())
    return found[1] if found else None


def truth(text: str) -> bool:
    """Whether the runtime takes a variable for true; everything that it cannot read is false to it."""
    return text in _TRUE


def words(text: str) -> list[str] | None:
    """The words of a list with commas between, each once."""
    found = [word.strip() for word in text[:_LONGEST].split(",") if word.strip()]
    return list(dict.fromkeys(found)) or None


def architectures(text: str) -> list[str] | None:
    """The compute capabilities of a list such as "7.5 8.0;9.0+PTX"; None as soon as one is none (a name, "All")."""
    found = [word for word in re.split(r"[\s;,]+", text[:_LONGEST]) if word]
    return found if found and all(_ARCHITECTURE.fullmatch(word) for word in found) else None


def spdx(text: str) -> str | None:
    """An SPDX expression in its canonical spelling; None for a licence in other words."""
    try:
        return str(canonicalize_license_expression(text[:_LONGEST]))
    except InvalidLicenseExpression:
        return None


def past_end(text: str) -> bool | None:
    """True where an image says that it is past its end, without a day; nothing follows from a zero."""
    return True if truth(text) else None


def day(text: str) -> str | None:
    """The day of a date or a time stamp, such as "2027-01-31"."""
    try:
        return datetime.date.fromisoformat(text.strip()[:10]).isoformat()
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class FactSource:
    """One place that tells a fact; `read` gives None for what it cannot make sense of."""

    fact: str
    where: Where
    name: str
    read: Callable[[str], Value | None]
    certainty: Certainty = "stated"


FACT_SOURCES = (
    FactSource("cudnn_version", "env", "NV_CUDNN_VERSION", version),
    FactSource("cudnn_version", "env", "CUDNN_VERSION", version),
    FactSource("cudnn_version", "env", "NV_CUDNN_PACKAGE", packaged, "derived"),
    FactSource("cudnn_version", "label", "com.nvidia.cudnn.version", version),
    FactSource("nccl_version", "env", "NCCL_VERSION", version),
    FactSource("nccl_version", "env", "NV_LIBNCCL_PACKAGE_VERSION", version),
    FactSource("nccl_version", "env", "NV_LIBNCCL_PACKAGE", packaged, "derived"),
    FactSource("nccl_version", "label", "com.nvidia.nccl.version", version),
    FactSource("disable_require", "env", "NVIDIA_DISABLE_REQUIRE", truth),
    FactSource("driver_capabilities", "env", "NVIDIA_DRIVER_CAPABILITIES", words),
    FactSource("cuda_architectures", "env", "TORCH_CUDA_ARCH_LIST", architectures),
    FactSource("licence", "annotation", "org.opencontainers.image.licenses", spdx),
    FactSource("licence", "label", "org.opencontainers.image.licenses", spdx),
    FactSource("end_of_life", "annotation", "vnd.microsoft.artifact.lifecycle.end-of-life.date", day),
    FactSource("end_of_life", "env", "NVIDIA_CUDA_END_OF_LIFE", past_end),
)

FRAMEWORKS = {
    "PyTorch": (("env", "PYTORCH_VERSION"), ("env", "PYTORCH_BUILD_VERSION"), ("label", "com.nvidia.pytorch.version")),
    "TensorFlow": (("env", "TENSORFLOW_VERSION"), ("label", "com.nvidia.tensorflow.version")),
    "MXNet": (("env", "MXNET_VERSION"), ("label", "com.nvidia.mxnet.version")),
    "PaddlePaddle": (("env", "PADDLEPADDLE_VERSION"), ("label", "com.nvidia.paddlepaddle.version")),
    "JAX": (("env", "JAX_VERSION"), ("label", "com.nvidia.jax.version")),
}
"""Where each framework's own version stands, in the order in which the places are believed."""
