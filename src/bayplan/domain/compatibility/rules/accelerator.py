"""Rules 2 and 14: a node without GPU, an image for another kind of GPU, and AMD's driver and targets."""

import re

from bayplan.domain.compatibility.gfx import grade_on_targets, parse_target
from bayplan.domain.compatibility.image import framework_kernels
from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules.reasons import CATALOGUE, advice, built_with, caveat, no, other_image, unknown
from bayplan.domain.compatibility.tables import AmdgpuDriver
from bayplan.domain.compatibility.tables.machine_rows import RocmVersion
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode

TARGETS = "LLVM, User Guide for AMDGPU Backend, Target ID and Generic processors"
DRIVERS = "AMD, User and AMD GPU Driver (amdgpu) support matrix"
JUDGED = {"cuda": "CUDA", "rocm": "ROCm"}
"""The accelerators that there are rules for, as people write them."""
QUEUE_SIZES = "ROCm/TheRock issue 2991; Linux, drm/amdkfd: Export the cwsr_size and ctl_stack_size to userspace"
_KERNEL = re.compile(r"([0-9]+)\.([0-9]+)(?:\.([0-9]+))?", re.ASCII)
_KERNEL_WITH_SIZES = "6.18.4"
_UBUNTU_OEM = re.compile(r"6\.14\.0-([0-9]+)-oem", re.ASCII)
_OEM_WITH_SIZES = 1018
_YEAR = 365
_FIRST_WITH_A_YEAR: RocmVersion = (6, 4)
_RELEASES_BEFORE = 2


def needs_gpu(pairing: Pairing) -> Reason | None:
    """Rule 2: without a GPU only images that work on the CPU run, and none that needs the driver."""
    image = pairing.image.declared
    if pairing.node.has_gpu or (pairing.image.works_on_cpu and image.needs_driver is not True):
        return None
    what = "needs the GPU's driver" if image.needs_driver else "needs a GPU"
    return no(
        ReasonCode.NEEDS_GPU,
        needed="a GPU with its driver",
        found="none",
        detail=f"The image {what}, and the node has no GPU.",
        remedies=[other_image("use a node with a GPU, or an image that works on the CPU", cpu=True, needs_driver=None)],
        source=CATALOGUE,
    )


def wrong_accelerator(pairing: Pairing) -> Reason | None:
    """Rule 14: the image, and its framework, are for the node's kind of GPU."""
    image, node = pairing.image, pairing.node
    if node.accelerator is None:
        return unknown(
            "The kind of the node's GPU is not known"
            + (f": no table has {node.reported.gpu_name!r}." if node.reported.gpu_name else "."),
            needed=_words(image.accelerator or "cuda"),
            remedies=[advice("report the node's compute_capability, or its target, or its accelerator")],
        )
    if image.accelerator is None:
        return None if node.accelerator == "cuda" else _not_named(pairing)
    if image.accelerator != node.accelerator:
        return _other(pairing, f"The image is for {_words(image.accelerator)}", image.accelerator)
    if image.framework_accelerator not in (None, node.accelerator):
        framework = image.framework_accelerator or ""
        return _other(
            pairing,
            f"The image is for {_words(image.accelerator)}, but its framework was built for {_words(framework)}",
            framework,
        )
    if node.accelerator in JUDGED:
        return None
    return unknown(
        f"Bayplan has no rules for {node.accelerator}, so whether the image runs there is not known.",
        remedies=[advice("try the image on the node")],
    )


def _not_named(pairing: Pairing) -> Reason:
    node = pairing.node
    return Reason(
        Grade.UNKNOWN,
        ReasonCode.WRONG_ACCELERATOR,
        _words(node.accelerator or ""),
        None,
        f"It is not known for which kind of GPU the image is. Most images are for CUDA, and {node.gpu} is for "
        f"{_words(node.accelerator or '')}.",
        None,
        CATALOGUE,
        (advice("enter the image's accelerator"),),
    )


def _other(pairing: Pairing, what: str, needed: str) -> Reason:
    node = pairing.node
    kind = _words(node.accelerator or "")
    runs = node.cuda_range if node.accelerator == "cuda" else None
    facts = built_with(None if runs is None else runs[1]) | {"accelerator": node.accelerator, "rocm_version": None}
    return no(
        ReasonCode.WRONG_ACCELERATOR,
        needed=needed,
        found=node.accelerator,
        detail=f"{what}; {node.gpu} is for {kind}.",
        remedies=[other_image(f"use an image for {kind}, or a node with a GPU for {_words(needed)}", **facts)],
        source=CATALOGUE,
    )


def _words(accelerator: str) -> str:
    return JUDGED.get(accelerator, accelerator)


def amd_target(pairing: Pairing) -> Reason | None:
    """Rule 14: the image has code for the node's target, or for the generic target of LLVM that lists it."""
    node, libraries = pairing.node, pairing.image.amd_code
    if not node.targets:
        name = f" of {node.reported.gpu_name!r}" if node.reported.gpu_name else ""
        return unknown(
            f"The target{name or ' of the GPU'} is not known.",
            remedies=[advice("report the node's target, as rocminfo prints it")],
            source=TARGETS,
        )
    if libraries is None:
        return caveat(
            ReasonCode.ARCH_LIST_UNKNOWN,
            needed=" or ".join(node.targets),
            detail="It is not known for which GPUs the image's framework was built. AMD has no portable form of code, so "
            "the framework runs only on the targets that it was built for.",
            remedy="Scan the image, or enter its kernel_architectures.",
            source=TARGETS,
        )
    weakest, built = Grade.NATIVE, ""
    for library, code in libraries:
        grade = grade_on_targets(code, node.targets, pairing.tables)
        if grade is Grade.NO or (grade is Grade.UNKNOWN and weakest is Grade.NATIVE):
            weakest, built = grade, _listed(library, code)
        if grade is Grade.NO:
            break
    if weakest is Grade.NATIVE:
        return None
    target = " or ".join(node.targets)
    detail = f"{built}, which does not run on {node.gpu}, a {target}"
    if weakest is Grade.UNKNOWN:
        return unknown(
            f"{built}; whether that runs on {node.gpu}, a {target}, is not known.",
            needed=target,
            remedies=[advice("report the node's target with its features, as rocminfo prints it")],
            source=TARGETS,
        )
    return no(
        ReasonCode.GPU_NOT_IN_BUILD,
        needed=f"code for {target}",
        found=built.rpartition(" for ")[2],
        detail=f"{detail}{_override(pairing)}.",
        remedies=[
            other_image(
                f"use an image that was built for {target}", kernel_architectures=framework_kernels(*node.targets)
            )
        ],
        source=TARGETS,
    )


def _listed(library: str, code: tuple[str, ...]) -> str:
    return f"The image's {library or 'framework'} was built for {' '.join(code) or 'no GPU'}"


def _override(pairing: Pairing) -> str:
    """The way by HSA_OVERRIDE_GFX_VERSION, which AMD does not support, where there is code for the same family."""
    families = pairing.tables.machines.gfx
    own = {
        row.family
        for target in pairing.node.targets
        if (parsed := parse_target(target)) is not None and (row := families.get(parsed.processor)) is not None
    }
    for _, code in pairing.image.amd_code or ():
        for text in code:
            parsed = parse_target(text)
            row = None if parsed is None else families.get(parsed.processor)
            if row is not None and row.family in own:
                return (
                    f" ({row.processor} is of the same family, {row.family}: HSA_OVERRIDE_GFX_VERSION may make the image "
                    "run, without AMD's support)"
                )
    return ""


def amd_driver(pairing: Pairing) -> Reason | None:
    """Rule 14: AMD supports the image's ROCm with the node's amdgpu driver."""
    driver, rocm = pairing.node.reported.driver_version, pairing.image.rocm
    if driver is None:
        return _driver_without_version(pairing)
    if rocm is None:
        return caveat(
            ReasonCode.DRIVER_NOT_TESTED,
            found=driver,
            detail="It is not known which ROCm release the image has, nor whether AMD supports it with the node's driver.",
            remedy="Scan the image, or enter its rocm_version.",
            source=DRIVERS,
        )
    rows = pairing.tables.machines.amdgpu(driver)
    if any(_supported(pairing, row, rocm) for row in rows):
        return None
    with_rocm = sorted({row.driver for row in pairing.tables.machines.amdgpu_drivers if rocm in row.tested_rocm})
    known = f"AMD's tables do not list ROCm {_release(rocm)} with the driver {driver}"
    return caveat(
        ReasonCode.DRIVER_NOT_TESTED,
        needed=f"a driver of {', '.join(with_rocm)}" if with_rocm else None,
        found=driver,
        detail=f"{known if rows else f'No table has the driver {driver}'}. A driver and a ROCm release that are too far "
        "apart have failed.",
        remedy="If it fails, use a driver that AMD supports with the image's ROCm.",
        source=DRIVERS,
    )


def _driver_without_version(pairing: Pairing) -> Reason:
    """A driver whose kernel is known comes with that kernel and has no version; where neither is known, nobody looked."""
    rocm, kernel = pairing.image.rocm, pairing.node.reported.kernel_version
    if rocm is not None and kernel is not None and _kernel_refuses(pairing.node.targets, kernel, rocm):
        return no(
            ReasonCode.DRIVER_NOT_TESTED,
            needed="ROCm 7.2 or later",
            found=f"ROCm {_release(rocm)} with Linux {kernel}",
            detail=f"Linux {_KERNEL_WITH_SIZES} and later accept queues of gfx1151 only in their right size. ROCm before 7.2 "
            "(previews: before 7.11) asks for a wrong size, so nothing runs on the GPU.",
            remedies=[other_image("use an image with ROCm 7.2 or later", rocm_version="7.2")],
            source=QUEUE_SIZES,
        )
    needed = None if rocm is None else f"a driver for ROCm {_release(rocm)}"
    if kernel is None:
        return caveat(
            ReasonCode.DRIVER_NOT_TESTED,
            needed=needed,
            detail="The version of the node's amdgpu driver is not known. A driver and a ROCm release that are too far "
            "apart have failed.",
            remedy="Report the node's driver_version from /sys/module/amdgpu/version, or its kernel_version if there is "
            "no such file.",
            source=DRIVERS,
        )
    return Reason(
        Grade.UNKNOWN,
        ReasonCode.DRIVER_NOT_TESTED,
        needed,
        f"the driver of Linux {kernel}",
        f"The node has the amdgpu driver of its kernel, Linux {kernel}. That driver has no version of its own, and AMD "
        "does not say which ROCm releases it runs.",
        None,
        DRIVERS,
        (
            advice("install AMD's amdgpu driver (amdgpu-dkms), and report its version from /sys/module/amdgpu/version"),
            advice("use an image with an older ROCm release, about as old as the node's kernel"),
        ),
    )


def _kernel_refuses(targets: tuple[str, ...], kernel: str, rocm: RocmVersion) -> bool:
    """Whether a kernel has the right sizes of queues for gfx1151, and a ROCm release the wrong ones."""
    if not targets or any(target.partition(":")[0] != "gfx1151" for target in targets):
        return False
    numbers, oem = _KERNEL.match(kernel), _UBUNTU_OEM.match(kernel)
    has_sizes = numbers is not None and tuple(int(number or 0) for number in numbers.groups()) >= (6, 18, 4)
    has_sizes = has_sizes or (oem is not None and int(oem[1]) >= _OEM_WITH_SIZES)
    return has_sizes and (rocm < (7, 2) or (7, 9) <= rocm < (7, 11))


def _supported(pairing: Pairing, row: AmdgpuDriver, rocm: RocmVersion) -> bool:
    """By AMD's own table, else up to a year apart from ROCm 6.4 on, and up to two releases before."""
    if rocm in row.tested_rocm:
        return True
    machines = pairing.tables.machines
    if min(row.rocm, rocm) >= _FIRST_WITH_A_YEAR:
        days = machines.rocm_released(row.rocm), machines.rocm_released(rocm)
        return days[0] is not None and days[1] is not None and abs((days[0] - days[1]).days) <= _YEAR
    apart = machines.rocm_releases_apart(row.rocm, rocm)
    return apart is not None and apart <= _RELEASES_BEFORE


def _release(rocm: RocmVersion) -> str:
    return f"{rocm[0]}.{rocm[1]}"
