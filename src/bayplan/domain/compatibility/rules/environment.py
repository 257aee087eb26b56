"""Rules 1, 2, 7 and 12: the platform, a node without GPU, images out of use, and the node's own state."""

from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules.reasons import CATALOGUE, PROGRAMMING_GUIDE, caveat, no
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode

VIRTUAL_GPUS = "NVIDIA Virtual GPU Software documentation, CUDA and unified memory"
JETPACK = "NVIDIA JetPack documentation, CUDA on Jetson"
WSL = "NVIDIA CUDA on WSL User Guide, known limitations"
FABRIC = "NVIDIA Fabric Manager for NVSwitch documentation"


def platform(pairing: Pairing) -> Reason | None:
    """Rule 1: the image's architectures include the node's."""
    built, architecture = pairing.image.platforms, pairing.node.platform
    if not built:
        return _platform_not_known(architecture)
    if architecture in built:
        return None
    listed = ", ".join(built)
    if architecture is None:
        return caveat(
            ReasonCode.WRONG_PLATFORM,
            needed=listed,
            detail=f"The image is built for {listed}, and the worker's architecture is not known.",
            remedy="Report the worker's architecture.",
            source="OCI Image Index Specification",
        )
    return no(
        ReasonCode.WRONG_PLATFORM,
        needed=listed,
        found=architecture,
        detail=f"The image is built for {listed}; the worker is {architecture}.",
        remedy=f"Use an image that is built for {architecture}.",
        source="OCI Image Index Specification",
    )


def _platform_not_known(architecture: str | None) -> Reason | None:
    """A caveat for other architectures: most images are for amd64 only."""
    if architecture is None or architecture == "amd64":
        return None
    return caveat(
        ReasonCode.WRONG_PLATFORM,
        needed=architecture,
        detail=f"It is not known whether the image is built for {architecture}; most are built for amd64 only.",
        remedy="Enter the image's architectures.",
        source="OCI Image Index Specification",
    )


def needs_gpu(pairing: Pairing) -> Reason | None:
    """Rule 2: without a GPU or its driver, only images that work on the CPU run."""
    if pairing.node.has_gpu or pairing.image.declared.cpu:
        return None
    return no(
        ReasonCode.NEEDS_GPU,
        needed="a GPU with its driver",
        found="none",
        detail="The image needs a GPU, and the worker has none, or no driver for it.",
        remedy="Use a worker with a GPU, or an image that works on the CPU.",
        source=CATALOGUE,
    )


def withdrawn(pairing: Pairing) -> Reason | None:
    """Rule 7: deleted and withdrawn images are not used."""
    image = pairing.image.declared
    if image.deleted:
        return no(
            ReasonCode.WITHDRAWN,
            detail="The image was deleted from the catalogue.",
            remedy="Reinstate it, or use another.",
            source=CATALOGUE,
        )
    if image.withdrawn_reason is not None:
        return no(
            ReasonCode.WITHDRAWN,
            detail=f"The image was withdrawn: {image.withdrawn_reason.strip().rstrip('.')}.",
            remedy="Use another image.",
            source=CATALOGUE,
        )
    return None


def end_of_life(pairing: Pairing) -> Reason | None:
    """Rule 7: past its last day an image is not used; until then that day is a caveat."""
    last = pairing.image.declared.end_of_life
    if last is None:
        return None
    if pairing.today > last:
        return no(
            ReasonCode.END_OF_LIFE,
            needed=f"<={last}",
            found=pairing.today,
            detail=f"The image was maintained until {last}.",
            remedy="Use a newer version of it.",
            source="the image's end_of_life",
        )
    return caveat(
        ReasonCode.END_OF_LIFE,
        found=last,
        detail=f"The image is maintained until {last}, and refused from then on.",
        remedy="Plan for a newer version of it.",
        source="the image's end_of_life",
    )


def missing_in_registry(pairing: Pairing) -> Reason | None:
    """Rule 7: an image that its registry no longer has cannot be pulled."""
    if not pairing.image.declared.missing_in_registry:
        return None
    return no(
        ReasonCode.MISSING_IN_REGISTRY,
        detail="The image was not in its registry at the last check.",
        remedy="Push it again, or correct its url.",
        source=CATALOGUE,
    )


def fabric(pairing: Pairing) -> Reason | None:
    """Rule 12: on NVSwitch machines CUDA waits for the fabric manager."""
    if pairing.node.reported.fabric_ready is not False:
        return None
    return no(
        ReasonCode.FABRIC_NOT_READY,
        needed="a fabric that is set up",
        found="not ready",
        detail="The machine's NVSwitch fabric is not set up; CUDA fails with error 802.",
        remedy="Start nvidia-fabricmanager, of exactly the driver's version.",
        source=FABRIC,
    )


def tegra(pairing: Pairing) -> Reason | None:
    """Rule 12: Tegra is a family of its own; its images and those for other GPUs do not mix."""
    on_tegra, for_tegra = pairing.node.is_tegra, pairing.image.declared.is_for_tegra
    if on_tegra and for_tegra:
        return _other_jetpack(pairing)
    if on_tegra == for_tegra:
        return None
    detail = (
        f"{pairing.node.gpu} is a Tegra, for which images for desktop and server GPUs are not made."
        if on_tegra
        else f"The image is made for Tegra (L4T); {pairing.node.gpu} is none."
    )
    return Reason(
        Grade.UNKNOWN,
        ReasonCode.TEGRA,
        "an image for L4T" if on_tegra else "a Tegra worker",
        pairing.node.gpu,
        detail,
        "Use an image for L4T." if on_tegra else "Use an image for desktop and server GPUs.",
        PROGRAMMING_GUIDE,
    )


def _other_jetpack(pairing: Pairing) -> Reason:
    """L4T has no minor-version compatibility across its major releases, each of which has one CUDA major version."""
    cuda, driver_cuda = pairing.image.cuda, pairing.node.driver_cuda
    if cuda is not None and driver_cuda is not None and cuda.major != driver_cuda.major:
        return no(
            ReasonCode.TEGRA,
            needed=f"a JetPack with CUDA {cuda.major}",
            found=f"driver {pairing.node.driver}, of CUDA {driver_cuda.major}",
            detail=f"The image is made for a JetPack with CUDA {cuda.major}; the worker's has CUDA {driver_cuda.major}, and L4T "
            "runs neither older nor newer ones.",
            remedy=f"Use an image for a JetPack with CUDA {driver_cuda.major}.",
            source=JETPACK,
        )
    return caveat(
        ReasonCode.TEGRA,
        found=pairing.node.driver,
        detail="On L4T an image runs only with the JetPack that it was made for; driver numbers say little there.",
        remedy="Compare the image's L4T release with the worker's.",
        source=JETPACK,
    )


def virtual_gpu(pairing: Pairing) -> Reason | None:
    """The caveat of rule 12: a virtual GPU lacks some functions."""
    if not pairing.node.is_virtual:
        return None
    return caveat(
        ReasonCode.VIRTUAL_GPU,
        found=pairing.node.reported.gpu_name or pairing.node.reported.gpu_brand,
        detail="The GPU is a virtual one; unified memory and memory pools may be missing ('operation not supported').",
        remedy="Where that happens, enable unified memory for the vGPU, or use a whole GPU.",
        source=VIRTUAL_GPUS,
    )


def wsl(pairing: Pairing) -> Reason | None:
    """The caveat of WSL 2, where the driver is that of Windows."""
    driver = pairing.node.driver
    if driver is None or not pairing.node.has_windows_driver:
        return None
    return caveat(
        ReasonCode.FACT_MISSING,
        found=driver,
        detail=f"Drivers of branch {driver.branch} exist for Windows only, so this is WSL 2, "
        "which lacks functions, and where the container runtime has refused images that the driver would run.",
        remedy="Where that happens, update WSL, the driver and the container toolkit.",
        source=WSL,
    )
