"""A rule with the facts that it reads, and all rules together.

A rule declares the facts that it reads. The index judges images that are equal in a rule's facts together, and nodes that
are equal in all rules' facts are one kind; so a rule must not read facts that it does not declare.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from operator import attrgetter
from typing import Any

from bayplan.domain.compatibility.derived_facts import image_fields
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.verdict import Grade, Reason

Check = Callable[[Pairing], Reason | None]

DRIVER = ("cuda_text", "compat", "needs_driver_only")
"""The image's facts that decide how a driver runs its CUDA (`Pairing.by_driver`), and whether its compat libraries come first."""
KERNELS = ("cuda_text", "builds", "needs_driver_only")
"""The image's facts that decide whether it has code for a GPU (`Pairing.by_kernels`)."""
CAPABILITY = ("compute_capability", "hardware_generation", "architecture", "gpu_name")
"""The node's facts that decide the capability of its GPU."""
GPU = (*CAPABILITY, "gpu_brand")
"""The node's facts about its GPU."""
NODE_DRIVER = (
    "driver_version",
    "driver_cuda_version",
    "l4t_version",
    *GPU,
    "toolkit_version",
    "runtime_mode",
    "wsl",
)
"""The node's facts that decide how it runs an image's CUDA, and whether an image's compat libraries come first."""

MEMORY = ("gpu_mem_bytes", "mig_profile", "gpu_name")
"""The node's facts that decide the memory of its GPU."""
ACCELERATOR = ("driver_version", "compute_capability", "gpu_name", "gpu_brand", "target", "accelerator")
"""The node's facts that decide whether it has a GPU, and of which kind."""

READ_WITHOUT_DRIVER = ("kernel_version",)
"""The node's facts that rules read only where its driver has no version."""

JUDGE_READS_OF_IMAGE = ("falls_back_to_cpu", "uses_gpu", "accelerator")
JUDGE_READS_OF_NODE = ("driver_version", "architecture", *ACCELERATOR)
"""The facts that decide which rules apply: whether image and node use a GPU, and the image's own architecture."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, and the facts of the image and of the node that it reads.

    `image` has fields of `Image` and names of `DERIVED_FACTS`, `node` fields of `Node`. A rule that reads `by_driver` or
    `by_kernels` declares DRIVER or KERNELS. A rule that reads only a combination of both grades declares that function as
    `by_grades` instead, so that the index need not tell apart the images of every driver and every build.
    """

    check: Check
    image: tuple[str, ...] = ()
    node: tuple[str, ...] = ()
    by_grades: Callable[[Grade, Grade], bool] | None = None
    accelerator: str | None = "cuda"
    """Of a rule for GPUs: the kind of GPU that it is for; None for every kind, and for images of every kind."""

    def judges(self, image: str | None, node: str | None) -> bool:
        """Whether it is for an image and a node of these accelerators; an image that names none is taken for CUDA."""
        return self.accelerator is None or self.accelerator == node == (image or "cuda")

    @property
    def image_fields(self) -> frozenset[str]:
        """The fields of `Image` that may change its result."""
        return image_fields((*self.image, *(() if self.by_grades is None else (*DRIVER, *KERNELS))))

    @property
    def node_fields(self) -> frozenset[str]:
        """The fields of `Node` that may change its result."""
        return frozenset((*self.node, *(() if self.by_grades is None else NODE_DRIVER)))


def _nothing(_node: Node) -> Hashable:
    return None


@dataclass(frozen=True)
class RuleSet:
    """The rules that hold with and without a GPU, and those for an image that uses the GPU of its node."""

    general: tuple[Rule, ...]
    gpu: tuple[Rule, ...]

    @cached_property
    def all(self) -> tuple[Rule, ...]:
        """Every rule, in the order in which reasons of equal grade come."""
        return self.general + self.gpu

    def reading(self, of_node: frozenset[str], of_image: frozenset[str]) -> frozenset[int]:
        """The numbers, in `all`, of the rules that read any of these fields of `Node` or of `Image`."""
        numbers = self._reading.get((of_node, of_image))
        if numbers is None:
            numbers = self._reading[of_node, of_image] = frozenset(
                number
                for number, rule in enumerate(self.all)
                if rule.node_fields & of_node or rule.image_fields & of_image
            )
        return numbers

    @cached_property
    def _reading(self) -> dict[tuple[frozenset[str], frozenset[str]], frozenset[int]]:
        return {}

    def facts_read(self, number: int, node: Node) -> Hashable:
        """What the rule of that number, in `all`, reads of a node: nodes that are equal in it have the same reasons by it."""
        return self._facts_read[number](node)

    @cached_property
    def _facts_read(self) -> tuple[Callable[[Node], Hashable], ...]:
        return tuple(attrgetter(*sorted(rule.node_fields)) if rule.node_fields else _nothing for rule in self.all)

    def judging(self, image: str | None, node: str | None) -> tuple[Rule, ...]:
        """The rules for an image that uses the GPU of its node, of these accelerators; those about the GPU first."""
        rules = self._judging.get((image, node))
        if rules is None:
            of_gpu = (rule for rule in self.gpu if rule.judges(image, node))
            rules = self._judging[image, node] = (*of_gpu, *self.general)
        return rules

    @cached_property
    def _judging(self) -> dict[tuple[str | None, str | None], tuple[Rule, ...]]:
        return {}

    def kind(self, node: Node) -> Node:
        """The node without the facts that no rule reads: nodes of one kind have the same verdicts."""
        return replace(node, **(self._unread if node.driver_version is None else self._unread_with_driver))

    @cached_property
    def _unread_with_driver(self) -> dict[str, Any]:
        return self._unread | dict.fromkeys(READ_WITHOUT_DRIVER)

    @cached_property
    def _unread(self) -> dict[str, Any]:
        read = frozenset(JUDGE_READS_OF_NODE).union(*(rule.node_fields for rule in self.all))
        return {field.name: field.default for field in fields(Node) if field.name not in read}
