"""The signs by which an image names its kind of GPU: variables, base images, packages, and words of its name. Pure.

A sign is one that images for another kind of GPU, or for none, do not have: oneAPI's variables alone are in images that
compute on the CPU, and Intel's GPU drivers alone in ones that encode video.
Source: the published Dockerfiles of vllm, llama.cpp (.devops), LocalAI, ai-dock and text-generation-inference; the guides of
Habana (HABANA_*, PT_HPU_*), Moore Threads (MUSA), Cambricon (NEUWARE_HOME), MetaX (MACA_PATH), Hygon (DTK) and Tenstorrent.
"""

import itertools
import re
from collections.abc import Iterator, Mapping

from bayplan.registry.evidence import Evidence

VARIABLES: Mapping[str, str] = {
    "SOC_VERSION": "ascend",
    "ASCEND_TOOLKIT_HOME": "ascend",
    "ASCEND_HOME_PATH": "ascend",
    "HABANA_LOGS": "gaudi",
    "HABANA_VISIBLE_DEVICES": "gaudi",
    "PT_HPU_LAZY_MODE": "gaudi",
    "NEURON_RT_NUM_CORES": "neuron",
    "MUSA_HOME": "musa",
    "MTHREADS_VISIBLE_DEVICES": "musa",
    "NEUWARE_HOME": "mlu",
    "MACA_PATH": "maca",
    "TT_METAL_HOME": "tenstorrent",
}
"""The variables that only images for one kind of GPU set, whatever their value."""

VALUES: Mapping[str, Mapping[str, str]] = {
    "VLLM_TARGET_DEVICE": {
        "rocm": "rocm",
        "xpu": "xpu",
        "hpu": "gaudi",
        "neuron": "neuron",
        "tpu": "tpu",
        "npu": "ascend",
    },
    "XPU_TARGET": {"amd_gpu": "rocm"},
    "BUILD_TYPE": {"hipblas": "rocm", "sycl_f16": "xpu", "sycl_f32": "xpu"},
    "PJRT_DEVICE": {"tpu": "tpu", "neuron": "neuron"},
    "TF_NEED_ROCM": {"1": "rocm"},
}
"""The variables whose value names the kind of GPU, with the values that do."""

_HYGON = "/opt/dtk"
"""Hygon's own ROCm, for GPUs of its own that no build of AMD's runs on."""

_WORDS = (
    (re.compile(r"rocm(?:[-_]?v?[0-9]+(?:\.[0-9]+)*)?|hipblas", re.ASCII), "rocm"),
    (re.compile(r"xpu|sycl", re.ASCII), "xpu"),
    (re.compile(r"gaudi[23]?|hpu", re.ASCII), "gaudi"),
    (re.compile(r"neuronx?", re.ASCII), "neuron"),
    (re.compile(r"musa", re.ASCII), "musa"),
    (re.compile(r"cann|ascend", re.ASCII), "ascend"),
    (re.compile(r"tpu(?:vm)?", re.ASCII), "tpu"),
)
_TARGET = re.compile(r"gfx[0-9]{2,3}[0-9a-f]", re.ASCII)
_PAIRS = {("gpu", "intel"): "xpu", ("intel", "gpu"): "xpu"}
_INTEL_DRIVERS = re.compile(r"(?:lib)?(?:intel-level-zero-gpu|ze-intel-gpu1?)(?:[_=].*)?", re.ASCII)


def by_variable(evidence: Evidence) -> tuple[str, str] | None:
    """The kind of GPU that a variable names, and that variable; None where none does."""
    env = evidence.env
    if env.get("ROCM_PATH", "").startswith(_HYGON):
        return "dcu", "ROCM_PATH"
    for name, accelerator in VARIABLES.items():
        if env.get(name):
            return accelerator, name
    for name, values in VALUES.items():
        if named := values.get(env.get(name, "").strip().lower()):
            return named, name
    return None


def is_for_intel_gpus(evidence: Evidence) -> bool:
    """Whether an image has oneAPI and Intel's driver for computing on its GPUs."""
    has_driver = any(
        _INTEL_DRIVERS.fullmatch(word.rpartition("/")[2])
        for step in evidence.history.runs
        for command in step.commands
        for word in command.words
    )
    is_of_type = evidence.env.get("BUILD_TYPE") == "intel"
    return bool(evidence.env.get("ONEAPI_ROOT")) and (has_driver or is_of_type)


def words_of_name(evidence: Evidence) -> Iterator[str]:
    """The words of the tag and of the repository's path, in lower case."""
    yield from re.split(r"[-_+]", evidence.tag.lower())
    path = evidence.repository.partition("/")[2].lower()
    yield from (word for part in path.split("/") for word in re.split(r"[-_.]", part))


def by_name(evidence: Evidence) -> str | None:
    """The kind of GPU that the image's name says; None where it says none, or several."""
    words = list(words_of_name(evidence))
    named = {accelerator for word in words for pattern, accelerator in _WORDS if pattern.fullmatch(word)}
    named |= {accelerator for pair, accelerator in _PAIRS.items() if pair in itertools.pairwise(words)}
    named |= {"rocm"} if targets_of_name(evidence) else set()
    return named.pop() if len(named) == 1 else None


def targets_of_name(evidence: Evidence) -> list[str]:
    """The targets of AMD GPUs that the image is named after; none for one that uses them by Vulkan."""
    words = list(words_of_name(evidence))
    return [] if "vulkan" in words else [*dict.fromkeys(word for word in words if _TARGET.fullmatch(word))]
