"""Which files of an image tell something, by their path, and what reads each. A path begins without a slash.

To read another kind of file: a row here, its probe in `probes`, its fact in `facts`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from bayplan.scan.probes import (
    AssignmentsProbe,
    DpkgProbe,
    ElfProbe,
    MetadataProbe,
    Probe,
    TextProbe,
    VersionsProbe,
)

_DPKG_NAMES = re.compile(
    r"cuda-(?:compat|cudart|nvcc|nvrtc|libraries|runtime|toolkit)[a-z0-9+.-]*|lib(?:cudnn|nccl|cublas|nvinfer|nvonnxparsers)[a-z0-9+.-]*"
    r"|tensorrt[a-z0-9+.-]*|rocm-(?:core|libs|dev|hip-[a-z0-9+.-]+)|hip-runtime-amd|rocblas|miopen-hip|nvidia-l4t-[a-z0-9+.-]+"
)
_SMALLEST_ELF_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class FileKind:
    """Files of paths that the pattern matches whole, no larger than `most_bytes`; `probe` gets a file's size."""

    name: str
    pattern: re.Pattern[str]
    probe: Callable[[int], Probe]
    most_bytes: int


def _kind(name: str, pattern: str, probe: Callable[[int], Probe], most_bytes: int = 1 << 22) -> FileKind:
    return FileKind(name, re.compile(pattern, re.ASCII), probe, most_bytes)


_ANY_ELF_BYTES = 1 << 36

FILE_KINDS = (
    _kind(
        "python",
        r"(?:.*/)?(?:[^/]+\.dist-info/METADATA|[^/]+\.egg-info(?:/PKG-INFO)?)",
        lambda _: MetadataProbe(),
        1 << 24,
    ),
    _kind("conda", r"(?:.*/)?conda-meta/[^/]+\.json", lambda _: TextProbe(0), 1 << 30),
    _kind("dpkg", r"var/lib/dpkg/(?:status|status\.d/[^/.]+)", lambda _: DpkgProbe(_DPKG_NAMES), 1 << 27),
    _kind(
        "build",
        r"(?:.*/)?(?:torch/version|tensorflow/python/platform/build_info|onnxruntime/capi/build_and_package_info)\.py",
        lambda _: AssignmentsProbe(),
    ),
    _kind("loader", r"etc/ld\.so\.conf(?:\.d/[^/]+\.conf)?", lambda _: TextProbe()),
    _kind("entry", r"etc/shinit_v2|opt/nvidia/nvidia_entrypoint\.sh", lambda _: TextProbe(0)),
    _kind("toolkit", r"usr/local/cuda[^/]*/version\.(?:json|txt)", lambda _: VersionsProbe()),
    _kind("rocm", r"opt/rocm[^/]*/\.info/version", lambda _: TextProbe(100)),
    _kind(
        "amdgpu", r"(?:.*/)?[^/]*gfx[0-9a-f]{3,5}[^/]*\.(?:dat|co|hsaco|kdb)", lambda _: TextProbe(0), _ANY_ELF_BYTES
    ),
    _kind(
        "driver",
        r"(?:.*/)?compat(?:/[^/]+)?/(?:libcuda|libnvidia-ptxjitcompiler)\.so\.[0-9.]+",
        lambda size: ElfProbe(size, is_driver=True),
        _ANY_ELF_BYTES,
    ),
    _kind("compiler", r"(?:.*/)?bin/ptxas[^/]*", lambda size: ElfProbe(size, is_compiler=True), _ANY_ELF_BYTES),
    _kind(
        "library",
        r"(?:.*/)?lib(?:cudart|cudnn|nccl|nvrtc|nvinfer)\.so\.[0-9.]+",
        lambda size: ElfProbe(size, is_named=True),
        _ANY_ELF_BYTES,
    ),
)
_ELF = FileKind("elf", re.compile(".+"), ElfProbe, _ANY_ELF_BYTES)
# What no loader loads: sources, data, documents. All else may be an ELF file, whatever its name.
_NEVER_ELF = re.compile(
    r".*\.(?:pyc?|pyi|txt|md|rst|html?|js|css|json|ya?ml|xml|csv|h|hpp|cuh?|cc?|cpp|a|o|gz|xz|bz2|zip|whl|jar|png|jpe?g|svg|ttf"
    r"|mo|po|pdf|safetensors|gguf|npy|npz|pem|conf|ptx|bc|lst|db)"
)
_LINK = re.compile(
    r"usr/local/cuda[^/]*(?:/compat(?:/[^/]+)?)?|etc/alternatives/cuda[^/]*|opt/rocm[^/]*|(?:.*/)?bin/ptxas[^/]*"
    r"|(?:.*/)?compat/libcuda\.so[^/]*|(?:.*/)?libcuda\.so[^/]*"
)


def kind_of(path: str, size_bytes: int) -> FileKind | None:
    """What a file of that path and size is, None for one that tells nothing."""
    for kind in FILE_KINDS:
        if kind.pattern.fullmatch(path):
            return kind if size_bytes <= kind.most_bytes else None
    if size_bytes < _SMALLEST_ELF_BYTES or size_bytes > _ELF.most_bytes or _NEVER_ELF.fullmatch(path):
        return None
    return _ELF


def may_tell(path: str) -> bool:
    """Whether a file of that path may tell something, whatever its size: another layer's file there may have."""
    return _NEVER_ELF.fullmatch(path) is None or any(kind.pattern.fullmatch(path) for kind in FILE_KINDS)


def is_telling_link(path: str) -> bool:
    """Whether it matters where a link of that path leads."""
    return _LINK.fullmatch(path) is not None
