"""Grades, reasons with their codes, and verdicts.

In a module of their own, because both the rules and `bayplan.domain.compatibility.match` use them.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How well an image runs on a node, best first; `caveat` is no grade of a verdict but of a reason."""

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

SEVERITY: dict[Grade, int] = {grade: -rank for grade, rank in ORDER.items()} | {Grade.CAVEAT: 1}
"""The order in which reasons are shown, by their grade: the worst first, caveats last."""

MATCHED_BY_DEFAULT = frozenset({Grade.NATIVE, Grade.MINOR, Grade.FORWARD, Grade.CPU})


class ReasonCode(StrEnum):
    """Why an image does not run on a node, or what to know about it, in a stable word; the last three occur in summaries only."""

    meaning: str
    """What the code says of an image, in one sentence."""

    def __new__(cls, code: str, meaning: str = "") -> "ReasonCode":
        """Creates the member whose text is `code`."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    WRONG_PLATFORM = "wrong_platform", "The image is not built for the node's processor."
    NEEDS_GPU = "needs_gpu", "The image needs a GPU, and the node has none."
    DRIVER_TOO_OLD = (
        "driver_too_old",
        "The node's driver is older than the one that the image's CUDA release ships with.",
    )
    GENERATION_TOO_OLD = "generation_too_old", "The node's GPU is of an older generation than the image asks for."
    GPU_NEWER_THAN_CUDA = (
        "gpu_newer_than_cuda",
        "The image's CUDA release, or the compiler in it, is older than the GPU, so it has no kernels for it.",
    )
    GPU_DROPPED_BY_CUDA = (
        "gpu_dropped_by_cuda",
        "The image's CUDA release, or the compiler in it, no longer supports the GPU.",
    )
    START_CONDITION = (
        "start_condition",
        "The container runtime refuses to start the image because of its NVIDIA_REQUIRE_* conditions.",
    )
    WITHDRAWN = "withdrawn", "The image was deleted or withdrawn."
    END_OF_LIFE = "end_of_life", "The image is past its end of life, or will be."
    DEPRECATED = "deprecated", "The image is deprecated: it runs as before, and is matched after all others."
    MISSING_IN_REGISTRY = "missing_in_registry", "The image was not in its registry at the last check."
    FACT_MISSING = "fact_missing", "A fact that decides the verdict is not known."
    PTX_NEEDS_NEWER_DRIVER = (
        "ptx_needs_newer_driver",
        "Kernels would have to be compiled at start or while running, and the driver is too old.",
    )
    GPU_NOT_IN_BUILD = "gpu_not_in_build", "The image's framework was not built for the node's GPU."
    COMPAT_ON_WRONG_GPU = (
        "compat_on_wrong_gpu",
        "The image's forward-compatibility libraries come first, and they do not support the GPU.",
    )
    COMPAT_OLDER_THAN_DRIVER = (
        "compat_older_than_driver",
        "The image's forward-compatibility libraries come first and are older than the driver.",
    )
    BELOW_OWN_MINIMUM = "below_own_minimum", "The node is below a minimum that the image states itself."
    FABRIC_NOT_READY = "fabric_not_ready", "The machine's NVSwitch fabric is not set up."
    TEGRA = "tegra", "Images for desktop and server GPUs, and for Tegra, do not run on each other's machines."
    VIRTUAL_GPU = "virtual_gpu", "The GPU is a virtual one, which lacks functions that some images use."
    ARCH_LIST_UNKNOWN = "arch_list_unknown", "It is not known for which GPUs the image's framework was built."
    WRONG_ACCELERATOR = "wrong_accelerator", "The image is for another kind of GPU than the node's."
    DRIVER_NOT_TESTED = "driver_not_tested", "AMD does not support the image's ROCm with the node's driver."
    TOOLKIT_FAULT = "toolkit_fault", "The node's container toolkit has a fault, or was set up for another driver."
    NOT_ENOUGH_MEMORY = "not_enough_memory", "The node has less memory than the image needs."
    WSL = "wsl", "The node runs Windows Subsystem for Linux, which lacks functions that some images use."
    NO_SUCH_TASK = "no_such_task", "No image has the task that was asked for."
    NO_SUCH_DOMAIN = "no_such_domain", "No image is of the domain that was asked for."
    NO_SUCH_FRAMEWORK = "no_such_framework", "No image has the framework that was asked for."


Facts = tuple[tuple[str, Hashable], ...]
"""Fields of `Node` or of `Image` with new values."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change that may make an image run on a node, in words, and the facts that it changes.

    `text` is a phrase in lower case and without a full stop, such as "upgrade the driver to 550.54.14 or later", because
    several are joined to a sentence. `node` and `image` are what the node and the image are afterwards; with neither it is
    advice, which cannot be tried. With `other_image` it asks for another image than this one, of which it tells the facts
    alone; `sibling` is the pk of one in the catalogue that runs.
    """

    text: str
    node: Facts = ()
    image: Facts = ()
    other_image: bool = False
    sibling: int | None = None

    @property
    def is_advice(self) -> bool:
        """Whether it changes no fact that the judge could try."""
        return not self.node and not self.image and self.sibling is None


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that counts against an image on a node, or that people should know; `source` is the rule's document.

    A rule gives `remedies` in order of preference, and no `remedy`: the judge tries each, leaves those in `remedies` that help,
    and makes the sentence `remedy` of them (`bayplan.domain.compatibility.remedies`).
    """

    grade: Grade
    code: ReasonCode
    needed: str | None
    found: str | None
    detail: str
    remedy: str | None
    source: str
    remedies: tuple[Remedy, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The grade, and all reasons: the worst first, caveats last, otherwise in the order of the rules."""

    grade: Grade
    reasons: tuple[Reason, ...]
