"""Which CUDA or ROCm a build of a framework is for, by the names that builds and indexes have. Pure.

Source: download.pytorch.org/whl (folders cu118, cu121, rocm6.2, cpu, xpu), and the local labels of its wheels;
AMD's indexes (repo.radeon.com/rocm/manylinux, repo.amd.com/rocm/whl/gfx1151, rocm.nightlies.amd.com/v2/gfx1151);
PaddlePaddle's installation guide (packages/stable/cu126, 2.6.1.post120).
"""

import re
from dataclasses import dataclass

MXNET = re.compile(r"mxnet-cu([0-9]{2,3})(?:mkl)?", re.ASCII)
"""MXNet's packages, which name their CUDA."""
MMCV = re.compile(r"/mmcv/dist/(cu[0-9]{2,3}|cpu)/torch([0-9]+\.[0-9]+(?:\.[0-9]+)?)(?:/|$)", re.ASCII)
"""The indexes of mmcv, each for one CUDA and one PyTorch."""

_FOLDER = re.compile(
    r"(?:download\.pytorch\.org/whl|pytorch-wheels?|torch-backend|paddlepaddle\.org\.cn/packages/(?:stable|nightly))"
    r"(?:/(?:nightly|test))?/(cu[0-9]{2,4}|rocm[0-9]{1,2}(?:\.[0-9]{1,2}){0,3}|cpu|xpu)(?=$|[/?#\s'\"])",
    re.ASCII,
)
_AMD = re.compile(r"repo\.radeon\.com/rocm/manylinux/rocm-rel-([0-9]{1,2}(?:\.[0-9]{1,2}){1,2})(?=$|/)", re.ASCII)
_THE_ROCK = re.compile(
    r"(?:repo\.amd\.com/rocm|rocm\.(?:nightlies|prereleases|devreleases)\.amd\.com)/(?:[\w-]+/)*?"
    r"(?:whl(?:-multi-arch)?(?:/|$)|(?=gfx))(gfx[0-9A-Za-z-]+)?",
    re.ASCII,
)
_OF_FAMILY = {
    "gfx90x-dcgpu": ("gfx906", "gfx908", "gfx90a"),
    "gfx94x-dcgpu": ("gfx942",),
    "gfx94x-all": ("gfx942",),
    "gfx950-dcgpu": ("gfx950",),
    "gfx950-all": ("gfx950",),
    "gfx101x-dgpu": ("gfx1010", "gfx1011", "gfx1012"),
    "gfx110x-dgpu": ("gfx1100", "gfx1101", "gfx1102"),
    "gfx110x-all": ("gfx1100", "gfx1101", "gfx1102", "gfx1103"),
    "gfx120x-all": ("gfx1200", "gfx1201"),
}
"""The targets of AMD's indexes. Source: ROCm/TheRock, cmake/therock_amdgpu_targets.cmake; families that grew are left out."""
_TARGET = re.compile(r"gfx[0-9a-f]{3,4}", re.ASCII)
_POST = re.compile(r"\.post(1[0-9]{2})", re.ASCII)
_LOCAL = re.compile(r"\+(cu[0-9]{2,4}|rocm[0-9]{1,2}(?:\.[0-9]{1,2}){0,3}|cpu|xpu)(?![0-9])", re.ASCII)
_CUDA_WORD = re.compile(r"cu(?:da)?[-_]?([0-9]{2,4})", re.ASCII)
_FIRST_CUDA, _LAST_CUDA = 7, 29  # majors: what is beyond is another number


@dataclass(frozen=True, slots=True)
class PackageBuild:
    """A build of a framework: for CUDA or ROCm with a release, or for something else."""

    accelerator: str
    release: str | None = None


def cuda_of_word(word: str) -> str | None:
    """The release in "cu124", "cu92", "cu1281" or "cuda118": 12.4, 9.2, 12.8.1 and 11.8."""
    named = _CUDA_WORD.fullmatch(word)
    return None if named is None else cuda_of_digits(named[1])


def cuda_of_digits(digits: str) -> str | None:
    """The release in digits without points: "124" is 12.4, "92" is 9.2, "1281" is 12.8.1."""
    if not digits.isascii() or not digits.isdigit() or not 2 <= len(digits) <= 4:
        return None
    major, rest = (digits[:1], digits[1:]) if len(digits) == 2 else (digits[:2], digits[2:])
    return ".".join((major, *rest)) if _FIRST_CUDA <= int(major) <= _LAST_CUDA else None


def build_of_word(word: str) -> PackageBuild | None:
    """The build that a folder or a local label names: "cu124", "rocm6.2", "cpu", "xpu"."""
    if word in ("cpu", "xpu"):
        return PackageBuild(word)
    if word.startswith("rocm"):
        return PackageBuild("rocm", word.removeprefix("rocm") or None)
    release = cuda_of_word(word)
    return None if release is None else PackageBuild("cuda", release)


def build_of_index(url: str) -> PackageBuild | None:
    """The build that an index of PyTorch has, or the folder of a wheel."""
    if (amd := _AMD.search(url)) is not None:
        return PackageBuild("rocm", amd[1])
    if _THE_ROCK.search(url) is not None:
        return PackageBuild("rocm")
    named = _FOLDER.search(url)
    return None if named is None else build_of_word(named[1])


def targets_of_index(url: str) -> tuple[str, ...]:
    """The GPUs of one of AMD's indexes, each of which is for one target or a family; none where it does not say."""
    named = _THE_ROCK.search(url)
    word = "" if named is None or named[1] is None else named[1].lower()
    return (word,) if _TARGET.fullmatch(word) else _OF_FAMILY.get(word, ())


def build_of_version(version: str) -> PackageBuild | None:
    """The build in the local label of a version, as in 2.5.1+cu124."""
    named = _LOCAL.search(version)
    if named is None and (posted := _POST.search(version)):  # PaddlePaddle 2: 2.6.1.post120
        return build_of_word(f"cu{posted[1]}")
    return None if named is None else build_of_word(named[1])
