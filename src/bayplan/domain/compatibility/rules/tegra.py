"""Rule 13: Tegra, whose boards have drivers and CUDA by their release of Jetson Linux (L4T)."""

from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules.reasons import PROGRAMMING_GUIDE, caveat, no, unknown
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode

JETPACK = "NVIDIA JetPack documentation, CUDA on Jetson"
SERVER = "NVIDIA JetPack 7.0, 7.1 and 7.2 release pages: Thor and Orin run the CUDA of arm64 servers"


def tegra(pairing: Pairing) -> Reason | None:
    """Rule 13: images for L4T and those for other GPUs do not mix, but where a board runs as an arm64 server."""
    node, for_tegra = pairing.node, pairing.image.declared.is_for_tegra
    if node.is_tegra and for_tegra:
        return _other_jetpack(pairing)
    if node.is_tegra_server:
        return _by_l4t(pairing)
    if node.is_tegra == for_tegra:
        return None
    if not node.is_tegra:
        return Reason(
            Grade.UNKNOWN,
            ReasonCode.TEGRA,
            "a Tegra worker",
            node.gpu,
            f"The image is made for Tegra (L4T); {node.gpu} is none.",
            "Use an image for desktop and server GPUs.",
            PROGRAMMING_GUIDE,
        )
    l4t = node.reported.l4t_version
    newer = node.first_server_l4t
    later = "" if newer is None else f", or Jetson Linux {newer} or later"
    return Reason(
        Grade.UNKNOWN,
        ReasonCode.TEGRA,
        f"an image for L4T{later}",
        f"L4T {l4t}" if l4t else node.gpu,
        f"{node.gpu} is a Tegra, for which images for desktop and server GPUs are not made.",
        "Use an image for L4T.",
        PROGRAMMING_GUIDE,
    )


def _by_l4t(pairing: Pairing) -> Reason | None:
    """Rule 3 for a board that is an arm64 server: its release of L4T gives the CUDA, and driver numbers do not count."""
    node, cuda = pairing.node, pairing.image.cuda
    if cuda is None:
        if pairing.image.needs_driver_only:
            return None
        return unknown(
            "It is not known with which CUDA release the image was built.",
            remedy="Enter its CUDA version.",
            source=SERVER,
        )
    has = node.driver_cuda
    if has is None:
        return unknown(
            f"It is not known which CUDA the driver of {node.gpu} supports.",
            needed=f">={cuda.major}.{cuda.minor}",
            remedy="Report the worker's l4t_version.",
            source=SERVER,
        )
    if cuda.release <= has.release:
        return None
    release = f"CUDA {has.major}.{has.minor}"
    if cuda.major == has.major:
        return Reason(
            Grade.MINOR,
            ReasonCode.DRIVER_TOO_OLD,
            f"CUDA {cuda.major}.{cuda.minor}",
            release,
            f"The driver of the worker's Jetson Linux has {release}; minor-version compatibility covers CUDA {cuda}.",
            "Nothing is needed.",
            SERVER,
        )
    grade = Grade.UNKNOWN if pairing.image.has_compat else Grade.NO
    return Reason(
        grade,
        ReasonCode.DRIVER_TOO_OLD,
        f"CUDA {cuda.major}.{cuda.minor}",
        release,
        f"The driver of the worker's Jetson Linux has {release}, older than the image's CUDA {cuda}"
        + (
            "; whether the image's compat libraries make up for it there is not known."
            if pairing.image.has_compat
            else "."
        ),
        f"Use an image built with {release} or older, or a later Jetson Linux.",
        SERVER,
    )


def _other_jetpack(pairing: Pairing) -> Reason | None:
    """L4T has no minor-version compatibility across its major releases, each of which has one CUDA major version."""
    cuda, driver_cuda = pairing.image.cuda, pairing.node.driver_cuda
    found = f"L4T {pairing.node.reported.l4t_version}" if pairing.node.reported.l4t_version else pairing.node.driver
    other = cuda is not None and driver_cuda is not None and cuda.major != driver_cuda.major
    if cuda is not None and driver_cuda is not None and other and not pairing.image.has_compat:
        return no(
            ReasonCode.TEGRA,
            needed=f"a JetPack with CUDA {cuda.major}",
            found=f"{found}, of CUDA {driver_cuda.major}",
            detail=f"The image is made for a JetPack with CUDA {cuda.major}; the worker's has CUDA {driver_cuda.major}, and L4T "
            "runs neither older nor newer ones.",
            remedy=f"Use an image for a JetPack with CUDA {driver_cuda.major}.",
            source=JETPACK,
        )
    return caveat(
        ReasonCode.TEGRA,
        found=found,
        detail="On L4T an image runs only with the JetPack that it was made for; driver numbers say little there.",
        remedy="Compare the image's L4T release with the worker's.",
        source=JETPACK,
    )
