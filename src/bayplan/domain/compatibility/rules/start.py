"""Rule 6: the start conditions that the NVIDIA container runtime checks before a container starts."""

from collections.abc import Iterator
from itertools import chain

from bayplan.domain.compatibility.container_runtime import (
    AFTER_THE_LAST_READ,
    CDI_MODES,
    JIT_CDI_BY_DEFAULT,
    RuntimeMode,
)
from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules.reasons import (
    TOOLKIT,
    advice,
    caveat,
    change_image,
    change_node,
    no,
    unknown,
    upgrade_driver,
)
from bayplan.domain.compatibility.start_conditions import ConditionOutcome, StartCondition
from bayplan.domain.compatibility.verdict import Reason, ReasonCode, Remedy
from bayplan.domain.versions import CudaVersion, DriverVersion, read

SWITCH_OFF = change_image("start the container with NVIDIA_DISABLE_REQUIRE=1", disable_require=True)
_BY_HOOK = "`--gpus` with Docker before 29.2, which calls the toolkit's hook"
_USE_CDI = "give the container its GPU by CDI (--device nvidia.com/gpu=all, or the nvidia runtime in mode jit-cdi)"


def start_condition(pairing: Pairing) -> Reason | None:
    """Rule 6: the node meets every condition of the image, where its runtime checks them."""
    refused = _refused(pairing)
    if refused is None or not _is_unchecked(pairing):
        return refused
    return _would_refuse_otherwise(pairing, refused)


def _is_unchecked(pairing: Pairing) -> bool:
    """Whether no mode that the node may have checks conditions."""
    modes = pairing.node.runtime_modes
    return bool(modes) and all(mode in CDI_MODES for mode in modes)


def _would_refuse_otherwise(pairing: Pairing, refused: Reason) -> Reason | None:
    """The caveat where the node's mode does not check a condition that it does not meet, and another start does."""
    toolkit, is_auto = pairing.node.toolkit, (pairing.node.reported.runtime_mode or "").strip().lower() == "auto"
    if toolkit is not None and toolkit >= AFTER_THE_LAST_READ:
        what = f"Up to toolkit 1.20 this mode checks no start conditions; whether {toolkit[0]}.{toolkit[1]} does is not known"
    elif is_auto:
        what = f"The nvidia runtime checks no start conditions in this mode, but {_BY_HOOK}, checks them and refuses"
    else:
        return None
    return caveat(
        ReasonCode.START_CONDITION,
        needed=refused.needed,
        found=refused.found,
        detail=f"{what}. {refused.detail}",
        remedy=f"If the start is refused, {_USE_CDI}.",
        source=TOOLKIT,
    )


def _refused(pairing: Pairing) -> Reason | None:
    conditions, bad_version = pairing.image.conditions
    if bad_version is not None:
        return no(
            ReasonCode.START_CONDITION,
            needed="a CUDA_VERSION such as 12.4.1",
            found=bad_version,
            detail=f"The image's CUDA_VERSION {bad_version!r} is not a version, so the runtime refuses to start the "
            f"image{_which_start(pairing)}.",
            remedies=(
                *_unchecked_starts(pairing),
                _corrected(pairing, "correct CUDA_VERSION in the image", bad_version),
            ),
            source=TOOLKIT,
        )
    undecided: StartCondition | None = None
    for condition in conditions:
        outcome = pairing.node.meets(condition)
        if outcome is ConditionOutcome.INVALID:
            return no(
                ReasonCode.START_CONDITION,
                needed=condition.text,
                detail=f"The runtime cannot read the image's condition {_shown(condition)} and stops with "
                f"'requirement error: invalid expression'{_which_start(pairing)}.",
                remedies=(
                    *_unchecked_starts(pairing),
                    _corrected(pairing, "correct the condition in the image", condition.text),
                ),
                source=TOOLKIT,
            )
        if outcome is ConditionOutcome.UNMET:
            return _unmet(pairing, condition)
        if outcome is ConditionOutcome.UNKNOWN:
            undecided = undecided or condition
    return None if undecided is None else _undecided(pairing, undecided)


def _undecided(pairing: Pairing, condition: StartCondition) -> Reason:
    node = pairing.node
    if node.is_tegra and node.start_cuda is None:
        missing = "the node's driver_cuda_version or l4t_version"
    elif node.start_cuda is None and any(
        each.property == "cuda" for each in chain.from_iterable(condition.alternatives)
    ):
        missing = "the node's driver_version as nvidia-smi prints it"
    elif _driver_lacks_parts(pairing, condition):
        missing = "the node's driver_version with all its parts, as nvidia-smi prints it"
    elif node.driver_cuda_is_least:
        missing = "the node's driver_cuda_version, as nvidia-smi -q -x prints it"
    else:
        missing = "the node's gpu_brand, gpu_name and compute_capability"
    has = f"Jetson Linux {node.reported.l4t_version} is" if node.is_tegra else f"driver {node.driver} is of a branch"
    newer = (
        f" Its {has} newer than the tables, and supports at least CUDA {node.start_cuda}."
        if node.driver_cuda_is_least
        else ""
    )
    return unknown(
        f"Whether the node meets the image's condition {_shown(condition)} is not known.{newer}",
        needed=condition.text,
        remedies=(advice(f"report {missing}"),),
        source=TOOLKIT,
    )


def _driver_lacks_parts(pairing: Pairing, condition: StartCondition) -> bool:
    """Whether the condition names a driver which the node's may be, as far as its parts say."""
    driver = pairing.node.driver
    if driver is None or driver.is_release or pairing.node.is_tegra:
        return False
    compared = [each.value for each in chain.from_iterable(condition.alternatives) if each.property == "driver"]
    return any(named is not None and driver.may_be(named) for named in (read(DriverVersion.parse, v) for v in compared))


def _which_start(pairing: Pairing) -> str:
    """Which starts refuse, where only the toolkit's version is known: the end of a sentence."""
    toolkit, modes = pairing.node.toolkit, pairing.node.runtime_modes
    if RuntimeMode.LEGACY in modes and RuntimeMode.JIT_CDI in modes:
        return "; with toolkit 1.18 or later, only when it is started with " + _BY_HOOK
    if modes or toolkit is None or toolkit < JIT_CDI_BY_DEFAULT:
        return ""
    return (
        f"; with this toolkit, {_BY_HOOK}, and the runtime in mode legacy check it, and CDI and the default mode, "
        "jit-cdi, do not"
    )


def _unchecked_starts(pairing: Pairing) -> tuple[Remedy, ...]:
    """The starts that check no condition: by CDI where the toolkit can, and with the check switched off."""
    toolkit, node = pairing.node.toolkit, pairing.node
    can_use_cdi = toolkit is not None and toolkit >= JIT_CDI_BY_DEFAULT and not node.checks_conditions_as_csv
    by_cdi = (change_node(_USE_CDI, runtime_mode="jit-cdi"),) if can_use_cdi else ()
    return (*by_cdi, SWITCH_OFF)


def _corrected(pairing: Pairing, text: str, value: str) -> Remedy:
    """The remedy to build the image without that value."""
    variables = pairing.image.declared.requirements or ()
    return change_image(text, requirements=tuple(variable for variable in variables if variable[1] != value))


def _unmet(pairing: Pairing, condition: StartCondition) -> Reason:
    runs = "; the node's driver and GPU would run the image" if pairing.runs_by_driver_and_kernels else ""
    return no(
        ReasonCode.START_CONDITION,
        needed=condition.text,
        found=_node_properties(pairing),
        detail=f"The runtime refuses to start the image: unsatisfied condition: {condition.first}{_which_start(pairing)}{runs}.",
        remedies=(
            *_unchecked_starts(pairing),
            _driver_for(pairing, condition),
            advice("use a node that meets the condition"),
        ),
        source=TOOLKIT,
    )


def _driver_for(pairing: Pairing, condition: StartCondition) -> Remedy | None:
    """The remedy to install the smallest newer driver that meets the condition and runs the image's CUDA."""
    installed, runs = pairing.node.driver, pairing.image.smallest_driver
    named = set(_drivers_named(pairing, condition)) | ({runs} if runs is not None else set())
    for driver in sorted(named):
        if installed is None or driver <= installed or (runs is not None and driver < runs):
            continue
        if pairing.node.may_have(driver) and pairing.node.would_meet(condition, driver):
            next_branch = DriverVersion.parse(str(driver.branch + 1))
            if pairing.node.would_meet(condition, next_branch):
                return upgrade_driver(pairing, driver)
            release = f"{driver} or later of branch {driver.branch}"
            return upgrade_driver(
                pairing, driver, words=release if len(driver.parts) > 1 else f"branch {driver.branch}"
            )
    return None


def _drivers_named(pairing: Pairing, condition: StartCondition) -> Iterator[DriverVersion]:
    for comparison in chain.from_iterable(condition.alternatives):
        if comparison.property == "driver":
            driver = read(DriverVersion.parse, comparison.value)
        else:
            cuda = read(CudaVersion.parse, comparison.value) if comparison.property == "cuda" else None
            driver = None if cuda is None else pairing.tables.first_driver(cuda)
        if driver is not None:
            yield driver


def _node_properties(pairing: Pairing) -> str:
    node = pairing.node
    properties: dict[str, object] = {"cuda": node.start_cuda, "arch": node.capability}
    if not node.checks_conditions_as_csv:  # csv mode has no other properties
        properties = {"cuda": node.start_cuda, "driver": node.driver, "arch": node.capability, "brand": node.brand}
    return ", ".join(f"{name} {value}" for name, value in properties.items() if value is not None)


def _shown(condition: StartCondition) -> str:
    return condition.text if len(condition.text) <= 60 else f"{condition.first} ..."
