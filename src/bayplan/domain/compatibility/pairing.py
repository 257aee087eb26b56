"""One image on one node: a rule's input.

The grades that several rules need are computed here, once: how the driver runs the image's CUDA, and whether the image
has code for the GPU.
"""

import datetime
from dataclasses import dataclass

from bayplan.domain.compatibility.compat_order import Age, CompatOrder, compat_order
from bayplan.domain.compatibility.gpu_classes import CompatAcceptance
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.kernels import grade_in_build
from bayplan.domain.compatibility.library_build import Builds, LibraryBuild
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import ORDER, Grade
from bayplan.domain.once import once
from bayplan.domain.versions import ComputeCapability

_COVERED = {True: Grade.MINOR, False: Grade.NO, None: Grade.UNKNOWN}
"""The grade where the driver is at least the floor, where it is not, and where that is not known."""


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

    @once
    def builds(self) -> Builds:
        """The GPUs that the image's libraries were built for; empty where unknown."""
        return self.image.builds(self.node.platform)

    @once
    def compat_order(self) -> CompatOrder | None:
        """Whether its forward-compatibility libraries come before the driver's; None where it has none."""
        return compat_order(self.image, self.node)

    @once
    def compat_acceptance(self) -> CompatAcceptance:
        """Whether those libraries accept the GPU."""
        return self.node.accepted_by_compat(self.image.compat_cuda)

    @once
    def compat_dropped_gpu(self) -> bool:
        """Whether the driver branch of those libraries no longer supports the GPU."""
        return self.image.compat_driver is not None and not self.node.may_have(self.image.compat_driver)

    @once
    def by_driver(self) -> Grade:
        """How the driver runs the image's CUDA: NATIVE, MINOR, FORWARD, UNKNOWN or NO."""
        grade = _by_driver_alone(self.image, self.node)
        if grade is Grade.NO:
            return _by_compat_package(self)
        if grade is Grade.UNKNOWN and self.driver_may_be_older and _by_compat_package(self) is Grade.FORWARD:
            return Grade.FORWARD
        return grade

    @once
    def driver_may_be_older(self) -> bool:
        """Whether the driver has too few parts to say whether it runs the image's CUDA by itself."""
        driver, smallest = self.node.driver, self.image.smallest_driver
        return driver is not None and smallest is not None and driver.at_least(smallest) is None

    @once
    def is_native_unknown(self) -> bool:
        """Whether the driver runs the image's CUDA at least by minor-version compatibility, and perhaps natively."""
        image, driver = self.image, self.node.driver
        if self.by_driver is not Grade.MINOR or driver is None:
            return False
        return image.ships_with is None or driver.at_least(image.ships_with) is not False

    @once
    def driver_may_be_native(self) -> bool:
        """Whether it runs at least by minor-version compatibility, and the driver has too few parts to say whether natively."""
        ships_with, driver = self.image.ships_with, self.node.driver
        return self.is_native_unknown and bool(ships_with and driver and driver.at_least(ships_with) is None)

    @once
    def reads_ptx(self) -> bool | None:
        """Whether a compiler at hand takes PTX of the image's CUDA: the driver's, or that of its forward-compatibility package.

        The version of PTX is that of a release, whatever its patch. None where it is not known.
        """
        image, order = self.image, self.compat_order
        if self.by_driver is Grade.NATIVE:
            return True
        if self.by_driver is Grade.FORWARD:
            return image.compat_reads_ptx
        if self.driver_may_be_native:
            return None if image.cuda is None else self.node.supports(image.cuda) or None
        by_driver = None if image.cuda is None else self.node.supports(image.cuda)
        if by_driver is not False or order is None or order.age is not Age.NEWER or self.compat_dropped_gpu:
            return by_driver
        if self.compat_acceptance is CompatAcceptance.REFUSED or image.compat_reads_ptx is False:
            return False
        if order.first is False:
            return False
        is_certain = order.first and self.compat_acceptance is not CompatAcceptance.UNKNOWN
        return image.compat_reads_ptx if is_certain else None

    @once
    def by_kernels(self) -> Grade:
        """Whether the image has code for the GPU: NATIVE, JIT, UNKNOWN or NO."""
        if self.image.needs_driver_only:
            return Grade.NATIVE
        if not self.builds:
            return _by_release(self.image, self.node)
        grades = {grade_of_weakest(self.builds, gpu, self.tables) for gpu in self.node.capabilities}
        return grades.pop() if len(grades) == 1 else Grade.UNKNOWN

    @once
    def weakest_builds(self) -> tuple[LibraryBuild, ...]:
        """The builds whose grade on the GPU is the worst of all."""
        return tuple(
            build
            for build in self.builds
            if {grade_in_build(build.kernels, gpu, self.tables) for gpu in self.node.capabilities} == {self.by_kernels}
        )

    @once
    def runs_by_driver_and_kernels(self) -> bool:
        """Whether the driver runs the image's CUDA and the image has code for the GPU."""
        return runs(self.by_driver, self.by_kernels)

    @once
    def needs_jit_on_older_driver(self) -> bool:
        """Whether PTX has to be compiled by a driver that is older than the one of the image's CUDA."""
        return needs_jit_on_older_driver(self.by_driver, self.by_kernels)


def runs(by_driver: Grade, by_kernels: Grade) -> bool:
    """Whether these two grades let an image run."""
    return by_driver in (Grade.NATIVE, Grade.MINOR, Grade.FORWARD) and by_kernels is Grade.NATIVE


def needs_jit_on_older_driver(by_driver: Grade, by_kernels: Grade) -> bool:
    """Whether PTX has to be compiled by a driver that is older than the one of the image's CUDA."""
    return by_kernels is Grade.JIT and by_driver in (Grade.MINOR, Grade.FORWARD)


def grade_of_weakest(builds: Builds, gpu: ComputeCapability, tables: Tables) -> Grade:
    """The worst of the grades of libraries on a GPU: an image needs all of them."""
    return max((grade_in_build(build.kernels, gpu, tables) for build in builds), key=ORDER.__getitem__)


def _by_driver_alone(image: ImageRequirements, node: NodeCapabilities) -> Grade:
    """NATIVE, MINOR, UNKNOWN, or NO where only a forward-compatibility package helps."""
    driver, ships_with = node.driver, image.ships_with
    if image.needs_driver_only and driver is not None:
        return Grade.NATIVE
    if node.is_tegra:  # drivers of L4T have version numbers of their own
        return Grade.NATIVE
    if image.cuda_major is None or driver is None:
        return Grade.UNKNOWN
    if image.cuda is None:
        return _by_family(image.cuda_major, image, node)
    if ships_with is None:
        if node.driver_cuda is not None and node.driver_cuda.release > image.cuda.release:
            return Grade.NATIVE
    elif driver.at_least(ships_with):
        may_need_newer = image.has_newer_patch and driver.branch == ships_with.branch
        return Grade.MINOR if may_need_newer and image.floor is not None else Grade.NATIVE
    smallest = image.smallest_driver
    return _by_unknown_family(image.cuda_major, node) if smallest is None else _COVERED[driver.at_least(smallest)]


def _by_family(cuda_major: int, image: ImageRequirements, node: NodeCapabilities) -> Grade:
    """The grade of a CUDA of which only the major version is known."""
    assert node.driver is not None, "read before"
    if node.driver_cuda is not None and node.driver_cuda.major > cuda_major:
        return Grade.NATIVE
    if image.floor is not None:
        return _COVERED[node.driver.at_least(image.floor)]
    drivers = image.tables.drivers_of_family(cuda_major)
    if not drivers:
        return _by_unknown_family(cuda_major, node)
    if node.driver.at_least(max(drivers)):
        return Grade.NATIVE
    return Grade.NO if node.driver.at_least(min(drivers)) is False else Grade.UNKNOWN


def _by_unknown_family(cuda_major: int, node: NodeCapabilities) -> Grade:
    """The grade of a major version without a floor in the tables: a driver that says that it is of that family covers it."""
    covered = node.driver_cuda is not None and node.driver_cuda.major == cuda_major
    return Grade.MINOR if covered else Grade.UNKNOWN


def _by_compat_package(pairing: Pairing) -> Grade:
    image, node, order = pairing.image, pairing.node, pairing.compat_order
    acceptance = pairing.compat_acceptance
    if not image.has_compat or (order is not None and order.first is False) or acceptance is CompatAcceptance.REFUSED:
        return Grade.NO
    if image.cuda_major is None or image.compat_cuda is None or image.compat_driver is None or node.driver is None:
        return Grade.UNKNOWN
    if image.compat_cuda.major < image.cuda_major or pairing.compat_dropped_gpu:
        return Grade.NO
    accepted = image.tables.compat_accepts(image.compat_cuda)
    if not accepted:
        return Grade.UNKNOWN
    if node.driver.branch not in accepted:
        return Grade.NO
    return Grade.UNKNOWN if acceptance is CompatAcceptance.UNKNOWN else Grade.FORWARD


def _by_release(image: ImageRequirements, node: NodeCapabilities) -> Grade:
    if image.cuda is not None:
        return node.by_release(image.cuda)
    return Grade.UNKNOWN if image.cuda_major is None else node.by_family(image.cuda_major)
