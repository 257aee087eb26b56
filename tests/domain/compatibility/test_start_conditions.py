"""Start conditions, by small cases, and against every requirement string of the real nvidia/cuda images."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.domain.compatibility.start_conditions import (
    Comparison,
    ConditionOutcome,
    NodeProperties,
    conditions_of,
    evaluate,
    parse,
)

REAL_IMAGES = Path(__file__).parents[4] / "shared" / "data" / "nvidia-cuda-images.jsonl"
R535 = NodeProperties(cuda="12.2", driver="535.104.05", arch="8.0", brand="Tesla")
R545 = NodeProperties(cuda="12.3", driver="545.23.08", arch="8.6", brand="GeForce")


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("cuda>=12.2", ConditionOutcome.MET),
        ("CUDA>=12.2", ConditionOutcome.MET),
        ("cuda>=12.3", ConditionOutcome.UNMET),
        ("cuda>=9.0", ConditionOutcome.MET),
        ("cuda>=12.10", ConditionOutcome.UNMET),
        ("cuda>12.2", ConditionOutcome.UNMET),
        ("cuda=12.2.0", ConditionOutcome.MET),
        ("cuda!=12.2", ConditionOutcome.UNMET),
        ("cuda<12.10", ConditionOutcome.MET),
        ("driver<=535.104.5", ConditionOutcome.MET),
        ("arch>=7.0,arch<9.0", ConditionOutcome.MET),
        ("brand=tesla", ConditionOutcome.MET),
        ("brand!=tesla", ConditionOutcome.UNMET),
        ("brand=TESLA,driver>=535,driver<536", ConditionOutcome.MET),
        ("cuda>=12.4 brand=tesla,driver>=535,driver<536", ConditionOutcome.MET),
        ("cuda>=12.4 brand=tesla,driver>=525,driver<526", ConditionOutcome.UNMET),
        ("", ConditionOutcome.MET),
        ("  ", ConditionOutcome.MET),
        ("cuda>=99  cuda>=12", ConditionOutcome.MET),
        ("cuda>=12,,driver>=1", ConditionOutcome.MET),
    ],
)
def test_conditions(text: str, outcome: ConditionOutcome) -> None:
    assert evaluate(parse(text), R535) is outcome


@pytest.mark.parametrize(
    "text",
    ["cuda", "cuda>=", ">=12.2", "cuda==12.2", "cuda=>12", "cuda>=12.x", "os=linux", "brand>tesla", "driver>=R5"],
)
def test_what_cannot_be_read_stops_the_container_only_where_it_is_reached(text: str) -> None:
    assert evaluate(parse(text), R535) is ConditionOutcome.INVALID
    assert evaluate(parse(f"cuda>=99 {text}"), R535) is ConditionOutcome.INVALID
    assert evaluate(parse(f"cuda>=12.0 {text}"), R535) is ConditionOutcome.MET
    assert evaluate(parse(f"cuda>=99,{text}"), R535) is ConditionOutcome.UNMET


def test_what_is_not_known_counts_only_where_it_decides() -> None:
    unbranded = NodeProperties(cuda="12.2", driver="535.104.05")
    text = "cuda>=12.4 brand=tesla,driver>=535,driver<536"
    assert evaluate(parse(text), unbranded) is ConditionOutcome.UNKNOWN
    assert evaluate(parse("cuda>=12.2 brand=tesla"), unbranded) is ConditionOutcome.MET
    assert evaluate(parse("cuda>=12.4 brand=tesla,driver>=470,driver<471"), unbranded) is ConditionOutcome.UNMET
    assert evaluate(parse("brand=tesla nonsense"), unbranded) is ConditionOutcome.UNKNOWN


@given(st.text(max_size=60), st.sampled_from([R535, R545, NodeProperties()]))
def test_any_text_has_an_outcome(text: str, has: NodeProperties) -> None:
    assert evaluate(parse(text), has) in ConditionOutcome


def test_variables() -> None:
    def texts(**variables: str) -> list[str]:
        return [requirement.text for requirement in conditions_of(variables.items())[0]]

    assert texts(NVIDIA_REQUIRE_CUDA="cuda>=12.4", CUDA_VERSION="12.4.1") == ["cuda>=12.4"]
    assert texts(CUDA_VERSION="12.4.1") == ["cuda>=12.4"]
    assert texts(CUDA_VERSION="12") == ["cuda>=12.0"]
    assert texts(CUDA_VERSION="9.0.176", NVIDIA_REQUIRE_CUDA="") == ["cuda>=9.0"]
    assert texts(NVIDIA_REQUIRE_JETPACK="csv-mounts=all", NVIDIA_REQUIRE_JETPACK_HOST_MOUNTS="x") == []
    assert texts(NVIDIA_REQUIRE_DRIVER="driver>=450", NVIDIA_REQUIRE_ARCH="arch>=7.0") == ["arch>=7.0", "driver>=450"]
    assert conditions_of([("CUDA_VERSION", "cu12.6")]) == ((), "cu12.6")
    assert conditions_of([]) == ((), None)


def real_requirements() -> list[str]:
    lines = REAL_IMAGES.read_text(encoding="utf-8").splitlines()
    values = {json.loads(line)["env"].get("NVIDIA_REQUIRE_CUDA") for line in lines}
    return sorted(text for text in values if text)


@pytest.mark.skipif(not REAL_IMAGES.is_file(), reason=f"the real images are not here: no {REAL_IMAGES}")
def test_every_requirement_of_the_real_images_is_read_as_it_was_meant() -> None:
    texts = real_requirements()
    assert len(texts) > 40
    for text in texts:
        requirement = parse(text)
        assert all(condition.holds for alternative in requirement.alternatives for condition in alternative), text
        expected = requirement.alternatives[0][0].value
        exact = NodeProperties(cuda=expected, driver="999", arch="8.0", brand="geforce")
        assert evaluate(requirement, exact) is ConditionOutcome.MET, text
        older = NodeProperties(cuda="7.0", driver="999", arch="8.0", brand="geforce")
        unbounded = any(all(c.property == "driver" for c in terms) for terms in requirement.alternatives)
        assert evaluate(requirement, older) is (ConditionOutcome.MET if unbounded else ConditionOutcome.UNMET), text
        for terms in requirement.alternatives[1:]:
            assert satisfied_by_its_own_branch(text, terms), text


def satisfied_by_its_own_branch(text: str, terms: tuple[Comparison, ...]) -> bool:
    brand = next((term.value for term in terms if term.property == "brand"), "tesla")
    branch = next(term.value for term in terms if term.property == "driver")
    inside = NodeProperties(cuda="7.0", driver=f"{branch}.99", arch="8.0", brand=brand.upper())
    return evaluate(parse(text), inside) is ConditionOutcome.MET
