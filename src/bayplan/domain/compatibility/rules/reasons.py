"""Constructors of reasons, and the documents that the rules come from."""

from collections.abc import Hashable, Iterable
from functools import lru_cache

from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode, Remedy
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
    remedies: Iterable[Remedy | None] = (),
    source: str,
) -> Reason:
    """A reason that the image will not run; `remedies` in order of preference, which the judge tries."""
    return Reason(Grade.NO, code, _text(needed), _text(found), detail, remedy, source, _known(remedies))


def unknown(
    what: str,
    *,
    needed: object = None,
    remedy: str | None = None,
    remedies: Iterable[Remedy | None] = (),
    source: str = CATALOGUE,
) -> Reason:
    """The reason that a fact which decides the verdict is missing; `what` is a sentence."""
    return Reason(Grade.UNKNOWN, ReasonCode.FACT_MISSING, _text(needed), None, what, remedy, source, _known(remedies))


def caveat(
    code: ReasonCode,
    *,
    needed: object = None,
    found: object = None,
    detail: str,
    remedy: str | None = None,
    source: str,
) -> Reason:
    """A caveat: a reason that changes no verdict. Its remedy is advice, a sentence that nobody tries."""
    return Reason(Grade.CAVEAT, code, _text(needed), _text(found), detail, remedy, source)


def _known(remedies: Iterable[Remedy | None]) -> tuple[Remedy, ...]:
    return tuple(remedy for remedy in remedies if remedy is not None)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def at_least(version: DriverVersion | ComputeCapability | CudaVersion) -> str:
    """A minimum as `needed` shows it."""
    return f">={version}"


def advice(text: str) -> Remedy:
    """A remedy that changes no known fact, such as to report one; of a reason that says `no` it is the last resort."""
    return Remedy(text)


def change_node(text: str, **facts: Hashable) -> Remedy:
    """A remedy on the node, with the fields of `Node` as they are afterwards."""
    return Remedy(text, node=tuple(facts.items()))


def change_image(text: str, **facts: Hashable) -> Remedy:
    """A remedy on the image or on how its container is started, with the fields of `Image` as they are afterwards."""
    return Remedy(text, image=tuple(facts.items()))


def other_image(text: str, **facts: Hashable) -> Remedy:
    """The remedy to use another image, which has these facts; where the catalogue has one that runs, that is named instead."""
    return Remedy(text, image=tuple(facts.items()), other_image=True)


def upgrade_driver(pairing: Pairing, driver: DriverVersion | None, *, words: str | None = None) -> Remedy | None:
    """The remedy to install that driver; None where no driver of that branch supports the GPU.

    `words` say which drivers, where that is not "550.54.14 or later".
    """
    if driver is None or not pairing.node.may_have(driver):
        return None
    return _upgrade(driver, words or f"{driver} or later")


@lru_cache(maxsize=1024)
def _upgrade(driver: DriverVersion, words: str) -> Remedy:
    return change_node(f"upgrade the driver to {words}", **driver_facts(driver))


def driver_facts(driver: DriverVersion) -> dict[str, Hashable]:
    """The facts of a node after that driver was installed: what was measured with another one is not known any more."""
    return {"driver_version": str(driver), "driver_cuda_version": None, "cdi_driver_version": None}


def rebuilt(pairing: Pairing, *, native: bool = False) -> Remedy | None:
    """The remedy to use an image built with a CUDA release that runs on the node, natively on request; None for none."""
    span = pairing.node.native_cuda_range if native else pairing.node.cuda_range
    if span is None:
        return None
    return _rebuilt(*span)


@lru_cache(maxsize=1024)
def _rebuilt(oldest: CudaVersion, newest: CudaVersion) -> Remedy:
    older = "" if oldest == newest else f" (or as old as {oldest})"
    return other_image(f"use an image built with CUDA {newest}{older}", **built_with(newest))


def built_with(cuda: CudaVersion | None) -> dict[str, Hashable]:
    """The facts of an image that is built anew with that CUDA release; what was read of the old build does not hold for it."""
    return {
        "cuda": None if cuda is None else str(cuda),
        "framework": None,
        "framework_version": None,
        "framework_cuda": None,
        "requirements": None,
        "compat_package": None,
        "compat_activation": None,
        "kernel_architectures": None,
        "compiler_cuda": None,
        "min_driver": None,
    }


def another_cuda(pairing: Pairing, cuda: CudaVersion | None, words: str) -> tuple[Remedy, ...]:
    """The remedies to use an image built with that CUDA release, and with it a driver that runs it, or runs it natively."""
    if cuda is None:
        return ()
    tables, installed = pairing.tables, pairing.node.driver
    drivers = dict.fromkeys((tables.smallest_driver(cuda), tables.min_driver(cuda)))
    newer = tuple(
        driver
        for driver in drivers
        if driver is not None and installed is not None and installed < driver and pairing.node.may_have(driver)
    )
    return _another_cuda(cuda, words, newer)


@lru_cache(maxsize=1024)
def _another_cuda(cuda: CudaVersion, words: str, drivers: tuple[DriverVersion, ...]) -> tuple[Remedy, ...]:
    use = other_image(f"use an image built with CUDA {words}", **built_with(cuda))
    upgrades = (
        Remedy(
            f"upgrade the driver to {driver} or later, and {use.text}",
            tuple(driver_facts(driver).items()),
            use.image,
            other_image=True,
        )
        for driver in drivers
    )
    return use, *upgrades


def other_gpu(
    pairing: Pairing, text: str, capability: ComputeCapability | None = None, gpu_mem_bytes: int | None = None
) -> Remedy:
    """The remedy to use a node with another whole GPU and the same driver; of the data-centre class, where it is NVIDIA's."""
    node, capability = pairing.node, capability or pairing.node.capability
    return change_node(
        text,
        compute_capability=None if capability is None else str(capability),
        hardware_generation=None if capability is not None else node.reported.hardware_generation,
        target=node.targets[0] if node.targets else None,
        gpu_name=None,
        gpu_brand=None if node.targets else "Tesla",
        gpu_mem_bytes=gpu_mem_bytes,
        mig_profile=None,
        vgpu_licensed=None,
    )


def last_driver(pairing: Pairing, driver: DriverVersion) -> str:
    """The sentence that no such driver supports the GPU any more, for a detail; empty where one does."""
    if pairing.node.may_have(driver):
        return ""
    return f" The last driver branch that supports {pairing.node.gpu} is {pairing.node.last_driver_branch}."


def sentence(remedies: Iterable[Remedy | None]) -> str | None:
    """The remedies as a caveat's advice, which is not tried; None without one."""
    text = ", or ".join(remedy.text for remedy in remedies if remedy is not None)
    return f"{text[0].upper()}{text[1:]}." if text else None
