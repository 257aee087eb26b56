"""The GPUs that compiled code runs on: cubins for a capability, PTX for every newer one.

Code for (major, m) runs on (major, n >= m) and on no other major. PTX is compiled by the driver at start, for its own
capability and every newer one. NVIDIA promises the first for desktop and server GPUs only: see `crosses_tegra`.
Source: NVIDIA CUDA C++ Programming Guide, Binary Compatibility; NVIDIA blog, Family-Specific Architecture Features.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import Grade
from bayplan.domain.versions import ComputeCapability, CudaVersion

_DOTTED = re.compile(r"([0-9]{1,2})\.([0-9])([af]?)(\+PTX)?", re.ASCII | re.IGNORECASE)
_JOINED = re.compile(r"(sm|compute)_([0-9]{1,2})([0-9])([af]?)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kernel:
    """Code for one capability: `code` machine code, `ptx` the portable form; `suffix` "a" or "f" binds it."""

    capability: ComputeCapability
    suffix: str
    code: bool
    ptx: bool


@lru_cache(maxsize=1024)
def parse_kernel(text: str) -> Kernel | None:
    """One entry of an arch list: "8.6", "9.0a", "12.0+PTX", "sm_86" or "compute_90"; None for anything else."""
    if parts := _DOTTED.fullmatch(text.strip()):
        major, minor, suffix, ptx = parts.groups()
        return Kernel(ComputeCapability(int(major), int(minor)), suffix.lower(), True, ptx is not None)
    if parts := _JOINED.fullmatch(text.strip()):
        kind, major, minor, suffix = parts.groups()
        code = kind.lower() == "sm"
        return Kernel(ComputeCapability(int(major), int(minor)), suffix.lower(), code, not code)
    return None


def parse_kernels(texts: Iterable[str]) -> tuple[Kernel, ...]:
    """The entries of an arch list that can be read."""
    return tuple(kernel for text in texts if (kernel := parse_kernel(text)) is not None)


def grade_in_build(kernels: tuple[Kernel, ...], gpu: ComputeCapability, tables: Tables) -> Grade:
    """NATIVE where a kernel runs on the GPU as it is, JIT where PTX can be compiled for it, else NO."""
    if any(kernel.code and _code_runs(kernel, gpu, tables) for kernel in kernels):
        return Grade.NATIVE
    if any(kernel.ptx and _ptx_runs(kernel, gpu, tables) for kernel in kernels):
        return Grade.JIT
    return Grade.NO


def _code_runs(kernel: Kernel, gpu: ComputeCapability, tables: Tables) -> bool:
    compiled = kernel.capability
    if kernel.suffix == "a":
        return compiled == gpu
    if compiled.major != gpu.major or compiled.minor > gpu.minor:
        return False
    return kernel.suffix != "f" or tables.generation_of(str(compiled)) == tables.generation_of(str(gpu))


def _ptx_runs(kernel: Kernel, gpu: ComputeCapability, tables: Tables) -> bool:
    if kernel.suffix:
        return _code_runs(kernel, gpu, tables)
    return kernel.capability <= gpu


def crosses_tegra(kernels: tuple[Kernel, ...], gpu: ComputeCapability, tables: Tables) -> bool:
    """Whether all code that runs on the GPU was made for another minor capability, and one of the two is a Tegra's."""
    compiled = {kernel.capability for kernel in kernels if kernel.code and _code_runs(kernel, gpu, tables)}
    return bool(compiled) and gpu not in compiled and (gpu in tables.tegra or compiled <= tables.tegra)


def only_of_minor_zero(kernels: tuple[Kernel, ...], gpu: ComputeCapability, tables: Tables) -> bool:
    """Whether the GPU is an x.3 and all code that runs on it was made for x.0, for no family."""
    if gpu.minor != 3:
        return False
    running = [kernel for kernel in kernels if kernel.code and _code_runs(kernel, gpu, tables)]
    return bool(running) and all(kernel.capability.minor == 0 and not kernel.suffix for kernel in running)


def grade_by_release(cuda: CudaVersion, gpu: ComputeCapability, tables: Tables) -> Grade:
    """NATIVE where a CUDA release compiles code that runs on the GPU, JIT where the GPU is newer, NO where it was dropped.

    UNKNOWN for what the tables do not place: a capability between theirs, a major release newer than theirs, which may have
    dropped any GPU, and a GPU newer than theirs with a release that is newer too.
    """
    release = cuda.release
    if cuda.major > tables.newest_cuda.major:
        return Grade.UNKNOWN
    low, high = 0, 0
    newer = dropped = False
    for row in tables.capabilities:
        compiled = row.capability
        gone = row.last_cuda is not None and row.last_cuda.release < release
        coming = row.first_cuda.release > release
        if not gone and not coming:
            low, high = min(low or compiled.major, compiled.major), max(high, compiled.major)
        if compiled.major == gpu.major and compiled.minor <= gpu.minor:
            if not gone and not coming:
                return Grade.NATIVE
            newer, dropped = newer or coming, dropped or gone
    if newer or gpu.major > high:
        return Grade.UNKNOWN if release > tables.newest_cuda.release else Grade.JIT
    return Grade.NO if dropped or gpu.major < low else Grade.UNKNOWN


@lru_cache(maxsize=4096)
def release_crosses_tegra(cuda: CudaVersion, gpu: ComputeCapability, tables: Tables) -> bool:
    """Whether a CUDA release has no code for exactly this GPU, and the other minor that it has code for is not its family's."""
    made = {
        row.capability
        for row in tables.capabilities
        if row.capability.major == gpu.major
        and row.capability.minor <= gpu.minor
        and row.first_cuda.release <= cuda.release
        and (row.last_cuda is None or row.last_cuda.release >= cuda.release)
    }
    return bool(made) and gpu not in made and (gpu in tables.tegra or made <= tables.tegra)
