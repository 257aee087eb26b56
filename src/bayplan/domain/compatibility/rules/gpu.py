"""Rules 4, 5, 8, and the GPU's half of 11: the GPU against the code in the image and the image's own minimum."""

from bayplan.domain.compatibility.image import framework_kernels
from bayplan.domain.compatibility.kernels import crosses_tegra, only_of_minor_zero, release_crosses_tegra
from bayplan.domain.compatibility.library_build import LibraryBuild
from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules.reasons import (
    MATRIX,
    PROGRAMMING_GUIDE,
    advice,
    another_cuda,
    at_least,
    caveat,
    no,
    other_gpu,
    other_image,
    sentence,
    unknown,
)
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode
from bayplan.domain.versions import CudaVersion

REPORT_CAPABILITY = advice("report the node's compute_capability")


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
        detail=f"The image asks for a GPU of the {image.name} generation or newer; the node's is {gpu_generation.name}.",
        remedies=[
            other_image("use an image that runs on older GPUs", min_generation=None),
            other_gpu(pairing, f"use a node with a GPU of {image.name} or newer", image.low),
        ],
        source="the image's min_hardware_generation",
    )


def kernels(pairing: Pairing) -> Reason | None:
    """Rules 5 and 8: there is code for the GPU, by the builds of the libraries, else by the CUDA release."""
    grade = pairing.by_kernels
    if grade is Grade.NATIVE:
        return None
    if grade is Grade.UNKNOWN:
        return _undecided(pairing)
    return _not_in_build(pairing, grade) if pairing.builds else _not_in_release(pairing, grade)


def _undecided(pairing: Pairing) -> Reason | None:
    image = pairing.image
    if not pairing.builds and image.cuda_major is None:
        return None  # rule 3 gives the reason
    if pairing.node.capability is None:
        return _capability_not_known(pairing)
    full = "" if image.cuda is not None else ", or its full CUDA release"
    return unknown(
        f"No table says whether CUDA {image.cuda_name} has code for compute capability {pairing.node.capability}.",
        remedies=[advice(f"enter the image's kernel_architectures{full}")],
        source=MATRIX,
    )


def _capability_not_known(pairing: Pairing) -> Reason:
    """Of a GPU by its name, whether no table has it, and which names are written like it."""
    node, name = pairing.node, pairing.node.reported.gpu_name
    if node.capabilities:
        may_be = " or ".join(map(str, node.capabilities))
        named = (
            f"{name} may be a GPU of compute capability {may_be}."
            if name
            else (f"The GPU's compute capability may be {may_be}.")
        )
        return unknown(named, remedies=[REPORT_CAPABILITY], source=PROGRAMMING_GUIDE)
    if not name or node.reported.compute_capability is not None:
        return unknown(
            "The GPU's compute capability is not known.", remedies=[REPORT_CAPABILITY], source=PROGRAMMING_GUIDE
        )
    near = pairing.tables.machines.gpu_names.nearest(name)
    like = f" (names like it: {', '.join(near)})" if near else ""
    return unknown(
        f"No table has a GPU {name!r}, so its compute capability is not known{like}.",
        remedies=[advice("report the node's compute_capability, or the GPU's name as nvidia-smi prints it")],
        source=PROGRAMMING_GUIDE,
    )


def _not_in_build(pairing: Pairing, grade: Grade) -> Reason:
    build, *others = pairing.weakest_builds
    built = " ".join(build.texts) or "no GPU"
    detail = f"The image's {_name(build)} was built for {built}, which does not run on {pairing.node.gpu}"
    if grade is Grade.JIT:
        detail += " as it is; the driver compiles its PTX at the first start, which takes minutes"
    if others:
        detail += f"; the same holds for {', '.join(_name(other) for other in others)}"
    return Reason(
        grade,
        ReasonCode.GPU_NOT_IN_BUILD,
        f"code for {_capability(pairing)}",
        built,
        f"{detail}.",
        None,
        build.source,
        (
            other_image(
                f"use an image whose {_name(build)} was built for compute capability {_capability(pairing)}",
                kernel_architectures=framework_kernels(*(str(gpu) for gpu in pairing.node.capabilities)),
            ),
        ),
    )


def _name(build: LibraryBuild) -> str:
    return build.library or "framework"


def _not_in_release(pairing: Pairing, grade: Grade) -> Reason:
    cuda, gpu = pairing.image.cuda_name, pairing.node.gpu
    span = _releases_for_gpu(pairing)
    if grade is Grade.JIT:
        return Reason(
            grade,
            ReasonCode.GPU_NEWER_THAN_CUDA,
            None if span is None else f">={span[1]}",
            str(cuda),
            f"CUDA {cuda} is older than {gpu} and has no code for it; the image runs only if it embeds PTX, which the "
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


def arch_list(pairing: Pairing) -> Reason | None:
    """The caveat of rule 8: frameworks are often built for fewer GPUs than their CUDA release supports."""
    if pairing.builds or pairing.image.needs_driver_only:
        return None
    return caveat(
        ReasonCode.ARCH_LIST_UNKNOWN,
        needed=_capability(pairing) or None,
        detail="It is not known for which GPUs the image's framework was built. Frameworks are often built for fewer GPUs "
        "than their CUDA release supports.",
        remedy="Enter the image's kernel_architectures, as torch.cuda.get_arch_list() gives them.",
        source=PROGRAMMING_GUIDE,
    )


def tegra_kernels(pairing: Pairing) -> Reason | None:
    """The caveat of rules 5 and 8, and 13: on Tegra, NVIDIA promises nothing for code that was made for another minor capability."""
    gpu, image, tables = pairing.node.capability, pairing.image, pairing.tables
    if gpu is None:
        return None
    crossing = [build for build in pairing.builds if crosses_tegra(build.kernels, gpu, tables)]
    by_release = (
        not pairing.builds
        and not image.needs_driver_only
        and image.cuda is not None
        and release_crosses_tegra(image.cuda, gpu, tables)
    )
    if not crossing and not by_release:
        return None
    made = f"The image's {_name(crossing[0])}" if crossing else f"CUDA {image.cuda_name}"
    # A board that runs as an arm64 server takes images with code for exactly its capability.
    grade, code = (
        (Grade.UNKNOWN, ReasonCode.TEGRA)
        if pairing.node.is_tegra_server
        else (Grade.CAVEAT, ReasonCode.GPU_NOT_IN_BUILD)
    )
    use = f"use an image built for compute capability {gpu}"
    remedy = other_image(use, kernel_architectures=framework_kernels(str(gpu)))
    return Reason(
        grade,
        code,
        f"code for {gpu}",
        " ".join(crossing[0].texts) if crossing else image.cuda_name,
        f"{made} has no code for exactly {pairing.node.gpu}. NVIDIA promises only among desktop and server GPUs that code "
        "for another minor capability runs: not on Tegra, and not between Tegra and the others.",
        sentence([remedy]) if grade is Grade.CAVEAT else None,
        PROGRAMMING_GUIDE,
        () if grade is Grade.CAVEAT else (remedy,),
    )


def narrow_kernels(pairing: Pairing) -> Reason | None:
    """The caveat of rule 8 on an x.3 GPU: kernels of 8-bit and 4-bit formats are often bound to the x.0 that they were made for."""
    gpu = pairing.node.capability
    if gpu is None:
        return None
    narrow = [build for build in pairing.builds if only_of_minor_zero(build.kernels, gpu, pairing.tables)]
    if not narrow:
        return None
    return caveat(
        ReasonCode.GPU_NOT_IN_BUILD,
        needed=f"code for {gpu}",
        found=" ".join(narrow[0].texts),
        detail=f"The image's {_name(narrow[0])} has code for {gpu.major}.0 and none for {gpu}. It runs on {pairing.node.gpu}, but kernels "
        "for 8-bit and 4-bit formats are often bound to one capability ('no kernel image is available').",
        remedy=f"If that happens, use an image built for compute capability {gpu}.",
        source="NVIDIA blog, Family-Specific Architecture Features",
    )


def cpu_build(pairing: Pairing) -> Reason | None:
    """The caveat where a framework was built without a GPU: it runs, and does not use the node's."""
    if not pairing.image.is_cpu_build or not pairing.node.has_gpu:
        return None
    return caveat(
        ReasonCode.GPU_NOT_IN_BUILD,
        found="a build for the CPU (+cpu)",
        detail="The image's framework was built without support for GPUs (+cpu), so it runs on the CPU.",
        remedy="Use an image whose framework was built for the node's GPU.",
        source="PyTorch, Get Started",
    )


def own_capability(pairing: Pairing) -> Reason | None:
    """Rule 11: the compute capability that the libraries in the image require."""
    image, capabilities = pairing.image.own_capability, pairing.node.capabilities
    if image is None or (capabilities and min(capabilities) >= image):
        return None
    if not capabilities or max(capabilities) >= image:
        return unknown(
            f"The image needs compute capability {image} or higher, and the GPU's compute capability is not known.",
            needed=at_least(image),
            remedies=[REPORT_CAPABILITY],
        )
    return no(
        ReasonCode.BELOW_OWN_MINIMUM,
        needed=at_least(image),
        found=_capability(pairing),
        detail=f"Libraries in the image need compute capability {image} or higher; {pairing.node.gpu} is below that.",
        remedies=[
            other_image("use an image with older libraries", min_compute_capability=None, framework_version=None),
            other_gpu(pairing, "use a newer GPU", image),
        ],
        source=pairing.image.own_capability_source,
    )
