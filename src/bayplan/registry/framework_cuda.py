"""Which CUDA or ROCm an image's framework was built for, by the build's commands, its arguments, variables and labels. Pure.

Source: reading-images.md, 2; the published Dockerfiles that `framework_facts` names.
"""

import re
from collections.abc import Iterator

from bayplan.registry.evidence import Certainty, Evidence
from bayplan.registry.framework_builds import (
    MMCV,
    MXNET,
    PackageBuild,
    build_of_index,
    build_of_version,
    build_of_word,
    cuda_of_digits,
)
from bayplan.registry.installations import Installation

SourcedBuild = tuple[PackageBuild, str, Certainty]


def build_facts(evidence: Evidence) -> SourcedBuild | None:
    """The build of the framework (for CUDA, ROCm or no GPU), with its source."""
    by_command = [*_builds_by_command(evidence)]
    if by_command:
        return by_command[-1]
    for name, text in evidence.env.items():
        build = None
        if name.endswith("TORCH_CUDA_VERSION"):
            build = build_of_word("cu" + text.strip().removeprefix("cu").replace(".", ""))
        elif name == "PYTORCH_FLAVOR":
            build = build_of_word(text.partition("-")[0])
        if build is not None:
            return build, f"env {name}", "stated"
    build = build_of_word(evidence.label.get("cuda-version", "").strip())
    if build is not None and build.accelerator == "cuda":
        return build, "label cuda-version", "stated"
    return _build_by_arguments(evidence)


def _builds_by_command(evidence: Evidence) -> Iterator[SourcedBuild]:
    """The builds in the commands that install PyTorch; before them those of commands that install what goes with it."""
    weak: list[SourcedBuild] = []
    strong: list[SourcedBuild] = []
    for installation in evidence.installations:
        if installation.removes or installation.tool == "apt":
            continue
        torch = installation.requirement(*_LIBRARY_PACKAGES)
        build = _build_of(installation)
        if build is None:
            continue
        source = f"history {installation.tool} install"
        (strong if torch else weak).append((build, f"{source} {torch.name}" if torch else source, "derived"))
    yield from weak
    yield from strong


_LIBRARY_PACKAGES = (
    "torch",
    "pytorch",
    "paddlepaddle-gpu",
    *(f"mxnet-cu{digits}" for digits in (92, 100, 101, 102, 110, 112)),
)
_COMPANIONS = ("torchvision", "torchaudio", "xformers", "torch-geometric", "sglang", "vllm")


def _build_of(installation: Installation) -> PackageBuild | None:
    torch = installation.requirement(*_LIBRARY_PACKAGES)
    if torch is not None and installation.tool == "pip":
        named = build_of_version(torch.version or "") or build_of_index(torch.url)
        if named is None and (with_cuda := MXNET.fullmatch(torch.name)):
            named = build_of_word(f"cu{with_cuda[1]}")
        if named is not None:
            return named
    if installation.tool == "conda":
        return _build_of_conda(installation, has_torch=torch is not None)
    for index in installation.indexes:
        if named_mmcv := MMCV.search(index):
            return build_of_word(named_mmcv[1])
    builds = {build for index in installation.indexes if (build := build_of_index(index))}
    words = installation.command.words
    is_of_torch = torch is not None or installation.requirement(*_COMPANIONS) is not None
    is_of_project = any(word in ("-e", "--editable", "-r", "--requirement", ".") for word in words)
    return builds.pop() if len(builds) == 1 and (is_of_torch or is_of_project) else None


def _build_of_conda(installation: Installation, *, has_torch: bool) -> PackageBuild | None:
    toolkit = installation.requirement("pytorch-cuda", "cudatoolkit", "cuda-version")
    if not has_torch or toolkit is None or toolkit.version is None:
        return None
    return PackageBuild("cuda", ".".join(toolkit.version.split(".")[:2]))


def _build_by_arguments(evidence: Evidence) -> SourcedBuild | None:
    """The build by arguments, of images whose arguments name PyTorch too."""
    arguments = evidence.history.arguments
    if not any("TORCH" in name.upper() for name in arguments):
        return None
    for name, text in arguments.items():
        word = text.strip().lower()
        build = build_of_word(word) if word.startswith("cu") else None
        if name == "WHEEL_SRC" and (release := cuda_of_digits(word)):
            build = PackageBuild("cuda", release)
        if build is not None:
            return build, f"history ARG {name}", "derived"
    for step in evidence.history.runs:
        if {"CUDA_VERSION", "PYTORCH_VERSION"} <= set(step.settings):
            release = step.settings["CUDA_VERSION"]
            if re.fullmatch(r"[0-9]{1,2}\.[0-9]{1,2}(?:\.[0-9]{1,3})?", release):
                return PackageBuild("cuda", release), "history ARG CUDA_VERSION, PYTORCH_VERSION", "derived"
    return None
