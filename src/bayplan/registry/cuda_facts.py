"""The CUDA release of an image's base, its cuDNN and NCCL, and its compat package with how it comes into use. Pure.

Source: the published configurations of nvidia/cuda and NGC images; reading-images.md, 5 to 7 and 9.
"""

import csv
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from bayplan.domain.versions import CudaVersion
from bayplan.errors import Invalid
from bayplan.registry.evidence import Certainty, Evidence, NamedFact, ObservedFact, derived, stated
from bayplan.registry.fact_sources import FACT_SOURCES, version
from bayplan.registry.installations import Installation

CUDART = Path(__file__).parent / "cudart.csv"

_FIRST_BUILD_NUMBER = 100
_FIRST_WITH_PATCHES = 11  # before it a release's third part is a build number in the release's own name (10.1.243)
_COMPAT = re.compile(r"cuda-compat-([0-9]{1,3})-([0-9]{1,3})(?:=([0-9]+(?:\.[0-9]+)+)(?:-[0-9A-Za-z]+)*)?", re.ASCII)
_RUNTIME_PACKAGE = re.compile(
    r"(?:cuda-(?:toolkit|runtime|libraries|cudart|nvcc|nvrtc|cupti|compiler|minimal-build|command-line-tools)"
    r"|lib(?:cublas|cufft|curand|cusolver|cusparse|npp))(?:-dev)?-([0-9]{1,2})-([0-9]{1,2})",
    re.ASCII,
)
_CUDNN_PACKAGE = re.compile(r"libcudnn[789](?:-cuda-[0-9]+)?", re.ASCII)
_NCCL_RELEASE = re.compile(r"v([0-9]+\.[0-9]+\.[0-9]+)(?:-[0-9]+)?", re.ASCII)
_COMPAT_FOLDER = re.compile(r"/usr/local/cuda[^/:\s]*/compat/?(?:lib\.real/?)?", re.ASCII)
_NAMED_FOLDER = re.compile(_COMPAT_FOLDER.pattern + r"(?=$|\s)", re.ASCII)
_NVIDIA_ENTRY_POINT = "/opt/nvidia/nvidia_entrypoint.sh"


def cuda_release(text: str | None) -> CudaVersion | None:
    """The release in a text; a build number in the place of the patch is left out."""
    try:
        release = None if text is None else CudaVersion.parse(text)
    except Invalid:
        return None
    if release is not None and release.major >= _FIRST_WITH_PATCHES and (release.patch or 0) >= _FIRST_BUILD_NUMBER:
        return CudaVersion(release.major, release.minor)
    return release


def cuda_facts(evidence: Evidence) -> Iterator[NamedFact]:
    """The exact CUDA release where the image has it, else the minor release."""
    env, label = evidence.env, evidence.label
    by_name = cuda_release(env.get("CUDA_VERSION"))
    library = cuda_release(version(env.get("NV_CUDA_LIB_VERSION", "")))
    runtime_text = version(env.get("NV_CUDA_CUDART_VERSION", ""))
    runtime = cuda_release(_cudart_releases().get(runtime_text or "", _minor(runtime_text)))
    labelled = cuda_release(label.get("com.nvidia.cuda.version"))
    is_labelled = labelled is not None and (labelled.patch is not None or labelled.major < _FIRST_WITH_PATCHES)
    has_exact_label = is_labelled and "." in label.get("com.nvidia.cuda.version", "").partition(".")[2]
    parts = (env.get("CUDA_MAJOR_VERSION", ""), env.get("CUDA_MINOR_VERSION", ""))
    readings: tuple[tuple[CudaVersion | None, str, Certainty], ...] = (
        (by_name, "env CUDA_VERSION", "stated"),
        (library, "env NV_CUDA_LIB_VERSION", "derived"),
        (runtime, "env NV_CUDA_CUDART_VERSION", "derived"),
        (labelled if has_exact_label else None, "label com.nvidia.cuda.version", "stated"),
        (cuda_release(".".join(parts)), "env CUDA_MAJOR_VERSION, CUDA_MINOR_VERSION", "stated"),
        *((release, source, "derived") for release, source in _releases_by_build(evidence)),
    )
    candidates = [
        (release, source, certainty)
        for release, source, certainty in readings
        if release is not None and (by_name is None or release.release == by_name.release)
    ]
    first = candidates[0][0].release if candidates else None
    exact = [candidate for candidate in candidates if candidate[0].patch is not None and candidate[0].release == first]
    for release, source, certainty in (exact or candidates)[:1]:
        yield "cuda_version", ObservedFact(str(release), source, certainty)


def _releases_by_build(evidence: Evidence) -> Iterator[tuple[CudaVersion, str]]:
    """The releases that the build's commands and arguments name."""
    for step in reversed(evidence.history.runs):
        text = step.settings.get("CUDA_VERSION", "")
        is_used = "PYTORCH_VERSION" in step.settings or "CUDA_VERSION" in step.text
        if is_used and (release := cuda_release(text)):
            yield release, "history ARG CUDA_VERSION"
    for installation in reversed(evidence.installations):
        if installation.tool != "apt" or installation.removes:
            continue
        for requirement in installation.requirements:
            if named := _RUNTIME_PACKAGE.fullmatch(requirement.name):
                yield CudaVersion(int(named[1]), int(named[2])), f"history apt install {requirement.name}"


def _minor(text: str | None) -> str | None:
    return None if text is None else ".".join(text.split(".")[:2])


@cache
def _cudart_releases() -> dict[str, str]:
    """CUDA releases by the version of the cudart package, for versions that belong to a single release."""
    with CUDART.open(encoding="utf-8", newline="") as file:
        return {row["cudart"]: row["release"] for row in csv.DictReader(file)}


def library_facts(evidence: Evidence) -> Iterator[NamedFact]:
    """cuDNN and NCCL by the build: a package that was installed over the base's, and NCCL from its sources."""
    steps = {
        fact: max(
            (
                evidence.history.position(place.name)
                for place in FACT_SOURCES
                if (place.fact, place.where) == (fact, "env")
            ),
            default=-1,
        )
        for fact in ("cudnn_version", "nccl_version")
    }
    in_env = {place.fact for place in FACT_SOURCES if place.where == "env" and place.name in evidence.env}
    for installation in reversed(evidence.installations):
        is_later = "cudnn_version" not in in_env or installation.step > steps["cudnn_version"] >= 0
        if installation.tool == "apt" and not installation.removes and is_later:
            for requirement in installation.requirements:
                release = version(requirement.version or "")
                if release and _CUDNN_PACKAGE.fullmatch(requirement.name) and not _has_version(evidence, release):
                    yield "cudnn_version", derived(release, f"history apt install {requirement.name}")
    if "nccl_version" not in in_env:
        for step in reversed(evidence.history.runs):
            for command in step.commands:
                if command.words[:2] == ("git", "clone") and any("NVIDIA/nccl" in word for word in command.words):
                    for word in command.words:
                        if named := _NCCL_RELEASE.fullmatch(word):
                            yield "nccl_version", derived(named[1], "history git clone nccl")


def _has_version(evidence: Evidence, release: str) -> bool:
    """Whether a variable says the same: it is the better source."""
    names = ("CUDNN_VERSION", "NV_CUDNN_VERSION")
    return any(version(evidence.env.get(name, "")) == release for name in names)


def compat_facts(evidence: Evidence) -> Iterator[NamedFact]:
    """The forward-compatibility package, and how its libraries come before the driver's."""
    package = _package(evidence)
    if package is not None:
        yield "compat_package", package
    activation = _activation(evidence, package)
    if activation is not None:
        yield "compat_activation", activation


def _package(evidence: Evidence) -> ObservedFact | None:
    """The package: named by nvidia/cuda, at a path of its own in NGC images, else installed by a command."""
    env = evidence.env
    release = cuda_release(env.get("CUDA_VERSION"))
    driver = version(env.get("CUDA_DRIVER_VERSION", ""))
    installed: ObservedFact | None = None
    named = _COMPAT.fullmatch(env.get("NV_CUDA_COMPAT_PACKAGE", "").strip())
    if named is not None:
        installed = derived({"cuda": f"{named[1]}.{named[2]}", "driver": named[3]}, "env NV_CUDA_COMPAT_PACKAGE")
    elif env.get("_CUDA_COMPAT_PATH") and release is not None:
        value = {"cuda": f"{release.major}.{release.minor}", "driver": driver}
        source = "env _CUDA_COMPAT_PATH, CUDA_VERSION" + (", CUDA_DRIVER_VERSION" if driver else "")
        installed = derived(value, source)
    for installation in evidence.installations:
        in_command = _in_command(installation)
        if installation.removes and in_command:
            installed = None
        elif in_command is not None and (installed is None or installed.source.startswith("history")):
            installed = derived(in_command, "history apt install cuda-compat")
    return installed


def _in_command(installation: Installation) -> dict[str, str | None] | None:
    for word in installation.command.words:
        if named := _COMPAT.fullmatch(word):
            return {"cuda": f"{named[1]}.{named[2]}", "driver": named[3]}
        if installation.removes and word.startswith("cuda-compat"):
            return {"cuda": None, "driver": None}
    return None


def _activation(evidence: Evidence, package: ObservedFact | None) -> ObservedFact | None:
    env = evidence.env
    folders = env.get("LD_LIBRARY_PATH", "").split(":")
    if any(_COMPAT_FOLDER.fullmatch(folder) for folder in folders):
        return stated("always", "env LD_LIBRARY_PATH")
    has_path = bool(env.get("_CUDA_COMPAT_PATH"))
    is_tested = any(folder.rstrip("/").endswith("/compat/lib") for folder in folders)
    has_shell = "nvidia" in env.get("BASH_ENV", "") + env.get("ENV", "") or "BASH_ENV" in env or "ENV" in env
    if has_path and (is_tested or has_shell or _NVIDIA_ENTRY_POINT in evidence.start):
        return stated("entrypoint", "env _CUDA_COMPAT_PATH")
    for step in evidence.history.runs:
        for command in step.commands:
            if command.name == "ldconfig" and any(_COMPAT_FOLDER.fullmatch(word) for word in command.words):
                return derived("always", "history ldconfig")
        words = [word for command in step.commands for word in command.words]
        files = [*words, *(file for command in step.commands for file in command.outputs)]
        if any("ld.so.conf" in file for file in files) and any(_NAMED_FOLDER.search(word) for word in words):
            return derived("always", "history ld.so.conf.d")
    return None if package is None or has_path else derived("toolkit", package.source)  # NGC's folder is another
