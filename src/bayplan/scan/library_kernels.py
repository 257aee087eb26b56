"""The list of kernels of a library, from the fat binaries of its files.

A library's files differ: beside the kernels that it needs on every GPU it has some that are for one GPU alone (FlashAttention 3 for
9.0a in vLLM, one kernel for 8.9 in torch), or those of a library in it (NCCL for 3.5 in torch 1.13, NVSHMEM in a file of its own).
So the file decides that is made for many GPUs and is large, and of its targets those that a good part of it has.
Measured on the wheels that the tables were made from.
"""

import re
from collections.abc import Mapping

from bayplan.scan.fatbin import CODE, PTX, FatbinContents, kernel_list

LEAST_SHARE = 0.25
"""How often a file must have code or PTX for a capability, beside the one that it has code or PTX for most often."""
LEAST_CODE_SHARE = 0.05
"""Of a file's containers, those that have machine code; TensorFlow has 80% of its kernels as PTX alone for its newest capability."""
LEAST_PTX_SHARE = 0.75
"""Of a file's containers, those that have PTX: PTX of one kernel does not help another that has none."""

_BOUND = re.compile(r"(sm|compute)_(\d+)(\d)([af])", re.ASCII)
_CODE = re.compile(r"sm_(\d+)(\d)", re.ASCII)
_PLAIN = re.compile(r"\d+\.\d(?:\+PTX)?", re.ASCII)


def library_kernels(files: Mapping[str, FatbinContents]) -> tuple[str, ...]:
    """Gives the kernels of a library ("8.0", "9.0a", "12.0+PTX", "compute_90"); empty where no file has GPU code."""
    main = main_file(files)
    return () if main is None else file_kernels(files[main])


def main_file(files: Mapping[str, FatbinContents]) -> str | None:
    """Gives the file that is made for many GPUs and is large; None where none has code.

    The number of GPUs counts more: a library's kernels for one GPU can be more than all of its others (vLLM 0.10).
    """
    with_code = [path for path, contents in files.items() if contents.targets]
    return max(with_code, key=lambda path: (_weight(files[path]), files[path].containers, path), default=None)


def _weight(contents: FatbinContents) -> int:
    return _gpus(contents) ** 2 * contents.containers


def _gpus(contents: FatbinContents) -> int:
    """How many capabilities there is code for that is bound to none."""
    return sum(_PLAIN.fullmatch(kernel) is not None for kernel in file_kernels(contents))


def file_kernels(contents: FatbinContents) -> tuple[str, ...]:
    """Gives the kernels that a good part of a file's containers have."""
    code, ptx = _shares(contents, CODE), _shares(contents, PTX)
    shares = {name: max(code.get(name, 0.0), ptx.get(name, 0.0)) for name in code.keys() | ptx.keys()}
    least = LEAST_SHARE * max(shares.values(), default=0.0)
    names = [name for name, share in shares.items() if share >= least]
    targets = {f"{CODE}{name}" for name in names if code.get(name, 0.0) >= LEAST_CODE_SHARE}
    targets |= {f"{PTX}{name}" for name in names if ptx.get(name, 0.0) >= LEAST_PTX_SHARE}
    return kernel_list(target for target in targets if not _is_covered(target, targets))


def _shares(contents: FatbinContents, kind: str) -> dict[str, float]:
    """The shares of the containers with code, or PTX, by "90" or "90a"."""
    return {
        target.removeprefix(kind): number / contents.containers
        for target, number in contents.targets.items()
        if target.startswith(kind) and contents.containers
    }


def _is_covered(target: str, targets: set[str]) -> bool:
    """Whether code that is bound to a GPU or family says nothing new, because there is code for all of the major from there on."""
    bound = _BOUND.fullmatch(target)
    if bound is None:
        return False
    plain = (_CODE.fullmatch(other) for other in targets)
    return any(match[1] == bound[2] and match[2] <= bound[3] for match in plain if match is not None)
