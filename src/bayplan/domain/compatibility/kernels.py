"""The GPUs that compiled code runs on: cubins for a capability, PTX for every newer one.

Code for (major, m) runs on (major, n >= m) and on no other major. PTX is compiled by the driver at start, for its own
capability and every newer one. Code for Tegra does not run on other GPUs, nor theirs on Tegra.
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
    if kernel.suffix == "a" or gpu in tables.tegra or compiled in tables.tegra:
        return compiled == gpu
    if compiled.major != gpu.major or compiled.minor > gpu.minor:
        return False
    return kernel.suffix != "f" or tables.generation_of(str(compiled)) == tables.generation_of(str(gpu))


def _ptx_runs(kernel: Kernel, gpu: ComputeCapability, tables: Tables) -> bool:
    if kernel.suffix:
        return _code_runs(kernel, gpu, tables)
    return kernel.capability <= gpu


def grade_by_release(cuda: CudaVersion, gpu: ComputeCapability, tables: Tables) -> Grade:
    """NATIVE where a CUDA release compiles code that runs on the GPU, JIT where the GPU is newer, NO where it was dropped.

    UNKNOWN for a capability that the tables do not place.
    """
    release = cuda.release
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
        return Grade.JIT
    return Grade.NO if dropped or gpu.major < low else Grade.UNKNOWN
