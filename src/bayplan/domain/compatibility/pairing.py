"""One image on one worker: what a rule is given.

The questions that several rules build on are answered here, once: how the driver runs the image's CUDA, and whether
the image has code for the GPU.
"""

import datetime
from typing import NamedTuple

from bayplan.domain.compatibility.image_requirements import FrameworkBuild, ImageRequirements
from bayplan.domain.compatibility.kernels import grade_in_build
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import Grade


class Pairing(NamedTuple):
    """An image's needs, a worker's offer, the tables and the day, and what follows from them."""

    image: ImageRequirements
    node: NodeCapabilities
    tables: Tables
    today: datetime.date
    build: FrameworkBuild | None
    """For which GPUs the image's framework was built, where that is known."""
    by_driver: Grade
    """How the driver runs the image's CUDA: NATIVE, MINOR, FORWARD, UNKNOWN or NO."""
    by_kernels: Grade
    """Whether the image has code for the GPU: NATIVE, JIT, UNKNOWN or NO."""

    @classmethod
    def of(cls, image: ImageRequirements, node: NodeCapabilities, today: datetime.date) -> "Pairing":
        """The case of an image and a worker that were parsed against the same tables."""
        build = image.build(node.platform)
        by_driver = _by_driver(image, node)
        return cls(image, node, image.tables, today, build, by_driver, _by_kernels(build, image, node))


def _by_driver(image: ImageRequirements, node: NodeCapabilities) -> Grade:
    driver = node.driver
    if node.is_tegra:  # the drivers of L4T have numbers of their own
        return Grade.NATIVE
    if image.cuda is None or driver is None or image.smallest_driver is None:
        return Grade.UNKNOWN
    if image.ships_with is not None and driver >= image.ships_with:
        return Grade.NATIVE
    if image.floor is not None and driver >= image.floor:
        return Grade.MINOR
    return _by_compat_package(image, node)


def _by_compat_package(image: ImageRequirements, node: NodeCapabilities) -> Grade:
    if not image.has_compat or image.declared.compat_on_loader_path is False or node.data_centre is False:
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
    if build is None:
        return Grade.UNKNOWN if image.cuda is None else node.by_release(image.cuda)
    grades = {grade_in_build(build.kernels, gpu, image.tables) for gpu in node.capabilities}
    return grades.pop() if len(grades) == 1 else Grade.UNKNOWN
