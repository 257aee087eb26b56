"""Rule 6: the start conditions that the NVIDIA container runtime checks before a container starts."""

from collections.abc import Iterator
from itertools import chain

from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules.reasons import TOOLKIT, advice, change_image, no, unknown, upgrade_driver
from bayplan.domain.compatibility.start_conditions import ConditionOutcome, StartCondition
from bayplan.domain.compatibility.verdict import Reason, ReasonCode, Remedy
from bayplan.domain.versions import CudaVersion, DriverVersion, read

UNCHECKED_MODES = frozenset({"cdi", "jit-cdi"})  # jit-cdi is what recent toolkits call their default
SWITCH_OFF = change_image("start the container with NVIDIA_DISABLE_REQUIRE=1", disable_require=True)


def start_condition(pairing: Pairing) -> Reason | None:
    """Rule 6: the node meets every condition of the image, where its runtime checks them."""
    if (pairing.node.reported.runtime_mode or "").strip().lower() in UNCHECKED_MODES:
        return None
    conditions, bad_version = pairing.image.conditions
    if bad_version is not None:
        return no(
            ReasonCode.START_CONDITION,
            needed="a CUDA_VERSION such as 12.4.1",
            found=bad_version,
            detail=f"The image's CUDA_VERSION {bad_version!r} is not a version, and the runtime stops at it.",
            remedies=[_corrected(pairing, "correct CUDA_VERSION in the image", bad_version), SWITCH_OFF],
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
                "'requirement error: invalid expression'.",
                remedies=[_corrected(pairing, "correct it in the image", condition.text), SWITCH_OFF],
                source=TOOLKIT,
            )
        if outcome is ConditionOutcome.UNMET:
            return _unmet(pairing, condition)
        if outcome is ConditionOutcome.UNKNOWN:
            undecided = undecided or condition
    if undecided is None:
        return None
    return unknown(
        f"Whether the worker meets the image's condition {_shown(undecided)} is not known.",
        needed=undecided.text,
        remedies=[advice("report the worker's gpu_brand, gpu_name and compute_capability")],
        source=TOOLKIT,
    )


def _corrected(pairing: Pairing, text: str, value: str) -> Remedy:
    """The remedy to build the image without that value."""
    variables = pairing.image.declared.requirements or ()
    return change_image(text, requirements=tuple(variable for variable in variables if variable[1] != value))


def _unmet(pairing: Pairing, condition: StartCondition) -> Reason:
    runs = pairing.runs_by_driver_and_kernels
    why = "; by its driver and its kernels the image would run" if runs else ""
    return no(
        ReasonCode.START_CONDITION,
        needed=condition.text,
        found=_node_properties(pairing),
        detail=f"The runtime refuses to start the image: unsatisfied condition: {condition.first}{why}.",
        remedies=[SWITCH_OFF, _driver_for(pairing, condition), advice("use a worker that meets it")],
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
                words = f"{driver} or later"
            elif len(driver.parts) > 1:
                words = f"{driver} or later of branch {driver.branch}"
            else:
                words = f"branch {driver.branch}"
            return upgrade_driver(pairing, driver, words=words)
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
    properties = {"cuda": node.driver_cuda, "driver": node.driver, "arch": node.capability, "brand": node.brand}
    return ", ".join(f"{name} {value}" for name, value in properties.items() if value is not None)


def _shown(condition: StartCondition) -> str:
    return condition.text if len(condition.text) <= 60 else f"{condition.first} ..."
