"""Constructors of reasons, and the documents that the rules come from."""

from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode
from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion

RELEASE_NOTES = "NVIDIA CUDA Toolkit Release Notes, tables 2 and 3"
COMPATIBILITY = "NVIDIA CUDA Compatibility"
PROGRAMMING_GUIDE = "NVIDIA CUDA C++ Programming Guide, Binary and PTX Compatibility"
MATRIX = "NVIDIA CUDA Toolkit, Driver, and Architecture Matrix"
TOOLKIT = "NVIDIA Container Toolkit"
CATALOGUE = "the catalogue"


def no(
    code: ReasonCode,
    *,
    needed: object = None,
    found: object = None,
    detail: str,
    remedy: str | None = None,
    source: str,
) -> Reason:
    """A reason that the image will not run."""
    return Reason(Grade.NO, code, _text(needed), _text(found), detail, remedy, source)


def unknown(what: str, *, needed: object = None, remedy: str, source: str = CATALOGUE) -> Reason:
    """The reason that a fact which decides the verdict is missing; `what` is a sentence."""
    return Reason(Grade.UNKNOWN, ReasonCode.FACT_MISSING, _text(needed), None, what, remedy, source)


def caveat(
    code: ReasonCode,
    *,
    needed: object = None,
    found: object = None,
    detail: str,
    remedy: str | None = None,
    source: str,
) -> Reason:
    """A caveat: a reason that changes no verdict."""
    return Reason(Grade.CAVEAT, code, _text(needed), _text(found), detail, remedy, source)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def at_least(version: DriverVersion | ComputeCapability | CudaVersion) -> str:
    """A minimum as `needed` shows it."""
    return f">={version}"


def newer_driver(pairing: Pairing, driver: DriverVersion, *, also: str = "", instead: str = "") -> str:
    """The remedy for a driver that is too old: that one, where it still supports the GPU, or what `instead` says."""
    if pairing.node.may_have(driver):
        return f"Upgrade the driver to {driver} or later{also}{instead}."
    other = instead.removeprefix(", or ") or "use a newer GPU"
    last = pairing.node.last_driver_branch
    return f"{other[0].upper()}{other[1:]}; the last driver branch that supports {pairing.node.gpu} is {last}."


def fitting_cuda(pairing: Pairing, *, native: bool = False) -> str:
    """The CUDA releases that run on the node, natively on request, as the end of a remedy's sentence."""
    span = pairing.node.native_cuda_range if native else pairing.node.cuda_range
    if span is None:
        return ""
    releases = str(span[0]) if span[0] == span[1] else f"{span[0]} to {span[1]}"
    return f", or use an image built with CUDA {releases}"
