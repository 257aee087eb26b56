"""Rule 6: the start conditions that the NVIDIA container runtime checks before a container starts."""

from bayplan.domain.case import Case
from bayplan.domain.requirement import Outcome, Requirement
from bayplan.domain.rules.making import TOOLKIT, no, unknown
from bayplan.domain.verdict import Grade, Reason
from bayplan.domain.versions import CudaVersion, read

UNCHECKED_MODES = frozenset({"cdi", "jit-cdi"})  # jit-cdi is what recent toolkits call their default
SWITCH_OFF = "start the container with NVIDIA_DISABLE_REQUIRE=1"


def start_condition(case: Case) -> Reason | None:
    """Every condition of the image is met by the worker, where its runtime checks them at all."""
    if (case.offered.worker.runtime_mode or "").strip().lower() in UNCHECKED_MODES:
        return None
    requirements, bad_version = case.wanted.conditions
    if bad_version is not None:
        return no(
            "start_condition",
            needed="a CUDA_VERSION such as 12.4.1",
            found=bad_version,
            detail=f"The image's CUDA_VERSION {bad_version!r} is not a version, and the runtime stops at it.",
            remedy="Correct CUDA_VERSION in the image, or start the container with NVIDIA_DISABLE_REQUIRE=1.",
            source=TOOLKIT,
        )
    undecided: Requirement | None = None
    for requirement in requirements:
        outcome = case.offered.meets(requirement)
        if outcome is Outcome.INVALID:
            return no(
                "start_condition",
                needed=requirement.text,
                detail=f"The runtime cannot read the image's condition {_shown(requirement)} and stops with "
                "'requirement error: invalid expression'.",
                remedy=f"Correct it in the image, or {SWITCH_OFF}.",
                source=TOOLKIT,
            )
        if outcome is Outcome.UNMET:
            return _unmet(case, requirement)
        if outcome is Outcome.UNKNOWN:
            undecided = undecided or requirement
    if undecided is None:
        return None
    return unknown(
        f"Whether the worker meets the image's condition {_shown(undecided)} is not known.",
        needed=undecided.text,
        remedy="Report the worker's gpu_brand, gpu_name and compute_capability.",
        source=TOOLKIT,
    )


def _unmet(case: Case, requirement: Requirement) -> Reason:
    driver = _driver_for(case, requirement)
    upgrade = None if driver is None else f"upgrade the driver to {driver} or later"
    runs = case.by_driver in (Grade.NATIVE, Grade.MINOR, Grade.FORWARD) and case.by_kernels is Grade.NATIVE
    remedies = [remedy for remedy in (SWITCH_OFF if runs else None, upgrade) if remedy is not None]
    remedy = ", or ".join(remedies) or "use a worker that meets it"
    why = "; by its driver and its kernels the image would run" if runs else ""
    return no(
        "start_condition",
        needed=requirement.text,
        found=_found(case),
        detail=f"The runtime refuses to start the image: unsatisfied condition: {requirement.first}{why}.",
        remedy=f"{remedy[0].upper()}{remedy[1:]}.",
        source=TOOLKIT,
    )


def _driver_for(case: Case, requirement: Requirement) -> str | None:
    """The driver that would meet the condition by its CUDA alone."""
    for alternative in requirement.alternatives:
        if len(alternative) == 1 and alternative[0].property == "cuda":
            cuda = read(CudaVersion.parse, alternative[0].value)
            driver = None if cuda is None else case.tables.min_driver(cuda)
            if driver is not None and case.offered.driver is not None and driver > case.offered.driver:
                return str(driver)
    return None


def _found(case: Case) -> str:
    offered = case.offered
    known = {"cuda": offered.driver_cuda, "driver": offered.driver, "arch": offered.capability, "brand": offered.brand}
    return ", ".join(f"{name} {value}" for name, value in known.items() if value is not None)


def _shown(requirement: Requirement) -> str:
    return requirement.text if len(requirement.text) <= 60 else f"{requirement.first} ..."
