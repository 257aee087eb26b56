"""Tables that lack their newest rows never say what the whole tables contradict: no false `no`, no false `native`.

What the missing rows are about is then newer than every row, as the next releases are today.
"""

import random
from dataclasses import replace

import pytest

from bayplan.domain.compatibility.image import Image, framework_kernels
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import Grade
from bayplan.domain.versions import CudaVersion, DriverVersion
from tests.domain.compatibility.examples import TABLES, TODAY

PAIRS = 400
RUNS = {Grade.NATIVE, Grade.MINOR, Grade.FORWARD, Grade.JIT}
CUDAS = [row.full_version for row in TABLES.cuda]
RECENT = [cuda for cuda in CUDAS if CudaVersion.parse(cuda).major >= 11]
BRANCHES = [row.branch for row in TABLES.driver_branches]
DRIVERS = [row.min_driver for row in TABLES.cuda if row.min_driver] + [f"{branch}.999" for branch in BRANCHES[-12:]]
CAPABILITIES = [str(row.capability) for row in TABLES.capabilities if not row.tegra]


def known_until(cuda: str) -> Tables:
    """The tables as they were when that CUDA release was the newest."""
    newest = CudaVersion.parse(cuda)
    return replace(
        TABLES,
        cuda=tuple(row for row in TABLES.cuda if CudaVersion.parse(row.full_version) <= newest),
        families=tuple(row for row in TABLES.families if row.cuda_major <= newest.major),
        driver_branches=tuple(row for row in TABLES.driver_branches if row.max_cuda.release <= newest.release),
        capabilities=tuple(
            replace(row, last_cuda=row.last_cuda if row.last_cuda and row.last_cuda.release < newest.release else None)
            for row in TABLES.capabilities
            if row.first_cuda.release <= newest.release
        ),
        compat_branches=tuple(row for row in TABLES.compat_branches if row.cuda.release <= newest.release),
    )


def random_pair(dice: random.Random) -> tuple[Image, Node]:
    cuda = dice.choice(RECENT)
    release = ".".join(cuda.split(".")[:2])
    conditions = (
        None,
        f"cuda>={release}",
        f"cuda>={release} brand=tesla,driver>=535,driver<536",
        "cuda<13.1",
        "cuda=13.1",
    )
    condition = dice.choice(conditions)
    image = Image(
        cuda=dice.choice((cuda, cuda, release, release.split(".")[0])),
        requirements=None if condition is None else (("NVIDIA_REQUIRE_CUDA", condition),),
        kernel_architectures=dice.choice(
            (None, framework_kernels("7.5", "9.0+PTX"), framework_kernels("12.0", "10.0"))
        ),
        compiles_at_runtime=dice.choice((None, False, "ptx", "cubin")),
        compiler_cuda=dice.choice((None, release)),
    )
    driver = dice.choice(DRIVERS)
    measured = TABLES.driver_cuda(DriverVersion.parse(driver))
    node = Node(
        driver,
        dice.choice(CAPABILITIES),
        gpu_brand=dice.choice(("Tesla", "GeForce")),
        architecture="amd64",
        driver_cuda_version=dice.choice((None, None, str(measured) if measured else None)),
        runtime_mode=dice.choice((None, "legacy", "csv", "jit-cdi")),
    )
    return image, node


@pytest.mark.parametrize("newest", ["12.4.1", "12.8.1", "12.9.1", "13.0.1", "13.2.0", "13.3.1"])
def test_older_tables_are_never_wrong_about_what_is_newer(newest: str) -> None:
    dice, older = random.Random(newest), known_until(newest)
    for _ in range(PAIRS):
        image, node = random_pair(dice)
        whole, before = judge(image, node, TABLES, TODAY), judge(image, node, older, TODAY)
        if whole.grade in RUNS:
            assert before.grade is not Grade.NO, (image, node, before)
        # A release without its patch counts as the newest patch that is listed, by then an older one.
        if before.grade is Grade.NATIVE and (image.cuda or "").count(".") != 1:
            assert whole.grade is Grade.NATIVE, (image, node, whole)
