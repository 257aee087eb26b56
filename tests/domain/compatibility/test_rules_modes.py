"""Rule 6 by the mode of the container runtime: which start checks conditions, and how csv mode reads them."""

from dataclasses import replace

import pytest

from bayplan.domain.compatibility.csv_conditions import evaluate_csv, parse_csv
from bayplan.domain.compatibility.image import Image, framework_kernels
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.start_conditions import ConditionOutcome, NodeProperties
from bayplan.domain.compatibility.verdict import Grade
from tests.domain.compatibility.examples import A6000, ORIN, TABLES, codes, reason, verdict

IMAGE = Image(
    cuda="12.4.1",
    kernel_architectures=framework_kernels("8.0"),
    compiles_at_runtime=False,
    requirements=(("NVIDIA_REQUIRE_CUDA", "cuda>=12.4 brand=nvidiartx,driver>=525,driver<526"),),
)
THOR = Node("580.00", "11.0", gpu_name="NVIDIA Thor", architecture="arm64")


@pytest.mark.parametrize(
    ("mode", "toolkit", "grade", "caveat"),
    [
        ("legacy", "1.19.0", Grade.NO, False),
        (None, None, Grade.NO, False),
        (None, "1.19.0", Grade.NO, False),
        ("cdi", None, Grade.MINOR, False),
        ("JIT-CDI", "1.19.0", Grade.MINOR, False),
        ("auto", "1.17.8", Grade.NO, False),
        ("auto", "1.18.0", Grade.MINOR, True),  # `--gpus` by the hook refuses
        ("auto", None, Grade.NO, False),
        ("jit-cdi", "1.21.0", Grade.MINOR, True),  # not read yet
        ("cdi", "1.20.0", Grade.MINOR, False),
        ("nonsense", None, Grade.NO, False),
    ],
)
def test_modes_check_conditions_or_not(mode: str | None, toolkit: str | None, grade: Grade, caveat: bool) -> None:
    node = replace(A6000, runtime_mode=mode, toolkit_version=toolkit)
    assert verdict(IMAGE, node).grade is grade
    assert ("start_condition" in codes(IMAGE, node)) == (grade is Grade.NO or caveat)
    assert "start_condition" not in codes(IMAGE, replace(node, driver_version="550.54.15"))
    assert "start_condition" not in codes(replace(IMAGE, disable_require=True), node)


def test_where_only_the_version_is_known_the_reason_says_which_start_refuses() -> None:
    detail = reason(IMAGE, replace(A6000, toolkit_version="1.19.0"), "start_condition").detail
    assert "`--gpus` with Docker before 29.2" in detail
    assert "mode legacy" in detail
    for toolkit in (None, "1.17.8"):
        assert "--gpus" not in reason(IMAGE, replace(A6000, toolkit_version=toolkit), "start_condition").detail
    auto = reason(IMAGE, replace(A6000, runtime_mode="auto"), "start_condition").detail
    assert "with toolkit 1.18 or later, only" in auto


def test_a_start_by_cdi_is_a_remedy_where_the_toolkit_makes_specifications() -> None:
    remedy = reason(IMAGE, replace(A6000, toolkit_version="1.19.0"), "start_condition").remedy or ""
    assert "by CDI" in remedy
    assert "by CDI" not in (reason(IMAGE, A6000, "start_condition").remedy or "")


@pytest.mark.parametrize(
    ("node", "modes"),
    [
        (ORIN, ["csv"]),
        (replace(ORIN, runtime_mode="auto", toolkit_version="1.19.0"), ["csv"]),
        (replace(ORIN, runtime_mode="legacy"), ["legacy"]),
        (THOR, ["csv"]),
        (replace(THOR, runtime_mode="auto", toolkit_version="1.17.7"), ["csv"]),
        (replace(THOR, runtime_mode="auto", toolkit_version="1.17.6"), ["legacy"]),
        (A6000, []),
        (replace(A6000, runtime_mode="auto", toolkit_version="1.18"), ["jit-cdi"]),
    ],
)
def test_the_modes_that_a_setting_means(node: Node, modes: list[str]) -> None:
    assert list(NodeCapabilities(node, TABLES).runtime_modes) == modes


# csv mode

ORIN_12_6 = NodeProperties(cuda="12.6", arch="8.7", driver="540.4.0", brand="x")


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        ("cuda>=12.6", "met"),
        ("cuda>=12.6.0", "met"),
        ("cuda>=12.8", "unmet"),
        ("cuda>=12.8 brand=tesla,driver>=535,driver<536", "unmet"),
        ("cuda>=12.8 driver<536", "met"),  # an empty version is less than any
        ("driver>=1", "unmet"),
        ("brand!=tesla", "met"),
        ("brand=", "met"),
        ("brand=x", "unmet"),
        ("CUDA>=99", "met"),  # another property, which is skipped
        ("CUDA>=99 cuda>=12.8", "unmet"),
        ("foo>=1,cuda>=12.6", "met"),
        ("cuda>=12.6 nonsense", "invalid"),  # all is read before any is evaluated
        ("nonsense cuda>=12.6", "invalid"),
        ("driver>=450.80.02", "invalid"),  # no semantic version
        ("cuda==12.6", "invalid"),
        ("arch=8.7,cuda<=12.6", "met"),
        ("arch>8.7", "unmet"),
        ("  ,cuda>=12.6", "met"),
        ("", "met"),
    ],
)
def test_conditions_in_csv_mode(condition: str, outcome: str) -> None:
    alternatives = parse_csv(condition)
    actual = ConditionOutcome.INVALID if alternatives is None else evaluate_csv(alternatives, ORIN_12_6)
    assert actual.value == outcome


def test_what_is_not_known_decides_nothing_in_csv_mode() -> None:
    for condition, outcome in (
        ("cuda>=12.6", "unknown"),
        ("cuda>=12.6 driver<1", "met"),
        ("cuda>=1,driver>=1", "unmet"),
    ):
        assert evaluate_csv(parse_csv(condition) or (), NodeProperties(arch="8.7")).value == outcome
    least = NodeProperties(cuda="13.4", cuda_is_least=True)
    for condition, outcome in (("cuda>=13", "met"), ("cuda>=13.5", "unknown"), ("cuda<13", "unmet")):
        assert evaluate_csv(parse_csv(condition) or (), least).value == outcome


L4T = replace(IMAGE, kernel_architectures=framework_kernels("8.7"), architectures=("arm64",))


@pytest.mark.parametrize(
    ("condition", "measured", "refused"),
    [
        ("cuda>=12.6", "12.6", Grade.UNKNOWN),
        ("cuda>=12.8", "12.6", Grade.NO),
        ("cuda>=12.8 brand=tesla,driver>=500", "12.6", Grade.NO),
        ("cuda>=12.6", None, Grade.UNKNOWN),
    ],
)
def test_start_conditions_on_tegra_go_by_the_cuda_of_its_driver(
    condition: str, measured: str | None, refused: Grade
) -> None:
    image = replace(
        L4T, requirements=(("NVIDIA_REQUIRE_CUDA", condition), ("NVIDIA_REQUIRE_JETPACK", "csv-mounts=all"))
    )
    node = replace(ORIN, driver_cuda_version=measured)
    reasons = [item for item in verdict(image, node).reasons if item.code in ("start_condition", "fact_missing")]
    if measured == "12.6" and refused is Grade.UNKNOWN:
        assert reasons == []
    else:
        assert [item.grade for item in reasons] == [refused]
        assert "gpu_brand" not in (reasons[0].remedy or "")
