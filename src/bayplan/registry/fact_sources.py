"""The table of facts by source: which variable, label or annotation of an image has which fact.

Of several rows for a fact the first that can be read counts. Traps that are left out on purpose:
`org.opencontainers.image.version` is mostly the base system's; labels of "verified versions" are of drivers.
Source: the published configurations of nvidia/cuda, NGC and pytorch images; their Dockerfiles.
"""

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from bayplan.registry.evidence import Certainty, Value, Where

_VERSION = re.compile(r"([0-9]+(?:\.[0-9]+)+)(?:-[0-9]+)?(?:\+cuda[0-9.]+)?", re.ASCII)
_PACKAGE = re.compile(r"[a-z][a-z0-9.+-]*=(.+)", re.ASCII)
_FRAMEWORK = re.compile(r"v?([0-9]+\.[0-9]+[0-9A-Za-z.+_-]{0,80})", re.ASCII)
_ARCHITECTURE = re.compile(r"[0-9]{1,2}\.[0-9][af]?(?:\+PTX)?", re.ASCII)
_CMAKE_ARCHITECTURE = re.compile(r"([0-9]{1,2})([0-9])([af]?)(?:-(real|virtual))?", re.ASCII)
_TARGET = re.compile(r"gfx[0-9a-f]{3,4}(?:-generic|:(?:xnack|sramecc)[+-])*|gfx[0-9]+(?:-[0-9]+)?-generic", re.ASCII)
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})  # Go's strconv.ParseBool, with which the runtime reads it
_LONGEST = 1024


def version(text: str) -> str | None:
    """A version without its packaging suffix: "8.2.1.32-1" and "8.2.1.32-1+cuda11.4" are 8.2.1.32."""
    match = _VERSION.fullmatch(text.strip())
    return match[1] if match else None


def packaged(text: str) -> str | None:
    """The version in "libnccl2=2.21.5-1+cuda12.4"."""
    match = _PACKAGE.fullmatch(text.strip())
    return version(match[1]) if match else None


def framework_version(text: str) -> str | None:
    """A framework's own version, pre-release and build included: "2.9.0a0+145a3a7"."""
    match = _FRAMEWORK.fullmatch(text.strip())
    return match[1] if match else None


def truth(text: str) -> bool:
    """Whether the NVIDIA runtime reads a variable as true; it reads every unknown text as false."""
    return text in _TRUE


def words(text: str) -> list[str] | None:
    """The words of a comma-separated list, each once."""
    listed = [word.strip() for word in text[:_LONGEST].split(",") if word.strip()]
    return list(dict.fromkeys(listed)) or None


def architectures(text: str) -> list[str] | None:
    """The compute capabilities of a list such as "7.5 8.0;9.0+PTX" or CMake's "80-real;87"; None where a word is none.

    Such words are names of generations and "All". Source: CMake, CUDA_ARCHITECTURES.
    """
    listed = [_architecture(word) for word in re.split(r"[\s;,]+", text[:_LONGEST].strip("\"' ")) if word]
    capabilities = [capability for capability in listed if capability is not None]
    return capabilities if capabilities and len(capabilities) == len(listed) else None


def _architecture(word: str) -> str | None:
    if _ARCHITECTURE.fullmatch(word):
        return word
    named = _CMAKE_ARCHITECTURE.fullmatch(word)
    if named is None:
        return None
    return f"compute_{named[1]}{named[2]}" if named[4] == "virtual" else f"{named[1]}.{named[2]}{named[3]}"


def python(text: str) -> str | None:
    """A release of Python."""
    return text.strip() if re.fullmatch(r"[23]\.[0-9]{1,2}(\.[0-9]{1,2})?", text.strip(), re.ASCII) else None


def targets(text: str) -> list[str] | None:
    """The targets of AMD GPUs in a list such as "gfx90a;gfx942"; None where a word is none."""
    listed = [word for word in re.split(r"[\s;,]+", text[:_LONGEST].strip("\"' ")) if word]
    return listed if listed and all(_TARGET.fullmatch(word) for word in listed) else None


def spdx(text: str) -> str | None:
    """An SPDX expression in its canonical spelling; None for any other text."""
    try:
        return str(canonicalize_license_expression(text[:_LONGEST]))
    except InvalidLicenseExpression:
        return None


def past_end(text: str) -> bool | None:
    """True where an image states that it is past its end of life; None otherwise, as a zero proves nothing."""
    return True if truth(text) else None


def day(text: str) -> str | None:
    """The day of a date or a time stamp, such as "2027-01-31"."""
    try:
        return datetime.date.fromisoformat(text.strip()[:10]).isoformat()
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class FactPlace:
    """A place that has a fact; `read` gives None for a text that it cannot read."""

    fact: str
    where: Where
    name: str
    read: Callable[[str], Value | None]
    certainty: Certainty = "stated"


FACT_SOURCES = (
    FactPlace("cudnn_version", "env", "CUDNN_VERSION", version),  # before the base's, which may be left behind
    FactPlace("cudnn_version", "env", "NV_CUDNN_VERSION", version),
    FactPlace("cudnn_version", "env", "NV_CUDNN_PACKAGE", packaged, "derived"),
    FactPlace("cudnn_version", "label", "com.nvidia.cudnn.version", version),
    FactPlace("nccl_version", "env", "NCCL_VERSION", version),
    FactPlace("nccl_version", "env", "NV_LIBNCCL_PACKAGE_VERSION", version),
    FactPlace("nccl_version", "env", "NV_LIBNCCL_PACKAGE", packaged, "derived"),
    FactPlace("nccl_version", "label", "com.nvidia.nccl.version", version),
    FactPlace("disable_require", "env", "NVIDIA_DISABLE_REQUIRE", truth),
    FactPlace("driver_capabilities", "env", "NVIDIA_DRIVER_CAPABILITIES", words),
    FactPlace("cuda_architectures", "env", "TORCH_CUDA_ARCH_LIST", architectures),
    FactPlace("cuda_architectures", "env", "CUDA_ARCH_LIST", architectures),
    FactPlace("cuda_architectures", "env", "CUDAARCHS", architectures),
    FactPlace("cuda_architectures", "env", "CUDA_ARCHITECTURES", architectures),
    FactPlace("python_version", "env", "PYTHON_VERSION", python),
    FactPlace("licence", "annotation", "org.opencontainers.image.licenses", spdx),
    FactPlace("licence", "label", "org.opencontainers.image.licenses", spdx),
    FactPlace("end_of_life", "annotation", "vnd.microsoft.artifact.lifecycle.end-of-life.date", day),
    FactPlace("end_of_life", "env", "NVIDIA_CUDA_END_OF_LIFE", past_end),
)
