"""What an image's name says of it: the weakest source, used where nothing else tells, and contradicting nothing. Pure.

The version at the beginning of a tag is the framework's in the repositories of the frameworks alone: elsewhere it is the
image's own (runpod/pytorch:1.0.2-cu1281-torch260).
"""

import re
from collections.abc import Iterator

from bayplan.registry.accelerator_signs import by_name, targets_of_name
from bayplan.registry.evidence import Evidence, NamedFact, derived
from bayplan.registry.framework_builds import cuda_of_digits

_CUDA = re.compile(
    r"(?:^|[-_.])(?:cu|cuda)[-_]?([0-9]{2,4}|[0-9]{1,2}\.[0-9]{1,2}(?:\.[0-9]{1,3})?)(?=$|[-_.][A-Za-z]|[-_])", re.ASCII
)
_ROCM = re.compile(
    r"(?:^|[-_.])rocm[-_]?v?(?:([0-9]{1,2}\.[0-9]{1,2}(?:\.[0-9]{1,2})?)|([0-9])([0-9])([0-9])?)(?=$|[-_])", re.ASCII
)
_PYTHON = re.compile(r"(?:^|[-_.])py(?:thon)?-?(2|3)\.?([0-9]{1,2})(?=$|[-_.])", re.ASCII)
_VERSION = re.compile(r"v?([0-9]+\.[0-9]+(?:\.[0-9]+){0,2}(?:(?:a|b|rc|\.post)[0-9]+)?)(?=$|[-_+])", re.ASCII)
_TORCH = re.compile(r"(?:^|[-_.])(?:py)?torch(?:_release)?[-_]?([0-9]+\.[0-9]+(?:\.[0-9]+)?)(?=$|[-_+])", re.ASCII)
_TORCH_DIGITS = re.compile(r"(?:^|[-_.])torch([0-9])([0-9]{1,2})([0-9])(?=$|[-_+])", re.ASCII)
_VLLM = re.compile(r"(?:^|[-_.])vllm[-_]?([0-9]+\.[0-9]+(?:\.[0-9]+)?)(?=$|[-_+])", re.ASCII)
_JAX = re.compile(r"(?:^|[-_.])jax[-_]?([0-9]+\.[0-9]+(?:\.[0-9]+)?)(?=$|[-_+])", re.ASCII)
_TENSORFLOW = re.compile(r"(?:^|[-_.])(?:tf|tensorflow)[-_]?([0-9]+\.[0-9]+(?:\.[0-9]+)?)(?=$|[-_+])", re.ASCII)
_AWS = r"(?:[0-9]+\.dkr\.ecr\.[^/]+|public\.ecr\.aws/deep-learning-containers)/"
_OF_AWS = r"(?:huggingface-)?(?:{name}-(?:training|inference|trcomp-training|server)|{name})(?:-(?:arm64|neuronx))?"
_HUB = (
    r"(?:[^/]+/)+"  # mirrors and pull-through caches keep the path and have a host, and mostly a folder, of their own
)
_OWN_REPOSITORIES = (
    *(
        (re.compile(_AWS + _OF_AWS.format(name=name), re.ASCII), framework)
        for name, framework in (
            ("pytorch", "PyTorch"),
            ("tensorflow", "TensorFlow"),
            ("mxnet", "MXNet"),
            ("vllm", "vLLM"),
            ("sglang", "SGLang"),
        )
    ),
    (re.compile(_HUB + r"pytorch/pytorch", re.ASCII), "PyTorch"),
    (re.compile(_HUB + r"tensorflow/(?:tensorflow|serving)", re.ASCII), "TensorFlow"),
    (re.compile(_HUB + r"(?:vllm/vllm-(?:openai(?:-(?:rocm|xpu|cpu|tpu|hpu))?|tpu)|intel/vllm)", re.ASCII), "vLLM"),
    (re.compile(r"public\.ecr\.aws/q9t5s3a7/vllm(?:-(?:cpu|arm64-cpu|neuron|hpu|ci|postmerge))?-release-repo"), "vLLM"),
    (re.compile(_HUB + r"lmsysorg/sglang", re.ASCII), "SGLang"),
    (re.compile(_HUB + r"paddlepaddle/paddle", re.ASCII), "PaddlePaddle"),
    (re.compile(_HUB + r"mindspore/mindspore-[a-z0-9.-]+", re.ASCII), "MindSpore"),
)
"""The repositories of the frameworks' own makers, whose tags begin with the framework's version."""


_NAMES = {
    "pytorch": "PyTorch",
    "torch": "PyTorch",
    "tensorflow": "TensorFlow",
    "jax": "JAX",
    "mxnet": "MXNet",
    "paddle": "PaddlePaddle",
    "paddlepaddle": "PaddlePaddle",
    "mindspore": "MindSpore",
    "vllm": "vLLM",
    "sglang": "SGLang",
}
"""The frameworks by the word of a repository's name that says so, as in jupyter-pytorch-cuda."""
_TOOLS = frozenset({"operator", "controller", "exporter", "router", "plugin", "gateway", "client", "docs", "proxy"})
"""The words of repositories that have programs for a framework's users and not the framework."""
_GOOGLE = re.compile(r"(?:pytorch|tf2)-(?:cu[0-9]+|cpu|gpu|xla)\.([0-9]+)-([0-9]+)(?:\.py[0-9]+)?", re.ASCII)
"""Google's Deep Learning Containers: pytorch-cu121.2-2.py310."""


def tag_facts(evidence: Evidence) -> Iterator[NamedFact]:
    """The facts in the repository's name and the tag."""
    tag = evidence.tag
    if not tag:
        return
    source = f"tag {tag}"
    repository = evidence.repository
    if (named := _CUDA.search(tag)) and (release := _release(named[1])):
        yield "cuda_version", derived(release, source)
        if repository.endswith("/pytorch/pytorch"):
            yield "framework_cuda", derived(".".join(release.split(".")[:2]), source)
    accelerator = by_name(evidence)
    if accelerator is not None:
        yield "accelerator", derived(accelerator, source)
    if accelerator == "rocm" and (targets := targets_of_name(evidence)):
        yield "kernel_architectures", derived(targets, source)
    if accelerator == "rocm" and (named := _ROCM.search(tag)):
        digits = ".".join(part for part in named.groups()[1:] if part)
        yield "rocm_version", derived(named[1] or digits, source)
    if named := _PYTHON.search(tag):
        yield "python_version", derived(f"{named[1]}.{named[2]}", source)
    yield from _framework(repository, tag, source)


def _release(text: str) -> str | None:
    return text if "." in text else cuda_of_digits(text)


def _framework(repository: str, tag: str, source: str) -> Iterator[NamedFact]:
    for pattern, framework in ((_VLLM, "vLLM"), (_TORCH, "PyTorch"), (_TENSORFLOW, "TensorFlow"), (_JAX, "JAX")):
        if named := pattern.search(tag):
            yield "framework", derived(framework, source)
            yield "framework_version", derived(named[1], source)
            return
    if named := _TORCH_DIGITS.search(tag):  # torch260, torch2100
        yield "framework", derived("PyTorch", source)
        yield "framework_version", derived(".".join(named.groups()), source)
        return
    for own, framework in _OWN_REPOSITORIES:
        if own.fullmatch(repository):
            yield "framework", derived(framework, source)
            if named := _VERSION.match(tag):
                yield "framework_version", derived(named[1], source)
            return
    last = repository.rpartition("/")[2].lower()
    words = re.split(r"[-_.]", last)
    by_word = {_NAMES[word] for word in words if word in _NAMES}
    if len(by_word) == 1 and not _TOOLS & set(words):
        yield "framework", derived(by_word.pop(), f"repository {last}")
        if (named := _GOOGLE.fullmatch(last)) is not None:
            yield "framework_version", derived(f"{named[1]}.{named[2]}", f"repository {last}")
