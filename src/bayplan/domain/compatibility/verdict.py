"""What a judgement consists of: grades, reasons with their codes, verdicts.

Apart from the rules, because the rules make these and `bayplan.domain.compatibility.match` gives them out.
"""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How well an image runs on a worker, best first; `caveat` is no grade of a verdict but of a reason."""

    NATIVE = "native"
    MINOR = "minor"
    FORWARD = "forward"
    CPU = "cpu"
    JIT = "jit"
    UNKNOWN = "unknown"
    NO = "no"
    CAVEAT = "caveat"


ORDER: dict[Grade, int] = {grade: rank for rank, grade in enumerate(Grade) if grade is not Grade.CAVEAT}
"""The verdicts' grades from best to worst, as numbers."""

MATCHED_BY_DEFAULT = frozenset({Grade.NATIVE, Grade.MINOR, Grade.FORWARD, Grade.CPU})

REASON_CODES = {
    "wrong_platform": "The image is not built for the worker's processor.",
    "needs_gpu": "The image wants a GPU, and the worker has none.",
    "driver_too_old": "The worker's driver is older than the one that the image's CUDA release ships with.",
    "generation_too_old": "The worker's GPU is of an older generation than the image asks for.",
    "gpu_newer_than_cuda": "The image's CUDA release is older than the GPU, so it has no kernels for it.",
    "gpu_dropped_by_cuda": "The image's CUDA release no longer supports the GPU.",
    "start_condition": "The container runtime refuses to start the image because of its NVIDIA_REQUIRE_* conditions.",
    "withdrawn": "The image was deleted or withdrawn.",
    "end_of_life": "The image is past its end of life, or will be.",
    "missing_in_registry": "The image was not in its registry at the last look.",
    "fact_missing": "Something that decides the verdict is not known.",
    "ptx_needs_newer_driver": "Kernels would have to be compiled at start or while running, and the driver is too old.",
    "gpu_not_in_build": "The image's framework was not built for the worker's GPU.",
    "compat_on_wrong_gpu": "The image's forward-compatibility libraries come first, and the GPU may not use them.",
    "compat_older_than_driver": "The image's forward-compatibility libraries come first and are older than the driver.",
    "below_own_minimum": "The worker is below a minimum that the image states itself.",
    "fabric_not_ready": "The machine's NVSwitch fabric is not set up.",
    "tegra": "Images for desktop and server GPUs, and for Tegra, do not run on each other's machines.",
    "virtual_gpu": "The GPU is a virtual one, which lacks functions that some images use.",
    "arch_list_unknown": "It is not known for which GPUs the image's framework was built.",
    "no_such_task": "No image has the task that was asked for.",
    "no_such_domain": "No image is of the domain that was asked for.",
    "no_such_framework": "No image has the framework that was asked for.",
}
"""Every reason code and what it says; the last three occur in summaries only."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that counts against an image on a worker, or that should be known; `source` is the rule's document."""

    grade: Grade
    code: str
    needed: str | None
    found: str | None
    detail: str
    remedy: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The grade, and all reasons: the worst first, caveats last, otherwise in the order of the rules."""

    grade: Grade
    reasons: tuple[Reason, ...]
