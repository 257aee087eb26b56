"""One image on one worker: what a rule is given.

The questions that several rules build on are answered here, once: how the driver runs the image's CUDA, and whether
the image has code for the GPU.
"""

import datetime
from typing import NamedTuple

from bayplan.domain.kernels import grade_in_build
from bayplan.domain.offered import Offered
from bayplan.domain.tables import Tables
from bayplan.domain.verdict import Grade
from bayplan.domain.wanted import Build, Wanted


class Case(NamedTuple):
    """An image's needs, a worker's offer, the tables and the day, and what follows from them."""

    wanted: Wanted
    offered: Offered
    tables: Tables
    today: datetime.date
    build: Build | None
    """For which GPUs the image's framework was built, where that is known."""
    by_driver: Grade
    """How the driver runs the image's CUDA: NATIVE, MINOR, FORWARD, UNKNOWN or NO."""
    by_kernels: Grade
    """Whether the image has code for the GPU: NATIVE, JIT, UNKNOWN or NO."""

    @classmethod
    def of(cls, wanted: Wanted, offered: Offered, today: datetime.date) -> "Case":
        """The case of an image and a worker that were parsed against the same tables."""
        build = wanted.build(offered.platform)
        by_driver = _by_driver(wanted, offered)
        return cls(wanted, offered, wanted.tables, today, build, by_driver, _by_kernels(build, wanted, offered))


def _by_driver(wanted: Wanted, offered: Offered) -> Grade:
    driver = offered.driver
    if offered.is_tegra:  # the drivers of L4T have numbers of their own
        return Grade.NATIVE
    if wanted.cuda is None or driver is None or wanted.smallest_driver is None:
        return Grade.UNKNOWN
    if wanted.ships_with is not None and driver >= wanted.ships_with:
        return Grade.NATIVE
    if wanted.floor is not None and driver >= wanted.floor:
        return Grade.MINOR
    return _by_compat_package(wanted, offered)


def _by_compat_package(wanted: Wanted, offered: Offered) -> Grade:
    if not wanted.has_compat or wanted.image.compat_on_loader_path is False or offered.data_centre is False:
        return Grade.NO
    if wanted.cuda is None or wanted.compat_cuda is None or wanted.compat_driver is None or offered.driver is None:
        return Grade.UNKNOWN
    if wanted.compat_cuda.major < wanted.cuda.major or compat_dropped_gpu(wanted, offered):
        return Grade.NO
    accepted = wanted.tables.compat_accepts(wanted.compat_cuda)
    if not accepted:
        return Grade.UNKNOWN
    if offered.driver.branch not in accepted:
        return Grade.NO
    return Grade.FORWARD if offered.data_centre else Grade.UNKNOWN


def compat_dropped_gpu(wanted: Wanted, offered: Offered) -> bool:
    """Whether the driver branch of the image's compat package no longer supports the GPU."""
    return wanted.compat_driver is not None and not offered.may_have(wanted.compat_driver)


def _by_kernels(build: Build | None, wanted: Wanted, offered: Offered) -> Grade:
    if build is None:
        return Grade.UNKNOWN if wanted.cuda is None else offered.by_release(wanted.cuda)
    grades = {grade_in_build(build.kernels, gpu, wanted.tables) for gpu in offered.capabilities}
    return grades.pop() if len(grades) == 1 else Grade.UNKNOWN
