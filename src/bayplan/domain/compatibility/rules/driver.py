"""Rule 3 and the driver's half of 11: the driver against the image's CUDA and its own minimum."""

from bayplan.domain.compatibility.gpu_classes import CompatAcceptance
from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules.reasons import (
    COMPATIBILITY,
    RELEASE_NOTES,
    advice,
    at_least,
    caveat,
    last_driver,
    no,
    rebuilt,
    unknown,
    upgrade_driver,
)
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode

ALL_PARTS = "report the node's driver_version with all its parts, as nvidia-smi prints it"


def driver(pairing: Pairing) -> Reason | None:
    """Rule 3: the driver is at least the one that the CUDA release ships with, or a form of compatibility makes up for it."""
    match pairing.by_driver:
        case Grade.NATIVE:
            return None
        case Grade.UNKNOWN:
            return _undecided(pairing)
        case Grade.MINOR if pairing.is_native_unknown:
            return _at_least_minor(pairing)
        case Grade.MINOR:
            return _made_up_for(pairing, f"minor-version compatibility within CUDA {_family(pairing)} covers it")
        case Grade.FORWARD:
            return _made_up_for(pairing, "the image's forward-compatibility package makes up for it on this GPU")
        case _:
            return _too_old(pairing)


def _not_all_parts(pairing: Pairing) -> str:
    """The clause about a driver such as 580, a branch, of which the release is not known."""
    return f"Which release of {pairing.node.driver} the node has is not known"


def _family(pairing: Pairing) -> str:
    return f"{pairing.image.cuda_major}.x"


def _older(pairing: Pairing) -> str:
    """The clause that the driver is older than what the image's CUDA ships with, or than the floor where that is not known."""
    image, installed = pairing.image, pairing.node.driver
    if image.ships_with is not None:
        may_be = installed is not None and installed.at_least(image.ships_with) is None
        is_older = f"{'may be' if may_be else 'is'} older than {image.ships_with}"
        return f"The driver {installed} {is_older}, which CUDA {image.cuda} ships with"
    floor = f"the oldest driver for CUDA {_family(pairing)}" if image.floor is not None else "the first that runs it"
    return f"The image has CUDA {image.cuda_name}, and the driver {installed} is older than {image.smallest_driver}, {floor}"


def _made_up_for(pairing: Pairing, by: str) -> Reason:
    ships_with = pairing.image.ships_with or pairing.image.smallest_driver
    native = upgrade_driver(pairing, ships_with)
    return Reason(
        pairing.by_driver,
        ReasonCode.DRIVER_TOO_OLD,
        None if ships_with is None else at_least(ships_with),
        str(pairing.node.driver),
        f"{_older(pairing)}; {by}.",
        "Nothing is needed." if native is None else None,
        COMPATIBILITY,
        () if native is None else (native,),
    )


def _at_least_minor(pairing: Pairing) -> Reason:
    """The grade `minor` where the tables do not have the release, or the driver has too few parts to be called native."""
    image, installed = pairing.image, pairing.node.driver
    if pairing.driver_may_be_native and image.ships_with is not None:
        return Reason(
            Grade.MINOR,
            ReasonCode.FACT_MISSING,
            at_least(image.ships_with),
            str(installed),
            f"CUDA {image.cuda} ships with the driver {image.ships_with}. {_not_all_parts(pairing)}, so the image runs at least "
            "by minor-version compatibility.",
            f"Nothing is needed; to know whether it is native, {ALL_PARTS}.",
            RELEASE_NOTES,
        )
    covered = (
        f"is at least {image.floor}, the oldest driver for CUDA {_family(pairing)}"
        if image.floor is not None
        else f"supports CUDA {pairing.node.driver_cuda}"
    )
    return Reason(
        Grade.MINOR,
        ReasonCode.FACT_MISSING,
        f"the driver that CUDA {image.cuda_name} ships with",
        str(installed),
        f"No table says which driver CUDA {image.cuda_name} ships with. The driver {installed} {covered}, so the image "
        "runs at least by minor-version compatibility.",
        "Nothing is needed.",
        COMPATIBILITY,
    )


def native_unknown(pairing: Pairing) -> Reason | None:
    """The caveat of rule 3: whether a driver is native for a release that the tables do not have."""
    if not pairing.is_native_unknown or pairing.driver_may_be_native:
        return None
    return caveat(
        ReasonCode.FACT_MISSING,
        found=pairing.node.driver,
        detail=f"It is not known whether the driver {pairing.node.driver} is as new as the one that CUDA "
        f"{pairing.image.cuda_name} ships with.",
        remedy="Enter the image's full CUDA release, or add the release and its driver to the CUDA releases.",
        source=RELEASE_NOTES,
    )


def _too_old(pairing: Pairing) -> Reason:
    smallest, ships_with = pairing.image.smallest_driver, pairing.image.ships_with
    assert smallest is not None, "a driver was compared"
    has_native = ships_with is not None and ships_with != smallest and pairing.node.may_have(ships_with)
    native = f" ({ships_with} or later for native)" if has_native else ""
    return no(
        ReasonCode.DRIVER_TOO_OLD,
        needed=at_least(smallest),
        found=pairing.node.driver,
        detail=f"{_older(pairing)}, and {_why_incompatible(pairing)}.{last_driver(pairing, smallest)}",
        remedies=(
            upgrade_driver(pairing, smallest, words=f"{smallest} or later{native}"),
            upgrade_driver(pairing, ships_with),
            rebuilt(pairing),
            rebuilt(pairing, native=True),
        ),
        source=RELEASE_NOTES,
    )


def _why_incompatible(pairing: Pairing) -> str:
    image, node, order = pairing.image, pairing.node, pairing.compat_order
    below = image.floor is not None and image.ships_with is not None
    start = "which is" if image.floor == image.ships_with else f"older than {image.floor},"
    floor = f"{start} the oldest driver for CUDA {_family(pairing)}; " if below else ""
    if not image.has_compat:
        return f"{floor}the image is not known to carry the forward-compatibility package"
    if pairing.compat_acceptance is CompatAcceptance.REFUSED:
        return (
            f"{floor}forward compatibility needs a data-centre GPU, or one of a brand that the release lists; {node.gpu} "
            "is neither"
        )
    if pairing.compat_dropped_gpu:
        return f"{floor}the image's forward-compatibility package no longer supports {node.gpu}"
    if order is not None and order.first is False:
        return f"{floor}{_not_first(pairing)}"
    return f"{floor}the image's forward-compatibility package does not accept this driver branch"


def _not_first(pairing: Pairing) -> str:
    if pairing.image.declared.compat_activation == "toolkit":
        version = pairing.node.reported.toolkit_version
        return f"the container toolkit{f' {version}' if version else ''} does not put its forward-compatibility libraries first"
    return "the image's forward-compatibility libraries do not come before the driver's"


def _undecided(pairing: Pairing) -> Reason:
    image, node = pairing.image, pairing.node
    if node.reported.driver_version is None:
        return unknown(
            "The node's driver is not known.",
            remedies=[advice("report the node's driver_version as nvidia-smi prints it")],
        )
    if image.cuda_text is None:
        return unknown(
            "It is not known with which CUDA release the image was built.",
            remedies=[advice("enter the image's CUDA version")],
        )
    if image.cuda_major is None:
        text = image.cuda_text
        return unknown(
            f"The image's CUDA {text!r} is not a version.",
            needed="12.4.1",
            remedies=[advice("correct the image's CUDA version")],
        )
    if node.driver is None:
        reported = node.reported.driver_version
        return unknown(
            f"The node's driver {reported!r} is not the version of an NVIDIA driver.",
            remedies=[advice("report the node's driver_version as nvidia-smi prints it")],
        )
    smallest = image.smallest_driver
    if smallest is None:
        return unknown(
            f"No table says which driver CUDA {image.cuda_name} needs.",
            remedies=[advice("add the release to the CUDA releases, or report the node's driver_cuda_version")],
        )
    if pairing.driver_may_be_older:
        return unknown(
            f"{smallest} is the oldest driver for CUDA {image.cuda_name}. {_not_all_parts(pairing)}.",
            needed=at_least(smallest),
            remedies=(advice(ALL_PARTS), upgrade_driver(pairing, smallest)),
            source=RELEASE_NOTES,
        )
    if image.cuda is None and node.driver.at_least(smallest):
        return unknown(
            f"Whether the driver {node.driver} runs CUDA {image.cuda_name} depends on its minor release, which is not known.",
            needed="the full CUDA release, such as 10.2",
            remedies=[advice("enter the image's full CUDA release")],
        )
    if pairing.compat_acceptance is CompatAcceptance.UNKNOWN:
        return unknown(
            f"The driver {node.driver} needs the image's forward-compatibility package, which works on data-centre "
            "GPUs and some workstation GPUs only; whether the node has one is not known.",
            needed=at_least(smallest),
            remedies=(
                advice("report the node's gpu_name and gpu_brand"),
                upgrade_driver(pairing, smallest),
                upgrade_driver(pairing, image.ships_with),
            ),
            source=COMPATIBILITY,
        )
    return unknown(
        f"No table says which drivers the forward-compatibility package of CUDA {image.compat_cuda} accepts.",
        needed=at_least(smallest),
        remedies=(
            advice("enter the CUDA of the image's compat_package"),
            upgrade_driver(pairing, smallest),
            upgrade_driver(pairing, image.ships_with),
        ),
        source=COMPATIBILITY,
    )


def own_driver(pairing: Pairing) -> Reason | None:
    """Rule 11: the driver that the application itself requires."""
    image, installed = pairing.image.own_driver, pairing.node.driver
    if image is None or installed is None or (enough := installed.at_least(image)):
        return None
    if enough is None:
        return unknown(
            f"The image itself needs a driver of {image} or later. {_not_all_parts(pairing)}.",
            needed=at_least(image),
            remedies=(advice(ALL_PARTS), upgrade_driver(pairing, image)),
            source="the image's min_driver",
        )
    return no(
        ReasonCode.BELOW_OWN_MINIMUM,
        needed=at_least(image),
        found=installed,
        detail=f"The image itself needs a driver of {image} or later; the node has {installed}.{last_driver(pairing, image)}",
        remedies=[upgrade_driver(pairing, image), advice("use a newer GPU")],
        source="the image's min_driver",
    )
