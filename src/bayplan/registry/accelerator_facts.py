"""The accelerator of an image that is not for CUDA, its ROCm, and the lists of GPUs that its libraries were built for. Pure.

Source: the published Dockerfiles of ROCm, vllm and vllm-ascend, and the configurations of NGC images; reading-images.md,
4 and 8.
"""

import re
from collections.abc import Iterator

from bayplan.domain.compatibility.tables import load
from bayplan.registry.accelerator_signs import by_variable, is_for_intel_gpus
from bayplan.registry.cuda_facts import cuda_release
from bayplan.registry.evidence import Certainty, Evidence, NamedFact, ObservedFact, derived, stated
from bayplan.registry.fact_sources import architectures, targets
from bayplan.registry.framework_builds import build_of_index, targets_of_index
from bayplan.registry.framework_cuda import build_facts
from bayplan.registry.shell_substitution import UNKNOWN

_ROCM = re.compile(r"([0-9]{1,2}\.[0-9]{1,2}(?:\.[0-9]{1,2})?)(?:[.-].*)?", re.ASCII)
_REPOSITORY = re.compile(
    r"repo\.radeon\.com/(?:rocm/(?:apt|yum|zyp|rhel[0-9.]*|el[0-9.]*)|amdgpu-install|amdgpu)/([0-9]+\.[0-9]+(?:\.[0-9]+)?)(?=[/\s]|$)",
    re.ASCII,
)
_REPOSITORY_HOST = "repo.radeon.com"
_ROCM_BASE = re.compile(
    r"(?:[\w.-]+/)*rocm/[\w.-]+(?::(?:([0-9]+\.[0-9]+(?:\.[0-9]+)?)(?=$|[-_])|rocm([0-9]+\.[0-9]+(?:\.[0-9]+)?)(?=$|[-_]))?.*)?",
    re.ASCII,
)
_FOLDER_VARIABLES = ("ROCM_PATH", "ROCM_HOME", "HIP_PATH", "LD_LIBRARY_PATH", "PATH")
_FOLDER = re.compile(r"/opt/rocm-([0-9]{1,2}\.[0-9]{1,2}(?:\.[0-9]{1,2})?)(?=$|/)", re.ASCII)
_ASCEND_BASE = re.compile(r"(?:[\w.-]+/)*ascend(?:ai)?/[\w.-]+.*", re.ASCII)
_BASE_ARGUMENTS = ("BASE_IMAGE", "BASE", "BASE_DOCKER_FROM", "BASE_ROCM_DEV_CONTAINER")
_BASE_LABEL = "org.opencontainers.image.base.name"
_OF_ROCM = ("ROCM_VERSION", "ROCM_PATH", "PYTORCH_ROCM_ARCH", "npi.rocm_version")
_OTHER_BASES = ((_ASCEND_BASE, "ascend"), (re.compile(r"vault\.habana\.ai/.*", re.ASCII), "gaudi"))
_NEURON_PACKAGES = ("torch-neuronx", "neuronx-cc", "tensorflow-neuronx", "aws-neuronx-runtime-lib")
_NGC_PRODUCTS = (
    "NVIDIA_PYTORCH_VERSION",
    "NVIDIA_TENSORFLOW_VERSION",
    "NVIDIA_JAX_VERSION",
    "NVIDIA_TRITON_SERVER_VERSION",
)
_LIST_VARIABLES = ("TORCH_CUDA_ARCH_LIST", "CUDAARCHS", "CUDA_ARCHITECTURES")


def accelerator_facts(evidence: Evidence) -> Iterator[NamedFact]:
    """The accelerator, unless it is CUDA, and the ROCm release."""
    named = by_variable(evidence)
    if named is not None and named[0] != "rocm":
        yield "accelerator", stated(named[0], f"env {named[1]}")
        return
    for pattern, accelerator in _OTHER_BASES:
        if any(pattern.fullmatch(base) for base in bases(evidence)):
            yield "accelerator", derived(accelerator, "base image")
            return
    if any(installation.requirement(*_NEURON_PACKAGES) for installation in evidence.installations):
        yield "accelerator", derived("neuron", "history install neuronx")
        return
    if evidence.env.get("CUDA_VERSION"):
        return
    build = build_facts(evidence)
    if build is not None and build[0].accelerator == "xpu":
        yield "accelerator", ObservedFact("xpu", build[1], build[2])
        return
    sign = _sign_of_rocm(evidence)
    if sign is None and is_for_intel_gpus(evidence):
        yield "accelerator", derived("xpu", "env ONEAPI_ROOT, and Intel's GPU driver")
    if sign is not None:
        yield "accelerator", sign
        release = _rocm_release(evidence)
        if release is not None:
            yield "rocm_version", release
        yield from _rocm_targets(evidence)


def _sign_of_rocm(evidence: Evidence) -> ObservedFact | None:
    for name in _OF_ROCM:
        for where, texts in (("env", evidence.env), ("label", evidence.label)):
            if texts.get(name):
                return stated("rocm", f"{where} {name}")
    if (named := by_variable(evidence)) is not None and named[0] == "rocm":
        return stated("rocm", f"env {named[1]}")
    if any(_names_repository(command.words) for step in evidence.history.runs for command in step.commands):
        return derived("rocm", "history, AMD's repository")
    if any(_ROCM_BASE.fullmatch(base) for base in bases(evidence)):
        return derived("rocm", "base image")
    build = build_facts(evidence)
    if build is not None and build[0].accelerator == "rocm":
        return derived("rocm", build[1])
    if evidence.history.arguments.get("PYTORCH_ROCM_ARCH"):
        return derived("rocm", "history ARG PYTORCH_ROCM_ARCH")
    return None


def _names_repository(words: tuple[str, ...]) -> bool:
    return any(_REPOSITORY_HOST in word for word in words)


def bases(evidence: Evidence) -> tuple[str, ...]:
    """References of the base images, by label, history and arguments."""
    by_argument = (evidence.history.arguments.get(name, "") for name in _BASE_ARGUMENTS)
    labelled = evidence.label.get(_BASE_LABEL, "") or evidence.annotation.get(_BASE_LABEL, "")
    return tuple(base for base in (labelled, *evidence.history.bases, *by_argument) if base and UNKNOWN not in base)


def _rocm_release(evidence: Evidence) -> ObservedFact | None:
    for name in ("ROCM_VERSION", "npi.rocm_version"):
        for where, texts in (("env", evidence.env), ("label", evidence.label)):
            if named := _ROCM.fullmatch(texts.get(name, "").strip()):
                return stated(named[1], f"{where} {name}")
    found = [
        named[1]
        for step in evidence.history.runs
        for command in step.commands
        for word in command.words
        if (named := _REPOSITORY.search(word)) and "amdgpu/" not in named[0]
    ]
    if found:
        return derived(found[-1], "history, AMD's repository")
    for step in reversed(evidence.history.runs):
        uses = any(_names_repository(command.words) for command in step.commands)
        if uses and (named := _ROCM.fullmatch(step.settings.get("ROCM_VERSION", ""))):
            return derived(named[1], "history ARG ROCM_VERSION")
    for base in bases(evidence):
        if (named := _ROCM_BASE.fullmatch(base)) and (named[1] or named[2]):
            return derived(named[1] or named[2], "base image")
    for name in _FOLDER_VARIABLES:
        folders = {named[1] for folder in evidence.env.get(name, "").split(":") if (named := _FOLDER.match(folder))}
        if len(folders) == 1:
            return derived(folders.pop(), f"env {name}")
    build = build_facts(evidence)
    if build is not None and build[0].accelerator == "rocm" and build[0].release:
        return derived(build[0].release, build[1])
    for step in reversed(evidence.history.runs):
        named = _ROCM.fullmatch(step.settings.get("ROCM_VERSION", ""))
        if named and "rocm" in step.text.lower():
            return derived(named[1], "history ARG ROCM_VERSION")
    return None


def _rocm_targets(evidence: Evidence) -> Iterator[NamedFact]:
    places: tuple[tuple[str, str, Certainty], ...] = (
        (evidence.env.get("PYTORCH_ROCM_ARCH", ""), "env PYTORCH_ROCM_ARCH", "stated"),
        (evidence.history.arguments.get("PYTORCH_ROCM_ARCH", ""), "history ARG PYTORCH_ROCM_ARCH", "derived"),
    )
    for text, source, certainty in places:
        listed = targets(text)
        if listed is not None:
            yield "kernel_architectures", ObservedFact([*dict.fromkeys(listed)], source, certainty)
            return
    torch = next(
        (
            (found, requirement)
            for found in reversed(evidence.installations)
            if not found.removes and (requirement := found.requirement("torch"))
        ),
        None,
    )
    if torch is None:
        return
    for index in torch[0].indexes:
        if of_index := targets_of_index(index):
            yield "kernel_architectures", derived([*of_index], "history pip install torch, AMD's index")
            return
        named = build_of_index(index) if "download.pytorch.org" in index else None
        if named is not None and named.accelerator == "rocm" and torch[1].version and "+" not in torch[1].version:
            row = load().arch_list("PyTorch", f"{torch[1].version}+rocm{named.release}", None)
            if row is not None:
                yield (
                    "kernel_architectures",
                    derived([*row.kernel_architectures], "history pip install torch, its index"),
                )
                return


def is_of_ngc(evidence: Evidence) -> bool:
    """Whether it is one of NVIDIA's framework images, or built on one."""
    return any(name in evidence.env for name in _NGC_PRODUCTS)


def kernel_facts(evidence: Evidence) -> Iterator[NamedFact]:
    """PyTorch's own list in NGC images; elsewhere the lists that commands set, each for the libraries that they build."""
    name = "TORCH_CUDA_ARCH_LIST"
    listed = architectures(evidence.env.get(name, ""))
    if "NVIDIA_PYTORCH_VERSION" in evidence.env and listed is not None:
        yield "kernel_architectures", stated(listed, f"env {name}")
        return
    by_library: dict[str, list[str]] = {}
    for installation in evidence.installations:
        own = (architectures(installation.command.settings.get(variable, "")) for variable in _LIST_VARIABLES)
        capabilities = next((found for found in own if found is not None), None)
        if installation.tool == "pip" and not installation.removes and capabilities is not None:
            for requirement in installation.requirements:
                by_library[requirement.name.replace("-", "_")] = capabilities
    if by_library:
        yield "kernel_architectures", derived(by_library, "history, lists of commands")


def _cuda_on_pypi(evidence: Evidence) -> Iterator[NamedFact]:
    """The CUDA of the torch that pip installs by version alone, from PyPI; where its wheels for all machines are of the same."""
    found = [
        (installation, torch)
        for installation in evidence.installations
        if not installation.removes and (torch := installation.requirement("torch", "pytorch")) is not None
    ]
    if not found:
        return
    installation, torch = found[-1]
    if installation.tool == "pip" and not installation.indexes and torch.version and not torch.url:
        cuda = load().pypi_cuda("torch", torch.version)
        if cuda is not None:
            yield "framework_cuda", derived(cuda, f"history pip install torch=={torch.version}, as PyPI has it")


def build_cuda_facts(evidence: Evidence) -> Iterator[NamedFact]:
    """The CUDA that the framework was built for, and that of the compiler that it calls at run time."""
    release = cuda_release(evidence.env.get("CUDA_VERSION"))
    minor = None if release is None else f"{release.major}.{release.minor}"
    build = build_facts(evidence)
    if build is not None and build[0].accelerator == "cuda" and build[0].release is not None:
        yield "framework_cuda", ObservedFact(".".join(build[0].release.split(".")[:2]), build[1], build[2])
    elif build is None and minor is not None and is_of_ngc(evidence):
        yield "framework_cuda", stated(minor, "env CUDA_VERSION")
    elif build is None:
        yield from _cuda_on_pypi(evidence)
    if minor is not None and evidence.env.get("TRITON_PTXAS_PATH", "").startswith("/usr/local/cuda/"):
        yield "compiler_cuda", derived(minor, "env TRITON_PTXAS_PATH, CUDA_VERSION")
