"""Rule 10 and rule 6's end: PTX needs a compiler that is as new, and a compiler has to know the GPU."""

from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules.reasons import (
    COMPATIBILITY,
    MATRIX,
    advice,
    caveat,
    change_image,
    last_driver,
    no,
    rebuilt,
    sentence,
    unknown,
    upgrade_driver,
)
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode
from bayplan.domain.versions import CudaVersion, DriverVersion

_ON_OLDER_DRIVER = frozenset({Grade.MINOR, Grade.FORWARD})


def jit(pairing: Pairing) -> Reason | None:
    """Rule 6's end: PTX is compiled by the driver, or by the compiler of a forward-compatibility package that comes first."""
    if not pairing.needs_jit_on_older_driver or pairing.reads_ptx:
        return None
    needs = f"The image has no code for {pairing.node.gpu}"
    if pairing.reads_ptx is None:
        return _may_not_read(pairing, f"{needs}. ")
    return _cannot_read(pairing, f"{needs}, and {_older(pairing)}, so it cannot compile the image's PTX (error 222).")


def compiles_at_runtime(pairing: Pairing) -> Reason | None:
    """Rule 10: PTX made while running needs a driver that takes it, machine code made then a compiler that supports the GPU."""
    match pairing.image.compiles_at_runtime:
        case "ptx":
            return _ptx(pairing)
        case "cubin":
            return _machine_code(pairing)
        case None:
            return _not_known(pairing)
        case _:
            return None


def _ptx(pairing: Pairing, makes: str | None = None) -> Reason | None:
    if pairing.by_driver not in _ON_OLDER_DRIVER or pairing.reads_ptx:
        return None
    makes = makes or f"The image compiles kernels with CUDA {pairing.image.cuda_name} while it runs"
    if pairing.reads_ptx is None:
        return _may_not_read(pairing, f"{makes}. ")
    return _cannot_read(pairing, f"{makes}, but {_older(pairing)}, so it cannot read that PTX (error 222).")


def _not_known(pairing: Pairing) -> Reason | None:
    if pairing.by_driver not in _ON_OLDER_DRIVER or pairing.reads_ptx:
        return None
    if pairing.reads_ptx is None:
        return _may_not_read(pairing, "It is not known whether the image compiles kernels while it runs. ")
    ships_with = _ships_with(pairing)
    return caveat(
        ReasonCode.PTX_NEEDS_NEWER_DRIVER,
        needed=None if ships_with is None else f">={ships_with}",
        found=pairing.node.driver,
        detail="It is not known whether the image compiles kernels while it runs. If it makes PTX, the driver cannot read "
        f"it (error 222): {_older(pairing)}.",
        remedy=sentence((upgrade_driver(pairing, ships_with), rebuilt(pairing, native=True))),
        source=COMPATIBILITY,
    )


def _ships_with(pairing: Pairing) -> DriverVersion | None:
    return pairing.image.ships_with or pairing.image.smallest_driver


def _older(pairing: Pairing) -> str:
    """The clause that the driver is of an older CUDA than the PTX."""
    ships_with, installed = pairing.image.ships_with, pairing.node.driver
    if ships_with is not None and installed is not None and installed.at_least(ships_with) is False:
        return f"the driver {installed} is older than {ships_with}"
    return f"the driver {installed} supports CUDA {pairing.node.driver_cuda} only"


def _cannot_read(pairing: Pairing, detail: str) -> Reason:
    ships_with = _ships_with(pairing)
    return no(
        ReasonCode.PTX_NEEDS_NEWER_DRIVER,
        needed=None if ships_with is None else f">={ships_with}",
        found=pairing.node.driver,
        detail=f"{detail}{'' if ships_with is None else last_driver(pairing, ships_with)}",
        remedies=(upgrade_driver(pairing, ships_with), rebuilt(pairing, native=True)),
        source=COMPATIBILITY,
    )


def _may_not_read(pairing: Pairing, about: str) -> Reason:
    ships_with = pairing.image.ships_with
    return caveat(
        ReasonCode.PTX_NEEDS_NEWER_DRIVER,
        needed=None if ships_with is None else f">={ships_with}",
        found=pairing.node.driver,
        detail=f"{about}Whether the driver {pairing.node.driver}, or a forward-compatibility library before it, reads PTX of "
        f"CUDA {pairing.image.cuda_name} is not known. If not, CUDA fails with error 222.",
        remedy="Report the node's driver_cuda_version and toolkit_version.",
        source=COMPATIBILITY,
    )


def _machine_code(pairing: Pairing) -> Reason | None:
    """The compiler in the image has to know the GPU; XLA may let the driver compile instead."""
    image, compiler = pairing.image, pairing.image.compiler_cuda
    spans = [pairing.tables.by_capability.get(gpu) for gpu in pairing.node.capabilities]
    known = [row for row in spans if row is not None]
    if not known or len(known) < len(spans):
        return _not_in_tables(pairing)
    first = min(row.first_cuda for row in known)
    if compiler is None:
        return _compiler_not_known(pairing, first)
    if compiler.release < first.release:
        if image.has_xla:
            return _by_driver_instead(pairing, first)
        return _compiler_does_not_know(pairing, ReasonCode.GPU_NEWER_THAN_CUDA, f"{first} or later", compiler)
    last = None if any(row.last_cuda is None for row in known) else max(row.last_cuda for row in known if row.last_cuda)
    if last is not None and compiler.release > last.release:
        return _compiler_does_not_know(pairing, ReasonCode.GPU_DROPPED_BY_CUDA, f"{last} or earlier", compiler)
    return None


def _not_in_tables(pairing: Pairing) -> Reason | None:
    """Of a capability that no table has, it is not known which compilers know it."""
    compiler = pairing.image.compiler_cuda
    if compiler is None or not pairing.node.capabilities:
        return None
    return unknown(
        f"The image makes machine code while it runs with a compiler of CUDA {compiler}; no table says whether that "
        f"compiler supports {pairing.node.gpu}.",
        needed="a compiler that supports the GPU",
        remedies=(advice("try the image, or use one with a newer compiler"),),
        source=MATRIX,
    )


def _compiler_does_not_know(pairing: Pairing, code: ReasonCode, needed: str, compiler: CudaVersion) -> Reason:
    return no(
        code,
        needed=f"a compiler of CUDA {needed}",
        found=compiler,
        detail=f"The image makes machine code while it runs with a compiler of CUDA {compiler}, which does not support "
        f"{pairing.node.gpu} (ptxas: 'is not defined for option gpu-name').",
        remedies=(
            change_image(
                f"let the image use a compiler of CUDA {needed} (for Triton, set TRITON_PTXAS_PATH)",
                compiler_cuda=needed.split(maxsplit=1)[0],
            ),
            rebuilt(pairing),
        ),
        source=MATRIX,
    )


def _by_driver_instead(pairing: Pairing, first: CudaVersion) -> Reason | None:
    makes = (
        f"The compiler in the image is of CUDA {pairing.image.compiler_cuda} and does not support {pairing.node.gpu}, "
        f"which needs CUDA {first} or later. XLA then lets the driver compile PTX"
    )
    refused = _ptx(pairing, makes)
    if refused is not None:
        return refused
    return caveat(
        ReasonCode.GPU_NEWER_THAN_CUDA,
        needed=f"a compiler of CUDA {first} or later",
        found=pairing.image.compiler_cuda,
        detail=f"{makes}, which takes minutes, or fails where XLA is set not to.",
        remedy=f"Use an image whose compiler is of CUDA {first} or later.",
        source="openxla/xla, fall-back on the driver's compiler",
    )


def _compiler_not_known(pairing: Pairing, first: CudaVersion) -> Reason | None:
    """The caveat for a GPU that is as new as the image's CUDA: compilers that libraries bundle are often a release behind."""
    cuda = pairing.image.cuda
    if cuda is None or cuda.release > first.release:
        return None
    return caveat(
        ReasonCode.GPU_NEWER_THAN_CUDA,
        needed="compiler_cuda",
        detail=f"The image makes machine code while it runs, with a compiler of its own. {pairing.node.gpu} needs a compiler "
        f"of CUDA {first} or later, and the release of the image's compiler is not known.",
        remedy="Enter the image's compiler_cuda.",
        source=MATRIX,
    )
