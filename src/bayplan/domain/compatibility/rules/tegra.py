"""Rule 13: Tegra, whose boards have drivers and CUDA by their release of Jetson Linux (L4T)."""

from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules.reasons import (
    PROGRAMMING_GUIDE,
    advice,
    built_with,
    caveat,
    change_node,
    no,
    other_image,
    unknown,
)
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode, Remedy
from bayplan.domain.versions import CudaVersion, sort_key

JETPACK = "NVIDIA JetPack documentation, CUDA on Jetson"
_FOR_L4T = (("NVIDIA_REQUIRE_JETPACK", "csv-mounts=all"),)
SERVER = "NVIDIA JetPack 7.0, 7.1 and 7.2 release pages: Thor and Orin run the CUDA of arm64 servers"


def tegra(pairing: Pairing) -> Reason | None:
    """Rule 13: images for L4T and those for other GPUs do not mix, but where a board runs as an arm64 server."""
    node, for_tegra = pairing.node, pairing.image.declared.is_for_tegra
    if node.is_tegra and for_tegra:
        return _other_jetpack(pairing)
    if node.is_tegra_server:
        return _by_l4t(pairing)
    if node.is_tegra and pairing.image.built_for_tegra and _is_of_its_cuda(pairing):
        return _other_jetpack(pairing)
    if node.is_tegra == for_tegra:
        return None
    if not node.is_tegra:
        return Reason(
            Grade.UNKNOWN,
            ReasonCode.TEGRA,
            "a Tegra node",
            node.gpu,
            f"The image is made for Tegra (L4T); {node.gpu} is not a Tegra.",
            None,
            PROGRAMMING_GUIDE,
            (other_image("use an image for desktop and server GPUs", requirements=None),),
        )
    l4t = node.reported.l4t_version
    newer = node.first_server_l4t
    later = "" if newer is None else f", or Jetson Linux {newer} or later"
    return Reason(
        Grade.UNKNOWN,
        ReasonCode.TEGRA,
        f"an image for L4T{later}",
        f"L4T {l4t}" if l4t else node.gpu,
        f"{node.gpu} is a Tegra; images for desktop and server GPUs are not made for it.",
        None,
        PROGRAMMING_GUIDE,
        _onto_tegra(pairing),
    )


def _is_of_its_cuda(pairing: Pairing) -> bool:
    cuda, has = pairing.image.cuda, pairing.node.driver_cuda
    return cuda is not None and has is not None and cuda.major == has.major


def _onto_tegra(pairing: Pairing) -> tuple[Remedy, ...]:
    """The remedies for an image of other GPUs on a board: an image for L4T, else the first Jetson Linux of arm64 servers."""
    node = pairing.node
    facts = built_with(node.driver_cuda or pairing.image.cuda) | {"requirements": _FOR_L4T}
    newer = node.first_server_l4t
    later = () if newer is None else (_install_l4t(str(newer)),)
    return other_image("use an image for L4T", **facts), *later


def _later_l4t(pairing: Pairing, cuda: CudaVersion) -> tuple[Remedy, ...]:
    """The remedy to install the first Jetson Linux whose CUDA is at least that one."""
    rows = [row for row in pairing.tables.machines.l4t if row.cuda.release >= cuda.release]
    return (_install_l4t(min(rows, key=lambda row: sort_key(row.l4t)).l4t),) if rows else ()


def _install_l4t(l4t: str) -> Remedy:
    return change_node(f"install Jetson Linux {l4t} or later", l4t_version=l4t, driver_cuda_version=None)


def _by_l4t(pairing: Pairing) -> Reason | None:
    """Rule 3 for a board that is an arm64 server: its release of L4T gives the CUDA, and driver numbers do not count."""
    node, cuda = pairing.node, pairing.image.cuda
    if cuda is None:
        if pairing.image.needs_driver_only:
            return None
        return unknown(
            "It is not known with which CUDA release the image was built.",
            remedies=[advice("enter the image's CUDA version")],
            source=SERVER,
        )
    has = node.driver_cuda
    if has is None:
        return unknown(
            f"It is not known which CUDA the driver of {node.gpu} supports.",
            needed=f">={cuda.major}.{cuda.minor}",
            remedies=[advice("report the node's l4t_version")],
            source=SERVER,
        )
    if cuda.release <= has.release:
        return None
    release = f"CUDA {has.major}.{has.minor}"
    if node.driver_cuda_is_least:
        return _newer_l4t(pairing, cuda, has)
    if cuda.major == has.major:
        return Reason(
            Grade.MINOR,
            ReasonCode.DRIVER_TOO_OLD,
            f"CUDA {cuda.major}.{cuda.minor}",
            release,
            f"The driver of the node's Jetson Linux has {release}; minor-version compatibility covers CUDA {cuda}.",
            None,
            SERVER,
        )
    grade = Grade.UNKNOWN if pairing.image.has_compat else Grade.NO
    return Reason(
        grade,
        ReasonCode.DRIVER_TOO_OLD,
        f"CUDA {cuda.major}.{cuda.minor}",
        release,
        f"The driver of the node's Jetson Linux has {release}, older than the image's CUDA {cuda}"
        + (
            "; whether the image's compat libraries make up for that is not known." if pairing.image.has_compat else "."
        ),
        None,
        SERVER,
        (other_image(f"use an image built with {release} or older", **built_with(has)), *_later_l4t(pairing, cuda)),
    )


def _newer_l4t(pairing: Pairing, cuda: CudaVersion, has: CudaVersion) -> Reason:
    """Of a Jetson Linux that is newer than the tables, at least the CUDA of the newest row is known."""
    l4t, is_minor = pairing.node.reported.l4t_version, cuda.major == has.major
    so = (
        ", so the image runs at least by minor-version compatibility"
        if is_minor
        else ("; whether it supports a newer one is not known")
    )
    return Reason(
        Grade.MINOR if is_minor else Grade.UNKNOWN,
        ReasonCode.FACT_MISSING,
        f"CUDA {cuda.major}.{cuda.minor}",
        f"L4T {l4t}",
        f"The node's Jetson Linux {l4t} is newer than the tables and has at least CUDA {has.major}.{has.minor}{so}.",
        "Nothing is needed." if is_minor else None,
        SERVER,
        () if is_minor else (advice("report the node's driver_cuda_version, as nvidia-smi -q -x prints it"),),
    )


def _other_jetpack(pairing: Pairing) -> Reason | None:
    """L4T has no minor-version compatibility across its major releases, each of which has one CUDA major version."""
    cuda, driver_cuda = pairing.image.cuda, pairing.node.driver_cuda
    found = f"L4T {pairing.node.reported.l4t_version}" if pairing.node.reported.l4t_version else pairing.node.driver
    other = cuda is not None and driver_cuda is not None and cuda.major != driver_cuda.major
    if (
        cuda is not None
        and driver_cuda is not None
        and cuda.major > driver_cuda.major
        and pairing.node.driver_cuda_is_least
    ):
        return _newer_l4t(pairing, cuda, driver_cuda)
    if cuda is not None and driver_cuda is not None and other and not pairing.image.has_compat:
        return no(
            ReasonCode.TEGRA,
            needed=f"a JetPack with CUDA {cuda.major}",
            found=f"{found}, of CUDA {driver_cuda.major}",
            detail=f"The image is made for a JetPack with CUDA {cuda.major}; the node's JetPack has CUDA "
            f"{driver_cuda.major}. L4T runs images of its own CUDA only.",
            remedies=[
                other_image(
                    f"use an image for a JetPack with CUDA {driver_cuda.major}",
                    **(built_with(driver_cuda) | {"requirements": _FOR_L4T}),
                )
            ],
            source=JETPACK,
        )
    return caveat(
        ReasonCode.TEGRA,
        found=found,
        detail="On L4T an image runs only with the JetPack that it was made for; driver numbers say little there.",
        remedy="Compare the image's L4T release with the node's.",
        source=JETPACK,
    )
