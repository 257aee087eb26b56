"""What the local version of a framework says of its build: `cu130` in "2.9.1+cu130", `rocm7.2`, `cpu`.

PyTorch's wheels have such labels, and most libraries that are built for one of its releases; jaxlib's of before 2024 were
"0.4.30+cuda12.cudnn89". The base image's CUDA may be another one.
Source: PyTorch, "Get Started" (the indexes cu128, cu130, rocm7.0, cpu); JAX, release notes of jaxlib.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_CUDA = re.compile(r"cu(?:da)?([0-9]{1,2})([0-9])", re.ASCII)
_CUDA_DOTTED = re.compile(r"cu(?:da)?([0-9]{1,2})", re.ASCII)
_ROCM = re.compile(r"rocm([0-9]{1,2})", re.ASCII)
_FIRST_OF_TWO_DIGITS = 10
_LAST_OF_TWO_DIGITS = 39  # "cuda12" is CUDA 12, "cuda92" is 9.2


@dataclass(frozen=True, slots=True)
class FrameworkLabel:
    """The CUDA or ROCm release in a local version; `cpu` where it is a build without either."""

    cuda: str | None = None
    rocm: str | None = None
    cpu: bool = False


NO_LABEL = FrameworkLabel()


@lru_cache(maxsize=4096)
def framework_label(version: str | None) -> FrameworkLabel:
    """What a framework's version says of its build; nothing where it has no local version, or another one."""
    _, plus, local = (version or "").strip().lower().partition("+")
    if not plus:
        return NO_LABEL
    parts = re.split(r"[._-]", local)
    for position, part in enumerate(parts):
        minor = parts[position + 1] if position + 1 < len(parts) and parts[position + 1].isdigit() else None
        if cuda := _cuda(part, minor):
            return FrameworkLabel(cuda=cuda)
        if rocm := _ROCM.fullmatch(part):
            numbers = [rocm[1], *_leading_numbers(parts[position + 1 :])]
            return FrameworkLabel(rocm=".".join(numbers))
    return FrameworkLabel(cpu=True) if "cpu" in parts else NO_LABEL


def _cuda(part: str, minor: str | None) -> str | None:
    if (major := _CUDA_DOTTED.fullmatch(part)) and _FIRST_OF_TWO_DIGITS <= int(major[1]) <= _LAST_OF_TWO_DIGITS:
        return major[1] if minor is None else f"{major[1]}.{int(minor)}"
    if release := _CUDA.fullmatch(part):
        return f"{int(release[1])}.{release[2]}"
    return None


def _leading_numbers(parts: list[str]) -> list[str]:
    numbers = []
    for part in parts:
        if not part.isdigit():
            break
        numbers.append(part)
    return numbers
