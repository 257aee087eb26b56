"""Whether an image needs the GPU's driver and no CUDA, as video encoders do. Pure.

Such an image asks the container runtime for GPUs and for the driver's video libraries, and nothing in it is for computing.
Source: NVIDIA Container Toolkit, Specialized Configurations with Docker (NVIDIA_VISIBLE_DEVICES,
NVIDIA_DRIVER_CAPABILITIES); the published Dockerfiles of Tdarr and Plex.
"""

import re
from collections.abc import Iterable

from bayplan.registry.accelerator_signs import words_of_name
from bayplan.registry.evidence import Evidence, ObservedFact, derived
from bayplan.registry.fact_sources import words

OF_COMPUTING = frozenset(
    {"accelerator", "compat_package", "cuda_architectures", "cuda_version", "cudnn_version", "framework"}
    | {"framework_cuda", "kernel_architectures", "nccl_version", "packages", "rocm_version"}
)
"""The facts that only images for computing have."""

_NO_GPU = frozenset({"", "none", "void"})
_PACKAGES = re.compile(
    r"(?:nvidia|tensorrt|torch|tensorflow|jax|onnxruntime|cupy|numba|paddlepaddle|mxnet|cuda|libcu|ctranslate2|faster)\b.*",
    re.ASCII,
)
_WORDS = re.compile(r"(?:tensorrt|trt|cuda|cu)[0-9.]*", re.ASCII)


def needs_driver(evidence: Evidence, facts: Iterable[str]) -> ObservedFact | None:
    """The fact that it needs the driver; None where that is not sure. `facts` are the names of its other facts."""
    env = evidence.env
    capabilities = words(env.get("NVIDIA_DRIVER_CAPABILITIES", "")) or []
    asks = env.get("NVIDIA_VISIBLE_DEVICES", "").strip() not in _NO_GPU and "video" in capabilities
    if not asks or OF_COMPUTING & set(facts) or _may_compute(evidence):
        return None
    return derived(True, "env NVIDIA_VISIBLE_DEVICES, NVIDIA_DRIVER_CAPABILITIES")


def _may_compute(evidence: Evidence) -> bool:
    """Whether the build installs, or may install, libraries that compute on the GPU; wheels of a folder may be any."""
    installs = any(
        _PACKAGES.fullmatch(requirement.name)
        for installation in evidence.installations
        for requirement in installation.requirements
    )
    has_wheels = any(
        word.endswith("*.whl") for installation in evidence.installations for word in installation.command.words
    )
    return installs or has_wheels or any(_WORDS.fullmatch(word) for word in words_of_name(evidence))
