"""The framework of an image, its version, and the CUDA that it was built for. Pure.

Of several sources the later step of the build counts; a framework that serves models (vLLM, SGLang) counts before the
library beneath it, where its version is known. What cannot be decided is left out. Traps that are left out on purpose:
the container's own version (NVIDIA_PYTORCH_VERSION), djl-version, git references, other libraries' local labels.
Source: the published Dockerfiles of pytorch, tensorflow, vllm, sglang, AWS Deep Learning Containers, djl-serving,
huggingface, openmmlab and NVIDIA's images.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bayplan.registry.evidence import Certainty, Evidence, NamedFact, ObservedFact, Where
from bayplan.registry.fact_sources import framework_version
from bayplan.registry.framework_builds import MMCV, MXNET

Places = tuple[tuple[Where, str], ...]

LIBRARIES: Mapping[str, Places] = {
    "PyTorch": (
        ("env", "PYTORCH_VERSION"),
        ("env", "PYTORCH_BUILD_VERSION"),
        ("env", "TORCH_VERSION"),
        ("label", "com.nvidia.pytorch.version"),
        ("label", "torch-version"),
        ("label", "pytorch-version"),
    ),
    "TensorFlow": (("env", "TENSORFLOW_VERSION"), ("env", "TF_VERSION"), ("label", "com.nvidia.tensorflow.version")),
    "MXNet": (("env", "MXNET_VERSION"), ("label", "com.nvidia.mxnet.version")),
    "PaddlePaddle": (("env", "PADDLEPADDLE_VERSION"), ("label", "com.nvidia.paddlepaddle.version")),
    "JAX": (("env", "JAX_VERSION"), ("label", "com.nvidia.jax.version")),
}
"""The places of each library's own version; the first that can be read counts."""

SERVERS: Mapping[str, Places] = {
    "vLLM": (("env", "VLLM_VERSION"), ("env", "VLLM_IMAGE_TAG")),
    "SGLang": (("env", "SGLANG_VERSION"), ("env", "SGL_VERSION")),
    "TensorRT-LLM": (("env", "TRT_LLM_VERSION"), ("env", "TENSORRT_LLM_VERSION")),
    "Triton": (("env", "TRITON_SERVER_VERSION"),),
}
"""Frameworks that serve models, each with the places of its version."""

_SERVER_SIGNS: Mapping[str, tuple[str, ...]] = {
    "vLLM": ("VLLM_USAGE_SOURCE", "VLLM_IMAGE_TAG", "VLLM_BUILD_COMMIT"),
    "SGLang": ("SGLANG_VERSION",),
}
_LIBRARY_SIGNS: Mapping[str, str] = {
    "NVIDIA_PYTORCH_VERSION": "PyTorch",
    "NVIDIA_TENSORFLOW_VERSION": "TensorFlow",
    "NVIDIA_JAX_VERSION": "JAX",
}
"""The variables of NVIDIA's images that name the framework, and the version of the image alone."""
_SERVER_PROGRAMS: Mapping[str, re.Pattern[str]] = {
    "vLLM": re.compile(r"vllm(?:\.entrypoints\..*)?"),
    "SGLang": re.compile(r"sglang(?:\.launch_server)?"),
    "Triton": re.compile(r"tritonserver"),
}
_PACKAGES: Mapping[str, str] = {
    "torch": "PyTorch",
    "pytorch": "PyTorch",
    "tensorflow": "TensorFlow",
    "tensorflow-gpu": "TensorFlow",
    "tensorflow-cpu": "TensorFlow",
    "tensorflow-rocm": "TensorFlow",
    "jax": "JAX",
    "mxnet": "MXNet",
    "paddlepaddle": "PaddlePaddle",
    "paddlepaddle-gpu": "PaddlePaddle",
    "mindspore": "MindSpore",
    "mindspore-gpu": "MindSpore",
    "mindspore-ascend": "MindSpore",
}
_SERVER_PACKAGES: Mapping[str, str] = {"vllm": "vLLM", "sglang": "SGLang", "tensorrt-llm": "TensorRT-LLM"}
_ARGUMENTS: Mapping[str, str] = {
    "TORCH_VERSION": "PyTorch",
    "PYTORCH_VERSION": "PyTorch",
    "PYTORCH": "PyTorch",
    "TF_PACKAGE_VERSION": "TensorFlow",
    "TF_VERSION": "TensorFlow",
    "TENSORFLOW_VERSION": "TensorFlow",
}
_SERVER_ARGUMENTS: Mapping[str, str] = {
    "VLLM_TAG": "vLLM",
    "VLLM_VERSION": "vLLM",
    "SGL_VERSION": "SGLang",
    "SGLANG_VERSION": "SGLang",
    "TRT_LLM_VERSION": "TensorRT-LLM",
}
_VERSION = re.compile(
    r"v?([0-9]+\.[0-9]+(?:\.[0-9]+)?(?:(?:a|b|rc|\.?post|\.?dev)[0-9]+)*(?:\+[0-9A-Za-z.]+)?)", re.ASCII
)
_IMAGE_TAG = re.compile(r".*:v([0-9]+\.[0-9]+\.[0-9]+(?:(?:rc|\.?post)[0-9]+)?)(?:[-_].*)?", re.ASCII)
_DLC_LABEL = re.compile(
    r"com\.amazonaws\.ml\.engines\.sagemaker\.dlc\.framework\.(pytorch|tensorflow|mxnet|vllm|sglang)\."
    r"v?([0-9]+)-([0-9]+)(?:-([0-9]+))?",
    re.ASCII,
)
_CLONE = re.compile(r"(?:github\.com[/:])(?:vllm-project/(vllm)|sgl-project/(sglang))(?:\.git)?/?$", re.ASCII)
_NAMES = {"pytorch": "PyTorch", "tensorflow": "TensorFlow", "mxnet": "MXNet", "vllm": "vLLM", "sglang": "SGLang"}


@dataclass(frozen=True, slots=True)
class _Candidate:
    framework: str
    version: str | None
    step: int
    source: str
    certainty: Certainty

    def facts(self) -> Iterator[NamedFact]:
        yield "framework", ObservedFact(self.framework, self.source, self.certainty)
        if self.version is not None:
            yield "framework_version", ObservedFact(self.version, self.source, self.certainty)


def framework_facts(evidence: Evidence) -> Iterator[NamedFact]:
    """The framework and its version."""
    servers = _latest([*_servers_by_name(evidence), *_servers_by_build(evidence)])
    libraries = _latest([*_libraries_by_name(evidence), *_libraries_by_build(evidence)])
    chosen = (
        _single([candidate for candidate in servers if candidate.version])
        or _single([candidate for candidate in libraries if candidate.version])
        or (None if libraries and any(candidate.version for candidate in libraries) else _single(servers))
        or _single(libraries)
    )
    if chosen is not None:
        yield from chosen.facts()


def _single(candidates: list[_Candidate]) -> _Candidate | None:
    """The candidate, unless there are several frameworks: then none of them is the image's."""
    return candidates[0] if len(candidates) == 1 else None


def _latest(candidates: list[_Candidate]) -> list[_Candidate]:
    """The candidate of each framework that the latest step of the build has; a version before none."""
    by_framework: dict[str, _Candidate] = {}
    for candidate in candidates:
        other = by_framework.get(candidate.framework)
        if other is None or _rank(candidate) > _rank(other):
            by_framework[candidate.framework] = candidate
    return list(by_framework.values())


def _rank(candidate: _Candidate) -> tuple[bool, int]:
    return candidate.version is not None, candidate.step


def _libraries_by_name(evidence: Evidence) -> Iterator[_Candidate]:
    for framework, places in LIBRARIES.items():
        for where, name in places:
            version = framework_version(evidence.by(where).get(name, ""))
            if version is not None:
                yield _Candidate(framework, version, evidence.history.position(name), f"{where} {name}", "stated")
                break
    yield from _by_dlc_label(evidence, servers=False)
    for name, framework in _ARGUMENTS.items():
        version = _own_version(evidence.history.arguments.get(name, ""))
        if version is not None:
            yield _Candidate(framework, version, -2, f"history ARG {name}", "derived")
    for name, framework in _LIBRARY_SIGNS.items():
        if name in evidence.env and "CUDA_VERSION" in evidence.env:
            yield _Candidate(framework, None, -3, f"env {name}", "stated")
    if "PYTORCH_BRANCH" in evidence.history.arguments:
        yield _Candidate("PyTorch", None, -2, "history ARG PYTORCH_BRANCH", "derived")


def _by_dlc_label(evidence: Evidence, *, servers: bool) -> Iterator[_Candidate]:
    for name in evidence.label:
        if (named := _DLC_LABEL.fullmatch(name)) and (named[1] in ("vllm", "sglang")) is servers:
            version = ".".join(part for part in named.groups()[1:] if part)
            yield _Candidate(_NAMES[named[1]], version, -2, f"label {name}", "stated")


def _own_version(text: str) -> str | None:
    named = _VERSION.fullmatch(text.strip())
    return named[1] if named else None


def _libraries_by_build(evidence: Evidence) -> Iterator[_Candidate]:
    for installation in evidence.installations:
        if installation.tool == "apt" or installation.removes:
            continue
        for requirement in installation.requirements:
            framework = _PACKAGES.get(requirement.name)
            if framework is None and MXNET.fullmatch(requirement.name):
                framework = "MXNet"
            if framework is None or (requirement.name == "pytorch" and installation.tool == "pip"):
                continue
            if requirement.version is None and framework != "PyTorch" and framework.lower() not in evidence.repository:
                continue  # many images have TensorFlow or JAX for a small part of what they do
            source = f"history {installation.tool} install {requirement.name}"
            yield _Candidate(framework, requirement.version, installation.step, source, "derived")
        if installation.tool == "pip" and installation.requirement("torchvision", "torchaudio"):
            yield _Candidate("PyTorch", None, installation.step, "history pip install torchvision", "derived")
        for index in installation.indexes:
            if named := MMCV.search(index):
                yield _Candidate("PyTorch", named[2], -3, "history pip install, index of mmcv", "derived")


def _servers_by_name(evidence: Evidence) -> Iterator[_Candidate]:
    for framework, places in SERVERS.items():
        for where, name in places:
            text = evidence.by(where).get(name, "")
            tagged = _IMAGE_TAG.fullmatch(text)
            version = tagged[1] if tagged else _own_version(text)
            if version is not None:
                yield _Candidate(framework, version, evidence.history.position(name), f"{where} {name}", "stated")
                break
    yield from _by_dlc_label(evidence, servers=True)
    for framework, names in _SERVER_SIGNS.items():
        for name in names:
            if name in evidence.env:
                yield _Candidate(framework, None, -2, f"env {name}", "stated")
    for framework, pattern in _SERVER_PROGRAMS.items():
        if any(pattern.fullmatch(word.rpartition("/")[2]) for word in evidence.start):
            yield _Candidate(framework, None, -2, "entry point", "derived")


def _servers_by_build(evidence: Evidence) -> Iterator[_Candidate]:
    for name, framework in _SERVER_ARGUMENTS.items():
        version = _own_version(evidence.history.arguments.get(name, ""))
        if version is not None and _is_served(evidence, framework):
            yield _Candidate(framework, version, -2, f"history ARG {name}", "derived")
    for step in evidence.history.runs:
        for command in step.commands:
            if command.words[:2] == ("git", "clone") and (named := _cloned(command.words)):
                yield _Candidate(named[0], named[1], step.number, f"history git clone {named[0].lower()}", "derived")
    for installation in evidence.installations:
        for requirement in installation.requirements:
            served = _SERVER_PACKAGES.get(requirement.name)
            if served and not installation.removes and _is_served(evidence, served):
                source = f"history {installation.tool} install {requirement.name}"
                yield _Candidate(served, requirement.version, installation.step, source, "derived")


def _cloned(words: tuple[str, ...]) -> tuple[str, str | None] | None:
    """The server whose repository a command clones, with the version where it clones a release."""
    url = next((named for word in words if (named := _CLONE.search(word))), None)
    if url is None:
        return None
    at = next((number for number, word in enumerate(words[:-1]) if word in ("-b", "--branch")), None)
    version = None if at is None else _own_version(words[at + 1])
    return _NAMES[url[1] or url[2]], version


def _is_served(evidence: Evidence, framework: str) -> bool:
    """Whether the image is for serving with that framework: by its variables, its entry point, or its repository."""
    key = framework.lower().replace("-", "")
    repository = evidence.repository.lower().replace("-", "").replace("_", "")
    pattern = _SERVER_PROGRAMS.get(framework)
    starts = pattern is not None and any(pattern.fullmatch(word.rpartition("/")[2]) for word in evidence.start)
    signs = any(name in evidence.env for name in _SERVER_SIGNS.get(framework, ()))
    clones = any(
        command.words[:2] == ("git", "clone") and (named := _cloned(command.words)) and named[0] == framework
        for step in evidence.history.runs
        for command in step.commands
    )
    return starts or signs or clones or key in repository
