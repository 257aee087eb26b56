"""Rule 9: forward-compatibility libraries that come before the driver's, on GPUs and drivers that do not take them."""

from bayplan.domain.compatibility.compat_order import Age
from bayplan.domain.compatibility.gpu_classes import CompatAcceptance
from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules.reasons import (
    COMPATIBILITY,
    TOOLKIT,
    advice,
    caveat,
    change_image,
    no,
    unknown,
    upgrade_driver,
)
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode

PUT_DRIVER_FIRST = (
    "put the driver's own libraries first (set LD_LIBRARY_PATH to their folder, remove the image's compat folder, or run it "
    "with cuda-compat-mode=disabled)"
)
DRIVER_FIRST = change_image(PUT_DRIVER_FIRST, compat_activation="never")


def compat_libraries(pairing: Pairing) -> Reason | None:
    """Rule 9: forward-compatibility libraries that come first must be newer than the driver, and take the GPU."""
    order = pairing.compat_order
    if order is None or order.first is False:
        return None
    if order.age is Age.SAME:
        return _may_be_older_than_driver(pairing) if order.first else None
    if order.age is Age.OLDER:
        return _older_than_driver(pairing)
    if pairing.compat_dropped_gpu:
        return _on_wrong_gpu(pairing, f"no longer supports {pairing.node.gpu}", "a GPU that their branch supports")
    match pairing.compat_acceptance:
        case CompatAcceptance.REFUSED:
            return _on_wrong_gpu(pairing, f"does not support {pairing.node.gpu}", "a data-centre GPU")
        case CompatAcceptance.UNKNOWN if order.first:
            return _on_unknown_gpu(pairing)
        case CompatAcceptance.UNKNOWN:
            return _may_be_on_wrong_gpu(pairing)
        case _:
            return None


def _older_than_driver(pairing: Pairing) -> Reason | None:
    compat, installed, order = pairing.image.compat_driver, pairing.node.driver, pairing.compat_order
    assert order is not None, "there are libraries"
    if order.first:
        return no(
            ReasonCode.COMPAT_OLDER_THAN_DRIVER,
            needed=f"<={compat}",
            found=installed,
            detail=f"The libraries of driver {compat} in the image come before those of the node's newer driver {installed}; "
            "CUDA then fails with error 803.",
            remedies=(DRIVER_FIRST,),
            source=COMPATIBILITY,
        )
    if not order.why_unknown:
        return None
    return caveat(
        ReasonCode.COMPAT_OLDER_THAN_DRIVER,
        needed=f"<={compat}",
        found=installed,
        detail=f"The image carries libraries of driver {compat}, older than the node's {installed}. If they come first, "
        f"CUDA fails with error 803; {order.why_unknown}.",
        remedy=f"If that happens, {PUT_DRIVER_FIRST}.",
        source=TOOLKIT,
    )


def _may_be_older_than_driver(pairing: Pairing) -> Reason | None:
    """The caveat for a package of the driver's own branch, where no more is known of the package or of the driver."""
    compat, installed = pairing.image.compat_driver, pairing.node.driver
    if compat is None or installed is None or compat == installed:
        return None
    return caveat(
        ReasonCode.COMPAT_OLDER_THAN_DRIVER,
        needed=f"<={compat}",
        found=installed,
        detail=f"The image puts the libraries of driver {compat} first. If they are older than the node's driver "
        f"{installed}, CUDA fails with error 803.",
        remedy=f"If that happens, {PUT_DRIVER_FIRST}.",
        source=COMPATIBILITY,
    )


def _on_wrong_gpu(pairing: Pairing, why: str, needed: str) -> Reason:
    compat, node, order = pairing.image.compat_driver, pairing.node, pairing.compat_order
    assert order is not None, "there are libraries"
    if not order.first:
        return _may_be_on_wrong_gpu(pairing)
    return no(
        ReasonCode.COMPAT_ON_WRONG_GPU,
        needed=needed,
        found=node.reported.gpu_name or node.reported.gpu_brand or node.capability,
        detail=f"The forward-compatibility libraries of driver {compat} in the image come before those of the node's "
        f"driver {node.driver}. That release {why}: CUDA fails with error 804.",
        remedies=(DRIVER_FIRST, upgrade_driver(pairing, compat)),
        source=COMPATIBILITY,
    )


def _may_be_on_wrong_gpu(pairing: Pairing) -> Reason:
    compat, order = pairing.image.compat_driver, pairing.compat_order
    why = f"; {order.why_unknown}" if order is not None and order.why_unknown else ""
    return caveat(
        ReasonCode.COMPAT_ON_WRONG_GPU,
        found=pairing.node.driver,
        detail=f"The image carries the forward-compatibility libraries of driver {compat}. If they come before the driver's, "
        f"CUDA fails with error 804 on GPUs that they do not support{why}.",
        remedy=f"If that happens, {PUT_DRIVER_FIRST}.",
        source=COMPATIBILITY,
    )


def _on_unknown_gpu(pairing: Pairing) -> Reason:
    compat = pairing.image.compat_driver
    return unknown(
        f"The forward-compatibility libraries of driver {compat} in the image come first. CUDA then fails with error 804, "
        "unless the GPU is a data-centre GPU or of a brand that the release lists. Whether it is, is not known.",
        remedies=(
            advice("report the node's gpu_name and gpu_brand"),
            DRIVER_FIRST,
            upgrade_driver(pairing, compat),
        ),
        source=COMPATIBILITY,
    )


def _comes_first_or_may(pairing: Pairing) -> bool:
    """Whether newer libraries come first, or have to: under `forward` nothing runs without them."""
    order = pairing.compat_order
    if order is None or order.age is not Age.NEWER or pairing.by_driver in (Grade.NO, Grade.UNKNOWN):
        return False
    return order.first is True or (pairing.by_driver is Grade.FORWARD and order.first is None)


def compat_activation(pairing: Pairing) -> Reason | None:
    """The caveat of rule 9 under `forward`: the libraries have to come first, and whether they do is not certain."""
    order = pairing.compat_order
    if order is None or pairing.by_driver is not Grade.FORWARD:
        return None
    if pairing.image.declared.compat_activation == "entrypoint":
        return caveat(
            ReasonCode.FACT_MISSING,
            needed="the image's entry point",
            detail="The image's entry point sets up forward compatibility, or a shell that reads BASH_ENV or ENV does. A "
            f"container that runs neither uses the driver {pairing.node.driver} alone, which {_is_too_old(pairing)}.",
            remedy="Start the container with the image's own entry point.",
            source="NVIDIA NGC containers, _CUDA_COMPAT_PATH and /etc/shinit_v2",
        )
    if order.first is not None:
        return None
    return caveat(
        ReasonCode.FACT_MISSING,
        needed="compat_activation",
        detail="Forward compatibility needs the image's forward-compatibility libraries to come before the driver's; "
        f"{order.why_unknown or 'whether they do is not known'}. The driver {pairing.node.driver} alone "
        f"{_is_too_old(pairing)}.",
        remedy="Enter the image's compat_activation. If they do not come first, put their folder first in LD_LIBRARY_PATH.",
        source=COMPATIBILITY,
    )


def _is_too_old(pairing: Pairing) -> str:
    return f"{'may be' if pairing.driver_may_be_older else 'is'} too old (error 35)"


def compat_by_brand(pairing: Pairing) -> Reason | None:
    """The caveat of rule 9 on a GPU that the release accepts by its brand alone."""
    if pairing.compat_acceptance is not CompatAcceptance.BY_BRAND or not _comes_first_or_may(pairing):
        return None
    return caveat(
        ReasonCode.COMPAT_ON_WRONG_GPU,
        found=pairing.node.reported.gpu_name or pairing.node.reported.gpu_brand,
        detail="The start condition of the release lists the GPU's brand, but NVIDIA supports forward compatibility on few "
        "workstation GPUs only ('NGC Server Ready' products). On others CUDA fails with error 804.",
        remedy=f"If that happens, upgrade the driver to {pairing.image.compat_driver} or later.",
        source=COMPATIBILITY,
    )


def compat_branch(pairing: Pairing) -> Reason | None:
    """The caveat of rule 9 under `minor`: libraries that come first, of a package that does not list the driver's branch."""
    image, node = pairing.image, pairing.node
    if pairing.by_driver is not Grade.MINOR or image.compat_cuda is None or node.driver is None:
        return None
    accepted = pairing.tables.compat_accepts(image.compat_cuda)
    if not accepted or node.driver.branch in accepted or not _comes_first_or_may(pairing):
        return None
    return caveat(
        ReasonCode.FACT_MISSING,
        needed=", ".join(map(str, sorted(accepted))),
        found=node.driver,
        detail=f"The forward-compatibility libraries of CUDA {image.compat_cuda} come first and are made for the driver "
        f"branches {', '.join(map(str, sorted(accepted)))}. Whether they work with the driver {node.driver} is not "
        "known.",
        remedy=f"If they do not, {PUT_DRIVER_FIRST}.",
        source=COMPATIBILITY,
    )
