"""One image on one node: a rule's input.

The grades that several rules need are computed here, once: how the driver runs the image's CUDA, and whether the image
has code for the GPU.
"""

import datetime
from dataclasses import dataclass
from functools import cached_property

from bayplan.domain.compatibility.image_requirements import FrameworkBuild, ImageRequirements
from bayplan.domain.compatibility.kernels import grade_in_build
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import Grade


@dataclass(frozen=True, eq=False)
class Pairing:
    """An image's requirements and a node's capabilities, parsed against the same tables; the day; and grades derived from them."""

    image: ImageRequirements
    node: NodeCapabilities
    today: datetime.date

    @property
    def tables(self) -> Tables:
        """The tables that both were parsed against."""
        return self.image.tables

    @cached_property
    def build(self) -> FrameworkBuild | None:
        """The GPUs that the image's framework was built for; None where unknown."""
        return self.image.build(self.node.platform)

    @cached_property
    def by_driver(self) -> Grade:
        """How the driver runs the image's CUDA: NATIVE, MINOR, FORWARD, UNKNOWN or NO."""
        return _by_driver(self.image, self.node)

    @cached_property
    def by_kernels(self) -> Grade:
        """Whether the image has code for the GPU: NATIVE, JIT, UNKNOWN or NO."""
        return _by_kernels(self.build, self.image, self.node)

    @cached_property
    def runs_by_driver_and_kernels(self) -> bool:
        """Whether the driver runs the image's CUDA and the image has code for the GPU."""
        return runs(self.by_driver, self.by_kernels)

    @cached_property
    def needs_jit_on_older_driver(self) -> bool:
        """Whether a driver older than the one of the image's CUDA would have to compile the image's PTX."""
        return needs_jit_on_older_driver(self.by_driver, self.by_kernels)


def runs(by_driver: Grade, by_kernels: Grade) -> bool:
    """Whether these two grades let an image run."""
    return by_driver in (Grade.NATIVE, Grade.MINOR, Grade.FORWARD) and by_kernels is Grade.NATIVE


def needs_jit_on_older_driver(by_driver: Grade, by_kernels: Grade) -> bool:
    """Whether PTX has to be compiled by a driver that is older than it."""
    return by_kernels is Grade.JIT and by_driver in (Grade.MINOR, Grade.FORWARD)


def _by_driver(image: ImageRequirements, node: NodeCapabilities) -> Grade:
    driver = node.driver
    if image.needs_driver_only and driver is not None:
        return Grade.NATIVE
    if node.is_tegra:  # drivers of L4T have version numbers of their own
        return Grade.NATIVE
    if image.cuda is None or driver is None or image.smallest_driver is None:
        return Grade.UNKNOWN
    if image.ships_with is not None and driver >= image.ships_with:
        return Grade.NATIVE
    if image.floor is not None and driver >= image.floor:
        return Grade.MINOR
    return _by_compat_package(image, node)


def _by_compat_package(image: ImageRequirements, node: NodeCapabilities) -> Grade:
    if not image.has_compat or image.compat_on_loader_path is False or node.data_centre is False:
        return Grade.NO
    if image.cuda is None or image.compat_cuda is None or image.compat_driver is None or node.driver is None:
        return Grade.UNKNOWN
    if image.compat_cuda.major < image.cuda.major or compat_dropped_gpu(image, node):
        return Grade.NO
    accepted = image.tables.compat_accepts(image.compat_cuda)
    if not accepted:
        return Grade.UNKNOWN
    if node.driver.branch not in accepted:
        return Grade.NO
    return Grade.FORWARD if node.data_centre else Grade.UNKNOWN


def compat_dropped_gpu(image: ImageRequirements, node: NodeCapabilities) -> bool:
    """Whether the driver branch of the image's compat package no longer supports the GPU."""
    return image.compat_driver is not None and not node.may_have(image.compat_driver)


def _by_kernels(build: FrameworkBuild | None, image: ImageRequirements, node: NodeCapabilities) -> Grade:
    if image.needs_driver_only:
        return Grade.NATIVE
    if build is None:
        return Grade.UNKNOWN if image.cuda is None else node.by_release(image.cuda)
    grades = {grade_in_build(build.kernels, gpu, image.tables) for gpu in node.capabilities}
    return grades.pop() if len(grades) == 1 else Grade.UNKNOWN
