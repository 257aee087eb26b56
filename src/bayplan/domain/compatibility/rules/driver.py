"""Rules 3, 9, 10 and the driver's half of 11: the driver against the image's CUDA, its PTX and its own minimum."""

from bayplan.domain.compatibility.pairing import Pairing, compat_dropped_gpu
from bayplan.domain.compatibility.rules.reasons import (
    COMPATIBILITY,
    RELEASE_NOTES,
    advice,
    at_least,
    caveat,
    change_image,
    last_driver,
    no,
    rebuilt,
    sentence,
    unknown,
    upgrade_driver,
)
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode, Remedy
from bayplan.domain.versions import DriverVersion

PUT_DRIVER_FIRST = (
    "set LD_LIBRARY_PATH so that the driver's libraries come first, remove the image's compat folder, "
    "or run it with cuda-compat-mode=disabled"
)
DRIVER_FIRST = change_image(f"to use the driver's own libraries, {PUT_DRIVER_FIRST}", compat_activation="never")
REPORT_GPU = advice("report the worker's gpu_name and gpu_brand")


def driver(pairing: Pairing) -> Reason | None:
    """Rule 3: the driver is at least the one that the CUDA release ships with, or a form of compatibility makes up for it."""
    image, grade = pairing.image, pairing.by_driver
    if grade is Grade.NATIVE:
        return None
    if grade is Grade.UNKNOWN:
        return _undecided(pairing)
    ships_with = image.ships_with or image.smallest_driver
    assert ships_with is not None, "a grade was found"
    installed = pairing.node.driver
    older = f"The driver {installed} is older than {ships_with}, which CUDA {image.cuda} ships with"
    native = (upgrade_driver(pairing, ships_with),)
    if grade is Grade.MINOR:
        detail = f"{older}; minor-version compatibility within CUDA {_major(pairing)} covers it."
        return _compatible(grade, ships_with, installed, detail, native)
    if grade is Grade.FORWARD:
        detail = f"{older}; the image's forward-compatibility package, on a data-centre GPU, makes up for it."
        return _compatible(grade, ships_with, installed, detail, native)
    smallest = image.smallest_driver or ships_with
    reachable = smallest != ships_with and pairing.node.may_have(ships_with)
    words = f"{smallest} or later ({ships_with} or later for native)" if reachable else None
    return no(
        ReasonCode.DRIVER_TOO_OLD,
        needed=at_least(smallest),
        found=installed,
        detail=f"{older}, and {_why_incompatible(pairing)}.{last_driver(pairing, smallest)}",
        remedies=[upgrade_driver(pairing, smallest, words=words), *native, rebuilt(pairing)],
        source=RELEASE_NOTES,
    )


def _compatible(
    grade: Grade,
    ships_with: DriverVersion,
    installed: DriverVersion | None,
    detail: str,
    remedies: tuple[Remedy | None, ...],
) -> Reason:
    """The reason that another driver would be native, of an image that runs by a form of compatibility."""
    code, needed, known = ReasonCode.DRIVER_TOO_OLD, at_least(ships_with), tuple(filter(None, remedies))
    return Reason(grade, code, needed, str(installed), detail, None, COMPATIBILITY, known)


def _major(pairing: Pairing) -> str:
    return f"{pairing.image.cuda.major}.x" if pairing.image.cuda is not None else ""


def _why_incompatible(pairing: Pairing) -> str:
    image, node = pairing.image, pairing.node
    floor = "" if image.floor is None else f"older than {image.floor}, the floor of CUDA {_major(pairing)}; "
    if not image.has_compat:
        return f"{floor}the image is not known to carry the forward-compatibility package"
    if image.compat_on_loader_path is False:
        return f"{floor}the image's forward-compatibility libraries are not on the loader path"
    if node.data_centre is False:
        return f"{floor}forward compatibility needs a data-centre GPU, which {node.gpu} is not"
    if compat_dropped_gpu(image, node):
        return f"{floor}the image's forward-compatibility package no longer supports {node.gpu}"
    return f"{floor}the image's forward-compatibility package does not accept this driver branch"


def _undecided(pairing: Pairing) -> Reason:
    image, node = pairing.image, pairing.node
    if node.reported.driver_version is None:
        return unknown("The worker's driver is not known.", remedies=[advice("report it as nvidia-smi prints it")])
    if image.declared.cuda is None:
        return unknown(
            "It is not known with which CUDA release the image was built.", remedies=[advice("enter its CUDA version")]
        )
    if image.cuda is None:
        text = image.declared.cuda
        return unknown(f"The image's CUDA {text!r} is not a version.", needed="12.4.1", remedies=[advice("correct it")])
    if node.driver is None:
        reported = node.reported.driver_version
        return unknown(
            f"The worker's driver {reported!r} is not a version.",
            remedies=[advice("report it as nvidia-smi prints it")],
        )
    if image.smallest_driver is None:
        return unknown(
            f"No table says which driver CUDA {image.cuda} needs.",
            remedies=[advice("add the release to the CUDA releases")],
        )
    smallest, native = image.smallest_driver, (upgrade_driver(pairing, image.ships_with),)
    if node.data_centre is None:
        return unknown(
            f"The driver {node.driver} needs the image's forward-compatibility package, which works on data-centre "
            "GPUs only; whether the worker has one is not known.",
            needed=at_least(smallest),
            remedies=[REPORT_GPU, upgrade_driver(pairing, smallest), *native],
            source=COMPATIBILITY,
        )
    return unknown(
        f"No table says which drivers the forward-compatibility package of CUDA {image.compat_cuda} accepts.",
        needed=at_least(smallest),
        remedies=[upgrade_driver(pairing, smallest), *native],
        source=COMPATIBILITY,
    )


def compat_libraries(pairing: Pairing) -> Reason | None:
    """Rule 9: forward-compatibility libraries that come before the driver's must be newer, on a data-centre GPU."""
    image, node = pairing.image, pairing.node
    on_path, compat, installed = image.compat_on_loader_path, image.compat_driver, node.driver
    if not image.has_compat or on_path is False or compat is None or installed is None or node.is_tegra:
        return None
    same_branch_only = len(compat.parts) == 1 and compat.branch == installed.branch
    if installed > compat and not same_branch_only:
        if on_path is None:
            return None
        return no(
            ReasonCode.COMPAT_OLDER_THAN_DRIVER,
            needed=f"<={compat}",
            found=installed,
            detail=f"The image puts the libraries of driver {compat} before those of the worker's newer driver {installed}; "
            "CUDA then fails with error 803.",
            remedies=[DRIVER_FIRST],
            source=COMPATIBILITY,
        )
    if installed >= compat or same_branch_only:
        return None
    if node.data_centre is True:
        return _loader_path_unknown(pairing) if on_path is None and pairing.by_driver is Grade.FORWARD else None
    if on_path is None:
        return caveat(
            ReasonCode.COMPAT_ON_WRONG_GPU,
            found=installed,
            detail=f"The image carries the forward-compatibility libraries of driver {compat}. Where they come before the "
            "driver's, CUDA fails with error 804 on GPUs that are not of the data-centre class.",
            remedy=f"Where that happens: {PUT_DRIVER_FIRST}.",
            source=COMPATIBILITY,
        )
    if node.data_centre is None:
        return unknown(
            f"The image puts the libraries of driver {compat} first, which fails with error 804 unless the GPU is of the "
            "data-centre class; whether it is, is not known.",
            remedies=[REPORT_GPU, DRIVER_FIRST],
            source=COMPATIBILITY,
        )
    return no(
        ReasonCode.COMPAT_ON_WRONG_GPU,
        needed="a data-centre GPU",
        found=node.reported.gpu_name or node.reported.gpu_brand,
        detail=f"The image puts the forward-compatibility libraries of driver {compat} before those of the worker's {installed}; "
        f"{node.gpu} may not use them, and CUDA fails with error 804.",
        remedies=[DRIVER_FIRST, upgrade_driver(pairing, compat)],
        source=COMPATIBILITY,
    )


def _loader_path_unknown(pairing: Pairing) -> Reason:
    return caveat(
        ReasonCode.FACT_MISSING,
        needed="compat_on_loader_path",
        detail="Forward compatibility needs the image's forward-compatibility libraries to come before the driver's; whether "
        f"they do is not known. The driver {pairing.node.driver} alone is too old (error 35).",
        remedy="Enter the image's compat_on_loader_path; where they do not, put their folder first in LD_LIBRARY_PATH.",
        source=COMPATIBILITY,
    )


def compiles_at_runtime(pairing: Pairing) -> Reason | None:
    """Rule 10: kernels compiled while running are PTX of the image's release, which only its own driver can read."""
    compiles = pairing.image.declared.compiles_at_runtime
    if compiles is False or pairing.by_driver not in (Grade.MINOR, Grade.FORWARD):
        return None
    ships_with = pairing.image.ships_with or pairing.image.smallest_driver
    assert ships_with is not None, "a grade was found"
    about = f"the driver {pairing.node.driver} is older than {ships_with} and cannot read its PTX (error 222)"
    remedies = [upgrade_driver(pairing, ships_with), rebuilt(pairing, native=True)]
    needed, installed = f">={ships_with}", pairing.node.driver
    if compiles is None:
        detail = f"It is not known whether the image compiles kernels while it runs. If it does: {about}."
        return caveat(
            ReasonCode.PTX_NEEDS_NEWER_DRIVER,
            needed=needed,
            found=installed,
            detail=detail,
            remedy=sentence(remedies),
            source=COMPATIBILITY,
        )
    detail = f"The image compiles kernels with CUDA {pairing.image.cuda} while it runs, but {about}."
    return no(
        ReasonCode.PTX_NEEDS_NEWER_DRIVER,
        needed=needed,
        found=installed,
        detail=f"{detail}{last_driver(pairing, ships_with)}",
        remedies=remedies,
        source=COMPATIBILITY,
    )


def own_driver(pairing: Pairing) -> Reason | None:
    """Rule 11: the driver that the application itself requires."""
    image, installed = pairing.image.own_driver, pairing.node.driver
    if image is None or installed is None or installed >= image:
        return None
    return no(
        ReasonCode.BELOW_OWN_MINIMUM,
        needed=at_least(image),
        found=installed,
        detail=f"The image itself needs a driver of {image} or later; the worker has {installed}.{last_driver(pairing, image)}",
        remedies=[upgrade_driver(pairing, image), advice("use a newer GPU")],
        source="the image's min_driver",
    )
