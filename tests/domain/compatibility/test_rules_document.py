"""docs/rules.md names every reason code, and its examples are what the judge says."""

import datetime
import re
from pathlib import Path

import pytest

from bayplan.domain.compatibility.image import CompatLibraries, Image, framework_kernels
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.tables import load
from bayplan.domain.compatibility.tables.loader import SHIPPED
from bayplan.domain.compatibility.verdict import ReasonCode

DOCUMENT = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")
A6000 = Node("535.104.05", "8.6", gpu_name="NVIDIA RTX A6000", gpu_brand="NvidiaRTX", architecture="amd64")
EXAMPLES = {
    "native": (Image(cuda="12.1.1", kernel_architectures=framework_kernels("8.0", "9.0")), A6000),
    "minor": (Image(cuda="12.4.1", kernel_architectures=framework_kernels("8.0"), compiles_at_runtime=False), A6000),
    "forward": (
        Image(
            cuda="12.4.1",
            kernel_architectures=framework_kernels("7.0"),
            compat_package=CompatLibraries("12.4", "550.54.15"),
            compat_activation="always",
            compiles_at_runtime=False,
        ),
        Node("470.57.02", "7.5", gpu_name="Tesla T4", gpu_brand="Tesla", architecture="amd64"),
    ),
    "cpu": (Image(cpu=True), A6000),
    "jit": (
        Image(cuda="12.4.1", kernel_architectures=framework_kernels("8.0", "9.0+PTX")),
        Node("570.124.06", "12.0", gpu_name="NVIDIA GeForce RTX 5090", gpu_brand="GeForce", architecture="amd64"),
    ),
    "unknown": (
        Image(cuda="12.1.1", kernel_architectures=framework_kernels("8.0")),
        Node("535.104.05", architecture="amd64"),
    ),
    "no": (
        Image(cuda="12.8.1", framework="PyTorch", framework_version="2.8.0"),
        Node("580.65.06", "6.0", gpu_name="Tesla P100", gpu_brand="Tesla", architecture="amd64"),
    ),
    "caveat` (grade `native": (Image(cuda="12.1.1"), A6000),
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_of_each_grade_is_true(example: str) -> None:
    (row,) = re.findall(rf"^\| `{re.escape(example)}[`)]+ \| (?:CUDA|`cpu`).*\| (.*) \|$", DOCUMENT, re.MULTILINE)
    image, node = EXAMPLES[example]
    verdict = judge(image, node, load(), datetime.date(2026, 3, 1))
    assert verdict.grade == example.rpartition("`")[2]
    assert row == (", ".join(f"`{reason.code}`" for reason in verdict.reasons) or "none")


def test_every_reason_code_is_documented_as_it_is() -> None:
    for code in ReasonCode:
        assert f"| `{code}` | {code.meaning} |" in DOCUMENT


def test_every_table_is_documented() -> None:
    for path in SHIPPED.glob("*.csv"):
        assert f"`{path.name}`" in DOCUMENT
