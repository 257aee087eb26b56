"""The facts in attached SBOMs and provenance, and their place among the facts of the configuration. Pure.

A variable or a label counts before an SBOM, an SBOM before what is worked out of the history or the tag, and provenance
last: an SBOM lists what lies in the image, but anybody who may push can attach one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from bayplan.registry.accelerator_facts import accelerator_facts
from bayplan.registry.build_history import BuildHistory
from bayplan.registry.cuda_facts import cuda_release
from bayplan.registry.driver_facts import OF_COMPUTING
from bayplan.registry.evidence import Evidence, Facts, NamedFact, ObservedFact, derived, stated
from bayplan.registry.framework_builds import build_of_version
from bayplan.registry.framework_facts import framework_facts
from bayplan.registry.installations import normalised
from bayplan.registry.nfd_specification import NfdSpecification
from bayplan.registry.sbom import AttachedDocument

LIBRARIES = {
    "torch": "PyTorch",
    "tensorflow": "TensorFlow",
    "tensorflow-gpu": "TensorFlow",
    "jax": "JAX",
    "paddlepaddle-gpu": "PaddlePaddle",
    "paddlepaddle": "PaddlePaddle",
    "mindspore": "MindSpore",
}
SERVERS = {"vllm": "vLLM", "sglang": "SGLang", "tensorrt-llm": "TensorRT-LLM"}
SHOWN = (
    *("torch", "torchvision", "torchaudio", "triton", "tensorflow", "jax", "jaxlib", "vllm", "sglang", "sgl-kernel"),
    *(
        "flash-attn",
        "flashinfer-python",
        "xformers",
        "bitsandbytes",
        "deepspeed",
        "transformer-engine",
        "onnxruntime-gpu",
    ),
    *("tensorrt", "tensorrt-llm", "paddlepaddle-gpu", "mindspore", "mxnet", "cupy-cuda12x", "numba", "numba-cuda"),
)
"""The packages that `packages` shows: those with GPU code of their own."""

_VERSION = re.compile(r"[0-9][0-9A-Za-z.+!_~:-]{0,80}", re.ASCII)
_DEBIAN = re.compile(r"(?:[0-9]+:)?([0-9]+(?:\.[0-9]+)+)", re.ASCII)
_CUDNN = re.compile(r"nvidia-cudnn-cu[0-9]{2}|libcudnn[789](?:-cuda-[0-9]{2})?", re.ASCII)
_NCCL = re.compile(r"nvidia-nccl-cu[0-9]{2}|libnccl2?", re.ASCII)
_RUNTIME = re.compile(r"nvidia-cuda-runtime(?:-cu[0-9]{2})?", re.ASCII)
_CUDART = re.compile(r"cuda-cudart-([0-9]{1,2})-([0-9]{1,2})", re.ASCII)
_COMPAT = re.compile(r"cuda-compat-([0-9]{1,2})-([0-9]{1,2})", re.ASCII)


_OF_PYTHON = frozenset({"", "pypi", "conda"})
_ALWAYS = frozenset({*LIBRARIES, *SERVERS, *SHOWN})


def is_telling(name: str) -> bool:
    """Whether facts are made of a package of that name."""
    key = normalised(name)
    return key in _ALWAYS or any(pattern.fullmatch(key) for pattern in (_CUDNN, _NCCL, _RUNTIME, _CUDART, _COMPAT))


def merged(facts: Facts, documents: Iterable[AttachedDocument], architecture: str = "") -> Facts:
    """The facts of the configuration with those of the documents; `architecture` is the image's."""
    documents = tuple(documents)
    result = dict(facts)
    listed = [(document, _versions(document)) for document in documents]
    contested = _contested(versions for _, versions in listed)
    for document, versions in listed:
        undisputed = {name: version for name, version in versions.items() if name not in contested}
        if undisputed:
            for name, fact in _facts_of_packages(document.kind, undisputed, result):
                existing = result.get(name)
                if existing is None or existing.certainty == "derived":
                    result[name] = fact
    for document in documents:
        if document.kind == "provenance":
            for name, fact in _facts_of_provenance(document, result):
                result.setdefault(name, fact)
    # Of several specifications nobody knows which one counts; NFD takes the newest by an annotation that may be missing.
    sets = tuple(each for document in documents if document.specification for each in document.specification.sets)
    for name, fact in NfdSpecification(sets).facts_on(architecture).items():
        result.setdefault(name, fact)
    if OF_COMPUTING & result.keys():
        result.pop("needs_driver", None)  # that is of images without such facts
    return dict(sorted(result.items()))


def _contested(documents: Iterable[Mapping[str, str]]) -> set[str]:
    """The packages that documents have in different releases: one of them is about another build of the image."""
    releases: dict[str, set[str]] = {}
    for versions in documents:
        for name, version in versions.items():
            releases.setdefault(name, set()).add(version.partition("+")[0])
    return {name for name, different in releases.items() if len(different) > 1}


def _facts_of_packages(
    source: str, versions: Mapping[str, str], facts: Mapping[str, ObservedFact]
) -> Iterator[NamedFact]:
    def of(name: str) -> str:
        return f"{source} {name}"

    yield from _framework(versions, facts, source)
    torch = versions.get("torch", "")
    build = build_of_version(torch)
    runtime = next((name for name in versions if _RUNTIME.fullmatch(name)), None)
    if build is not None and build.accelerator == "cuda" and build.release:
        yield "framework_cuda", stated(".".join(build.release.split(".")[:2]), of("torch"))
    elif build is not None and build.accelerator in ("rocm", "xpu"):
        if "cuda_version" not in facts:
            yield "accelerator", stated(build.accelerator, of("torch"))
            if build.accelerator == "rocm" and build.release:
                yield "rocm_version", stated(build.release, of("torch"))
    elif torch and build is None and runtime is not None and (release := cuda_release(_numbers(versions[runtime]))):
        yield "framework_cuda", derived(f"{release.major}.{release.minor}", of(runtime))
    for fact, pattern in (("cudnn_version", _CUDNN), ("nccl_version", _NCCL)):
        found = next((name for name in versions if pattern.fullmatch(name)), None)
        if found is not None and (text := _numbers(versions[found])):
            yield fact, stated(text, of(found))
    yield from _system_packages(versions, facts, source)
    shown = {name: versions[name] for name in SHOWN if name in versions}
    if shown:
        yield "packages", stated(shown, source)


def _system_packages(
    versions: Mapping[str, str], facts: Mapping[str, ObservedFact], source: str
) -> Iterator[NamedFact]:
    cudart = [named for name in versions if (named := _CUDART.fullmatch(name))]
    if len(cudart) == 1 and "cuda_version" not in facts:
        yield "cuda_version", derived(f"{cudart[0][1]}.{cudart[0][2]}", f"{source} {cudart[0][0]}")
    compat = [named for name in versions if (named := _COMPAT.fullmatch(name))]
    if len(compat) == 1:
        value = {"cuda": f"{compat[0][1]}.{compat[0][2]}", "driver": _numbers(versions[compat[0][0]])}
        yield "compat_package", derived(value, f"{source} {compat[0][0]}")
    if "triton" in versions:
        yield "triton_version", stated(versions["triton"], f"{source} triton")


def _versions(document: AttachedDocument) -> dict[str, str]:
    """Versions by package; without those that are there in several versions, of which nobody knows which is used."""
    versions: dict[str, str | None] = {}
    for kind, name, version in document.packages:
        if kind not in ("", "pypi", "deb", "rpm", "conda") or not _VERSION.fullmatch(version):
            continue
        key = normalised(name)
        if key in _ALWAYS and kind not in _OF_PYTHON:  # Debian has others of these names
            continue
        versions[key] = version if versions.get(key, version) == version else None
    return {name: version for name, version in versions.items() if version is not None}


def _numbers(version: str) -> str | None:
    """The version without epoch and packaging suffix."""
    named = _DEBIAN.match(version)
    return named[1] if named else None


def _framework(versions: Mapping[str, str], facts: Mapping[str, ObservedFact], source: str) -> Iterator[NamedFact]:
    """The framework's version, and the framework where it is a single one."""
    named = {framework: name for name, framework in (LIBRARIES | SERVERS).items() if name in versions}
    existing = facts.get("framework")
    framework = str(existing.value) if existing is not None and existing.value in named else None
    if framework is None and (existing is None or existing.certainty == "derived"):
        servers = [name for name in named if name in SERVERS.values()]
        libraries = [name for name in named if name in LIBRARIES.values()]
        choices = servers or libraries
        framework = choices[0] if len(choices) == 1 else None
    if framework is not None:
        package = named[framework]
        yield "framework", stated(framework, f"{source} {package}")
        yield "framework_version", stated(versions[package], f"{source} {package}")


def _facts_of_provenance(document: AttachedDocument, facts: Mapping[str, ObservedFact]) -> Iterator[NamedFact]:
    if document.bases:
        yield "base_images", stated(list(document.bases), "provenance")
    evidence = Evidence(history=BuildHistory(arguments=document.arguments, bases=document.bases))
    if "framework" not in facts:
        for name, fact in framework_facts(evidence):
            yield name, derived(fact.value, "provenance")
    is_for_cuda = "cuda_version" in facts or any("nvidia/" in base for base in document.bases)
    if not is_for_cuda:
        for name, fact in accelerator_facts(evidence):
            yield name, derived(fact.value, "provenance")
