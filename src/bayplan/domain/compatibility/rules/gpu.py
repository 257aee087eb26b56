"""Rules 4, 5, 8, and the GPU's half of 11: the GPU against the code in the image and the image's own minimum."""

from bayplan.domain.compatibility.image import framework_kernels
from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules.reasons import (
    COMPATIBILITY,
    MATRIX,
    PROGRAMMING_GUIDE,
    advice,
    another_cuda,
    at_least,
    caveat,
    last_driver,
    no,
    other_gpu,
    other_image,
    rebuilt,
    unknown,
    upgrade_driver,
)
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode
from bayplan.domain.versions import CudaVersion

REPORT_CAPABILITY = advice("report the worker's compute_capability")


def generation(pairing: Pairing) -> Reason | None:
    """Rule 4: the GPU's generation is at least the one that the image states, by rank."""
    required = pairing.image.declared.min_generation
    if required is None:
        return None
    image, gpu_generation = pairing.image.min_generation, pairing.node.generation
    if image is None:
        return unknown(
            f"No table has the generation {required!r} that the image asks for.",
            remedies=[advice("add it to the hardware generations")],
        )
    if gpu_generation is None:
        return unknown(
            f"The image asks for {image.name} or newer, and the GPU's generation is not known.",
            needed=f"{image.name} or newer",
            remedies=[REPORT_CAPABILITY],
        )
    if gpu_generation.rank >= image.rank:
        return None
    return no(
        ReasonCode.GENERATION_TOO_OLD,
        needed=f"{image.name} or newer",
        found=gpu_generation.name,
        detail=f"The image asks for a GPU of the {image.name} generation or newer; the worker's is {gpu_generation.name}.",
        remedies=[
            other_image("use an image that asks for less", min_generation=None),
            other_gpu(pairing, f"use a worker with a GPU of {image.name} or newer", image.low),
        ],
        source="the image's min_hardware_generation",
    )


def kernels(pairing: Pairing) -> Reason | None:
    """Rules 5 and 8: there is code for the GPU, by the framework's build, else by the CUDA release."""
    grade = pairing.by_kernels
    if grade is Grade.NATIVE:
        return None
    if grade is Grade.UNKNOWN:
        return _undecided(pairing)
    return _not_in_build(pairing, grade) if pairing.build is not None else _not_in_release(pairing, grade)


def _undecided(pairing: Pairing) -> Reason | None:
    if pairing.build is None and pairing.image.cuda is None:
        return None  # rule 3 gives the reason
    if pairing.node.capability is None:
        return unknown(
            "The GPU's compute capability is not known.", remedies=[REPORT_CAPABILITY], source=PROGRAMMING_GUIDE
        )
    return unknown(
        f"No table says whether CUDA {pairing.image.cuda} has code for compute capability {pairing.node.capability}.",
        remedies=[advice("enter the image's kernel_architectures")],
        source=MATRIX,
    )


def _not_in_build(pairing: Pairing, grade: Grade) -> Reason:
    assert pairing.build is not None, "only a build has PTX or code of its own"
    built = " ".join(pairing.build.texts) or "no GPU"
    detail = f"The image's framework was built for {built}, which does not run on {pairing.node.gpu}"
    if grade is Grade.JIT:
        detail += " as it is; the driver compiles its PTX at the first start, which takes minutes"
    return Reason(
        grade,
        ReasonCode.GPU_NOT_IN_BUILD,
        f"code for {_capability(pairing)}",
        built,
        f"{detail}.",
        None,
        pairing.build.source,
        (
            other_image(
                f"use an image whose framework was built for compute capability {_capability(pairing)}",
                kernel_architectures=framework_kernels(*(str(gpu) for gpu in pairing.node.capabilities)),
            ),
        ),
    )


def _not_in_release(pairing: Pairing, grade: Grade) -> Reason:
    cuda, gpu = pairing.image.cuda, pairing.node.gpu
    span = _releases_for_gpu(pairing)
    if grade is Grade.JIT:
        return Reason(
            grade,
            ReasonCode.GPU_NEWER_THAN_CUDA,
            None if span is None else f">={span[1]}",
            str(cuda),
            f"CUDA {cuda} is older than {gpu} and has no code for it; it runs only if the image embeds PTX, which the "
            "driver compiles at the first start.",
            None,
            MATRIX,
            () if span is None else another_cuda(pairing, span[1], f"{span[1]} or later"),
        )
    return no(
        ReasonCode.GPU_DROPPED_BY_CUDA,
        needed=None if span is None else f"<={span[0]}",
        found=cuda,
        detail=f"CUDA {cuda} no longer makes code for {gpu}.",
        remedies=() if span is None else another_cuda(pairing, span[0], f"{span[0]} or earlier"),
        source=MATRIX,
    )


def _releases_for_gpu(pairing: Pairing) -> tuple[CudaVersion, CudaVersion] | None:
    """The newest and the oldest CUDA release with code for the GPU."""
    fitting = pairing.node.releases_with_code
    return (fitting[0], fitting[-1]) if fitting else None


def _capability(pairing: Pairing) -> str:
    return " or ".join(str(gpu) for gpu in pairing.node.capabilities)


def jit(pairing: Pairing) -> Reason | None:
    """Rule 6's end: only a driver that is native for the image's release compiles its PTX."""
    if not pairing.needs_jit_on_older_driver:
        return None
    ships_with = pairing.image.ships_with or pairing.image.smallest_driver
    assert ships_with is not None, "a grade was found"
    return no(
        ReasonCode.PTX_NEEDS_NEWER_DRIVER,
        needed=f">={ships_with}",
        found=pairing.node.driver,
        detail=f"The image has no code for {pairing.node.gpu}, and the driver {pairing.node.driver} is older than "
        f"{ships_with} and cannot compile its PTX (error 222).{last_driver(pairing, ships_with)}",
        remedies=[upgrade_driver(pairing, ships_with), rebuilt(pairing, native=True)],
        source=COMPATIBILITY,
    )


def arch_list(pairing: Pairing) -> Reason | None:
    """The caveat of rule 8: frameworks are often built for fewer GPUs than their CUDA release supports."""
    if pairing.build is not None or pairing.image.needs_driver_only:
        return None
    return caveat(
        ReasonCode.ARCH_LIST_UNKNOWN,
        needed=_capability(pairing) or None,
        detail="It is not known for which GPUs the image's framework was built; often they are fewer than its CUDA "
        "release supports.",
        remedy="Enter the image's kernel_architectures, as torch.cuda.get_arch_list() gives them.",
        source=PROGRAMMING_GUIDE,
    )


def own_capability(pairing: Pairing) -> Reason | None:
    """Rule 11: the compute capability that the libraries in the image require."""
    image, capabilities = pairing.image.own_capability, pairing.node.capabilities
    if image is None or (capabilities and min(capabilities) >= image):
        return None
    if not capabilities or max(capabilities) >= image:
        return unknown(
            f"The image needs compute capability {image} or higher, and the GPU's is not known.",
            needed=at_least(image),
            remedies=[REPORT_CAPABILITY],
        )
    return no(
        ReasonCode.BELOW_OWN_MINIMUM,
        needed=at_least(image),
        found=_capability(pairing),
        detail=f"Libraries in the image need compute capability {image} or higher; {pairing.node.gpu} is below that.",
        remedies=[
            other_image("use an image with older libraries", min_compute_capability=None),
            other_gpu(pairing, "use a newer GPU", image),
        ],
        source="the image's min_compute_capability",
    )
