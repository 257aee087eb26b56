"""The list of kernels of a library, from the fat binaries of its files.

A library's files differ: beside the kernels that it needs on every GPU it has some that are for one GPU alone (FlashAttention 3 for
9.0a in vLLM, one kernel for 8.9 in torch), or those of a library in it (NCCL for 3.5 in torch 1.13). So the file with most machine code
decides, and of its targets those that a good part of its containers have. Measured on the wheels that the tables were made from.
"""

import re
from collections.abc import Mapping

from bayplan.scan.fatbin import CODE, PTX, FatbinContents, kernel_list

LEAST_SHARE = 0.25
"""Of a file's containers, those that have code or PTX for a capability that counts."""
LEAST_CODE_SHARE = 0.05
"""Of a file's containers, those that have machine code; TensorFlow has 80% of its kernels as PTX alone for its newest capability."""
LEAST_PTX_SHARE = 0.75
"""Of a file's containers, those that have PTX: PTX of one kernel does not help another that has none."""

_BOUND = re.compile(r"(sm|compute)_(\d+)(\d)([af])", re.ASCII)
_CODE = re.compile(r"sm_(\d+)(\d)", re.ASCII)


def library_kernels(files: Mapping[str, FatbinContents]) -> tuple[str, ...]:
    """Gives the kernels of a library ("8.0", "9.0a", "12.0+PTX", "compute_90"); empty where no file has GPU code."""
    main = main_file(files)
    return () if main is None else file_kernels(files[main])


def main_file(files: Mapping[str, FatbinContents]) -> str | None:
    """Gives the file with most machine code that is bound to no GPU, else with most code at all; None where none has any."""
    with_code = [path for path, contents in files.items() if contents.targets]
    return max(with_code, key=lambda path: (*_amount(files[path]), path), default=None)


def _amount(contents: FatbinContents) -> tuple[int, int]:
    plain = sum(number for target, number in contents.targets.items() if _CODE.fullmatch(target))
    return plain, sum(contents.targets.values())


def file_kernels(contents: FatbinContents) -> tuple[str, ...]:
    """Gives the kernels that a good part of a file's containers have."""
    code = _shares(contents, CODE)
    ptx = _shares(contents, PTX)
    targets = set[str]()
    for name in code.keys() | ptx.keys():
        code_share, ptx_share = code.get(name, 0.0), ptx.get(name, 0.0)
        if max(code_share, ptx_share) < LEAST_SHARE:
            continue
        if code_share >= LEAST_CODE_SHARE:
            targets.add(f"{CODE}{name}")
        if ptx_share >= LEAST_PTX_SHARE:
            targets.add(f"{PTX}{name}")
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
