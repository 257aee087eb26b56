"""Rules 4, 5, 8, and the GPU's half of 11: the GPU against the code in the image and what the image asks for."""

from bayplan.domain.case import Case
from bayplan.domain.rules.making import (
    COMPATIBILITY,
    MATRIX,
    PROGRAMMING_GUIDE,
    at_least,
    caveat,
    fitting_cuda,
    newer_driver,
    no,
    unknown,
)
from bayplan.domain.verdict import Grade, Reason

REPORT_CAPABILITY = "Report the worker's compute_capability."


def generation(case: Case) -> Reason | None:
    """Rule 4: the GPU's generation is at least the one that the image states, by rank."""
    asked = case.wanted.image.min_generation
    if asked is None:
        return None
    wanted, found = case.wanted.min_generation, case.offered.generation
    if wanted is None:
        return unknown(
            f"No table has the generation {asked!r} that the image asks for.",
            remedy="Add it to the hardware generations.",
        )
    if found is None:
        return unknown(
            f"The image asks for {wanted.name} or newer, and the GPU's generation is not known.",
            needed=f"{wanted.name} or newer",
            remedy=REPORT_CAPABILITY,
        )
    if found.rank >= wanted.rank:
        return None
    return no(
        "generation_too_old",
        needed=f"{wanted.name} or newer",
        found=found.name,
        detail=f"The image asks for a GPU of the {wanted.name} generation or newer; the worker's is {found.name}.",
        remedy=f"Use a worker with a GPU of {wanted.name} or newer, or an image that asks for less.",
        source="the image's min_hardware_generation",
    )


def kernels(case: Case) -> Reason | None:
    """Rules 5 and 8: there is code for the GPU, by the framework's build where known, else by the CUDA release."""
    grade = case.by_kernels
    if grade is Grade.NATIVE:
        return None
    if grade is Grade.UNKNOWN:
        return _undecided(case)
    return _not_in_build(case, grade) if case.build is not None else _not_in_release(case, grade)


def _undecided(case: Case) -> Reason | None:
    if case.build is None and case.wanted.cuda is None:
        return None  # rule 3 says so
    if case.offered.capability is None:
        return unknown("The GPU's compute capability is not known.", remedy=REPORT_CAPABILITY, source=PROGRAMMING_GUIDE)
    return unknown(
        f"No table says whether CUDA {case.wanted.cuda} has code for compute capability {case.offered.capability}.",
        remedy="Enter the image's kernel_architectures.",
        source=MATRIX,
    )


def _not_in_build(case: Case, grade: Grade) -> Reason:
    assert case.build is not None, "the caller has looked"
    built = " ".join(case.build.texts) or "no GPU"
    detail = f"The image's framework was built for {built}, which does not run on {case.offered.gpu}"
    if grade is Grade.JIT:
        detail += " as it is; the driver compiles its PTX at the first start, which takes minutes"
    return Reason(
        grade,
        "gpu_not_in_build",
        f"code for {_capability(case)}",
        built,
        f"{detail}.",
        f"Use an image whose framework was built for compute capability {_capability(case)}.",
        case.build.source,
    )


def _not_in_release(case: Case, grade: Grade) -> Reason:
    cuda, found = case.wanted.cuda, case.offered.gpu
    span = _releases_for_gpu(case)
    if grade is Grade.JIT:
        first = "" if span is None else f" {span[1]} or later"
        return Reason(
            grade,
            "gpu_newer_than_cuda",
            None if span is None else f">={span[1]}",
            str(cuda),
            f"CUDA {cuda} is older than {found} and has no code for it; it runs only if the image embeds PTX, which the "
            "driver compiles at the first start.",
            f"Use an image built with CUDA{first or ' of a later release'}.",
            MATRIX,
        )
    last = "an earlier release" if span is None else f"{span[0]} or earlier"
    return no(
        "gpu_dropped_by_cuda",
        needed=None if span is None else f"<={span[0]}",
        found=cuda,
        detail=f"CUDA {cuda} no longer makes code for {found}.",
        remedy=f"Use an image built with CUDA {last}.",
        source=MATRIX,
    )


def _releases_for_gpu(case: Case) -> tuple[str, str] | None:
    """The newest and the oldest CUDA release with code for the GPU."""
    fitting = case.offered.releases_with_code
    return (str(fitting[0]), str(fitting[-1])) if fitting else None


def _capability(case: Case) -> str:
    return " or ".join(str(gpu) for gpu in case.offered.capabilities)


def jit(case: Case) -> Reason | None:
    """Rule 6's end: PTX of the image's release is compiled by a driver that is native for it, and by no older one."""
    if case.by_kernels is not Grade.JIT or case.by_driver not in (Grade.MINOR, Grade.FORWARD):
        return None
    ships_with = case.wanted.ships_with or case.wanted.smallest_driver
    assert ships_with is not None, "a grade was found"
    return no(
        "ptx_needs_newer_driver",
        needed=f">={ships_with}",
        found=case.offered.driver,
        detail=f"The image has no code for {case.offered.gpu}, and the driver {case.offered.driver} is older than "
        f"{ships_with} and cannot compile its PTX (error 222).",
        remedy=newer_driver(case, ships_with, instead=fitting_cuda(case, native=True)),
        source=COMPATIBILITY,
    )


def arch_list(case: Case) -> Reason | None:
    """The caveat of rule 8: frameworks are often built for fewer GPUs than their CUDA release supports."""
    if case.build is not None:
        return None
    return caveat(
        "arch_list_unknown",
        needed=_capability(case) or None,
        detail="It is not known for which GPUs the image's framework was built; often they are fewer than its CUDA "
        "release supports.",
        remedy="Enter the image's kernel_architectures, as torch.cuda.get_arch_list() gives them.",
        source=PROGRAMMING_GUIDE,
    )


def own_capability(case: Case) -> Reason | None:
    """Rule 11: the compute capability that the libraries in the image ask for."""
    wanted, found = case.wanted.own_capability, case.offered.capabilities
    if wanted is None or (found and min(found) >= wanted):
        return None
    if not found or max(found) >= wanted:
        return unknown(
            f"The image needs compute capability {wanted} or higher, and the GPU's is not known.",
            needed=at_least(wanted),
            remedy=REPORT_CAPABILITY,
        )
    return no(
        "below_own_minimum",
        needed=at_least(wanted),
        found=_capability(case),
        detail=f"Libraries in the image need compute capability {wanted} or higher; {case.offered.gpu} is below that.",
        remedy="Use an image with older libraries, or a newer GPU.",
        source="the image's min_compute_capability",
    )
